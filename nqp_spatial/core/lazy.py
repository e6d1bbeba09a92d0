"""Folders whose public names are loaded when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["load_when_used"]


class _LazyFolder(ModuleType):
    """A package that imports the module of a public name when the name is first asked for."""

    _module_of: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["_module_of"].get(name)
        if module is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(module), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds a submodule in its package. Where a function has the same name,
        # as `lisa` of `esda.lisa`, the public name remains that of the function.
        if isinstance(value, ModuleType) and name in self.__dict__["_module_of"]:
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__["_module_of"])


def load_when_used(folder: str, names: Mapping[str, str]) -> None:
    """Let a folder import its public names when they are first used.

    Importing one name then costs what its module needs, not what all modules of the folder need.
    The folder declares the same imports under ``TYPE_CHECKING``, for type checkers and for the
    contract of imports; a test compares the two.

    Parameters
    ----------
    folder : str
        ``__name__`` of the package.
    names : mapping of str to str
        Public names, separated by spaces, by module relative to the folder.

    Examples
    --------
    >>> import nqp_spatial.report  # its functions are declared in this way
    >>> nqp_spatial.report.tests_table.__module__
    'nqp_spatial.report.tables.tests'
    """
    package = sys.modules[folder]
    package.__dict__["_module_of"] = {
        name: f"{folder}.{module}" for module, public in names.items() for name in public.split()
    }
    package.__class__ = _LazyFolder
