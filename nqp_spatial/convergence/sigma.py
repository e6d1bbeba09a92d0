"""`sigma`: whether dispersion between units decreases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec
from nqp_spatial.core.inference import HypothesisTest, TestSet
from nqp_spatial.core.options import Count, Level, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps
from nqp_spatial.core.text import Message, label, t
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.inequality.indices import indices

__all__ = ["MEASURES", "SigmaResult", "sigma"]

#: Measures of dispersion, in words.
MEASURES = {
    name: label("measure", name) for name in ("sd_log", "sd", "cv", "gini", "theil_t", "theil_l")
}


@dataclass(frozen=True, repr=False, eq=False)
class SigmaResult(Displayed):
    """Dispersion over time and its trend.

    Attributes
    ----------
    frame : DataFrame
        Periods by measures.
    trends : DataFrame
        By measure: ``first``, ``last``, ``trend`` (of the logarithm of the measure, per period),
        ``std_error``, ``statistic``, ``p_value``, ``conf_low``, ``conf_high``, ``reading``.
    variable : str
    tests : TestSet
        By measure: the null of no trend.
    spec : Spec
        Options; ``lags`` of the Newey-West covariance.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.convergence.sigma(nq.datasets.us_income(), "income")
    >>> result.trends.loc["sd_log", "reading"]
    'falls: sigma convergence'
    """

    frame: pd.DataFrame
    trends: pd.DataFrame
    variable: str
    spec: Spec
    notes: tuple[str, ...] = ()

    _figure = "sigma_lines"

    @property
    def tests(self) -> TestSet:
        """The t test of no trend, for each measure."""
        rule = t("Newey-West covariance with {lags} lags", lags=self.spec.lags)
        df = len(self.frame) - 2
        return TestSet(
            {
                str(measure): HypothesisTest(
                    label("measure", measure), t("no trend"), float(row["statistic"]), "t", df,
                    float(row["p_value"]), rule,
                )
                for measure, row in self.trends.iterrows()
            }
        )  # fmt: skip

    def _blocks(self) -> list[Block]:
        return [
            f"Sigma convergence of {self.variable}, {self.frame.index[0]} to "
            f"{self.frame.index[-1]}; trends of logs per period, Newey-West with {self.spec.lags} "
            "lags",
            self.trends,
        ]


@checked
def sigma(
    panel: SpatialPanel,
    variable: str,
    *,
    which: str | Sequence[str] = ("sd_log", "cv", "gini", "theil_t"),
    population: str | None = None,
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
        Any of ``sd_log``, ``sd`` (of the untransformed values, for a variable already in logs),
        ``cv``, ``gini``, ``theil_t``, ``theil_l``.
    population : str, optional
        Column by which units are weighted; not for ``sd``.
    lags : int, optional
        Lags of the covariance; the integer part of ``4 (T / 100)^(2/9)`` if not given.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    SigmaResult

    Raises
    ------
    DomainError
        If values are not positive where logs are taken (cells are named), or there is no
        dispersion in a period.
    PanelError
        If there are fewer than four periods, or they are unevenly spaced.
    OptionError
        If an option is unknown.

    Notes
    -----
    Source: Barro and Sala-i-Martin (1992), Journal of Political Economy 100(2), 223-251. A trend
    describes its sample only: dispersion near its long-run value moves up as well as down.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.convergence.sigma(nq.datasets.us_income(), "income", which=["sd_log", "gini"])
    >>> result.trends["trend"].round(4).tolist()
    [-0.0139, -0.0131]
    """
    from statsmodels.regression.linear_model import OLS

    names = [which] if isinstance(which, str) else list(dict.fromkeys(which))
    unknown = [name for name in names if name not in MEASURES]
    if unknown or not names:
        raise OptionError(f"unknown measures {unknown}; known are {', '.join(MEASURES)}")
    if population is not None and "sd" in names:
        raise OptionError("'sd' takes no population; use 'cv' or 'sd_log'")
    panel.require_balanced()
    n_periods = panel.n_periods
    if n_periods < 4:
        raise PanelError(f"a trend needs at least 4 periods, the panel has {n_periods}")
    require_even_steps(panel.periods, "a trend")
    lag = int(4 * (n_periods / 100) ** (2 / 9)) if lags is None else lags
    if lag >= n_periods - 2:
        raise OptionError(f"lags must be from 0 to {n_periods - 3}, got {lags!r}")
    frame = _dispersion(panel, variable, names, population)
    zeros = np.argwhere(frame.to_numpy() <= 1e-14)
    if len(zeros):
        cells = [(frame.columns[j], frame.index[i]) for i, j in zeros]
        raise DomainError(f"{variable!r} has no dispersion: {sample(cells)}")
    x = np.column_stack([np.ones(n_periods), np.arange(n_periods)])
    rows, readings = {}, []
    for name in names:
        fitted = OLS(np.log(frame[name].to_numpy()), x).fit(
            cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": True}, use_t=True
        )
        low, high = fitted.conf_int(1 - level)[1]
        readings.append(_reading(low, high))
        rows[name] = (
            frame[name].iloc[0], frame[name].iloc[-1], fitted.params[1], fitted.bse[1],
            fitted.tvalues[1], fitted.pvalues[1], low, high,
        )  # fmt: skip
    columns = [
        "first", "last", "trend", "std_error", "statistic", "p_value", "conf_low", "conf_high",
    ]  # fmt: skip
    trends = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")
    trends["reading"] = pd.Series(readings, trends.index, dtype=object)
    spec = Spec(which=tuple(names), population=population, lags=lag, level=level)
    return SigmaResult(frame, trends, variable, spec)


def _reading(low: float, high: float) -> Message:
    """Describe in words what the interval of a trend implies."""
    if high < 0:
        return t("falls: sigma convergence")
    return t("rises: sigma divergence") if low > 0 else t("no clear trend")


def _dispersion(
    panel: SpatialPanel, variable: str, names: list[str], population: str | None
) -> pd.DataFrame:
    """Return measures of dispersion, periods by measures."""
    by_indices = ["log_variance" if name == "sd_log" else name for name in names if name != "sd"]
    table = pd.DataFrame(index=panel.periods)
    if by_indices:
        table = indices(panel, variable, which=by_indices, population=population)
    if "sd_log" in names:
        table["sd_log"] = np.sqrt(table["log_variance"])
    if "sd" in names:
        table["sd"] = panel.values(variable).std(axis=0)
    return table[names].rename_axis(columns="measure")
