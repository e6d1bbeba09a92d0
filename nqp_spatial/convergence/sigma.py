"""`sigma`: whether dispersion between units falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed
from nqp_spatial.core.options import Count, Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.inequality.indices import indices

__all__ = ["MEASURES", "SigmaResult", "sigma"]

#: Measures of dispersion, in words.
MEASURES = {
    "sd_log": "standard deviation of logs",
    "sd": "standard deviation",
    "cv": "coefficient of variation",
    "gini": "Gini coefficient",
    "theil_t": "Theil index T",
    "theil_l": "Theil index L",
}


@dataclass(frozen=True, repr=False, eq=False)
class SigmaResult(Displayed):
    """Dispersion over time and its trend.

    Attributes
    ----------
    frame : DataFrame
        Periods by measures.
    trends : DataFrame
        By measure: ``first``, ``last``, ``trend`` (of the logarithm of the measure, a period),
        ``std_error``, ``statistic``, ``p_value``, ``conf_low``, ``conf_high``, ``reading``.
    variable : str
    lags : int
        Of the Newey-West covariance.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.convergence.sigma(nq.datasets.us_income(), "income")
    >>> found.trends.loc["sd_log", "reading"]
    'falls: sigma convergence'
    """

    frame: pd.DataFrame
    trends: pd.DataFrame
    variable: str
    lags: int

    def _blocks(self) -> list[Block]:
        return [
            f"Sigma convergence of {self.variable}, {self.frame.index[0]} to "
            f"{self.frame.index[-1]}; trends of logs a period, Newey-West with {self.lags} lags",
            self.trends,
        ]


@checked
def sigma(
    panel: SpatialPanel,
    variable: str,
    *,
    which: str | Sequence[str] = ("sd_log", "cv", "gini", "theil_t"),
    weights: str | None = None,
    lags: Count | None = None,
    level: Level = 0.95,
) -> SigmaResult:
    """Measure the dispersion between units by period and test its trend.

    ``ln D_t = a + g t + e_t`` by least squares with the covariance of Newey and West (1987).

    Parameters
    ----------
    panel : SpatialPanel
        At least four evenly spaced periods.
    variable : str
    which : sequence of str
        Of ``sd_log``, ``sd`` (of the values as they are, for a variable that is logged already),
        ``cv``, ``gini``, ``theil_t``, ``theil_l``.
    weights : str, optional
        Column of the units' population; not for ``sd``.
    lags : int, optional
        Lags of the covariance; the whole part of ``4 (T / 100)^(2/9)`` if not given.
    level : float
        Of the intervals.

    Returns
    -------
    SigmaResult

    Raises
    ------
    DomainError
        If values are not positive where logs are taken (cells are named), or there is no
        dispersion in a period.
    PanelError
        If periods are fewer than four or uneven.
    OptionError
        If an option is unknown.

    Notes
    -----
    Source: Barro and Sala-i-Martin (1992), Journal of Political Economy 100(2), 223-251. A trend
    stands for its sample: dispersion near a long-run value moves up as well as down.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.convergence.sigma(nq.datasets.us_income(), "income", which=["sd_log", "gini"])
    >>> found.trends["trend"].round(4).tolist()
    [-0.0139, -0.0131]
    """
    from statsmodels.regression.linear_model import OLS

    names = [which] if isinstance(which, str) else list(dict.fromkeys(which))
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise OptionError(f"unknown measures {unknown}; known are {', '.join(MEASURES)}")
    if weights is not None and "sd" in names:
        raise OptionError("'sd' takes no weights; use 'cv' or 'sd_log'")
    panel.require_balanced()
    t = panel.n_periods
    if t < 4:
        raise PanelError(f"a trend needs at least 4 periods, the panel has {t}")
    require_even_steps(panel.periods, "a trend")
    lag = int(4 * (t / 100) ** (2 / 9)) if lags is None else lags
    if lag >= t - 2:
        raise OptionError(f"lags must be from 0 to {t - 3}, got {lags!r}")
    frame = _measured(panel, variable, names, weights)
    flat = np.argwhere(frame.to_numpy() <= 1e-14)
    if len(flat):
        where = [(frame.columns[j], frame.index[i]) for i, j in flat]
        raise DomainError(f"{variable!r} has no dispersion: {sample(where)}")
    x = np.column_stack([np.ones(t), np.arange(t)])
    rows = {}
    for name in names:
        fitted = OLS(np.log(frame[name].to_numpy()), x).fit(
            cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": True}, use_t=True
        )
        low, high = fitted.conf_int(1 - level)[1]
        reading = "no clear trend"
        if low > 0 or high < 0:
            reading = "falls: sigma convergence" if high < 0 else "rises: sigma divergence"
        rows[name] = (
            frame[name].iloc[0], frame[name].iloc[-1], fitted.params[1], fitted.bse[1],
            fitted.tvalues[1], fitted.pvalues[1], low, high, reading,
        )  # fmt: skip
    columns = [
        "first", "last", "trend", "std_error", "statistic", "p_value", "conf_low", "conf_high",
        "reading",
    ]  # fmt: skip
    trends = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")
    return SigmaResult(frame, trends, variable, lag)


def _measured(
    panel: SpatialPanel, variable: str, names: list[str], weights: str | None
) -> pd.DataFrame:
    asked = ["log_variance" if name == "sd_log" else name for name in names if name != "sd"]
    found = pd.DataFrame(index=panel.periods)
    if asked:
        found = indices(panel, variable, which=asked, population=weights)
    if "sd_log" in names:
        found["sd_log"] = np.sqrt(found["log_variance"])
    if "sd" in names:
        found["sd"] = panel.values(variable).std(axis=0)
    return found[names].rename_axis(columns="measure")
