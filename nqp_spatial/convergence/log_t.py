"""`log_t`: Phillips and Sul's regression test of convergence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from nqp_spatial.convergence._clustering import T_CRITICAL
from nqp_spatial.convergence._log_t_regression import Hac, LogTRule, dispersion
from nqp_spatial.convergence._transition_paths import Detrend, path_data, warn_if_short
from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.options import OpenShare, Positive, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import DomainError, OptionError, sample

__all__ = ["LogTResult", "log_t", "require_dispersion"]

_SMOOTHING = 400.0


@dataclass(frozen=True, repr=False, eq=False)
class LogTResult(Displayed):
    """The log-t test of one group of units.

    Attributes
    ----------
    b : float
        Slope on log t, twice the speed of convergence alpha.
    std_error : float
        Based on a long-run variance.
    statistic, p_value : float
        t of b, and its one-sided p-value; convergence is rejected below -1.65.
    frame : DataFrame
        One row, ``log_t``: ``estimate`` (b), ``std_error, statistic, p_value, speed``.
    tests : TestSet
        ``log_t``: that all units converge.
    dispersion : Series
        ``H_t``, mean squared deviation of the relative paths from one, by period.
    paths : DataFrame
        Relative transition paths ``h_it``, units by periods.
    variable, description : str
        The column, and its transformation, in words.
    first_period : object
        The first period in the regression.
    spec : Spec
        Options: ``discard, hac, detrend, smoothing, logs``.
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> result = nq.convergence.log_t(panel, "income", logs=True, detrend=None)
    >>> round(result.b, 4), round(result.statistic, 3)
    (0.9123, 7.624)
    """

    _figure = "log_t"

    b: float
    std_error: float
    dispersion: pd.Series
    paths: pd.DataFrame
    variable: str
    description: str
    first_period: object
    spec: Spec
    notes: tuple[str, ...]

    @property
    def statistic(self) -> float:
        """The t statistic of b."""
        return self.b / self.std_error

    @property
    def p_value(self) -> float:
        """The p-value: probability of a t at most this large under convergence."""
        return float(special.ndtr(self.statistic))

    @property
    def speed(self) -> float:
        """Estimate of alpha, b / 2."""
        return self.b / 2

    @property
    def frame(self) -> pd.DataFrame:
        """The estimate of b and its one-sided test, one row."""
        row = {
            "estimate": self.b, "std_error": self.std_error, "statistic": self.statistic,
            "p_value": self.p_value, "speed": self.speed,
        }  # fmt: skip
        return pd.DataFrame(row, pd.Index(["log_t"], name="test"))

    @property
    def tests(self) -> TestSet:
        """The one-sided test that all units converge."""
        name, null = t("log-t"), t("all units converge")
        if np.isnan(self.statistic):
            reason = t("the long-run variance is not positive")
            return TestSet({"log_t": NotApplicable(name, null, reason)})
        rule = t("one-sided, rejected below -1.65")
        return TestSet(
            {
                "log_t": HypothesisTest(
                    name, null, self.statistic, "normal", None, self.p_value, rule
                )
            }
        )

    @property
    def reading(self) -> Message:
        """The result in words."""
        if np.isnan(self.statistic):
            return t("no result")
        if self.statistic <= T_CRITICAL:
            return t("convergence of all units is rejected at 5 %")
        if self.b >= 2:
            return t("convergence of levels is not rejected (b of 2 or more)")
        if self.b >= 0:
            return t("convergence of growth rates is not rejected (b between 0 and 2)")
        return t("convergence is not rejected, though b is negative: weak evidence")

    def _blocks(self) -> list[Block]:
        return [
            f"log-t test of {self.description}, from period {self.first_period}, "
            f"{self.spec.hac} bandwidth",
            f"b = {self.b:.4f} (s.e. {self.std_error:.4f}), t = {self.statistic:.3f}, "
            f"one-sided {p_words(self.p_value)}: {self.reading}",
            *notes_of(self.notes),
        ]


@checked
def log_t(
    panel: SpatialPanel,
    variable: str,
    *,
    discard: OpenShare = 1 / 3,
    hac: Hac = "fixed",
    detrend: Detrend = "hp",
    smoothing: Positive = _SMOOTHING,
    logs: bool = False,
) -> LogTResult:
    """Test whether all units converge, allowing for individual transition paths.

    ``log(H_1 / H_t) - 2 log log t = a + b log t + u_t`` over the periods after the first share
    `discard`, with ``H_t`` the mean over units of ``(h_it - 1)^2`` and ``h_it = x_it / mean_t``.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced; evenly spaced periods, preferably 15 or more.
    variable : str
        A positive column. The test differs between levels and logs: income is usually logged.
    discard : float
        Share of periods discarded at the start; Phillips and Sul recommend 0.3 where T is at most
        50.
    hac : {"fixed", "andrews"}
        Standard error from the long-run variance of the residuals, as in Phillips and Sul's
        program, or from the scores, as in R's sandwich.
    detrend : {"hp", None}
        Whether to remove the business cycle first by the Hodrick-Prescott filter. `clubs` does not
        by default: its statistics of clubs are those with None.
    smoothing : float
        Parameter of that filter; for annual data Phillips and Sul use 400, Ravn and Uhlig 6.25;
        1600 is usual for quarterly data.
    logs : bool
        Whether to take logarithms first.

    Returns
    -------
    LogTResult

    Raises
    ------
    DomainError
        If values are not positive (cells are named), or units are equal in some period.
    PanelError
        If periods are too few or unevenly spaced, or there is only one unit.
    OptionError
        If an option is unknown.

    Warns
    -----
    ShortPanelWarning
        Below 15 periods.

    Notes
    -----
    Source: Phillips and Sul (2007), Econometrica 75(6), 1771-1855, equations 24 to 28; Andrews
    (1991) for the bandwidth. The first period in the regression is ``round(T discard) + 1``, and
    t counts from the first period of the panel.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> nq.convergence.log_t(nq.datasets.us_income(), "income", logs=True)
    log-t test of log of 'income' (Hodrick-Prescott trend, 400), from period 1956, fixed bandwidth
    b = 0.8717 (s.e. 0.0179), t = 48.781, one-sided p = 1.000: convergence of growth rates is ...
    """
    if detrend is None and smoothing != _SMOOTHING:
        raise OptionError("smoothing= is of the filter detrend='hp', and detrend is None")
    rule = LogTRule(discard, hac)
    start = rule.first(panel.n_periods)
    data = path_data(panel, variable, detrend=detrend, smoothing=smoothing, logs=logs)
    notes = warn_if_short(panel.n_periods)
    h = dispersion(data.values)
    require_dispersion(h, data.periods, start, data.description)
    b, error = (float(estimates[0]) for estimates in rule.statistics(h))
    if np.isnan(error):
        notes += (t("the long-run variance is not positive, so that there is no standard error"),)
    return LogTResult(
        b, error, pd.Series(h, data.periods, name="dispersion"), data.paths, variable,
        data.description, data.periods[start - 1],
        Spec(discard=discard, hac=hac, detrend=detrend, smoothing=smoothing, logs=logs), notes,
    )  # fmt: skip


def require_dispersion(h: np.ndarray, periods: pd.Index, start: int, description: str) -> None:
    """Raise if all units are equal in a period that the regression uses."""
    equal = h <= 1e-28
    equal[1 : start - 1] = False
    if equal.any():
        raise DomainError(
            f"{description} is the same for all units in {sample(periods[equal])}: the logarithm "
            "of its dispersion is undefined"
        )
