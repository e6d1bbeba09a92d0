"""Tables of direct, indirect and total effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult
from nqp_spatial.report.tables._cells import STARS, star_levels, stars_note
from nqp_spatial.report.tables._columns import Columns
from nqp_spatial.report.tables._effect_layout import effect_headings, put_effect_columns
from nqp_spatial.report.tables._effect_rows import (
    horizons_of,
    inference_of,
    put_effects,
    runs_note,
    statistic_note,
    terms_note,
)  # fmt: skip
from nqp_spatial.report.tables._headings import by_heading, same_or_each, shared_labels
from nqp_spatial.report.tables._selection import Selection
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["effects_table"]


@checked
def effects_table(
    effects: EffectsResult | Sequence[EffectsResult] | Mapping[Any, EffectsResult],
    path: str | Path | None = None,
    *,
    layout: Literal["models", "effects"] = "models",
    statistic: Literal["se", "t"] = "se",
    stars: Sequence[float] | bool = STARS,
    keep: str | Sequence[str] | None = None,
    drop: str | Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    order: str | Sequence[str] = (),
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write direct, indirect and total effects, one panel per effect or one column per effect.

    Parameters
    ----------
    effects : EffectsResult, sequence or mapping
        One or more results of `RegressionResult.effects`; the keys of a mapping are the column
        headings.
    layout : {"models", "effects"}
        Results in columns, one panel per effect; or effects in columns, one panel per result.
    path, statistic, stars, keep, drop, rename, order, caption, notes, digits, lang
        As in `regression_table`.

    Returns
    -------
    Path or JournalTable
        The file written; without a path the table.

    Raises
    ------
    OptionError
        If the file extension is unknown, or there are no results or no effects in them.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> res = nq.fit("lgsp ~ lpc + lemp", panel, nq.weights.contiguity(panel))
    >>> effects_table(res.effects(), tempfile.mkdtemp() + "/effects.docx").name
    'effects.docx'
    """
    results = by_heading(effects, EffectsResult)
    if all(result.frame.empty for result in results.values()):
        raise OptionError("there are no effects to write: the models have no regressors")
    levels = star_levels(stars)
    selection = Selection.of(keep, drop, rename, order).among(
        {
            str(name): result.labels.get(name, str(name))
            for result in results.values()
            for name in result.frame["variable"]
        }
    )
    with table_file(path, digits, caption, notes, lang) as table:
        columns, untitled = _columns(results, layout, digits, statistic, levels, selection)
        how = same_or_each(inference_of(result) for result in results.values())
        models = same_or_each(result.title for result in results.values())
        about = [
            statistic_note(statistic),
            stars_note(levels),
            t("Inference on effects by {value}.", value=how),
            t("Model: {value}.", value=models),
            terms_note(results.values()),
            runs_note(results),
        ]
        return table.write(columns.frame(), about, untitled=untitled)


def _columns(
    results: Mapping[str, EffectsResult],
    layout: str,
    digits: int,
    statistic: str,
    levels: Sequence[float],
    selection: Selection,
) -> tuple[Columns, list[str]]:
    """Return the columns, and panels without a title."""
    shared = shared_labels(results.values())
    labels = {name: {**result.labels, **selection.rename} for name, result in results.items()}
    if layout == "models":
        columns = Columns(list(results), digits, statistic, levels, selection)
        put_effects(columns, results, labels, shared)
        return columns, []
    headings = effect_headings(horizons_of(results.values()))
    columns = Columns(list(headings.values()), digits, statistic, levels, selection)
    alone = translate(t("Effects"))
    for name, result in results.items():
        panel = alone if len(results) == 1 else name
        put_effect_columns(columns, panel, result, labels[name], headings, shared)
    return columns, [alone] if len(results) == 1 else []
