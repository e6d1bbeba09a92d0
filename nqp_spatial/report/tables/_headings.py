"""Several results side by side: their headings, and facts common to all or some of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any

from nqp_spatial.core.text import Message, current_language, join, t
from nqp_spatial.errors import OptionError
from nqp_spatial.regression import EffectsResult, RegressionResult

__all__ = ["by_heading", "names_columns", "row_label", "same_or_each", "shared_labels"]


def by_heading(results: Any, kind: type) -> dict[str, Any]:
    """Return results by heading; numbers in parentheses if there are no names.

    Parameters
    ----------
    results : result, iterable or mapping
    kind : type
        The required class of each.

    Raises
    ------
    OptionError
        If one is of another class, there are none, or two headings are the same.
    """
    if isinstance(results, kind):
        results = [results]
    if not isinstance(results, Mapping):
        if isinstance(results, str) or not isinstance(results, Iterable):
            results = [results]
        results = {f"({number})": result for number, result in enumerate(results, start=1)}
    wrong = [type(result).__name__ for result in results.values() if not isinstance(result, kind)]
    if wrong or not results:
        raise OptionError(
            f"results must hold at least one {kind.__name__}, got {wrong or 'nothing'}; "
            "pass one, a list, or a mapping from headings"
        )
    named = {str(name): result for name, result in results.items()}
    if len(named) < len(results):
        raise OptionError(f"headings must differ, got {', '.join(map(str, results))}")
    return named


def same_or_each(values: Iterable[str]) -> str:
    """Return a fact once where all columns share it, else with its columns; empty if there is none.

    Examples
    --------
    >>> same_or_each(["SDM", "SDM"]), same_or_each(["SDM", ""])
    ('SDM', '(1) SDM; (2) none')
    >>> same_or_each(["", "queen", "queen", ""])
    '(1), (4) none; (2)–(3) queen'
    """
    listed = list(values)
    if not any(listed):
        return ""
    if len(set(listed)) == 1:
        return listed[0]
    columns: dict[str, list[int]] = {}
    for place, value in enumerate(listed, start=1):
        columns.setdefault(value, []).append(place)
    return join("; ", [_numbered(places, value) for value, places in columns.items()])


def _numbered(places: list[int], value: str) -> Message:
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    is_chinese = current_language() == "zh"
    brackets, comma = ("（{}）", "、") if is_chinese else ("({})", ", ")
    ends = [[run[0]] if len(run) == 1 else [run[0], run[-1]] for run in runs]
    names = comma.join("–".join(brackets.format(place) for place in pair) for pair in ends)
    return t("{columns} {value}", columns=names, value=value or t("none"))


def names_columns(sentences: Iterable[str]) -> bool:
    """Return whether a sentence names columns by their numbers, as `same_or_each` does.

    Examples
    --------
    >>> names_columns(["Model: (1) SAR; (2) SDM."]), names_columns(["Model: SDM."])
    (True, False)
    """
    return any(re.search("[(（]1[)）]", sentence) for sentence in sentences)


def shared_labels(results: Iterable[RegressionResult | EffectsResult]) -> set[str]:
    """Return the labels that two variables of one column share.

    Such variables have their names after the label, in all columns.
    """
    counts = (
        Counter(result.labels.get(name, name) for name in dict.fromkeys(_variables(result)))
        for result in results
    )
    return {words for count in counts for words, number in count.items() if number > 1}


def _variables(result: RegressionResult | EffectsResult) -> Iterable[str]:
    if isinstance(result, EffectsResult):
        return [str(name) for name in result.frame["variable"]]
    return result.spec.regressors


def row_label(name: str, labels: Mapping[str, str], shared: Set[str]) -> str:
    """Return the label of a variable's row, followed by its name if others have the same label.

    Examples
    --------
    >>> row_label("x1", {"x1": "Capital"}, {"Capital"}), row_label("z", {}, set())
    ('Capital (x1)', 'z')
    """
    words = labels.get(name, name)
    return f"{words} ({name})" if words in shared else words
