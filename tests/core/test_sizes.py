"""Sizes are checked before work, and named."""

import pytest

from nqp_spatial.core import sizes
from nqp_spatial.errors import OptionError


def test_what_fits_is_let_through(monkeypatch):
    monkeypatch.setattr(sizes, "memory_budget", lambda: 1000.0)
    sizes.require_memory(1000, "a table", "less")


def test_what_does_not_fit_is_named_with_size_and_advice(monkeypatch):
    monkeypatch.setattr(sizes, "memory_budget", lambda: 2.0 * 2**30)
    with pytest.raises(OptionError, match=r"a table of 9 units.* 3\.0 GiB.* 2\.0 GiB.*cut it"):
        sizes.require_memory(3 * 2**30, "a table of 9 units", "cut it")


def test_budget_is_three_quarters_of_the_smallest_limit(monkeypatch):
    monkeypatch.setattr(sizes, "_machine", lambda: 800.0)
    monkeypatch.setattr(sizes, "_container", lambda: 400.0)
    monkeypatch.setattr(sizes, "_process", lambda: None)
    assert sizes.memory_budget() == 300


def test_budget_where_nothing_is_known(monkeypatch):
    for name in ("_machine", "_container", "_process"):
        monkeypatch.setattr(sizes, name, lambda: None)
    assert sizes.memory_budget() == 6 * 2**30
