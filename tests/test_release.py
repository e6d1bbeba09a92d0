"""What is said of the version and of the public names is the same everywhere."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import nqp_spatial as nq

ROOT = Path(__file__).parent.parent
FOLDERS = [name for name in nq.__all__ if hasattr(getattr(nq, name), "__path__")]


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "nqp_spatial/__init__.py"
    assert version("nqp-spatial") == nq.__version__


def test_changelog_and_citation_have_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, flags=re.M)[0] == nq.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", citation, flags=re.M) == [nq.__version__]
    assert "license: BSD-3-Clause" in citation


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_show_their_public_names_only(folder):
    module = import_module(f"nqp_spatial.{folder}")
    assert dir(module) == sorted(module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_")]


def test_the_package_leaves_the_search_path_alone():
    """A module that adds a folder to sys.path runs whatever lies there."""
    sources = (ROOT / "nqp_spatial").rglob("*.py")
    assert [path.name for path in sources if "sys.path" in path.read_text(encoding="utf-8")] == []
