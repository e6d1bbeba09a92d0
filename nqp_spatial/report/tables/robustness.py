"""Tables of a model under named changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import RobustnessResult
from nqp_spatial.report.tables._cells import (
    STARS,
    Estimate,
    estimate_texts,
    number,
    star_levels,
    stars_note,
)
from nqp_spatial.report.tables._effect_rows import inference_of, statistic_note
from nqp_spatial.report.tables._selection import Selection
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["robustness_table"]

_TERMS = ("x", "wx", "direct", "indirect", "total")


@checked
def robustness_table(
    result: RobustnessResult,
    path: str | Path | None = None,
    *,
    terms: str | Sequence[str] | None = None,
    statistic: str = "se",
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
    """Write a model under named changes: changes in rows, one panel per variable.

    Parameters
    ----------
    result : RobustnessResult
        From `nqp_spatial.robustness`.
    terms : str or sequence of str, optional
        Columns: "x" and "wx" (coefficients), "direct", "indirect" and "total" (effects, of the
        short run in dynamic models); all that there are by default.
    path, statistic, stars, keep, drop, rename, order, caption, notes, digits, lang
        As in `regression_table`, which writes ``result.models`` in columns.

    Returns
    -------
    Path or JournalTable
        A change that could not be fitted has dashes, and the note says why.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> w = nq.weights.contiguity(panel)
    >>> changes = {"winsorised": 0.01, "SAR": {"model": "sar"}}
    >>> result = nq.robustness("lgsp ~ lpc + lemp", panel, w, changes=changes)
    >>> robustness_table(result, tempfile.mkdtemp() + "/robust.docx", keep="lpc").name
    'robust.docx'
    >>> robustness_table(result, keep="lpc", terms=["direct", "indirect"]).frame.shape
    (3, 3)
    """
    levels = star_levels(stars)
    if statistic not in ("se", "t"):
        raise OptionError(f"statistic must be 'se' or 't', got {statistic!r}")
    variables = _variables(result)
    selection = Selection.of(keep, drop, rename, order).among(variables)
    names = [name for name in variables if selection.takes(name)]
    names.sort(key=selection.place)
    chosen = _chosen_terms(result, terms)
    with table_file(path, digits, caption, notes, lang) as table:
        titles = {name: selection.rename.get(name, variables[name]) for name in names}
        panels = {
            titles[name]: _panel(result, name, chosen, digits, statistic, levels) for name in names
        }
        alone = list(panels) if len(panels) == 1 else []
        about = _about(result, titles, statistic, stars_note(levels), is_single=bool(alone))
        return table.write(pd.concat(panels), about, untitled=alone)


def _variables(result: RobustnessResult) -> dict[str, str]:
    """Return the variables that have rows of their own, with their labels."""
    rows = result.frame[result.frame["term"].isin(_TERMS)]
    return {str(name): result.labels.get(name, str(name)) for name in rows["variable"].unique()}


def _chosen_terms(result: RobustnessResult, terms: str | Sequence[str] | None) -> list[str]:
    known = [term for term in _TERMS if term in set(result.frame["term"])]
    if terms is None:
        return known
    chosen = [terms] if isinstance(terms, str) else list(terms)
    unknown = [term for term in chosen if term not in known]
    if unknown or not chosen:
        raise OptionError(f"terms must be among {', '.join(known)}, got {terms!r}")
    return chosen


def _panel(
    result: RobustnessResult,
    variable: str,
    terms: list[str],
    digits: int,
    statistic: str,
    levels: Sequence[float],
) -> pd.DataFrame:
    """Return the cells of one variable; the numbers of a column have equal decimals."""
    frame = result.frame[result.frame["variable"] == variable]
    columns = {}
    for term in terms:
        rows = frame[frame["term"] == term].drop_duplicates("change").set_index("change")
        cells = [
            Estimate(*map(float, rows.loc[name, ["estimate", "std_error", "p_value"]]))
            if name in rows.index else None
            for name in result.changes.index
        ]  # fmt: skip
        columns[_heading(term)] = estimate_texts(cells, digits, statistic=statistic, levels=levels)
    counts = result.changes["observations"]
    columns["", translate(t("Observations"))] = [number(int(n), 0) if n else "–" for n in counts]
    names = pd.Index([_change_words(name) for name in result.changes.index], dtype=object)
    return pd.DataFrame(columns, index=names)


def _change_words(name: str) -> str:
    """Return a change of the package in words; a name of the caller as it is."""
    word = label("change", name)
    text = translate(word)
    return capital(text) if word.context else text


def _heading(term: str) -> tuple[str, str]:
    """Return the group and the heading of a column."""
    words = {
        "x": (t("Coefficient"), t("x")),
        "wx": (t("Coefficient"), t("W x")),
        "direct": (t("Effect"), t("Direct")),
        "indirect": (t("Effect"), t("Indirect")),
        "total": (t("Effect"), t("Total")),
    }[term]
    return translate(words[0]), translate(words[1])


def capital(text: str) -> str:
    """Return a sentence that begins with a capital letter."""
    return text[:1].upper() + text[1:]


def _about(
    result: RobustnessResult,
    titles: Mapping[str, str],
    statistic: str,
    stars: str,
    *,
    is_single: bool,
) -> list[str]:
    """Return the description of the numbers, and what each change does."""
    base = result.models["baseline"]
    single = next(iter(titles.values()), "")
    effects = result.effects.get("baseline")
    return [
        t("Dependent variable: {value}.", value=base.label(base.spec.outcome)),
        t("Estimates of {variable}.", variable=single) if is_single else "",
        statistic_note(statistic),
        stars,
        t("Baseline: {model}; {weights}.", model=base.spec.describe(), weights=base.spec.weights)
        if base.spec.weights
        else t("Baseline: {model}.", model=base.spec.describe()),
        t("Covariance: {value}.", value=base.spec.covariance_words()),
        t("Inference on effects by {value}.", value=inference_of(effects)) if effects else "",
        *(t("{sentence}.", sentence=capital(translate(note))) for note in result.notes),
    ]
