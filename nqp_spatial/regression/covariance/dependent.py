"""Covariances for errors that are correlated within clusters or with near observations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nqp_spatial.core.text import t
from nqp_spatial.errors import ConvergenceError
from nqp_spatial.regression._error_dependence import Clusters, ErrorDependence
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression.covariance.information import (
    Estimate,
    FilterPair,
    mean_of_score,
    scaled_inverse,
)
from nqp_spatial.regression.covariance.quadratic_forms import QuadraticForms
from nqp_spatial.regression.spec import RegressionSpec

__all__ = [
    "covariance_of_contributions",
    "dependent_covariance",
    "positive",
    "small_sample_factor",
    "variance_of_sum",
    "variance_with_forms",
]


def variance_of_sum(contributions: np.ndarray, dependence: ErrorDependence) -> np.ndarray:
    """Return the variance of the sum of contributions to a score, without a factor.

    By clusters, contributions are added up by cluster and squared; two ways are the sum of the
    variances by each less that by their intersections (Cameron, Gelbach and Miller 2011). By
    nearness, products of pairs are weighted by the kernel (Conley 1999).

    Parameters
    ----------
    contributions : ndarray
        By unit and period, shape (n_units, n_periods, K).
    dependence : ErrorDependence

    Returns
    -------
    ndarray
        Shape (K, K); it need not be positive semi-definite, see `positive`.
    """
    if dependence.nearness is not None:
        lagged = dependence.nearness.lagged(contributions)
        return np.asarray(np.einsum("itk,itl->kl", contributions, lagged))
    flat = contributions.reshape(-1, contributions.shape[2])
    total = np.zeros((flat.shape[1], flat.shape[1]))
    for sign, clusters in dependence.parts:
        sums = clusters.sums(flat)
        total += sign * (sums.T @ sums)
    return total


def covariance_of_contributions(
    inverse: np.ndarray,
    contributions: np.ndarray,
    dependence: ErrorDependence,
    spec: RegressionSpec,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the sandwich of an estimator whose score is a sum over units and periods, and notes.

    Parameters
    ----------
    inverse : ndarray
        Inverse of minus the derivative of the score, shape (K, K); it need not be symmetric.
    contributions : ndarray
        To the score, shape (n_units, n_periods, K), each of mean zero. Quadratic terms must be
        split so that contributions of independent observations are uncorrelated, as martingale
        differences are.
    dependence : ErrorDependence
    spec : RegressionSpec
    """
    meat = variance_of_sum(contributions, dependence)
    shape = (contributions.shape[0], contributions.shape[1])
    meat *= small_sample_factor(dependence, spec, shape, contributions.shape[2])
    independent = np.einsum("itk,itl->kl", contributions, contributions)
    scale = np.sqrt(np.diag(inverse @ independent @ inverse.T))
    cov, notes = positive(inverse @ meat @ inverse.T, scale)
    return cov, (*dependence.notes(spec), *notes)


def small_sample_factor(
    dependence: ErrorDependence, spec: RegressionSpec, shape: tuple[int, int], n_params: int
) -> float:
    """Return ``G / (G - 1) (N - 1) / (N - K)``, as Stata and fixest have it.

    G is the number of clusters, the smaller one of two ways, and the first factor is absent
    without clusters. K counts the coefficients, rho and lam, and the fixed effects: one for all
    that are nested in clusters, which need no correction, and otherwise n units or T periods (n + T
    - 1 for both).
    """
    n, periods = shape
    count = n_params

    def nested(name: str) -> bool:
        return any(getattr(clusters, name) for clusters in dependence.clusters)

    if spec.sweeps_units or spec.sweeps_periods:
        count += 1
    if spec.sweeps_units and not nested("contain_units"):
        count += n - 1
    if spec.sweeps_periods and not nested("contain_periods"):
        count += periods - 1
    size = n * periods
    factor = (size - 1) / max(size - count, 1)
    if dependence.clusters:
        factor *= dependence.fewest / (dependence.fewest - 1)
    return factor


