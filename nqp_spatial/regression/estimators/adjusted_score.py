"""Estimation by adjusted scores: the root of `score_equations`, and its covariance."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import numpy as np

from nqp_spatial.core.text import t
from nqp_spatial.errors import BoundaryError, ConvergenceError, OptionError
from nqp_spatial.regression._demeaning import LikelihoodCounts
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import inverted
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.estimators.filter_diagonals import DiagonalSource
from nqp_spatial.regression.estimators.gs2sls import bordered
from nqp_spatial.regression.estimators.ml import LogDeterminants, likelihood_maximum
from nqp_spatial.regression.estimators.score_equations import AdjustedScores, Score
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood, CrossProducts
from nqp_spatial.regression.likelihood.log_determinant import LogDet
from nqp_spatial.regression.likelihood.several_lags import LagMatrices
from nqp_spatial.regression.likelihood.sizes import PROBES

__all__ = ["fit_adjusted_score"]

_STEPS, _SHORTEST = 40, 1e-2  # of Newton's method; a step is cut at most to this share


def fit_adjusted_score(
    data: ModelData, determinants: LogDeterminants, seed: int | None = 0
) -> Estimated:
    """Estimate by adjusted scores, with the covariance for unknown heteroskedasticity.

    Parameters
    ----------
    data : ModelData
        Of a static model with rho, lam or both, one W for each term, without random effects.
    determinants : LogDeterminants
        For the starting value, which maximises the likelihood.
    seed : int, optional
        Seed of the random probes, above 1 000 units.

    Returns
    -------
    Estimated

    Raises
    ------
    BoundaryError
        If the scores have no root inside the intervals of rho and lam.
    ConvergenceError
        If the steps do not converge, or the parameters are not identified.
    OptionError
        If there are period effects and fewer than three units.

    Notes
    -----
    Consistent, as the number of units grows, if the errors of different units are independent.
    Their variances may differ between units and over time in any way, and the errors of a unit may
    be correlated over time: the matrix of each quadratic form has zeros on the diagonal of every
    unit. The covariance is ``J^-1 Omega J^-1'``: J is the derivative of the scores; Omega the sum
    of the variance of the linear parts and of that over pairs of units (`unit_pairs`). For
    ``robust`` errors are independent over time (Stock and Watson 2008 where unit effects are
    removed); for ``cluster`` they may be correlated within a unit. The residuals of each unit are
    divided by ``sqrt(1 - leverage)``.

    Sources: Lin and Lee (2010), Journal of Econometrics 157, 34-52; Liu and Yang (2015), Regional
    Science and Urban Economics 52, 50-70, for cross-sections (with one period the scores are those
    of their section 3); Liu and Yang (2020), Japanese Journal of Statistics and Data Science 3,
    257-311, for panels. The weights under period effects are derived here.
    """
    if data.spec.sweeps_periods and data.shape[0] < 3:
        raise OptionError(
            "adjusted scores with period effects need three units or more, this panel has "
            f"{data.shape[0]}; use effects='unit'"
        )
    source = DiagonalSource(data.terms, data.spec, data.shape[0], seed)
    scores = AdjustedScores(data, source)
    score, iterations = _root(scores, data, determinants)
    information = score.jacobian
    omega = scores.variance(score, seed)
    inverse = inverted(information, "the derivative of the adjusted scores")
    cov = inverse @ omega @ inverse.T
    size = scores.q.shape[2]
    turn = np.eye(len(cov))
    turn[:size, :size] = data.projection.unscale
    cov = turn @ cov @ turn.T
    if not (np.diag(cov) > 0).all():
        raise ConvergenceError(
            "the variance of the adjusted scores is not positive definite, so that there are no "
            "standard errors: take fewer regressors, or more units"
        )
    estimate = scores.estimate(score)
    noise = _probe_error(scores, score, np.sqrt(np.diag(cov)[size:]))
    notes: tuple[str, ...] = ()
    if score.diagonals.probes is not None:
        notes = (
            t(
                "diagonals of the adjusted scores estimated from {probes} probes: an error of "
                "{error:.1e} standard errors of rho or lam",
                probes=PROBES, error=noise,
            ),
        )  # fmt: skip
    first = _log_determinants(data, determinants)[0]
    convergence = Convergence(iterations, score.slope(omega), first.method, noise, first.interval)
    return Estimated(estimate, bordered(cov, estimate), convergence=convergence, notes=notes)


def _root(
    scores: AdjustedScores, data: ModelData, determinants: LogDeterminants
) -> tuple[Score, int]:
    """Return the scores at the root next to the maximum of the likelihood, and the steps to it.

    Where steps from there lead nowhere, other starting values are tried, and of the roots that they
    lead to the one of the highest likelihood is taken.
    """
    ends = np.array([logdet.interval[1] for logdet in _log_determinants(data, determinants)])
    likelihood = _likelihood(data, determinants)
    failed: BoundaryError | ConvergenceError | None = None
    try:
        best, _ = likelihood_maximum(likelihood, data.terms)
        return _newton(scores, best.parameters[:2], ends)
    except (BoundaryError, ConvergenceError) as error:
        failed = error
    roots: list[tuple[Score, int]] = []
    for shares in product((0.0, 0.5, -0.5), repeat=len(ends)):
        start = np.zeros(2)
        start[scores.active] = ends * shares
        with suppress(BoundaryError, ConvergenceError):
            roots.append(_newton(scores, start, ends))
    if not roots:
        raise failed
    return max(roots, key=lambda root: likelihood.value(np.append(root[0].point, 1.0)))


def _log_determinants(data: ModelData, determinants: LogDeterminants) -> list[LogDet]:
    """Return the log-determinants of rho and lam that the model has."""
    given = determinants.active(data)
    return [x for x in given if x is not None and not isinstance(x, LagMatrices)]


def _likelihood(data: ModelData, determinants: LogDeterminants) -> ConcentratedLikelihood:
    """Return the likelihood of errors with one variance."""
    n, t = data.shape
    periods = t - 1 if data.spec.sweeps_units else t
    drops = int(data.spec.sweeps_periods and data.terms.rows_add_to_one)
    counts = LikelihoodCounts((n - drops) * periods, periods, drops)
    products = CrossProducts(data.projection)
    return ConcentratedLikelihood(counts, products, determinants.active(data))


def _newton(scores: AdjustedScores, start: np.ndarray, ends: np.ndarray) -> tuple[Score, int]:
    """Return the scores at the root that Newton steps reach, and their number.

    Coordinates are ``artanh(x / end)``, in which the ends of the intervals are infinitely far away;
    steps are halved until the scores fall.
    """
    active = scores.active

    def point(u: np.ndarray) -> np.ndarray:
        full = np.zeros(2)
        full[active] = ends * np.tanh(u)
        return full

    u = np.arctanh(start[active] / ends)
    score = scores.at(point(u))
    scale = np.abs(np.diag(score.concentrated))  # fixed, so that the scores are comparable
    for iteration in range(_STEPS):
        stretch = ends * (1 - np.tanh(u) ** 2)
        curvature = score.concentrated * stretch
        try:
            move = np.linalg.solve(curvature, score.values)
        except np.linalg.LinAlgError:
            break
        largest = float(np.abs(move).max())
        if largest < 1e-10:
            if np.linalg.eigvals(score.concentrated).real.min() <= 0:
                break
            return score, iteration
        move *= min(1.0, 0.5 / largest)
        height, share = float((score.values**2 / scale).sum()), 1.0
        while share > _SHORTEST:
            following = scores.at(point(u + share * move))
            if float((following.values**2 / scale).sum()) < height * (1 - 1e-3 * share):
                break
            share /= 2
        else:
            if largest < 1e-7:  # the scores cannot fall further than rounding
                return score, iteration
            break
        u, score = u + share * move, following
        if np.abs(u).max() > 8:
            raise BoundaryError(
                "the adjusted scores have no root inside the interval of rho or lam: the last "
                f"value is {np.array2string(point(u)[active], precision=4)}; look for an omitted "
                "common trend, or take a simpler model"
            )
    raise ConvergenceError(
        "the adjusted scores have no root near the maximum of the likelihood; the data hardly "
        "identify rho or lam: take a simpler model, or estimator='gs2sls'"
    )


def _probe_error(scores: AdjustedScores, score: Score, errors: np.ndarray) -> float:
    """Return the error that random probes cause in rho and lam, in standard errors."""
    inverse = np.linalg.inv(score.concentrated)
    active = np.ix_(scores.active, scores.active)
    variance = inverse @ scores.probe_variance(score)[active] @ inverse.T
    return float((np.sqrt(np.diag(variance)) / errors).max())
