"""Tables of chains, inequality, clubs, tests, and of the data themselves."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.convergence import ClubsResult
from nqp_spatial.core.inference import HypothesisTest, NotApplicable, tests_frame
from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import label, translate
from nqp_spatial.dynamics import ChainsResult, MarkovResult, SpatialMarkovResult
from nqp_spatial.errors import OptionError
from nqp_spatial.inequality import DagumResult
from nqp_spatial.plots.said import said
from nqp_spatial.regression.diagnostics.specification_search import DiagnosticsResult
from nqp_spatial.report.tables._writers import (
    STARS_NOTE,
    number,
    p_value,
    require_result,
    stars,
    target_of,
    words_in,
    write_cells,
)

__all__ = [
    "club_table",
    "dagum_table",
    "descriptive_table",
    "tests_table",
    "transition_table",
]

Lang = Literal["en", "zh"]
_LISTED = 30  # members of a club that a table has room for

# Built-in words of tables, English and Chinese.
_WORDS = {
    "en": {
        "moves": "Moves", "all": "All", "ergodic": "Long run", "neighbours": "Neighbours {}",
        "group": "Group {}", "total": "Gini", "within": "Within groups",
        "net_between": "Net between groups", "transvariation": "Transvariation",
        "share": "{}, %", "inside": "Within {}", "between": "{} – {}", "parts": "Contributions",
        "groups": "Within groups", "pairs": "Between groups", "club": "Club {}", "units": "Units",
        "b": "b", "statistic": "t", "speed": "Speed", "level": "Level", "members": "Members",
        "divergent": "Divergent", "mean": "Mean", "sd": "S.D.", "between_sd": "S.D. between",
        "within_sd": "S.D. within", "min": "Min.", "median": "Median", "max": "Max.", "n": "Obs.",
        "test": "Test", "null": "Null hypothesis", "df": "d.f.", "p": "p", "value": "Statistic",
        "std_error": "s.e.", "stars": STARS_NOTE,
        "chain_note": "States of {name} by {rule}; steps of {step}. Standard errors in "
        "parentheses; – where a state was never visited.",
        "dagum_note": "Dagum's (1997) decomposition of the Gini coefficient of {name} by groups of "
        "{group}.",
        "club_note": "Clubs of {name} by Phillips and Sul (2007); {critical} critical value, {hac} "
        "bandwidth, first {discard} discarded, merging: {merge}. Standard errors in parentheses; t "
        "below -1.65 rejects convergence. Level: mean path in the last period over that of all.",
        "span": "{n} units, {first} to {last}.", "one": "{n} units, {first}.",
    },
    "zh": {
        "moves": "转移次数", "all": "全部", "ergodic": "稳态分布", "neighbours": "邻居状态{}",
        "group": "组状态{}", "total": "基尼系数", "within": "组内", "net_between": "组间净值",
        "transvariation": "超变密度", "share": "{}（%）", "inside": "{}内部", "between": "{}–{}",
        "parts": "贡献", "groups": "组内差异", "pairs": "组间差异", "club": "俱乐部{}",
        "units": "单元数", "b": "b", "statistic": "t", "speed": "收敛速度", "level": "相对水平",
        "members": "成员", "divergent": "发散", "mean": "均值", "sd": "标准差",
        "between_sd": "组间标准差", "within_sd": "组内标准差", "min": "最小值", "median": "中位数",
        "max": "最大值", "n": "观测值", "test": "检验", "null": "原假设", "df": "自由度",
        "p": "p值", "value": "统计量", "std_error": "标准误",
        "stars": "* p < 0.1，** p < 0.05，*** p < 0.01。",
        "chain_note": "{name}的状态，划分：{rule}；步长 {step} 期。"
        "括号内为标准误；– 表示该状态从未出现。",
        "dagum_note": "{name}基尼系数按{group}的达格姆（Dagum 1997）分解。",
        "club_note": "{name}的俱乐部（Phillips 和 Sul 2007）；临界值：{critical}，带宽：{hac}，"
        "舍去前 {discard}，合并：{merge}。括号内为标准误；t 小于 -1.65 拒绝收敛。"
        "相对水平为末期平均路径与总体之比。",
        "span": "{n} 个单元，{first} 至 {last}。", "one": "{n} 个单元，{first}。",
    },
}  # fmt: skip


@checked
def transition_table(
    chain: MarkovResult | SpatialMarkovResult | ChainsResult,
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write transition probabilities with standard errors, moves and long-run distributions.

    Parameters
    ----------
    chain : MarkovResult, SpatialMarkovResult or ChainsResult
        From `nqp_spatial.dynamics`.
    path : path
        Ends in .docx, .tex, .html or .xlsx.
    caption : str, optional
    notes : str
        Added to the built-in note with states, steps and tests.
    digits : int
        Decimal places.
    lang : {"en", "zh"}
        Language of the built-in words and of what the result says; `notes` stay as given.

    Returns
    -------
    Path
        One panel a condition or group; rows are states now, columns states next.

    Raises
    ------
    OptionError
        If the ending or an option is unknown, or the result is not of chains.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=4)
    >>> transition_table(chain, tempfile.mkdtemp() + "/chain.tex").name
    'chain.tex'
    """
    target, words = target_of(path, digits, caption, notes), words_in(lang, _WORDS)
    tests: Mapping[str, HypothesisTest | NotApplicable] = {}
    if isinstance(chain, MarkovResult):
        blocks, one = {words["all"]: chain}, chain
        panels = {name: _chain_cells(c, words, digits) for name, c in blocks.items()}
    elif isinstance(chain, ChainsResult):
        blocks, one, tests = {words["all"]: chain.pooled, **chain.chains}, chain.pooled, chain.tests
        panels = {name: _chain_cells(c, words, digits) for name, c in blocks.items()}
    elif isinstance(chain, SpatialMarkovResult):
        one, tests = chain.pooled, chain.tests
        panels = {words["all"]: _chain_cells(one, words, digits)}
        panels |= _conditional_cells(chain, words, digits)
    else:
        raise OptionError(
            "transition_table writes what markov, spatial_markov, markov_by_group or "
            f"time_homogeneity returned, got {type(chain).__name__}"
        )
    cells = pd.concat(panels)
    about = words["chain_note"].format(name=one.label, rule=said(one.rule, lang), step=one.step)
    found = [f"{said(test.null, lang)}: {_test_words(test, lang)}." for test in _two(tests)]
    notes = " ".join([about, *found, notes]).strip()
    return write_cells(cells, target, caption=caption, notes=notes)


