"""What a page of linked views shows of a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, label, t, translate
from nqp_spatial.errors import OptionError, sample
from nqp_spatial.esda import LisaResult
from nqp_spatial.plots._theme import CLUSTER_COLOURS, DIVERGING, NO_GROUP, ordered_colours
from nqp_spatial.plots.explorer._content import (
    Content,
    Points,
    Variable,
    classified,
    hex_colour,
    ranked,
)
from nqp_spatial.plots.explorer._moran import moran_points
from nqp_spatial.plots.explorer._panel import unit_names
from nqp_spatial.plots.maps.lisa_maps import lisa_legend
from nqp_spatial.regression import RegressionResult

__all__ = ["clubs_content", "lisa_content", "model_content"]

_SIDES = ("sent", "received", "own")


def lisa_content(
    results: Sequence[LisaResult],
    panel: SpatialPanel | None,
    names: str | None,
    *,
    title: str | None,
) -> Content:
    """Return clusters of one or several periods, with Moran's scatter plot coloured by cluster.

    Raises
    ------
    OptionError, UnmatchedIdsError
        If several results are of different variables, of one period, or of other units than the
        panel.
    """
    _require_one_variable(results)
    first, shown = results[0], [result.period for result in results]
    units, texts = _units(first.frame.index, panel, names)
    for result in results[1:]:
        check_same_ids(
            units, result.frame.index, our_name="the first result", their_name="another",
            advice="compute all of them from one panel",
        )  # fmt: skip
    frames = [result.frame.reindex(units) for result in results]
    clusters = list(dict.fromkeys(name for f in frames for name in f["cluster"].cat.categories))
    codes = np.stack(
        [f["cluster"].map(clusters.index).to_numpy(dtype=float) for f in frames], axis=1
    ).astype(int)
    points = _moran_of(results, units)
    values = pd.DataFrame({period: f["value"] for period, f in zip(shown, frames, strict=True)})
    if len(results) == 1:
        words = t("Clusters of {name}, {period}", name=first.label, period=str(first.period))
        if panel is not None and first.variable in panel.frame.columns:
            values = panel.wide(first.variable).reindex(index=units, columns=panel.periods)
    else:
        words = t("Clusters of {name}", name=first.label)
    number = classified(values, first.label)
    periods = pd.Index(values.columns, name="period")
    view = ranked(number, periods) if len(results) == 1 else points
    variables = {
        "cluster": Variable(
            translate(words), codes,
            [(translate(label("cluster", name)), hex_colour(CLUSTER_COLOURS[name]))
             for name in clusters],
            view=points, series="value",
        ),
        "value": replace(number, view=view),
    }  # fmt: skip
    start = int(periods.get_indexer(pd.Index([shown[-1]]))[0])
    return Content(texts, periods, variables, title or translate(words), start=start)


def _require_one_variable(results: Sequence[LisaResult]) -> None:
    """Raise unless results are of one variable in different periods."""
    if not results:
        raise OptionError("result must hold at least one LISA result, got an empty list")
    periods = {result.period for result in results}
    if len(periods) < len(results) or len({result.variable for result in results}) > 1:
        raise OptionError(
            "several LISA results must be of one variable, in different periods; got "
            f"{sample([(result.variable, result.period) for result in results])}"
        )


def _moran_of(results: Sequence[LisaResult], units: pd.Index) -> Points:
    """Return Moran's scatter plot as the results have it, with the criterion of significance."""
    tables = [
        result.standardized.where(result.frame["lag"].notna()).reindex(units) for result in results
    ]
    z, lags = (np.stack([table[name] for table in tables], axis=1) for name in ("z", "lag_z"))
    with np.errstate(invalid="ignore", divide="ignore"):
        slopes = np.nansum(z * lags, axis=0) / np.nansum(z**2, axis=0)
    remarks = [
        translate(join("; ", [t("Moran's I = {value:.3f}", value=r.moran_i), lisa_legend(r)]))
        for r in results
    ]
    name = t("{name} (z)", name=results[0].label)
    return Points(
        "moran", translate(t("Moran scatter plot")), translate(name),
        translate(t("Spatial lag (z)")), z, lags, slopes, remarks,
    )  # fmt: skip


