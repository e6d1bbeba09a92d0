"""Messages that carry their data, and the languages in which they can be read.

A result is made before anybody knows who will read it. So what it says is a `Message`: an English
sentence that still knows its template and its values. A translation looks up the template; values
are translated only where they are messages themselves, so that a name that the caller chose can
never be touched, and no sentence is ever recognised after it was finished.

The catalogues are gettext's, one for each room of the house:
``locale/<language>/LC_MESSAGES/*.po``, compiled into one by ``make messages``.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from nqp_spatial.core.vocabulary import VOCABULARY
from nqp_spatial.errors import OptionError

__all__ = [
    "Lang",
    "Message",
    "current_language",
    "join",
    "label",
    "language",
    "listed",
    "t",
    "translate",
]

Lang = Literal["en", "zh"]

DOMAIN = "nqp_spatial"
LOCALE = Path(__file__).parent.parent / "locale"
_JOINED = "joined by "
_LISTED = "list of names"
_SEPARATORS = {
    "zh": {"; ": "；", ", ": "，", ". ": "。", " ": "", " (": "（", ")": "）", ": ": "："}
}

_ENUMERATED = {"zh": "}、{"}

_LANGUAGE: ContextVar[str] = ContextVar("language", default="en")


class Message(str):
    """An English text that keeps the template and the values it was made from.

    Attributes
    ----------
    template : str
        With names in braces; the key of the catalogue.
    values : dict
        What stands in the braces.
    context : str or None
        The domain of a machine name, such as ``"column"``; a word may mean two things. Empty for a
        name that is nobody's word and stays as it is.

    Examples
    --------
    >>> note = t("{count} of {total} rows were never visited", count=3, total=9)
    >>> note
    '3 of 9 rows were never visited'
    >>> note.template
    '{count} of {total} rows were never visited'
    """

    __slots__ = ("context", "template", "values")

    template: str
    values: dict[str, Any]
    context: str | None

    def __new__(
        cls, template: str, values: dict[str, Any] | None = None, context: str | None = None
    ) -> Message:
        """Fill the template in."""
        text = template.format(**values) if values else template
        message = super().__new__(cls, text)
        message.template, message.values, message.context = template, dict(values or {}), context
        return message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the parts, not the finished sentence."""
        return Message, (self.template, self.values, self.context)


def t(template: str, /, **values: Any) -> Message:
    """Make a message from an English template and the values that stand in its braces.

    Parameters
    ----------
    template : str
        A literal: the catalogue is made by reading the source. Braces name values and may hold a
        format, ``"p = {p:.3f}"``.
    **values
        Numbers, names that the caller chose, or messages, which are translated with the sentence.

    Returns
    -------
    Message

    Examples
    --------
    >>> t("weights: {kind}", kind=t("queen contiguity"))
    'weights: queen contiguity'
    """
    return Message(template, values)


def join(separator: str, parts: Iterable[str]) -> Message:
    """Join messages into one, each of which is translated by itself.

    Parameters
    ----------
    separator : str
        What stands between them; it is translated too ("; " becomes a full-width semicolon).
    parts : iterable of str

    Examples
    --------
    >>> join("; ", [t("no W y"), "my own words"])
    'no W y; my own words'
    """
    listed = list(parts)
    names = [f"part{position}" for position in range(len(listed))]
    template = separator.join(f"{{{name}}}" for name in names)
    message = Message(template, dict(zip(names, listed, strict=True)))
    message.context = f"{_JOINED}{separator}"
    return message


def listed(values: Iterable[object], size: int = 5) -> str:
    """Return the first few values as text; a message that counts the others where there are some.

    Parameters
    ----------
    values : iterable
        Names that the caller chose, in the order in which they come.
    size : int
        How many to show.

    Examples
    --------
    >>> listed(range(8), 3)
    '0, 1, 2 and 5 more'
    >>> translate(listed(["北京", ("上海", 2010)]), "zh")
    '北京、(上海, 2010)'
    """
    items = list(values)
    shown = join(", ", map(_written, items[:size]))
    shown.context = _LISTED
    others = len(items) - size
    return t("{items} and {count} more", items=shown, count=others) if others > 0 else shown


def _written(value: object) -> str:
    """Return a name as text, without quotation marks."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))})"
    return str(value)


@contextmanager
def language(lang: Lang) -> Iterator[None]:
    """Read messages in a language; the one before comes back afterwards.

    Raises
    ------
    OptionError
        If the language is unknown.
    """
    if lang not in get_args(Lang):
        raise OptionError(f"lang must be one of {', '.join(get_args(Lang))}, got {lang!r}")
    token = _LANGUAGE.set(lang)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def current_language() -> str:
    """Return the language in which messages are read.

    Examples
    --------
    >>> current_language()
    'en'
    """
    return _LANGUAGE.get()


def translate(text: str, lang: str | None = None) -> str:
    """Return a message in a language; any other text as it is.

    Parameters
    ----------
    text : str
        A `Message`, or a text of the caller's own, which is never translated.
    lang : {"en", "zh"}, optional
        The current language, if not given.

    Examples
    --------
    >>> translate(label("column", "estimate"), "zh"), translate("estimate", "zh")
    ('估计值', 'estimate')
    """
    lang = lang or current_language()
    if lang == "en" or not isinstance(text, Message):
        return str(text)
    values = {name: _value(value, lang) for name, value in text.values.items()}
    template = _template(text, lang)
    return template.format(**values) if values else template


def _value(value: Any, lang: str) -> Any:
    return translate(value, lang) if isinstance(value, Message) else value


def _template(text: Message, lang: str) -> str:
    if text.context is None:
        return _catalogue(lang).gettext(text.template)
    if not text.context:
        return text.template
    if text.context == _LISTED:
        return text.template.replace("}, {", _ENUMERATED[lang])
    if text.context.startswith(_JOINED):
        separator = text.context.removeprefix(_JOINED)
        return text.template.replace(
            f"}}{separator}{{", f"}}{_SEPARATORS[lang].get(separator, separator)}{{"
        )
    return _catalogue(lang).pgettext(text.context, text.template)


@cache
def _catalogue(lang: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALE, languages=[lang])


def label(domain: str, name: Any) -> Message:
    """Return the reader's word for a machine name, such as a column of a result's table.

    Parameters
    ----------
    domain : str
        What kind of name it is: ``"column"``, ``"effect"``, ``"measure"``, ``"state"`` ...; the
        same name may mean two things in two of them.
    name : str
        The machine name. One that the domain does not know is somebody else's: it is returned as it
        is, in any language.

    Examples
    --------
    >>> label("column", "p_value"), label("column", "my_own")
    ('p-value', 'my_own')
    """
    english = VOCABULARY.get(domain, {}).get(str(name))
    return Message(str(name), None, "") if english is None else Message(english, None, domain)
