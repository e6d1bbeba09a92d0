"""The steps of a study, and the code that they run.

A step's code is a Python template next to its module: readable text with ``{{ }}`` for settings,
each written as a literal. The study runs the rendered text and the page shows the same text, so
that the code shown and the code run cannot differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.regression._formulas import quoted, terms_of
from nqp_spatial.report.study.cells import Alike
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.page import Domains, Headline, Table, table_of

if TYPE_CHECKING:
    import jinja2

_LOG = re.compile(r"(?:np\.)?log\((?:`([^`]+)`|(\w+))\)")

__all__ = [
    "Names",
    "Step",
    "StepOutput",
    "index_label",
    "left_out",
    "literal",
    "make_step",
    "name_of",
    "setup_code",
    "without_code",
]

Names = dict[str, Any]
_FOLDER = Path(__file__).parent
#: Names of weights in tables, by [weights] kind.
_KINDS = {
    "queen": t("queen contiguity"), "rook": t("rook contiguity"),
    "knn": t("k nearest neighbours"), "distance-band": t("distance band"),
    "inverse-distance": t("inverse distance"),
}  # fmt: skip


@dataclass
class StepOutput:
    """The content of a step: paragraphs and tables, in the language of the page.

    Attributes
    ----------
    words : list of str
        Paragraphs.
    tables : list of Table
    headlines : list of Headline
        Numbers for the opening of the page.
    attached : list of str
        Names of other pages that the step has written.
    """

    words: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    headlines: list[Headline] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)

    def headline(self, term: str, value: str, detail: str = "") -> None:
        """Add a number to the opening of the page: its name, its value, how certain it is."""
        self.headlines.append(Headline(translate(term), translate(value), translate(detail)))

    def say(self, *messages: str) -> None:
        """Add paragraphs, without empty ones."""
        self.words += [translate(message) for message in messages if message]

    def note(self, notes: Iterable[str]) -> None:
        """Add the notes of a result."""
        for note in notes:
            self.say(t("Note: {words}.", words=translate(note).rstrip(".。")))

    def show(
        self, caption: str, table: pd.DataFrame, *, columns: Domains = "column",
        rows: Domains = None, alike: Alike = "columns", files: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Add a table; the parameters are those of `table_of`."""
        self.tables.append(
            table_of(
                translate(caption), table, columns=columns, rows=rows, alike=alike, files=files
            )
        )


@dataclass(frozen=True)
class Step:
    """One step of a study.

    Attributes
    ----------
    name, title : str
    code : str
        Python that calls the API; `panel`, `w`, `nq` and `out` are defined.
    read : callable
        Function from the names that the code defines to the content shown.
    figures : tuple of (name, caption)
        Files that the code writes to out / "figures".
    skip_reason : str
        Why the step does not apply, or "".
    needed : str
        The part of the code that later steps require: it runs even if the step is reused
        from an earlier run.
    periods : int
        Minimum number of periods that the step requires.
    """

    name: str
    title: str
    code: str
    read: Callable[[Names], StepOutput]
    figures: tuple[tuple[str, str], ...] = ()
    skip_reason: str = ""
    needed: str = ""
    periods: int = 1


def make_step(
    name: str,
    title: str,
    config: StudyConfig,
    read: Callable[[Names], StepOutput],
    *,
    figures: Sequence[tuple[str, str]] = (),
    periods: int = 1,
) -> Step:
    """Return a step with the code of its template, ``steps/<name>.py.j2``, for these settings.

    Parameters
    ----------
    name, title : str
    config : StudyConfig
    read : callable
    figures : sequence of (name, caption)
    periods : int
        As in `Step`; titles and captions are messages.
    """
    code, needed = _rendered(f"steps/{name}.py.j2", config)
    pictures = tuple((picture, translate(caption)) for picture, caption in figures)
    return Step(name, translate(title), code, read, pictures, "", needed, periods)


def left_out(name: str, title: str, reason: str) -> Step:
    """Return a step that does not apply, with the reason."""
    return Step(name, translate(title), "", lambda _: StepOutput(), skip_reason=translate(reason))


