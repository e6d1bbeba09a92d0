"""Tables of regressions: models side by side, effects below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, Message, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult, RegressionResult
from nqp_spatial.report.tables._cells import STARS_NOTE, by_panel, stars, with_error
from nqp_spatial.report.tables._headings import by_heading, row_label, same_or_each, shared_labels
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.effects import effect_cells, inference_of, terms_note

__all__ = ["regression_table"]

_GREEK = {"rho": "ρ (Wy)", "lam": "λ (Wu)", "phi": "φ", "psi": "ψ"}


@checked
def regression_table(
    results: RegressionResult | Sequence[RegressionResult] | Mapping[Any, RegressionResult],
    path: str | Path,
    *,
    effects: bool | Mapping[Any, EffectsResult] = False,
    statistic: Literal["se", "t"] = "se",
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write models side by side to a file, with effects below the coefficients if requested.

    Parameters
    ----------
    results : RegressionResult, sequence or mapping
        The models; the keys of a mapping are the column headings.
    path : path
        Ends in .docx, .tex, .html or .xlsx, which decides the format. Its folder is created if
        necessary.
    effects : bool or mapping
        Panels of direct, indirect and total effects; True for effects with 1 000 draws and seed 0,
        or results of `RegressionResult.effects` by the same headings.
    statistic : {"se", "t"}
        In parentheses: standard errors or t (z) statistics.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on standard errors, weights and corrections.
    digits : int
        Decimal places.
    lang : {"en", "zh"}
        Language of the built-in words and of the result's own texts; the argument `notes` is not
        translated.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown, or there are no results.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> regression_table(res, tempfile.mkdtemp() + "/models.tex", effects=True).name
    'models.tex'
    """
    models = by_heading(results, RegressionResult)
    with table_file(path, digits, caption, notes, lang) as table:
        impacts = _effects_of(models, effects)
        columns, shared = {}, shared_labels(models.values())
        for heading, model in models.items():
            columns[heading] = _coefficients(model, statistic, digits, shared)
            if heading in impacts:
                columns[heading] |= effect_cells(impacts[heading], digits, statistic, shared=shared)
            columns[heading] |= _facts(model, digits)
        return table.write(by_panel(columns), _about(models, impacts, statistic))


def _effects_of(
    models: Mapping[str, RegressionResult], effects: bool | Mapping[Any, EffectsResult]
) -> dict[str, EffectsResult]:
    """Return effects by heading, with 1 000 draws if only requested by True."""
    if effects is True:
        return {heading: model.effects(seed=0) for heading, model in models.items()}
    if not effects:
        return {}
    impacts: dict[str, EffectsResult] = by_heading(effects, EffectsResult)
    if set(impacts) != set(models):
        raise OptionError(
            f"effects must have the headings of the models, {', '.join(models)}; got "
            f"{', '.join(map(str, impacts))}"
        )
    return impacts


def _coefficients(
    model: RegressionResult, statistic: str, digits: int, shared: Set[str]
) -> dict[tuple[str, str], str]:
    outcome, panel = model.label(model.spec.outcome), translate(t("Coefficients"))
    cells = {}
    for (block, name, *part), row in model.frame.iterrows():
        words = (
            translate(t("Constant"))
            if name == "Intercept"
            else row_label(name, model.labels, shared)
        )
        if block in ("spatial", "random"):
            words = _GREEK[name]
        elif block == "dynamic":
            words = f"{'W × ' if name == 'eta' else ''}{outcome} (t-1)"
        elif block in ("wx", "wmean"):
            words = f"W × {words}"
        if block in ("mean", "wmean"):
            words = translate(t("mean of {variable}", variable=words))
        if part:  # for a model with several matrices W in a term
            words = f"{words}, {part[0]}"
        cells[panel, words] = _estimate(row, statistic, digits)
    return cells


def _estimate(row: Any, statistic: str, digits: int) -> str:
    value, error = row["estimate"], row["std_error"]
    mark = stars(row["p_value"])
    if statistic == "se":
        return with_error(value, error, digits, mark)
    ratio = value / error if error > 0 else float("nan")
    return with_error(value, ratio, digits, mark, error_digits=2)


def _facts(model: RegressionResult, digits: int) -> dict[tuple[str, str], str]:
    spec, likely, fit = model.spec, np.isfinite(model.loglik), model.squared_correlation
    unit = t("random") if spec.has_phi else _yes_or_no(spec.sweeps_units)
    facts = {
        t("Unit effects"): translate(unit),
        t("Period effects"): translate(_yes_or_no(spec.sweeps_periods)),
        t("Observations"): f"{model.nobs:,}",
        t("Log-likelihood"): f"{model.loglik:,.{digits}f}" if likely else "",
        "AIC": f"{model.aic:,.{digits}f}" if likely else "",
        "σ²": f"{model.sigma2:.{digits + 1}g}",
        "R²": f"{model.rsquared:.{digits}f}",
        t("R² within"): f"{model.rsquared_within:.{digits}f}",
        "corr²": f"{fit:.{digits}f}" if np.isfinite(fit) else "",
    }
    panel = translate(t("Model"))
    return {(panel, translate(name)): value for name, value in facts.items()}


def _yes_or_no(answer: bool) -> Message:
    return t("yes") if answer else t("no")


def _about(
    models: Mapping[str, RegressionResult], impacts: Mapping[str, EffectsResult], statistic: str
) -> list[str]:
    """Return the description of the numbers, each fact once if all columns share it."""
    specs = [model.spec for model in models.values()]
    names = {"gs2sls": "GS2SLS", "m": t("adjusted scores"), "ml": t("likelihood")}
    estimators = [t("least squares") if spec.is_linear else names[spec.estimator] for spec in specs]
    corrections = [
        t("in the scores") if spec.estimator == "m" and spec.is_dynamic
        else label("correction", spec.correction)
        for spec in specs
    ]  # fmt: skip
    covariances = [spec.covariance_words() for spec in specs]
    inference = [inference_of(effects) for effects in impacts.values()]
    kinds = same_or_each(spec.model.upper() for spec in specs)
    weights = same_or_each(spec.weights for spec in specs)
    return [
        t("Standard errors in parentheses.") if statistic == "se"
        else t("t statistics in parentheses."),
        STARS_NOTE,
        t("Model: {value}.", value=kinds),
        t("Weights: {value}.", value=weights) if weights else "",
        t("Estimated by {value}.", value=same_or_each(estimators)),
        t("Correction: {value}.", value=same_or_each(corrections)),
        t("Covariance: {value}.", value=same_or_each(covariances)),
        t("Inference on effects by {value}.", value=same_or_each(inference)) if impacts else "",
        terms_note(impacts.values()),
    ]  # fmt: skip
