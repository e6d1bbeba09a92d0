"""The second step of a policy evaluation, leads of the first, and variances that know of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import scipy.linalg

from nqp_spatial.errors import CollinearityError, sample
from nqp_spatial.regression._error_dependence import ErrorDependence
from nqp_spatial.regression.covariance.dependent import (
    positive,
    small_sample_factor,
    variance_of_sum,
)
from nqp_spatial.regression.spec import RegressionSpec
from nqp_spatial.spillovers._clean_cells import FirstStep
from nqp_spatial.spillovers._policy_cells import PolicyCells

__all__ = [
    "KEYS",
    "OnTreated",
    "StepEstimate",
    "Terms",
    "Variance",
    "lead_step",
    "lead_terms",
    "post_terms",
    "second_step",
]

OnTreated = Literal["apart", "pooled", "included"]
_DEPENDENT = 1e-9  # of a column that others explain, relative to its size
KEYS = ["kind", "on", "exposure", "event_time"]


@dataclass(frozen=True, eq=False)
class Terms:
    """Regressors of a step.

    Attributes
    ----------
    table : DataFrame
        One row per regressor: ``kind, on, exposure, event_time, cells, units``.
    values : ndarray
        Shape (n_units, n_periods, P).
    """

    table: pd.DataFrame
    values: np.ndarray

    def joined(self, other: Terms) -> Terms:
        """Return these terms and others."""
        table = pd.concat([self.table, other.table], ignore_index=True)
        return Terms(table, np.concatenate([self.values, other.values], axis=2))


def _terms(
    values: np.ndarray,
    clock: np.ndarray,
    event_times: np.ndarray,
    kind: str,
    on: str,
    exposure: str,
) -> Terms:
    """Return values times the indicator of each event time that has cells."""
    columns = values[:, :, None] * (clock[:, :, None] == event_times)
    cells = (columns != 0).sum(axis=(0, 1))
    table = pd.DataFrame(
        {
            "kind": kind, "on": on, "exposure": exposure, "event_time": event_times,
            "cells": cells, "units": (columns != 0).any(axis=1).sum(axis=0),
        }
    )  # fmt: skip
    filled = cells > 0
    return Terms(table[filled].reset_index(drop=True), columns[:, :, filled])


def post_terms(
    cells: PolicyCells, names: tuple[str, ...], horizon: int | None, on_treated: OnTreated
) -> Terms:
    """Return the regressors of the second step: event times of treated and of exposed cells.

    Event times beyond the horizon are pooled with it.
    """
    last = cells.treated.shape[1] if horizon is None else horizon
    event_times = np.arange(last + 1)
    since_adoption = np.minimum(cells.since_adoption, last)
    since_exposure = np.minimum(cells.since_exposure, last)
    treated = cells.treated.astype(float)
    terms = _terms(treated, since_adoption, event_times, "own", "treated", "")
    for layer, name in enumerate(names):
        exposure = cells.exposure[:, :, layer]
        spilled = ("spilled", "untreated", name)
        terms = terms.joined(
            _terms(exposure * (1 - treated), since_exposure, event_times, *spilled)
        )
    if on_treated == "included":
        return terms
    clock = since_exposure if on_treated == "apart" else np.minimum(since_exposure, 0)
    for layer, name in enumerate(names):
        exposure = cells.exposure[:, :, layer] * treated
        spilled = ("spilled", "treated", name)
        terms = terms.joined(_terms(exposure, clock, event_times, *spilled))
    return terms


def lead_terms(cells: PolicyCells, names: tuple[str, ...], leads: int) -> Terms:
    """Return the regressors of the test of trends before adoption and before exposure.

    Exposure of the first exposed period stands for that to come.
    """
    event_times = np.arange(-leads, 0)
    clean = cells.clean.astype(float)
    terms = _terms(clean * (cells.adoption < clean.shape[1])[:, None], cells.since_adoption,
                   event_times, "own", "treated", "")  # fmt: skip
    first = np.minimum(cells.first_exposure, clean.shape[1] - 1)
    ever = cells.first_exposure < clean.shape[1]
    to_come = cells.exposure[np.arange(len(first)), first] * ever[:, None]
    for layer, name in enumerate(names):
        values = clean * to_come[:, layer, None]
        spilled = ("spilled", "untreated", name)
        terms = terms.joined(_terms(values, cells.since_exposure, event_times, *spilled))
    return terms


@dataclass(frozen=True, eq=False)
class StepEstimate:
    """Estimates of a step.

    Attributes
    ----------
    table : DataFrame
        As in `Terms`.
    values : ndarray
        Shape (P,).
    cov : ndarray
        Shape (P, P).
    notes : tuple of str
    """

    table: pd.DataFrame
    values: np.ndarray
    cov: np.ndarray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Variance:
    """How influences become a covariance.

    Attributes
    ----------
    dependence : ErrorDependence
    spec : RegressionSpec
        Whose small-sample factor is that of `fit`.
    n_controls : int
        Controls, which count in that factor.
    leave_out : bool
        Whether residuals are those of fits without the own cluster.
    """

    dependence: ErrorDependence
    spec: RegressionSpec
    n_controls: int
    leave_out: bool

    def of(self, influences: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the covariance of sums of influences, shape (n_units, n_periods, P)."""
        n, periods, size = influences.shape
        dependence = self.dependence
        total = variance_of_sum(influences, dependence)
        count = size + self.n_controls
        total *= small_sample_factor(dependence, self.spec, (n, periods), count)
        if dependence.nearness is None and len(dependence.clusters) < 2:
            return (total + total.T) / 2, ()
        scale = np.sqrt(np.einsum("itk,itk->k", influences, influences))
        return positive(total, np.where(scale > 0, scale, 1.0))

    def residuals(self, orthonormal: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """Return residuals of a regression, or those of fits that leave out the own cluster.

        With q the rows of a cluster, ``(I - q q')^-1 e = e + q (I - q'q)^-1 q'e`` (CR3). Where
        clusters do not contain units (and for Conley) units are left out.

        Parameters
        ----------
        orthonormal : ndarray
            Q of the regressors, shape (n_units, n_periods, P).
        residuals : ndarray
            Shape (n_units, n_periods).
        """
        if not self.leave_out:
            return residuals
        codes = np.arange(len(residuals))
        for clusters in self.dependence.clusters[:1]:
            codes = clusters.codes[:, 0] if clusters.contain_units else codes
        used = (orthonormal != 0).any(axis=(1, 2))
        q, e = orthonormal[used], residuals[used]
        codes = np.unique(codes[used], return_inverse=True)[1]
        squares = np.zeros((codes.max() + 1, q.shape[2], q.shape[2]))
        along = np.zeros(squares.shape[:2])
        np.add.at(squares, codes, np.matmul(q.transpose(0, 2, 1), q))
        np.add.at(along, codes, np.einsum("itp,it->ip", q, e))
        values, vectors = np.linalg.eigh(squares)
        # A cluster that alone determines an estimate cannot be left out: its residual is zero.
        gains = np.divide(1, 1 - values, out=np.zeros_like(values), where=values < 1 - 1e-8)
        shifts = np.einsum("gpk,gk,gqk,gq->gp", vectors, gains, vectors, along, optimize=True)
        result = residuals.copy()
        result[used] += np.einsum("itp,ip->it", q, shifts[codes])
        return result


def second_step(first: FirstStep, terms: Terms, variance: Variance) -> StepEstimate:
    """Regress what is left of y outside clean cells on event times, by least squares.

    Each estimate is ``sum_it h_it r_it``, and r carries the effects of the first step: its
    influence is ``h_it`` times the residual in treated and exposed cells, and ``-g_it`` times the
    residual of the first step in clean ones (Gardner 2022; Borusyak, Jaravel and Spiess 2024).

    Raises
    ------
    CollinearityError
        If a term is a linear combination of others.
    """
    n, periods, size = terms.values.shape
    design = terms.values.reshape(-1, size)
    r = first.residuals
    factor = _triangular(design, terms)
    inverse = scipy.linalg.solve_triangular(factor, np.eye(size))
    orthonormal = (design @ inverse).reshape(n, periods, size)
    weights = orthonormal @ inverse.T
    estimates = np.einsum("itk,it->k", weights, r)
    residuals = variance.residuals(orthonormal, r - terms.values @ estimates)
    influences = weights * residuals[:, :, None] - first.carried(weights) * r[:, :, None]
    cov, notes = variance.of(influences)
    return StepEstimate(terms.table, estimates, cov, notes)


def lead_step(first: FirstStep, terms: Terms, variance: Variance) -> StepEstimate:
    """Regress y on leads, effects and controls in clean cells.

    Raises
    ------
    CollinearityError
        If a lead is a linear combination of others and of the effects.
    """
    size = terms.values.shape[2]
    design = first.net(terms.values) * first.mask[:, :, None]
    before = np.sqrt((terms.values**2).sum(axis=(0, 1)))
    factor = _triangular(design.reshape(-1, size), terms, before)
    inverse = scipy.linalg.solve_triangular(factor, np.eye(size))
    orthonormal = design @ inverse
    weights = orthonormal @ inverse.T
    estimates = np.einsum("itk,it->k", weights, first.residuals)
    residuals = variance.residuals(orthonormal, first.residuals - design @ estimates)
    cov, notes = variance.of(weights * residuals[:, :, None])
    return StepEstimate(terms.table, estimates, cov, notes)


def _triangular(design: np.ndarray, terms: Terms, sizes: np.ndarray | None = None) -> np.ndarray:
    """Return r of ``design = q r``, or name the first terms that others explain."""
    if sizes is None:
        sizes = np.sqrt((design**2).sum(axis=0))
    factor = np.linalg.qr(design, mode="r")
    dependent = np.abs(np.diag(factor)) < _DEPENDENT * sizes
    if len(factor) < design.shape[1] or dependent.any():
        rows = terms.table[KEYS][dependent] if dependent.any() else terms.table[KEYS]
        raise CollinearityError(named(rows))
    return np.asarray(factor)


def named(rows: pd.DataFrame) -> str:
    """Return estimates in words, for a message."""
    words = [
        f"{kind} effect on {on} units{f', {exposure}' if exposure else ''}, event time {time}"
        for kind, on, exposure, time in rows.itertuples(index=False)
    ]
    return sample(words, 6)