def without_code(step: Step, reason: str) -> Step:
    """Return the step without its code, with the reason why it is omitted."""
    return Step(step.name, step.title, "", step.read, skip_reason=translate(reason))


def index_label(config: StudyConfig) -> str:
    """Return the index's name for the reader: the user's label or name, or a word for it."""
    name = config.index.name
    chosen = "name" in config.index.model_fields_set
    return config.data.labels.get(name) or (name if chosen else translate(t("Index")))


def name_of(config: StudyConfig, column: str | None) -> str:
    """Return a column's name for the reader."""
    if config.index.indicators and column == config.index.name:
        return index_label(config)
    text = str(column)
    if text not in config.data.labels and (inner := _LOG.fullmatch(text)):
        return translate(t("Log of {name}", name=name_of(config, inner[1] or inner[2])))
    return config.data.labels.get(text, text)


def _labels_of_logs(config: StudyConfig) -> dict[str, str]:
    """Return the labels of columns that the formula has in logs, by their terms."""
    formula = config.model.formula
    if not formula:
        return {}
    terms = [formula.partition("~")[0].strip(), *terms_of(formula)]
    return {term: name_of(config, term) for term in terms if _LOG.fullmatch(term)}


def setup_code(config: StudyConfig) -> str:
    """Return the code that reads the data and builds the weights."""
    labels = {
        f"log_{name}": translate(t("Log of {name}", name=config.data.labels.get(name, name)))
        for name in config.data.logs
    }
    terms = _labels_of_logs(config)
    return _rendered("setup.py.j2", config, log_labels=labels, term_labels=terms)[0]


def _rendered(name: str, config: StudyConfig, **values: object) -> tuple[str, str]:
    """Return the code of a template, and the part of it that later steps need."""
    template = _environment().get_template(name)
    context = {
        **dict(config), "y": config.outcome_name, "columns": config.columns,
        "described": _described(config), "index_label": index_label(config),
        "explored": list(dict.fromkeys([config.outcome_name, *_described(config)])),
        "has_effects": config.has_effects,
        "qap_formula": _qap_formula(config), "regime": _regime(config),
        "kind_names": {kind: translate(words) for kind, words in _KINDS.items()}, **values,
    }  # fmt: skip
    needed = template.blocks.get("needed")
    parts = "" if needed is None else "".join(needed(template.new_context(context)))
    return template.render(context).strip(), parts.strip()


def _qap_formula(config: StudyConfig) -> str:
    """Return the formula of a network and the differences of its units."""
    names = config.network.differences if config.network else []
    return f"network ~ {' + '.join(map(quoted, names))}"


def _regime(config: StudyConfig) -> list[str]:
    """Return the terms whose coefficients change at thresholds."""
    table = config.heterogeneity
    if table is None or not config.model.formula:
        return []
    return table.regime or list(terms_of(config.model.formula)[:1])


def _described(config: StudyConfig) -> list[str]:
    """Return the columns for descriptive statistics: those used, and logs, without groups."""
    groups = [*config.groupings.values(), *config.clusters]
    columns = [name for name in config.columns if name not in groups]
    return columns + [f"log_{name}" for name in config.data.logs]


@cache
def _environment() -> jinja2.Environment:
    """Return templates in which every value becomes a literal: no setting can become code."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER), finalize=literal, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip


def literal(value: object) -> str:
    """Return a plain value as a Python literal.

    Parameters
    ----------
    value : object
        None, true or false, a finite number, text, or a list or mapping of these.

    Raises
    ------
    OptionError
        If the value is anything else: it could run as code.

    Examples
    --------
    >>> print(literal({"a": ["it's", 1, 0.5, None]}))
    {'a': ["it's", 1, 0.5, None]}
    """
    if value is None or isinstance(value, bool):
        return str(value)
    # The representations of the built-in types, not those of subclasses.
    if isinstance(value, str):
        return str.__repr__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and math.isfinite(value):
        return float.__repr__(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{literal(key)}: {literal(part)}" for key, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise OptionError(
        f"settings hold finite numbers, text, true or false, and lists or tables of these, got "
        f"{type(value).__name__}"
    )