def clubs_content(
    result: ClubsResult, panel: SpatialPanel | None, names: str | None, *, title: str | None
) -> Content:
    """Return convergence clubs, relative transition paths and their change."""
    units, texts = _units(result.membership.index, panel, names)
    paths = result.paths.reindex(units)
    membership = result.membership.reindex(units)
    numbers = list(result.frame.index)
    classes = [
        (translate(t("Club {number}", number=number)), hex_colour(colour))
        for number, colour in zip(numbers, ordered_colours(len(numbers)), strict=True)
    ]
    codes = np.array([numbers.index(m) if pd.notna(m) else len(numbers) for m in membership])
    if membership.isna().any():
        classes.append((translate(t("Divergent")), NO_GROUP))
    words = translate(t("Relative transition path (mean of all = 1)"))
    path = classified(paths, words)
    assert path.values is not None
    first = str(paths.columns[0])
    change = Points(
        "change",
        translate(t("Relative transition path: now and in {period}", period=first)),
        translate(t("In {period}", period=first)),
        translate(t("In the period shown")),
        path.values[:, :1], path.values,
    )  # fmt: skip
    clubs = translate(t("Convergence clubs"))
    variables = {
        "club": Variable(clubs, codes[:, None], classes, view=change, series="path", cuts=[1.0]),
        "path": replace(path, view=change, cuts=[1.0]),
    }
    name = result.description if panel is None else panel.label(result.variable)
    heading = join(": ", [t("Convergence clubs"), name])
    return Content(texts, paths.columns, variables, title or translate(heading))


def model_content(
    result: RegressionResult,
    panel: SpatialPanel | None,
    regressors: str | Sequence[str] | None,
    names: str | None,
    *,
    classes: int,
    title: str | None,
) -> Content:
    """Return effects by unit of each regressor, the residuals and the outcome of a model."""
    residuals = result.resid.unstack()
    units, texts = _units(residuals.index, panel, names)
    residuals = residuals.reindex(units)
    outcome = (result.resid + result.fitted).unstack().reindex(units)
    variables, notes = _effects(result, regressors, units, classes)
    words = translate(t("Standardised residual"))
    scaled = classified(
        residuals / np.sqrt(result.sigma2), words, breaks=[-2, -1, 1, 2], cmap=DIVERGING, digits=0
    )
    response = classified(outcome, result.label(result.spec.outcome), classes=classes)
    if result.weights is None:
        scaled = replace(scaled, view=ranked(scaled, residuals.columns))
    else:
        assert scaled.values is not None
        matrix = result.weights.aligned(units)
        scaled = replace(scaled, view=moran_points(scaled.values, matrix, words))
    variables["residual"] = scaled
    variables["outcome"] = replace(response, view=ranked(response, residuals.columns))
    heading = t("Effects by region: {name}", name=result.label(result.spec.outcome))
    return Content(texts, residuals.columns, variables, title or translate(heading), notes)


def _effects(
    result: RegressionResult, regressors: str | Sequence[str] | None, units: pd.Index, classes: int
) -> tuple[dict[str, Variable], list[str]]:
    """Return a variable for each regressor, side and horizon whose effects differ."""
    if regressors is None:
        known = [name for block, name, *_ in result.params.index if block == "x"]
        regressors = [name for name in dict.fromkeys(known) if name != "Intercept"]
    horizons = ("short-run", "long-run") if result.spec.is_dynamic else (None,)
    variables: dict[str, Variable] = {}
    notes = []
    for name in [regressors] if isinstance(regressors, str) else regressors:
        for horizon in horizons:
            table = result.unit_effects(name, horizon=horizon).reindex(units)
            for side in _SIDES:
                text = {
                    "own": t("{name}: own effect", name=result.label(name)),
                    "received": t("{name}: received from all others", name=result.label(name)),
                    "sent": t("{name}: sent to all others", name=result.label(name)),
                }[side]
                if horizon is not None:
                    text = join(", ", [text, label("horizon", horizon)])
                effect = table[side]
                if np.ptp(effect) <= 1e-8 * max(float(effect.abs().max()), 1e-300):
                    value = float(effect.iloc[0])
                    notes.append(
                        translate(t("{effect} is the same for all regions: {value:.4g}",
                                    effect=text, value=value))
                    )  # fmt: skip
                    continue
                made = classified(effect.to_frame(), translate(text), classes=classes)
                made = replace(made, view=ranked(made, table.columns), series="outcome")
                variables[f"{name} {side} {horizon}"] = made
    return variables, notes


def _units(
    units: pd.Index, panel: SpatialPanel | None, names: str | None
) -> tuple[pd.Index, list[str]]:
    """Return units in the order of the panel if there is one, and their display names."""
    if panel is None:
        return units, [str(unit) for unit in units]
    check_same_ids(
        panel.units, units, our_name="panel", their_name="result",
        advice="pass the panel from which the result was computed",
    )  # fmt: skip
    return panel.units, unit_names(panel, names)
