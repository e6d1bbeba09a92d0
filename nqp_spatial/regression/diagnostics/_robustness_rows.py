"""Rows of a robustness table: prepared, fitted, and laid out as tables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import NqpError, StabilityWarning
from nqp_spatial.regression._unused_options import unused_options
from nqp_spatial.regression.diagnostics.changes import RowOfChanges
from nqp_spatial.regression.diagnostics.specification import Specification, without_caches
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.results import RegressionResult

__all__ = [
    "BASELINE", "KEYS", "Outcome", "changes_table", "effects_with_note", "estimates_of",
    "fitted_row", "main_term",
    "prepared_row", "shares_table",
]  # fmt: skip

BASELINE = "baseline"
KEYS = ["quantity", "variable", "term", "horizon"]
_NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
#: What a curve shows unless another term is asked for, the first that there is.
_MAIN = ("total", "x")


@dataclass(frozen=True, eq=False)
class Outcome:
    """One row: its specification, and the model or the reason why there is none.

    Attributes
    ----------
    specification : Specification
    kinds : tuple of str
    model : RegressionResult or None
    effects : EffectsResult or None
    error : NqpError or None
    notes : tuple of str
    """

    specification: Specification
    kinds: tuple[str, ...] = ()
    model: RegressionResult | None = None
    effects: EffectsResult | None = None
    error: NqpError | None = None
    notes: tuple[str, ...] = ()


def prepared_row(row: RowOfChanges, baseline: Specification) -> Outcome:
    """Return a row with its specification, not yet fitted."""
    try:
        specification = row.applied(baseline)
    except NqpError as error:
        return Outcome(baseline, row.kinds, error=error)
    options = dict(specification.options)
    model, effects = options.get("model", "sdm"), options.get("effects", "two-way")
    unused = unused_options(str(model), str(effects), options)
    notes = specification.notes
    for name in unused:
        if name not in row.options:
            options.pop(name)
            notes = (*notes, t("{option}= has no use here and is left out", option=name))
    return Outcome(replace(specification, options=options), row.kinds, notes=notes)


def fitted_row(row: Outcome, quantity: str, draws: int, level: float, seed: int | None) -> Outcome:
    """Fit a row; nothing computed from the weights for another row is used."""
    if row.error is not None:
        return row
    specification = row.specification
    fresh = replace(specification, weights=without_caches(specification.weights))
    try:
        model = fresh.fit()
    except NqpError as error:
        return replace(row, error=error)
    if quantity == "coefficients":
        return replace(row, model=model)
    effects, notes = effects_with_note(model, draws, level, seed)
    return replace(row, model=model, effects=effects, notes=(*row.notes, *notes))


def effects_with_note(
    model: RegressionResult, draws: int, level: float, seed: int | None
) -> tuple[EffectsResult | None, tuple[Message, ...]]:
    """Return the effects of one of several models, and notes where there is something to know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StabilityWarning)  # the note says it, with the model
        try:
            effects = model.effects(max(draws, 2), level=level, seed=seed)
        except NqpError as error:
            return None, (t("no effects: {reason}", reason=str(error)),)
    if not effects.discarded:
        return effects, ()
    note = t(
        "{count} of {total} draws of the effects are outside the stable region and not used",
        count=effects.discarded, total=draws,
    )  # fmt: skip
    return effects, (note,)


# -- tables ----------------------------------------------------------------------------------------


def estimates_of(outcomes: Mapping[str, Outcome], quantity: str, level: float) -> pd.DataFrame:
    """Return one row per change and quantity."""
    tables: dict[str, pd.DataFrame] = {}
    for name, row in outcomes.items():
        if row.model is not None:
            tables[name] = _quantities(row.model, row.effects, quantity, level)
    names = tables[BASELINE][KEYS]
    for name, row in outcomes.items():
        if row.model is None:
            tables[name] = names.assign(**dict.fromkeys(_NUMBERS, np.nan))
    joined = pd.concat({name: tables[name] for name in outcomes}, names=["change"])
    return joined.reset_index(level="change").reset_index(drop=True)


def _quantities(
    model: RegressionResult, effects: EffectsResult | None, quantity: str, level: float
) -> pd.DataFrame:
    parts = []
    if quantity != "coefficients" and effects is not None:
        table = effects.frame.rename(columns={"effect": "term"})
        horizon = table["horizon"].astype(str)
        parts.append(table.assign(quantity="effect", horizon=horizon))
    if quantity != "effects":
        bounds = model.conf_int(level)
        table = model.frame.assign(**{name: bounds[name] for name in bounds.columns})
        table = table.reset_index().rename(columns={"block": "term"})
        parts.append(table.assign(quantity="coefficient", horizon=""))
    columns = [*KEYS, *_NUMBERS]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat([part[columns] for part in parts], ignore_index=True)


def changes_table(outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Return one row per change: kind, model, sample, and whether it could be fitted."""
    return pd.DataFrame.from_dict(
        {name: _facts(row) for name, row in outcomes.items()}, orient="index"
    ).rename_axis("change")


def _facts(row: Outcome) -> dict[str, Any]:
    model, panel = row.model, row.specification.panel
    return {
        "kinds": ", ".join(row.kinds),
        "outcome": "" if model is None else model.spec.outcome,
        "model": "" if model is None else model.spec.model,
        "effects": "" if model is None else model.spec.effects,
        "observations": 0 if model is None else model.nobs,
        "units": panel.n_units,
        "periods": panel.n_periods if model is None else model.n_periods,
        "fitted": model is not None,
        "reason": "" if row.error is None else str(row.error),
    }


def shares_table(frame: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return what the changes have in common, by quantity of the baseline."""
    base = frame[frame["change"] == BASELINE].set_index(KEYS)
    others = frame[(frame["change"] != BASELINE) & frame["estimate"].notna()]
    by_key = dict(list(others.groupby(KEYS, sort=False)))
    rows = []
    for key, row in base.iterrows():
        members = by_key.get(key, others.iloc[:0])
        same = np.sign(members["estimate"]) == np.sign(row["estimate"])
        rows.append(
            {
                "baseline": row["estimate"],
                "count": len(members),
                "min": members["estimate"].min(),
                "median": members["estimate"].median(),
                "max": members["estimate"].max(),
                "same_sign": same.mean(),
                "significant": (same & (members["p_value"] < alpha)).mean(),
            }
        )
    return pd.DataFrame(rows, index=base.index)


def main_term(terms: list[str]) -> str:
    """Return the term that a curve shows by default."""
    return next((term for term in _MAIN if term in terms), terms[0])
