"""`mediation`: effects of x on y through a third variable, in the region and through neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet, critical_value, two_sided_p, wald_test
from nqp_spatial.core.near_names import ARGUMENTS, near
from nqp_spatial.core.options import (
    Jobs,
    Level,
    PassedTo,
    Range,
    Seed,
    checked,
    rules_of,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.resampling import spawned_seeds
from nqp_spatial.core.text import label, t
from nqp_spatial.errors import OptionError, UnknownColumnError, sample
from nqp_spatial.regression._design import INTERCEPT
from nqp_spatial.regression._formulas import names_in
from nqp_spatial.regression._unused_options import unused_options
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model
from nqp_spatial.spillovers._path_bootstrap import BothModels, bootstrap_parameters
from nqp_spatial.spillovers._path_effects import ROWS, Leg, PathEffects
from nqp_spatial.spillovers._path_intervals import (
    draw_intervals,
    draw_p_values,
    share_intervals,
)
from nqp_spatial.spillovers.borders import fieller
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["MediationResult", "mediation"]

_Draws = Annotated[int, Range(2, 1_000_000, advice="for the delta method pass method='delta'")]
_CAUSAL = t(
    "a path is causal only if both of its legs are: besides x, the mediator must not be correlated "
    "with the errors of the outcome"
)


@dataclass(frozen=True, repr=False, eq=False)
class MediationResult(Displayed):
    """Effects of variables on an outcome, divided by the path along which they run.

    Attributes
    ----------
    frame : DataFrame
        One row per variable, horizon, path and effect: ``variable, horizon, path, effect, estimate,
        std_error, statistic, p_value, conf_low, conf_high, share, share_low, share_high``. Effects
        are direct, indirect and total as in `EffectsResult`; paths:

        ==============  ============================================================
        mediated        through the mediator of any region, ``S^y_m S^m_x``
        x_i-m_i-y_i     own x, own mediator, own y
        x_i-m_j-y_i     own x, mediator of another region, own y
        x_j-m_i-y_i     x of another region, own mediator, own y
        x_j-m_j-y_i     x of another region, mediator of that region, own y
        x_j-m_k-y_i     x of another region, mediator of a third region, own y
        remainder       not through the mediator, ``S^y_x``
        all paths       mediated and remainder together
        ==============  ============================================================

        The first two of the five parts add up to the direct effect that is mediated, the other
        three to the indirect effect that is mediated. ``share`` is the part of the effect along all
        paths; its interval has no end where the effect along all paths is not significantly
        different from zero.
    outcome, mediator : RegressionResult
        Both models.
    spec : Spec
        Formulas, weights in words, method, draws, seed, level.
    labels : mapping
        Display labels of variables.
    discarded : int
        Draws outside the stable region, or bootstrap samples that cannot be estimated, which were
        not used.
    notes : tuple of str
    tests : TestSet
        Wald tests of each leg: that x does not affect m, and that m does not affect y.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.spillovers.mediation("lgsp ~ lemp + lpcap", "lemp ~ lpcap", panel, w)
    >>> parts = res.wide("lpcap")
    >>> bool(abs(parts.loc["mediated"] + parts.loc["remainder"] - parts.loc["all paths"]).max()
    ...      < 1e-12)
    True
    """

    frame: pd.DataFrame
    outcome: RegressionResult
    mediator: RegressionResult
    spec: Spec
    labels: Mapping[str, str]
    discarded: int = 0
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    _figure = "estimates"

    @property
    def level(self) -> float:
        """Confidence level of the intervals."""
        return float(self.spec["level"])

    @checked
    def wide(self, variable: str, horizon: str | None = None) -> pd.DataFrame:
        """Return the estimates of one variable, one row per path and one column per effect.

        Parameters
        ----------
        variable : str
        horizon : str, optional
            Needed for dynamic models only.

        Raises
        ------
        OptionError
            If there is no such variable or horizon, or there are several horizons.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> w = nq.weights.contiguity(panel)
        >>> res = nq.spillovers.mediation("lgsp ~ lemp + lpcap", "lemp ~ lpcap", panel, w)
        >>> res.wide("lpcap").columns.tolist()
        ['direct', 'indirect', 'total']
        """
        return rows_of(self, variable, horizon).pivot_table(
            index="path", columns="effect", values="estimate", sort=False
        )[["direct", "indirect", "total"]]

    def _blocks(self) -> list[Block]:
        method = {
            "draws": t("draws from the asymptotic distribution"),
            "bootstrap": t("bootstrap by unit"),
            "delta": t("delta method"),
        }[self.spec["method"]]
        columns = ["path", "effect", "estimate", "p_value", "conf_low", "conf_high", "share"]
        blocks: list[Block] = [
            t("Mediation by {mediator}", mediator=self.mediator.spec.outcome),
            t("Outcome: {model}", model=self.outcome.spec.describe()),
            t("Formula: {formula}", formula=self.outcome.spec.formula),
            t("Mediator: {model}", model=self.mediator.spec.describe()),
            t("Formula: {formula}", formula=self.mediator.spec.formula),
            t("Weights: {weights}", weights=self.spec["weights"]),
        ]
        for (variable, horizon), rows in self.frame.groupby(["variable", "horizon"], sort=False):
            words = str(variable) if horizon == "static" else f"{variable}, {horizon}"
            blocks += [words, rows[columns].reset_index(drop=True)]
        return [
            *blocks,
            t("Inference: {method}; level {level:g}", method=method, level=self.level),
            *(repr(test) for test in self.tests.values()),
            *notes_of(self.notes),
        ]


def rows_of(result: MediationResult, variable: str, horizon: str | None) -> pd.DataFrame:
    """Return the rows of one variable at one horizon."""
    frame = result.frame
    known = list(dict.fromkeys(frame["variable"])), list(dict.fromkeys(frame["horizon"]))
    if variable not in known[0]:
        raise OptionError(
            f"there are no paths of {variable!r}; there are those of {sample(known[0], 20)}"
        )
    if horizon is None and len(known[1]) > 1:
        raise OptionError(f"name a horizon: there are {', '.join(known[1])}")
    chosen = known[1][0] if horizon is None else horizon
    if chosen not in known[1]:
        raise OptionError(f"there is no horizon {chosen!r}; there are {', '.join(known[1])}")
    return frame[(frame["variable"] == variable) & (frame["horizon"] == chosen)]


@checked
def mediation(
    outcome: str,
    mediator: str,
    panel: SpatialPanel,
    weights: WeightsLike | Mapping[str, WeightsLike] | None = None,
    *,
    variables: str | Iterable[str] | None = None,
    model: Model = "sdm",
    effects: Effects = "two-way",
    method: Literal["draws", "bootstrap", "delta"] = "draws",
    draws: _Draws = 1999,
    level: Level = 0.95,
    mediator_options: Mapping[str, object] | None = None,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
    **options: Annotated[object, PassedTo("fit", without=("model", "effects", "seed"))],
) -> MediationResult:
    """Divide the effects of x on y into those through a mediator m and those past it.

    ``y = rho W y + m beta_m + W m theta_m + x beta_x + W x theta_x + ...`` and ``m = c W m + x b +
    W x g + ...``. With S the matrices of effects of both models, ``S^y_m S^m_x`` is the effect of x
    on y through m, and ``S^y_x`` the remainder; together they are the effect along all paths. Each
    product runs through the mediator of every region, and is divided by which one it is.

    Parameters
    ----------
    outcome : str
        Formula of the outcome, with the mediator among the regressors: ``"y ~ m + x + z"``.
    mediator : str
        Formula of the mediator: ``"m ~ x + z"``. Its left side is a term of the other formula.
    panel : SpatialPanel
    weights : SpatialWeights, Graph, W, or mapping of these, optional
        Of both models, as in `fit`.
    variables : str or list of str, optional
        The regressors of the mediator whose paths are wanted; all by default. A variable that is
        not in the outcome's formula is assumed to have no effect past the mediator.
    model, effects : str
        Of both models, as in `fit`. Dynamic models (``time_lag=True``) have paths in the short run,
        within the period, and in the long run, of a permanent change in x.
    method : {"draws", "bootstrap", "delta"}
        ``draws`` from the asymptotic distribution of both models' parameters, which are independent
        where the errors of both equations are; ``bootstrap`` redraws units with the errors of both
        equations and all their periods, estimates both models again, and so allows for errors that
        are correlated across equations and over time (static models, fixed effects or none);
        ``delta``, the normal approximation (Sobel 1982), whose test of a product is conservative.
    draws : int
        Draws, or bootstrap samples.
    level : float
        Confidence level.
    mediator_options : mapping, optional
        Arguments of `fit` that differ for the mediator's model, such as ``{"model": "sar",
        "weights": other}``.
    seed : int, optional
        Seed of draws or bootstrap.
    n_jobs : int
        Parallel workers for the bootstrap, through joblib; the same results for any number.
    progress : bool
        Whether to show a progress bar of the bootstrap.
    **options
        Passed on to `fit` for both models: ``time_lag``, ``covariance``, ``durbin``, and so on. If
        the models differ (`mediator_options`), one that only one of them has a use for is passed on
        to that one.

    Returns
    -------
    MediationResult

    Raises
    ------
    OptionError
        If the mediator is not a term of the outcome's formula or enters it in several terms, or an
        option is not available for the models.
    UnknownColumnError
        If a variable is not a regressor of the mediator.
    PanelError, UnmatchedIdsError, CollinearityError, BoundaryError
        As in `fit`.

    Notes
    -----
    Intervals of draws are percentiles and p-values twice the smaller tail beyond zero: a p-value is
    at most 1 - level if and only if the interval excludes zero. With one leg zero and the other
    strong, tests of the mediated effect have their nominal size; with both legs zero they reject
    too rarely (a product of two normal variables with mean zero is concentrated at zero), so that
    absence of evidence is then weak evidence. ``statistic`` is the estimate over its standard
    error, given for reference. Intervals of shares contain the shares that the draws do not reject.

    Up to 700 units the products are exact; beyond it their diagonals come from random probes, and
    a note states the error that these cause.

    Sources: Baron and Kenny (1986) and MacKinnon (2008) for products of coefficients; LeSage and
    Pace (2009), section 2.7, for matrices of effects; Imai, Keele and Yamamoto (2010), Statistical
    Science 25, 51-71, for the conditions of a causal interpretation.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> res = nq.spillovers.mediation("lgsp ~ lemp + lpcap", "lemp ~ lpcap", panel, w)
    >>> res.frame["path"].unique().tolist()[:3]
    ['mediated', 'x_i-m_i-y_i', 'x_i-m_j-y_i']
    """
    own = _mediator_options(mediator_options or {})
    common: dict[str, Any] = {"weights": weights, "model": model, "effects": effects}
    of_mediator = {**common, **own}
    shared, further = _shared_options(options, common, of_mediator)
    arguments = (
        {"formula": outcome, **common, **shared},
        {**common, "formula": mediator, **further, **own},
    )
    first, second = (fit(panel=panel, **each) for each in arguments)
    models = BothModels(panel, first, second, arguments)
    names = _variables(first, second, variables)
    if method == "bootstrap":
        models.require_bootstrap()
        params = bootstrap_parameters(models, draws, seed, n_jobs, progress)
    elif method == "draws":
        seeds = spawned_seeds(seed, 2)
        params = _drawn(first, draws, seeds[0]), _drawn(second, draws, seeds[1])
    else:
        params = np.empty((0, len(first.params))), np.empty((0, len(second.params)))
    frames: list[pd.DataFrame] = []
    notes: list[str] = [_CAUSAL]
    used = draws
    is_dynamic = first.spec.is_dynamic or second.spec.is_dynamic
    for horizon in ("short-run", "long-run") if is_dynamic else ("static",):
        legs = Leg(first, horizon), Leg(second, horizon)
        unstable = [leg.model.spec.outcome for leg in legs if not leg.has_effects]
        if unstable and horizon == "long-run":
            notes.append(
                t(
                    "no paths in the long run: the model of {names} is not stable (a lasting "
                    "change would grow without end)",
                    names=", ".join(unstable),
                )
            )
            continue
        for leg in legs:
            leg.require_stable()
        stable = legs[0].is_stable(params[0]) & legs[1].is_stable(params[1])
        used = min(used, int(stable.sum()))
        sets = (
            np.vstack([first.params.to_numpy(), params[0][stable]]),
            np.vstack([second.params.to_numpy(), params[1][stable]]),
        )
        paths = PathEffects(*legs, second.spec.outcome, sets)
        for name in names:
            table = _table(paths, name, level) if method != "delta" else _delta(paths, name, level)
            frames.append(table.assign(variable=name, horizon=horizon))
            notes += _notes_on(table, name, horizon, paths)
    if method != "delta" and used < draws:
        notes.append(
            t(
                "{discarded} of {draws} draws lie outside the stable region, or cannot be "
                "estimated, and were discarded; intervals describe the others",
                discarded=draws - used, draws=draws,
            )
        )  # fmt: skip
    frame = pd.concat(frames, ignore_index=True)
    words = [model.spec.weights for model in (first, second) if model.spec.weights]
    return MediationResult(
        frame=frame[["variable", "horizon", *frame.columns[:-2]]],
        outcome=first,
        mediator=second,
        spec=Spec(
            outcome=outcome, mediator=mediator, weights="; ".join(dict.fromkeys(words)),
            method=method, draws=0 if method == "delta" else draws,
            seed=None if method == "delta" else seed, level=level,
        ),
        labels=first.labels,
        discarded=0 if method == "delta" else draws - used,
        notes=tuple(dict.fromkeys([*notes, *_notes_of_models(first, second, names)])),
        tests=_tests(first, second, names),
    )  # fmt: skip


def _mediator_options(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the options of the mediator's model; refuse what is no option of `fit`."""
    rules = {name: rule for name, rule in rules_of(fit).items() if name not in ("formula", "panel")}
    taken: dict[str, object] = {}
    for name, value in options.items():
        if name not in rules:
            hint = near(name, rules, ARGUMENTS)
            raise OptionError(
                f"mediator_options has {name!r}, which is no option of a model; "
                f"{hint + ' ' if hint else ''}known are {', '.join(rules)}"
            )
        taken[name] = rules[name].require(f"mediator_options[{name!r}]", value)
    return taken


