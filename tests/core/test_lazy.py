"""What is imported, and when: names of a folder are loaded when they are first used."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import nqp_spatial as nq
from nqp_spatial.core.lazy import _LazyFolder

ROOT = Path(nq.__file__).parent
FOLDERS = sorted(
    ".".join(path.parent.relative_to(ROOT.parent).parts)
    for path in ROOT.rglob("__init__.py")
    if "load_when_used(" in path.read_text()
)

# What a call does not need: each takes from a tenth of a second to a second to import.
DRAWN = {"matplotlib", "mapclassify", "altair"}
SERVICES = {
    "libpysal",
    "sqlalchemy",
    "requests",
    "sklearn",
    "statsmodels",
    "spreg",
    "esda",
    "giddy",
}
HEAVY = {*DRAWN, *SERVICES, "numpy", "pandas", "scipy", "geopandas", "numba", "pydantic", "docx"}
DATA = "panel = nq.datasets.us_public_capital(); w = nq.weights.contiguity(panel)"


def loaded(code: str) -> list[str]:
    """Return what a new process prints, and the modules that it has after some lines."""
    program = f"import sys, nqp_spatial as nq\n{code}\nprint(*sys.modules)"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_loads_no_library():
    assert not set(loaded("assert nq.__version__; assert 'fit' in dir(nq)")) & HEAVY


def test_naming_functions_loads_no_library_that_only_a_call_needs():
    code = "nq.SpatialPanel; nq.fit; nq.esda.lisa; nq.dynamics.markov; nq.weights.knn; nq.report"
    assert not set(loaded(f"{code}; nq.plots.lisa_map; nq.datasets.us_income")) & {
        *DRAWN, *SERVICES, "geopandas", "numba", "scipy.stats", "pydantic", "docx"
    }  # fmt: skip


def test_a_fit_and_a_map_load_what_they_need():
    fitted = (
        "res = nq.fit('lgsp ~ lpc + unemp', panel, w, model='sdm', effects='two-way')\n"
        "res.summary; res.effects(draws=10); res.tests"
    )
    drawn = (
        "lisa = nq.esda.lisa(panel, 'lgsp', w, period=1986, permutations=9)\n"
        "nq.plots.lisa_map(lisa, panel)"
    )
    code = f"{DATA}\n{fitted}\nprint(*sys.modules, 'then')\n{drawn}"
    modules = loaded(code)
    after_fit, _, after_map = " ".join(modules).partition(" then ")
    of_fit, of_map = set(after_fit.split()), set(after_map.split())
    assert "nqp_spatial.regression.fit" in of_fit
    assert not of_fit & {*DRAWN, *SERVICES, "numba", "scipy.stats", "pydantic", "docx", "joblib"}
    assert not {name for name in of_fit if name.startswith("nqp_spatial.spillovers")}
    assert "nqp_spatial.regression.local_coefficients" not in of_fit
    assert "matplotlib" in of_map
    assert not of_map & {*SERVICES, "scipy.stats", "pydantic", "docx", "altair"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_type_checkers_see_the_names_that_are_loaded(folder):
    """The imports under TYPE_CHECKING are those of the table, and ``__all__`` names them all."""
    package = importlib.import_module(folder)
    assert isinstance(package, _LazyFolder)
    tree = ast.parse(Path(package.__file__).read_text())
    declared = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        for alias in node.names
    }
    assert declared == vars(package)["_module_of"]
    assert sorted(declared) == sorted(package.__all__) == dir(package)
    for name in package.__all__:
        assert getattr(package, name) is getattr(importlib.import_module(declared[name]), name)


def test_a_function_keeps_its_name_beside_a_module_of_that_name():
    module = importlib.import_module("nqp_spatial.esda.lisa")
    nq.esda.lisa = module  # what the import system does
    assert nq.esda.lisa is module.lisa


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"'nqp_spatial.esda' has no attribute 'morans'"):
        _ = nq.esda.morans
    nq.esda.extension = 1  # as of any module
    assert nq.esda.extension == 1
    del nq.esda.extension
