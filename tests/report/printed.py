"""Numbers as tables print them, read back from the text."""

from __future__ import annotations

import re


def numbers_of(text):
    """Every number of a text with its decimals, signs and separators of any format removed."""
    plain = text.replace("{,}", ",").replace("−", "-").replace("{}", "")
    for match in re.finditer(r"\d[\d,]*(?:\.(\d+))?", plain):
        yield float(match[0].replace(",", "")), len(match[1] or "")


def prints(text, value, decimals=3, digits=2):
    """Whether a text has this number, rounded to the decimals and digits that it must show.

    Large numbers may have fewer decimals: no more than `decimals + 2` significant digits.
    """
    size = abs(float(value))
    for number, places in numbers_of(text):
        shown = len(f"{number:.{places}f}".replace(".", "").lstrip("0"))
        if abs(number - size) <= 0.5000001 * 10.0**-places and (
            (places >= decimals and (shown >= digits or size == 0)) or shown >= decimals + 2
        ):
            return True
    return False
