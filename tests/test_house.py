"""The measures of `benchmarks.house`, on a folder small enough to count by hand."""

from __future__ import annotations

import pytest

from benchmarks import house

FIRST = '''"""Docstring."""

# Comment.
from pathlib import Path

def total(values):
    """Two
    lines."""
    found = 0  # not a line of its own
    for value in values:
        if value > 0:
            found += value
    size = len(values)
    mean = found / size
    return mean
'''
SECOND = FIRST.replace("found", "result").replace("value", "item").replace("total", "sum_of")


@pytest.fixture
def package(tmp_path):
    (tmp_path / "part").mkdir()
    files = {
        "__init__.py": "",
        "part/__init__.py": "from package.part.first import total\n",
        "part/first.py": FIRST,
        "part/second.py": SECOND,
        "part/_third.py": "import scipy\n\nsolve = scipy.sparse.linalg.splu(1).solve\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return house.modules(tmp_path)


def test_lines(package):
    first = next(module for module in package if module.name == "part.first")
    kinds = list(house.line_kinds(first).values())
    counted = {kind: kinds.count(kind) for kind in set(kinds)}
    assert counted == {"code": 9, "docstring": 3, "comment": 1, "blank": 2}
    assert house.function_sizes(first) == {"part/first.py:total": 8}


def test_repeated_code(package):
    assert house.repeated_runs(package) == ([], 0)
    ((one, other, lines),), _ = house.repeated_runs(package, names=False)
    assert (one, other, lines) == ("part/first.py:6", "part/second.py:6", 8)


def test_names_modules_and_factorisations(package):
    names = {module.name: house.local_names(module) for module in package}
    assert sorted(names["part.first"]) == ["found", "found", "mean", "size", "value"]
    assert not house.VAGUE & set(names["part.second"])
    assert house.hidden_modules(package) == ["part._third", "part.second"]
    assert [house.factorisations(m) for m in package if m.name == "part._third"] == [[3]]


def test_table_of_this_package():
    table = dict(house.rows())
    assert int(table["functions"]) > 500
    assert table["lines that call splu"].split()[0].isdigit()
