"""Single changes of code: what is changed, what is left alone, and the list of equivalent ones."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from benchmarks.mutants import mutants
from benchmarks.mutate import EQUIVALENT, FOLDERS, ROOT, applied, chosen, equivalent

CODE = '''"""Not 1 + 1."""

__all__ = ["f"]
LIMIT = 1e-9
SHARE = 0.5


def f(x: "int | None", y: int = 2) -> float:
    """Return x - 1."""
    if not x < 3 and y > 0:
        raise ValueError(f"{x - 1} is below {y + 1}")
    a = (x - 1) * -y  # + 1
    b = max(abs(a), x.sum(axis=0))
    return a[1:] / (
        b
        + 0.0
    )


class Shown:
    def _blocks(self):
        return 1 + 1
'''


@pytest.fixture
def module(tmp_path):
    file = tmp_path / "nqp_spatial" / "m.py"
    file.parent.mkdir()
    file.write_text(CODE, encoding="utf-8")
    return file


def test_what_is_changed(module, tmp_path):
    found = {(m.original, m.mutated) for m in mutants(module, tmp_path)}
    a, b = "a = (x - 1) * -y # + 1", "b = max(abs(a), x.sum(axis=0))"
    test = "if not x < 3 and y > 0:"
    define = 'def f(x: "int | None", y: int = 2) -> float:'
    assert found == {
        ("SHARE = 0.5", "SHARE = 0.25"),
        (define, define.replace("= 2", "= 3")),
        (test, "if x < 3 and y > 0:"),
        (test, "if not x <= 3 and y > 0:"),
        (test, "if not x < 4 and y > 0:"),
        (test, "if not x < 3 or y > 0:"),
        (test, "if not x < 3 and y >= 0:"),
        (test, "if not x < 3 and y > 1:"),
        (a, "a = (x + 1) * -y # + 1"),
        (a, "a = (x - 2) * -y # + 1"),
        (a, "a = (x - 1) / -y # + 1"),
        (a, "a = (x - 1) * y # + 1"),
        (b, "b = min(abs(a), x.sum(axis=0))"),
        (b, "b = max((a), x.sum(axis=0))"),
        (b, "b = max(abs(a), x.mean(axis=0))"),
        (b, "b = max(abs(a), x.sum(axis=1))"),
        ("return a[1:] / (", "return a[1:] * ("),
        ("return a[1:] / (", "return a[2:] / ("),
        ("+ 0.0", "- 0.0"),
        ("+ 0.0", "+ 1.0"),
    }


def test_each_change_is_one_and_parses(module, tmp_path):
    for mutant in mutants(module, tmp_path):
        changed = mutant.applied(CODE)
        ast.parse(changed)
        pairs = zip(CODE.splitlines(), changed.splitlines(), strict=True)
        assert sum(one != other for one, other in pairs) == 1


def test_where_tests_are_looked_for(module, tmp_path):
    reach = {m.mutated: m.reach for m in mutants(module, tmp_path)}
    assert reach["SHARE = 0.25"] == (1, len(CODE.splitlines()))
    assert reach['def f(x: "int | None", y: int = 3) -> float:'] == (8, 17)
    assert reach["if not x < 3 or y > 0:"] == (10, 10)
    assert reach["+ 1.0"] == (14, 17)


def test_a_file_is_put_back_with_its_time(module, tmp_path):
    time = module.stat().st_mtime_ns
    mutant = next(iter(mutants(module, tmp_path)))
    with applied(mutant, tmp_path):
        assert module.read_text(encoding="utf-8") == mutant.applied(CODE)
    assert module.read_text(encoding="utf-8") == CODE
    assert module.stat().st_mtime_ns == time


def test_the_draw_is_the_same_each_time_and_even():
    number = 10 * len(FOLDERS)
    draw = chosen("", number, 1)
    assert [m.key for m in draw] == [m.key for m in chosen("", number, 1)]
    counts = {folder: sum(Path(m.file).parts[1] == folder for m in draw) for folder in FOLDERS}
    assert set(counts.values()) == {10}
    assert {m.key for m in draw} != {m.key for m in chosen("", number, 2)}


def test_equivalent_mutants_are_mutants_with_a_reason():
    """An entry whose code has changed must go or be written anew."""
    reasons = equivalent()
    assert EQUIVALENT.is_relative_to(ROOT)
    files = {ROOT / key[0] for key in reasons}
    known = {m.key for file in files for m in mutants(file, ROOT)}
    assert sorted(set(reasons) - known) == []
    assert all(len(reason) > 10 for reason in reasons.values())
