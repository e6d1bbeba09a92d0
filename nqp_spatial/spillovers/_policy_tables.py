"""Tables and tests of a policy evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    wald_test,
    with_intervals,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import CollinearityError, OptionError
from nqp_spatial.spillovers._clean_cells import FirstStep
from nqp_spatial.spillovers._policy_cells import PolicyCells
from nqp_spatial.spillovers._policy_steps import (
    KEYS,
    OnTreated,
    StepEstimate,
    Variance,
    lead_step,
    lead_terms,
    post_terms,
    second_step,
)

__all__ = [
    "Estimates",
    "cell_table",
    "estimate_effects",
    "event_study_table",
    "overall_table",
    "pre_trend_tests",
    "unit_table",
]

_MOST_LEADS = 3  # by default
_NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@dataclass(frozen=True, eq=False)
class Estimates:
    """All steps of a policy evaluation.

    Attributes
    ----------
    effects : StepEstimate
        Own effects, and spilled effects on untreated and on treated units.
    total : StepEstimate or None
        Own and spilled effects on treated units together, where they are estimated apart.
    leads : StepEstimate or None
    no_leads : Message or None
        Why there are none.
    overall_weights : ndarray
        Squares of each term added up, shape (P,): the weights of overall effects.
    pooled_on_treated : bool
    """

    effects: StepEstimate
    total: StepEstimate | None
    leads: StepEstimate | None
    no_leads: Message | None
    overall_weights: np.ndarray
    pooled_on_treated: bool


def estimate_effects(
    cells: PolicyCells,
    names: tuple[str, ...],
    first: FirstStep,
    variance: Variance,
    *,
    horizon: int | None,
    leads: int | None,
    on_treated: OnTreated,
) -> Estimates:
    """Estimate event times after adoption and exposure, and leads.

    Raises
    ------
    OptionError
        If a lead that was asked for, or the horizon, has no cells.
    CollinearityError
        If effects cannot be told apart; they are named.
    """
    longest = int(cells.since_adoption.max())
    if horizon is not None and horizon > longest:
        raise OptionError(
            f"horizon={horizon} has no cells: treated units are observed for at most {longest} "
            "periods after the adoption"
        )
    terms = post_terms(cells, names, horizon, on_treated)
    try:
        effects = second_step(first, terms, variance)
    except CollinearityError as error:
        raise CollinearityError(
            f"not identified: {error}; the exposure of treated units is collinear with their own "
            "treatment (all that are treated as long are exposed alike). Pass "
            "on_treated='pooled', for one spilled effect on treated units, or 'included', for own "
            "effects that include it"
        ) from None
    total = None
    on_both = (terms.table["kind"] == "spilled") & (terms.table["on"] == "treated")
    if on_both.any():
        total = second_step(first, post_terms(cells, names, horizon, "included"), variance)
    lead_estimates, reason = _leads(cells, names, first, variance, leads)
    weights = (terms.values**2).sum(axis=(0, 1))
    return Estimates(effects, total, lead_estimates, reason, weights, on_treated == "pooled")


def _leads(
    cells: PolicyCells,
    names: tuple[str, ...],
    first: FirstStep,
    variance: Variance,
    leads: int | None,
) -> tuple[StepEstimate | None, Message | None]:
    """Return the leads that were asked for, or as many as the data have, up to three."""
    if leads == 0:
        return None, t("no leads were asked for")
    for count in [leads] if leads is not None else range(_MOST_LEADS, 0, -1):
        terms = lead_terms(cells, names, count)
        wanted = count * (1 + len(names))
        try:
            if len(terms.table) == wanted:
                return lead_step(first, terms, variance), None
            problem = f"of {wanted} leads only {len(terms.table)} have clean cells"
        except CollinearityError as error:
            problem = f"no clean cells are left before these leads to compare with: {error}"
        if leads is not None:
            raise OptionError(f"leads={leads} are not identified: {problem}; take fewer leads")
    return None, t("no clean cells lie far enough before adoption and exposure")


# -- tables ----------------------------------------------------------------------------------------


def _frame_of(step: StepEstimate, level: float, df: float) -> pd.DataFrame:
    table = step.table.assign(estimate=step.values, std_error=np.sqrt(np.diag(step.cov)))
    return with_intervals(table, level, df)


def event_study_table(estimates: Estimates, level: float, df: float) -> pd.DataFrame:
    """Return all estimates by event time, leads first within each kind."""
    parts = [_frame_of(step, level, df) for step in (estimates.leads, estimates.effects) if step]
    if estimates.total is not None:
        total = _frame_of(estimates.total, level, df)
        parts.append(total[total["kind"] == "own"].assign(kind="total"))
    frame = pd.concat(parts, ignore_index=True)
    if estimates.pooled_on_treated:
        frame = frame[~((frame["kind"] == "spilled") & (frame["on"] == "treated"))]
    order = {"own": 0, "spilled": 1, "total": 3}
    ranks = frame["kind"].map(order) + (
        (frame["kind"] == "spilled") & (frame["on"] == "treated")
    ).astype(int)
    rings = {name: place for place, name in enumerate(dict.fromkeys(frame["exposure"]))}
    frame = frame.assign(rank=ranks, ring=frame["exposure"].map(rings))
    frame = frame.sort_values(["rank", "ring", "event_time"], kind="stable")
    return frame[[*KEYS, *_NUMBERS, "cells", "units"]].reset_index(drop=True)


def overall_table(estimates: Estimates, level: float, df: float) -> pd.DataFrame:
    """Return averages over event times, weighted by squared exposure (one in treated cells)."""
    steps = [(estimates.effects, estimates.overall_weights, "")]
    if estimates.total is not None:
        size = len(estimates.total.values)
        steps.append((estimates.total, np.zeros(size), "total"))
    rows = []
    for step, weights, kind in steps:
        table = step.table
        if kind:
            table = table[table["kind"] == "own"]
            weights = table["cells"].to_numpy(dtype=float)
        for key, group in table.groupby(KEYS[:3], sort=False):
            places = group.index.to_numpy()
            share = weights[places] / weights[places].sum()
            rows.append(
                {
                    "kind": kind or key[0], "on": key[1], "exposure": key[2],
                    "estimate": share @ step.values[places],
                    "std_error": np.sqrt(share @ step.cov[np.ix_(places, places)] @ share),
                    "cells": int(group["cells"].sum()),
                }
            )  # fmt: skip
    frame = with_intervals(pd.DataFrame(rows), level, df)
    return frame[[*KEYS[:3], *_NUMBERS, "cells"]]


def cell_table(
    cells: PolicyCells, first: FirstStep, names: tuple[str, ...], panel: SpatialPanel
) -> pd.DataFrame:
    """Return state, event times and what is left of the outcome of each cell."""
    state = np.select(
        [cells.treated & cells.exposed, cells.treated, cells.exposed],
        ["treated and exposed", "treated", "exposed"],
        "clean",
    )
    table = pd.DataFrame({"state": state.ravel()}, index=panel.frame.index)
    for layer, name in enumerate(names):
        table[name] = cells.exposure[:, :, layer].ravel()
    shape = cells.treated.shape
    for name, clock, mask in [
        ("since_adoption", cells.since_adoption, cells.treated),
        ("since_exposure", cells.since_exposure, cells.exposed),
    ]:
        values = np.where(mask, np.broadcast_to(clock, shape), np.nan)
        table[name] = pd.array(values.ravel(), dtype="Float64").astype("Int64")
    table["effect"] = np.where(cells.clean, np.nan, first.residuals).ravel()
    return table


def unit_table(cells: PolicyCells, first: FirstStep, panel: SpatialPanel) -> pd.DataFrame:
    """Return the mean effect of each unit while it was treated, and while it was exposed only."""
    columns: dict[str, object] = {}
    dates = np.append(panel.periods.to_numpy(dtype=object), [None])
    columns["adoption"] = dates[cells.adoption]
    columns["first_exposure"] = dates[cells.first_exposure]
    for name, mask in [("own", cells.treated), ("spilled", cells.exposed & ~cells.treated)]:
        counts = mask.sum(axis=1)
        sums = (first.residuals * mask).sum(axis=1)
        columns[name] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return pd.DataFrame(columns, index=panel.units)


# -- tests -----------------------------------------------------------------------------------------


def pre_trend_tests(estimates: Estimates, df: float) -> dict[str, HypothesisTest | NotApplicable]:
    """Return Wald tests that leads are zero: own, spilled, and both together."""
    step = estimates.leads
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    has_spilled = (estimates.effects.table["kind"] == "spilled").any()
    for key, name, kinds in [
        ("pre-trends, own", t("Trends before adoption"), ["own"]),
        ("pre-trends, spilled", t("Trends before exposure"), ["spilled"]),
        ("pre-trends", t("Trends before adoption and exposure"), ["own", "spilled"]),
    ]:
        if "spilled" in kinds and not has_spilled:
            continue
        null = t("all leads are zero")
        if step is None:
            assert estimates.no_leads is not None
            tests[key] = NotApplicable(name, null, estimates.no_leads)
            continue
        places = np.flatnonzero(step.table["kind"].isin(kinds))
        slopes = np.eye(len(step.values))[places]
        tests[key] = _few(wald_test(name, null, step.values[places], slopes, step.cov), df)
    return tests


def _few(test: HypothesisTest | NotApplicable, df: float) -> HypothesisTest | NotApplicable:
    """Return a Wald test by the F distribution, where clusters are counted."""
    if isinstance(test, NotApplicable) or not np.isfinite(df) or test.df is None:
        return test
    statistic = test.statistic / test.df
    p_value = float(stats.f.sf(statistic, test.df, df))
    rule = t("{count} clusters", count=int(df) + 1)
    return HypothesisTest(test.name, test.null, statistic, "F", test.df, p_value, rule)
