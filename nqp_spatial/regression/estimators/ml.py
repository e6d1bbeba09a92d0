"""Maximum likelihood: one rho, several, spatial errors, random effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError
from nqp_spatial.regression._estimated import Convergence
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.covariance import information as info
from nqp_spatial.regression.covariance import sandwich
from nqp_spatial.regression.covariance.dependent import dependent_covariance
from nqp_spatial.regression.covariance.dynamic_bias import lag_parameters, score_bias_of_units
from nqp_spatial.regression.estimators.estimated import Estimated
from nqp_spatial.regression.estimators.ols import heteroskedastic_covariance
from nqp_spatial.regression.estimators.period_dummies import adjusted_estimate
from nqp_spatial.regression.likelihood.concentrated import ConcentratedLikelihood, CrossProducts
from nqp_spatial.regression.likelihood.log_determinant import (
    LogDet,
    LogDetMethod,
    log_determinant,
    rough_log_determinant,
)
from nqp_spatial.regression.likelihood.maximize import Maximum, maximize, maximize_from
from nqp_spatial.regression.likelihood.several_lags import LagMatrices, lag_matrices
from nqp_spatial.regression.likelihood.sizes import BLOCK

__all__ = [
    "LogDeterminants",
    "concentrated_likelihood",
    "corrected_estimate",
    "fit_ml",
    "likelihood_maximum",
    "log_determinants",
    "profile_loglik",
    "stability_notes",
]

# Correlation of the estimates of rho and lam from which a note warns.
_SUBSTITUTES = 0.9

Moments = Callable[..., info.TraceMoments]


@dataclass(frozen=True)
class LogDeterminants:
    """Log-determinants of the matrices of W y and of W_u.

    Attributes
    ----------
    outcome : LogDet, LagMatrices or None
        Of one W, or of several; also where only y_(t-1) is spatially lagged.
    error : LogDet or None
    """

    outcome: LogDet | LagMatrices | None
    error: LogDet | None = None

    @property
    def one(self) -> LogDet | None:
        """The log-determinant of the outcome's W, if it has only one."""
        return None if isinstance(self.outcome, LagMatrices) else self.outcome

    def active(self, data: ModelData) -> tuple[LogDet | LagMatrices | None, LogDet | None]:
        """Return the log-determinants that are in the likelihood."""
        return (
            self.outcome if data.spec.has_rho else None,
            self.error if data.spec.has_lam else None,
        )


def log_determinants(
    terms: TermWeights, method: LogDetMethod = "auto", seed: int | None = 0
) -> LogDeterminants:
    """Return the log-determinants of the spatial terms of a model."""
    if terms.has_parts:
        return LogDeterminants(lag_matrices(terms.matrices_y))
    y, u = terms.weights_y, terms.weights_u
    return LogDeterminants(
        None if y is None else log_determinant(y, method, seed=seed),
        None if u is None else log_determinant(u, method, seed=seed),
    )


def concentrated_likelihood(
    data: ModelData, determinants: LogDeterminants
) -> ConcentratedLikelihood:
    """Return the likelihood of rho, lam and phi of a model."""
    products = CrossProducts(data.projection, random=data.spec.has_phi)
    return ConcentratedLikelihood(data.counts, products, determinants.active(data))


def fit_ml(
    data: ModelData,
    determinants: LogDeterminants,
    seed: int | None = 0,
    starts: Sequence[np.ndarray] | None = None,
) -> Estimated:
    """Estimate by maximum likelihood, correct the bias, and return the covariance.

    Parameters
    ----------
    data : ModelData
    determinants : LogDeterminants
    seed : int, optional
        Seed of the random probes, if any.
    starts : sequence of ndarray, optional
        Starting values of several rho; by default the best common rho, zero, and that rho within
        groups only.
    """
    spec, terms = data.spec, data.terms
    notes: list[str] = []
    likelihood = concentrated_likelihood(data, determinants)
    if terms.has_parts:
        best = maximize_from(likelihood, starts or _starts(likelihood, terms.names_y))
    else:
        best, likelihood = likelihood_maximum(likelihood, terms)
        if spec.has_phi and not likelihood.counts.units:
            notes.append(t("the variance of the unit effects is estimated as zero: phi = 1"))
    if best.n_maxima > 1:
        notes.append(
            t("{count} different maxima were found; this is the highest", count=best.n_maxima)
        )
    estimate = info.estimate_at(best.parameters, data.projection, likelihood)
    loglik = best.loglik if terms.has_parts else likelihood.value(best.parameters)
    moments = _moments_of(data, likelihood, seed, notes)
    adjusted = None
    if _has_adjusted_score(data):
        adjusted = adjusted_estimate(estimate, terms, likelihood)
        if adjusted is None:
            notes.append(
                t("the corrected score has no root: the bias is subtracted to first order instead")
            )
    if adjusted is not None:
        estimate = adjusted[0]
    elif spec.correction == "bias":
        estimate = _corrected(estimate, data, determinants, likelihood, moments)
    derivative = None if adjusted is None else adjusted[1]
    cov = _covariance(estimate, data, likelihood, moments, derivative, seed, notes)
    convergence, more = _convergence(best, likelihood)
    notes += [*more, *stability_notes(estimate, data), *_weakly_identified(estimate, cov)]
    return Estimated(estimate, cov, loglik, convergence, tuple(notes))


