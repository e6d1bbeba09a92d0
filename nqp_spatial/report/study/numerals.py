"""Numbers in the sentences of a study."""

from __future__ import annotations

from nqp_spatial.core.number_format import fixed, typeset
from nqp_spatial.core.text import Message, t

__all__ = ["number", "periods_words"]


def number(value: float, places: int = 3) -> str:
    """Return a number with so many decimals and a true minus sign; a small one is never zero.

    Examples
    --------
    >>> number(-1.5, 1), number(0.0), number(-0.00012)
    ('−1.5', '0.000', '−0.0001')
    """
    return typeset(fixed(value, places))


def periods_words(count: int) -> Message:
    """Return a number of periods in words.

    Examples
    --------
    >>> periods_words(1), periods_words(3)
    ('one period', '3 periods')
    """
    return t("one period") if count == 1 else t("{count} periods", count=count)
