"""Tables of direct, indirect and total effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import product
from pathlib import Path
from typing import Any

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, Message, join, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult
from nqp_spatial.report.tables._cells import STARS_NOTE, by_panel, stars, with_error
from nqp_spatial.report.tables._headings import by_heading, row_label, same_or_each, shared_labels
from nqp_spatial.report.tables._writers import table_file

__all__ = ["effect_cells", "effects_table", "inference_of", "terms_note"]


@checked
def effects_table(
    effects: EffectsResult | Sequence[EffectsResult] | Mapping[Any, EffectsResult],
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write direct, indirect and total effects to a file, one panel per effect.

    Parameters
    ----------
    effects : EffectsResult, sequence or mapping
        One or more results of `RegressionResult.effects`; the keys of a mapping are the column
        headings.
    path : path
        Ends in .docx, .tex, .html or .xlsx.
    caption : str, optional
        Title of the table.
    notes : str
        Added to the built-in note on inference.
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
    with table_file(path, digits, caption, notes, lang) as table:
        shared = shared_labels(results.values())
        columns = {
            name: effect_cells(result, digits, shared=shared) for name, result in results.items()
        }
        how = same_or_each(inference_of(result) for result in results.values())
        models = same_or_each(result.title for result in results.values())
        about = [
            t("Standard errors in parentheses."),
            STARS_NOTE,
            t("Inference on effects by {value}.", value=how),
            t("Model: {value}.", value=models),
            terms_note(results.values()),
        ]
        return table.write(by_panel(columns), about)


def effect_cells(
    effects: EffectsResult, digits: int, statistic: str = "se", *, shared: Set[str] = frozenset()
) -> dict[tuple[str, str], str]:
    """Return cells by panel, an effect at a horizon, and variable."""
    cells = {}
    frame = effects.frame
    panels = product(dict.fromkeys(frame["horizon"]), ("direct", "indirect", "total"))
    for horizon, effect in panels:
        heading = translate(_heading(horizon, effect))
        rows = frame[(frame["horizon"] == horizon) & (frame["effect"] == effect)]
        for row in rows.to_dict("records"):
            name = row_label(row["variable"], effects.labels, shared) + _stated(row, effects)
            estimate, error, mark = row["estimate"], row["std_error"], stars(row["p_value"])
            if statistic == "se":
                cells[heading, name] = with_error(estimate, error, digits, mark)
            else:
                ratio = estimate / error if error > 0 else float("nan")
                cells[heading, name] = with_error(estimate, ratio, digits, mark, 2)
    return cells


def _stated(row: Mapping[Any, Any], effects: EffectsResult) -> str:
    """Return the stated values of moderators at which an effect is."""
    values = [
        f"{effects.labels.get(name, name)} = {_short(row[name])}" for name in effects.moderators
    ]
    return f" ({', '.join(values)})" if values else ""


def _short(value: object) -> object:
    return f"{value:g}" if isinstance(value, float) else value


def _heading(horizon: object, effect: str) -> Message:
    words = {
        "direct": t("Direct effects"), "indirect": t("Indirect effects"),
        "total": t("Total effects"),
    }[effect]  # fmt: skip
    times = {"short-run": t("short run"), "long-run": t("long run")}
    if isinstance(horizon, str):
        when = times.get(horizon)
        return words if when is None else t("{effect}, {horizon}", effect=words, horizon=when)
    when = t("after {count} periods", count=horizon)
    return t("{effect}, {horizon}", effect=words, horizon=when)


def inference_of(effects: EffectsResult) -> Message:
    """Return how standard errors of effects were computed."""
    draws = effects.spec["draws"]
    if draws:
        return t("{count} draws from the asymptotic distribution", count=draws)
    if effects.spec["method"] == "fieller":
        return t("inverted tests (Fieller)")
    return t("the delta method")


def terms_note(results: Iterable[EffectsResult]) -> Message | str:
    """Return what the notes of effects say, such as which terms a row is of, or nothing."""
    notes = list(dict.fromkeys(note for result in results for note in result.notes))
    return t("On effects: {notes}.", notes=join("; ", notes)) if notes else ""
