"""`partitioned`: spillovers that differ by the group of the receiver and of the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse, stats

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, chi2_test
from nqp_spatial.core.options import Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._formulas import Functions
from nqp_spatial.regression.likelihood.several_lags import radius_of
from nqp_spatial.regression.spec import Covariance, Estimator, require_level
from nqp_spatial.spillovers._blocks import (
    ALL,
    Split,
    arrow,
    split_matrices,
)
from nqp_spatial.spillovers._estimation import SeveralLags, estimate, estimate_two_stage
from nqp_spatial.spillovers._group_effects import group_effects
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["EffectsMatrix", "PartitionedResult", "partitioned"]

FixedEffects = Literal["none", "unit", "period", "two-way"]
Ties = Split | Mapping[tuple[str, str], str]


@dataclass(frozen=True, repr=False, eq=False)
class EffectsMatrix(Displayed):
    """Effects of one regressor from group to group.

    Attributes
    ----------
    variable : str
    frame : DataFrame
        Columns ``variable, receiver, sender, effect, estimate, std_error, statistic, p_value,
        conf_low, conf_high``. The effect on the average unit of the receiver group, of one more x
        in every unit of the sender group; ``direct`` is what a unit's own x does, ``total = direct
        + indirect``. Receiver "all" is the average unit, sender "all" every unit.
    level : float
    note : str
        How the groups were made matters: see the module's words on endogenous groups.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, groups=south, effects="unit")
    >>> res.effects_matrix("lpc").matrix().shape
    (3, 3)
    """

    variable: str
    frame: pd.DataFrame
    level: float
    note: str

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
        return [f"Effects of {self.variable} (rows receive)", table, self.note]


@dataclass(frozen=True, repr=False, eq=False)
class PartitionedResult(Displayed):
    """An estimated partitioned Durbin model.

    Attributes
    ----------
    formula, weights_spec : str
    effects : str
    fit : SeveralLags
        Estimates, covariance and matrices.
    groups : Groups
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, groups=south, effects="unit")
    >>> res.params.xs("spatial").index.get_level_values("part").tolist()
    ['rest <- rest', 'rest <- south', 'south <- rest', 'south <- south']
    """

    formula: str
    weights_spec: str
    effects: FixedEffects
    fit: SeveralLags
    groups: Groups
    members: dict[str, np.ndarray]
    notes: tuple[str, ...]
    again: dict[str, Any] = field(default_factory=dict)

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
    def loglik(self) -> float:
        """Maximised log-likelihood, before any correction."""
        return self.fit.loglik

    @checked
    def conf_int(self, level: Level = 0.95) -> pd.DataFrame:
        """Return confidence intervals of the estimates, columns ``conf_low, conf_high``."""
        reach = float(stats.norm.ppf(0.5 + require_level(level) / 2)) * self.std_errors
        return pd.DataFrame({"conf_low": self.params - reach, "conf_high": self.params + reach})

    @property
    def table(self) -> pd.DataFrame:
        """Estimates, standard errors, statistics, p-values and 95 % intervals."""
        statistic = (self.params / self.std_errors).rename("statistic")
        p = pd.Series(2 * stats.norm.sf(statistic.abs()), self.params.index, name="p_value")
        return pd.concat([self.params, self.std_errors, statistic, p, self.conf_int()], axis=1)

    @checked
    def effects_matrix(self, variable: str, *, level: Level = 0.95) -> EffectsMatrix:
        """Return the effects of one regressor from group to group, by the delta method.

        Parameters
        ----------
        variable : str
        level : float
            Of the intervals.

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
        if variable not in self.fit.regressors:
            raise UnknownColumnError(
                f"{variable!r} is not a regressor of this model; they are "
                f"{sample(list(self.fit.regressors), 20)}"
            )
        if (radius := radius_of(list(self.fit.y_parts.values()), self.fit.rho)) >= 1:
            raise OptionError(
                f"the estimate is not stable (spectral radius {radius:.3f}): it has no effects"
            )
        found = group_effects(self.fit, variable, self.groups, self.members)
        names, share = self.groups.names, self.groups.sizes / self.groups.sizes.sum()
        cov = self.cov.to_numpy()
        rows = []

        def add(a: str, b: str, effect: str, value: float, slope: np.ndarray) -> None:
            error = float(np.sqrt(slope @ cov @ slope))
            rows.append((variable, a, b, effect, float(value), error))

        own = np.eye(len(names))[None] * found.direct_slopes[:, :, None]
        direct = np.diag(found.direct)
        parts = {
            "direct": (direct, own),
            "indirect": (found.total - direct, found.total_slopes - own),
            "total": (found.total, found.total_slopes),
        }
        for effect, (values, slopes) in parts.items():
            for i, a in enumerate([*names, ALL]):
                at = share if a == ALL else np.eye(len(names))[i]
                for j, b in enumerate([*names, ALL]):
                    if effect == "direct" and a != ALL and b not in (a, ALL):
                        continue
                    to = np.ones(len(names)) if b == ALL else np.eye(len(names))[j]
                    add(a, b, effect, at @ values @ to, np.einsum("i,pij,j->p", at, slopes, to))
        columns = ["variable", "receiver", "sender", "effect", "estimate", "std_error"]
        frame = pd.DataFrame(rows, columns=columns)
        frame["statistic"] = frame["estimate"] / frame["std_error"]
        frame["p_value"] = 2 * stats.norm.sf(frame["statistic"].abs())
        reach = float(stats.norm.ppf(0.5 + require_level(level) / 2)) * frame["std_error"]
        frame["conf_low"], frame["conf_high"] = frame["estimate"] - reach, frame["estimate"] + reach
        note = _WORDS
        if found.noise:
            note += f" Direct effects from random probes, with an error of {found.noise:.1g}."
        return EffectsMatrix(variable, frame, level, note)

    # -- tests -------------------------------------------------------------------------------------

    @cached_property
    def tests(self) -> dict[str, HypothesisTest | NotApplicable]:
        """Wald tests of who matters: receivers, senders, the two directions, borders of groups."""
        found: dict[str, HypothesisTest | NotApplicable] = {}
        for words, keys in (("rho", ["rho"]), ("theta", ["theta"]), ("all", ["rho", "theta"])):
            for name, null in _HYPOTHESES.items():
                rows = [row for key in keys for row in self._contrasts(key, name)]
                title = f"{name}: {'rho and theta' if words == 'all' else words}"
                if not rows:
                    found[title] = NotApplicable(title, null, "these are tied in the model")
                    continue
                found[title] = self.fit.wald(title, null, _independent(np.array(rows)))
        rows = self._beta_contrasts()
        if rows:
            title, null = "equal coefficients: beta", "beta is the same in all groups"
            found[title] = self.fit.wald(title, null, np.array(rows))
        return found

    def lr_tests(self) -> dict[str, HypothesisTest | NotApplicable]:
        """Return likelihood ratio tests of the same hypotheses on rho and theta, by refitting.

        Returns
        -------
        dict of HypothesisTest

        Raises
        ------
        OptionError
            If the model has ties of its own, so that the smaller models are not inside it.
        """
        if np.isnan(self.loglik):
            raise OptionError("two-stage least squares has no likelihood; see `tests`")
        if self.again["rho"] != "both" or self.again["theta"] != "both":
            raise OptionError("likelihood ratio tests compare with rho='both' and theta='both'")
        names = self.groups.names
        cross = {
            (a, b): arrow(a, b) if a == b else " and ".join(sorted((a, b)))
            for a in names
            for b in names
        }
        ties: dict[str, Ties] = {
            "equal by sender": "receiver",
            "equal by receiver": "sender",
            "cross blocks equal": cross,
            "all blocks equal": "none",
        }
        found: dict[str, HypothesisTest | NotApplicable] = {}
        for name, tie in ties.items():
            parts = split_matrices(self.again["weights"], self.groups, tie, "rho")
            found[name] = self._ratio(name, parts)
        inside = {arrow(a, a): self.fit.y_parts[arrow(a, a)] for a in names}
        found["no cross-group spillover"] = self._ratio("no cross-group spillover", inside)
        return found

    def _ratio(
        self, name: str, parts: dict[str, sparse.csr_array]
    ) -> HypothesisTest | NotApplicable:
        smaller = estimate(
            self.formula,
            self.again["panel"],
            parts,
            parts if self.fit.x_parts else {},
            members=self.members,
            effects=self.effects,
            durbin=self.again["durbin"],
            functions=self.again["functions"],
            correct=False,
        )
        df = len(self.params) - len(smaller.params)
        return chi2_test(f"LR, {name}", _HYPOTHESES[name], 2 * (self.loglik - smaller.loglik), df)

    def _contrasts(self, which: str, name: str) -> list[np.ndarray]:
        """Return rows of the hypothesis on rho or theta; none where these are not all apart."""
        names, index = self.groups.names, self.params.index
        variables = ["rho"] if which == "rho" else list(self.fit.lagged)
        block = "spatial" if which == "rho" else "wx"
        rows = []
        for variable in variables:
            at = {
                (a, b): index.get_loc((block, variable, arrow(a, b)))
                for a in names
                for b in names
                if (block, variable, arrow(a, b)) in index
            }
            if len(at) < len(names) ** 2:
                return []
            for first, second in _pairs(names, name):
                row = np.zeros(len(index))
                row[at[first]] = 1.0
                if second is not None:
                    row[at[second]] = -1.0
                rows.append(row)
        return rows

    def _beta_contrasts(self) -> list[np.ndarray]:
        index, rows = self.params.index, []
        for variable in self.fit.regressors:
            at = [
                index.get_loc(("x", variable, group))
                for group in self.members
                if ("x", variable, group) in index
            ]
            for other in at[1:]:
                row = np.zeros(len(index))
                row[at[0]], row[other] = 1.0, -1.0
                rows.append(row)
        return rows

    # -- display -----------------------------------------------------------------------------------

    def _blocks(self) -> list[Block]:
        sizes = ", ".join(
            f"{name} ({size})"
            for name, size in zip(self.groups.names, self.groups.sizes, strict=True)
        )
        return [
            f"Partitioned spatial Durbin model, {self.effects} effects",
            f"Formula: {self.formula}",
            f"Weights: {self.weights_spec}",
            f"Groups: {sizes}; rows receive: 'a <- b' is what a receives from b",
            f"Observations: {self.fit.nobs}   Log-likelihood: {self.loglik:.4f}   "
            f"sigma2: {self.fit.sigma2:.6g}",
            self.table,
            *notes_of(self.notes),
        ]


