"""Tables of regressions: models side by side, or the effects of one beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult, RegressionResult
from nqp_spatial.report.tables._cells import STARS, star_levels, stars_note
from nqp_spatial.report.tables._columns import Columns
from nqp_spatial.report.tables._effect_layout import effect_layout
from nqp_spatial.report.tables._effect_rows import (
    inference_of,
    put_effects,
    runs_note,
    statistic_note,
    terms_note,
)  # fmt: skip
from nqp_spatial.report.tables._headings import by_heading, same_or_each, shared_labels
from nqp_spatial.report.tables._model_rows import (
    coefficients,
    extra_cell,
    facts,
    is_regressor,
    spatial_names,
)  # fmt: skip
from nqp_spatial.report.tables._selection import Selection, row_values
from nqp_spatial.report.tables._writers import TableFile, table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["regression_table"]


@checked
def regression_table(
    results: RegressionResult | Sequence[RegressionResult] | Mapping[Any, RegressionResult],
    path: str | Path | None = None,
    *,
    layout: Literal["models", "effects"] = "models",
    effects: bool | Mapping[Any, EffectsResult] = False,
    statistic: Literal["se", "t"] = "se",
    stars: Sequence[float] | bool = STARS,
    keep: str | Sequence[str] | None = None,
    drop: str | Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    order: str | Sequence[str] = (),
    rows: Mapping[str, object] | None = None,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write models side by side, with effects below the coefficients or beside each other.

    Parameters
    ----------
    results : RegressionResult, sequence or mapping
        The models; the keys of a mapping are the column headings.
    path : path, optional
        Ends in .docx, .tex, .html or .xlsx, which decides the format. Its folder is created if
        necessary. Without it the table is returned: it shows itself in a notebook.
    layout : {"models", "effects"}
        Models in columns, one row per coefficient; or variables in rows and direct, indirect and
        total effects in columns, of the short and of the long run for dynamic models (SR_Direct to
        LR_Total in Stata's xsmle). Several models are then stacked.
    effects : bool or mapping
        Panels of direct, indirect and total effects; True for effects with 1 000 draws and seed 0,
        or results of `RegressionResult.effects` by the same headings. Effects of models without a
        lag in time stand beside those of the short run.
    statistic : {"se", "t"}
        In parentheses: standard errors or t (z) statistics.
    stars : sequence of float, or bool
        Levels of one star, two stars and so on; False for none.
    keep, drop : str or sequence of str
        Names or labels of variables to print or to leave out, in all their rows; ``*`` stands for
        any letters. `keep` chooses among regressors; coefficients of lagged outcomes and errors
        ("rho", "lam", "tau", "eta") are left out by `drop` only.
    rename : mapping
        Labels by name (or former label) of a variable.
    order : str or sequence of str
        Variables that come first, in this order.
    rows : mapping
        Further rows by label: one value for all columns, a list with a value per model, or a
        mapping from headings.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on standard errors, weights and corrections.
    digits : int
        Decimals of numbers of ordinary size. A row has equal decimals: more where its smallest
        estimate or standard error would have less than two significant digits, fewer where numbers
        are large. Log-likelihood and criteria have one.
    lang : {"en", "zh"}
        Language of the built-in words and of the result's own texts; the argument `notes` is not
        translated.

    Returns
    -------
    Path or JournalTable
        The file written, or the table.

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
    >>> regression_table(res, layout="effects", drop="lemp").frame.columns.tolist()
    ['Direct', 'Indirect', 'Total']
    """
    models = by_heading(results, RegressionResult)
    levels = star_levels(stars)
    selection = Selection.of(keep, drop, rename, order).among(_choices(models))
    with table_file(path, digits, caption, notes, lang) as table:
        impacts = _effects_of(models, effects or layout == "effects")
        extra = row_values(rows, list(models))
        look = {"digits": digits, "statistic": statistic, "levels": levels, "selection": selection}
        about = _about(models, impacts, statistic, levels)
        lay_out = effect_layout if layout == "effects" else _side_by_side
        return lay_out(table, models, impacts, extra, about, look)


def _choices(models: Mapping[str, RegressionResult]) -> dict[str, str]:
    """Return the names that can be chosen, with their labels."""
    choices: dict[str, str] = {}
    for model in models.values():
        names = (str(key[1]) for key in model.params.index)
        choices |= {name: model.labels.get(name, name) for name in names}
        choices |= {name: model.labels.get(name, name) for name in model.spec.regressors}
        choices |= spatial_names(model)
        choices |= {model.spec.outcome: model.label(model.spec.outcome)}
    return choices


def _side_by_side(
    table: TableFile,
    models: Mapping[str, RegressionResult],
    impacts: Mapping[str, EffectsResult],
    extra: Mapping[str, Mapping[str, object]],
    about: list[str],
    look: Mapping[str, Any],
) -> Path | JournalTable:
    """Write models in columns."""
    columns = Columns(list(models), **look)
    shared = shared_labels(models.values())
    titles = translate(t("Coefficients")), translate(t("Model"))
    labels = {name: {**model.labels, **columns.selection.rename} for name, model in models.items()}
    for heading, model in models.items():
        for name, words, cell, rank in coefficients(model, labels[heading], shared):
            is_optional = is_regressor(rank)
            columns.put(heading, (titles[0], words), cell, name, rank=rank, optional=is_optional)
    put_effects(columns, impacts, labels, shared)
    for words, values in extra.items():
        for heading, value in values.items():
            columns.put(heading, (titles[1], words), extra_cell(value, columns.digits))
    described = facts(list(models.values()), columns.digits)
    known = {words for texts in described for words, text in texts.items() if text}
    for heading, texts_of_model in zip(models, described, strict=True):
        for words, text in texts_of_model.items():
            if words in known:  # of one model at least
                columns.put(heading, (titles[1], words), text)
    untitled = [titles[1]] if impacts else titles
    return table.write(columns.frame(), [*about, runs_note(impacts)], untitled=untitled)


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
    return {heading: impacts[heading] for heading in models}


def _about(
    models: Mapping[str, RegressionResult],
    impacts: Mapping[str, EffectsResult],
    statistic: str,
    levels: Sequence[float],
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
    headings = same_or_each(heading.upper() for heading in models)  # may name the models already
    weights = same_or_each(spec.weights for spec in specs)
    outcomes = same_or_each(model.label(model.spec.outcome) for model in models.values())
    return [
        t("Dependent variable: {value}.", value=outcomes),
        statistic_note(statistic),
        stars_note(levels),
        t("Model: {value}.", value=kinds) if kinds != headings else "",
        t("Weights: {value}.", value=weights) if weights else "",
        t("Estimated by {value}.", value=same_or_each(estimators)),
        t("Correction: {value}.", value=same_or_each(corrections)),
        t("Covariance: {value}.", value=same_or_each(covariances)),
        t("Inference on effects by {value}.", value=same_or_each(inference)) if impacts else "",
        terms_note(impacts.values()),
    ]
