"""Options that belong to other models: `fit` refuses them, functions of several models divide them.

An option that a model has no use for would change nothing, and the caller would not learn of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, get_args

from nqp_spatial.core.text import Message, join, t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.spec import Model, RegressionSpec

__all__ = ["divided_options", "require_used", "unused_options"]


def unused_options(model: str, effects: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of `fit` that this model has no use for, each with the reason.

    Parameters
    ----------
    model, effects : str
    options : mapping
        Other arguments of `fit`, by name; those that are absent have their defaults.

    Examples
    --------
    >>> list(unused_options("sar", "unit", {"durbin": ["x"], "logdet": "exact"}))
    ['durbin']
    """
    spec = RegressionSpec("", "", (), (), model, effects)  # type: ignore[arg-type]
    by_moments = options.get("estimator") == "gs2sls"
    reasons: dict[str, str] = {}
    if not spec.has_lags and _names(options.get("durbin")):
        reasons["durbin"] = (
            f"durbin= names the regressors whose lag W X enters, and model={model!r} has no W X; "
            f"use {_models_with('has_lags')}, or leave durbin out"
        )
    correction = options.get("correction", "auto")
    if spec.keeps_intercept and correction in ("bias", "transformation"):
        reasons["correction"] = (
            f"correction={correction!r} is for fixed effects, and effects={effects!r} has none; "
            "use effects='unit', 'period' or 'two-way', or leave correction='auto'"
        )
    logdet = options.get("logdet", "auto")
    if logdet != "auto" and not (spec.has_rho or (spec.has_lam and not by_moments)):
        lacks = "by GS2SLS has no rho" if by_moments and spec.has_lam else "has no rho or lam"
        reasons["logdet"] = (
            f"logdet={logdet!r} is a way to calculate ln|I - rho W|, and model={model!r} {lacks}; "
            "leave logdet out"
        )
    if options.get("random_errors", "kkp") == "bsk":
        if not spec.has_phi:
            reasons["random_errors"] = (
                "random_errors='bsk' says where random unit effects enter; take effects='random' "
                f"or 'correlated-random', not {effects!r}"
            )
        elif not spec.has_lam:
            reasons["random_errors"] = (
                "random_errors='bsk' says that unit effects do not follow the spatial process of "
                f"the errors, and model={model!r} has none; use {_models_with('has_lam')}, or "
                "leave random_errors out"
            )
    endogenous, instruments = options.get("endogenous", ()), options.get("instruments")
    if by_moments and instruments is not None and not (spec.has_rho or _names(endogenous)):
        reasons["instruments"] = (
            f"instruments= are for endogenous regressors or W y, and model={model!r} without "
            "endogenous= has neither; name endogenous regressors, or leave instruments out"
        )
    return reasons


def require_used(model: str, effects: str, options: Mapping[str, Any]) -> None:
    """Raise `OptionError` for an option that this model has no use for."""
    for reason in unused_options(model, effects, options).values():
        raise OptionError(reason)


def divided_options(
    models: Iterable[str], effects: Iterable[str], options: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], dict[str, Any]], tuple[Message, ...]]:
    """Return the options that each model has a use for, and notes on the others.

    Parameters
    ----------
    models, effects : iterable of str
        Every combination is estimated.
    options : mapping
        Of all of them, as they were passed.

    Returns
    -------
    dict
        By model and effects.
    tuple of Message

    Raises
    ------
    OptionError
        If no model has a use for an option.
    """
    pairs = list(product(models, effects))
    unused = {pair: unused_options(*pair, options) for pair in pairs}
    notes = []
    for name in options:
        without = [pair for pair in pairs if name in unused[pair]]
        if pairs and len(without) == len(pairs):
            raise OptionError(unused[pairs[0]][name])
        if without:
            named = dict.fromkeys(f"{model}, {kind}" for model, kind in without)
            notes.append(
                t(
                    "{option}= has no use in some models, which are estimated without it: {models}",
                    option=name, models=join("; ", named),
                )
            )  # fmt: skip
    divided = {
        pair: {name: value for name, value in options.items() if name not in unused[pair]}
        for pair in pairs
    }
    return divided, tuple(notes)


def _names(value: Any) -> bool:
    """Whether an option names anything: an empty list names nothing."""
    return value is not None and (not hasattr(value, "__len__") or len(value) > 0)


def _models_with(term: str) -> str:
    """Return the models that have a term, for a message."""
    having = [
        repr(model)
        for model in get_args(Model)
        if getattr(RegressionSpec("", "", (), (), model), term)
    ]
    return f"model={', '.join(having[:-1])} or {having[-1]}"
