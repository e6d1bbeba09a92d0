"""The pooled model of several groups: slopes by group, the same W and spatial parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import (
    HypothesisTest,
    NotApplicable,
    chi2_test,
    two_sided_p,
    wald_test,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._design import INTERCEPT, build_design
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights

__all__ = [
    "ALL", "SlopeColumns", "contrasts", "fit_slopes", "lr_test", "pairwise", "pooled_frame",
    "slope_columns", "wald_tests",
]  # fmt: skip

#: The group of parameters that all groups share.
ALL = "all"

Key = tuple[str, str]  # block, variable
#: The model with W X among the regressors that is each model.
_WITHOUT_LAGS = {
    "ols": "ols", "slx": "ols", "sar": "sar", "sdm": "sar", "sem": "sem", "sdem": "sem",
    "sac": "sac", "gns": "sac",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class SlopeColumns:
    """The regressors of a model, its spatial lags among them, to be multiplied by groups.

    Attributes
    ----------
    outcome : str
        Left side of the formula.
    keys : list of (block, variable)
    values : ndarray
        Shape (n_units, n_periods, columns).
    has_intercepts : bool
        Whether groups have intercepts of their own: where unit effects are not fixed.
    model : str
        The model whose regressors they are.
    notes : tuple of str
    """

    outcome: str
    keys: list[Key]
    values: np.ndarray
    has_intercepts: bool
    model: str
    notes: tuple[str, ...] = ()

    def titles(self) -> list[str]:
        """Return the names of the columns in the panel of the pooled model."""
        return [column_name(key) for key in self.keys]


def column_name(key: Key, group: str = "") -> str:
    """Return the name of a regressor in the pooled model.

    Examples
    --------
    >>> column_name(("wx", "log(x)"), "east")
    'W log(x) [east]'
    """
    block, variable = key
    name = variable.replace("`", "")
    name = f"W {name}" if block == "wx" else name
    return f"{name} [{group}]" if group else name


def slope_columns(
    formula: str,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
    model: Model,
    effects: Effects,
    options: Mapping[str, Any],
) -> SlopeColumns:
    """Return the regressors X and W X of a model, evaluated on the whole panel."""
    spec = RegressionSpec(formula, "", (), (), model, effects)
    lag_x = weights.aligned(panel.units) if spec.has_lags and weights is not None else None
    design = build_design(
        formula, panel, None, lag_x, keep_intercept=True,
        durbin=options.get("durbin"), functions=options.get("functions"),
    )  # fmt: skip
    has_constant = INTERCEPT in design.names
    keys = [("x", name) for name in design.names] + [("wx", name) for name in design.lagged]
    chosen = [place for place, key in enumerate(keys) if key != ("x", INTERCEPT)]
    if not chosen:
        raise OptionError(f"there are no slopes to compare: {formula!r} gives no regressors")
    return SlopeColumns(
        outcome=formula.partition("~")[0].strip(),
        keys=[keys[place] for place in chosen],
        values=design.z[:, :, chosen],
        has_intercepts=has_constant and not spec.sweeps_units,
        model=_WITHOUT_LAGS[model],
        notes=design.notes,
    )


def fit_slopes(
    columns: SlopeColumns,
    panel: SpatialPanel,
    weights: SpatialWeights | None,
    codes: np.ndarray,
    names: list[str],
    options: Mapping[str, Any],
    *,
    common: bool = False,
) -> RegressionResult:
    """Estimate the pooled model, with slopes by group or common ones.

    Parameters
    ----------
    columns : SlopeColumns
    panel : SpatialPanel
        For the outcome, clusters and the distances of the covariance.
    weights : SpatialWeights or None
    codes : ndarray of int
        Group of each unit.
    names : list of str
        Of the groups.
    options : mapping
        Of `fit`, without those that are about W X.
    common : bool
        Whether all groups have the same slopes.
    """
    members = np.asarray(codes[:, None] == np.arange(len(names)), dtype=float)
    titles: list[str] = []
    made: dict[str, Any] = {}
    for place, key in enumerate(columns.keys):
        values = columns.values[:, :, place]
        for code, name in enumerate([""] if common else names):
            title = column_name(key, name)
            titles.append(title)
            made[title] = (values if common else values * members[:, [code]]).ravel()
    if columns.has_intercepts:
        for code, name in enumerate(names[1:], start=1):
            title = column_name(("x", names[0]), name).replace(names[0], "group", 1)
            titles.append(title)
            made[title] = np.repeat(members[:, code], panel.n_periods)
    side = " + ".join(quoted(title) for title in titles) or "1"
    result: RegressionResult = fit(
        f"{columns.outcome} ~ {side}", panel.assign(**made), weights,
        **{"model": columns.model, **options},
    )  # fmt: skip
    return result


def pooled_frame(result: RegressionResult, columns: SlopeColumns, names: list[str]) -> pd.DataFrame:
    """Return the coefficients of the pooled model by group, block and variable."""
    keys = {column_name(key, name): (name, *key) for key in columns.keys for name in names}
    table = result.frame.reset_index()
    table["variable"] = table["variable"].astype(object)
    rows = []
    for block, variable in zip(table["block"], table["variable"], strict=True):
        own = keys.get(str(variable)) if block == "x" else None
        rows.append(own or (ALL, block, variable))
    ids = pd.DataFrame(rows, columns=["group", "block", "variable"], index=table.index)
    return pd.concat([ids, table.drop(columns=["block", "variable"])], axis=1)


# -- equality --------------------------------------------------------------------------------------


def contrasts(
    result: RegressionResult, keys: list[Key], names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences from the first group and their derivatives, for some regressors."""
    index = result.params.index
    size = len(index)
    rows = []
    for key in keys:
        first = index.get_loc(("x", column_name(key, names[0])))
        for name in names[1:]:
            row = np.zeros(size)
            row[index.get_loc(("x", column_name(key, name)))] = 1.0
            row[first] = -1.0
            rows.append(row)
    slopes = np.array(rows).reshape(len(rows), size)
    return slopes @ result.params.to_numpy(), slopes


