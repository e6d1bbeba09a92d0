"""Tables of a model by group of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import GroupComparison, RegressionSpec
from nqp_spatial.report.tables._cells import (
    STARS,
    Estimate,
    estimate_texts,
    number,
    p_value,
    star_levels,
    stars_note,
)
from nqp_spatial.report.tables._effect_rows import statistic_note
from nqp_spatial.report.tables._selection import Selection
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable
from nqp_spatial.report.tables.robustness import capital

__all__ = ["group_table"]

_SYMBOLS = {"rho": "ρ (Wy)", "lam": "λ (Wu)", "tau": "τ", "eta": "η"}


@checked
def group_table(
    result: GroupComparison,
    path: str | Path | None = None,
    *,
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
    """Write a model by group: groups in columns, with p-values of equality.

    Parameters
    ----------
    result : GroupComparison
        From `nqp_spatial.compare_groups`.
    path, statistic, stars, keep, drop, rename, order, caption, notes, digits, lang
        As in `regression_table`, which writes ``result.models`` with their effects.

    Returns
    -------
    Path or JournalTable
        One panel of separate models and one of the pooled model, in whose last columns are
        p-values of equal slopes (Wald; permutation, if there is one).

    Raises
    ------
    OptionError
        If the file extension or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> w = nq.weights.knn(cities, k=6)
    >>> result = nq.compare_groups("nqp ~ relations", cities, w, group="core")
    >>> group_table(result, tempfile.mkdtemp() + "/groups.docx").name
    'groups.docx'
    """
    levels = star_levels(stars)
    if statistic not in ("se", "t"):
        raise OptionError(f"statistic must be 'se' or 't', got {statistic!r}")
    frame = result.frame[result.frame["term"].isin(["x", "wx"])]
    labels = {str(name): result.labels.get(name, str(name)) for name in frame["variable"].unique()}
    selection = Selection.of(keep, drop, rename, order).among(labels)
    names = sorted(filter(selection.takes, labels), key=selection.place)
    words = {name: selection.rename.get(name, labels[name]) for name in names}
    with table_file(path, digits, caption, notes, lang) as table:
        titles = {
            "separate": translate(t("Each group on its own")),
            "pooled": translate(t("Slopes by group in one model")),
        }
        panels = {
            titles[form]: _panel(result, form, words, digits, statistic, levels) for form in titles
        }
        cells = pd.concat(panels).fillna("")
        return table.write(cells, _about(result, statistic, stars_note(levels)))


def _panel(
    result: GroupComparison,
    form: str,
    words: Mapping[str, str],
    digits: int,
    statistic: str,
    levels: Sequence[float],
) -> pd.DataFrame:
    """Return the cells of one form, regressors in rows and groups in columns."""
    frame = result.frame[
        (result.frame["form"] == form) & (result.frame["quantity"] == "coefficient")
    ]
    groups = list(result.groups.index)
    rows: dict[str, list[str]] = {}
    for term in ("x", "wx"):
        for name, text in words.items():
            part = frame[(frame["variable"] == name) & (frame["term"] == term)].set_index("group")
            if part.empty:
                continue
            title = f"W × {text}" if term == "wx" else text
            texts = estimate_texts(_cells(part, groups), digits, statistic=statistic, levels=levels)
            equal = _equality(result, term, name) if form == "pooled" else ["", ""]
            rows[title] = [*texts, *equal]
    for name, symbol in _SYMBOLS.items():
        part = frame[frame["variable"] == name].set_index("group")
        shown = groups if form == "separate" else ["all"]
        cells = _cells(part, shown)
        if any(cells):
            texts = estimate_texts(cells, digits, statistic=statistic, levels=levels)
            rows[symbol] = [*(texts if form == "separate" else texts * len(groups)), "", ""]
    counts = result.groups["observations"]
    if form == "separate":
        rows[translate(t("Observations"))] = [*(number(int(n), 0) for n in counts), "", ""]
    columns = [*groups, translate(t("p, Wald")), translate(t("p, permutation"))]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table if _is_permuted(result) else table.iloc[:, :-1]


def _cells(part: pd.DataFrame, groups: Sequence[str]) -> list[Estimate | None]:
    numbers = ["estimate", "std_error", "p_value"]
    return [
        Estimate(*map(float, part.loc[group, numbers])) if group in part.index else None
        for group in groups
    ]


def _is_permuted(result: GroupComparison) -> bool:
    return "permutation" in result.tests


def _equality(result: GroupComparison, term: str, name: str) -> list[str]:
    """Return p-values of equal slopes of one regressor."""
    title = name.replace("`", "")
    title = f"W {title}" if term == "wx" else title
    tests = [result.tests.get(f"{kind}, {title}") for kind in ("Wald", "permutation")]
    return [
        "" if test is None or np.isnan(test.p_value) else p_value(test.p_value) for test in tests
    ]


def _about(result: GroupComparison, statistic: str, stars: str) -> list[str]:
    common, spec = result.common, result.spec
    model = RegressionSpec("", "", (), (), spec["model"], spec["effects"])
    tests = [result.tests[name] for name in ("Wald", "LR", "permutation") if name in result.tests]
    weights = spec["weights"]
    return [
        t("Dependent variable: {value}.", value=common.label(common.spec.outcome)),
        statistic_note(statistic),
        stars,
        t("Model: {value}.", value=model.describe()),
        t("Weights: {value}.", value=weights) if weights else "",
        t("Covariance: {value}.", value=common.spec.covariance_words()),
        *(
            t("{test}: {p}.", test=test.name, p=p_words(test.p_value))
            for test in tests
            if test.applicable
        ),
        *(t("{sentence}.", sentence=capital(translate(note))) for note in result.notes),
    ]
