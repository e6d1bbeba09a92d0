"""Effects of policies, computed again by diff-diff."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import Message, t
from nqp_spatial.peers._quantities import ALIKE, NoPeerError, Quantity, quantity
from nqp_spatial.weights._coordinates import coordinates_of

__all__ = ["policy"]


def policy(call: Call, result: Any) -> list[Quantity]:
    """Compare effects by event time without spillovers, or mean effects by rings."""
    arguments = call.arguments
    if arguments["exposure"] is not None:
        raise NoPeerError(t("diff-diff measures exposure by rings, not by weights"))
    if arguments["senders"] is not None or arguments["links"] != "all":
        raise NoPeerError(t("diff-diff has no groups of senders, and no borders"))
    if arguments["rings_km"] is None:
        return _two_stage(call, result)
    return _rings(call, result)


def _table(call: Call) -> pd.DataFrame:
    """Return the panel as diff-diff takes it: numbered units, and dates of adoption."""
    arguments = call.arguments
    panel, n, periods = arguments["panel"], _units(call), arguments["panel"].n_periods
    treated = panel.values(arguments["treatment"]) > 0
    years = np.asarray(panel.periods, dtype=float)
    adoption = np.where(treated.any(axis=1), years[treated.argmax(axis=1)], 0)
    controls = arguments["controls"]
    names = [controls] if isinstance(controls, str) else list(controls)
    columns = {"outcome": arguments["outcome"], **{f"control{k}": c for k, c in enumerate(names)}}
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n), periods), "period": np.tile(years, n),
            "treated": treated.astype(int).ravel(), "adoption": np.repeat(adoption, periods),
            **{key: panel.values(name).ravel() for key, name in columns.items()},
        }
    )  # fmt: skip


def _units(call: Call) -> int:
    return int(call.arguments["panel"].n_units)


def _iterated() -> Message:
    return t("diff-diff removes the fixed effects by iteration")


def _errors(
    call: Call, ours: Any, theirs: Any, factor: float, *, wanted: float = 9.0, reason: str = ""
) -> list[Quantity]:
    """Compare standard errors by units, with the factor of variances that diff-diff leaves out."""
    arguments = call.arguments
    if arguments["covariance"] != "cluster" or arguments["cluster"] is not None:
        return []
    if arguments["leave_out"]:
        wanted = ALIKE
        reason = t("ours leave each unit out of the fit of its own residuals, as CR3 does")
    scaled = np.sqrt(factor) * np.asarray(theirs, dtype=float)
    return [quantity("std_errors", ours, scaled, "diff-diff", wanted=wanted, reason=reason)]


def _two_stage(call: Call, result: Any) -> list[Quantity]:
    """Compare with the two-stage estimator of Gardner (2022)."""
    import diff_diff

    table = _table(call)
    controls = [name for name in table if name.startswith("control")]
    pooled = call.arguments["horizon"] == 0
    if call.arguments["horizon"] not in (None, 0):
        raise NoPeerError(t("diff-diff does not pool late event times; use horizon=None or 0"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diff_diff.TwoStageDiD(cluster="unit").fit(
            table, outcome="outcome", unit="unit", time="period", first_treat="adoption",
            covariates=controls or None, aggregate=None if pooled else "event_study",
        )  # fmt: skip
    frame = result.frame[(result.frame["kind"] == "own") & (result.frame["event_time"] >= 0)]
    if pooled:
        effects, errors = [theirs.overall_att], [theirs.overall_se]
    else:
        by_time = theirs.event_study_effects
        effects = [by_time[int(k)]["effect"] for k in frame["event_time"]]
        errors = [by_time[int(k)]["se"] for k in frame["event_time"]]
    n, periods = _units(call), call.arguments["panel"].n_periods
    size = n * periods
    factor = n / (n - 1) * (size - 1) / (size - len(errors) - len(controls) - periods)
    return [
        quantity("effects", frame["estimate"], effects, "diff-diff", wanted=7.0,
                 reason=_iterated()),
        *_errors(call, frame["std_error"], errors, factor),
    ]  # fmt: skip


def _rings(call: Call, result: Any) -> list[Quantity]:
    """Compare mean effects with the rings of Butts (2023)."""
    import diff_diff

    arguments = call.arguments
    table = _table(call)
    if any(name.startswith("control") for name in table):
        raise NoPeerError(t("rings of diff-diff are compared without controls"))
    if arguments["on_treated"] == "pooled":
        raise NoPeerError(
            t("own effects of diff-diff contain exposure: use on_treated='apart' or 'included'")
        )
    degrees = coordinates_of(arguments["panel"]).degrees
    if degrees is None:
        raise NoPeerError(t("diff-diff measures distances on the globe, and this map is a plane"))
    table["lon"], table["lat"] = np.repeat(degrees, arguments["panel"].n_periods, axis=0).T
    rings = [float(edge) for edge in arguments["rings_km"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = diff_diff.SpilloverDiD(
            rings=rings, conley_coords=("lat", "lon"), cluster="unit"
        ).fit(table, outcome="outcome", unit="unit", time="period", treatment="treated")
    overall = result.overall
    kind = "own" if arguments["on_treated"] == "included" else "total"
    direct = overall[(overall["kind"] == kind) & (overall["on"] == "treated")]
    spilled = overall[(overall["kind"] == "spilled") & (overall["on"] == "untreated")]
    rows = [
        quantity("effect on the treated", direct["estimate"], [theirs.att], "diff-diff", wanted=7.0,
                 reason=_iterated()),
        quantity("effects on the exposed", spilled["estimate"],
                 theirs.spillover_effects["coef"], "diff-diff", wanted=7.0, reason=_iterated()),
    ]  # fmt: skip
    if kind == "own" and arguments["horizon"] == 0:
        # Those of means over event times are of other effects.
        ours = result.frame.loc[result.frame["event_time"] == 0, "std_error"]
        errors = np.r_[theirs.se, theirs.spillover_effects["se"]]
        reason = t("the first step of diff-diff leaves out a unit, a period and the constant")
        periods = arguments["panel"].n_periods
        free = _units(call) * periods - len(errors)
        rows += _errors(call, ours, errors, free / (free - periods), wanted=1.0, reason=reason)
    return rows
