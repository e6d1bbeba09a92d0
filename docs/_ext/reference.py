"""The reference: a page per folder, its public names grouped by what one wants to do.

Names come from `__all__`, titles and groups from reference.toml.
"""

from __future__ import annotations

import importlib
import inspect
import tomllib
from pathlib import Path
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.config import Config

PAGES = tomllib.loads((Path(__file__).parent / "reference.toml").read_text(encoding="utf-8"))
MORE, CLASSES, CONSTANTS = "More functions", "Results and types", "Constants"


def module_of(page: str) -> ModuleType:
    """Return the module that a page describes."""
    return importlib.import_module("nqp_spatial" + ("" if page == "top" else f".{page}"))


def sections(page: str) -> dict[str, list[str]]:
    """Return the names of a page's module by section; sections without names are left out."""
    module = module_of(page)
    public = [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]
    classes = [name for name in public if inspect.isclass(getattr(module, name))]
    functions = [name for name in public if inspect.isfunction(getattr(module, name))]
    groups: dict[str, list[str]] = PAGES[page]["groups"]
    grouped = {name for names in groups.values() for name in names}
    listed = {
        heading: [name for name in names if name in functions] for heading, names in groups.items()
    }
    listed[MORE] = [name for name in functions if name not in grouped]
    listed[CLASSES] = classes
    listed[CONSTANTS] = [name for name in public if name not in {*classes, *functions}]
    return {heading: names for heading, names in listed.items() if names}


def _heading(text: str, underline: str) -> list[str]:
    return [text, underline * len(text), ""]


def _page(page: str) -> str:
    module = module_of(page)
    about = PAGES[page].get("about") or (inspect.getdoc(module) or "").split("\n\n")[0]
    call = "nq" if page == "top" else f"nq.{page}"
    lines = [*_heading(PAGES[page]["title"], "="), about, ""]
    lines += [f"In code: ``{call}``, after ``import nqp_spatial as nq``.", ""]
    lines += [f".. currentmodule:: {module.__name__}", ""]
    for heading, names in sections(page).items():
        lines += _heading(heading, "-")
        if heading == CONSTANTS:
            lines += [f"- ``{name}`` = {getattr(module, name)}" for name in names] + [""]
        else:
            lines += [".. autosummary::", "   :toctree: generated", ""]
            lines += [f"   {name}" for name in names] + [""]
    return "\n".join(lines)


def _index() -> str:
    """Return the page that lists all functions by task."""
    lines = _heading("Functions by task", "=")
    lines += [
        "All public functions, grouped by what one wants to do. The pages also list the classes of",
        "results. Every result has ``.frame``, ``.notes``, ``.tests``, ``.spec`` and ``.plot()``.",
        "",
    ]
    for page, settings in PAGES.items():
        module = module_of(page).__name__
        call = "nq" if page == "top" else f"nq.{page}"
        lines += [*_heading(settings["title"], "-"), f"In full: :doc:`{call} <{page}>`", ""]
        for heading, names in sections(page).items():
            if heading not in (CLASSES, CONSTANTS):
                links = ", ".join(f":func:`~{module}.{name}`" for name in names)
                lines += [f"- {heading}: {links}"]
        lines += [""]
    return "\n".join(lines)


def write_reference(app: Sphinx, _: Config) -> None:
    """Write reference/*.rst, each only if it is new: what has not changed is not built again."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    for name, text in {**{page: _page(page) for page in PAGES}, "index": _index()}.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before sphinx looks which there are: autosummary goes by that list."""
    app.connect("config-inited", write_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
