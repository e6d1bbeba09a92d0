"""`barrier`: the share of spillovers lost at borders."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import optimize, sparse, stats

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import (
    TestSet,
    chi2_test,
    critical_value,
    with_intervals,
)
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, WeightsError, sample
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import TermWeights
from nqp_spatial.regression.estimators import profile_loglik
from nqp_spatial.regression.fit import fit_parts, parts_data
from nqp_spatial.regression.likelihood.several_lags import weighted_sum
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Covariance, Kernel
from nqp_spatial.spillovers._answer import ModelAnswer
from nqp_spatial.spillovers._blocks import ALL
from nqp_spatial.spillovers._link_effects import LinkEffects
from nqp_spatial.spillovers.partition import FixedEffects, require_regressor, wald_of
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["BarrierResult", "BorderDecay", "barrier", "fieller"]

_GRID = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5])


@dataclass(frozen=True, repr=False)
class BorderDecay(Displayed):
    """The factor ``exp(-kappa b)`` by which links across b borders are weakened.

    Attributes
    ----------
    kappa, conf_low, conf_high : float
        Estimate and profile-likelihood interval; infinite if no spillover crosses borders.
    retained, retained_low, retained_high : float
        ``exp(-kappa)``, the share that remains after one border; above one if links across borders
        are stronger.
    loglik : float
        Log-likelihood at the estimate.
    tests : TestSet
        ``LR: kappa = 0``, a likelihood ratio test.
    spec : Spec
        Formula, weights in words, level.
    notes : tuple of str
    """

    kappa: float
    conf_low: float
    conf_high: float
    retained: float
    retained_low: float
    retained_high: float
    loglik: float
    tests: TestSet
    spec: Spec
    notes: tuple[str, ...] = ()

    _figure = "estimates"

    @property
    def frame(self) -> pd.DataFrame:
        """Kappa and the retained share, with their intervals."""
        rows = {
            "kappa": (self.kappa, self.conf_low, self.conf_high),
            "retained": (self.retained, self.retained_low, self.retained_high),
        }
        columns = ["estimate", "conf_low", "conf_high"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def _blocks(self) -> list[Block]:
        return [
            t("Decay of spillovers per border crossed, exp(-kappa)"),
            self.frame,
            *(repr(test) for test in self.tests.values()),
        ]


@dataclass(frozen=True, repr=False, eq=False)
class BarrierResult(ModelAnswer):
    """An estimated model with spillovers within and across groups of units, such as provinces.

    Attributes
    ----------
    model : RegressionResult
        The estimated model: parameters by (block, variable, part), predictions, criteria, tables.
    spec : Spec
        Formula, weights in words, effects.
    groups : dict of Groups
        By name, from the smallest groups to the largest.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.knn(panel, k=6)
    >>> half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    >>> res = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=half, effects="unit")
    >>> res.share.index.tolist()
    ['across zone']
    """

    model: RegressionResult
    spec: Spec
    groups: dict[str, Groups]
    notes: tuple[str, ...]
    data: ModelData = field(repr=False)

    _figure = "border_loss"

    @property
    def parts(self) -> list[str]:
        """Names of the kinds of links: within the smallest groups first, across all last."""
        return self.model.terms.names_y

    @property
    def _rho(self) -> np.ndarray:
        return np.asarray(self.params.to_numpy()[-len(self.parts) :])

    @property
    def share(self) -> pd.Series:
        """Share of the spillover of y lost at borders: ``1 - rho_part / rho_within``, by part."""
        rho = self._rho
        return pd.Series(1 - rho[1:] / rho[0], self.parts[1:], name="share_lost")

    @checked
    def share_interval(self, level: Level = 0.95) -> pd.DataFrame:
        """Return Fieller intervals of the lost shares.

        Parameters
        ----------
        level : float

        Returns
        -------
        DataFrame
            Columns ``conf_low, conf_high, kind``. Kind "bounded" is an interval; "outside": all
            values but those between the limits; "everything": the data do not bound the share,
            because rho within groups is not significantly different from zero.
        """
        rho, cov = self._rho, self.cov.to_numpy()[-len(self.parts) :, -len(self.parts) :]
        rows = {}
        for position, part in enumerate(self.parts[1:], start=1):
            pair = np.ix_([position, 0], [position, 0])
            low, high, kind = fieller(rho[position], rho[0], cov[pair], level)
            rows[part] = {"conf_low": 1 - high, "conf_high": 1 - low, "kind": kind}
        return pd.DataFrame(rows).T

    @cached_property
    def tests(self) -> TestSet:
        """Wald tests that borders have no effect: for rho, for theta, for both, by part."""
        tests = []
        index, first = self.params.index, self.parts[0]
        for part in self.parts[1:]:
            rows: dict[str, list[np.ndarray]] = {"rho": [], "theta": []}
            names = [("spatial", "rho"), *(("wx", name) for name in self.model.spec.lagged)]
            for block, name in names:
                row = np.zeros(len(index))
                row[index.get_loc((block, name, part))] = 1.0
                row[index.get_loc((block, name, first))] = -1.0
                rows["rho" if block == "spatial" else "theta"].append(row)
            rows[t("rho and theta")] = rows["rho"] + rows["theta"]
            for terms, contrasts in rows.items():
                if not contrasts:
                    continue
                title = t("no loss {part}: {terms}", part=part, terms=terms)
                null = t("links {part} count as those {first}", part=part, first=first)
                tests.append(wald_of(self.model, title, null, np.array(contrasts)))
        return TestSet(tests)

    @checked
    def decay(self, level: Level = 0.95) -> BorderDecay:
        """Estimate kappa in ``w_ij exp(-kappa b_ij)``, b borders crossed, by profile likelihood.

        A separate model, with one rho and one theta for all links, which are weakened by the number
        of nested borders that they cross; the log-likelihood is maximised over all other parameters
        at each kappa. W is not standardised again.

        Parameters
        ----------
        level : float
            Confidence level of the interval.

        Returns
        -------
        BorderDecay
        """
        matrices = self.model.terms.matrices_y

        def height(retained: float) -> float:
            factors = float(retained) ** np.arange(len(matrices))
            everything = {ALL: weighted_sum(matrices, factors)}
            terms = TermWeights.in_parts(everything, everything if self.model.terms.x else {})
            return profile_loglik(self.data.with_terms(terms))

        heights = [height(retained) for retained in _GRID]
        top = int(np.argmax(heights))
        low, high = _GRID[max(top - 1, 0)], _GRID[min(top + 1, len(_GRID) - 1)]
        search = optimize.minimize_scalar(
            lambda retained: -height(retained), bounds=(low, high), method="bounded",
            options={"xatol": 1e-5},
        )  # fmt: skip
        best, retained = -float(search.fun), float(search.x)
        if heights[top] > best:
            best, retained = heights[top], float(_GRID[top])
        cut = best - stats.chi2.ppf(level, 1) / 2

        def edge(start: float, stop: float) -> float:
            if height(stop) > cut:
                return stop
            return float(optimize.brentq(lambda x: height(x) - cut, start, stop, xtol=1e-4))

        lower = edge(retained, 0.0) if retained > 0 else 0.0
        upper = edge(retained, max(2 * retained, 5.0))
        test = chi2_test(
            t("LR: kappa = 0"), t("links across borders count as others"),
            2 * (best - height(1.0)), 1,
        )  # fmt: skip
        with np.errstate(divide="ignore"):
            kappa, k_low, k_high = -np.log([retained, upper, lower])
        return BorderDecay(
            float(kappa), float(k_low), float(k_high), retained, lower, upper, best,
            TestSet([test]), Spec(**self.spec, level=level),
        )  # fmt: skip

    @checked
    def effects_by_border(self, variable: str, *, level: Level = 0.95) -> pd.DataFrame:
        """Return the direct effect of a regressor, and the indirect within and across each group.

        Parameters
        ----------
        variable : str
        level : float

        Returns
        -------
        DataFrame
            Indexed by effect: ``direct``; ``indirect within`` and ``indirect across`` each kind of
            zone, which sum to ``indirect``; ``total``. Effects on the average unit of a unit
            increase in x in all units; inference by the delta method.

        Raises
        ------
        UnknownColumnError
            If it is not a regressor.
        """
        effects = LinkEffects(require_regressor(self.model, variable), variable)
        rows: dict[str, tuple[float, np.ndarray]] = {}
        for name, groups in self.groups.items():
            by_group = effects.by_groups(groups)
            share = groups.sizes / groups.sizes.sum()
            direct = (share @ by_group.direct, by_group.direct_slopes @ share)
            everything = (
                float((share @ by_group.total).sum()),
                np.einsum("a,pab->p", share, by_group.total_slopes),
            )
            same = (
                float(share @ np.diag(by_group.total)),
                np.einsum("a,paa->p", share, by_group.total_slopes),
            )
            rows["direct"] = direct
            rows[f"indirect within {name}"] = (same[0] - direct[0], same[1] - direct[1])
            rows[f"indirect across {name}"] = (everything[0] - same[0], everything[1] - same[1])
            rows["indirect"] = (everything[0] - direct[0], everything[1] - direct[1])
            rows["total"] = everything
        cov = self.cov.to_numpy()
        table = pd.DataFrame(
            {
                name: {"estimate": value, "std_error": float(np.sqrt(slope @ cov @ slope))}
                for name, (value, slope) in rows.items()
            }
        ).T
        return with_intervals(table, level).rename_axis("effect")

    def _blocks(self) -> list[Block]:
        return [
            t("Spillovers within and across groups; {model}", model=self.model.spec.describe()),
            t("Formula: {formula}", formula=self.model.spec.formula),
            t("Weights: {weights}", weights=self.spec["weights"]),
            self.frame,
            pd.concat([self.share, self.share_interval()], axis=1),
            *notes_of(self.notes),
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
        Lower limit, upper limit, and "bounded", "outside" (all values except those between the
        limits), "everything".

    Examples
    --------
    >>> low, high, kind = fieller(0.5, 1.0, np.array([[0.01, 0], [0, 0.0001]]))
    >>> f"{low:.2f} to {high:.2f}, {kind}"
    '0.30 to 0.70, bounded'
    """
    z2 = critical_value(level) ** 2
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
    group: str | pd.Series | Sequence[str | pd.Series],
    effects: FixedEffects = "two-way",
    durbin: str | Iterable[str] | None = None,
    lag_regressors: bool = True,
    covariance: Covariance = "observed",
    cluster: str | Iterable[str] | None = None,
    cutoff_km: float | None = None,
    kernel: Kernel = "bartlett",
    lags: int | None = None,
    functions: Functions | None = None,
) -> BarrierResult:
    """Estimate spillovers within and across groups, and the share lost at borders.

    ``y = rho_w W_within y + rho_a W_across y + X beta + W_within X theta_w + W_across X theta_a +
    effects + e``; with several nested groupings, links are split by the smallest group that
    contains both units.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
    weights : SpatialWeights, Graph or W
        The full W; used as it is, so that a link has the same weight within and across groups.
    group : str, Series, or several
        Columns of the panel or groups by unit, such as provinces; several from the smallest to the
        largest, each nested in the next.
    effects : {"none", "unit", "period", "two-way"}
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    lag_regressors : bool
        Whether W X is in the model.
    covariance, cluster, cutoff_km, kernel, lags : optional
        As in `fit`, by likelihood: "robust" is not offered.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.

    Returns
    -------
    BarrierResult

    Raises
    ------
    WeightsError
        If no links are within groups, or none across groups.
    OptionError
        If groups are not nested.
    BoundaryError, PanelError, UnmatchedIdsError, CollinearityError
        As in `partitioned`.

    Notes
    -----
    The share compares links of equal weight. It may overstate the effect of a border that
    coincides with a natural barrier or a distance not reflected in the weights. Derivations:
    docs/spillovers.md. The interval is Fieller's (1954), Journal of the Royal Statistical Society B
    16, 175-185.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.knn(panel, k=6)
    >>> half = panel.units.to_series().lt("MO").map({True: "first", False: "second"})
    >>> res = nq.spillovers.barrier("lgsp ~ lpc", panel, w, group=half, effects="unit")
    >>> res.share_interval().columns.tolist()
    ['conf_low', 'conf_high', 'kind']
    """
    w = as_weights(weights).reordered(panel.units)
    several = list(group) if isinstance(group, list | tuple) else [group]
    groups: dict[str, Groups] = {}
    for number, grouping in enumerate(several, start=1):
        name = grouping if isinstance(grouping, str) else getattr(grouping, "name", None)
        name = "zone" if name is None else str(name)
        if name in groups or name == "unit":
            name = "zone" if len(several) == 1 else f"zone {number}"
        groups[name] = Groups.by_unit(panel, grouping)
    _require_nested(groups)
    parts = _parts(w, groups)
    words = w.spec.words
    terms = TermWeights.in_parts(parts, parts if lag_regressors else {}, words)
    data = parts_data(
        formula, panel, terms, effects=effects, durbin=durbin, covariance=covariance,
        cluster=cluster, cutoff_km=cutoff_km, kernel=kernel, lags=lags, functions=functions,
    )  # fmt: skip
    model = fit_parts(panel, data)
    return BarrierResult(
        model=model,
        spec=Spec(
            formula=formula,
            weights=words,
            effects=effects,
            lag_regressors=lag_regressors,
            covariance=covariance,
        ),
        groups=groups,
        notes=(
            t("shares lost compare links of equal weight; distance beyond the weights is ignored"),
            *model.notes,
            *data.plain.notes_on_terms,
        ),
        data=data,
    )


