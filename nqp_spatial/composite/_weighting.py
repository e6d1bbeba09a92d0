"""Weights of indicators from their variation: one function per scheme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.errors import DomainError, OptionError, sample

__all__ = ["SCHEMES", "combined", "scheme_weights"]

Scheme = Callable[[np.ndarray, list[str]], tuple[np.ndarray, dict[str, np.ndarray]]]


def scheme_weights(
    name: str, values: np.ndarray, names: list[str]
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return weights that add up to one, and the steps to them by indicator.

    Parameters
    ----------
    name : str
        One of `SCHEMES`.
    values : ndarray
        Scaled indicators, shape (units, periods, indicators).
    names : list of str

    Raises
    ------
    OptionError
        If the scheme is unknown.
    DomainError
        If a scheme needs values that are not negative.
    """
    if name not in SCHEMES:
        raise OptionError(f"weighting must be one of {', '.join(SCHEMES)} or 'given'; got {name!r}")
    raw, steps = SCHEMES[name](values, names)
    if not raw.sum() > 0:
        raise DomainError(f"by {name!r} no indicator has any weight; choose another weighting")
    return raw / raw.sum(), pd.DataFrame(steps, index=pd.Index(names, name="indicator"))


def combined(
    weights: Mapping[str, np.ndarray], how: Literal["mean", "game"]
) -> tuple[np.ndarray, pd.Series]:
    """Return the combination of several weightings, and the share of each.

    The mean; or that of game theory, ``sum_k a_k w_k`` that is nearest to all: the solution of
    ``sum_l a_l w_k'w_l = w_k'w_k``, the a's taken as absolute values that add up to one.
    """
    table = np.array(list(weights.values()))
    share = np.full(len(table), 1 / len(table))
    if how == "game":
        inner = table @ table.T
        solution = np.abs(np.linalg.lstsq(inner, np.diag(inner), rcond=None)[0])
        share = solution / solution.sum()
    return share @ table, pd.Series(share, list(weights), name="share")


def _require_not_negative(values: np.ndarray, names: list[str], scheme: str) -> None:
    negative = np.atleast_1d((values < 0).any(axis=(0, 1)))
    if negative.any():
        which = [name for name, bad in zip(names, negative, strict=True) if bad]
        raise DomainError(
            f"weighting {scheme!r} needs values that are not negative; scaled "
            f"{sample(which)} are: use normalisation='min-max'"
        )


def _entropy(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return 1 - e, with p = z / sum z; e = -sum p ln p / ln N, 0 ln 0 = 0."""
    _require_not_negative(values, names, "entropy")
    z = values.reshape(-1, values.shape[2])
    p = z / z.sum(axis=0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=0) / np.log(len(z))
    return 1 - entropy, {"entropy": entropy, "redundancy": 1 - entropy}


def _critic(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return standard deviation times conflict with the others: s_j sum_k (1 - r_jk)."""
    z = values.reshape(-1, values.shape[2])
    std = z.std(axis=0, ddof=1)
    conflict = (1 - _correlation(z)).sum(axis=1)
    if len(names) == 1:
        conflict = np.ones(1)
    return std * conflict, {"std": std, "conflict": conflict, "information": std * conflict}


def _cv(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the standard deviation over the mean."""
    _require_not_negative(values, names, "cv")
    z = values.reshape(-1, values.shape[2])
    cv = z.std(axis=0, ddof=1) / z.mean(axis=0)
    return cv, {"cv": cv}


def _pca(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return squared loadings on the first principal component of the correlations."""
    vectors = np.linalg.eigh(_correlation(values.reshape(-1, values.shape[2])))[1]
    first = vectors[:, -1]
    first = first * (np.sign(first.sum()) or 1.0)
    return first**2, {"loading": first}


def _scatter(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the leading eigenvector of sum_t Z_t'Z_t, whose scores vary most (Guo 2002)."""
    _require_not_negative(values, names, "scatter")
    z = values.reshape(-1, values.shape[2])
    first = np.abs(np.linalg.eigh(z.T @ z)[1][:, -1])  # of a positive matrix, one sign (Perron)
    return first, {"eigenvector": first}


def _equal(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return np.ones(len(names)), {}


def _correlation(z: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.corrcoef(z, rowvar=False))


SCHEMES: dict[str, Scheme] = {
    "entropy": _entropy,
    "critic": _critic,
    "cv": _cv,
    "pca": _pca,
    "scatter": _scatter,
    "equal": _equal,
}
