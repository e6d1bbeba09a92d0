"""Arrays of a panel model with thresholds, and the values of the threshold to be tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from nqp_spatial.core.options import Range
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.regression._evaluation import evaluate, evaluate_side
from nqp_spatial.regression._formulas import Functions, terms_of
from nqp_spatial.regression.results import RegressionResult

__all__ = ["Grid", "ThresholdArrays", "candidate_values", "threshold_arrays"]

Grid = Annotated[int, Range(2, 2_000)] | Sequence[float]


@dataclass(frozen=True, eq=False)
class ThresholdArrays:
    """Outcome, regressors of both kinds and the threshold variable, units by periods."""

    y: np.ndarray
    x: np.ndarray
    others: np.ndarray
    q: np.ndarray
    outcome: str
    threshold: str
    terms: tuple[str, ...]
    other_terms: tuple[str, ...]


def threshold_arrays(
    formula: str,
    panel: SpatialPanel,
    threshold: str,
    regime: str | Iterable[str],
    functions: Functions | None,
    linear: RegressionResult,
) -> ThresholdArrays:
    shape = (panel.n_units, panel.n_periods)
    every = terms_of(formula, functions)
    terms = _regime_terms(formula, regime, every, functions)
    panel.require_complete([threshold])
    if threshold == linear.spec.outcome:
        raise OptionError(
            f"threshold={threshold!r} is the outcome, whose errors would choose the regime; take a "
            "variable that is exogenous, such as a value before the sample"
        )
    q = np.asarray(panel.values(threshold), dtype=float).reshape(shape)
    y, _, _ = evaluate(formula, panel, functions)
    x = np.column_stack([_column(term, panel, functions) for term in terms])
    other_terms = tuple(term for term in every if term not in terms)
    others = np.zeros((len(x), 0))
    if other_terms:
        others = evaluate_side(" + ".join(other_terms), panel, "regime", functions).drop(
            columns="Intercept", errors="ignore"
        ).to_numpy(dtype=float)  # fmt: skip
    outcome = formula.partition("~")[0].strip()
    return ThresholdArrays(
        y.iloc[:, 0].to_numpy(dtype=float).reshape(shape), x.reshape(*shape, -1),
        others.reshape(*shape, -1), q, outcome, threshold, terms, other_terms,
    )  # fmt: skip


def _regime_terms(
    formula: str,
    regime: str | Iterable[str],
    every: tuple[str, ...],
    functions: Functions | None,
) -> tuple[str, ...]:
    names = [regime] if isinstance(regime, str) else list(regime)
    if not names:
        raise OptionError("regime= must name at least one term of the formula, it is empty")
    terms: list[str] = []
    for name in names:
        read = terms_of(f"y ~ {name}", functions) if "~" not in name else ()
        absent = [term for term in read if term not in every]
        if absent or not read:
            raise OptionError(
                f"regime={name!r} must be among the terms of the formula {formula!r}: "
                f"{sample(every)}"
            )
        terms += [term for term in read if term not in terms]
    return tuple(terms)


def _column(term: str, panel: SpatialPanel, functions: Functions | None) -> np.ndarray:
    columns = evaluate_side(term, panel, "regime", functions)
    columns = columns.drop(columns="Intercept", errors="ignore")
    if columns.shape[1] != 1:
        raise OptionError(
            f"regime={term!r} must be one numeric column, it gives {sample(columns.columns)}; name "
            "a numeric term"
        )
    return np.asarray(columns.iloc[:, 0], dtype=float)


def candidate_values(q: np.ndarray, name: str, grid: Grid, least: int) -> np.ndarray:
    """Return the values of the threshold variable to be tried, ascending."""
    values, counts = np.unique(q, return_counts=True)
    below = counts.cumsum()
    inside = values[(below >= least) & (q.size - below >= least)]
    if isinstance(grid, int | np.integer):
        if len(inside) < 1:
            raise PanelError(
                f"{name!r} has no value that leaves {least} observations on each side (trim=), "
                f"among {len(values)} different ones"
            )
        if len(inside) <= grid:
            return inside
        return np.asarray(inside[np.linspace(0, len(inside) - 1, int(grid)).round().astype(int)])
    tried = np.unique(np.asarray(list(grid), dtype=float))
    shares = np.searchsorted(np.sort(q.ravel()), tried, side="right")
    outside = tried[(shares < least) | (q.size - shares < least)]
    if len(outside) or not len(tried):
        raise PanelError(
            f"grid= must hold values of {name!r} that leave {least} observations on each side "
            f"(trim=); outside are {sample(outside)}"
        )
    return tried
