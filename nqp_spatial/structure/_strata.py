"""Strata of a factor: categories as they are, or numbers cut into classes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.class_bounds import class_bounds
from nqp_spatial.core.groups import group_name
from nqp_spatial.errors import DomainError, OptionError

__all__ = ["METHODS", "Strata", "candidates", "categories", "cut_at", "cut_by"]

#: How a variable is cut into strata.
METHODS = ("quantiles", "equal-intervals", "natural-breaks", "std-deviations")
# Natural breaks of more values are those of a sample of them.
_SAMPLED = 2000


@dataclass(frozen=True, eq=False)
class Strata:
    """One factor in strata.

    Attributes
    ----------
    codes : ndarray of int
        Stratum of each observation, shape (N,), numbered from zero without gaps.
    names : tuple of str
    method : str
        ``"categories"``, ``"given"`` or one of `METHODS`.
    bounds : tuple of float
        Upper bounds of all strata but the last; empty for categories.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    method: str
    bounds: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Number of strata."""
        return len(self.names)


def categories(values: pd.Series) -> Strata:
    """Return one stratum per category."""
    codes, labels = pd.factorize(values, sort=True)
    names = tuple(group_name(label) for label in labels.tolist())
    return Strata(np.asarray(codes), _require_several(names, values.name), "categories")


def cut_at(
    values: np.ndarray, bounds: Sequence[float] | np.ndarray, name: Hashable, method: str
) -> Strata:
    """Return strata between bounds, closed on the right; empty ones are left out."""
    inner = np.unique(np.asarray(bounds, dtype=float))
    raw = np.searchsorted(inner, values, side="left")
    present, codes = np.unique(raw, return_inverse=True)
    ends = np.concatenate([[values.min()], inner, [values.max()]])
    texts = tuple(
        f"{'[' if position == 0 else '('}{ends[position]:.4g}, {ends[position + 1]:.4g}]"
        for position in present
    )
    used = tuple(float(inner[position]) for position in present[:-1])
    return Strata(codes.astype(np.int64), _require_several(texts, name), method, used)


def cut_by(values: np.ndarray, method: str, count: int, name: Hashable) -> Strata:
    """Return strata of a method."""
    if method == "natural-breaks":
        # Deterministic: all values, or evenly spaced ones of their order.
        order = np.sort(values)
        places = np.linspace(0, len(order) - 1, min(len(order), _SAMPLED)).round().astype(int)
        bins = class_bounds(order[places], method, count)
    elif method == "std-deviations":
        half = (count - 1) // 2
        steps = np.arange(count - 1) - half + (0.5 if count % 2 == 0 and count > 2 else 0.0)
        bins = values.mean() + values.std(ddof=1) * steps
    else:
        bins = class_bounds(values, method, count)
    return cut_at(values, bins, name, method)


def candidates(
    values: np.ndarray, methods: Sequence[str], counts: Sequence[int], name: Hashable
) -> Iterator[tuple[str, int, Strata]]:
    """Yield the strata of all methods and numbers that the values allow."""
    distinct = len(np.unique(values))
    for method in methods:
        for count in counts:
            if count <= distinct:
                yield method, count, cut_by(values, method, count, name)


def _require_several(names: tuple[str, ...], factor: Hashable) -> tuple[str, ...]:
    if len(names) < 2:
        raise DomainError(
            f"factor {factor!r} has one stratum, {names[0]}: a factor needs two or more"
        )
    if len(names) > 100:
        raise OptionError(
            f"factor {factor!r} has {len(names)} strata, more than 100: group its categories first"
        )
    return names
