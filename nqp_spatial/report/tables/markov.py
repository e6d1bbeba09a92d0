"""Tables of Markov chains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from nqp_spatial.core.inference import HypothesisTest, NotApplicable
from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.text import Lang, Message, t, translate
from nqp_spatial.dynamics import ChainsResult, MarkovResult, SpatialMarkovResult
from nqp_spatial.errors import OptionError
from nqp_spatial.report.tables._cells import number, p_value, with_error
from nqp_spatial.report.tables._writers import table_file
from nqp_spatial.report.tables.journal_table import JournalTable

__all__ = ["transition_table"]

_DISTRIBUTIONS = {"chi2": "χ²", "permutation": t("by permutation")}


@checked
def transition_table(
    chain: MarkovResult | SpatialMarkovResult | ChainsResult,
    path: str | Path | None = None,
    *,
    caption: str | None = None,
    notes: str = "",
    digits: Digits = 3,
    lang: Lang = "en",
) -> Path | JournalTable:
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
        Language of the built-in words and of the result's own texts; the argument `notes` is not
        translated.

    Returns
    -------
    Path or JournalTable
        One panel per condition or group; rows are current states, columns next states.

    Raises
    ------
    OptionError
        If the file extension or an option is unknown, or the result does not contain chains.

    Examples
    --------
    >>> import tempfile, nqp_spatial as nq
    >>> chain = nq.dynamics.markov(nq.datasets.us_income(), "relative_income", states=4)
    >>> transition_table(chain, tempfile.mkdtemp() + "/chain.tex").name
    'chain.tex'
    """
    if not isinstance(chain, MarkovResult | ChainsResult | SpatialMarkovResult):
        raise OptionError(
            "transition_table writes what markov, spatial_markov, markov_by_group or "
            f"time_homogeneity returned, got {type(chain).__name__}"
        )
    pooled = chain if isinstance(chain, MarkovResult) else chain.pooled
    tests = {} if isinstance(chain, MarkovResult) else chain.tests
    with table_file(path, digits, caption, notes, lang) as table:
        cells = pd.concat({translate(title): part for title, part in _panels(chain, digits)})
        about = [
            t(
                "States of {name} by {rule}; steps of {step}. Standard errors in parentheses; – "
                "where a state was never visited.",
                name=pooled.label, rule=pooled.rule, step=pooled.spec.step,
            ),
            *(_words_of(tests[key]) for key in ("lr", "lr_permutation") if key in tests),
        ]  # fmt: skip
        return table.write(cells, about)


def _panels(
    chain: MarkovResult | SpatialMarkovResult | ChainsResult, digits: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the chains of a result with their titles."""
    pooled = chain if isinstance(chain, MarkovResult) else chain.pooled
    yield (
        t("All"),
        _cells(pooled.probabilities, pooled.std_errors, pooled.counts, pooled.ergodic, digits),
    )
    if isinstance(chain, ChainsResult):
        for name, part in chain.chains.items():
            yield (
                str(name),
                _cells(part.probabilities, part.std_errors, part.counts, part.ergodic, digits),
            )
    if isinstance(chain, SpatialMarkovResult):
        names = chain.ergodic.index.names
        for value in chain.ergodic.index:
            states = value if isinstance(value, tuple) else (value,)
            title = "; ".join(
                translate(_condition(name, state))
                for name, state in zip(names, states, strict=True)
            )
            yield (
                title,
                _cells(chain.probabilities.loc[value], chain.std_errors.loc[value],
                       chain.counts.loc[value], chain.ergodic.loc[value], digits),
            )  # fmt: skip


def _condition(name: str, state: object) -> Message:
    if name == "neighbour_state":
        return t("Neighbours {state}", state=state)
    return t("Group {state}", state=state)


def _words_of(test: HypothesisTest | NotApplicable) -> Message:
    if isinstance(test, NotApplicable):
        return t("{null}: {result}.", null=test.null, result=test.reason)
    df = "" if test.df is None else f"({test.df:g})"
    text = p_value(test.p_value)
    return t(
        "{null}: {name} {distribution}{df} = {statistic:.2f}, p {p}.",
        null=test.null, name=test.name, df=df,
        distribution=_DISTRIBUTIONS.get(str(test.distribution), test.distribution),
        statistic=test.statistic, p=text if text.startswith("<") else f"= {text}",
    )  # fmt: skip


def _cells(
    probabilities: pd.DataFrame,
    errors: pd.DataFrame,
    counts: pd.DataFrame,
    ergodic: pd.Series,
    digits: int,
) -> pd.DataFrame:
    moves, rows = translate(t("Moves")), {}
    for state, values in probabilities.iterrows():
        cells = {
            str(to): with_error(values[to], errors.loc[state, to], digits) for to in values.index
        }
        rows[str(state)] = {moves: f"{int(counts.loc[state].sum()):,}", **cells}
    shares = {str(to): number(value, digits) for to, value in ergodic.items()}
    rows[translate(t("Long run"))] = {moves: "", **shares}
    return pd.DataFrame.from_dict(rows, orient="index")
