"""Resampling: p-values of permutations with ties, batches, seeds, bootstrap within groups."""

from __future__ import annotations

import numpy as np
import pytest

from nqp_spatial.core.resampling import batches, bootstrap_counts, permutation_p, spawned_seeds


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


def test_batches_cover_all_draws():
    for total, size in ((10, 3), (9, 3), (2, 5), (0, 4)):
        draws = np.arange(total)
        parts = [draws[batch] for batch in batches(total, size)]
        assert np.array_equal(np.concatenate([draws[:0], *parts]), draws)
        assert all(len(part) <= size for part in parts)


def test_a_seed_gives_the_same_tasks():
    streams = [np.random.default_rng(s).random() for s in spawned_seeds(3, 4)]
    assert streams == [np.random.default_rng(s).random() for s in spawned_seeds(3, 4)]
    assert streams[:2] == [np.random.default_rng(s).random() for s in spawned_seeds(3, 2)]
    assert len(set(streams)) == 4


def test_bootstrap_within_groups_keeps_their_sizes():
    codes = np.array([0, 1, 1, 0, 2, 1])
    counts = bootstrap_counts(np.random.default_rng(0), 6, 50, codes)
    for code, size in enumerate((2, 3, 1)):
        assert (counts[:, codes == code].sum(axis=1) == size).all()
    assert (bootstrap_counts(np.random.default_rng(0), 6, 50)[:, 4] != 1).any()
