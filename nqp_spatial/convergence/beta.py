"""`beta`: whether units with low starting levels grow faster, how fast, and the role of space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import (
    CoefficientTable,
    HypothesisTest,
    NotApplicable,
    TestSet,
    critical_value,
    interval_columns,
    wald_test,
)
from nqp_spatial.core.options import Level, Size, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.periods import require_even_steps, require_places_in_time
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.errors import DomainError, OptionError, PanelError, sample
from nqp_spatial.regression._formulas import quoted
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.spec import Covariance, Effects, Model
from nqp_spatial.weights.spatial_weights import WeightsLike, as_weights

if TYPE_CHECKING:
    from nqp_spatial.regression.results import RegressionResult

__all__ = ["BetaResult", "beta"]

_GROWTH, _START = "growth", "start"
_NAMED = 5  # maximum number of rows named in a note


@dataclass(frozen=True, repr=False, eq=False)
class BetaResult(CoefficientTable, Displayed):
    """Estimates of beta convergence.

    Attributes
    ----------
    frame : DataFrame
        By (group, effect): ``coefficient`` of the initial level and, in models with W y or W X,
        its ``direct`` and ``total`` effect; columns ``estimate, std_error, statistic, p_value,
        conf_low, conf_high, speed, speed_low, speed_high, half_life, half_life_low,
        half_life_high``. Speed is per period; half-lives, in periods, are missing where the
        estimate implies no convergence, and speed where it implies overshooting.
    params : Series
        The coefficient b of each group.
    cov : DataFrame
        Their covariance.
    model : RegressionResult
        The regression, of ``growth`` on ``start``.
    data : DataFrame
        ``start``, ``growth``, ``group`` of each observation.
    tests : TestSet
        ``equal``: Wald test that groups have the same b.
    variable, label : str
        The column, and its label in figures.
    span : float
        Periods between start and end of the growth.
    spec : Spec
        Options; ``kind`` says whether growth is per period (cross-section), ``logs`` whether the
        logarithm of the variable was taken (otherwise growth is its difference).
    notes : tuple of str

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> result = nq.convergence.beta(nq.datasets.us_income(), "income")
    >>> result.frame.loc[("all", "coefficient"), ["speed", "half_life"]].round(4).tolist()
    [0.0165, 42.0813]
    """

    params: pd.Series
    cov: pd.DataFrame
    estimates: pd.DataFrame
    model: RegressionResult
    data: pd.DataFrame
    tests: TestSet
    variable: str
    label: str
    span: float
    spec: Spec
    notes: tuple[str, ...]

    _figure = "beta_scatter"

    @property
    def frame(self) -> pd.DataFrame:
        """Estimates by group and effect, with speeds, half-lives and intervals."""
        return _with_speeds(self.estimates, self.span, self.spec)

    def _blocks(self) -> list[Block]:
        return [
            f"Beta convergence of {self.variable} over {self.span:g} periods, "
            f"{self.model.spec.model.upper()}, {len(self.data)} observations",
            self.frame.drop(columns=["statistic", "conf_low", "conf_high"]),
            *(repr(test) for test in self.tests.values() if test.applicable),
            *notes_of(self.notes),
        ]


@checked
def beta(
    panel: SpatialPanel,
    variable: str,
    weights: WeightsLike | None = None,
    *,
    controls: str | Sequence[str] = (),
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
        Balanced, with evenly spaced periods.
    variable : str
        Positive if `logs`.
    weights : SpatialWeights, Graph or W, optional
        For spatial models; a note says that the default, OLS, does not use them.
    controls : sequence of str
        Columns with their values at the start of the growth period, for conditional convergence.
    model : {"ols", "slx", "sar", "sem", "sdm", "sdem", "sac", "gns"}
        As in `nqp_spatial.fit`.
    kind : {"cross-section", "panel"}
        Growth from the first to the last period; or over consecutive intervals of `step` periods.
    step : int
        Length of the growth intervals in a panel, in periods. They do not overlap.
    effects : {"none", "unit", "period", "two-way"}, optional
        By default none in a cross-section, two-way in a panel.
    group : str or Series, optional
        A column that does not change over periods, or groups by unit: b and the constant are
        estimated for each.
    covariance : str, optional
        As in `nqp_spatial.fit`; by default ``"cluster"`` for OLS in a panel, else ``"observed"``.
    durbin : str or sequence of str, optional
        Regressors to lag, as in `nqp_spatial.fit`, chosen from ``"start"`` and the controls.
    logs : bool
        Whether to take logarithms of the variable.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    BetaResult

    Raises
    ------
    DomainError
        If values are not positive under logs, or all initial levels are equal.
    PanelError
        If periods are too few or unevenly spaced, or a unit changes its group.
    OptionError
        If a spatial model has no weights, or an option is unknown.

    Notes
    -----
    Intervals of speed and half-life use the delta method. Where the interval of the speed contains
    zero the half-life has no upper bound, which a note reports. In a model with W y the coefficient
    is the effect of a unit's own initial level before neighbours respond; the total effect is that
    of a common change in all initial levels, including feedback.

    With unit effects b is biased downwards by order 1/T (Nickell 1981) and measures convergence
    of units to their own paths: `nqp_spatial.fit` with ``time_lag=True`` corrects the bias.

    Source: Barro and Sala-i-Martin (1992), Journal of Political Economy 100(2), 223-251; Rey and
    Montouri (1999), Regional Studies 33(2), 143-156, for spatial models.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.convergence.beta(panel, "income", w, model="sem")
    >>> float(result.frame.loc[("all", "coefficient"), "half_life"].round(1))
    43.9
    """
    if model != "ols" and weights is None:
        raise OptionError(f"model={model!r} needs weights: pass weights=")
    controls = [controls] if isinstance(controls, str) else list(controls)
    groups = None if group is None else Groups.by_unit(panel, group).by_name
    growth, span = _growth(panel, variable, controls, kind, step, logs)
    if effects is None:
        effects = "none" if growth.n_periods == 1 else "two-way"
    if covariance is None:
        covariance = "observed" if model != "ols" or kind == "cross-section" else "cluster"
    columns, growth, regressors = _by_group(growth, groups, controls, effects)
    data = growth.frame[[_GROWTH]].assign(
        start=growth.frame[list(columns.values())].sum(axis=1),
        group="all" if groups is None else growth.frame["of_group"],
    )
    w = None if weights is None else as_weights(weights)
    result = fit(
        f"{_GROWTH} ~ {' + '.join(map(quoted, regressors))}", growth, w, model=model,
        effects=effects, covariance=covariance, durbin=_lagged(durbin, list(columns.values())),
    )  # fmt: skip
    group_name = group if group is None or isinstance(group, str) else group.name
    spec = Spec(
        weights=w, controls=tuple(controls), model=model, kind=kind, step=step, effects=effects,
        group=group_name, covariance=covariance, durbin=durbin, logs=logs, level=level,
    )  # fmt: skip
    params, cov = _coefficients(result, columns)
    estimates = _estimates(result, columns)
    notes = _notes(_with_speeds(estimates, span, spec), result, kind)
    if model == "ols" and w is not None:
        notes.append(t("the weights are not used: model='ols' has no spatial terms"))
    return BetaResult(
        params, cov, estimates, result, data, TestSet({"equal": _equal(params, cov)}), variable,
        panel.label(variable), span, spec, tuple(notes),
    )  # fmt: skip