def _has_adjusted_score(data: ModelData) -> bool:
    """Whether period dummies of a static model are corrected exactly, by their score."""
    spec, terms = data.spec, data.terms
    if spec.correction != "bias" or terms.has_parts or terms.rows_add_to_one:
        return False
    return not (spec.is_dynamic and spec.sweeps_units)


def _weakly_identified(estimate: info.Estimate, cov: np.ndarray) -> list[str]:
    """Return a note where rho and lam substitute for each other."""
    if len(estimate.rho) > 1 or estimate.active[:2] != (0, 1):
        return []
    rho = len(estimate.coefs)
    correlation = float(cov[rho, rho + 1] / np.sqrt(cov[rho, rho] * cov[rho + 1, rho + 1]))
    if abs(correlation) < _SUBSTITUTES:
        return []
    return [
        t(
            "rho and lam are hardly identified separately: their estimates have a correlation of "
            "{correlation:.2f}; compare models with one of them",
            correlation=correlation,
        )
    ]


def corrected_estimate(
    data: ModelData, determinants: LogDeterminants, seed: int | None = 0
) -> info.Estimate:
    """Return the bias-corrected maximum of a dynamic model, without its covariance.

    Beyond some hundred units the observed information corrects it, without traces of squares.
    Where the uncorrected estimate is not stable the bias has no formula, and it is returned itself.
    """
    likelihood = concentrated_likelihood(data, determinants)
    best, likelihood = likelihood_maximum(likelihood, data.terms)
    estimate = info.estimate_at(best.parameters, data.projection, likelihood)
    if data.spec.correction != "bias":
        return estimate
    is_large = data.shape[0] > BLOCK
    moments = None if is_large else _moments_of(data, likelihood, seed, [])
    try:
        return _corrected(estimate, data, determinants, likelihood, moments)
    except ConvergenceError:
        return estimate


def profile_loglik(data: ModelData) -> float:
    """Return only the maximised log-likelihood of a model with several matrices W."""
    likelihood = concentrated_likelihood(data, log_determinants(data.terms))
    return maximize_from(likelihood, _starts(likelihood, data.terms.names_y)).loglik


def likelihood_maximum(
    likelihood: ConcentratedLikelihood, terms: TermWeights
) -> tuple[Maximum, ConcentratedLikelihood]:
    """Return the maximum, and the likelihood, without phi if phi is at its bound."""
    rough = [
        None if fine is None else rough_log_determinant(fine)
        for fine in likelihood.logdets
        if not isinstance(fine, LagMatrices)
    ]
    pooled = replace(likelihood, counts=replace(likelihood.counts, units=0))
    best = maximize(pooled, (rough[0], rough[1]))
    # At phi = 1 the unit effects have no variance. If the likelihood still rises there, units
    # differ less than their errors alone imply, and the bound is the estimate.
    if likelihood.counts.units and likelihood.derivatives(best.parameters)[0][-1] < 0:
        return maximize(likelihood, (rough[0], rough[1])), likelihood
    return best, pooled


def _moments_of(
    data: ModelData, likelihood: ConcentratedLikelihood, seed: int | None, notes: list[str]
) -> Moments:
    """Return the function that calculates trace moments and notes the method."""
    design, terms = data.design, data.terms

    def moments(estimate: info.Estimate, *, diagonal: bool = False) -> info.TraceMoments:
        structural = design.y - design.lag_y @ estimate.rho
        structural = structural - estimate.disturbances.reshape(design.y.shape)
        trace_sums = info.trace_moments(
            estimate, structural, (terms.matrices_y, terms.matrix_u), likelihood.logdets,
            data.spec, diagonal=diagonal, seed=seed,
        )  # fmt: skip
        if trace_sums.note and trace_sums.note not in notes:
            notes.append(trace_sums.note)
        return trace_sums

    return moments


def _corrected(
    estimate: info.Estimate,
    data: ModelData,
    determinants: LogDeterminants,
    likelihood: ConcentratedLikelihood,
    moments: Moments | None,
) -> info.Estimate:
    """Return the estimate minus the bias due to dummy variables."""
    spec, terms = data.spec, data.terms
    if terms.has_parts:
        # The observed information is used here: it needs no further solves, for any number of
        # matrices W.
        information = info.observed(estimate, likelihood.logdets)
        score = info.score_bias_of_periods(estimate, terms.matrices_y)
        return info.bias_corrected(estimate, information, score)
    if moments is None:
        information = info.observed(estimate, likelihood.logdets)
    else:
        information = info.expected(estimate, moments(estimate))
    if spec.is_dynamic and spec.sweeps_units:
        score = score_bias_of_units(
            estimate, spec, data.shape[0], determinants.one, likelihood.logdets[1]
        )
        if spec.sweeps_periods and not terms.rows_add_to_one:
            score = score + _score_bias_of_dummies(estimate, terms)
    else:
        score = _score_bias_of_dummies(estimate, terms)
    return info.bias_corrected(estimate, information, score)


