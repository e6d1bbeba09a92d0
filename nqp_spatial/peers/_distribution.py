"""Inequality, dispersion and densities, computed again by inequality, statsmodels and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nqp_spatial.core.groups import Groups
from nqp_spatial.core.provenance import Call
from nqp_spatial.core.text import t
from nqp_spatial.peers._quantities import NoPeerError, Quantity, quantity

__all__ = ["beta", "dagum", "density", "log_t", "sigma", "theil"]


def _values(call: Call) -> np.ndarray:
    if call.arguments.get("population") is not None:
        raise NoPeerError(
            t("the package inequality has no weights of units; leave population= out")
        )
    return np.asarray(call.arguments["panel"].values(call.arguments["variable"]), dtype=float)


def theil(call: Call, result: Any) -> list[Quantity]:
    """Compare Theil's T and its parts between and within groups."""
    from inequality.theil import TheilD

    levels = call.arguments["levels"]
    levels = [levels] if isinstance(levels, str) else list(levels)
    if call.arguments["index"] != "T" or len(levels) > 1:
        raise NoPeerError(t("the package inequality decomposes Theil's T by one level only"))
    groups = Groups.by_unit(call.arguments["panel"], levels[0]).codes
    theirs = TheilD(_values(call), np.asarray(groups))
    frame = result.frame
    return [
        quantity("theil", frame["theil"], theirs.T, "inequality"),
        quantity("between", frame[f"between_{levels[0]}"], theirs.bg, "inequality"),
        quantity("within", frame[f"within_{levels[0]}"], theirs.wg, "inequality"),
    ]


def dagum(call: Call, result: Any) -> list[Quantity]:
    """Compare the Gini coefficient that the decomposition adds up to."""
    from inequality.gini import Gini

    theirs = [Gini(column).g for column in _values(call).T]
    return [quantity("gini", result.frame["gini"], theirs, "inequality")]


def sigma(call: Call, result: Any) -> list[Quantity]:
    """Compare measures of dispersion by period."""
    from inequality.gini import Gini
    from inequality.theil import Theil

    values, frame = _values(call), result.frame
    rows = []
    if "gini" in frame:
        ginis = [Gini(column).g for column in values.T]
        rows.append(quantity("gini", frame["gini"], ginis, "inequality"))
    if "theil_t" in frame:
        rows.append(quantity("theil_t", frame["theil_t"], Theil(values).T, "inequality"))
    if not rows:
        raise NoPeerError(t("the package inequality has the Gini coefficient and Theil's T"))
    return rows


def beta(call: Call, result: Any) -> list[Quantity]:
    """Compare the regression of growth on the initial level."""
    import statsmodels.api as sm

    arguments = call.arguments
    options = (arguments["group"], arguments["weights"], *arguments["controls"])
    if (
        arguments["model"] != "ols"
        or arguments["kind"] != "cross-section"
        or any(option is not None for option in options)
    ):
        raise NoPeerError(t("compare the regression itself: crosscheck(result.model)"))
    values = np.log(_values(call)) if arguments["logs"] else _values(call)
    growth = (values[:, -1] - values[:, 0]) / result.span
    theirs = sm.OLS(growth, sm.add_constant(values[:, 0])).fit()
    return [
        quantity("coefficient", result.params.iloc[0], theirs.params[1], "statsmodels"),
        quantity("std_error", result.std_errors.iloc[0], theirs.bse[1], "statsmodels"),
    ]


def log_t(call: Call, result: Any) -> list[Quantity]:
    """Compare the slope of the log t regression, given the transition paths."""
    import statsmodels.api as sm

    dispersion = result.dispersion
    first = dispersion.index.get_loc(result.first_period)
    time = np.arange(1, len(dispersion) + 1)[first:]
    ratios = np.log(dispersion.iloc[0] / dispersion.iloc[first:].to_numpy())
    outcome = ratios - 2 * np.log(np.log(time))
    theirs = sm.OLS(outcome, sm.add_constant(np.log(time))).fit()
    return [quantity("b", result.b, theirs.params[1], "statsmodels")]


def density(call: Call, result: Any) -> list[Quantity]:
    """Compare densities at the points of the grid, with the same bandwidths."""
    from scipy.stats import gaussian_kde

    low, high = call.arguments["bounds"]
    if low is not None or high is not None:
        raise NoPeerError(t("scipy's densities have no bounds"))
    frame = result.frame
    grid = frame.index.to_numpy(dtype=float)
    ours, theirs = [], []
    for period in frame.columns:
        values = result.values[period].to_numpy(dtype=float)
        width = float(result.bandwidths[period])
        kernel = gaussian_kde(values, bw_method=width / values.std(ddof=1))
        ours.append(frame[period].to_numpy())
        theirs.append(kernel(grid))
    # Ours share each value between the two nearest of many points; the error is beside the highest
    # density.
    return [
        quantity("density", np.stack(ours), np.stack(theirs), "scipy", wanted=3.0, least_scale=1.0,
                 reason=t("ours share each value between the two nearest of many points"))
    ]  # fmt: skip