def _lagged(durbin: str | Sequence[str] | None, starts: list[str]) -> list[str] | None:
    """Return the regressors to lag, with the initial level replaced by its columns."""
    if durbin is None:
        return None
    names = [durbin] if isinstance(durbin, str) else list(durbin)
    return [column for name in names for column in (starts if name == _START else [name])]


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
        negative = np.argwhere(y <= 0)
        if len(negative):
            cells = [(panel.units[i], panel.periods[time]) for i, time in negative]
            raise DomainError(
                f"{variable!r} must be positive for logarithms and is not for {sample(cells)}; "
                "correct these cells, or pass logs=False for a variable that is in logs already"
            )
        y = np.log(y)
    if kind == "cross-section":
        places = require_places_in_time(panel.periods, "growth")
        positions, span = np.array([0, panel.n_periods - 1]), float(places[-1] - places[0])
    else:
        require_even_steps(panel.periods, "growth")
        if step >= panel.n_periods:
            raise OptionError(f"step must be from 1 to {panel.n_periods - 1}, got {step!r}")
        # Counted back from the last period, so that the most recent data are included.
        positions, span = np.arange(panel.n_periods - 1, -1, -step)[::-1], float(step)
    start, end = positions[:-1], positions[1:]
    level = y[:, start]
    if np.ptp(level) <= 1e-12 * max(1.0, float(np.abs(level).max())):
        raise DomainError(f"all units start from the same {variable!r}: b is not identified")
    columns = {
        "unit": np.repeat(panel.units.to_numpy(), len(start)),
        "period": panel.periods[np.tile(end, panel.n_units)],
        _GROWTH: ((y[:, end] - level) / (span if kind == "cross-section" else 1)).ravel(),
        _START: level.ravel(),
    }
    for name in controls:
        columns[name] = panel.values(name)[:, start].ravel()
    growth = SpatialPanel(
        pd.DataFrame(columns), unit="unit", period="period",
        labels={_GROWTH: f"Growth of {panel.label(variable)}", _START: panel.label(variable)},
    )  # fmt: skip
    return growth, span


def _by_group(
    growth: SpatialPanel, groups: pd.Series | None, controls: list[str], effects: str
) -> tuple[dict[str, str], SpatialPanel, list[str]]:
    """Return the column of the start for each group, the panel with these, and the right side."""
    if groups is None:
        return {"all": _START}, growth, [_START, *controls]
    of = groups.reindex(growth.frame.index.get_level_values("unit")).to_numpy()
    names = {str(name): f"{_START}_{i}" for i, name in enumerate(sorted(set(of)), start=1)}
    columns = {column: growth.frame[_START] * (of == name) for name, column in names.items()}
    dummies = {}
    if effects in ("none", "period"):
        dummies = {
            f"constant_{i}": (of == name).astype(float)
            for i, name in enumerate(names, start=1)
            if i > 1
        }
    wider = growth.assign(
        labels={column: f"{growth.label(_START)}, {name}" for name, column in names.items()},
        of_group=of, **columns, **dummies,
    )  # fmt: skip
    return names, wider, [*names.values(), *dummies, *controls]