def _score_bias_of_dummies(estimate: info.Estimate, terms: TermWeights) -> np.ndarray:
    """Return minus the mean of the score that period dummies cause, for one W in each term."""
    if terms.rows_add_to_one:
        return info.score_bias_of_periods(estimate)
    outcome = terms.matrices_y if 0 in estimate.active else ()
    return info.score_bias_of_periods(estimate, outcome, terms.matrix_u)


def _covariance(
    estimate: info.Estimate,
    data: ModelData,
    likelihood: ConcentratedLikelihood,
    moments: Moments,
    adjustment: np.ndarray | None,
    seed: int | None,
    notes: list[str],
) -> np.ndarray:
    """Return the covariance; `adjustment` is the derivative of what corrects the score."""
    kind, logdets = data.spec.covariance, likelihood.logdets
    if kind == "expected":
        return info.scaled_inverse(info.expected(estimate, moments(estimate)))
    bread = info.observed(estimate, logdets)
    if adjustment is not None:
        spatial = slice(len(estimate.coefs), len(estimate.coefs) + len(adjustment))
        bread[spatial, spatial] -= adjustment
    if kind == "observed":
        return info.scaled_inverse(bread)
    if kind == "driscoll-kraay":
        return sandwich.driscoll_kraay(bread, estimate, data.shape, data.spec.lags)
    if kind in ("cluster", "conley"):
        cov, more = dependent_covariance(bread, estimate, data, seed)
        notes += more
        return cov
    if kind == "robust" and data.spec.model in ("ols", "slx"):  # dynamic: linear in the errors
        return heteroskedastic_covariance(estimate, data)
    trace_sums = moments(estimate, diagonal=True)
    information = info.expected(estimate, trace_sums)
    return sandwich.quasi_likelihood(
        bread, information, estimate, trace_sums, data.spec, data.shape
    )


def _convergence(
    best: Maximum, likelihood: ConcentratedLikelihood
) -> tuple[Convergence, list[str]]:
    outcome = likelihood.logdets[0]
    if isinstance(outcome, LagMatrices):
        return (
            Convergence(
                best.iterations, best.slope, outcome.method, 0.0, (-np.inf, np.inf), best.n_maxima
            ),
            [],
        )
    # An error dL' in the derivative shifts the root of the score by m dL' times the variance of
    # rho.
    noise = 0.0
    for which, error in zip(likelihood.active, best.standard_errors, strict=True):
        logdet = likelihood.logdets[which] if which < 2 else None
        if logdet is None or isinstance(logdet, LagMatrices):
            continue
        shift = logdet.error(float(best.parameters[which]))[1] * float(error)
        noise = max(noise, likelihood.counts.n_logdets * shift)
    first = next(
        (x for x in likelihood.logdets if x is not None and not isinstance(x, LagMatrices)), None
    )
    convergence = Convergence(
        best.iterations, best.slope, "" if first is None else first.method, noise,
        (-np.inf, np.inf) if first is None else first.interval, best.n_maxima,
    )  # fmt: skip
    if noise <= 0.1:
        return convergence, []
    note = t(
        "the stochastic log-determinant adds an error of {noise:.2f} standard errors to rho",
        noise=noise,
    )
    return convergence, [note]


def stability_notes(estimate: info.Estimate, data: ModelData) -> list[str]:
    """Return in words whether a dynamic model is stable."""
    if not data.spec.is_dynamic:
        return []
    tau, eta = lag_parameters(estimate.coefs, data.spec)
    total = tau + float(estimate.rho[0]) + eta
    if total < 1 and abs(tau) < 1:
        return [t("tau + rho + eta = {total:.4f}: stable", total=total)]
    return [
        t("tau + rho + eta = {total:.4f}: not stable, there are no long-run effects", total=total)
    ]


def _starts(likelihood: ConcentratedLikelihood, parts: Sequence[str]) -> list[np.ndarray]:
    """Return as starts the best common rho on all parts, zero, and that rho within groups only."""
    ones = np.ones(len(parts))
    grid = [-0.4, 0.0, 0.3, 0.6, 0.85]
    heights = [likelihood.value(np.concatenate([rho * ones, [0.0, 1.0]])) for rho in grid]
    common = grid[int(np.argmax(heights))] * ones
    within = [
        part == "within" or (" <- " in part and len(set(part.split(" <- "))) == 1) for part in parts
    ]
    starts = [common]
    if len(parts) > 1:
        starts.append(0 * ones)
        if any(within) and not all(within):
            starts.append(common * np.array(within))
    unique: list[np.ndarray] = []
    for start in starts:
        if not any(np.array_equal(start, other) for other in unique):
            unique.append(start)
    return unique
