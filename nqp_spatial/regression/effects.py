"""Direct, indirect and total effects of a change in x: on the same unit, the others, and all.

``S_k = (I - rho W)^-1 (beta_k I + theta_k W)`` is the matrix of derivatives of y with respect to
the k-th regressor (LeSage and Pace 2009, section 2.7). With ``g = tr G / n`` and ``s`` the mean row
sum of G, for any W:

    direct = mean diagonal of S_k = beta + (rho beta + theta) g(rho)
    total  = mean row sum of S_k  = beta + (rho beta + theta) s(rho)

and indirect is the difference. Both g and s are smooth functions of rho alone, ``g = -L'/n`` and,
where rows add to one, ``s = 1/(1 - rho)``: no draw requires a matrix inverse. Long-run effects of a
dynamic model are the same functions at ``r = (rho + eta) / (1 - tau)``, divided by 1 - tau
(Debarsy, Ertur and LeSage 2012). Where W X has its own matrix, theta has its own functions.

The effect of a variable is that of all its terms: see `_effect_rows`. Where derivatives differ
between units, `_mean_responses` has the functions of rho.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.number_format import significant
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import join, t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression import _effect_values as numerics
from nqp_spatial.regression._effect_inference import Inference, by_delta, by_draws, by_fieller
from nqp_spatial.regression._effect_parameters import EffectParameters, effect_parameters
from nqp_spatial.regression._effect_paths import EigenDecomposition
from nqp_spatial.regression._effect_rows import at_columns, effect_rows, rows_of_terms
from nqp_spatial.regression._effect_values import KINDS
from nqp_spatial.regression._error_dependence import FEW_CLUSTERS
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._mean_responses import MeanResponses
from nqp_spatial.regression._trace_functions import TraceFunctions

__all__ = ["EffectsResult", "Method", "effects_of", "unit_effects_of"]

Method = Literal["draws", "delta", "fieller"]
NO_LONG_RUN = t(
    "the estimate is not stable (a lasting change would grow without end): there are no effects in "
    "the long run"
)
NO_REGRESSORS = t("the model has no regressors, and therefore no effects")
_METHODS = {"delta": "delta method", "fieller": "inverted test (Fieller)"}


@dataclass(frozen=True, repr=False)
class EffectsResult(Displayed):
    """Effects with inference.

    Attributes
    ----------
    frame : DataFrame
        One row per variable, horizon and effect: ``variable, horizon, effect, estimate, std_error,
        statistic, p_value, conf_low, conf_high``. Units: those of y per unit of x. ``horizon`` is
        "static", or "short-run" and "long-run" (of a permanent change in x; absent, with a note,
        where the estimate is not stable), or a number of periods
        h (effect on y, h periods after a change in x that lasts one period). Effects at stated
        values have a column for each moderator, after ``effect``, with its name (``at estimate``
        for a variable that has the name of another column).
    spec : Spec
        ``model`` and ``weights`` in words; ``method`` ("draws", "delta" or "fieller"), ``draws``
        (0 if there are none), ``seed`` (None if there are no draws), ``level`` of the intervals,
        ``at`` (the stated values) and ``terms``.
    labels : mapping
        Display labels of variables.
    discarded : int
        Draws outside the stable region, which were not used.
    notes : tuple of str
        Variables whose effect is that of several terms, terms that are not variables, and intervals
        that are unbounded.
    tests : TestSet
        Empty.
    moderators : tuple of str
        Columns of `frame` with the stated values.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> res.effects(method="delta").frame.shape
    (6, 9)
    """

    _figure = "effects"

    frame: pd.DataFrame
    spec: Spec
    labels: Mapping[str, str]
    discarded: int = 0
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)
    moderators: tuple[str, ...] = ()

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.spec["level"])

    @property
    def title(self) -> str:
        """The model and its weights, in words."""
        return join("; ", [words for words in (self.spec["model"], self.spec["weights"]) if words])

    def _blocks(self) -> list[Block]:
        draws, seed = self.spec["draws"], self.spec["seed"]
        method = f"{draws} draws, seed {seed}" if draws else _METHODS[self.spec["method"]]
        discarded = f", {self.discarded} unstable draws discarded" if self.discarded else ""
        if self.frame.empty:
            return [f"Effects. {self.title}", *notes_of(self.notes)]
        if draws:  # p is a share of draws
            discarded += f", p at least {significant(2 / (draws - self.discarded + 1), 1)}"
        table = self.frame
        if set(table["horizon"]) == {"static"}:
            table = table.drop(columns="horizon")
        if self.moderators:  # so that rows fit into a line
            table = table.drop(columns="statistic")
        return [
            f"Effects. {self.title}",
            table.rename(columns=self._headings()).reset_index(drop=True),
            f"Inference: {method}{discarded}; level {self.level:g}",
            *notes_of(self.notes),
        ]

    def _headings(self) -> dict[str, str]:
        """Return the headings of a summary, which leave room for names in 80 columns."""
        tail = 100 * (1 - self.level) / 2
        ends = {"conf_low": f"{tail:.4g} %", "conf_high": f"{100 - tail:.4g} %"}
        return {"std_error": "std.error", "statistic": "stat", "p_value": "p", **ends}

    def plot(self, **options: Any) -> Any:
        """Draw `plots.effects`, or `plots.effects_at` where there are stated values.

        Returns
        -------
        Figure
        """
        name = "effects_at" if self.moderators else "effects"
        return getattr(import_module("nqp_spatial.plots"), name)(self, **options)

    @checked
    def at(self, horizon: str | int) -> EffectsResult:
        """Return the effects at one horizon.

        Parameters
        ----------
        horizon : str or int
            As in the column of `frame`.

        Raises
        ------
        OptionError
            If there is no such horizon.
        """
        rows = self.frame[self.frame["horizon"] == horizon]
        if rows.empty:
            horizons = ", ".join(map(str, dict.fromkeys(self.frame["horizon"])))
            raise OptionError(f"there are no effects at horizon {horizon!r}; there are {horizons}")
        return replace(self, frame=rows.reset_index(drop=True))

    def wide(self) -> pd.DataFrame:
        """Return estimates, one row per variable (horizon, stated values), one column per effect.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(method="delta").wide().columns.tolist()
        ['direct', 'indirect', 'total']
        """
        several = len(dict.fromkeys(self.frame["horizon"])) > 1
        keys = ["variable", *(["horizon"] if several else []), *self.moderators]
        names = list(dict.fromkeys(self.frame["variable"]))
        by_effect = dict(list(self.frame.groupby("effect")))
        order = np.argsort(by_effect[KINDS[0]]["variable"].map(names.index), kind="stable")
        table = pd.DataFrame(
            {kind: by_effect[kind].set_index(keys)["estimate"].iloc[order] for kind in KINDS}
        )
        return table.rename_axis(columns="effect")


def effects_of(
    model: EstimatedModel,
    *,
    draws: int,
    horizons: Sequence[int],
    seed: int | None,
    method: Method,
    level: float,
    at: Mapping[str, object] | None,
    terms: bool,
) -> EffectsResult:
    """Return the effects of a model; see `RegressionResult.effects`.

    Parameters
    ----------
    model : EstimatedModel
    draws, horizons, seed, method, level, at, terms
        As in `RegressionResult.effects`.

    Returns
    -------
    EffectsResult
    """
    _require_horizons(model, horizons)
    parameters, traces = effect_parameters(model), TraceFunctions(model.terms, model.logdet)
    names = ["short-run", "long-run"] if model.spec.is_dynamic else ["static"]
    parameters.require_stable(traces.interval, names[0])
    stability: tuple[str, ...] = ()
    if not parameters.is_stable(traces.interval, names[-1]):
        if len(horizons):
            parameters.require_stable(traces.interval, names[-1])
        names, stability = names[:1], (NO_LONG_RUN,)
    rows = effect_rows(model, parameters.names, at, terms=terms)
    responses = MeanResponses(rows, traces)
    used: Method = "delta" if not (model.spec.has_rho or model.spec.is_dynamic) else method
    discarded = 0
    simulations: dict[str, np.ndarray] = {}
    if used == "draws" or len(horizons):
        simulations, stable = numerics.simulate(
            parameters, names, responses, draws=draws, seed=seed
        )
        discarded = draws - len(stable)
        numerics.warn_discarded(discarded, draws)
    frames = []
    for name in names:
        point = _point(parameters, name, responses)
        if used == "draws":
            inference = by_draws(simulations[name], level)
        else:
            inference = _linearised(model, parameters, name, responses, point, used, level)
        frames.append(numerics.effects_frame(rows, name, point, inference))
    if len(horizons):
        frames += _paths(model, parameters, responses, stable, horizons, level)
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    notes = (
        *(() if parameters.names else (NO_REGRESSORS,)),
        *stability,
        *rows.notes,
        *_notes_on_intervals(frame, used),
        *_notes_on_clusters(model, used),
        *_notes_on_probes(parameters, responses, names, frame),
    )
    return EffectsResult(
        frame=frame,
        spec=Spec(
            model=model.spec.describe(),
            weights=model.spec.weights,
            method=used,
            draws=draws if used == "draws" else 0,
            seed=seed if used == "draws" else None,
            level=level,
            at={name: list(dict.fromkeys(rows.at[name])) for name in rows.at.columns},
            terms=terms,
        ),
        labels=model.labels,
        discarded=discarded,
        notes=notes,
        moderators=tuple(at_columns(rows.at).columns),
    )


def _point(parameters: EffectParameters, horizon: str, responses: MeanResponses) -> np.ndarray:
    """Return effects at the estimates, shape (R, 3)."""
    beta, theta = parameters.coefficients(parameters.estimates)
    x, divisor = parameters.argument(parameters.estimates, horizon)
    values = responses.values(np.atleast_1d(x))[:, :, 0]
    return numerics.effect_values(responses.rows, divisor, beta, theta, values)


def _linearised(
    model: EstimatedModel,
    parameters: EffectParameters,
    horizon: str,
    responses: MeanResponses,
    point: np.ndarray,
    method: Method,
    level: float,
) -> Inference:
    """Return inference by the delta method or by an inverted test."""
    gradient = numerics.delta_gradient(parameters, horizon, responses)
    if method == "delta":
        return by_delta(point, gradient, parameters.cov, level, model.df_resid)
    denominator, slopes = parameters.denominator(horizon, responses.traces.interval[1])
    return by_fieller(point, gradient, denominator, slopes, parameters.cov, level)


def _notes_on_clusters(model: EstimatedModel, method: Method) -> list[str]:
    """Say where few clusters make normal intervals too short."""
    few = model.spec.covariance == "cluster" and model.df_resid < FEW_CLUSTERS - 1
    if method == "delta" or not few:
        return []
    return [
        t(
            "these intervals are normal and too short with {count} clusters; method='delta' takes "
            "{free} degrees of freedom",
            count=int(model.df_resid) + 1,
            free=int(model.df_resid),
        )
    ]


def _notes_on_intervals(frame: pd.DataFrame, method: Method) -> list[str]:
    """Say which intervals are unbounded, and why."""
    unbounded = np.isinf(frame["conf_low"].to_numpy())
    if not unbounded.any():
        return []
    horizons = ", ".join(map(str, dict.fromkeys(frame["horizon"][unbounded])))
    if method == "fieller":
        return [
            t(
                "intervals at horizon {horizons} are unbounded: the denominator of effects is not "
                "significantly different from zero at this level",
                horizons=horizons,
            )
        ]
    return [t("so few draws determine no interval of this level; pass more draws")]


def _notes_on_probes(
    parameters: EffectParameters, responses: MeanResponses, horizons: list[str], frame: pd.DataFrame
) -> list[str]:
    """Say how large the error of random probes is, where it is not negligible."""
    if not responses.is_estimated:
        return []
    beta, theta = parameters.coefficients(parameters.estimates)
    rows, pieces, largest = responses.rows, responses.pieces, 0.0
    for horizon in horizons:
        x, divisor = (float(part) for part in parameters.argument(parameters.estimates, horizon))
        unlagged, lagged = responses.probe_values(x)
        column = rows.column[pieces]
        each = np.zeros((unlagged.shape[1], len(rows.row)))
        each[:, pieces] = (beta[column][:, None] * unlagged + theta[column][:, None] * lagged).T
        errors = rows.sums(each).std(axis=0, ddof=1) / np.sqrt(unlagged.shape[1]) / divisor
        direct = (frame["effect"] == "direct") & (frame["horizon"] == horizon)
        largest = max(largest, float((errors / frame.loc[direct, "std_error"]).max()))
    if largest < 0.01:
        return []
    return [
        t(
            "direct effects that differ between units rest on {count} random probes, whose error "
            "is up to {share:.2f} standard errors; at= has none",
            count=unlagged.shape[1],
            share=largest,
        )
    ]


def _require_horizons(model: EstimatedModel, horizons: Sequence[int]) -> None:
    if not len(horizons):
        return
    if not model.spec.is_dynamic:
        raise OptionError("horizons are of dynamic models; fit with time_lag=True")
    if any(not isinstance(h, int | np.integer) or h < 0 for h in horizons):
        raise OptionError(f"horizons must be whole numbers from 0, got {list(horizons)}")
    terms = model.terms
    w = terms.weights_y or terms.weights_x
    single = (
        terms.weights_y is terms.weights_x or terms.weights_x is None or terms.weights_y is None
    )
    if w is None or not single or not w.rows_add_to_one:
        raise OptionError(
            "effects by horizon need one W whose rows add to one; without it there are "
            "short-run and long-run effects"
        )


def _paths(
    model: EstimatedModel,
    parameters: EffectParameters,
    responses: MeanResponses,
    draws: np.ndarray,
    horizons: Sequence[int],
    level: float,
) -> list[pd.DataFrame]:
    """Return effects by horizon, with inference from the draws."""
    w = model.terms.weights_y or model.terms.weights_x
    assert w is not None
    eigen = EigenDecomposition(w)
    steps = [int(h) for h in horizons]
    points = eigen.paths(parameters, parameters.estimates[None, :], steps, responses)
    simulations = eigen.paths(parameters, draws, steps, responses)
    return [
        numerics.effects_frame(responses.rows, h, points[h][0], by_draws(simulations[h], level))
        for h in steps
    ]


def unit_effects_of(model: EstimatedModel, variable: str, horizon: str | None) -> pd.DataFrame:
    """Return the effects of each unit; see `RegressionResult.unit_effects`.

    Parameters
    ----------
    model : EstimatedModel
    variable, horizon
        As in `RegressionResult.unit_effects`.

    Returns
    -------
    DataFrame
    """
    parameters = effect_parameters(model)
    rows = effect_rows(model, parameters.names, None, terms=False)
    if variable not in rows.names and variable in parameters.names:
        rows = rows_of_terms(parameters.names)
    if variable not in rows.names:
        raise UnknownColumnError(
            f"{variable!r} is not a regressor of this model; they are {sample(rows.names, 20)}"
        )
    known = ("short-run", "long-run") if model.spec.is_dynamic else ("static",)
    name = known[0] if horizon is None else horizon
    if name not in known:
        raise OptionError(f"horizon must be one of {', '.join(known)}, got {horizon!r}")
    parameters.require_stable(TraceFunctions(model.terms, model.logdet).interval, name)
    beta, theta = parameters.coefficients(parameters.estimates)
    slopes = rows.slopes(rows.names.index(variable), model.n_units)
    direct_slopes = sum((beta[column] * slope for column, slope in slopes), np.zeros(model.n_units))
    lagged_slopes = sum(
        (theta[column] * slope for column, slope in slopes), np.zeros(model.n_units)
    )
    x, divisor = parameters.argument(parameters.estimates, name)
    units = model.resid.index.levels[0]
    return numerics.unit_effects(
        model.terms, float(x), float(divisor), direct_slopes, lagged_slopes, units
    )
