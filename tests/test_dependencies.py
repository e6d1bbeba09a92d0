"""What is imported is declared, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nqp_spatial"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Extras for users; the others are for the work on the package.
FOR_USERS = ("cholmod", "cluster", "datasets", "gwr", "peers")
# Known by these names also where the extra is not installed.
OF_EXTRAS = {"cvxopt": "cvxopt"}
# Never imported by name: pandas reads .xls with one, geopandas maps with one, joblib sends work to
# the other two.
THROUGH_OTHERS = {"python-calamine", "pyogrio", "dask", "distributed"}


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(requirements):
    return {normalised(re.match(r"[\w.-]+", line)[0]) for line in requirements}


def imported():
    """Top-level names that modules of the package import, each with a module that does."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if not (path.parent / "__init__.py").exists():
            continue  # a script beside data, run by hand
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in modules:
                names.setdefault(module.partition(".")[0], str(path.relative_to(ROOT)))
    return {
        name: path
        for name, path in names.items()
        if name not in sys.stdlib_module_names and name != "nqp_spatial"
    }


@pytest.fixture(scope="module")
def needed():
    """Distributions that the package imports, each with a module that does."""
    known = packages_distributions()
    found = {}
    for name, path in imported().items():
        for source in known.get(name) or [OF_EXTRAS[name]]:
            found[normalised(source)] = path
    return found


def test_what_is_imported_is_declared(needed):
    declared = distributions(PROJECT["dependencies"])
    optional = set()
    for extra in FOR_USERS:
        optional |= distributions(PROJECT["optional-dependencies"][extra])
    lacking = {name: path for name, path in needed.items() if name not in declared | optional}
    assert not lacking
    # Without the extra, the package must load.
    for name in set(needed) - declared:
        lines = (ROOT / needed[name]).read_text(encoding="utf-8").splitlines()
        modules = [module for module, source in OF_EXTRAS.items() if source == name] or [name]
        for module in modules:
            assert not [line for line in lines if re.match(rf"(import|from) {module}\b", line)]


def test_what_is_declared_is_imported(needed):
    declared = distributions(PROJECT["dependencies"])
    for extra in FOR_USERS:
        declared |= distributions(PROJECT["optional-dependencies"][extra])
    assert declared - set(needed) <= THROUGH_OTHERS


def test_what_is_declared_is_pinned():
    """And what that needs: each set-up installs the same."""
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").split()
    assert all("==" in line for line in lines)
    pinned = distributions(lines)
    wanted = distributions(PROJECT["dependencies"])
    for requirements in PROJECT["optional-dependencies"].values():
        wanted |= distributions(requirements)
    for name in pinned:
        for line in map(Requirement, distribution(name).requires or []):
            if not line.marker or line.marker.evaluate({"extra": ""}):
                wanted.add(normalised(line.name))
    assert wanted - pinned - {"nqp-spatial"} == set()
