"""Numbers are those of version 0.1.0: whatever only moved must not change them."""

from __future__ import annotations

import pytest

from tests.pinned.cases import CASES
from tests.pinned.compare import calculated, difference, differences, reference

REFERENCE = reference()


@pytest.mark.parametrize("name", REFERENCE)
def test_numbers_are_those_of_0_1_0(name):
    entry, old = CASES[name], REFERENCE[name]
    new = calculated(entry)
    apart = differences(new, old)
    wrong = {
        label: f"{new.get(label)} instead of {old.get(label)}, {value:.1e} apart"
        for label, value in apart.items()
        if not value <= entry.tolerance
    }
    assert not wrong, f"{name}: beyond {entry.tolerance:.0e} ({entry.reason or 'a closed form'})"


def test_every_case_has_numbers():
    assert set(CASES) == set(REFERENCE)
    assert sum(map(len, REFERENCE.values())) > 500


def test_differences_are_seen():
    """A number that is lost, missing, of the other sign or off in the tenth digit."""
    old = {"a": 2.0, "b": -0.5, "c": float("nan"), "d": 1e-20}
    assert max(differences(dict(old), old).values()) == 0
    assert differences({**old, "b": 0.5}, old)["b"] == 2
    assert differences({**old, "a": 2.0 * (1 + 1e-10)}, old)["a"] == pytest.approx(1e-10, rel=1e-4)
    assert differences({**old, "c": 1.0}, old)["c"] == float("inf")
    assert differences({key: old[key] for key in "abc"}, old)["d"] == float("inf")
    assert differences({**old, "e": 1.0}, old)["e"] == float("inf")
    assert difference(2e-20, 1e-20) < 1e-12  # neither has a digit that means something
