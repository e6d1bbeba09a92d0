"""`partitioned`: spillovers that differ by the group of the receiver and of the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    TestSet,
    chi2_test,
    wald_test,
    with_intervals,
)
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression._model_data import ModelData
from nqp_spatial.regression._term_weights import TermWeights, matrices_by_name
from nqp_spatial.regression.estimators import profile_loglik
from nqp_spatial.regression.fit import fit_parts, parts_data
from nqp_spatial.regression.likelihood.several_lags import spectral_radius_of
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Covariance, Kernel
from nqp_spatial.spillovers._answer import ModelAnswer
from nqp_spatial.spillovers._blocks import ALL, TiePattern, block_name, split_matrices
from nqp_spatial.spillovers._link_effects import LinkEffects
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["EffectsMatrix", "PartitionedResult", "partitioned"]

FixedEffects = Literal["none", "unit", "period", "two-way"]
Ties = TiePattern | Mapping[tuple[str, str], str]


@dataclass(frozen=True, repr=False, eq=False)
class EffectsMatrix(Displayed):
    """Effects of one regressor between groups.

    Attributes
    ----------
    variable : str
    frame : DataFrame
        Columns ``variable, receiver, sender, effect, estimate, std_error, statistic, p_value,
        conf_low, conf_high``. The effect on the average unit of the receiver group of a unit
        increase in x in every unit of the sender group; ``direct`` is the effect of a unit's own x,
        ``total = direct + indirect``. Receiver "all" is the average unit, sender "all" every unit.
    spec : Spec
        Level of the intervals, the model's options.
    notes : tuple of str
    tests : TestSet
        Empty: the tests are those of the model.
    label : str
        Display label of the regressor.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    >>> res.effects_matrix("lpc").matrix().shape
    (3, 3)
    """

    variable: str
    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)
    label: str = ""

    _figure = "effects_matrix"

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.spec["level"])

    @checked
    def matrix(
        self,
        effect: Literal["direct", "indirect", "total"] = "total",
        value: Literal[
            "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"
        ] = "estimate",
    ) -> pd.DataFrame:
        """Return one effect as a table of receivers (rows) by senders (columns).

        Parameters
        ----------
        effect : {"direct", "indirect", "total"}
        value : str
            A column of the frame.

        Returns
        -------
        DataFrame
        """
        part = self.frame[self.frame["effect"] == effect]
        wide = part.pivot(index="receiver", columns="sender", values=value)
        order = list(dict.fromkeys(part["receiver"]))
        return wide.reindex(index=order, columns=[c for c in order if c in wide.columns])

    def _blocks(self) -> list[Block]:
        table = self.frame.drop(columns="variable").reset_index(drop=True)
        title = t("Effects of {variable} (rows receive)", variable=self.variable)
        return [title, table, *notes_of(self.notes)]


@dataclass(frozen=True, repr=False, eq=False)
class PartitionedResult(ModelAnswer):
    """An estimated partitioned Durbin model.

    Attributes
    ----------
    model : RegressionResult
        The estimated model: parameters by (block, variable, part), predictions, criteria, tables.
    spec : Spec
        Formula, weights in words, effects, restrictions on the coefficients.
    groups : Groups
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    >>> res.params.xs("spatial").index.get_level_values("part").tolist()
    ['rest <- rest', 'rest <- south', 'south <- rest', 'south <- south']
    """

    model: RegressionResult
    spec: Spec
    groups: Groups
    notes: tuple[str, ...]
    data: ModelData
    weights: SpatialWeights

    _figure = "estimates"

    @property
    def loglik(self) -> float:
        """Maximised log-likelihood, before any correction."""
        return self.model.loglik

    @checked
    def effects_matrix(self, variable: str, *, level: Level = 0.95) -> EffectsMatrix:
        """Return the effects of one regressor between groups, with the delta method.

        Parameters
        ----------
        variable : str
        level : float
            Confidence level of the intervals.

        Returns
        -------
        EffectsMatrix

        Raises
        ------
        UnknownColumnError
            If it is not a regressor.
        OptionError
            If the estimate is not stable.
        """
        effects = LinkEffects(require_regressor(self.model, variable), variable)
        if (radius := spectral_radius_of(self.model.terms.matrices_y, effects.rho)) >= 1:
            raise OptionError(
                f"the estimate is not stable (spectral radius {radius:.3f}): it has no effects"
            )
        by_group = effects.by_groups(self.groups)
        names, share = self.groups.names, self.groups.sizes / self.groups.sizes.sum()
        cov = self.cov.to_numpy()
        own_slopes = np.eye(len(names))[None] * by_group.direct_slopes[:, :, None]
        direct = np.diag(by_group.direct)
        kinds = {
            "direct": (direct, own_slopes),
            "indirect": (by_group.total - direct, by_group.total_slopes - own_slopes),
            "total": (by_group.total, by_group.total_slopes),
        }
        rows = []
        for effect, (values, slopes) in kinds.items():
            for i, a in enumerate([*names, ALL]):
                receivers = share if a == ALL else np.eye(len(names))[i]
                for j, b in enumerate([*names, ALL]):
                    if effect == "direct" and a != ALL and b not in (a, ALL):
                        continue
                    senders = np.ones(len(names)) if b == ALL else np.eye(len(names))[j]
                    slope = np.einsum("i,pij,j->p", receivers, slopes, senders)
                    value = float(receivers @ values @ senders)
                    rows.append(
                        (variable, a, b, effect, value, float(np.sqrt(slope @ cov @ slope)))
                    )
        columns = ["variable", "receiver", "sender", "effect", "estimate", "std_error"]
        frame = with_intervals(pd.DataFrame(rows, columns=columns), level)
        notes: tuple[str, ...] = (_ASSOCIATIONS,)
        if by_group.noise:
            notes += (
                t(
                    "direct effects from random probes, with an error of {error:.1g}",
                    error=by_group.noise,
                ),
            )
        spec = Spec(**self.spec, level=level)
        return EffectsMatrix(variable, frame, spec, notes, label=self.model.label(variable))

    # -- tests -------------------------------------------------------------------------------------

    @cached_property
    def tests(self) -> TestSet:
        """Wald tests of differences by receiver, sender, direction and across group borders."""
        tests: list[HypothesisTest | NotApplicable] = []
        for terms, keys in (("rho", ["rho"]), ("theta", ["theta"]), (_BOTH, ["rho", "theta"])):
            for name, null in _HYPOTHESES.items():
                rows = [row for key in keys for row in self._contrasts(key, name)]
                title = t("{hypothesis}: {terms}", hypothesis=name, terms=terms)
                if not rows:
                    tests.append(NotApplicable(title, null, t("these are tied in the model")))
                    continue
                tests.append(wald_of(self.model, title, null, _independent(np.array(rows))))
        rows = self._beta_contrasts()
        if rows:
            title, null = t("equal coefficients: beta"), t("beta is the same in all groups")
            tests.append(wald_of(self.model, title, null, np.array(rows)))
        return TestSet(tests)

    def lr_tests(self) -> TestSet:
        """Return likelihood ratio tests of the same hypotheses on rho and theta, by refitting.

        Returns
        -------
        TestSet

        Raises
        ------
        OptionError
            If the model restricts coefficients, so that the smaller models are not nested in it.
        """
        if np.isnan(self.loglik):
            raise OptionError("two-stage least squares has no likelihood; see `tests`")
        if self.spec["rho"] != "both" or self.spec["theta"] != "both":
            raise OptionError("likelihood ratio tests compare with rho='both' and theta='both'")
        names = self.groups.names
        cross = {
            (a, b): block_name(a, b) if a == b else " and ".join(sorted((a, b)))
            for a in names
            for b in names
        }
        ties: dict[str, Ties] = {
            "equal by sender": "receiver",
            "equal by receiver": "sender",
            "cross blocks equal": cross,
            "all blocks equal": "none",
        }
        parts = {
            name: split_matrices(self.weights, self.groups, tie, "rho")
            for name, tie in ties.items()
        }
        blocks = matrices_by_name(self.model.terms.y)
        parts["no cross-group spillover"] = {
            block_name(a, a): blocks[block_name(a, a)] for a in names
        }
        return TestSet({name: self._ratio(name, matrices) for name, matrices in parts.items()})

    def _ratio(
        self, name: str, parts: dict[str, sparse.csr_array]
    ) -> HypothesisTest | NotApplicable:
        terms = TermWeights.in_parts(parts, parts if self.model.terms.x else {})
        smaller = self.data.with_terms(terms)
        df = len(self.params) - len(smaller.keys) - len(terms.y)
        statistic = 2 * (self.loglik - profile_loglik(smaller))
        hypothesis = next(message for message in _HYPOTHESES if message == name)
        title = t("LR, {hypothesis}", hypothesis=hypothesis)
        return chi2_test(title, _HYPOTHESES[hypothesis], statistic, df)

    def _contrasts(self, which: str, name: str) -> list[np.ndarray]:
        """Return rows of the hypothesis on rho or theta; none where these are not all separate."""
        names, index = self.groups.names, self.params.index
        variables = ["rho"] if which == "rho" else list(self.model.spec.lagged)
        block = "spatial" if which == "rho" else "wx"
        rows = []
        for variable in variables:
            positions = {
                (a, b): index.get_loc((block, variable, block_name(a, b)))
                for a in names
                for b in names
                if (block, variable, block_name(a, b)) in index
            }
            if len(positions) < len(names) ** 2:
                return []
            for first, second in _pairs(names, name):
                row = np.zeros(len(index))
                row[positions[first]] = 1.0
                if second is not None:
                    row[positions[second]] = -1.0
                rows.append(row)
        return rows

    def _beta_contrasts(self) -> list[np.ndarray]:
        index, rows = self.params.index, []
        for variable in self.model.spec.regressors:
            positions = [
                index.get_loc(("x", variable, group))
                for group in self.model.regimes
                if ("x", variable, group) in index
            ]
            for other in positions[1:]:
                row = np.zeros(len(index))
                row[positions[0]], row[other] = 1.0, -1.0
                rows.append(row)
        return rows

    # -- display -----------------------------------------------------------------------------------

    def _blocks(self) -> list[Block]:
        pairs = zip(self.groups.names, self.groups.sizes, strict=True)
        sizes = ", ".join(f"{name} ({size})" for name, size in pairs)
        model = self.model
        return [
            t("Partitioned spatial Durbin model; {model}", model=model.spec.describe()),
            t("Formula: {formula}", formula=model.spec.formula),
            t("Weights: {weights}", weights=self.spec["weights"]),
            t("Groups: {sizes}; rows receive: 'a <- b' is what a receives from b", sizes=sizes),
            t("Observations: {n}   sigma2: {sigma2:.6g}", n=model.nobs, sigma2=model.sigma2)
            if np.isnan(self.loglik)
            else t(
                "Observations: {n}   Log-likelihood: {loglik:.4f}   sigma2: {sigma2:.6g}",
                n=model.nobs, loglik=self.loglik, sigma2=model.sigma2,
            ),
            self.frame,
            *notes_of(self.notes),
        ]  # fmt: skip


def require_regressor(model: RegressionResult, variable: str) -> RegressionResult:
    """Return the model, or raise `UnknownColumnError` if it has no such regressor."""
    if variable not in model.spec.regressors:
        raise UnknownColumnError(
            f"{variable!r} is not a regressor of this model; they are "
            f"{sample(list(model.spec.regressors), 20)}"
        )
    return model


def wald_of(
    model: RegressionResult, name: str, null: str, contrasts: np.ndarray
) -> HypothesisTest | NotApplicable:
    """Test that linear combinations of the parameters, shape (q, parameters), are zero."""
    gap = contrasts @ model.params.to_numpy()
    return wald_test(name, null, gap, contrasts, model.cov.to_numpy())


_ASSOCIATIONS = t(
    "if the groups were made from the outcome, these are associations: which unit is in which "
    "group then depends on the errors"
)
_BOTH = t("rho and theta")
_HYPOTHESES = {
    t("equal by receiver"): t("what is received does not depend on who receives"),
    t("equal by sender"): t("what is received does not depend on who sends"),
    t("cross blocks equal"): t("the two directions between groups are equal"),
    t("no cross-group spillover"): t("nothing crosses between groups"),
    t("all blocks equal"): t("one coefficient for all links: the plain Durbin model"),
}
_Cell = tuple[str, str]


def _pairs(names: list[str], hypothesis: str) -> list[tuple[_Cell, _Cell | None]]:
    """Return pairs of blocks that a hypothesis equates; the second is None if it tests for zero."""
    first = names[0]
    if hypothesis == "equal by receiver":
        return [((first, b), (a, b)) for b in names for a in names[1:]]
    if hypothesis == "equal by sender":
        return [((a, first), (a, b)) for a in names for b in names[1:]]
    if hypothesis == "cross blocks equal":
        return [((a, b), (b, a)) for i, a in enumerate(names) for b in names[i + 1 :]]
    if hypothesis == "no cross-group spillover":
        return [((a, b), None) for a in names for b in names if a != b]
    return [((first, first), (a, b)) for a in names for b in names if (a, b) != (first, first)]


def _independent(rows: np.ndarray) -> np.ndarray:
    return rows if np.linalg.matrix_rank(rows) == len(rows) else np.unique(rows, axis=0)


@checked
def partitioned(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike,
    *,
    group: str | pd.Series,
    effects: FixedEffects = "two-way",
    rho: Ties = "both",
    theta: Ties | None = "both",
    beta: Literal["group", "none"] = "group",
    durbin: str | Iterable[str] | None = None,
    correction: Literal["auto", "none"] = "auto",
    estimator: Literal["ml", "gs2sls"] = "ml",
    covariance: Covariance = "observed",
    cluster: str | Iterable[str] | None = None,
    cutoff_km: float | None = None,
    kernel: Kernel = "bartlett",
    lags: int | None = None,
    functions: Functions | None = None,
) -> PartitionedResult:
    """Estimate a Durbin model whose spillovers differ by the groups of receiver and sender.

    ``y_t = sum_ab rho_ab W_ab y_t + X_t beta_a + sum_ab W_ab X_t theta_ab + mu + nu_t + e_t``; W_ab
    contains the links by which group a receives from group b.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
        Balanced and complete in the columns used.
    weights : SpatialWeights, Graph or W
        The full W; used as it is.
    group : str or Series
        A column of the panel that does not change over periods, or groups by unit.
    effects : {"none", "unit", "period", "two-way"}
    rho, theta : {"both", "receiver", "sender", "within-across", "none"} or mapping
        How spillovers of the outcome and of the regressors differ: by receiver and sender; by
        receiver only (Elhorst and Freret 2009); by sender only; within against across groups; not
        at all. A mapping names the coefficient of each (receiver, sender): pairs with the same name
        share it. ``theta=None`` omits W X.
    beta : {"group", "none"}
        Whether coefficients of X differ by group.
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    correction : {"auto", "none"}
        Unit effects are transformed away (exact). ``auto`` subtracts the bias due to period
        dummies; the log-likelihood remains that of the maximum.
    estimator : {"ml", "gs2sls"}
        Maximum likelihood; or two-stage least squares, with W X, W^2 X and W^3 X by block as
        instruments, which is less efficient, but consistent also under heteroskedasticity.
    covariance : {"observed", "expected", "qml", "robust", "cluster", "driscoll-kraay", "conley"}
        As in `fit`: "qml" with "ml", "robust" with "gs2sls" only.
    cluster, cutoff_km, kernel, lags : optional
        As in `fit`.
    functions : mapping, optional
        Functions of your own that the formula may call, as in `fit`.

    Returns
    -------
    PartitionedResult

    Raises
    ------
    OptionError
        If there is one group only, or an option is unknown.
    WeightsError
        If a block that has a coefficient has no links.
    BoundaryError
        If rho reaches the boundary of the region where the model is stable.
    PanelError, UnmatchedIdsError, CollinearityError
        As in `fit`.

    Notes
    -----
    Derivations are in docs/spillovers.md. Groups that are defined by the outcome itself are
    endogenous: the estimates are then associations. Sources: Elhorst and Freret (2009), Journal of
    Regional Science 49, 931-951, for regimes of the receiver; Lee and Yu (2010), Journal of
    Econometrics 154, 165-185, for the effects.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, group=south, effects="unit")
    >>> sorted(res.tests)[0]
    'all blocks equal: rho'
    """
    w = as_weights(weights).reordered(panel.units)
    groups = Groups.by_unit(panel, group)
    regimes = {ALL: np.ones(w.n_units, dtype=bool)}
    if beta == "group":
        regimes = {name: groups.codes == code for code, name in enumerate(groups.names)}
    x_parts = {} if theta is None else split_matrices(w, groups, theta, "theta")
    terms = TermWeights.in_parts(split_matrices(w, groups, rho, "rho"), x_parts, w.spec.words)
    data = parts_data(
        formula, panel, terms, regimes=regimes, effects=effects, durbin=durbin,
        correction=correction, covariance=covariance, estimator=estimator, cluster=cluster,
        cutoff_km=cutoff_km, kernel=kernel, lags=lags, functions=functions,
    )  # fmt: skip
    model = fit_parts(panel, data)
    return PartitionedResult(
        model=model,
        spec=Spec(
            formula=formula, weights=w.spec.words, effects=effects, rho=rho, theta=theta,
            beta=beta, correction=correction, estimator=estimator, covariance=covariance,
        ),
        groups=groups,
        notes=(_ASSOCIATIONS, *model.notes, *data.plain.notes_on_terms),
        data=data,
        weights=w,
    )  # fmt: skip