def _require_nested(groups: dict[str, Groups]) -> None:
    names = list(groups)
    for inner, outer in itertools.pairwise(names):
        pairs = pd.DataFrame({"in": groups[inner].codes, "out": groups[outer].codes})
        split = pairs.drop_duplicates().groupby("in").size()
        if (split > 1).any():
            torn = [groups[inner].names[code] for code in split.index[split > 1]]
            raise OptionError(
                f"groups must be nested, the smallest first: {inner} {sample(torn)} lie in several "
                f"of {outer}"
            )


def _parts(w: SpatialWeights, groups: dict[str, Groups]) -> dict[str, sparse.csr_array]:
    """Return links by the smallest group that contains both units."""
    links = w.sparse.tocoo()
    level = np.full(links.nnz, len(groups))
    names = list(groups)
    for position, name in reversed(list(enumerate(names))):
        codes = groups[name].codes
        level[codes[links.row] == codes[links.col]] = position
    labels = [f"within {names[0]}"]
    labels += [f"across {a}, within {b}" for a, b in itertools.pairwise(names)]
    labels.append(f"across {names[-1]}")
    matrices = {}
    for position, label in enumerate(labels):
        chosen = level == position
        if not chosen.any():
            raise WeightsError(
                f"the weights have no links {label}: take weights that reach farther, or groups "
                "that part them"
            )
        matrices[label] = sparse.csr_array(
            (links.data[chosen], (links.row[chosen], links.col[chosen])), shape=links.shape
        )
    return matrices
