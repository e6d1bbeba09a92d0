"""Dynamic panels with unit effects and few periods, by adjusted scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError, OptionError
from nqp_spatial.regression._demeaning import LikelihoodCounts
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression._model_data import ModelData, matrix_of
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance.information import Estimate
from nqp_spatial.regression.estimators._lag_operators import LagOperators
from nqp_spatial.regression.estimators._lag_traces import LagFunctions, Spectrum, spectrum_of
from nqp_spatial.regression.estimators._short_panel_parts import (
    ScoreParts,
    filtered_parts,
    parts_of_one,
    robust_parts,
)
from nqp_spatial.regression.estimators._short_panel_robust import RobustScore
from nqp_spatial.regression.estimators._short_panel_root import Root, find_root
from nqp_spatial.regression.estimators._short_panel_score import (
    AdjustedScore,
    SeriesProducts,
    lag_positions,
)
from nqp_spatial.regression.estimators._short_panel_variance import score_covariance
from nqp_spatial.regression.estimators._unit_traces import unit_shares_of
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.estimators.ml import (
    LogDeterminants,
    corrected_estimate,
    stability_notes,
)
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = ["NO_ROOT", "adjusted_score", "fit_short_panel"]

NO_ROOT = t(
    "the adjusted scores have no root and come near none: bias-corrected maximum likelihood "
    "instead, of first order in 1/T; are there shocks common to all units?"
)


def fit_short_panel(
    data: ModelData, determinants: LogDeterminants, seed: int | None = 0
) -> Estimated:
    """Estimate a dynamic panel with unit effects by adjusted scores (Yang 2018).

    The scores of the dummy-variable likelihood have means that are known exactly, for any number of
    periods and whatever the first period was; the estimate is the root of the scores without them.
    With T equations after the first period, ``A = (I - rho W)^-1 (tau I + eta W)``, ``B = I - rho
    W``, e the errors demeaned over time and filtered by ``I - lam W_u``:

    - tau: ``sum_t e_t'y_(t-1) / s2 + (1/T) sum_{j=0}^{T-2} (T-1-j) tr A^j B^-1``
    - eta: ``sum_t e_t'W y_(t-1) / s2 + (1/T) sum_{j=0}^{T-2} (T-1-j) tr W A^j B^-1``
    - rho: ``sum_t e_t'W y_t / s2 - (T-1) tr W B^-1 + (1/T) sum_{j=1}^{T-1} (T-j) tr W A^j B^-1``
    - lam: ``sum_t e_t'W_u u_t / s2 - (T-1) tr W_u (I - lam W_u)^-1``

    (y and its lags filtered too where errors are spatial). Period effects are taken out, and traces
    are those of the space that is left.

    Parameters
    ----------
    data : ModelData
    determinants : LogDeterminants
    seed : int, optional
        Seed of the random probes, if any.

    Returns
    -------
    Estimated

    Raises
    ------
    ConvergenceError
        If the scores have no root and come near none.
    """
    score = adjusted_score(data, determinants, seed)
    root = find_root(score, _start(data, determinants, seed))
    if root is None:
        raise ConvergenceError(
            "the adjusted scores have no root and come near none: the data cannot tell persistence "
            "from unit effects, as where shocks are common to all units; use effects='two-way', "
            "more periods, or estimator='ml' with correction='bias'"
        )
    estimate = _estimate(data, score, root.point)
    parts = score_parts(estimate, data, score, root.point, seed)
    if root.lift is not None:
        first = parts.slopes.shape[1] - len(root.point) - 1
        parts.slopes[:, first:-1] += root.lift
    cov = score_covariance(estimate, data, score, parts)
    convergence, notes = _convergence(score, root, cov, data, determinants)
    return Estimated(
        estimate, cov, convergence=convergence, notes=(*notes, *stability_notes(estimate, data))
    )


def adjusted_score(
    data: ModelData, determinants: LogDeterminants, seed: int | None = 0
) -> AdjustedScore:
    """Return the adjusted scores of a model.

    Parameters
    ----------
    data : ModelData
    determinants : LogDeterminants
    seed : int, optional
    """
    n, n_periods = data.shape
    drops, terms, spec = data.spec.sweeps_periods, data.terms, data.spec
    logdet = determinants.one if terms.weights_y is not None else determinants.error
    spectrum = spectrum_of(_shared(terms), n, drops_mean=drops, logdet=logdet, seed=seed)
    errors: Spectrum | None = None
    if spec.has_lam:
        errors = spectrum_of(
            terms.weights_u, n, drops_mean=drops, logdet=determinants.error, seed=seed
        )
    products, positions = SeriesProducts(data), lag_positions(spec)
    if spec.covariance != "robust":
        return AdjustedScore(products, positions, spectrum, errors, n_periods)
    if _has_two(terms):
        raise OptionError(
            "covariance='robust' of a dynamic model needs one W for outcomes and errors; pass the "
            "same weights for y and u"
        )
    shares = unit_shares_of(_shared(terms), n, drops_mean=drops, seed=seed)
    return RobustScore(
        products, positions, spectrum, errors, n_periods, shares,
        shares if spec.has_lam else None, drops,
    )  # fmt: skip


def score_parts(
    estimate: Estimate,
    data: ModelData,
    score: AdjustedScore,
    point: np.ndarray,
    seed: int | None = 0,
) -> ScoreParts:
    """Return the parts of the variance of the scores at a point.

    Parameters
    ----------
    estimate : Estimate
    data : ModelData
    score : AdjustedScore
    point : ndarray
        The parameters among (tau, eta, rho, lam) that the model has.
    seed : int, optional
    """
    terms, spec = data.terms, data.spec
    drops = spec.sweeps_periods
    if not isinstance(score, RobustScore) and not _has_two(terms):
        shares = unit_shares_of(_shared(terms), data.shape[0], drops_mean=drops, seed=seed)
        return parts_of_one(data, score, point, (shares, shares if spec.has_lam else None))
    matrices = (matrix_of(terms.weights_y), terms.matrix_u)
    operators = LagOperators(matrices, score.full(point), data.shape, drops_mean=drops, seed=seed)
    if isinstance(score, RobustScore):
        return robust_parts(estimate, data, score, point, operators)
    return filtered_parts(data, score, point, operators)


def _shared(terms: TermWeights) -> SpatialWeights | None:
    """Return the W of y and its lags, or that of the errors where y is not spatially lagged."""
    return terms.weights_y or terms.weights_u


def _has_two(terms: TermWeights) -> bool:
    y, u = terms.weights_y, terms.weights_u
    return y is not None and u is not None and y is not u


def _start(data: ModelData, determinants: LogDeterminants, seed: int | None) -> np.ndarray:
    """Return the bias-corrected estimate of (tau, eta, rho, lam), as far as the model has them."""
    corrects = not data.spec.sweeps_periods or data.terms.rows_add_to_one
    spec = replace(
        data.spec, estimator="ml", covariance="observed", correction="bias" if corrects else "none"
    )
    likely = replace(data, spec=spec)
    likely.__dict__["projection"] = data.projection
    estimate = corrected_estimate(likely, determinants, seed)
    dynamic = estimate.coefs[len(estimate.coefs) - len(spec.dynamics) :]
    rho = estimate.rho[: int(spec.has_rho)]
    lam = np.full(int(spec.has_lam), estimate.lam)
    return np.concatenate([dynamic, rho, lam])


def _estimate(data: ModelData, score: AdjustedScore, point: np.ndarray) -> Estimate:
    coefs, sigma2 = score.solution(point)
    _, _, rho, lam = score.full(point)
    spec = data.spec
    counts = LikelihoodCounts(
        score.observations, data.shape[1] - 1, int(data.shape[0] - score.spectrum.size)
    )
    active = (0,) * spec.has_rho + (1,) * spec.has_lam
    return Estimate(coefs, np.array([rho]), lam, sigma2, data.projection, counts, active)


def _convergence(
    score: AdjustedScore,
    root: Root,
    cov: np.ndarray,
    data: ModelData,
    determinants: LogDeterminants,
) -> tuple[Convergence, list[str]]:
    spectrum = score.spectrum
    interval = (-np.inf, np.inf) if determinants.one is None else determinants.one.interval
    method = "exact" if spectrum.probes is None else spectrum.probes.method
    noise = 0.0
    notes: list[str] = []
    if root.lift is not None:
        notes.append(
            t(
                "the adjusted scores have no root: the estimate is the point nearest to one, "
                "{miss:.2f} standard deviations away; in so few periods the data hardly tell "
                "persistence from unit effects",
                miss=root.slope,
            )
        )
    if spectrum.probes is not None:
        # An error in a trace shifts the root by the inverse of the derivatives of the scores.
        lags = [position for position in score.positions if position < 3]
        errors = np.zeros(4)
        means = score.functions(root.point).means()
        errors[:3] = spectrum.error(means)
        if isinstance(score, RobustScore):
            # Diagonals by unit have probes of their own; their sums are traces.
            tau, eta, rho, _ = score.full(root.point)
            by_unit = LagFunctions(score.shares.points, score.n_periods, tau, eta, rho).means()
            sums = score.shares.diagonal(by_unit).sum(axis=1)
            errors[:3] = score.unit(root.point) * np.abs(sums - spectrum.trace(means))
        slope = np.linalg.inv(score.at(root.point)[1])
        shifts = np.abs(slope[:, : len(lags)]) @ errors[lags]
        first = len(data.keys) - len(data.spec.dynamics)
        sizes = np.sqrt(np.diag(cov)[first : first + len(root.point)])
        noise = float((shifts / sizes).max())
        notes.append(
            t(
                "traces from random probes add an error of at most {noise:.2g} standard errors",
                noise=noise,
            )
        )
    return Convergence(root.iterations, root.slope, method, noise, interval), notes