_WORDS = (
    "If the groups were made from the outcome, these are associations: which unit is in which "
    "group then depends on the errors."
)
_HYPOTHESES = {
    "equal by receiver": "what is received does not depend on who receives",
    "equal by sender": "what is received does not depend on who sends",
    "cross blocks equal": "the two directions between groups are equal",
    "no cross-group spillover": "nothing crosses between groups",
    "all blocks equal": "one coefficient for all links: the plain Durbin model",
}
_Cell = tuple[str, str]


def _pairs(names: list[str], hypothesis: str) -> list[tuple[_Cell, _Cell | None]]:
    """Return pairs of blocks that a hypothesis equates; the second is none where it is zero."""
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
    groups: str | pd.Series,
    effects: FixedEffects = "two-way",
    rho: Ties = "both",
    theta: Ties | None = "both",
    beta: Literal["group", "none"] = "group",
    durbin: str | Iterable[str] | None = None,
    correction: Literal["auto", "none"] = "auto",
    estimator: Estimator = "ml",
    covariance: Covariance = "observed",
    functions: Functions | None = None,
) -> PartitionedResult:
    """Estimate a Durbin model whose spillovers differ by the groups of receiver and sender.

    ``y_t = sum_ab rho_ab W_ab y_t + X_t beta_a + sum_ab W_ab X_t theta_ab + mu + nu_t + e_t``; W_ab
    has the links by which group a receives from group b.

    Parameters
    ----------
    formula : str
        As in `fit`.
    panel : SpatialPanel
        Balanced and complete in the columns used.
    weights : SpatialWeights, Graph or W
        The whole; used as it is.
    groups : str or Series
        A column of the panel that does not change over periods, or groups by unit.
    effects : {"none", "unit", "period", "two-way"}
    rho, theta : {"both", "receiver", "sender", "within-across", "none"} or mapping
        By what spillovers of the outcome and of the regressors differ: by receiver and sender; by
        the receiver alone (Elhorst and Freret 2009); by the sender alone; inside groups against
        across; not at all. A mapping names the coefficient of each (receiver, sender): pairs with
        one name share it. ``theta=None`` leaves W X out.
    beta : {"group", "none"}
        Whether coefficients of X differ by group.
    durbin : str or list of str, optional
        The regressors to lag, if not all.
    correction : {"auto", "none"}
        Unit effects are transformed away (exact). ``auto`` takes the bias off that period dummies
        bring; the log-likelihood stays that of the maximum.
    estimator : {"ml", "gs2sls"}
        Maximum likelihood; or two-stage least squares, with W X, W^2 X and W^3 X by block as
        instruments, which is less precise and right under unequal variances too.
    covariance : {"observed", "robust", "cluster", "driscoll-kraay"}
        As in `fit`; other than "observed" with "gs2sls" only.
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
        If rho runs to the edge of the region where the model is stable.
    PanelError, UnmatchedIdsError, CollinearityError
        As in `fit`.

    Notes
    -----
    Derivations are in docs/spillovers.md. Groups that are made from the outcome itself are
    endogenous: what is found then are associations. Sources: Elhorst and Freret (2009), Journal of
    Regional Science 49, 931-951, for the receiver's regimes; Lee and Yu (2010), Journal of
    Econometrics 154, 165-185, for the effects.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> south = panel.units.to_series().isin(["TX", "OK", "AR", "LA", "MS", "AL", "GA", "FL", "TN"])
    >>> south = south.map({True: "south", False: "rest"})
    >>> res = nq.spillovers.partitioned("lgsp ~ lpc", panel, w, groups=south, effects="unit")
    >>> sorted(res.tests)[0]
    'all blocks equal: rho'
    """
    known = ("none", "unit", "period", "two-way")
    if effects not in known:
        raise OptionError(f"effects must be one of {', '.join(known)}; got {effects!r}")
    if beta not in ("group", "none"):
        raise OptionError(f"beta must be 'group' or 'none', got {beta!r}")
    if correction not in ("auto", "none"):
        raise OptionError(f"correction must be 'auto' or 'none', got {correction!r}")
    if estimator not in get_args(Estimator):
        raise OptionError(f"estimator must be 'ml' or 'gs2sls', got {estimator!r}")
    if covariance not in get_args(Covariance):
        known_covariances = ", ".join(get_args(Covariance))
        raise OptionError(f"covariance must be one of {known_covariances}; got {covariance!r}")
    if estimator == "ml" and covariance != "observed":
        raise OptionError(
            f"covariance={covariance!r} is offered with estimator='gs2sls'; likelihood has "
            "'observed'"
        )
    panel.require_balanced()
    if covariance == "driscoll-kraay":
        require_even_steps(panel.periods, "covariance='driscoll-kraay'")
    if panel.n_periods == 1 and effects != "none":
        raise OptionError(f"effects={effects!r} needs more than one period; use effects='none'")
    w = as_weights(weights).reordered(panel.units)
    parts = Groups.by_unit(w.units, column_of(panel, groups))
    members = {ALL: np.ones(w.n_units, dtype=bool)}
    if beta == "group":
        members = {name: parts.codes == at for at, name in enumerate(parts.names)}
    y_parts = split_matrices(w, parts, rho, "rho")
    x_parts = {} if theta is None else split_matrices(w, parts, theta, "theta")
    notes = [_WORDS]
    options: dict[str, Any] = {
        "members": members, "effects": effects, "durbin": durbin, "functions": functions,
    }  # fmt: skip
    if estimator == "gs2sls":
        fit, strengths = estimate_two_stage(
            formula, panel, y_parts, x_parts, covariance=covariance, **options
        )
        notes += strengths
    else:
        fit = estimate(formula, panel, y_parts, x_parts, correct=correction == "auto", **options)
    notes += fit.notes
    if fit.summit.hills > 1:
        notes.append(f"{fit.summit.hills} different maxima were found; this is the highest")
    if fit.corrected:
        notes.append("the bias of period dummies was taken off; the log-likelihood is uncorrected")
    return PartitionedResult(
        formula=formula,
        weights_spec=w.spec.describe(),
        effects=effects,
        fit=fit,
        groups=parts,
        members=members,
        notes=tuple(notes),
        again={
            "panel": panel,
            "weights": w,
            "durbin": durbin,
            "rho": rho,
            "theta": theta,
            "functions": functions,
        },
    )


def column_of(panel: SpatialPanel, given: str | pd.Series) -> pd.Series:
    """Return a column of the panel, or the series as it is."""
    if isinstance(given, pd.Series):
        return given
    if not isinstance(given, str):
        raise OptionError(
            "groups and zones must be columns of the panel or Series by unit, got "
            f"{type(given).__name__}"
        )
    panel.require_columns([given])
    return panel.frame[given]
