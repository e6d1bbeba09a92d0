"""Tables of hypothesis tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable, TestSet
from nqp_spatial.core.number_format import fixed
from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, label, t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression.diagnostics.specification_search import DiagnosticsResult
from nqp_spatial.report.tables._cells import STARS, p_value, star_levels, stars_for, stars_note
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["tests_table"]

Test: TypeAlias = HypothesisTest | NotApplicable


@runtime_checkable
class Tested(Protocol):
    """A result with tests."""

    @property
    def tests(self) -> Mapping[str, Test]:
        """Tests by name."""


@checked
def tests_table(
    tests: TestSet | Tested | Mapping[str, Test] | Sequence[Test],
    path: str | Path | None = None,
    *,
    stars: Sequence[float] | bool = STARS,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
    """Write hypothesis tests: those of a result, or any others.

    Parameters
    ----------
    tests : result, TestSet, mapping or sequence
        Any result that has ``tests``, such as that of `nqp_spatial.diagnostics`, or tests.
    stars : sequence of float, or bool
        As in `regression_table`.
    path, caption, notes, digits, lang
        As in `transition_table`.

    Returns
    -------
    Path or JournalTable
        Tests that do not apply are listed with the reason.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown, or there are no tests.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> chain = nq.dynamics.spatial_markov(panel, "income", nq.weights.contiguity(panel))
    >>> tests_table(chain.tests, tempfile.mkdtemp() + "/tests.docx").name
    'tests.docx'
    """
    listed = _listed(tests)
    levels = star_levels(stars)
    if not listed:
        raise OptionError("there are no tests to write")
    kinds = [""] * len(listed)
    advice: list[str] = []
    if isinstance(tests, DiagnosticsResult):
        kinds, advice = list(tests.frame["group"]), [tests.recommendation]
    with table_file(path, digits, caption, notes, lang) as table:
        cells = pd.DataFrame([_row(test, digits, levels) for test in listed])
        names = [translate(test.name) for test in listed]
        titles = [translate(label("test group", kind)) if kind else "" for kind in kinds]
        cells.index = pd.MultiIndex.from_arrays([titles, names]) if any(kinds) else pd.Index(names)
        about = [stars_note(levels), *advice]
        return table.write(cells, about, words=[translate(t("Null hypothesis"))])


def _listed(tests: Any) -> list[Test]:
    """Return tests in order, or raise if they are anything else."""
    held = getattr(tests, "tests", tests)
    values = held.values() if isinstance(held, Mapping) else held
    listed = (
        list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [held]
    )
    wrong = [type(test).__name__ for test in listed if not isinstance(test, Test)]
    if wrong:
        raise OptionError(
            "tests_table writes the tests of a result, such as what nqp_spatial.diagnostics "
            f"returned; got {', '.join(dict.fromkeys(wrong))}"
        )
    return listed


def _row(test: Test, digits: int, levels: Sequence[float]) -> dict[str, str]:
    if isinstance(test, NotApplicable):
        values = ["–", "", translate(t("not applicable: {reason}", reason=test.reason))]
    else:
        df = "" if test.df is None or pd.isna(test.df) else f"{test.df:g}"
        statistic = f"{fixed(test.statistic, digits)}{stars_for(test.p_value, levels)}"
        values = [statistic, df, p_value(test.p_value, digits)]
    headings = [t("Null hypothesis"), t("Statistic"), t("d.f."), t("p")]
    cells = [translate(test.null), *values]
    return {translate(heading): cell for heading, cell in zip(headings, cells, strict=True)}
