"""Models side by side, and the same model over many weights and specifications."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd

from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.options import Draws, Jobs, PassedTo, Seed, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import NqpError, NqpWarning, OptionError
from nqp_spatial.regression.effects import EffectsResult
from nqp_spatial.regression.fit import fit
from nqp_spatial.regression.results import RegressionResult
from nqp_spatial.regression.spec import Effects, Model
from nqp_spatial.weights.spatial_weights import SpatialWeights, WeightsLike, as_weights

if TYPE_CHECKING:
    pass

__all__ = ["Comparison", "compare", "robustness"]


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Displayed):
    """Fitted models side by side.

    Attributes
    ----------
    models : dict of RegressionResult
    effects : dict of EffectsResult
    params, std_errors : DataFrame
        One row a parameter, one column a model; missing where a model has it not.
    effects_table : DataFrame
        Estimates by variable, horizon and effect, one column a model.
    criteria : DataFrame
        One row a model: observations, log-likelihood, parameters, AIC, BIC.
    notes : tuple of str
        What makes columns hard to compare.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> models = {k: nq.fit("lgsp ~ lpc", panel, nq.weights.knn(panel, k=k)) for k in (4, 6)}
    >>> nq.compare(models).params.shape
    (3, 2)
    """

    models: dict[str, RegressionResult]
    effects: dict[str, EffectsResult]
    params: pd.DataFrame
    std_errors: pd.DataFrame
    effects_table: pd.DataFrame
    criteria: pd.DataFrame
    notes: tuple[str, ...]

    def _blocks(self) -> list[Block]:
        return [
            "Coefficients", self.params, "Effects", self.effects_table, "Criteria", self.criteria,
            *notes_of(self.notes),
        ]  # fmt: skip


@checked
def compare(
    results: Mapping[Any, RegressionResult],
    *,
    draws: Draws = 1000,
    seed: Seed = 0,
) -> Comparison:
    """Put fitted models side by side: parameters, effects, criteria.

    Parameters
    ----------
    results : mapping
        Models by heading.
    draws, seed
        Of the effects.

    Returns
    -------
    Comparison

    Raises
    ------
    OptionError
        If there are no results, or something else is among them.

    See Also
    --------
    robustness : Fits the grid to compare.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> found = nq.compare({m: nq.fit("lgsp ~ lpc", panel, w, model=m) for m in ("sar", "sdm")})
    >>> found.effects_table.index[0]
    ('lpc', 'static', 'direct')
    """
    wrong = [name for name, one in results.items() if not isinstance(one, RegressionResult)]
    if not results or wrong:
        raise OptionError(
            "compare takes a mapping from headings to results of fit; got "
            f"{'nothing' if not results else 'something else at ' + ', '.join(map(str, wrong))}"
        )
    models = {str(name): one for name, one in results.items()}
    effects = {name: one.effects(draws, seed=seed) for name, one in models.items()}
    keys = ["variable", "horizon", "effect"]
    table = pd.concat(
        {name: one.frame.set_index(keys)["estimate"] for name, one in effects.items()}, axis=1
    )
    notes = []
    if len({one.nobs for one in models.values()}) > 1:
        notes.append("models have different observations: likelihoods and criteria do not compare")
    elif len({(one.spec.correction, one.spec.effects) for one in models.values()}) > 1:
        notes.append(
            "models differ in effects or in their correction, so that their likelihoods are of "
            "differently transformed data: criteria do not compare"
        )
    return Comparison(
        models=models,
        effects=effects,
        params=pd.concat({name: one.params for name, one in models.items()}, axis=1),
        std_errors=pd.concat({name: one.std_errors for name, one in models.items()}, axis=1),
        effects_table=table,
        criteria=pd.DataFrame(
            {
                name: {
                    "observations": one.nobs,
                    "log-likelihood": one.loglik,
                    "parameters": one.n_params,
                    "AIC": one.aic,
                    "BIC": one.bic,
                }
                for name, one in models.items()
            }
        ).T,
        notes=tuple(notes),
    )


@checked
def robustness(
    formulas: str | Iterable[str],
    panel: SpatialPanel,
    weights: Mapping[str, WeightsLike],
    *,
    models: Iterable[Model] = ("sdm",),
    effects: Iterable[Effects] = ("two-way",),
    n_jobs: Jobs = 1,
    progress: bool = False,
    **options: Annotated[object, PassedTo("fit", without=("model", "effects"))],
) -> dict[str, RegressionResult]:
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
        Passed on to `fit`.

    Returns
    -------
    dict of RegressionResult
        By what varies, in words, such as "queen, sdm"; for `compare`. A combination that cannot be
        fitted is left out, with a `NqpWarning` that names it and says why.

    Raises
    ------
    OptionError
        If a list is empty. If nothing can be fitted, what `fit` raises is passed on.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> candidates = {f"{k} nearest": nq.weights.knn(panel, k=k) for k in (4, 6)}
    >>> list(nq.regression.robustness("lgsp ~ lpc", panel, candidates, models=("sar", "sdm")))
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
    varying = [at for at, values in enumerate(lists.values()) if len(values) > 1] or [2]
    # One task for each matrix and formula. A worker gets the panel and its matrix once, and what is
    # derived from the matrix serves all models of the task; it starts without any, so that results
    # do not depend on what was fitted elsewhere before.
    matched = {name: as_weights(given) for name, given in weights.items()}
    pairs = list(product(lists["formulas"], lists["weights"]))
    tasks = (
        delayed(_fit_all)(formula, panel, matched[name], lists["models"], lists["effects"], options)
        for formula, name in pairs
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    found = tqdm(results, total=len(pairs), desc="weights x formulas", disable=not progress)
    by_pair = dict(zip(pairs, found, strict=True))
    outcomes = {
        ", ".join(point[at] for at in varying): by_pair[point[0], point[1]][point[2], point[3]]
        for point in grid
    }
    errors = {name: one for name, one in outcomes.items() if isinstance(one, NqpError)}
    if len(errors) == len(outcomes):
        raise next(iter(errors.values()))
    for name, error in errors.items():
        warnings.warn(f"{name!r} could not be fitted and is left out: {error}", NqpWarning, 2)
    return {name: one for name, one in outcomes.items() if isinstance(one, RegressionResult)}


def _fit_all(
    formula: str,
    panel: SpatialPanel,
    weights: SpatialWeights,
    models: list[Model],
    effects: list[Effects],
    options: dict[str, object],
) -> dict[tuple[str, str], RegressionResult | NqpError]:
    fresh = replace(weights, cache={})
    outcomes: dict[tuple[str, str], RegressionResult | NqpError] = {}
    for model, kind in product(models, effects):
        try:
            outcomes[model, kind] = fit(formula, panel, fresh, model=model, effects=kind, **options)  # type: ignore[arg-type]
        except NqpError as error:
            outcomes[model, kind] = error
    return outcomes
