"""Variables in rows and their effects in columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nqp_spatial.core.text import Message, t, translate
from nqp_spatial.regression import EffectsResult, RegressionResult
from nqp_spatial.report.tables._cells import estimate_texts
from nqp_spatial.report.tables._columns import Columns, RowKey
from nqp_spatial.report.tables._effect_rows import (
    EFFECTS,
    effect_estimates,
    horizons_of,
    runs_note,
)  # fmt: skip
from nqp_spatial.report.tables._headings import names_columns, shared_labels
from nqp_spatial.report.tables._model_rows import (
    coefficients,
    extra_cell,
    facts,
    is_regressor,
)
from nqp_spatial.report.tables._writers import TableFile
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["effect_headings", "effect_layout", "put_effect_columns"]


def effect_headings(horizons: list[object]) -> dict[tuple[object, str], Any]:
    """Return the heading of each horizon and effect: with its run as a group, if there are runs."""
    kinds = {
        "direct": translate(t("Direct")), "indirect": translate(t("Indirect")),
        "total": translate(t("Total")),
    }  # fmt: skip
    if horizons == ["static"]:
        return {("static", effect): kinds[effect] for effect in EFFECTS}
    return {
        (horizon, effect): (translate(_run(horizon)), kinds[effect])
        for horizon in horizons
        for effect in EFFECTS
    }


def _run(horizon: object) -> Message:
    if horizon == "short-run":
        return t("Short run")
    return t("Long run") if horizon == "long-run" else t("After {count} periods", count=horizon)


def put_effect_columns(
    columns: Columns,
    panel: str,
    effects: EffectsResult,
    labels: Mapping[str, str],
    headings: Mapping[tuple[object, str], Any],
    shared: set[str],
) -> None:
    """Fill the rows of one result."""
    for horizon in dict.fromkeys(horizon for horizon, _ in headings):
        for name, words, effect, cell in effect_estimates(effects, horizon, labels, shared):
            columns.put(headings[horizon, effect], (panel, words), cell, name)


def effect_layout(
    table: TableFile,
    models: Mapping[str, RegressionResult],
    impacts: Mapping[str, EffectsResult],
    extra: Mapping[str, Mapping[str, object]],
    about: list[str],
    look: Mapping[str, Any],
) -> Path | JournalTable:
    """Write effects side by side, the models below each other."""
    headings = effect_headings(horizons_of(impacts.values()))
    columns = Columns(list(headings.values()), **look)
    shared = shared_labels(models.values())
    described = facts(list(models.values()), columns.digits)
    first, spanned = columns.headings[0], set()
    alone = len(models) == 1
    numbered = names_columns(about) and "(1)" not in models
    for place, (heading, model) in enumerate(models.items()):
        title = f"({place + 1}) {heading}" if numbered else heading
        labels = {**model.labels, **columns.selection.rename}
        panel = translate(t("Effects")) if alone else title
        put_effect_columns(columns, panel, impacts[heading], labels, headings, shared)
        below = translate(t("Model")) if alone else panel
        cells = _spatial_texts(columns, model, labels, shared)
        cells |= {
            name: extra_cell(values[heading], columns.digits)
            for name, values in extra.items()
            if heading in values
        }
        for name, text in {**cells, **described[place]}.items():
            if text:
                key: RowKey = (below, name)
                columns.put(first, key, text)
                spanned.add(key)
    untitled = [translate(t("Effects")), translate(t("Model"))] if alone else []
    sentences = [*about, runs_note(impacts)]
    return table.write(columns.frame(), sentences, untitled=untitled, spanned=spanned)


def _spatial_texts(
    columns: Columns, model: RegressionResult, labels: Mapping[str, str], shared: set[str]
) -> dict[str, str]:
    """Return the coefficients of lagged outcomes and errors, each with its error on one line."""
    texts = {}
    for name, words, cell, rank in coefficients(model, labels, shared):
        if is_regressor(rank) or not columns.selection.takes(name, optional=False):
            continue
        text = estimate_texts(
            [cell], columns.digits, statistic=columns.statistic, levels=columns.levels
        )
        texts[words] = text[0].replace("\n", " ")
    return texts