def wald_tests(
    result: RegressionResult, columns: SlopeColumns, names: list[str]
) -> dict[str, HypothesisTest | NotApplicable]:
    """Return Wald tests that slopes are equal: all of them, and those of each regressor."""
    rule = t("pooled model, slopes by group")
    chosen = {"Wald": (t("Wald: all slopes"), columns.keys)}
    for key in columns.keys:
        title = column_name(key)
        chosen[f"Wald, {title}"] = (t("Wald: {variable}", variable=title), [key])
    tests: dict[str, HypothesisTest | NotApplicable] = {}
    for name, (words, keys) in chosen.items():
        gap, slopes = contrasts(result, keys, names)
        null = t("slopes are equal in all groups")
        tests[name] = wald_test(words, null, gap, slopes, result.cov.to_numpy(), rule)
    return tests


def lr_test(
    pooled: RegressionResult, common: RegressionResult, columns: SlopeColumns, names: list[str]
) -> HypothesisTest | NotApplicable:
    """Return the likelihood ratio test of equal slopes, the spatial form of Chow's test."""
    name, null = t("LR (Chow): all slopes"), t("slopes are equal in all groups")
    if not (np.isfinite(pooled.loglik) and np.isfinite(common.loglik)):
        return NotApplicable(name, null, t("the estimator has no likelihood"))
    if pooled.spec.covariance not in ("observed", "expected"):
        reason = t(
            "it takes errors as independent with equal variances, and another covariance was "
            "asked for"
        )
        return NotApplicable(name, null, reason)
    df = len(columns.keys) * (len(names) - 1)
    return chi2_test(name, null, 2 * (pooled.loglik - common.loglik), df)


def pairwise(
    result: RegressionResult, columns: SlopeColumns, names: list[str]
) -> tuple[pd.MultiIndex, np.ndarray, np.ndarray]:
    """Return, for each pair of groups and regressor, the difference and its standard error."""
    index, params, cov = result.params.index, result.params.to_numpy(), result.cov.to_numpy()
    keys, gaps, errors = [], [], []
    for block, variable in columns.keys:
        for first, second in combinations(names, 2):
            a = index.get_loc(("x", column_name((block, variable), first)))
            b = index.get_loc(("x", column_name((block, variable), second)))
            keys.append((block, variable, first, second))
            gaps.append(params[b] - params[a])
            errors.append(np.sqrt(cov[a, a] + cov[b, b] - 2 * cov[a, b]))
    names_of = ["block", "variable", "first", "second"]
    return pd.MultiIndex.from_tuples(keys, names=names_of), np.array(gaps), np.array(errors)


def differences_frame(
    result: RegressionResult, columns: SlopeColumns, names: list[str]
) -> pd.DataFrame:
    """Return the differences of slopes between pairs of groups, second less first."""
    index, gaps, errors = pairwise(result, columns, names)
    statistic = gaps / errors
    return pd.DataFrame(
        {
            "difference": gaps,
            "std_error": errors,
            "statistic": statistic,
            "p_value": two_sided_p(statistic, result.df_resid),
        },
        index=index,
    )


def group_sizes(groups: Groups, weights: SpatialWeights | None, n_periods: int) -> pd.DataFrame:
    """Return one row per group: units, observations, and what lies within it of the weights."""
    table = pd.DataFrame(
        {"units": groups.sizes, "observations": groups.sizes * n_periods},
        index=pd.Index(groups.names, name="group"),
    )
    if weights is None:
        return table
    matrix = weights.sparse.tocoo()
    same = groups.codes[matrix.row] == groups.codes[matrix.col]
    size = len(groups)
    total = np.bincount(groups.codes[matrix.row], matrix.data, size)
    within = np.bincount(groups.codes[matrix.row[same]], matrix.data[same], size)
    linked = np.zeros(len(groups.codes), dtype=bool)
    linked[matrix.row[same]] = True
    return table.assign(
        within=np.divide(within, total, out=np.full(size, np.nan), where=total > 0),
        islands=np.bincount(groups.codes[~linked], minlength=size),
    )
