"""Bootstrap of both models of a mediation together: complete residual series of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import NqpError, OptionError
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.likelihood.factorization import factorize
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.spillovers._path_effects import Leg
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["BothModels", "bootstrap_parameters"]


@dataclass(frozen=True, eq=False)
class BothModels:
    """Both models, and how each is estimated again.

    Attributes
    ----------
    panel : SpatialPanel
    outcome, mediator : RegressionResult
    options : tuple of mapping
        Arguments of `fit` of both models, with weights.
    """

    panel: SpatialPanel
    outcome: RegressionResult
    mediator: RegressionResult
    options: tuple[Mapping[str, Any], Mapping[str, Any]]

    def require_bootstrap(self) -> None:
        """Raise `OptionError` for models whose samples cannot be drawn."""
        for model in (self.outcome, self.mediator):
            spec = model.spec
            if spec.is_dynamic or spec.has_phi:
                kind = "dynamic models" if spec.is_dynamic else f"effects={spec.effects!r}"
                raise OptionError(
                    f"method='bootstrap' is not offered for {kind}: it redraws the errors around "
                    "known regressors and fixed effects; use method='draws'"
                )
            if spec.outcome not in self.panel.frame.columns:
                raise OptionError(
                    f"method='bootstrap' needs the left sides of both formulas as columns, and "
                    f"{spec.outcome!r} is computed from columns: make it a column with "
                    "panel.assign, or use method='draws'"
                )

    def sample(self, seed: np.random.SeedSequence) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the parameters of both models in one bootstrap sample; None where a fit fails."""
        n = self.mediator.n_units
        units = np.random.default_rng(seed).integers(0, n, n)
        sampled = self.panel.assign(None, **self.redrawn(units))
        try:
            outcome, mediator = (fit(panel=sampled, **options) for options in self.options)
        except NqpError:
            return None
        return outcome.params.to_numpy(), mediator.params.to_numpy()

    def redrawn(self, units: np.ndarray) -> dict[str, np.ndarray]:
        """Return mediator and outcome with the errors of these units instead of their own."""
        n, t = self.mediator.n_units, self.mediator.n_periods
        changes = []
        for model in (self.mediator, self.outcome):
            e = model.resid.to_numpy().reshape(n, t)
            # Residuals vary less than errors, because effects and coefficients are estimated.
            scale = np.sqrt(model.sigma2 / (e**2).mean())
            changes.append(_through(model.terms.weights_u, model, "lam", scale * e[units] - e))
        name = self.mediator.spec.outcome
        change_m = _through(self.mediator.terms.weights_y, self.mediator, "rho", changes[0])
        right = changes[1] + _response(self.outcome, name, change_m)
        change_y = _through(self.outcome.terms.weights_y, self.outcome, "rho", right)
        frame = self.panel.frame
        return {
            column: frame[column].to_numpy() + change.ravel()
            for column, change in ((name, change_m), (self.outcome.spec.outcome, change_y))
        }


def bootstrap_parameters(
    models: BothModels, replications: int, seed: int | None, n_jobs: int, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return parameters of both models, centred at the estimates, one row per sample.

    Units are drawn with the errors of both equations and all their periods; the mediator of a
    sample is the one that its errors imply, and the outcome follows from it. The deviations from
    the mean of the samples are added to the estimates, so that the bias of an estimator does not
    count twice.

    Raises
    ------
    OptionError
        If a model cannot be redrawn, or more than one sample in ten cannot be estimated.
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    models.require_bootstrap()
    seeds = np.random.SeedSequence(seed).spawn(replications)
    tasks = (delayed(models.sample)(child) for child in seeds)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    bar = tqdm(results, total=replications, desc="bootstrap", disable=not progress)
    samples = [sample for sample in bar if sample is not None]
    if len(samples) < 0.9 * replications:
        raise OptionError(
            f"{replications - len(samples)} of {replications} bootstrap samples cannot be "
            "estimated: the models are near the edge of stability; use method='draws'"
        )
    outcome, mediator = (
        np.stack(rows) - np.mean(rows, axis=0) + model.params.to_numpy()
        for rows, model in zip(
            zip(*samples, strict=True), (models.outcome, models.mediator), strict=True
        )
    )
    return outcome, mediator


def _through(
    weights: SpatialWeights | None, model: RegressionResult, name: str, array: np.ndarray
) -> np.ndarray:
    """Return ``(I - c W)^-1`` times an array of units by periods, c a spatial coefficient."""
    key = ("spatial", name)
    if weights is None or key not in model.params.index:
        return array
    return np.asarray(factorize(weights.sparse, float(model.params[key])).solve(array))


def _response(model: RegressionResult, name: str, change: np.ndarray) -> np.ndarray:
    """Return ``beta m + theta W m`` for a change of the mediator."""
    leg, params = Leg(model, "static"), model.params.to_numpy()[None]
    right = leg.coefficient(params, "x", name)[0] * change
    if model.terms.weights_x is not None:
        theta = leg.coefficient(params, "wx", name)[0]
        right = right + theta * (model.terms.weights_x.sparse @ change)
    return np.asarray(right)