def _two(
    tests: Mapping[str, HypothesisTest | NotApplicable],
) -> list[HypothesisTest | NotApplicable]:
    return [tests[key] for key in ("lr", "lr_permutation") if key in tests]


def _test_words(test: HypothesisTest | NotApplicable, lang: Lang) -> str:
    if isinstance(test, NotApplicable):
        return said(test.reason, lang)
    df = "" if test.df is None else f"({test.df:g})"
    name, against = said(test.name, lang), said(test.distribution, lang)
    return f"{name} {against}{df} = {test.statistic:.2f}, p {_equals(test.p_value)}"


def _equals(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _chain_cells(chain: MarkovResult, words: dict[str, str], digits: int) -> pd.DataFrame:
    return _cells(chain.probabilities, chain.std_errors, chain.counts, chain.ergodic, words, digits)


def _conditional_cells(
    chain: SpatialMarkovResult, words: dict[str, str], digits: int
) -> dict[str, pd.DataFrame]:
    of = {"neighbour_state": words["neighbours"], "group_state": words["group"]}
    names = chain.ergodic.index.names
    found = {}
    for value in chain.ergodic.index:
        parts = value if isinstance(value, tuple) else (value,)
        title = "; ".join(of[n].format(v) for n, v in zip(names, parts, strict=True))
        found[title] = _cells(
            chain.probabilities.loc[value], chain.std_errors.loc[value], chain.counts.loc[value],
            chain.ergodic.loc[value], words, digits,
        )  # fmt: skip
    return found


def _cells(
    p: pd.DataFrame,
    errors: pd.DataFrame,
    counts: pd.DataFrame,
    ergodic: pd.Series,
    words: dict[str, str],
    digits: int,
) -> pd.DataFrame:
    rows = {}
    for state in p.index:
        moves = int(counts.loc[state].sum())
        cells = {
            str(to): "–" if pd.isna(value) else f"{value:.{digits}f}\n({error:.{digits}f})"
            for to, value, error in zip(p.columns, p.loc[state], errors.loc[state], strict=True)
        }
        rows[str(state)] = {words["moves"]: f"{moves:,}", **cells}
    last = {str(to): number(value, digits) for to, value in ergodic.items()}
    rows[words["ergodic"]] = {words["moves"]: "", **last}
    return pd.DataFrame.from_dict(rows, orient="index")


@checked
def dagum_table(
    result: DagumResult,
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write the Gini coefficient, its parts, and the coefficients within and between groups.

    Parameters
    ----------
    result : DagumResult
        From `nqp_spatial.inequality.dagum`.
    path, caption, notes, digits, lang
        As in `transition_table`.

    Returns
    -------
    Path
        One column a period.

    Raises
    ------
    OptionError
        If the ending or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> cities = nq.datasets.simulate_cities(seed=0)
    >>> result = nq.inequality.dagum(cities, "nqp", group="region4")
    >>> dagum_table(result, tempfile.mkdtemp() + "/gini.xlsx").name
    'gini.xlsx'
    """
    require_result(result, DagumResult, "dagum_table", "nqp_spatial.inequality.dagum")
    target, words = target_of(path, digits, caption, notes), words_in(lang, _WORDS)
    summary = result.frame
    parts = {words["total"]: summary["gini"].map(lambda x: number(x, digits))}
    for key in ("within", "net_between", "transvariation"):
        parts[words[key]] = summary[key].map(lambda x: number(x, digits))
        share = 100 * summary[f"{key}_share"]
        parts[words["share"].format(words[key])] = share.map(lambda x: f"{x:.1f}")
    inside = {
        words["inside"].format(name): result.within[name].map(lambda x: number(x, digits))
        for name in result.within
    }
    across = {
        words["between"].format(a, b): result.between[a, b].map(lambda x: number(x, digits))
        for a, b in result.between
    }
    cells = pd.concat(
        {
            words["parts"]: pd.DataFrame(parts).T,
            words["groups"]: pd.DataFrame(inside).T,
            words["pairs"]: pd.DataFrame(across).T,
        }
    )
    about = words["dagum_note"].format(name=result.label, group=result.group)
    return write_cells(cells, target, caption=caption, notes=f"{about} {notes}".strip())


@checked
def club_table(
    clubs: ClubsResult,
    path: str | Path,
    *,
    members: bool | None = None,
    names: pd.Series | None = None,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write convergence clubs with their tests and, if asked for, their members.

    Parameters
    ----------
    clubs : ClubsResult
        From `nqp_spatial.convergence.clubs`.
    path, caption, notes, digits, lang
        As in `transition_table`.
    members : bool, optional
        Whether to list the members, the highest first; by default if no club has more than 30.
    names : Series, optional
        Names by unit; the ids if not given.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        If the ending or an option is unknown.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> clubs = nq.convergence.clubs(panel, "income", logs=True)
    >>> club_table(clubs, tempfile.mkdtemp() + "/clubs.docx").name
    'clubs.docx'
    """
    require_result(clubs, ClubsResult, "club_table", "nqp_spatial.convergence.clubs")
    if names is not None and not isinstance(names, pd.Series):
        raise OptionError(f"names must be a Series of names by unit, got {type(names).__name__}")
    target, words = target_of(path, digits, caption, notes), words_in(lang, _WORDS)

    def listed(units: Sequence[object]) -> str:
        called = units if names is None else [names.get(unit, unit) for unit in units]
        return ", ".join(map(str, called))

    if members is None:
        members = int(clubs.table["units"].max()) <= _LISTED
    rows = {}
    for club, row in clubs.table.iterrows():
        cells = {
            words["units"]: str(row["units"]),
            words["b"]: f"{row['b']:.{digits}f}\n({row['std_error']:.{digits}f})",
            words["statistic"]: f"{row['statistic']:.2f}",
            words["speed"]: f"{row['speed']:.{digits}f}",
            words["level"]: f"{row['level']:.{digits}f}",
        }
        if members:
            cells[words["members"]] = listed(clubs.members(int(club)))
        rows[words["club"].format(club)] = cells
    if len(clubs.divergent):
        cells = dict.fromkeys([words[k] for k in ("b", "statistic", "speed", "level")], "–")
        cells = {words["units"]: str(len(clubs.divergent)), **cells}
        if members:
            cells[words["members"]] = listed(list(clubs.divergent))
        rows[words["divergent"]] = cells
    options = clubs.options
    note = words["club_note"].format(
        name=said(clubs.variable, lang), critical=said(str(options["critical"]), lang),
        hac=said(str(options["hac"]), lang),
        discard=f"{options['discard']:.0%}", merge=options["merge"] or "–",
    )  # fmt: skip
    stop = "。" if lang == "zh" else "."
    all_notes = [note, *(said(one, lang).rstrip(stop) + stop for one in clubs.notes), notes]
    return write_cells(
        pd.DataFrame.from_dict(rows, orient="index"), target, caption=caption,
        notes=" ".join(all_notes).strip(), words=[words["members"]],
    )  # fmt: skip


@checked
def descriptive_table(
    panel: SpatialPanel,
    variables: Sequence[str],
    path: str | Path,
    *,
    periods: Sequence[Hashable] | None = None,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write descriptive statistics, with the standard deviation between and within units.

    Parameters
    ----------
    panel : SpatialPanel
        Balanced and complete in the variables.
    variables : sequence of str
        Numeric columns; their labels name the rows.
    path, caption, notes, digits, lang
        As in `transition_table`.
    periods : sequence, optional
        All if not given.

    Returns
    -------
    Path

    Raises
    ------
    OptionError
        If the ending or an option is unknown, or there are no variables. What `SpatialPanel.values`
        raises.

    Notes
    -----
    Between: of the units' means. Within: of deviations from the units' means, as Stata's xtsum
    has them.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> descriptive_table(panel, ["lgsp", "unemp"], tempfile.mkdtemp() + "/data.html").name
    'data.html'
    """
    target, words = target_of(path, digits, caption, notes), words_in(lang, _WORDS)
    if isinstance(variables, str):
        variables = [variables]
    if not isinstance(variables, Iterable) or not all(isinstance(n, Hashable) for n in variables):
        raise OptionError(f"variables must be a list of columns, got {variables!r}")
    chosen = list(variables)
    if not chosen:
        raise OptionError("name at least one variable")
    some = panel if periods is None else panel.select(periods=periods)
    rows = {}
    for name in chosen:
        x = some.values(name)
        means = x.mean(axis=1, keepdims=True)
        cells = {"n": x.size, "mean": x.mean(), "sd": x.std(ddof=1)}
        if some.n_periods > 1:
            cells |= {
                "between_sd": means.std(ddof=1) if len(x) > 1 else np.nan,
                "within_sd": (x - means).std(ddof=1),
            }
        cells |= {"min": x.min(), "median": np.median(x), "max": x.max()}
        rows[panel.label(name)] = {
            words[key]: f"{value:,}" if key == "n" else f"{value:,.{digits}f}"
            for key, value in cells.items()
        }
    about = words["span" if some.n_periods > 1 else "one"].format(
        n=some.n_units, first=some.periods[0], last=some.periods[-1]
    )
    return write_cells(
        pd.DataFrame.from_dict(rows, orient="index"), target, caption=caption,
        notes=f"{about} {notes}".strip(),
    )  # fmt: skip


def _listed_tests(tests: Any) -> list[HypothesisTest | NotApplicable]:
    """Return tests in order, or raise where they are anything else."""
    values = tests.values() if isinstance(tests, Mapping) else tests
    rows = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [tests]
    wrong = [type(t).__name__ for t in rows if not isinstance(t, HypothesisTest | NotApplicable)]
    if wrong:
        raise OptionError(
            "tests_table writes what nqp_spatial.diagnostics returned, or the tests of a result; "
            f"got {', '.join(dict.fromkeys(wrong))}"
        )
    return rows


@checked
def tests_table(
    tests: DiagnosticsResult
    | Mapping[str, HypothesisTest | NotApplicable]
    | Sequence[HypothesisTest | NotApplicable],
    path: str | Path,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path:
    """Write hypothesis tests: those of the specification path, or any others.

    Parameters
    ----------
    tests : DiagnosticsResult, mapping or sequence
        What `nqp_spatial.diagnostics` returned, or tests of any result (such as ``chain.tests``).
    path, caption, notes, digits, lang
        As in `transition_table`.

    Returns
    -------
    Path
        Tests that do not apply say why.

    Raises
    ------
    OptionError
        If the ending or an option is unknown, or there are no tests.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> panel = nq.datasets.us_income()
    >>> chain = nq.dynamics.spatial_markov(panel, "income", nq.weights.contiguity(panel))
    >>> tests_table(chain.tests, tempfile.mkdtemp() + "/tests.docx").name
    'tests.docx'
    """
    target, words = target_of(path, digits, caption, notes), words_in(lang, _WORDS)
    about = [words["stars"]]
    if isinstance(tests, DiagnosticsResult):
        frame = tests.frame
        about.append(said(tests.recommendation, lang))
    else:
        frame = tests_frame(_listed_tests(tests))
    if frame.empty:
        raise OptionError("there are no tests to write")
    rows = {}
    for at, row in enumerate(frame.itertuples()):
        applies = not pd.isna(row.p_value)
        df = "" if row.df is None or pd.isna(row.df) else f"{row.df:g}"
        cells = {
            words["null"]: said(row.null, lang),
            words["value"]: f"{row.statistic:.{digits}f}{stars(row.p_value)}" if applies else "–",
            words["df"]: df,
            words["p"]: p_value(row.p_value, digits) if applies else said(row.rule, lang),
        }
        panel = translate(label("test group", getattr(row, "group", "")), lang)
        rows[(panel, said(row.name, lang), at)] = cells
    cells = pd.DataFrame(list(rows.values()))
    keys = [(panel, name) for panel, name, _ in rows]
    cells.index = (
        pd.MultiIndex.from_tuples(keys)
        if any(panel for panel, _ in keys)
        else pd.Index([name for _, name in keys])
    )
    return write_cells(cells, target, caption=caption, notes=" ".join([*about, notes]).strip())
