"""Rows of a fitted model: coefficients and facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np
import pandas as pd

from nqp_spatial.core.number_format import criterion_text, fixed, significant
from nqp_spatial.core.text import Message, t, translate
from nqp_spatial.regression import RegressionResult
from nqp_spatial.report.tables._cells import Estimate, number
from nqp_spatial.report.tables._headings import row_label

__all__ = ["coefficients", "extra_cell", "facts", "is_regressor", "spatial_names"]

_GREEK = {"rho": "ρ (Wy)", "lam": "λ (Wu)", "phi": "φ", "psi": "ψ"}
# Blocks in the order of their rows; `keep` chooses among those before "dynamic".
_BLOCKS = ("x", "wx", "mean", "wmean", "constant", "dynamic", "spatial", "random")


def is_regressor(rank: int) -> bool:
    """Return whether a block is of regressors, among which `keep` chooses."""
    return rank < _BLOCKS.index("dynamic")


def spatial_names(model: RegressionResult) -> dict[str, str]:
    """Return the labels of the coefficients that are not of variables, by name."""
    blocks = ("spatial", "random", "dynamic")
    return {
        str(key[1]): _GREEK.get(str(key[1]), str(key[1]))
        for key in model.params.index
        if key[0] in blocks
    }


def coefficients(
    model: RegressionResult, labels: Mapping[str, str], shared: Set[str]
) -> Iterator[tuple[str, str, Estimate, int]]:
    """Yield name, label, estimate of each coefficient, and the rank of its block."""
    outcome = labels.get(model.spec.outcome, model.label(model.spec.outcome))
    for (block, name, *part), row in model.frame.iterrows():
        words = row_label(name, labels, shared)
        is_constant = name == "Intercept" and block == "x"
        if name == "Intercept":
            words = labels.get(name, translate(t("Constant")))
        if block in ("spatial", "random"):
            words = labels.get(name, _GREEK[name])
        elif block == "dynamic":
            words = labels.get(name, f"{'W × ' if name == 'eta' else ''}{outcome} (t-1)")
        elif block in ("wx", "wmean"):
            words = f"W × {words}"
        if block in ("mean", "wmean"):
            words = translate(t("mean of {variable}", variable=words))
        if part:  # for a model with several matrices W in a term
            words = f"{words}, {part[0]}"
        estimate = Estimate(row["estimate"], row["std_error"], row["p_value"])
        yield str(name), words, estimate, _BLOCKS.index("constant" if is_constant else block)


def facts(models: Sequence[RegressionResult], digits: int) -> list[dict[str, str]]:
    """Return what is printed below the coefficients of each model."""
    variances = _even_significant([model.sigma2 for model in models], digits)
    return [
        _facts(model, variance, digits) for model, variance in zip(models, variances, strict=True)
    ]


def _facts(model: RegressionResult, variance: str, digits: int) -> dict[str, str]:
    spec, fit = model.spec, model.squared_correlation
    unit = t("random") if spec.has_phi else _yes_or_no(spec.sweeps_units)
    # Without effects nothing is compared within units: it would be R² under another name.
    has_effects = spec.has_phi or spec.sweeps_units or spec.sweeps_periods
    texts: dict[str, str] = {
        t("Unit effects"): translate(unit),
        t("Period effects"): translate(_yes_or_no(spec.sweeps_periods)),
        t("Observations"): f"{model.nobs:,}",
        t("Log-likelihood"): criterion_text(model.loglik),
        "AIC": criterion_text(model.aic),
        "BIC": criterion_text(model.bic),
        "σ²": variance,
        "R²": fixed(model.rsquared, digits),
        t("R² within"): fixed(model.rsquared_within, digits) if has_effects else "",
        "corr²": fixed(fit, digits) if np.isfinite(fit) else "",
    }
    return {translate(name): value for name, value in texts.items()}


def _even_significant(values: Sequence[float], digits: int) -> list[str]:
    """Return numbers whose smallest has so many significant digits, with equal decimals."""
    texts = [significant(value, max(digits, 2)) for value in values]
    if any("e" in text for text in texts):
        return texts
    places = max(len(text.partition(".")[2]) for text in texts)
    return [fixed(value, places) for value in values]


def _yes_or_no(answer: bool) -> Message:
    return t("yes") if answer else t("no")


def extra_cell(value: object, digits: int) -> str:
    """Return a cell of a row that the caller added: text as it is, True and False as words.

    Examples
    --------
    >>> extra_cell("east", 3), extra_cell(1234.5, 3), extra_cell(True, 3), extra_cell(None, 3)
    ('east', '1,234.500', 'yes', '')
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | np.bool_):
        return translate(_yes_or_no(bool(value)))
    if isinstance(value, int | float | np.number):
        return "" if pd.isna(value) else number(value, digits)  # type: ignore[arg-type]
    return str(value)
