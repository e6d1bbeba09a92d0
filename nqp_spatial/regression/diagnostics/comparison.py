"""Models side by side, and one model under many weights and specifications."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Annotated, Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, Spec, notes_of
from nqp_spatial.core.inference import TestSet
from nqp_spatial.core.options import Draws, Jobs, PassedTo, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import join, t
from nqp_spatial.errors import NqpError, NqpWarning, OptionError
from nqp_spatial.regression._unused_options import divided_options
from nqp_spatial.regression.diagnostics._criteria import criteria_of, notes_on_criteria
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

__all__ = ["Comparison", "ModelGrid", "compare", "model_grid"]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Displayed):
    """Fitted models side by side.

    Attributes
    ----------
    frame : DataFrame
        One row per model and parameter: ``model, block, variable, estimate, std_error, statistic,
        p_value, conf_low, conf_high``.
    models : dict of RegressionResult
    effects : dict of EffectsResult
        Without models that have none, as a note says.
    params, std_errors : DataFrame
        One row per parameter, one column per model; missing if the model does not have the
        parameter.
    effect_estimates : DataFrame
        Estimates by variable, horizon and effect, one column per model.
    criteria : DataFrame
        One row per model: observations, log-likelihood, parameters, AIC, BIC.
    spec : Spec
        ``draws`` and ``seed`` of the effects.
    notes : tuple of str
        Reasons why columns are hard to compare.
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> models = {k: nq.fit("lgsp ~ lpc", panel, nq.weights.knn(panel, k=k)) for k in (4, 6)}
    >>> nq.compare(models).params.shape
    (3, 2)
    """

    _figure = "estimates"

    frame: pd.DataFrame
    models: dict[str, RegressionResult]
    effects: dict[str, EffectsResult]
    params: pd.DataFrame
    std_errors: pd.DataFrame
    effect_estimates: pd.DataFrame
    criteria: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...]
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        effects: list[Block] = ["Effects", self.effect_estimates]
        return [
            "Coefficients", self.params, *([] if self.effect_estimates.empty else effects),
            "Criteria", self.criteria, *notes_of(self.notes),
        ]  # fmt: skip


@dataclass(frozen=True, repr=False, eq=False)
class ModelGrid(Displayed):
    """One model under many formulas, weights, models and effects.

    Attributes
    ----------
    models : dict of RegressionResult
        By the settings that vary, in words, such as "queen, sdm".
    frame : DataFrame
        One row per model and parameter: ``model`` (its name in `models`), ``block, variable,
        estimate, std_error, statistic, p_value, conf_low, conf_high``.
    spec : Spec
        ``formulas``, ``weights``, ``models``, ``effects`` and the options passed on to `fit`.
    notes : tuple of str
        Combinations that could not be fitted, and why.
    tests : TestSet
        Empty.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> candidates = {f"{k} nearest": nq.weights.knn(panel, k=k) for k in (4, 6)}
    >>> grid = nq.regression.model_grid("lgsp ~ lpc", panel, candidates)
    >>> grid.frame.loc[grid.frame["variable"] == "rho", "model"].tolist()
    ['4 nearest', '6 nearest']
    """

    _figure = "estimates"

    models: dict[str, RegressionResult]
    frame: pd.DataFrame
    spec: Spec
    notes: tuple[str, ...] = ()
    tests: TestSet = field(default_factory=TestSet)

    def _blocks(self) -> list[Block]:
        table = pd.concat({name: model.params for name, model in self.models.items()}, axis=1)
        return [f"Grid of {len(self.models)} models", table.T, *notes_of(self.notes)]


def _coefficients_of(models: Mapping[str, RegressionResult]) -> pd.DataFrame:
    """Return the coefficients of all models, one row per model and parameter."""
    frames = {name: model.frame for name, model in models.items()}
    return pd.concat(frames, names=["model"]).reset_index()


@checked
def compare(
    results: Mapping[Any, RegressionResult] | ModelGrid,
    *,
    draws: Draws = 1000,
    seed: Seed = 0,
) -> Comparison:
    """Put fitted models side by side: parameters, effects, criteria.

    Parameters
    ----------
    results : mapping or ModelGrid
        Models by heading, or the result of `model_grid`.
    draws, seed
        Draws and seed of the effects.

    Returns
    -------
    Comparison

    Raises
    ------
    OptionError
        If there are no results, or any is not a fitted model.

    See Also
    --------
    model_grid : Fits the grid to compare.

    Notes
    -----
    Log-likelihoods, AIC and BIC are those of `RegressionResult`, which states what they count. They
    compare between models of the same outcome and observations that are estimated by maximum
    likelihood with the same transformation of the data. A note says where they do not: other
    observations or outcomes; likelihoods of transformed data beside likelihoods with dummy
    variables; two-stage least squares and adjusted scores, which have no likelihood; AIC and BIC of
    models with different fixed effects, which are not counted as parameters.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> models = {m: nq.fit("lgsp ~ lpc", panel, w, model=m) for m in ("sar", "sdm")}
    >>> nq.compare(models).effect_estimates.index[0]
    ('lpc', 'static', 'direct')
    """
    fitted = results.models if isinstance(results, ModelGrid) else results
    if not fitted:
        raise OptionError("compare takes a mapping from headings to results of fit; got nothing")
    models = {str(name): model for name, model in fitted.items()}
    effects, reasons = _effects_of(models, draws, seed)
    keys = ["variable", "horizon", "effect"]
    estimates = {name: result.frame.set_index(keys)["estimate"] for name, result in effects.items()}
    criteria = criteria_of(models)
    criteria.insert(0, "observations", {name: model.nobs for name, model in models.items()})
    return Comparison(
        frame=_coefficients_of(models),
        models=models,
        effects=effects,
        params=pd.concat({name: model.params for name, model in models.items()}, axis=1),
        std_errors=pd.concat({name: model.std_errors for name, model in models.items()}, axis=1),
        effect_estimates=pd.concat(estimates, axis=1) if estimates else pd.DataFrame(),
        criteria=criteria,
        spec=Spec(draws=draws, seed=seed),
        notes=(*notes_on_criteria(models), *reasons),
    )


def _effects_of(
    models: Mapping[str, RegressionResult], draws: int, seed: int | None
) -> tuple[dict[str, EffectsResult], tuple[str, ...]]:
    """Return effects by model, and the reasons why some have none."""
    effects, reasons = {}, []
    for name, model in models.items():
        try:
            effects[name] = model.effects(draws, seed=seed)
        except NqpError as error:
            reasons.append(t("{model} has no effects: {reason}", model=name, reason=str(error)))
    return effects, tuple(reasons)


@checked
def model_grid(
    formulas: str | Iterable[str],
    panel: SpatialPanel,
    weights: Mapping[str, WeightsLike],
    *,
    models: Iterable[Model] = ("sdm",),
    effects: Iterable[Effects] = ("two-way",),
    n_jobs: Jobs = 1,
    progress: bool = False,
    **options: Annotated[object, PassedTo("fit", without=("model", "effects"))],
) -> ModelGrid:
    """Fit every combination of formula, weights, model and effects.

    Parameters
    ----------
    formulas : str or iterable of str
    panel : SpatialPanel
    weights : mapping
        Matrices by name.
    models, effects : iterable of str
        As in `fit`.
    n_jobs : int
        Parallel workers, through joblib: with ``joblib.parallel_config(backend="dask")`` they are
        those of a Dask cluster. Results are the same to the last bit for any number.
    progress : bool
        Whether to show a progress bar.
    **options
        Passed on to `fit`. An option that only some models have a use for, such as ``durbin``, is
        passed on to these, and a note names the others.

    Returns
    -------
    ModelGrid
        For `compare`. A combination that cannot be fitted is omitted, with a `NqpWarning` and a
        note that name it and give the reason.

    Raises
    ------
    OptionError
        If a list is empty, or no model has a use for an option. If no model can be fitted, the
        error of `fit` is passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> candidates = {f"{k} nearest": nq.weights.knn(panel, k=k) for k in (4, 6)}
    >>> grid = nq.regression.model_grid("lgsp ~ lpc", panel, candidates, models=("sar", "sdm"))
    >>> list(grid.models)
    ['4 nearest, sar', '4 nearest, sdm', '6 nearest, sar', '6 nearest, sdm']
    """
    from joblib import Parallel, delayed
    from tqdm import tqdm

    lists: dict[str, list[str]] = {
        "formulas": [formulas] if isinstance(formulas, str) else list(formulas),
        "weights": list(weights),
        "models": list(models),
        "effects": list(effects),
    }
    empty = [name for name, values in lists.items() if not values]
    if empty:
        raise OptionError(f"nothing to fit: {', '.join(empty)} must not be empty")
    grid = list(product(*lists.values()))
    varying = [axis for axis, values in enumerate(lists.values()) if len(values) > 1] or [2]
    # One task per matrix and formula. A worker receives the panel and its matrix once, and results
    # derived from the matrix are shared by all models of the task; it starts with an empty cache,
    # so that results do not depend on earlier fits.
    matched = {name: as_weights(candidate) for name, candidate in weights.items()}
    divided, unused = divided_options(lists["models"], lists["effects"], options)
    pairs = list(product(lists["formulas"], lists["weights"]))
    tasks = (delayed(_fit_all)(formula, panel, matched[name], divided) for formula, name in pairs)
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    fitted = tqdm(results, total=len(pairs), desc="weights x formulas", disable=not progress)
    by_pair = dict(zip(pairs, fitted, strict=True))
    outcomes = {
        ", ".join(point[axis] for axis in varying): by_pair[point[0], point[1]][point[2], point[3]]
        for point in grid
    }
    errors = {name: error for name, error in outcomes.items() if isinstance(error, NqpError)}
    if len(errors) == len(outcomes):
        raise next(iter(errors.values()))
    for name, error in errors.items():
        warnings.warn(f"{name!r} could not be fitted and is left out: {error}", NqpWarning, 2)
    fits = {name: fit for name, fit in outcomes.items() if isinstance(fit, RegressionResult)}
    return ModelGrid(
        models=fits,
        frame=_coefficients_of(fits),
        spec=Spec(
            formulas=tuple(lists["formulas"]),
            weights=join("; ", [_named(name, w.spec.words) for name, w in matched.items()]),
            models=tuple(lists["models"]),
            effects=tuple(lists["effects"]),
            **options,
        ),
        notes=(
            *unused,
            *(
                t("{model} could not be fitted: {reason}", model=name, reason=str(error))
                for name, error in errors.items()
            ),
        ),
    )


def _named(name: str, words: str) -> str:
    return t("{term}: {weights}", term=name, weights=words)


def _fit_all(
    formula: str,
    panel: SpatialPanel,
    weights: SpatialWeights,
    divided: dict[tuple[str, str], dict[str, Any]],
) -> dict[tuple[str, str], RegressionResult | NqpError]:
    fresh = replace(weights, cache={})
    outcomes: dict[tuple[str, str], RegressionResult | NqpError] = {}
    for (model, kind), options in divided.items():
        try:
            outcomes[model, kind] = fit(formula, panel, fresh, model=model, effects=kind, **options)  # type: ignore[arg-type]
        except NqpError as error:
            outcomes[model, kind] = error
    return outcomes
