"""`barrier`: how much of a spillover is lost at a border."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize, sparse, stats

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, UnknownColumnError, WeightsError, sample
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.spec import require_level
from nqp_spatial.spillovers._blocks import ALL
from nqp_spatial.spillovers._estimation import SeveralLags, estimate
from nqp_spatial.spillovers._group_effects import group_effects
from nqp_spatial.spillovers.partition import FixedEffects, column_of
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["BarrierResult", "BorderDecay", "barrier", "fieller"]

_GRID = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5])


@dataclass(frozen=True, repr=False)
class BorderDecay(Displayed):
    """The factor ``exp(-kappa b)`` by which links that cross b borders count less.

    Attributes
    ----------
    kappa, conf_low, conf_high : float
        Estimate and profile-likelihood interval; infinite where nothing crosses.
    retained, retained_low, retained_high : float
        ``exp(-kappa)``, what is left at one border. Above one where links across count more.
    loglik : float
        At the estimate.
    test : HypothesisTest
        Likelihood ratio test of kappa = 0.
    """

    kappa: float
    conf_low: float
    conf_high: float
    retained: float
    retained_low: float
    retained_high: float
    loglik: float
    test: HypothesisTest | NotApplicable

    def _blocks(self) -> list[Block]:
        return [
            f"Border decay: kappa {self.kappa:.4g} [{self.conf_low:.4g}, {self.conf_high:.4g}]; "
            f"a border leaves {self.retained:.3g} "
            f"[{self.retained_low:.3g}, {self.retained_high:.3g}]",
            repr(self.test),
        ]


@dataclass(frozen=True, repr=False, eq=False)
class BarrierResult(Displayed):
    """An estimated model with spillovers within and across zones.

    Attributes
    ----------
    formula, weights_spec, effects : str
    fit : SeveralLags
    zones : dict of Groups
        By name, from the smallest zones to the largest.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.knn(panel, k=6)
    >>> half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    >>> res = nq.spillovers.barrier("lgsp ~ lpc", panel, w, zone=half, effects="unit")
    >>> res.share.index.tolist()
    ['across zone']
    """

    formula: str
    weights_spec: str
    effects: FixedEffects
    fit: SeveralLags
    zones: dict[str, Groups]
    notes: tuple[str, ...]
    again: dict[str, Any]

    @property
    def params(self) -> pd.Series:
        """Estimates, by (block, variable, part)."""
        return self.fit.params

    @property
    def cov(self) -> pd.DataFrame:
        """Covariance of the estimates."""
        return self.fit.cov

    @property
    def std_errors(self) -> pd.Series:
        """Standard errors of the estimates."""
        return pd.Series(np.sqrt(np.diag(self.cov)), self.params.index, name="std_error")

    @property
    def parts(self) -> list[str]:
        """Names of the kinds of links: within the smallest zones first, across all last."""
        return list(self.fit.y_parts)

    @property
    def share(self) -> pd.Series:
        """Share of the spillover of y that is lost: ``1 - rho_part / rho_within``, by part."""
        rho = self.fit.rho
        return pd.Series(1 - rho[1:] / rho[0], self.parts[1:], name="share_lost")

    @checked
    def conf_int(self, level: Level = 0.95) -> pd.DataFrame:
        """Return Fieller intervals of the shares lost.

        Parameters
        ----------
        level : float

        Returns
        -------
        DataFrame
            Columns ``conf_low, conf_high, kind``. Kind "bounded" is an interval; "outside": all
            values but those between the limits; "everything": the data do not tell, because rho
            within zones is not different from zero.
        """
        rho, cov = self.fit.rho, self.cov.to_numpy()[-len(self.parts) :, -len(self.parts) :]
        rows = {}
        for at, part in enumerate(self.parts[1:], start=1):
            limits = fieller(rho[at], rho[0], cov[np.ix_([at, 0], [at, 0])], level)
            low, high, kind = limits
            rows[part] = {"conf_low": 1 - high, "conf_high": 1 - low, "kind": kind}
        return pd.DataFrame(rows).T

    @cached_property
    def tests(self) -> dict[str, HypothesisTest | NotApplicable]:
        """Wald tests that borders do not matter: for rho, for theta, for both, by part."""
        found: dict[str, HypothesisTest | NotApplicable] = {}
        index, first = self.params.index, self.parts[0]
        for part in self.parts[1:]:
            rows: dict[str, list[np.ndarray]] = {"rho": [], "theta": []}
            names = [("spatial", "rho"), *(("wx", name) for name in self.fit.lagged)]
            for block, name in names:
                row = np.zeros(len(index))
                row[index.get_loc((block, name, part))] = 1.0
                row[index.get_loc((block, name, first))] = -1.0
                rows["rho" if block == "spatial" else "theta"].append(row)
            rows["rho and theta"] = rows["rho"] + rows["theta"]
            for words, contrasts in rows.items():
                if not contrasts:
                    continue
                title, null = f"no loss {part}: {words}", f"links {part} count as those {first}"
                found[title] = self.fit.wald(title, null, np.array(contrasts))
        return found

    @checked
    def decay(self, level: Level = 0.95) -> BorderDecay:
        """Estimate kappa in ``w_ij exp(-kappa b_ij)`` by profile likelihood, b borders crossed.

        One rho and one theta for all links, which count less by the number of nested borders that
        they cross: a model of its own, with the log-likelihood maximised over everything else at
        each kappa. W is not standardised again.

        Parameters
        ----------
        level : float
            Of the interval.

        Returns
        -------
        BorderDecay
        """
        level = require_level(level)

        def height(left: float) -> float:
            factors = float(left) ** np.arange(len(self.parts))
            whole = sum(f * m for f, m in zip(factors, self.fit.y_parts.values(), strict=True))
            parts = {ALL: sparse.csr_array(whole)}
            options = {key: self.again[key] for key in ("members", "durbin", "functions")}
            smaller = estimate(
                self.formula, self.again["panel"], parts, parts if self.fit.x_parts else {},
                effects=self.effects, correct=False, **options,
            )  # fmt: skip
            return smaller.loglik

        heights = [height(left) for left in _GRID]
        top = int(np.argmax(heights))
        low, high = _GRID[max(top - 1, 0)], _GRID[min(top + 1, len(_GRID) - 1)]
        found = optimize.minimize_scalar(
            lambda left: -height(left), bounds=(low, high), method="bounded",
            options={"xatol": 1e-5},
        )  # fmt: skip
        best, left = -float(found.fun), float(found.x)
        if heights[top] > best:
            best, left = heights[top], float(_GRID[top])
        cut = best - stats.chi2.ppf(level, 1) / 2

        def edge(start: float, stop: float) -> float:
            if height(stop) > cut:
                return stop
            return float(optimize.brentq(lambda x: height(x) - cut, start, stop, xtol=1e-4))

        lower = edge(left, 0.0) if left > 0 else 0.0
        upper = edge(left, max(2 * left, 5.0))
        test = chi2_test(
            "LR: kappa = 0", "links across borders count as others", 2 * (best - height(1.0)), 1
        )
        with np.errstate(divide="ignore"):
            kappa, k_low, k_high = -np.log([left, upper, lower])
        return BorderDecay(
            float(kappa), float(k_low), float(k_high), left, lower, upper, best, test
        )

    @checked
    def effects_by_border(self, variable: str, *, level: Level = 0.95) -> pd.DataFrame:
        """Return the direct effect of a regressor, and the indirect within and across each zone.

        Parameters
        ----------
        variable : str
        level : float

        Returns
        -------
        DataFrame
            Indexed by effect: ``direct``; ``indirect within`` and ``indirect across`` each kind of
            zone, which add up to ``indirect``; ``total``. On the average unit, of one more x
            everywhere; by the delta method.

        Raises
        ------
        UnknownColumnError
            If it is not a regressor.
        """
        if variable not in self.fit.regressors:
            raise UnknownColumnError(
                f"{variable!r} is not a regressor of this model; they are "
                f"{sample(list(self.fit.regressors), 20)}"
            )
        rows: dict[str, tuple[float, np.ndarray]] = {}
        for name, zone in self.zones.items():
            found = group_effects(self.fit, variable, zone, self.again["members"])
            share = zone.sizes / zone.sizes.sum()
            direct = (share @ found.direct, found.direct_slopes @ share)
            whole = (
                float((share @ found.total).sum()),
                np.einsum("a,pab->p", share, found.total_slopes),
            )
            same = (
                float(share @ np.diag(found.total)),
                np.einsum("a,paa->p", share, found.total_slopes),
            )
            rows["direct"] = direct
            rows[f"indirect within {name}"] = (same[0] - direct[0], same[1] - direct[1])
            rows[f"indirect across {name}"] = (whole[0] - same[0], whole[1] - same[1])
            rows["indirect"] = (whole[0] - direct[0], whole[1] - direct[1])
            rows["total"] = whole
        cov = self.cov.to_numpy()
        table = pd.DataFrame(
            {
                name: {"estimate": value, "std_error": float(np.sqrt(slope @ cov @ slope))}
                for name, (value, slope) in rows.items()
            }
        ).T
        table["p_value"] = 2 * stats.norm.sf((table["estimate"] / table["std_error"]).abs())
        reach = float(stats.norm.ppf(0.5 + require_level(level) / 2)) * table["std_error"]
        table["conf_low"], table["conf_high"] = table["estimate"] - reach, table["estimate"] + reach
        return table.rename_axis("effect")

    def _blocks(self) -> list[Block]:
        return [
            f"Spillovers within and across zones, {self.effects} effects; {self.formula}",
            f"Weights: {self.weights_spec}",
            pd.concat([self.params, self.std_errors], axis=1),
            pd.concat([self.share, self.conf_int()], axis=1),
            *self.notes,
        ]


def fieller(
    top: float, bottom: float, cov: np.ndarray, level: float = 0.95
) -> tuple[float, float, str]:
    """Return the interval of a ratio of two estimates (Fieller 1954).

    Parameters
    ----------
    top, bottom : float
    cov : ndarray
        Their covariance, shape (2, 2).
    level : float

    Returns
    -------
    tuple
        Lower limit, upper limit, and "bounded", "outside" (all but what is between), "everything".

    Examples
    --------
    >>> low, high, kind = fieller(0.5, 1.0, np.array([[0.01, 0], [0, 0.0001]]))
    >>> f"{low:.2f} to {high:.2f}, {kind}"
    '0.30 to 0.70, bounded'
    """
    z2 = float(stats.norm.ppf(0.5 + require_level(level) / 2)) ** 2
    a = bottom**2 - z2 * cov[1, 1]
    b = top * bottom - z2 * cov[0, 1]
    c = top**2 - z2 * cov[0, 0]
    root = b**2 - a * c
    if a > 0 and root >= 0:
        return (b - np.sqrt(root)) / a, (b + np.sqrt(root)) / a, "bounded"
    if root <= 0:
        return -np.inf, np.inf, "everything"
    ends = sorted([(b - np.sqrt(root)) / a, (b + np.sqrt(root)) / a])
    return ends[0], ends[1], "outside"


@checked
def barrier(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    zone: str | pd.Series | Sequence[str | pd.Series],
    effects: FixedEffects = "two-way",
    durbin: str | Iterable[str] | None = None,
    lag_regressors: bool = True,
    functions: Functions | None = None,
) -> BarrierResult:
    """Estimate spillovers within and across zones, and the share that borders take.

    ``y = rho_w W_within y + rho_a W_across y + X beta + W_within X theta_w + W_across X theta_a +
    effects + e``; several nested zones part links by the smallest zone that holds both ends.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
        The whole; used as it is, so that a link weighs the same within and across.
    zone : str, Series, or several
        Columns of the panel or zones by unit; several from the smallest to the largest, each
        inside the next.
    effects : {"none", "unit", "period", "two-way"}
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    lag_regressors : bool
        Whether W X is in the model.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.

    Returns
    -------
    BarrierResult

    Raises
    ------
    WeightsError
        If no links stay in a zone, or none cross.
    OptionError
        If zones are not nested.
    BoundaryError, PanelError, UnmatchedIdsError, CollinearityError
        As in `partitioned`.

    Notes
    -----
    The share compares links of equal weight. A border may take less than it seems where it runs
    along a natural barrier or a distance that the weights do not know. Derivations:
    docs/spillovers.md. The interval is Fieller's (1954), Journal of the Royal Statistical Society
    B 16, 175-185.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.knn(panel, k=6)
    >>> half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    >>> res = nq.spillovers.barrier("lgsp ~ lpc", panel, w, zone=half, effects="unit")
    >>> res.conf_int().columns.tolist()
    ['conf_low', 'conf_high', 'kind']
    """
    panel.require_balanced()
    w = as_weights(weights).reordered(panel.units)
    several = list(zone) if isinstance(zone, list | tuple) else [zone]
    zones: dict[str, Groups] = {}
    for number, given in enumerate(several, start=1):
        series = column_of(panel, given)
        name = str(series.name) if series.name is not None else "zone"
        if name in zones or name == "unit":
            name = "zone" if len(several) == 1 else f"zone {number}"
        zones[name] = Groups.by_unit(w.units, series)
    _require_nested(zones)
    parts = _blocks(w, zones)
    members = {ALL: np.ones(w.n_units, dtype=bool)}
    fit = estimate(
        formula, panel, parts, parts if lag_regressors else {}, members=members, effects=effects,
        durbin=durbin, functions=functions, correct=True,
    )  # fmt: skip
    notes = ["Shares lost are of links of equal weight; distance beyond the weights is not held."]
    notes += fit.notes
    if fit.corrected:
        notes.append("The bias of period dummies was taken off.")
    return BarrierResult(
        formula=formula,
        weights_spec=w.spec.describe(),
        effects=effects,
        fit=fit,
        zones=zones,
        notes=tuple(notes),
        again={"panel": panel, "members": members, "durbin": durbin, "functions": functions},
    )


def _require_nested(zones: dict[str, Groups]) -> None:
    names = list(zones)
    for inner, outer in itertools.pairwise(names):
        pairs = pd.DataFrame({"in": zones[inner].codes, "out": zones[outer].codes})
        split = pairs.drop_duplicates().groupby("in").size()
        if (split > 1).any():
            torn = [zones[inner].names[at] for at in split.index[split > 1]]
            raise OptionError(
                f"zones must be nested, the smallest first: {inner} {sample(torn)} lie in several "
                f"of {outer}"
            )


def _blocks(w: SpatialWeights, zones: dict[str, Groups]) -> dict[str, sparse.csr_array]:
    """Return links by the smallest zone that holds both ends."""
    links = w.sparse.tocoo()
    level = np.full(links.nnz, len(zones))
    names = list(zones)
    for at, name in reversed(list(enumerate(names))):
        codes = zones[name].codes
        level[codes[links.row] == codes[links.col]] = at
    labels = [f"within {names[0]}"]
    labels += [f"across {a}, within {b}" for a, b in itertools.pairwise(names)]
    labels.append(f"across {names[-1]}")
    found = {}
    for at, label in enumerate(labels):
        kept = level == at
        if not kept.any():
            raise WeightsError(
                f"the weights have no links {label}: take weights that reach farther, or zones "
                "that part them"
            )
        found[label] = sparse.csr_array(
            (links.data[kept], (links.row[kept], links.col[kept])), shape=links.shape
        )
    return found
