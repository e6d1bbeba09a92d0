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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet, critical_value
from nqp_spatial.core.options import checked
from nqp_spatial.core.text import join
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression import _effect_values as numerics
from nqp_spatial.regression._effect_parameters import EffectParameters, effect_parameters
from nqp_spatial.regression._estimated import EstimatedModel
from nqp_spatial.regression._trace_functions import EigenDecomposition, TraceFunctions

__all__ = ["EffectsResult", "effects_of", "unit_effects_of"]


@dataclass(frozen=True, repr=False)
class EffectsResult(Displayed):
    """Effects with inference.

    Attributes
    ----------
    frame : DataFrame
        One row per variable, horizon and effect: ``variable, horizon, effect, estimate, std_error,
        statistic, p_value, conf_low, conf_high``. Units: those of y per unit of x. ``horizon`` is
        "static", or "short-run" and "long-run" (of a permanent change in x), or a number of periods
        h (effect on y, h periods after a change in x that lasts one period).
    spec : Spec
        ``model`` and ``weights`` in words; ``method`` ("draws" or "delta"), ``draws`` (0 for the
        delta method), ``seed`` (None for the delta method), ``level`` of the intervals.
    labels : mapping
        Display labels of variables.
    discarded : int
        Draws outside the stable region, which were not used.
    notes : tuple of str
        Variables that enter in several terms, so that no single row is the effect of the variable.
    tests : TestSet
        Empty.

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
        method = f"{draws} draws, seed {seed}" if draws else "delta method"
        discarded = f", {self.discarded} unstable draws discarded" if self.discarded else ""
        table = self.frame
        if set(table["horizon"]) == {"static"}:
            table = table.drop(columns="horizon")
        return [
            f"Effects. {self.title}",
            table.reset_index(drop=True),
            f"Inference: {method}{discarded}; level {self.level:g}",
            *notes_of(self.notes),
        ]

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
        """Return estimates with one row per variable (and horizon) and one column per effect.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
        >>> res.effects(method="delta").wide().columns.tolist()
        ['direct', 'indirect', 'total']
        """
        variables = list(dict.fromkeys(self.frame["variable"]))
        horizons = list(dict.fromkeys(self.frame["horizon"]))
        keys = ["variable", "horizon"] if len(horizons) > 1 else ["variable"]
        table = self.frame.set_index([*keys, "effect"])["estimate"].unstack()
        rows = variables
        if keys[1:]:
            rows = pd.MultiIndex.from_product([variables, horizons], names=keys)
        return table.loc[rows, list(numerics.KINDS)]


def effects_of(
    model: EstimatedModel,
    *,
    draws: int,
    horizons: Sequence[int],
    seed: int | None,
    method: Literal["draws", "delta"],
    level: float,
) -> EffectsResult:
    """Return the effects of a model; see `RegressionResult.effects`.

    Parameters
    ----------
    model : EstimatedModel
    draws, horizons, seed, method, level
        As in `RegressionResult.effects`.

    Returns
    -------
    EffectsResult
    """
    _require_horizons(model, horizons)
    parameters, traces = effect_parameters(model), TraceFunctions(model.terms, model.logdet)
    names = ["short-run", "long-run"] if model.spec.is_dynamic else ["static"]
    for name in names:
        parameters.require_stable(traces.interval, name)
    linear = not (model.spec.has_rho or model.spec.is_dynamic)
    simulated = method == "draws" and not linear
    discarded = 0
    simulations: dict[str, np.ndarray] = {}
    if simulated or len(horizons):
        simulations, stable = numerics.simulate(parameters, names, traces, draws=draws, seed=seed)
        discarded = draws - len(stable)
        numerics.warn_discarded(discarded, draws)
    frames = []
    for name in names:
        beta, theta = parameters.coefficients(parameters.estimates)
        x, divisor = parameters.argument(parameters.estimates, name)
        values = traces.values(np.atleast_1d(x))[:, 0]
        point = numerics.effect_values(x, divisor, beta, theta, values)
        if simulated:
            frames.append(_from_draws(parameters.names, name, point, simulations[name], level))
            continue
        gradient = numerics.delta_gradient(parameters, name, traces)
        errors = np.sqrt(np.einsum("kep,pq,keq->ke", gradient, parameters.cov, gradient))
        reach = critical_value(level, model.df_resid) * errors
        limits = (point - reach, point + reach)
        frames.append(numerics.effects_frame(parameters.names, name, point, errors, limits))
    if len(horizons):
        frames += _paths(model, parameters, stable, horizons, level)
    sides = model.model_specs
    return EffectsResult(
        frame=pd.concat(frames, ignore_index=True),
        spec=Spec(
            model=model.spec.describe(),
            weights=model.spec.weights,
            method="draws" if simulated else "delta",
            draws=draws if simulated else 0,
            seed=seed if simulated else None,
            level=level,
        ),
        labels=model.labels,
        discarded=discarded,
        notes=() if sides is None else sides[1].notes_on_terms(),
    )


def _from_draws(
    names: list[str], horizon: str | int, point: np.ndarray, draws: np.ndarray, level: float
) -> pd.DataFrame:
    """Return the frame of effects with inference from draws, shape (draws, K, 3)."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    errors = draws.std(axis=0, ddof=1)
    return numerics.effects_frame(names, horizon, point, errors, (low, high))


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
    draws: np.ndarray,
    horizons: Sequence[int],
    level: float,
) -> list[pd.DataFrame]:
    """Return effects by horizon, with inference from the draws."""
    w = model.terms.weights_y or model.terms.weights_x
    assert w is not None
    eigen = EigenDecomposition(w)
    steps = [int(h) for h in horizons]
    points = eigen.paths(parameters, parameters.estimates[None, :], steps)
    simulations = eigen.paths(parameters, draws, steps)
    return [_from_draws(parameters.names, h, points[h][0], simulations[h], level) for h in steps]


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
    if variable not in parameters.names:
        raise UnknownColumnError(
            f"{variable!r} is not a regressor of this model; they are "
            f"{sample(parameters.names, 20)}"
        )
    known = ("short-run", "long-run") if model.spec.is_dynamic else ("static",)
    name = known[0] if horizon is None else horizon
    if name not in known:
        raise OptionError(f"horizon must be one of {', '.join(known)}, got {horizon!r}")
    parameters.require_stable(TraceFunctions(model.terms, model.logdet).interval, name)
    beta, theta = parameters.coefficients(parameters.estimates)
    column = parameters.names.index(variable)
    x, divisor = parameters.argument(parameters.estimates, name)
    return numerics.unit_effects(
        model.terms,
        float(x),
        float(divisor),
        float(beta[column]),
        float(theta[column]),
        model.resid.index.levels[0],
    )
