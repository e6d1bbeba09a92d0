"""Resampling: batches, bootstrap by unit, p-values of permutations, seeds for parallel work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

__all__ = ["batches", "bootstrap_counts", "permutation_p", "spawned_seeds"]


def batches(total: int, size: int) -> Iterator[slice]:
    """Yield slices that cover a number of draws, each of at most a size.

    Examples
    --------
    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def spawned_seeds(seed: int | None, n: int) -> list[np.random.SeedSequence]:
    """Return a seed for each task, the same whatever number of workers does them.

    Examples
    --------
    >>> first, second = spawned_seeds(0, 2)
    >>> first.spawn_key, second.spawn_key
    ((0,), (1,))
    """
    return np.random.SeedSequence(seed).spawn(n)


def bootstrap_counts(
    rng: np.random.Generator, n: int, replications: int, codes: np.ndarray | None = None
) -> np.ndarray:
    """Return how often each unit is in each bootstrap sample, shape (replications, n).

    Units are drawn with all their periods; with groups, within each group.

    Examples
    --------
    >>> counts = bootstrap_counts(np.random.default_rng(0), 5, 3)
    >>> counts.shape, counts.sum(axis=1).tolist()
    ((3, 5), [5.0, 5.0, 5.0])
    """
    counts = np.zeros((replications, n))
    groups = np.zeros(n, dtype=int) if codes is None else codes
    for group in range(groups.max() + 1):
        members = np.flatnonzero(groups == group)
        shares = np.full(len(members), 1 / len(members))
        counts[:, members] = rng.multinomial(len(members), shares, size=replications)
    return counts


def permutation_p(
    extreme: Any,
    permutations: Any,
    alternative: Literal["greater", "less", "two-sided", "directed"] = "greater",
    opposite: Any = None,
) -> Any:
    """Return ``(extreme + 1) / (permutations + 1)``; the observed order counts as one of them.

    Parameters
    ----------
    extreme : int or ndarray
        Permutations with a statistic at least as large as the observed one, ties among them.
    permutations : int or ndarray
        How many were drawn.
    alternative : {"greater", "less", "two-sided", "directed"}
        ``directed`` is the smaller of both tails, ``two-sided`` doubles it, up to one.
    opposite : int or ndarray
        Permutations with a statistic at most as large, for the other tail.

    References
    ----------
    Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1).

    Examples
    --------
    >>> float(permutation_p(4, 99)), float(permutation_p(4, 99, "two-sided", 95))
    (0.05, 0.1)
    """
    upper = (np.asarray(extreme) + 1) / (np.asarray(permutations) + 1)
    if alternative == "greater":
        return upper[()]
    lower = (np.asarray(opposite) + 1) / (np.asarray(permutations) + 1)
    if alternative == "less":
        return lower[()]
    smaller = np.minimum(upper, lower)
    return (smaller if alternative == "directed" else np.minimum(1.0, 2 * smaller))[()]
