"""Tests of whether transition probabilities depend on a group, such as the neighbours' state.

For counts ``n_gij`` (group g, from i to j) and pooled probabilities ``p_ij``, the null is
``p_ij|g = p_ij`` (Bickenbach and Bode 2003, equations 16 to 19):

    LR   = 2 sum n_gij ln[ n_gij / (n_gi. p_ij) ]
    chi2 = sum (n_gij - n_gi. p_ij)^2 / (n_gi. p_ij)      over cells with p_ij > 0.

Degrees of freedom can be counted over the cells that occur in the sample, or over all cells. For
the same statistic of the same table the two can give p = 0.002 and p = 0.165, so both are reported
and named. The first is Bickenbach and Bode's; the second includes cells that can never differ.

Both treat moves as independent. Where states of units and their neighbours are persistent, the
statistic varies more than a chi-square variable, and the permutation test should be used.
"""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.resampling import permutation_p
from nqp_spatial.core.text import t

__all__ = [
    "Tests",
    "homogeneity_statistics",
    "homogeneity_tests",
    "permutation_tests",
    "stratified_statistics",
    "stratified_tests",
    "visited_freedom",
]

Tests = dict[str, HypothesisTest | NotApplicable]

LR, CHI2 = t("LR"), t("chi-square")
VISITED = t(
    "cells that occur: sum over rows of (groups that visit the row - 1)(columns reached - 1)"
)
ALL_CELLS = t("all cells: states (states - 1)(groups - 1) per stratum, empty cells included")


def homogeneity_statistics(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return LR and chi-square statistics.

    Parameters
    ----------
    counts : ndarray
        Shape (..., groups, states, states).

    Returns
    -------
    lr, chi2 : ndarray
        Shape (...).

    Examples
    --------
    >>> lr, chi2 = homogeneity_statistics(np.array([[[8, 2], [3, 7]], [[4, 6], [3, 7]]]))
    >>> round(float(chi2), 4)
    3.3333
    """
    n = counts.astype(float)
    pooled = n.sum(axis=-3, keepdims=True)
    visits = pooled.sum(axis=-1, keepdims=True)
    p = np.divide(pooled, visits, out=np.zeros_like(pooled), where=visits > 0)
    expected = n.sum(axis=-1, keepdims=True) * p
    possible = expected > 0
    chi2 = np.divide((n - expected) ** 2, expected, out=np.zeros_like(n), where=possible)
    ratio = np.divide(n, expected, out=np.ones_like(n), where=possible & (n > 0))
    axes = (-3, -2, -1)
    return 2 * (n * np.log(ratio)).sum(axis=axes), chi2.sum(axis=axes)


def visited_freedom(counts: np.ndarray) -> int:
    """Return degrees of freedom over occurring cells; `counts` is (groups, states, states)."""
    groups = (counts.sum(axis=2) > 0).sum(axis=0)
    columns = (counts.sum(axis=0) > 0).sum(axis=1)
    return int((np.maximum(groups - 1, 0) * np.maximum(columns - 1, 0)).sum())


def homogeneity_tests(counts: np.ndarray, null: str) -> Tests:
    """Return LR and chi-square tests under both counts of the degrees of freedom.

    Parameters
    ----------
    counts : ndarray
        Shape (groups, states, states).
    null : str
        The null in words.

    Returns
    -------
    dict
        ``lr``, ``chi2`` (cells that occur), ``lr_all_cells``, ``chi2_all_cells``.
    """
    return stratified_tests(counts[None], null)


def stratified_statistics(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return LR and chi-square summed over strata.

    Parameters
    ----------
    counts : ndarray
        Shape (..., strata, groups, states, states).

    Returns
    -------
    lr, chi2 : ndarray
        Shape (...).
    """
    lr, chi2 = homogeneity_statistics(counts)
    return np.asarray(lr.sum(axis=-1)), np.asarray(chi2.sum(axis=-1))


def stratified_tests(counts: np.ndarray, null: str) -> Tests:
    """Return tests that groups are equal within each stratum; statistics and df are summed.

    Parameters
    ----------
    counts : ndarray
        Shape (strata, groups, states, states).
    null : str
        The null in words.

    Returns
    -------
    dict
        As `homogeneity_tests`.
    """
    lr, chi2 = stratified_statistics(counts)
    strata, groups, states, _ = counts.shape
    visited = sum(visited_freedom(stratum) for stratum in counts)
    cells = strata * states * (states - 1) * (groups - 1)
    return {
        "lr": chi2_test(LR, null, float(lr), visited, VISITED),
        "chi2": chi2_test(CHI2, null, float(chi2), visited, VISITED),
        "lr_all_cells": chi2_test(LR, null, float(lr), cells, ALL_CELLS),
        "chi2_all_cells": chi2_test(CHI2, null, float(chi2), cells, ALL_CELLS),
    }


def permutation_tests(
    observed: tuple[np.ndarray, np.ndarray], draws: np.ndarray, null: str, rule: str
) -> Tests:
    """Return permutation tests of LR and chi-square.

    Parameters
    ----------
    observed : (LR, chi-square)
    draws : ndarray
        The same statistics of each permutation, shape (2, permutations).
    null, rule : str

    Returns
    -------
    dict
        ``lr_permutation``, ``chi2_permutation``.
    """
    tests: Tests = {}
    for key, name, statistic, row in zip(
        ("lr", "chi2"), (LR, CHI2), map(float, observed), draws, strict=True
    ):
        extreme = int((row >= statistic * (1 - 1e-12)).sum())
        p_value = float(permutation_p(extreme, len(row)))
        tests[f"{key}_permutation"] = HypothesisTest(
            name, null, statistic, "permutation", None, p_value, rule
        )
    return tests
