"""What results say of themselves, in the language that is spoken.

Results are made before anybody knows who will read them, and speak English. Here their sentences,
the names of their tests and the heads of their tables are said in Chinese for figures, tables and
pages. A sentence is known by its form, what stands in braces being whatever the result put there.
What is not known is left as it is: a word in English is better than none.
"""

from __future__ import annotations

import re
from functools import cache

from nqp_spatial.core.text import label, translate
from nqp_spatial.plots.said_words import FORMS, NAMES
from nqp_spatial.plots.words import spoken

__all__ = ["heading", "said"]

# Blanks that hold words of results; what else stands in a blank may be the caller's own name.
_WORDS = {"why", "whose", "other"}
_BLANK = re.compile(r"\{(\w+)\}")
_STANDARDIZED = tuple(name for name in NAMES if name.endswith("standardised") or "divided" in name)
_WEIGHTS = re.compile(
    r"(?P<kind>[^(),]+?)(?: \((?P<inside>[^()]*)\))?(?:, islands: (?P<islands>.+))?"
    rf", (?P<scale>{'|'.join(_STANDARDIZED)})"
)


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for english, chinese in FORMS.items():
        pieces = _BLANK.split(english)  # text, name, text, name, ..., text
        form = "".join(
            f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)
        )
        found.append((re.compile(form, re.DOTALL), chinese))
    return found


def said(text: str, lang: str | None = None) -> str:
    """Return what a result says in the language that is spoken; unknown words stay as they are.

    Parameters
    ----------
    text : str
        Sentences, a name of a test or a measure, a specification of weights.
    lang : {"en", "zh"}, optional
        Another language than the one that is spoken.

    Examples
    --------
    >>> for words in ("queen contiguity, row-standardised", "robust LM lag", "my own words"):
    ...     print(said(words, "zh"))
    后式邻接，行标准化
    稳健 LM 滞后
    my own words
    """
    text = translate(text, lang)
    return text if (lang or spoken()) == "en" else _chinese(text)


def heading(name: str) -> str:
    """Return the head of a column or row of a result's table, in the language that is spoken.

    Examples
    --------
    >>> heading("half_life_low")
    'half life low'
    """
    word = label("column", name)
    if word.context:
        return translate(word)
    if spoken() == "en":
        return name.replace("_", " ")
    return said(name)


def _chinese(text: str) -> str:
    """Return a text in Chinese: known as a whole, or sentence by sentence."""
    whole = _known(text)
    if whole is not None:
        return whole
    sentences = re.split(r"(?<=[.]) ", text)
    found = [_known(one) for one in sentences]
    if all(one is None for one in found):
        return text
    return "".join(one or f"{given} " for one, given in zip(found, sentences, strict=True)).strip()


def _known(text: str) -> str | None:
    if text in NAMES:
        return NAMES[text]
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(text):
            inside = found.groupdict()
            return chinese.format(**inside | {k: _chinese(inside[k]) for k in _WORDS & set(inside)})
    weights = _WEIGHTS.fullmatch(text)
    return _weights(**weights.groupdict()) if weights else None


def _weights(kind: str, inside: str | None, islands: str | None, scale: str) -> str:
    """Return how weights were made."""
    words = _chinese(kind)
    if inside:
        pairs = [" = ".join(map(_chinese, one.split(" = ", 1))) for one in inside.split(", ")]
        words += f"（{'，'.join(pairs)}）"
    if islands:
        words += f"，孤立单元：{_chinese(islands)}"
    return f"{words}，{_chinese(scale)}"
