"""The parameters on which effects depend, and draws of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nqp_spatial.errors import OptionError
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._estimated import EstimatedModel

__all__ = ["EffectParameters", "draw_parameters", "effect_parameters", "not_stable"]


@dataclass(frozen=True, eq=False)
class EffectParameters:
    """The parameters on which effects depend, and their positions.

    Attributes
    ----------
    names : list of str
        Regressors without the intercept, K of them.
    lagged : ndarray of int
        For each theta, the position of its regressor.
    dynamics : tuple of str
        "tau" and "eta", where the model has them.
    has_rho : bool
    estimates, cov : ndarray
        (beta, theta, tau, eta, rho) and their covariance.
    """

    names: list[str]
    lagged: np.ndarray
    dynamics: tuple[str, ...]
    has_rho: bool
    estimates: np.ndarray
    cov: np.ndarray

    def coefficients(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return beta and theta of equal length, theta zero where a regressor is not lagged."""
        k = len(self.names)
        beta = values[..., :k]
        theta = np.zeros_like(beta)
        theta[..., self.lagged] = values[..., k : k + len(self.lagged)]
        return beta, theta

    def position(self, name: str) -> int | None:
        """Return the position of "tau", "eta" or "rho"; None if the model has none."""
        if name == "rho":
            return len(self.estimates) - 1 if self.has_rho else None
        if name not in self.dynamics:
            return None
        return len(self.names) + len(self.lagged) + self.dynamics.index(name)

    def value(self, values: np.ndarray, name: str) -> np.ndarray:
        """Return "tau", "eta" or "rho" of one or many sets of parameters; zero if there is none."""
        position = self.position(name)
        if position is None:
            return np.zeros(values.shape[:-1])
        return np.asarray(values[..., position])

    def argument(self, values: np.ndarray, horizon: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the argument of the trace functions and the divisor of effects.

        These are (rho, 1), and ((rho + eta) / (1 - tau), 1 - tau) in the long run.
        """
        rho = self.value(values, "rho")
        if horizon != "long-run":
            return rho, np.ones_like(rho)
        divisor = 1 - self.value(values, "tau")
        return (rho + self.value(values, "eta")) / divisor, divisor

    def denominator(self, horizon: str, high: float) -> tuple[float, np.ndarray]:
        """Return what becomes zero where effects grow without end, and its derivatives.

        ``1 - rho / high``, and ``1 - tau - (rho + eta) / high`` in the long run, high the end of
        the admissible interval: one where rows add to one.
        """
        slopes = np.zeros(len(self.estimates))
        names = {"rho": 1 / high}
        if horizon == "long-run":
            names |= {"eta": 1 / high, "tau": 1.0}
        for name, slope in names.items():
            if (position := self.position(name)) is not None:
                slopes[position] = -slope
        return float(1 + slopes @ self.estimates), slopes

    def is_stable(self, interval: tuple[float, float], horizon: str) -> bool:
        """Whether the estimate has effects at a horizon."""
        x, divisor = self.argument(self.estimates, horizon)
        return bool(interval[0] < x < interval[1] and divisor > 0)

    def require_stable(self, interval: tuple[float, float], horizon: str) -> None:
        """Raise `OptionError` if the estimate has no effects at a horizon."""
        if not self.is_stable(interval, horizon):
            x, _ = self.argument(self.estimates, horizon)
            raise OptionError(f"the estimate {not_stable(float(x), interval, horizon)}")


def not_stable(x: float, interval: tuple[float, float], horizon: str) -> str:
    """Return why an estimate has no effects at a horizon; x from `EffectParameters.argument`."""
    if horizon == "long-run":
        return (
            "is not stable at horizon 'long-run' (a lasting change would grow without end), so it "
            "has no effects there; see the note on tau + rho + eta"
        )
    low, high = interval
    return (
        f"is not stable: rho = {x:.4g} lies outside its admissible interval ({low:.4g}, "
        f"{high:.4g}), where effects would grow without end: there are none to report. Two-stage "
        "least squares does not keep rho within it; compare with estimator='ml' or 'm', and look "
        "for weak instruments in the notes"
    )


def effect_parameters(model: EstimatedModel) -> EffectParameters:
    """Return the parameters of effects: without the intercept, and without lam."""
    if model.terms.has_parts:
        raise OptionError(
            "a model with several W's in a term has effects from group to group, or by distance: "
            "see effects_matrix, effects_by_border or frame of the result of spillovers that "
            "holds it"
        )
    keys = list(model.params.index)
    positions = [
        position
        for position, (block, name) in enumerate(keys)
        if block in ("x", "wx", "dynamic", "spatial")
        and (block, name) not in (("x", INTERCEPT), ("spatial", "lam"))
    ]
    names = [keys[position][1] for position in positions if keys[position][0] == "x"]
    lagged = [keys[position][1] for position in positions if keys[position][0] == "wx"]
    return EffectParameters(
        names,
        np.array([names.index(name) for name in lagged], dtype=int),
        model.spec.dynamics,
        model.spec.has_rho,
        model.params.to_numpy()[positions],
        model.cov.to_numpy()[np.ix_(positions, positions)],
    )


def draw_parameters(parameters: EffectParameters, draws: int, seed: int | None) -> np.ndarray:
    """Draw parameters from their asymptotic distribution, shape (draws, parameters)."""
    rng = np.random.default_rng(seed)
    # Scaled before the decomposition, so that it does not depend on the units of measurement.
    scale = np.sqrt(np.diag(parameters.cov))
    root = _square_root(parameters.cov / np.outer(scale, scale))
    steps = rng.standard_normal((draws, len(scale))) @ root.T
    return np.asarray(parameters.estimates + steps * scale)


def _square_root(correlations: np.ndarray) -> np.ndarray:
    """Return L with L L' equal to a positive semi-definite matrix.

    Covariances by fewer clusters than coefficients are singular; L is then their symmetric root.
    """
    try:
        return np.asarray(np.linalg.cholesky(correlations))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlations)
    if not values[0] > -1e-8 * values[-1]:
        raise OptionError(
            "the covariance of the estimates is not positive semi-definite, so that nothing can be "
            "drawn from it; use method='delta'"
        )
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
