"""`compare_groups`: a model by group of units, with tests that its slopes are equal."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.groups import Groups
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import (
    Draws,
    Jobs,
    Level,
    PassedTo,
    Permutations,
    Seed,
    checked,
)
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Message, t
from nqp_spatial.errors import NqpWarning, OptionError, sample
from nqp_spatial.regression.diagnostics._group_permutation import permuted_tests
from nqp_spatial.regression.diagnostics._group_slopes import (
    ALL,
    SlopeColumns,
    differences_frame,
    fit_slopes,
    group_sizes,
    lr_test,
    pooled_frame,
    slope_columns,
    wald_tests,
)
from nqp_spatial.regression.diagnostics._robustness_rows import effects_with_note
from nqp_spatial.regression.diagnostics._separate_groups import separate_models, separate_test
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.fit import fit  # noqa: F401, whose options are passed on
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model, RegressionSpec
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["GroupComparison", "compare_groups"]

_NUMBERS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@dataclass(frozen=True, repr=False, eq=False)
class GroupComparison(Displayed):
    """A model by group.

    Attributes
    ----------
    frame : DataFrame
        One row per form, group and quantity: ``form`` ("separate", each group on its own;
        "pooled", slopes by group in one model), ``group`` ("all" for parameters that groups
        share), ``quantity`` ("coefficient" or, of separate models, "effect"), ``variable``,
        ``term`` (block of a coefficient, or effect), ``horizon``, ``estimate, std_error,
        statistic, p_value, conf_low, conf_high``.
    differences : DataFrame
        By (block, variable, first, second): ``difference`` of the slopes of two groups in the
        pooled model, second less first, ``std_error, statistic, p_value`` and, with permutations,
        ``p_permutation``.
    groups : DataFrame
        By group: ``units, observations``; ``within``, the share of the weights of its units that
        is of units of the same group; ``islands``, units without a neighbour in it.
    models : dict of RegressionResult
        By group, each on its own.
    effects : dict of EffectsResult
        Of these.
    pooled, common : RegressionResult
        Slopes by group, and the same slopes in all groups; W X are columns ``W x``.
    labels : dict
        Display labels of variables.
    spec : Spec
    notes : tuple of str
    tests : TestSet
        Equality of slopes: ``"Wald"`` and ``"LR"`` of all of them, ``"Wald, x"`` of one regressor;
        ``"separate"``, equality of all parameters of separate models; ``"permutation"`` and
        ``"permutation, x"``.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.compare_groups("nqp ~ relations", cities, w, group="core", model="sar")
    >>> list(result.models)
    ['centre', 'periphery']
    """

    _figure = "group_estimates"

    frame: pd.DataFrame
    differences: pd.DataFrame
    groups: pd.DataFrame
    models: dict[str, RegressionResult]
    effects: dict[str, EffectsResult]
    pooled: RegressionResult
    common: RegressionResult
    labels: dict[str, str]
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)
    level: float = 0.95

    def _blocks(self) -> list[Block]:
        spec = RegressionSpec("", "", (), (), self.spec["model"], self.spec["effects"])
        title = t("{model}, by {group}", model=spec.describe(), group=self.spec["group"])
        rows = self.frame[self.frame["quantity"] == "coefficient"]
        wide: dict[tuple[str, str, str], dict[str, float]] = {}
        for (variable, term), part in rows.groupby(["variable", "term"], sort=False):
            for form, group, estimate in zip(
                part["form"], part["group"], part["estimate"], strict=True
            ):
                wide.setdefault((variable, term, form), {})[group] = estimate
        table = pd.DataFrame.from_dict(wide, orient="index")
        table.index = pd.MultiIndex.from_tuples(wide, names=["variable", "term", "form"])
        return [
            title, self.groups, t("Coefficients by group"), table, t("Tests of equality"),
            *[repr(test) for test in self.tests.values()], *notes_of(self.notes),
        ]  # fmt: skip


@checked
def compare_groups(
    formula: str,
    panel: SpatialPanel,
    weights: WeightsLike | None = None,
    *,
    group: str | pd.Series | Mapping[Hashable, Hashable],
    model: Model = "sdm",
    effects: Effects = "two-way",
    restandardize: bool = True,
    permutations: Permutations = 0,
    draws: Draws = 1000,
    level: Level = 0.95,
    seed: Seed = 0,
    n_jobs: Jobs = 1,
    progress: bool = False,
    **options: Annotated[object, PassedTo("fit", without=("model", "effects", "seed"))],
) -> GroupComparison:
    """Estimate a model by group, and test whether the slopes of the groups are equal.

    Two forms. Separate: each group on its own, with the weights among its units and its own
    period effects, variance and spatial parameters; spillovers across groups are left out. Pooled,
    on the whole W:

    ``y = rho W y + sum_g D_g (X beta_g + W X theta_g) + effects + u``, ``u = lam W u + e``,

    D_g selects the units of group g: slopes are those of the receiving unit, and rho, lam and the
    effects are common. Where unit effects are not fixed groups have intercepts of their own.

    Parameters
    ----------
    formula, panel, weights, model, effects
        As in `fit`.
    group : str, Series or mapping
        A column that does not change over periods, or groups by unit.
    restandardize : bool
        Whether weights among the units of a group are standardised again, as they were, in
        separate models; otherwise they keep their values, so that rows add to less. A note says
        which.
    permutations : int
        Random reassignments of units to groups (of the same sizes) for Fisher's permutation test;
        0 for none. The pooled model is estimated each time.
    draws : int
        Of the effects of separate models.
    level : float
        Of the intervals.
    seed : int, optional
    n_jobs : int
        Parallel workers of the permutations, through joblib; p-values do not depend on it.
    progress : bool
    **options
        Options of `fit`. Not endogenous= and instruments=.

    Returns
    -------
    GroupComparison

    Raises
    ------
    OptionError, PanelError, UnmatchedIdsError, CollinearityError
        As in `fit`, if the pooled model cannot be estimated, or groups are fewer than two. A group
        whose separate model cannot be estimated is named by a warning and a note.

    See Also
    --------
    spillovers.partitioned : Spatial parameters by sending and receiving group, and effects between
        groups.

    Notes
    -----
    The Wald and the likelihood ratio test (the spatial form of Chow 1960) are of the pooled model.
    The permutation test keeps all periods of a unit together, so that errors may be correlated
    over time. It compares Wald statistics and t ratios rather than raw differences, whose test has
    the wrong size where groups differ in the variance of regressors (Chung and Romano 2013, Annals
    of Statistics 41, 484-507); where they differ in the variance of errors, use
    ``covariance="cluster"``, so that the statistics allow for it. It takes units as exchangeable:
    groups of neighbours are not, if the errors are still spatially correlated.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.compare_groups("nqp ~ relations", cities, w, group="core", model="sar")
    >>> list(result.tests)
    ['Wald', 'Wald, relations', 'LR', 'separate']
    """
    groups = _checked_groups(panel, group, options)
    w = None if weights is None else as_weights(weights)
    aligned = None if w is None else w.reordered(panel.units)
    basis = {"effects": effects, "seed": seed, **options}
    of_slopes = {name: value for name, value in basis.items() if name != "durbin"}
    columns = slope_columns(formula, panel, aligned, model, effects, options)
    pooled, common = (
        fit_slopes(columns, panel, aligned, groups.codes, groups.names, of_slopes, common=same)
        for same in (False, True)
    )
    models, failures = separate_models(
        formula, panel, w, groups, restandardize, {**basis, "model": model}
    )
    _warn_of_absent(groups.names, models)
    parts, reasons = _effects(models, draws, level, seed)
    tests = {
        **wald_tests(pooled, columns, groups.names),
        "LR": lr_test(pooled, common, columns, groups.names),
        "separate": separate_test(models, groups.names),
    }
    differences, lost = differences_frame(pooled, columns, groups.names), 0
    if permutations:
        permuted, p_values, lost = permuted_tests(
            pooled, columns, panel, aligned, groups, of_slopes,
            permutations=permutations, seed=seed, n_jobs=n_jobs, progress=progress,
        )  # fmt: skip
        tests |= permuted
        differences["p_permutation"] = p_values
    sizes = group_sizes(groups, aligned, panel.n_periods)
    notes = [*_notes(w, sizes, columns, restandardize=restandardize), *failures, *reasons]
    return GroupComparison(
        frame=_frame(models, parts, pooled, columns, groups.names, level),
        differences=differences,
        groups=sizes,
        models=models,
        effects=parts,
        pooled=pooled,
        common=common,
        labels=dict(panel.labels),
        spec=Spec(
            formula=formula, weights=w, group=groups.title, model=model, effects=effects,
            restandardize=restandardize, permutations=permutations, draws=draws, level=level,
            seed=seed, **options,
        ),
        notes=(*notes, *_notes_on_permutations(permutations, lost)),
        tests=TestSet(tests),
        level=level,
    )  # fmt: skip


def _checked_groups(
    panel: SpatialPanel,
    group: str | pd.Series | Mapping[Hashable, Hashable],
    options: Mapping[str, object],
) -> Groups:
    """Return the groups, after a look at options that the pooled model cannot have."""
    if options.get("endogenous") or options.get("instruments") is not None:
        raise OptionError(
            "compare_groups does not take endogenous= and instruments=; fit groups by hand with "
            "panel.select(units=...)"
        )
    groups = Groups.by_unit(panel, group)
    if ALL in groups.names:
        raise OptionError(f"a group cannot be called {ALL!r}, which stands for all of them")
    return groups


def _warn_of_absent(names: list[str], models: Mapping[str, RegressionResult]) -> None:
    if absent := [name for name in names if name not in models]:
        warnings.warn(
            f"groups without a model of their own: {sample(absent)}; the notes say why",
            NqpWarning,
            4,
        )


# -- effects, tables and notes --------------------------------------------------------------------


def _effects(
    models: Mapping[str, RegressionResult], draws: int, level: float, seed: int | None
) -> tuple[dict[str, EffectsResult], list[Message]]:
    parts: dict[str, EffectsResult] = {}
    reasons: list[Message] = []
    for name, model in models.items():
        effects, words = effects_with_note(model, draws, level, seed)
        reasons += [t("{model}: {reason}", model=name, reason=note) for note in words]
        if effects is not None:
            parts[name] = effects
    return parts, reasons


def _frame(
    models: Mapping[str, RegressionResult],
    parts: Mapping[str, EffectsResult],
    pooled: RegressionResult,
    columns: SlopeColumns,
    names: list[str],
    level: float,
) -> pd.DataFrame:
    tables = []
    for name, model in models.items():
        table = model.frame.assign(**model.conf_int(level)).reset_index()
        table = table.rename(columns={"block": "term"})
        tables.append(table.assign(form="separate", group=name, quantity="coefficient", horizon=""))
        if name in parts:
            table = parts[name].frame.rename(columns={"effect": "term"})
            words = table["horizon"].astype(str)
            tables.append(
                table.assign(form="separate", group=name, quantity="effect", horizon=words)
            )
    table = pooled_frame(pooled, columns, names).rename(columns={"block": "term"})
    bounds = pooled.conf_int(level).reset_index(drop=True)
    table = table.assign(**bounds)
    tables.append(table.assign(form="pooled", quantity="coefficient", horizon=""))
    keys = ["form", "group", "quantity", "variable", "term", "horizon"]
    return pd.concat([table[[*keys, *_NUMBERS]] for table in tables], ignore_index=True)


def _notes(
    w: SpatialWeights | None, sizes: pd.DataFrame, columns: SlopeColumns, *, restandardize: bool
) -> list[str]:
    notes: list[str] = list(columns.notes)
    if columns.has_intercepts:
        notes.append(t("groups have intercepts of their own in the pooled models"))
    if w is None or "within" not in sizes:
        return notes
    if alone := int(sizes["islands"].sum()):
        notes.append(
            t("{count} units have no neighbour in their group: their lags are zero", count=alone)
        )
    shares = [100 * share for share in (sizes["within"].min(), sizes["within"].max())]
    values = {"low": shares[0], "high": shares[1]}
    if restandardize:
        notes.append(
            t(
                "separate models leave out links between groups and standardise the others again; "
                "within groups are {low:.0f} to {high:.0f} % of the weights of their units",
                **values,
            )
        )
    else:
        notes.append(
            t(
                "separate models leave out links between groups and leave the others as they are; "
                "within groups are {low:.0f} to {high:.0f} % of the weights of their units",
                **values,
            )
        )
    return notes


def _notes_on_permutations(permutations: int, lost: int) -> list[Message]:
    if not lost:
        return []
    return [
        t(
            "{count} of {total} permutations could not be estimated and are not counted",
            count=lost, total=permutations,
        )
    ]  # fmt: skip
