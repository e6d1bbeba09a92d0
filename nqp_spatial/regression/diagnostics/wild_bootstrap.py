"""Wild bootstrap by cluster: tests and intervals of OLS and SLX that hold with few clusters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import scipy.linalg

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Level, Range, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._error_dependence import Clusters
from nqp_spatial.regression._formulas import Functions, names_in
from nqp_spatial.regression._model_data import ModelData, build_model_data
from nqp_spatial.regression.fit import fit
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["WildBootstrapResult", "wild_bootstrap"]

_Replications = Annotated[int, Range(99, 1_000_000)]
#: Clusters from which Rademacher weights have enough different samples (Webb 2023).
_RADEMACHER_FROM = 10
_POINTS = {
    "rademacher": np.array([-1.0, 1.0]),
    "webb": np.concatenate([-np.sqrt([1.5, 1.0, 0.5]), np.sqrt([0.5, 1.0, 1.5])]),
}
# A limit beyond a million standard errors is taken as infinite.
_DOUBLINGS, _HALVINGS = 20, 60
_TIE = 1e-7


@dataclass(frozen=True, repr=False, eq=False)
class WildBootstrapResult(Displayed):
    """Coefficients with p-values and intervals of the restricted wild cluster bootstrap.

    Attributes
    ----------
    frame : DataFrame
        One row per coefficient: ``block``, ``variable``, ``estimate``, ``std_error`` (clustered),
        ``statistic`` (of the null hypothesis), ``p_value``, ``conf_low``, ``conf_high``; limits are
        infinite where no value is rejected.
    spec : Spec
        ``formula``, ``model``, ``effects``, ``cluster``, ``null``, ``distribution``,
        ``replications``, ``level``, ``seed``.
    notes : tuple of str
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> result = nq.regression.wild_bootstrap(
    ...     "lgsp ~ lpc + lemp", panel, model="ols", replications=199
    ... )
    >>> result.frame["variable"].tolist()
    ['lpc', 'lemp']
    """

    _figure = "estimates"

    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        return [
            t("Wild cluster bootstrap. {formula}", formula=self.spec["formula"]),
            self.frame,
            *notes_of(self.notes),
        ]


@checked
def wild_bootstrap(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike | None = None,
    *,
    variables: str | Iterable[str] | None = None,
    cluster: str | None = None,
    model: Literal["ols", "slx"] = "ols",
    effects: Literal["none", "unit", "period", "two-way"] = "two-way",
    durbin: str | Iterable[str] | None = None,
    null: float = 0.0,
    distribution: Literal["auto", "rademacher", "webb"] = "auto",
    replications: _Replications = 9999,
    level: Level = 0.95,
    functions: Functions | None = None,
    seed: Seed = 0,
) -> WildBootstrapResult:
    """Test coefficients by the wild cluster bootstrap, with the null hypothesis imposed.

    With ``u = y - x b0 - Z g`` the residuals under ``beta = b0``, samples are ``y* = x b0 + Z g +
    v_g u`` with one random v_g for each cluster, and the clustered t statistic of each sample is
    compared with that of the data. The interval contains all b0 that are not rejected. With few
    clusters (below some thirty, or of very different sizes) the usual clustered tests reject a true
    hypothesis too often; these do so much less.

    Parameters
    ----------
    formula, panel, weights, effects, durbin, functions
        As in `fit`.
    variables : str or list of str, optional
        Regressors whose coefficients are tested (in ``slx`` also those of their spatial lags); all
        if not given.
    cluster : str, optional
        A column whose values form the clusters; the units by default.
    model : {"ols", "slx"}
    null : float
        b0.
    distribution : {"auto", "rademacher", "webb"}
        Of v_g: -1 and 1; or the six points of Webb (2023), which give enough different samples with
        fewer than ten clusters, where ``auto`` takes them.
    replications : int
        Number of samples. If there are no more different ones (2^G or 6^G), each is taken once and
        the p-value is exact.
    level : float
        Confidence level.
    seed : int, optional

    Returns
    -------
    WildBootstrapResult

    Raises
    ------
    UnknownColumnError
        If a variable is not a regressor.
    OptionError
        If `variables` is empty, and as in `fit`.
    PanelError
        As in `fit`.

    Notes
    -----
    p-values are two-sided and symmetric. Sources: Cameron, Gelbach and Miller (2008), Review of
    Economics and Statistics 90, 414-427; Webb (2023), Canadian Journal of Economics 56, 839-858;
    Roodman, MacKinnon, Nielsen and Webb (2019), Stata Journal 19, 4-60, for the algebra by cluster
    and the inversion.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> panel = panel.assign(region=lambda d: d.index.get_level_values(0).str[0] < "M")
    >>> result = nq.regression.wild_bootstrap(
    ...     "lgsp ~ lpc + lemp", panel, cluster="region", variables="lpc"
    ... )
    >>> bool(0 < result.frame["p_value"][0] <= 1)
    True
    """
    res = fit(
        formula, panel, weights, model=model, effects=effects, durbin=durbin,
        covariance="cluster", cluster=cluster, functions=functions,
    )  # fmt: skip
    data = build_model_data(panel, res.spec, res.terms, durbin, functions)
    columns = _columns(data, variables)
    clusters = data.dependence.clusters[0]
    if distribution == "auto":
        distribution = "webb" if clusters.count < _RADEMACHER_FROM else "rademacher"
    draws, is_exact = _weights(distribution, clusters.count, replications, seed)
    rows = []
    for column in columns:
        statistics = _Statistics.of(data, clusters, column, draws, is_exact)
        scale = float(res.std_errors.iloc[column])
        factor = scale / statistics.std_error
        low, high = (statistics.limit(round(1 - level, 12), side) for side in (-1, 1))
        rows.append(
            {
                "block": data.keys[column][0], "variable": data.keys[column][1],
                "estimate": statistics.estimate, "std_error": scale,
                "statistic": statistics.t_of(null) / factor, "p_value": statistics.p_of(null),
                "conf_low": low, "conf_high": high,
            }
        )  # fmt: skip
    spec = Spec(
        formula=formula, model=model, effects=effects, cluster=cluster or panel.unit_name,
        null=null, distribution=distribution, replications=draws.shape[1], level=level, seed=seed,
    )  # fmt: skip
    note = t("{count} clusters, {draws} samples", count=clusters.count, draws=draws.shape[1])
    exact = (t("all different samples are taken: p-values are exact"),) if is_exact else ()
    return WildBootstrapResult(pd.DataFrame(rows), spec, (note, *exact))


def _columns(data: ModelData, variables: str | Iterable[str] | None) -> list[int]:
    names = [key[1] for key in data.keys]
    if variables is None:
        return list(range(len(names)))
    wanted = names_in(variables, "variables")
    if not wanted:
        raise OptionError("variables= is empty; name regressors, or leave it out to test all")
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise UnknownColumnError(
            f"variables names {sample(unknown)}, not among the regressors {sample(names, 20)}"
        )
    return [column for column, name in enumerate(names) if name in wanted]


def _weights(
    distribution: str, count: int, replications: int, seed: int | None
) -> tuple[np.ndarray, bool]:
    """Return weights by cluster and sample, and whether they are all that there are."""
    points = _POINTS[distribution]
    if count * np.log(len(points)) <= np.log(replications) + 1e-9:
        grids = np.meshgrid(*[points] * count, indexing="ij")
        return np.stack([grid.ravel() for grid in grids]), True
    rng = np.random.default_rng(seed)
    return rng.choice(points, size=(count, replications)), False


@dataclass(frozen=True, eq=False)
class _Statistics:
    """The t statistic of one coefficient in the data and in all samples, for any b0.

    Residuals under b0 are ``v - b0 r``, with v and r what remains of y and x without the other
    regressors; all is linear in them, so that a new b0 needs sums over samples only.

    Attributes
    ----------
    estimate, std_error : float
        Least squares, and its clustered standard error without a factor.
    sums : tuple of ndarray
        ``r'u*`` of samples made of v and of r, shape (samples,).
    squares : tuple of ndarray
        Sums over clusters of ``s_v^2, s_v s_r, s_r^2``, the scores of samples made of v and r.
    is_exact : bool
    """

    estimate: float
    std_error: float
    size: float
    sums: tuple[np.ndarray, np.ndarray]
    squares: tuple[np.ndarray, np.ndarray, np.ndarray]
    is_exact: bool

    @classmethod
    def of(
        cls, data: ModelData, clusters: Clusters, column: int, draws: np.ndarray, is_exact: bool
    ) -> _Statistics:
        """Return the statistics of one column of z."""
        z, y = data.projection.z, data.projection.y
        others = np.delete(z, column, axis=1)
        without = scipy.linalg.orth(others) if others.shape[1] else others
        v, r = (values - without @ (without.T @ values) for values in (y, z[:, column]))
        size = float(r @ r)
        estimate = float(r @ v) / size
        score = clusters.sums((r * (v - estimate * r))[:, None])
        basis = np.column_stack([without, r / np.sqrt(size)])
        by_v, by_r = (_responses(r, u, basis, clusters, data) @ draws for u in (v, r))
        sums = [clusters.sums((r * u)[:, None])[:, 0] @ draws for u in (v, r)]
        return cls(
            estimate, float(np.sqrt((score**2).sum())) / size, size, (sums[0], sums[1]),
            ((by_v**2).sum(axis=0), (by_v * by_r).sum(axis=0), (by_r**2).sum(axis=0)), is_exact,
        )  # fmt: skip

    def t_of(self, value: float) -> float:
        """Return the t statistic of the data, without a factor."""
        return (self.estimate - value) / self.std_error

    def p_of(self, value: float) -> float:
        """Return the p-value of the hypothesis that the coefficient has a value."""
        top = np.abs(self.sums[0] - value * self.sums[1])
        squares = self.squares[0] - 2 * value * self.squares[1] + value**2 * self.squares[2]
        # Ties with the data, as of all weights equal, count.
        limit = abs(self.t_of(value)) * np.sqrt(np.maximum(squares, 0)) * (1 - _TIE)
        extreme = int((top >= limit).sum())
        return extreme / len(top) if self.is_exact else (extreme + 1) / (len(top) + 1)

    def limit(self, alpha: float, side: int) -> float:
        """Return the end of the interval: the farthest value that is not rejected."""
        inside, step = self.estimate, self.std_error
        for _ in range(_DOUBLINGS):
            outside = inside + side * step
            if self.p_of(outside) < alpha:
                break
            inside, step = outside, 2 * step
        else:
            return side * np.inf
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if self.p_of(middle) < alpha else (middle, outside)
        return inside


def _responses(
    r: np.ndarray, u: np.ndarray, basis: np.ndarray, clusters: Clusters, data: ModelData
) -> np.ndarray:
    """Return ``r_g'(I - P) u_h``: scores of cluster g in a sample, by the weight of cluster h.

    P projects on all regressors and on the effects, which must be removed anew from residuals that
    were multiplied by weights.
    """
    spec, (n, periods) = data.spec, data.shape
    products = clusters.sums(np.column_stack([r * u, r, u, basis * r[:, None], basis * u[:, None]]))
    width = basis.shape[1]
    on_r, on_u = products[:, 3 : 3 + width], products[:, 3 + width :]
    response = np.diag(products[:, 0]) - on_r @ on_u.T
    units = np.repeat(np.arange(n), periods)
    times = np.tile(np.arange(periods), n)
    if spec.sweeps_units and not clusters.contain_units:
        response -= _means_shared(r, u, units, n, clusters) / periods
    if spec.sweeps_periods and not clusters.contain_periods:
        response -= _means_shared(r, u, times, periods, clusters) / n
        if spec.sweeps_units:
            response += np.outer(products[:, 1], products[:, 2]) / (n * periods)
    return np.asarray(response)


def _means_shared(
    r: np.ndarray, u: np.ndarray, labels: np.ndarray, count: int, clusters: Clusters
) -> np.ndarray:
    """Return sums over units (or periods) of the products of cluster sums of r and of u."""
    cells = clusters.codes.ravel() * np.int64(count) + labels
    size = clusters.count * count
    sums_r, sums_u = (
        np.bincount(cells, weights, minlength=size).reshape(clusters.count, count)
        for weights in (r, u)
    )
    return np.asarray(sums_r @ sums_u.T)
