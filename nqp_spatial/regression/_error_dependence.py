"""Which errors may be correlated: those of one cluster, of near units, of near periods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.spec import Kernel, RegressionSpec
from nqp_spatial.weights._coordinates import coordinates_of

__all__ = [
    "FEW_CLUSTERS",
    "Clusters",
    "ErrorDependence",
    "Nearness",
    "clusters_of",
    "error_dependence",
]

#: Clusters below which tests from them reject too often (Cameron, Gelbach and Miller 2008).
FEW_CLUSTERS = 20


@dataclass(frozen=True, eq=False)
class Clusters:
    """The cluster of each observation.

    Attributes
    ----------
    codes : ndarray of int
        Shape (n_units, n_periods), from 0 to count - 1.
    name : str
        The column; empty for the units themselves.
    """

    codes: np.ndarray
    name: str = ""

    @cached_property
    def count(self) -> int:
        """Number of clusters."""
        return int(self.codes.max()) + 1

    @cached_property
    def contain_units(self) -> bool:
        """Whether each unit is always in the same cluster."""
        return bool((self.codes == self.codes[:, :1]).all())

    @cached_property
    def contain_periods(self) -> bool:
        """Whether all units are in the same cluster in each period."""
        return bool((self.codes == self.codes[:1]).all())

    def sums(self, contributions: np.ndarray) -> np.ndarray:
        """Return contributions, shape (N, K), added up by cluster."""
        codes = self.codes.ravel()
        size = len(codes)
        members = sparse.csr_array(
            (np.ones(size), (codes, np.arange(size))), shape=(self.count, size)
        )
        return np.asarray(members @ contributions)

    def crossed(self, other: Clusters) -> Clusters:
        """Return the intersections of these clusters with others."""
        pairs = self.codes.ravel() * np.int64(other.count) + other.codes.ravel()
        codes = np.unique(pairs, return_inverse=True)[1].reshape(self.codes.shape)
        return Clusters(codes, f"{self.name} x {other.name}")


@dataclass(frozen=True, eq=False)
class Nearness:
    """Kernel weights of pairs of observations: of near units in one period, of a unit over time.

    Attributes
    ----------
    space : csr_array
        Weights of pairs of units, shape (n, n), with ones on the diagonal.
    time : ndarray
        Weights of 0, 1, ... periods apart; the first is one.
    """

    space: sparse.csr_array
    time: np.ndarray

    def lagged(self, values: np.ndarray) -> np.ndarray:
        """Return the kernel times values, shape (n_units, n_periods, ...)."""
        n, periods = values.shape[:2]
        total = np.asarray(self.space @ values.reshape(n, -1)).reshape(values.shape)
        for gap in range(1, min(len(self.time), periods)):
            total[:, gap:] += self.time[gap] * values[:, :-gap]
            total[:, :-gap] += self.time[gap] * values[:, gap:]
        return total

    def stacked(self, n_periods: int) -> Nearness:
        """Return the same kernel with observations in the place of units."""
        n = self.space.shape[0]
        bands = [np.full(n_periods - gap, weight) for gap, weight in enumerate(self.time)][1:]
        matrix = sparse.kron(self.space, sparse.eye_array(n_periods))
        if bands:
            gaps = range(1, len(bands) + 1)
            over_time = sparse.diags_array(
                [*bands, *bands], offsets=[*gaps, *(-gap for gap in gaps)],
                shape=(n_periods, n_periods),
            )  # fmt: skip
            matrix = matrix + sparse.kron(sparse.eye_array(n), over_time)
        return Nearness(sparse.csr_array(matrix), np.ones(1))


@dataclass(frozen=True, eq=False)
class ErrorDependence:
    """What a covariance takes as correlated.

    Attributes
    ----------
    clusters : tuple of Clusters
        One, two, or none.
    nearness : Nearness or None
    """

    clusters: tuple[Clusters, ...] = ()
    nearness: Nearness | None = None

    @property
    def parts(self) -> list[tuple[int, Clusters]]:
        """Return clusters with the sign of their variance: two ways less their intersection."""
        if len(self.clusters) < 2:
            return [(1, clusters) for clusters in self.clusters]
        first, second = self.clusters
        return [(1, first), (1, second), (-1, first.crossed(second))]

    @property
    def fewest(self) -> int:
        """Return the number of clusters, the smaller one of two ways."""
        return min(clusters.count for clusters in self.clusters)

    def notes(self, spec: RegressionSpec) -> tuple[str, ...]:
        """Return what to know about standard errors that rest on this dependence."""
        notes: list[str] = []
        if self.clusters and self.fewest < FEW_CLUSTERS:
            notes.append(
                t(
                    "{count} clusters are few: standard errors tend to be too small; test "
                    "coefficients of OLS and SLX with regression.wild_bootstrap",
                    count=self.fewest,
                )
            )
        between = (
            self.nearness is not None and self.nearness.space.nnz > self.nearness.space.shape[0]
        )
        between = between or any(clusters.name for clusters in self.clusters)
        if between and spec.estimator == "ml" and (spec.has_rho or spec.has_lam):
            notes.append(
                t(
                    "where errors of different units are correlated, maximum likelihood does not "
                    "estimate rho and lam consistently, and intervals are those of its limit; "
                    "estimator='gs2sls', where it is offered, is consistent for rho"
                )
            )
        if between and spec.estimator == "gs2sls" and spec.has_lam:
            notes.append(
                t(
                    "where errors of different units are correlated, the moment conditions do not "
                    "estimate lam consistently; the other coefficients are consistent"
                )
            )
        return tuple(notes)


def error_dependence(panel: SpatialPanel, spec: RegressionSpec, n_periods: int) -> ErrorDependence:
    """Return the dependence that the covariance of a model allows for.

    Parameters
    ----------
    panel : SpatialPanel
    spec : RegressionSpec
    n_periods : int
        Periods of the outcome; a dynamic model has fewer than the panel.

    Raises
    ------
    OptionError
        If options do not belong together, or there are fewer than two clusters.
    UnknownColumnError, MissingValuesError
        If a column of clusters is missing or incomplete.
    GeometryError, CrsError
        If distances cannot be computed.
    """
    _check_options(spec, n_periods)
    if spec.covariance == "cluster":
        names = spec.cluster or ("",)
        return ErrorDependence(tuple(clusters_of(panel, name, n_periods) for name in names))
    if spec.covariance == "conley":
        if spec.lags:
            require_even_steps(panel.periods, "lags=")
        space = _near_units(panel, spec.cutoff_km, spec.kernel)
        return ErrorDependence(nearness=Nearness(space, _bartlett(spec.lags or 0)))
    return ErrorDependence()


def clusters_of(panel: SpatialPanel, name: str, n_periods: int) -> Clusters:
    """Return clusters by a column, by the units (also for an empty name) or by the periods."""
    size = (panel.n_units, panel.n_periods)
    columns = {str(column) for column in panel.frame.columns}
    if name in columns or name not in ("", panel.unit_name, panel.period_name, "unit", "period"):
        panel.require_complete([name])
        codes = pd.factorize(panel.frame[name], sort=False)[0].reshape(size)
    elif name in (panel.period_name, "period"):
        codes = np.tile(np.arange(size[1]), (size[0], 1))
    else:
        codes = np.tile(np.arange(size[0])[:, None], (1, size[1]))
    used = codes[:, size[1] - n_periods :]
    codes = np.unique(used, return_inverse=True)[1].reshape(used.shape)
    clusters = Clusters(codes, name if name != panel.unit_name else "")
    if clusters.count < 2:
        raise OptionError(
            f"covariance='cluster' needs two clusters or more; all observations are in one "
            f"cluster of {name or panel.unit_name!r}"
        )
    return clusters


def _check_options(spec: RegressionSpec, n_periods: int) -> None:
    kind = spec.covariance
    if spec.cluster and kind != "cluster":
        raise OptionError(f"cluster= is for covariance='cluster', not {kind!r}")
    if len(spec.cluster) > 2 or len(set(spec.cluster)) < len(spec.cluster):
        raise OptionError(
            f"cluster= takes one column or two different ones, got {list(spec.cluster)}"
        )
    if spec.cutoff_km is not None and kind != "conley":
        raise OptionError(f"cutoff_km= is for covariance='conley', not {kind!r}")
    if spec.kernel != "bartlett" and kind != "conley":
        raise OptionError(f"kernel= is for covariance='conley', not {kind!r}")
    if spec.kernel != "bartlett" and spec.cutoff_km is None:
        raise OptionError(
            f"kernel={spec.kernel!r} is how weights fall with distance, and needs cutoff_km=; "
            "weights over time (lags=) always fall linearly"
        )
    if spec.lags is not None and kind not in ("conley", "driscoll-kraay"):
        raise OptionError(f"lags= is for covariance='conley' or 'driscoll-kraay', not {kind!r}")
    if spec.lags is not None and not 0 <= spec.lags < n_periods:
        raise OptionError(
            f"lags must be between 0 and {n_periods - 1}, one less than the periods, got "
            f"{spec.lags}"
        )
    if kind == "conley" and spec.cutoff_km is None and not spec.lags:
        raise OptionError(
            "covariance='conley' needs the distance from which errors are uncorrelated, as in "
            "cutoff_km=300, the periods over which they are correlated, as in lags=2, or both"
        )
    if spec.cutoff_km is not None and not spec.cutoff_km > 0:
        raise OptionError(f"cutoff_km must be above 0, got {spec.cutoff_km}")


def _bartlett(lags: int) -> np.ndarray:
    return 1 - np.arange(lags + 1) / (lags + 1)


def _near_units(panel: SpatialPanel, cutoff_km: float | None, kernel: Kernel) -> sparse.csr_array:
    """Return the kernel weights of pairs of units within the cutoff, and ones on the diagonal."""
    n = panel.n_units
    if cutoff_km is None:
        return sparse.csr_array(sparse.eye_array(n))
    pairs, km = coordinates_of(panel).pairs(cutoff_km)
    weights = 1 - km / cutoff_km if kernel == "bartlett" else np.ones(len(km))
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], np.arange(n)])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], np.arange(n)])
    values = np.concatenate([weights, weights, np.ones(n)])
    return sparse.csr_array((values, (rows, columns)), shape=(n, n))
