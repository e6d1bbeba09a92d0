"""Tests whether transition probabilities depend on a group, such as the neighbours' state.

For counts ``n_gij`` (group g, from i to j) and pooled probabilities ``p_ij``, the null is
``p_ij|g = p_ij`` (Bickenbach and Bode 2003, equations 16 to 19):

    LR   = 2 sum n_gij ln[ n_gij / (n_gi. p_ij) ]
    chi2 = sum (n_gij - n_gi. p_ij)^2 / (n_gi. p_ij)      over cells with p_ij > 0.

Degrees of freedom can be counted over the cells that the sample fills, or over all cells. For one
statistic of one table the two give p = 0.002 and p = 0.165, so both are reported and named. The
first is Bickenbach and Bode's; the second keeps cells that can never differ.

Both take moves for independent. Where units and their neighbours keep their states for long, the
statistic varies more than chi-square does, and the permutation test is the one to read.
"""

from __future__ import annotations

import numpy as np

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test

__all__ = [
    "homogeneity_statistics",
    "homogeneity_tests",
    "stratified_statistics",
    "stratified_tests",
    "visited_freedom",
]

VISITED = "cells that occur: sum over rows of (groups that visit the row - 1)(columns reached - 1)"
EVERY = "all cells: states (states - 1)(groups - 1) a stratum, empty ones included"


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
    awaited = n.sum(axis=-1, keepdims=True) * p
    possible = awaited > 0
    chi2 = np.divide((n - awaited) ** 2, awaited, out=np.zeros_like(n), where=possible)
    ratio = np.divide(n, awaited, out=np.ones_like(n), where=possible & (n > 0))
    axes = (-3, -2, -1)
    return 2 * (n * np.log(ratio)).sum(axis=axes), chi2.sum(axis=axes)


def visited_freedom(counts: np.ndarray) -> int:
    """Return degrees of freedom over the cells that occur; `counts` is (groups, states, states)."""
    groups = (counts.sum(axis=2) > 0).sum(axis=0)
    columns = (counts.sum(axis=0) > 0).sum(axis=1)
    return int((np.maximum(groups - 1, 0) * np.maximum(columns - 1, 0)).sum())


def homogeneity_tests(counts: np.ndarray, null: str) -> dict[str, HypothesisTest | NotApplicable]:
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


def stratified_tests(counts: np.ndarray, null: str) -> dict[str, HypothesisTest | NotApplicable]:
    """Return tests that groups are equal within each stratum; statistics and freedom add up.

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
    visited = sum(visited_freedom(one) for one in counts)
    every = strata * states * (states - 1) * (groups - 1)
    return {
        "lr": chi2_test("LR", null, float(lr), visited, VISITED),
        "chi2": chi2_test("chi-square", null, float(chi2), visited, VISITED),
        "lr_all_cells": chi2_test("LR", null, float(lr), every, EVERY),
        "chi2_all_cells": chi2_test("chi-square", null, float(chi2), every, EVERY),
    }