def _coefficients(
    result: RegressionResult, columns: dict[str, str]
) -> tuple[pd.Series, pd.DataFrame]:
    """Return the coefficient of each group's starting level and their covariance."""
    places = _places(result, columns)
    groups = pd.Index(list(columns), name="group")
    params = pd.Series(result.params.to_numpy(dtype=float)[places], groups, name="estimate")
    return params, pd.DataFrame(result.cov.to_numpy()[np.ix_(places, places)], groups, groups)


def _places(result: RegressionResult, columns: dict[str, str]) -> list[int]:
    """Return the positions of each group's starting level among the parameters."""
    keys = list(result.params.index)
    return [keys.index(("x", column)) for column in columns.values()]


def _estimates(result: RegressionResult, columns: dict[str, str]) -> pd.DataFrame:
    """Return estimates and standard errors by group and effect."""
    effects = None
    if result.spec.model not in ("ols", "sem"):  # else effects equal the coefficient
        effects = result.effects().frame.set_index(["variable", "effect"])
    values, errors = result.params.to_numpy(), result.std_errors.to_numpy()
    rows: dict[tuple[str, str], tuple[float, float]] = {}
    for (group, column), place in zip(columns.items(), _places(result, columns), strict=True):
        rows[group, "coefficient"] = float(values[place]), float(errors[place])
        if effects is not None:
            for effect in ("direct", "total"):
                row = effects.loc[(column, effect)]
                rows[group, effect] = float(row["estimate"]), float(row["std_error"])
    index = pd.MultiIndex.from_tuples(list(rows), names=["group", "effect"])
    return pd.DataFrame(np.array(list(rows.values())), index, ["estimate", "std_error"])


def _with_speeds(estimates: pd.DataFrame, span: float, spec: Spec) -> pd.DataFrame:
    """Return estimates, speeds and half-lives, with delta-method intervals."""
    estimate, error = estimates.to_numpy().T
    z, annual = critical_value(spec.level), spec.kind == "cross-section"
    share = 1 + estimate * (span if annual else 1.0)  # share of a gap left at the end
    share = np.where(share > 0, share, np.nan)
    speed = -np.log(share) / span
    speed_error = error * (1.0 if annual else 1 / span) / share
    half_life = np.log(2) / np.where(speed > 0, speed, np.nan)
    width = z * half_life / speed * speed_error
    columns = {
        "estimate": estimate,
        "std_error": error,
        **interval_columns(estimate, error, spec.level),
        "speed": speed,
        "speed_low": speed - z * speed_error,
        "speed_high": speed + z * speed_error,
        "half_life": half_life,
        "half_life_low": half_life - width,
        "half_life_high": half_life + width,
    }
    return pd.DataFrame(columns, index=estimates.index)


def _equal(params: pd.Series, cov: pd.DataFrame) -> HypothesisTest | NotApplicable:
    name, null = t("Wald"), t("b is the same in all groups")
    if len(params) < 2:
        return NotApplicable(name, null, t("there are no groups"))
    slopes = np.eye(len(params))[1:] - np.eye(len(params))[0]
    return wald_test(name, null, slopes @ params.to_numpy(), slopes, cov.to_numpy())


def _notes(frame: pd.DataFrame, result: RegressionResult, kind: str) -> list[Message]:
    def about(rows: pd.Series, note: Message) -> Message:
        """Name the rows to which a note refers, if there are several rows."""
        if len(frame) == 1:
            return note
        keys = [
            t("{group} ({effect})", group=group, effect=label("effect", effect))
            for group, effect in frame.index[rows][:_NAMED]
        ]
        ending = [t("...")] if rows.sum() > _NAMED else []
        return t("{rows}: {note}", rows=join(", ", [*keys, *ending]), note=note)

    cases = {
        t(
            "b closes more than the entire gap within the span (1 + b T is not positive), so that "
            "there is no speed"
        ): frame["speed"].isna(),
        t("no convergence, so that there is no half-life"): frame["speed"] <= 0,
        t("the interval of the speed contains zero, so that the half-life has no upper bound"): (
            frame["speed"] > 0
        )
        & (frame["speed_low"] <= 0),
    }
    notes = [about(rows, note) for note, rows in cases.items() if rows.any()]
    if kind == "panel" and result.spec.effects in ("unit", "two-way"):
        notes.append(
            t(
                "unit effects: units converge to their own paths, and b is biased downwards by "
                "order 1/T (Nickell 1981); nqp_spatial.fit with time_lag=True corrects that"
            )
        )
    return notes
