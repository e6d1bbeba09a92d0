"""Numbers in sentences: p-values as journals print them, equal decimals, true minus signs."""

from __future__ import annotations

import math

from nqp_spatial.core.text import Message, t

__all__ = ["equal_decimals", "number", "p_words"]

_DIGITS = 3
_MOST_DECIMALS = 8


def number(value: float, decimals: int = _DIGITS) -> str:
    """Return a number with a true minus sign; a rounded zero has no sign.

    Examples
    --------
    >>> number(-1.5, 1), number(-0.0001, 2), number(float("inf"))
    ('−1.5', '0.00', '∞')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{decimals}f}"
    if not float(text.replace(",", "")):
        text = text.removeprefix("-")
    return text.replace("-", "−")


def equal_decimals(*values: float) -> tuple[str, ...]:
    """Return numbers with the same decimals: three, or more if all of them are small.

    Examples
    --------
    >>> equal_decimals(0.36412, 0.3, 0.42)
    ('0.364', '0.300', '0.420')
    >>> equal_decimals(-0.0000123, -0.00002, 0.0000045)
    ('−0.0000123', '−0.0000200', '0.0000045')
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    scale = math.floor(math.log10(largest)) if largest else 0
    decimals = _DIGITS if scale >= -1 else min(_DIGITS - 1 - scale, _MOST_DECIMALS)
    if scale >= _DIGITS:
        decimals = 1
    return tuple(number(value, decimals) for value in values)


def p_words(p_value: float) -> Message:
    """Return a p-value in words; a very small one as a bound.

    Examples
    --------
    >>> p_words(1e-9), p_words(0.0421)
    ('p < 0.001', 'p = 0.042')
    """
    return t("p < 0.001") if p_value < 0.001 else t("p = {p:.3f}", p=p_value)
