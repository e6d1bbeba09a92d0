"""A number of ours beside that of another program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

import numpy as np

from nqp_spatial.core.text import Message

__all__ = [
    "ALIKE",
    "EXACT",
    "ITERATED",
    "NoPeerError",
    "Quantity",
    "digits_agreed",
    "quantity",
    "version_of",
]

#: Digits that two computations of one formula share, two searches for one maximum, two estimates of
#: one variance.
EXACT, ITERATED, ALIKE = 9.0, 4.0, 0.3
_MOST_DIGITS = 15.9


class NoPeerError(Exception):
    """No other program computes this, or not with these options.

    Parameters
    ----------
    reason : Message
        Why, in words.
    """

    def __init__(self, reason: Message) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Quantity:
    """One comparison.

    Attributes
    ----------
    name : str
        What is compared.
    ours, theirs : float
        Of several entries, those that differ most.
    entries : int
        How many entries were compared.
    digits : float
        Significant digits that agree, in the entry that differs most.
    wanted : float
        Digits that show agreement, given how both are computed.
    program : str
    reason : str
        Why fewer digits are wanted than of one formula, if so.
    """

    name: str
    ours: float
    theirs: float
    entries: int
    digits: float
    wanted: float
    program: str
    reason: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the digits wanted agree."""
        return self.digits >= self.wanted


def digits_agreed(ours: np.ndarray, theirs: np.ndarray, *, least_scale: float = 1e-6) -> np.ndarray:
    """Return the significant digits that agree, entry by entry.

    ``-log10(|a - b| / max(|b|, s))`` with s a share of the largest entry, so that an entry that is
    zero but for rounding is judged beside its sisters. Zero where one of both is missing.

    Parameters
    ----------
    ours, theirs : ndarray
        Of the same shape.
    least_scale : float
        The share.
    """
    scale = np.abs(theirs)
    finite = scale[np.isfinite(scale)]
    scale = np.maximum(scale, least_scale * finite.max() if finite.size else 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.abs(ours - theirs) / np.where(scale > 0, scale, 1.0)
        digits = np.minimum(-np.log10(gap), _MOST_DIGITS)
    # Equal infinities agree, as do entries that are missing on both sides.
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    one_missing = np.isnan(ours) != np.isnan(theirs)
    return np.asarray(np.where(same, _MOST_DIGITS, np.where(one_missing, 0.0, digits)))


def quantity(
    name: str,
    ours: Iterable[float] | float,
    theirs: Iterable[float] | float,
    program: str,
    *,
    wanted: float = EXACT,
    reason: str = "",
    least_scale: float = 1e-6,
) -> Quantity:
    """Compare one number, or many entries of one kind.

    Parameters
    ----------
    name : str
    ours, theirs : float or array
    program : str
        Distribution whose version is named.
    wanted : float
    reason : str
    least_scale : float
        As in `digits_agreed`.
    """
    left = np.atleast_1d(np.asarray(ours, dtype=float)).ravel()
    right = np.atleast_1d(np.asarray(theirs, dtype=float)).ravel()
    if left.shape != right.shape:
        raise ValueError(f"{name}: {left.shape} of ours, {right.shape} of {program}")
    digits = np.nan_to_num(digits_agreed(left, right, least_scale=least_scale), nan=0.0)
    worst = int(np.argmin(digits))
    return Quantity(
        name, float(left[worst]), float(right[worst]), len(left), float(digits[worst]), wanted,
        f"{program} {version_of(program)}", reason,
    )  # fmt: skip


def version_of(program: str) -> str:
    """Return the version of an installed distribution."""
    return metadata.version(program)
