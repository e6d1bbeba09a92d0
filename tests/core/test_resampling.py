"""Draws in batches, by group, with seeds that do not know how many workers there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from nqp_spatial.core.resampling import batches, bootstrap_counts, permutation_p, spawned_seeds


@pytest.mark.parametrize(("total", "size"), [(0, 3), (1, 3), (3, 3), (7, 3), (9, 2)])
def test_batches_cover_each_draw_once(total, size):
    numbers = [i for piece in batches(total, size) for i in range(total)[piece]]
    assert numbers == list(range(total))
    assert all(piece.stop - piece.start <= size for piece in batches(total, size))


def test_bootstrap_keeps_the_size_of_each_group():
    codes = np.array([0, 1, 1, 0, 2, 1])
    counts = bootstrap_counts(np.random.default_rng(3), 6, 400, codes)
    for group, size in enumerate((2, 3, 1)):
        assert (counts[:, codes == group].sum(axis=1) == size).all()
    # A unit of a group of three is drawn once on average, with variance 3 * 1/3 * 2/3.
    assert counts[:, 1].mean() == pytest.approx(1, abs=0.12)
    assert counts[:, 1].var() == pytest.approx(2 / 3, abs=0.12)


def test_p_value_of_all_orders_is_exact():
    """With every order counted once, p is the share of orders at least as extreme."""
    values = np.array([3.0, 1.0, 4.0, 1.5])
    marks = np.array([1, 1, 0, 0])
    statistics = np.array([values[list(order)] @ marks for order in permutations(range(4))])
    others = statistics[1:]  # the first is the observed order
    observed = statistics[0]
    p = permutation_p((others >= observed).sum(), len(others))
    assert p == pytest.approx((statistics >= observed).mean())
    lower = permutation_p(0, len(others), "less", (others <= observed).sum())
    assert lower == pytest.approx((statistics <= observed).mean())
    both = permutation_p(
        (others >= observed).sum(), len(others), "two-sided", (others <= observed).sum()
    )
    assert both == pytest.approx(min(1.0, 2 * min(p, lower)))
    assert permutation_p(99, 99, "two-sided", 99) == 1.0


def test_seeds_of_tasks():
    draws = [np.random.default_rng(s).random() for s in spawned_seeds(5, 3)]
    assert len(set(draws)) == 3
    assert draws[:2] == [np.random.default_rng(s).random() for s in spawned_seeds(5, 2)]


@pytest.mark.parametrize(
    ("alternative", "expected"),
    [
        ("greater", [0.1, 0.4, 1.0, 0.6]),
        ("less", [1.0, 0.7, 0.1, 0.6]),
        ("directed", [0.1, 0.4, 0.1, 0.6]),
        ("two-sided", [0.2, 0.8, 0.2, 1.0]),
    ],
)
def test_permutation_p_by_hand(alternative, expected):
    above, below = np.array([0, 3, 9, 5]), np.array([9, 6, 0, 5])
    np.testing.assert_allclose(permutation_p(above, 9, alternative, below), expected)
    single = permutation_p(above[1], 9, alternative, below[1])
    assert float(single) == pytest.approx(expected[1])
