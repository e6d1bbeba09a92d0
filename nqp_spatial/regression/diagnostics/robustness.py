"""`robustness`: one model under named changes, in one table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Draws, Jobs, Level, PassedTo, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, join, label, t
from nqp_spatial.errors import NqpWarning, OptionError, UnknownColumnError, sample
from nqp_spatial.regression.diagnostics._robustness_rows import (
    BASELINE,
    Outcome,
    changes_table,
    estimates_of,
    fitted_row,
    main_term,
    prepared_row,
    shares_table,
)
from nqp_spatial.regression.diagnostics.changes import combinations, read_changes
from nqp_spatial.regression.diagnostics.specification import Specification, weights_words
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.fit import fit  # noqa: F401, whose options are passed on
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.weights.spatial_weights import WeightsLike

__all__ = ["RobustnessResult", "robustness"]

_MOST = 2000


@dataclass(frozen=True, repr=False, eq=False)
class RobustnessResult(Displayed):
    """One model under named changes.

    Attributes
    ----------
    frame : DataFrame
        One row per change and quantity: ``change`` ("baseline" first), ``quantity`` ("coefficient"
        or "effect"), ``variable``, ``term`` (block of a coefficient: "x", "wx", "spatial" ...;
        "direct", "indirect", "total"), ``horizon`` (of effects), ``estimate, std_error, statistic,
        p_value, conf_low, conf_high``. A change that could not be fitted has the rows of the
        baseline, without numbers.
    changes : DataFrame
        By change: ``kinds``; ``outcome, model, effects``; ``observations, units, periods``;
        ``fitted`` and ``reason``, why not.
    shares : DataFrame
        By (quantity, variable, term, horizon) of the baseline: its estimate; ``count`` of changes
        that have it; ``min, median, max`` over these; ``same_sign`` and ``significant``, the shares
        with the sign of the baseline, and with that sign and a p-value below 1 - level. They are
        descriptions: the estimates are not independent.
    models : dict of RegressionResult
        By change, where it could be fitted.
    effects : dict of EffectsResult
    specifications : dict of Specification
        What each was estimated from: ``specifications["winsorised"].fit()`` gives its model.
    labels : dict
        Display labels of variables.
    spec : Spec
        ``formula, weights, changes, combine, draws, level, seed`` and the options of `fit`.
    notes : tuple of str
        What each change does to the sample, and why changes could not be fitted.
    tests : TestSet
        Empty: a difference from the baseline is no test.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.robustness("lgsp ~ lpc", panel, w, changes=["winsorised"], model="sar")
    >>> result.frame["change"].unique().tolist()
    ['baseline', 'winsorised']
    """

    _figure = "specification_curve"

    frame: pd.DataFrame
    changes: pd.DataFrame
    shares: pd.DataFrame
    models: dict[str, RegressionResult]
    effects: dict[str, EffectsResult]
    specifications: dict[str, Specification]
    labels: dict[str, str]
    spec: Spec
    parts: dict[str, tuple[str, ...]]
    kinds: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    level: float = 0.95
    tests: TestSet = field(default_factory=TestSet)

    @checked
    def curve(self, variable: str | None = None, term: str | None = None) -> pd.DataFrame:
        """Return the specification curve of one quantity: its estimates, the smallest first.

        Parameters
        ----------
        variable : str, optional
            By default the first regressor.
        term : str, optional
            "direct", "indirect", "total", or the block of a coefficient; by default the total
            effect, and the coefficient of x where there are no effects. In a dynamic model effects
            are those of the short run.

        Returns
        -------
        DataFrame
            By change: ``estimate, std_error, p_value, conf_low, conf_high``, and one column of
            truth values per named change, its choices.

        Raises
        ------
        UnknownColumnError, OptionError
            If there is no such quantity.

        Notes
        -----
        Source: Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4, 1208-1214.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> w = nq.weights.contiguity(panel)
        >>> changes = {"winsorised": 0.01, "SAR": {"model": "sar"}}
        >>> nq.robustness("lgsp ~ lpc", panel, w, changes=changes).curve().index.tolist()
        ['winsorised', 'baseline', 'SAR']
        """
        rows = self.quantity(variable, term).dropna(subset="estimate")
        numbers = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]
        table = rows.set_index("change")[numbers].sort_values("estimate", kind="stable")
        names = [name for name, members in self.parts.items() if members == (name,)]
        choices = {
            name: [name in self.parts.get(change, ()) for change in table.index] for name in names
        }
        return table.assign(**choices)

    @checked
    def quantity(self, variable: str | None = None, term: str | None = None) -> pd.DataFrame:
        """Return the rows of `frame` of one quantity, one per change; arguments as in `curve`."""
        known = list(dict.fromkeys(self.frame["variable"]))
        name = known[0] if variable is None else variable
        if name not in known:
            raise UnknownColumnError(
                f"the models have no variable {name!r}; they have {sample(known, 20)}"
            )
        rows = self.frame[self.frame["variable"] == name]
        terms = list(dict.fromkeys(rows["term"]))
        chosen = main_term(terms) if term is None else term
        if chosen not in terms:
            raise OptionError(f"{name!r} has no term {chosen!r}; it has {', '.join(terms)}")
        rows = rows[rows["term"] == chosen]
        # The short run of a dynamic model comes before its long run.
        return rows.drop_duplicates("change").reset_index(drop=True)

    def _blocks(self) -> list[Block]:
        count = len(self.changes) - 1
        lead = self.quantity()
        name = str(lead["variable"].iloc[0])
        title = t("Robustness: {count} changes of the baseline", count=count)
        about = t(
            "{variable}, {term}; the other quantities are in the frame",
            variable=self.labels.get(name, name),
            term=term_words(str(lead["quantity"].iloc[0]), str(lead["term"].iloc[0])),
        )
        single = [name for name in lead["change"] if len(self.parts[name]) < 2]
        table = lead.set_index("change").loc[single, ["estimate", "std_error", "p_value"]]
        combined = len(lead) - len(single)
        more = [t("and {count} combinations of these", count=combined)] if combined else []
        shares = self.shares.reset_index()
        columns = ["variable", "term", "baseline", "min", "max", "same_sign", "significant"]
        return [
            title, about, table.assign(observations=self.changes["observations"]), *more,
            t("All changes together"), shares[columns], *notes_of(self.notes),
        ]  # fmt: skip


def term_words(quantity: str, term: str) -> Message:
    """Return a term in words: an effect, or the block of a coefficient."""
    return label("effect" if quantity == "effect" else "block", term)


@checked
def robustness(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike | Mapping[str, WeightsLike] | None = None,
    *,
    changes: Mapping[str, Any] | Sequence[str],
    quantity: Literal["both", "coefficients", "effects"] = "both",
    combine: bool = False,
    errors: Literal["note", "raise"] = "note",
    draws: Draws = 1000,
    level: Level = 0.95,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
    **options: Annotated[object, PassedTo("fit", without=("seed",))],
) -> RobustnessResult:
    """Estimate a model and named changes of it, one table for all of them.

    Each row is a fit of its own, the same as `fit` with the arguments in
    `RobustnessResult.specifications`.

    Parameters
    ----------
    formula, panel, weights
        The baseline, as in `fit`.
    changes : mapping, or sequence of names
        By the name of the row, one of

        - the value of a change, where the row has the name of one: ``{"winsorised": 0.01}``;
        - a mapping from changes to values, made in this order:
          ``{"GS2SLS": {"estimator": "gs2sls", "endogenous": "x1", "instruments": "z"}}``;
        - a function of a `regression.Specification` that returns a new one.

        The changes are

        ====================  ===================================================================
        weights               spatial weights, or a mapping by term as in `fit`
        winsorised            share at each end (0.01), two quantiles, or ``{"share": ...,
                              "columns": [...]}``; all numbers of the formula by default
        without, only         units: a list of ids, a column of truth values, ``{column: groups}``
        periods,              a list, or ``{"from": first, "to": last}``
        without periods
        lagged regressors     periods (1), or ``{"periods": 1, "columns": [...]}``
        outcome               column or expression on the left of the formula
        added controls,       columns
        dropped controls
        formula               another formula
        model, effects,       any option of `fit`, by its name
        covariance, ...
        ====================  ===================================================================

        and those of `regression.register_change`. Weights among fewer units are standardised again.
    quantity : {"both", "coefficients", "effects"}
        What the table has.
    combine : bool
        Whether all combinations of changes of different kinds are fitted too.
    errors : {"note", "raise"}
        A change that cannot be fitted keeps its row, with the reason in `changes` and in a note; or
        its error is raised.
    draws, level
        Draws of the effects (as in `RegressionResult.effects`), and level of all intervals.
    seed : int, optional
    n_jobs : int
        Parallel workers, through joblib; the numbers are the same for any of them.
    progress : bool
        Whether to show a progress bar.
    **options
        Options of `fit` for the baseline. An option that a row has no use for, such as ``durbin``
        with model "sar", is left out there, as a note says.

    Returns
    -------
    RobustnessResult

    Raises
    ------
    OptionError
        If a change is unknown, or there are more than 2 000 combinations. Errors of the baseline
        are those of `fit`.

    See Also
    --------
    compare : Models side by side.
    regression.model_grid : All combinations of formulas, weights, models and effects.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> result = nq.robustness(
    ...     "lgsp ~ lpc + unemp", panel, w,
    ...     changes={
    ...         "5 neighbours": {"weights": nq.weights.knn(panel, k=5)},
    ...         "winsorised": 0.01,
    ...         "without Texas": {"without": ["TX"]},
    ...         "SAR": {"model": "sar"},
    ...     },
    ... )
    >>> result.changes["observations"].tolist()
    [816, 816, 816, 799, 816]
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    rows = read_changes(changes if isinstance(changes, Mapping) else list(changes))
    names = [row.name for row in rows]
    if combine:
        rows = list(_bounded(combinations(rows)))
    baseline = Specification.of(formula, panel, weights, {**options, "seed": seed})
    prepared = {BASELINE: Outcome(baseline)}
    prepared |= {row.name: prepared_row(row, baseline) for row in rows}
    tasks = (delayed(fitted_row)(each, quantity, draws, level, seed) for each in prepared.values())
    running = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    running = tqdm(running, total=len(prepared), desc="changes", disable=not progress)
    outcomes = dict(zip(prepared, running, strict=True))
    base = outcomes[BASELINE]
    if base.error is not None:
        raise base.error
    _report_failures(outcomes, errors)
    models = {name: each.model for name, each in outcomes.items() if each.model is not None}
    frame = estimates_of(outcomes, quantity, level)
    return RobustnessResult(
        frame=frame,
        changes=changes_table(outcomes),
        shares=shares_table(frame, 1 - level),
        models=models,
        effects={name: each.effects for name, each in outcomes.items() if each.effects is not None},
        specifications={name: each.specification for name, each in outcomes.items()},
        labels={name: words for model in models.values() for name, words in model.labels.items()},
        spec=Spec(
            formula=formula, weights=weights_words(baseline.weights), changes=tuple(names),
            combine=combine, draws=draws, level=level, seed=seed, **options,
        ),
        parts={BASELINE: (), **{row.name: row.members for row in rows}},
        kinds={row.name: row.kinds for row in rows},
        notes=_notes(outcomes, combine=combine),
        level=level,
    )  # fmt: skip


def _bounded(rows: Any) -> Any:
    for place, row in enumerate(rows):
        if place >= _MOST:
            raise OptionError(
                f"there are more than {_MOST:,} combinations of these changes; name fewer, or give "
                "those of one kind the same named change"
            )
        yield row


def _report_failures(outcomes: Mapping[str, Outcome], errors: str) -> None:
    failed = {name: each.error for name, each in outcomes.items() if each.error is not None}
    if not failed:
        return
    if errors == "raise":
        raise next(iter(failed.values()))
    warnings.warn(
        f"{len(failed)} changes could not be fitted: {sample(failed)}; the column 'reason' of "
        "changes says why",
        NqpWarning,
        4,
    )


def _notes(outcomes: Mapping[str, Outcome], *, combine: bool) -> tuple[Message, ...]:
    """Return what each change does; of combinations only the failures, the others repeat."""
    notes: list[Message] = []
    for name, each in outcomes.items():
        words = label("change", name)
        if each.error is not None:
            notes.append(
                t("{model} could not be fitted: {reason}", model=words, reason=str(each.error))
            )
        elif each.notes and not (combine and " + " in name):
            notes.append(t("{change}: {notes}", change=words, notes=join("; ", each.notes)))
    return tuple(notes)