def _shared_options(
    options: Mapping[str, Any], outcome: Mapping[str, Any], mediator: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the common options that each of two models has a use for.

    One that neither has a use for goes to both, so that `fit` refuses it.
    """
    of_outcome, of_mediator = (
        unused_options(each["model"], each["effects"], {**options, **each})
        for each in (outcome, mediator)
    )
    neither = set(of_outcome) & set(of_mediator)
    return (
        {k: v for k, v in options.items() if k in neither or k not in of_outcome},
        {k: v for k, v in options.items() if k in neither or k not in of_mediator},
    )


def _variables(
    outcome: RegressionResult,
    mediator: RegressionResult,
    variables: str | Iterable[str] | None,
) -> list[str]:
    """Return the variables whose paths are wanted; refuse a mediator that has no path."""
    name = mediator.spec.outcome
    known = [regressor for regressor in mediator.spec.regressors if regressor != INTERCEPT]
    if name not in outcome.spec.regressors:
        raise OptionError(
            f"the mediator {name!r} must be a regressor of the outcome, on the right side of "
            f"{outcome.spec.formula!r}; its regressors are {sample(outcome.spec.regressors, 20)}"
        )
    if outcome.spec.outcome in known:
        raise OptionError(
            f"the outcome {outcome.spec.outcome!r} is a regressor of the mediator: the models must "
            "be in one order, x before m before y"
        )
    terms = _terms_with(outcome, name)
    if len(terms) > 1:
        raise OptionError(
            f"the mediator enters the outcome's formula in several terms, {', '.join(terms)}: its "
            "effect is then not one number, and paths through it are not defined; use one term"
        )
    if not known:
        raise OptionError(
            f"the mediator's formula {mediator.spec.formula!r} has no regressors, so that there "
            "are no paths"
        )
    if variables is None:
        return known
    wanted = list(dict.fromkeys(names_in(variables, "variables")))
    unknown = [variable for variable in wanted if variable not in known]
    if unknown or not wanted:
        raise UnknownColumnError(
            f"variables must name regressors of the mediator, {sample(known, 20)}; got "
            f"{sample(unknown) if unknown else 'none'}"
        )
    return wanted


def _terms_with(model: RegressionResult, name: str) -> list[str]:
    """Return the terms of a model's right side that use a column of a term of this name."""
    if model.model_specs is None:
        return []
    side = model.model_specs[1]
    columns = {
        str(term): {column for factor in term.factors for column in side.read.columns_in(factor)}
        for term in side.spec.terms
    }
    return [term for term, used in columns.items() if used & columns.get(name, set())]


def _drawn(model: RegressionResult, draws: int, seed: np.random.SeedSequence) -> np.ndarray:
    """Draw a model's parameters from their asymptotic distribution."""
    cov = model.cov.to_numpy()
    # Scaled before the decomposition, so that it does not depend on the units of measurement.
    scale = np.sqrt(np.diag(cov))
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    normal = np.random.default_rng(seed).standard_normal((draws, len(scale)))
    return np.asarray(model.params.to_numpy() + (normal @ root.T) * scale)


def _table(paths: PathEffects, variable: str, level: float) -> pd.DataFrame:
    """Return the rows of a variable with inference from draws."""
    values = paths.values(variable)
    point, draws = values[0], values[1:]
    low, high = draw_intervals(draws, level)
    table = _rows(point, draws.std(axis=0, ddof=1), draw_p_values(draws), (low, high))
    totals = _positions_of_totals()
    ends = np.array(
        [share_intervals(draws[:, row], draws[:, totals[row]], level) for row in range(len(ROWS))]
    )
    return _with_shares(table, ends)


def _delta(paths: PathEffects, variable: str, level: float) -> pd.DataFrame:
    """Return the rows of a variable with inference by the delta method."""
    point, gradient = paths.values(variable)[0], paths.gradient(variable)
    outcome, mediator = (leg.model.cov.to_numpy() for leg in paths.legs)
    count = len(outcome)
    cov = (
        gradient[:, :count] @ outcome @ gradient[:, :count].T
        + gradient[:, count:] @ mediator @ gradient[:, count:].T
    )
    errors = np.sqrt(np.maximum(np.diag(cov), 0.0))
    reach = critical_value(level) * errors
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = two_sided_p(point / errors)
    table = _rows(point, errors, p_values, (point - reach, point + reach))
    ends = []
    for row, total in enumerate(_positions_of_totals()):
        pair = np.ix_([row, total], [row, total])
        low, high, kind = fieller(point[row], point[total], cov[pair], level)
        ends.append((low, high) if kind == "bounded" else (-np.inf, np.inf))
    return _with_shares(table, np.array(ends))


def _rows(
    point: np.ndarray,
    errors: np.ndarray,
    p_values: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
) -> pd.DataFrame:
    statistic = np.divide(point, errors, out=np.full_like(point, np.nan), where=errors > 0)
    return pd.DataFrame(
        {
            "path": np.array([path for path, _ in ROWS], dtype=object),
            "effect": np.array([effect for _, effect in ROWS], dtype=object),
            "estimate": point,
            "std_error": errors,
            "statistic": statistic,
            "p_value": np.where(errors > 0, p_values, np.nan),
            "conf_low": ends[0],
            "conf_high": ends[1],
        }
    )


def _positions_of_totals() -> list[int]:
    """Return, for each row, the row of the same effect along all paths."""
    return [ROWS.index(("all paths", effect)) for _, effect in ROWS]


def _with_shares(table: pd.DataFrame, ends: np.ndarray) -> pd.DataFrame:
    """Add the share of the effect along all paths and its interval."""
    totals = table["estimate"].to_numpy()[_positions_of_totals()]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = table["estimate"] / np.where(totals == 0, np.nan, totals)
    every = (table["path"] == "all paths").to_numpy()
    low, high = (np.where(every, 1.0, end) for end in ends.T)
    return table.assign(share=share, share_low=low, share_high=high)


def _notes_on(table: pd.DataFrame, variable: str, horizon: str, paths: PathEffects) -> list[str]:
    """Note paths of opposite sign, and the error caused by random probes."""
    notes: list[str] = []
    rows = table.set_index(["path", "effect"])
    part, rest = rows.loc[("mediated", "total")], rows.loc[("remainder", "total")]
    significant = max(part["p_value"], rest["p_value"]) <= 0.05
    if significant and part["estimate"] * rest["estimate"] < 0:
        notes.append(
            t(
                "{variable}: the mediated effect and the remainder have opposite signs, so that "
                "their shares of the total are not between 0 and 1",
                variable=variable,
            )
        )
    if not paths.is_exact:
        errors = paths.monte_carlo_errors(variable)
        known = table["std_error"].to_numpy() > 0
        largest = float((errors[known] / table["std_error"].to_numpy()[known]).max())
        notes.append(
            t(
                "{variable}, {horizon}: diagonals of the products come from random probes, which "
                "cause errors of at most {share:.1%} of a standard error",
                variable=variable, horizon=label("horizon", horizon), share=largest,
            )
        )  # fmt: skip
    return notes


def _notes_of_models(
    outcome: RegressionResult, mediator: RegressionResult, names: list[str]
) -> list[str]:
    """Note variables without a remainder or in several terms, and what the models note."""
    notes: list[str] = []
    absent = [name for name in names if name not in outcome.spec.regressors]
    if absent:
        notes.append(
            t(
                "not in the outcome's formula, so that the remainder is zero by assumption: "
                "{names}",
                names=", ".join(absent),
            )
        )
    for model in (outcome, mediator):
        if model.model_specs is not None:
            notes += model.model_specs[1].notes_on_terms()
        notes += model.notes
    return notes


def _tests(outcome: RegressionResult, mediator: RegressionResult, names: list[str]) -> TestSet:
    """Return Wald tests that x does not affect m, and m does not affect y."""
    name = mediator.spec.outcome
    legs = [(mediator, variable, name) for variable in names]
    legs.append((outcome, name, outcome.spec.outcome))
    return TestSet([_wald(model, source, target) for model, source, target in legs])


def _wald(model: RegressionResult, source: str, target: str) -> Any:
    keys = [(block, source) for block in ("x", "wx") if (block, source) in model.params.index]
    slopes = np.zeros((len(keys), len(model.params)))
    for row, key in enumerate(keys):
        slopes[row, model.params.index.get_loc(key)] = 1.0
    return wald_test(
        t("{source} -> {target}", source=source, target=target),
        t("no effect of {source} on {target}", source=source, target=target),
        model.params[keys].to_numpy(), slopes, model.cov.to_numpy(),
    )  # fmt: skip
