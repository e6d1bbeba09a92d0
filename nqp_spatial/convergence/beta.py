"""`beta`: whether units that start low grow faster, how fast, and with which neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import stats

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, wald_test
from nqp_spatial.core.options import Level, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps, require_places_in_time
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.spec import Covariance, Effects, Model
from nqp_spatial.weights.spatial_weights import WeightsLike

if TYPE_CHECKING:
    from nqp_spatial.regression.results import RegressionResult

__all__ = ["BetaResult", "beta"]

_GROWTH, _START = "growth", "start"


@dataclass(frozen=True, repr=False, eq=False)
class BetaResult(Displayed):
    """Estimates of beta convergence.

    Attributes
    ----------
    table : DataFrame
        By (group, by): ``coefficient`` of the starting level and, in models with W y or W X, its
        ``direct`` and ``total`` effect; columns ``b, std_error, p_value, speed, speed_low,
        speed_high, half_life, half_life_low, half_life_high``. Speed is per period; half-lives, in
        periods, are missing where the estimate does not converge, and speed where it overshoots.
    fit : RegressionResult
        The regression, of ``growth`` on ``start``.
    data : DataFrame
        ``start``, ``growth``, ``group`` of each observation.
    equal : HypothesisTest or NotApplicable
        Wald test that groups have the same b.
    variable : str
    span : float
        Periods between start and end of the growth.
    annual : bool
        Whether growth is per period.
    logs : bool
        Whether the logarithm of the variable was taken; if not, growth is its plain change.
    notes : tuple of str
    label : str
        What figures call the variable.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> found = nq.convergence.beta(nq.datasets.us_income(), "income")
    >>> found.table.loc[("all", "coefficient"), ["speed", "half_life"]].round(4).tolist()
    [0.0165, 42.0813]
    """

    table: pd.DataFrame
    fit: RegressionResult
    data: pd.DataFrame
    equal: HypothesisTest | NotApplicable
    variable: str
    span: float
    annual: bool
    logs: bool
    notes: tuple[str, ...]
    label: str

    def _blocks(self) -> list[Block]:
        equal = [repr(self.equal)] if isinstance(self.equal, HypothesisTest) else []
        return [
            f"Beta convergence of {self.variable} over {self.span:g} periods, "
            f"{self.fit.spec.model.upper()}, {len(self.data)} observations",
            self.table,
            *equal,
            *notes_of(self.notes),
        ]


@checked
def beta(
    panel: SpatialPanel,
    variable: str,
    *,
    controls: str | Sequence[str] = (),
    w: WeightsLike | None = None,
    model: Model = "ols",
    kind: Literal["cross-section", "panel"] = "cross-section",
    step: Size = 1,
    effects: Effects | None = None,
    group: str | pd.Series | None = None,
    covariance: Covariance | None = None,
    durbin: str | Sequence[str] | None = None,
    logs: bool = True,
    level: Level = 0.95,
) -> BetaResult:
    """Estimate beta convergence, its speed and half-life.

    Cross-section: ``(ln y_T - ln y_0) / T = a + b ln y_0 + c'x_0 + e``, speed
    ``-ln(1 + b T) / T``. Panel: ``ln y_t - ln y_(t-s) = b ln y_(t-s) + c'x_(t-s) + effects + e``,
    speed ``-ln(1 + b) / s``. Half-life ``ln 2 / speed``.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced, of evenly spaced periods.
    variable : str
        Positive where `logs`.
    controls : sequence of str
        Columns at the start of the growth, for conditional convergence.
    w : SpatialWeights, Graph or W, optional
        For spatial models.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac"}
        As in `nqp_spatial.fit`.
    kind : {"cross-section", "panel"}
        Growth from the first to the last period; or over each `step` periods, side by side.
    step : int
        Periods of growth in a panel. Growth does not overlap.
    effects : {"none", "unit", "period", "two-way"}, optional
        By default none in a cross-section, two-way in a panel.
    group : str or Series, optional
        A column that does not change over periods, or groups by unit: b and the constant are
        estimated for each.
    covariance : str, optional
        As in `nqp_spatial.fit`; by default ``"cluster"`` for OLS in a panel, else ``"observed"``.
    durbin : str or sequence of str, optional
        Regressors to lag, as in `nqp_spatial.fit`, out of ``"start"`` and the controls.
    logs : bool
        Whether to take logarithms of the variable.
    level : float
        Of the intervals.

    Returns
    -------
    BetaResult

    Raises
    ------
    DomainError
        If values are not positive under logs, or all units start alike.
    PanelError
        If periods are too few or uneven, or a unit changes its group.
    OptionError
        If a spatial model has no weights, or an option is unknown.

    Notes
    -----
    Intervals of speed and half-life are by the delta method. Where the interval of the speed
    reaches zero the half-life has no upper end in truth, and a note says so. In a model with W y
    the coefficient is what the unit's own start does before neighbours answer; the total effect is
    what a common start of all does in the end.

    With unit effects b is biased down by order 1/T (Nickell 1981) and shows convergence to paths
    of their own: `nqp_spatial.fit` with ``time_lag=True`` corrects the bias.

    Source: Barro and Sala-i-Martin (1992), Journal of Political Economy 100(2), 223-251; Rey and
    Montouri (1999), Regional Studies 33(2), 143-156, for neighbours.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> found = nq.convergence.beta(panel, "income", w=w, model="sem")
    >>> float(found.table.loc[("all", "coefficient"), "half_life"].round(1))
    43.9
    """
    if model != "ols" and w is None:
        raise OptionError(f"model={model!r} needs weights: pass w=")
    controls = [controls] if isinstance(controls, str) else list(controls)
    groups = None if group is None else _groups(panel, group)
    growth, span = _growth(panel, variable, controls, kind, step, logs)
    annual = kind == "cross-section"
    if effects is None:
        effects = "none" if growth.n_periods == 1 else "two-way"
    if covariance is None:
        covariance = "observed" if model != "ols" or annual else "cluster"
    names, growth, right = _by_group(growth, groups, controls, effects)
    data = growth.frame[[_GROWTH]].assign(
        start=growth.frame[list(names.values())].sum(axis=1),
        group="all" if groups is None else growth.frame["of_group"],
    )
    lagged = None
    if durbin is not None:
        asked = [durbin] if isinstance(durbin, str) else list(durbin)
        lagged = [name for one in asked for name in (names.values() if one == _START else [one])]
    result = fit(
        f"{_GROWTH} ~ {' + '.join(map(quoted, right))}", growth, w, model=model, effects=effects,
        covariance=covariance, durbin=lagged,
    )  # fmt: skip
    table = _table(result, names, span, annual, level)
    return BetaResult(
        table, result, data, _equal(result, names), variable, span, annual, logs,
        tuple(_notes(table, result, annual)), panel.label(variable),
    )  # fmt: skip


def _groups(panel: SpatialPanel, group: str | pd.Series) -> pd.Series:
    groups = Groups.by_unit(panel, group)
    codes, names = groups.codes, groups.names
    return pd.Series(np.array(names, dtype=object)[codes], panel.units)


def _growth(
    panel: SpatialPanel, variable: str, controls: list[str], kind: str, step: int, logs: bool
) -> tuple[SpatialPanel, float]:
    """Return a panel of growth, start and controls, and the periods that growth spans."""
    panel.require_complete([variable, *controls])
    if panel.n_periods < 2:
        raise PanelError("growth needs at least two periods, the panel has one")
    if clash := sorted({_GROWTH, _START, "of_group"} & set(controls)):
        raise OptionError(f"controls may not be called {clash}: these names are taken")
    y = panel.values(variable)
    if logs:
        bad = np.argwhere(y <= 0)
        if len(bad):
            cells = [(panel.units[i], panel.periods[t]) for i, t in bad]
            raise DomainError(
                f"{variable!r} must be positive for logarithms and is not for {sample(cells)}; "
                "mend these cells, or pass logs=False for a variable that is in logs already"
            )
        y = np.log(y)
    if kind == "cross-section":
        places = require_places_in_time(panel.periods, "growth")
        at, span, per = np.array([0, panel.n_periods - 1]), float(places[-1] - places[0]), True
    else:
        require_even_steps(panel.periods, "growth")
        if step >= panel.n_periods:
            raise OptionError(f"step must be from 1 to {panel.n_periods - 1}, got {step!r}")
        # Counted back from the last period, so that the newest data are in.
        at, span, per = np.arange(panel.n_periods - 1, -1, -step)[::-1], float(step), False
    start, end = at[:-1], at[1:]
    level = y[:, start]
    if np.ptp(level) <= 1e-12 * max(1.0, float(np.abs(level).max())):
        raise DomainError(f"all units start from the same {variable!r}: b is not identified")
    columns = {
        "unit": np.repeat(panel.units.to_numpy(), len(start)),
        "period": panel.periods[np.tile(end, panel.n_units)],
        _GROWTH: ((y[:, end] - level) / (span if per else 1)).ravel(),
        _START: level.ravel(),
    }
    for name in controls:
        columns[name] = panel.values(name)[:, start].ravel()
    frame = pd.DataFrame(columns)
    made = SpatialPanel(
        frame, unit="unit", period="period",
        labels={_GROWTH: f"Growth of {panel.label(variable)}", _START: panel.label(variable)},
    )  # fmt: skip
    return made, span


def _by_group(
    growth: SpatialPanel, groups: pd.Series | None, controls: list[str], effects: str
) -> tuple[dict[str, str], SpatialPanel, list[str]]:
    """Return the column of the start for each group, the panel with these, and the right side."""
    if groups is None:
        return {"all": _START}, growth, [_START, *controls]
    of = groups.reindex(growth.frame.index.get_level_values("unit")).to_numpy()
    names = {str(name): f"{_START}_{i}" for i, name in enumerate(sorted(set(of)), start=1)}
    columns = {made: growth.frame[_START] * (of == name) for name, made in names.items()}
    dummies = {}
    if effects in ("none", "period"):
        dummies = {
            f"constant_{i}": (of == name).astype(float)
            for i, name in enumerate(names, start=1)
            if i > 1
        }
    wider = growth.assign(
        labels={made: f"{growth.label(_START)}, {name}" for name, made in names.items()},
        of_group=of, **columns, **dummies,
    )  # fmt: skip
    return names, wider, [*names.values(), *dummies, *controls]


def _table(
    result: RegressionResult, names: dict[str, str], span: float, annual: bool, level: float
) -> pd.DataFrame:
    z = stats.norm.ppf(0.5 + level / 2)
    effects = None
    if result.spec.model not in ("ols", "sem"):  # without W y and W X they are the coefficient
        effects = result.effects().frame.set_index(["variable", "effect"])
    rows = {}
    for name, column in names.items():
        b = {"coefficient": (result.params["x", column], result.std_errors["x", column])}
        if effects is not None:
            for kind in ("direct", "total"):
                one = effects.loc[(column, kind)]
                b[kind] = (one["estimate"], one["std_error"])
        for kind, (estimate, error) in b.items():
            rows[name, kind] = _speed(float(estimate), float(error), span, annual, z)
    columns = [
        "b", "std_error", "p_value", "speed", "speed_low", "speed_high", "half_life",
        "half_life_low", "half_life_high",
    ]  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["group", "by"])
    return table


def _speed(b: float, error: float, span: float, annual: bool, z: float) -> tuple[float, ...]:
    """Return b and what follows from it, with delta-method intervals."""
    p_value = float(2 * stats.norm.sf(abs(b / error)))
    kept = 1 + b * (span if annual else 1.0)  # the share of a gap that is left after the span
    if kept <= 0:
        return (b, error, p_value, *[np.nan] * 6)
    speed = -np.log(kept) / span
    spread = error * (1.0 if annual else 1 / span) / kept
    half, low, high = np.nan, np.nan, np.nan
    if speed > 0:
        half = np.log(2) / speed
        width = z * half / speed * spread
        low, high = half - width, half + width
    return (b, error, p_value, speed, speed - z * spread, speed + z * spread, half, low, high)


def _equal(result: RegressionResult, names: dict[str, str]) -> HypothesisTest | NotApplicable:
    null = "b is the same in all groups"
    if len(names) < 2:
        return NotApplicable("Wald", null, "there are no groups")
    keys = [("x", column) for column in names.values()]
    b = result.params[keys].to_numpy(dtype=float)
    slopes = np.eye(len(keys))[1:] - np.eye(len(keys))[0]
    return wald_test("Wald", null, slopes @ b, slopes, result.cov.loc[keys, keys].to_numpy())


def _notes(table: pd.DataFrame, result: RegressionResult, annual: bool) -> list[str]:
    notes = []

    def which(rows: pd.Series) -> str:
        """Name the rows that a note is about, where there are several to tell apart."""
        if len(table) == 1:
            return ""
        return f"{sample([', '.join(map(str, key)) for key in table.index[rows]])}: "

    beyond = table["speed"].isna()
    if beyond.any():
        notes.append(
            f"{which(beyond)}b closes the gap more than whole within the span (1 + b T is not "
            "positive), so that there is no speed"
        )
    apart = table["speed"] <= 0
    if apart.any():
        notes.append(f"{which(apart)}no convergence, so that there is no half-life")
    open_ = (table["speed"] > 0) & (table["speed_low"] <= 0)
    if open_.any():
        notes.append(
            f"{which(open_)}the interval of the speed reaches zero; read the upper end of the "
            "half-life as unbounded"
        )
    if not annual and result.spec.effects in ("unit", "two-way"):
        notes.append(
            "unit effects: convergence is to paths of their own, and b is biased down by order 1/T "
            "(Nickell 1981); nqp_spatial.fit with time_lag=True corrects that"
        )
    return notes