def dependent_covariance(
    bread: np.ndarray, estimate: Estimate, data: ModelData, seed: int | None = 0
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the sandwich for dependent errors, and notes.

    Scores are linear in the errors for coefficients, ``z'e / s2``, and linear and quadratic for rho
    and lam, ``(b'e + e'F e - tr F) / s2`` with ``b = M B G eta``; see `quadratic_forms` for the
    variance of the quadratic part. Third moments link the linear part to pairs only within
    clusters; by nearness they are taken as zero, as for symmetric errors.

    Parameters
    ----------
    bread : ndarray
        The information that is inverted.
    estimate : Estimate
    data : ModelData
        With its dependence.
    seed : int, optional
        Of random probes, beyond some thousand units.
    """
    dependence, spec = data.dependence, data.spec
    k, r, s2 = len(estimate.coefs), len(estimate.rho), estimate.sigma2
    e = estimate.residuals
    squares = e**2 - (e**2).mean()
    score = np.zeros((len(e), k + r + 3))
    score[:, :k] = estimate.filtered[0] * e[:, None] / s2
    score[:, -1] = squares / (2 * s2**2)
    notes: list[str] = []
    active = [which for which in estimate.active if which <= r]
    if not active:
        meat = variance_of_sum(score.reshape(*data.shape, -1), dependence)
    else:
        pair = FilterPair((data.terms.matrices_y, data.terms.matrix_u), _point(estimate), spec)
        score[:, k : k + r] = _mean_part(pair, estimate, data) * e[:, None] / s2
        n_rows = (data.terms.y or data.terms.u)[0].matrix.shape[0]
        forms = QuadraticForms(pair, active, e.reshape(n_rows, -1), seed)
        columns = [k + which for which in active]
        meat = variance_with_forms(score.reshape(*data.shape, -1), forms, columns, s2, dependence)
        if forms.error:
            notes.append(
                t(
                    "traces of squares estimated from {probes} probes, relative error {error:.1e}",
                    probes=forms.probes, error=forms.error,
                )
            )  # fmt: skip
    kept = estimate.kept
    meat = meat[np.ix_(kept, kept)]
    meat *= small_sample_factor(dependence, spec, data.shape, len(kept) - 1)
    inverse = scaled_inverse(bread)
    cov, more = positive(inverse @ meat @ inverse, np.sqrt(np.diag(inverse)))
    return cov, (*dependence.notes(spec), *notes, *more)


def positive(cov: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a positive semi-definite covariance, and a note if that changed it.

    Negative eigenvalues, of the matrix in units of the usual standard errors, are set to zero.

    Parameters
    ----------
    cov : ndarray
    scale : ndarray
        Usual standard errors, so that the result does not depend on units of measurement.

    Raises
    ------
    ConvergenceError
        If a variance is zero then.
    """
    values, vectors = np.linalg.eigh((cov + cov.T) / 2 / np.outer(scale, scale))
    negative = int((values < -1e-9 * values.max()).sum())
    notes: tuple[str, ...] = ()
    if negative:
        fixed = (vectors * np.maximum(values, 0)) @ vectors.T
        cov = fixed * np.outer(scale, scale)
        notes = (
            t(
                "the covariance was not positive semi-definite: {count} negative eigenvalues were "
                "set to zero",
                count=negative,
            ),
        )
    if not (np.diag(cov) > 1e-12 * scale**2).all():
        raise ConvergenceError(
            "this covariance gives variances that are not positive: the sample has too few "
            "clusters, or a cutoff too long, for it; take one way of clustering, or a shorter "
            "cutoff_km= with kernel='bartlett'"
        )
    return cov, notes


def _point(estimate: Estimate) -> tuple[np.ndarray, float]:
    return estimate.rho, estimate.lam


def _mean_part(pair: FilterPair, estimate: Estimate, data: ModelData) -> np.ndarray:
    """Return M B G_k eta, shape (N, R)."""
    design = data.design
    structural = design.y - design.lag_y @ estimate.rho
    structural = structural - estimate.disturbances.reshape(design.y.shape)
    if pair.outcome:
        structural = structural.reshape(pair.outcome[0].shape[0], -1)
    parts = [part.reshape(design.y.shape) for part in pair.filtered_spill(structural)]
    return np.column_stack([mean_of_score(estimate, part, data.spec) for part in parts])


def variance_with_forms(
    score: np.ndarray,
    forms: QuadraticForms,
    columns: list[int],
    scale: float,
    dependence: ErrorDependence,
) -> np.ndarray:
    """Return the variance of ``sum score`` plus the quadratic forms over a scale.

    Parameters
    ----------
    score : ndarray
        What is linear in the errors, shape (n_units, n_periods, K).
    forms : QuadraticForms
    columns : list of int
        Which of the K have a quadratic part, in the order of the forms.
    scale : float
    dependence : ErrorDependence

    Returns
    -------
    ndarray
        Shape (K, K).
    """
    if dependence.nearness is None:
        flat = score.reshape(-1, score.shape[2])
        return _by_clusters(flat, forms, columns, scale, dependence)
    return _by_nearness(score, forms, columns, scale, dependence)


def _by_clusters(
    score: np.ndarray,
    forms: QuadraticForms,
    columns: list[int],
    s2: float,
    dependence: ErrorDependence,
) -> np.ndarray:
    """Return the variance of the scores: that of their sums by cluster, and between clusters."""
    meat = np.zeros((score.shape[1], score.shape[1]))
    # What e'F e is expected to be, by observation; its sum is the trace in the score.
    shape = (*forms.e.shape, len(columns))
    centre = np.broadcast_to(forms.diagonal[:, None, :] * (forms.e**2).mean(), shape)
    for sign, clusters in dependence.parts:
        rows = replace(clusters, codes=clusters.codes.reshape(forms.e.shape))
        own, between = forms.by_clusters(rows)
        sums = clusters.sums(score)
        sums[:, columns] += (own - Clusters(rows.codes).sums(centre.reshape(-1, len(columns)))) / s2
        meat += sign * (sums.T @ sums)
        meat[np.ix_(columns, columns)] += sign * between / s2**2
    return meat


def _by_nearness(
    score: np.ndarray,
    forms: QuadraticForms,
    columns: list[int],
    s2: float,
    dependence: ErrorDependence,
) -> np.ndarray:
    """Return the variance of the scores by the kernel."""
    nearness = dependence.nearness
    assert nearness is not None
    score = score.copy()
    squares = forms.e**2 - (forms.e**2).mean()
    for column, diagonal in zip(columns, forms.diagonal.T, strict=True):
        score[:, :, column] += (diagonal[:, None] * squares).reshape(score.shape[:2]) / s2
    meat = variance_of_sum(score, dependence)
    is_stacked = len(forms.e) != len(score)  # where links change over time
    between = forms.by_nearness(nearness.stacked(score.shape[1]) if is_stacked else nearness)
    meat[np.ix_(columns, columns)] += between / s2**2
    return meat
