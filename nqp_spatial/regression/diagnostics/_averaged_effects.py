"""Effects averaged over subsets of weights: draws of a subset, then of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._effect_inference import by_draws
from nqp_spatial.regression._effect_rows import EffectRows
from nqp_spatial.regression._effect_values import KINDS, effect_values
from nqp_spatial.regression._mean_responses import MeanResponses
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression._trace_functions import TraceFunctions
from nqp_spatial.regression.diagnostics._mixed_regressions import (
    MixedRegressions,
    coefficient_draws,
)
from nqp_spatial.regression.diagnostics._mixture_posterior import MixturePosterior
from nqp_spatial.regression.likelihood.mixed_determinants import Determinants
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["averaged_effects"]


@dataclass(frozen=True, eq=False)
class _SumDeterminant:
    """The log-determinant of one sum, as far as effects need it."""

    determinants: Determinants
    which: int
    method: str = "factor"

    @property
    def interval(self) -> tuple[float, float]:
        bound = 1 / float(self.determinants.radii[self.which])
        return -bound, bound

    def derivative(self, rho: np.ndarray) -> np.ndarray:
        """Return ``-tr G``."""
        u = np.arctanh(self.determinants.radii[self.which] * np.asarray(rho))
        return np.asarray(self.determinants.derivative(np.array([self.which]), u[None])[0])


def averaged_effects(
    data: MixedRegressions,
    posterior: MixturePosterior,
    determinants: Determinants | None,
    shares: np.ndarray,
    weights_of: Callable[[int], SpatialWeights],
    rows: EffectRows,
    *,
    draws: int,
    level: float,
    seed: int | None,
) -> pd.DataFrame:
    """Return posterior medians, intervals and tail probabilities of effects.

    Parameters
    ----------
    data, posterior, determinants, shares
        Of all subsets.
    weights_of : callable
        Returns the weights of a subset.
    rows : EffectRows
        The variables and the terms of each.
    draws, level, seed
        As in `average_weights`.

    Returns
    -------
    DataFrame
        ``variable, effect, estimate, conf_low, conf_high, p_value``.
    """
    rng = np.random.default_rng(seed)
    # Systematic sampling: the number of draws of a subset is its expectation, rounded up or down.
    places = (rng.random() + np.arange(draws)) / draws
    edges = np.cumsum(posterior.probability)
    subsets = np.searchsorted(edges / edges[-1], places, side="right")
    values = []
    for which, count in zip(*np.unique(subsets, return_counts=True), strict=True):
        rho = np.zeros(count) if determinants is None else posterior.draws(which, count, rng)
        coefs, _ = coefficient_draws(data, shares[which], rho, rng)
        logdet = _SumDeterminant(determinants, int(which)) if determinants else None
        values.append(_effects(data, logdet, weights_of(which), rows, rho, coefs))
    stacked = np.concatenate(values)
    inference = by_draws(stacked, level)
    return pd.DataFrame(
        {
            "variable": np.repeat(np.array(rows.names, dtype=object), 3),
            "effect": list(KINDS) * len(rows.names),
            "estimate": np.median(stacked, axis=0).ravel(),
            "conf_low": inference.low.ravel(),
            "conf_high": inference.high.ravel(),
            "p_value": inference.p_values.ravel(),
        }
    )


def _effects(
    data: MixedRegressions,
    logdet: _SumDeterminant | None,
    w: SpatialWeights,
    rows: EffectRows,
    rho: np.ndarray,
    coefs: np.ndarray,
) -> np.ndarray:
    """Return effects of draws in one subset, shape (draws, rows, 3)."""
    spec, k = data.spec, data.x.shape[1]
    variable = [place for place, name in enumerate(spec.regressors) if name != INTERCEPT]
    theta = np.zeros((len(coefs), k))
    if spec.has_lags:
        theta[:, data.lagged] = coefs[:, k:]
    terms = TermWeights.of(w if spec.has_rho else None, w if spec.has_lags else None)
    traces = TraceFunctions(terms, logdet if spec.has_rho else None)  # type: ignore[arg-type]
    responses = MeanResponses(rows, traces).values(rho if spec.has_rho else np.zeros_like(rho))
    return effect_values(
        rows, np.ones_like(rho), coefs[:, :k][:, variable], theta[:, variable], responses
    )
