"""Dynamic models: stability, and the bias that unit dummies cause."""

from __future__ import annotations

import numpy as np

from nqp_spatial.errors import ConvergenceError
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.spec import RegressionSpec

__all__ = ["lag_parameters", "long_run", "score_bias_of_units"]


def lag_parameters(coefs: np.ndarray, spec: RegressionSpec) -> tuple[float, float]:
    """Return (tau, eta), the last of the coefficients; zero where the model has none."""
    values = dict(zip(spec.dynamics, coefs[len(coefs) - len(spec.dynamics) :], strict=True))
    return float(values.get("tau", 0.0)), float(values.get("eta", 0.0))


def long_run(rho: float, tau: float, eta: float) -> float:
    """Return r with ``(1 - tau) I - (rho + eta) W = (1 - tau)(I - r W)``."""
    return (rho + eta) / (1 - tau)


def score_bias_of_units(
    estimate: Estimate,
    spec: RegressionSpec,
    n: int,
    outcome: LogDet | None,
    error: LogDet | None,
) -> np.ndarray:
    """Return minus the mean of the score of a dynamic model with unit dummies.

    Demeaning makes the lagged outcome correlated with the current error. With
    ``D = (1 - tau) I - (rho + eta) W`` the mean of the score is, up to order 1/T,

    ``-(tr D^-1, tr W D^-1, tau tr G D^-1 + eta tr G W D^-1 + tr G, tr H, n / (2 sigma2))``

    in (tau, eta, rho, lam, sigma2) and zero in beta and theta (Yu, de Jong and Lee 2008, equation
    17; Lee and Yu 2010b, with traces over the remaining space where period effects are transformed
    away). D and G are functions of one W, so that partial fractions reduce all traces to ``g(x) =
    tr W (I - x W)^-1 = -L'(x)`` at rho and at ``r = (rho + eta) / (1 - tau)``.

    Parameters
    ----------
    estimate : Estimate
        Its last coefficients are tau and eta, where the model has them.
    spec : RegressionSpec
    n : int
        Number of units.
    outcome, error : LogDet or None
        Log-determinants of W_y and W_u.

    Returns
    -------
    ndarray
        In (coefs, rho, lam, phi, sigma2).

    Raises
    ------
    ConvergenceError
        If the estimate is not stable, so that the sums behind the traces do not exist.
    """
    tau, eta = lag_parameters(estimate.coefs, spec)
    rho, lam = float(estimate.rho[0]), estimate.lam
    drops_unit_root = estimate.counts.drops_unit_root
    edge = np.inf if outcome is None else outcome.interval[1]
    if tau >= 1 or not abs(long_run(rho, tau, eta)) < edge:
        raise ConvergenceError(
            f"tau = {tau:.4g}, rho + eta = {rho + eta:.4g}: the outcome does not return to where "
            "it was, so its bias has no formula; use correction='none', or model its changes"
        )
    r = long_run(rho, tau, eta)

    def g(x: float) -> float:
        if outcome is None:
            return 0.0
        return -float(outcome.derivative(x)) - drops_unit_root / (1 - x)

    def g_slope(x: float) -> float:
        assert outcome is not None
        return -float(outcome.second_derivative(x)) - drops_unit_root / (1 - x) ** 2

    size = n - drops_unit_root
    inverse = (size + r * g(r)) / (1 - tau)  # tr D^-1
    lagged = g(r) / (1 - tau)  # tr W D^-1
    if abs(r - rho) > 1e-4 * (1.0 if outcome is None else edge):
        twice = (r * g(r) - rho * g(rho)) / (r - rho)  # tr G (I - r W)^-1
        thrice = (g(r) - g(rho)) / (r - rho)  # tr G W (I - r W)^-1
    else:  # their limits, at the middle
        middle = (r + rho) / 2
        thrice = g_slope(middle) if outcome is not None else 0.0
        twice = g(middle) + middle * thrice
    score = np.zeros(len(estimate.coefs) + 4)
    first = len(estimate.coefs) - len(spec.dynamics)
    for position, name in enumerate(spec.dynamics, start=first):
        score[position] = inverse if name == "tau" else lagged
    score[-4] = (tau * twice + eta * thrice) / (1 - tau) + g(rho)
    if error is not None:
        score[-3] = -float(error.derivative(lam)) - drops_unit_root / (1 - lam)
    score[-1] = size / (2 * estimate.sigma2)
    return score
