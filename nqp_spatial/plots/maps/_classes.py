"""Classes of a variable on a map: where they are cut, their colours and their names."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from nqp_spatial.core.class_bounds import class_bounds
from nqp_spatial.core.groups import group_name
from nqp_spatial.core.number_format import typeset
from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import OptionError, PanelError, sample
from nqp_spatial.plots._theme import DIVERGING, LIGHT, PALETTE, SEQUENTIAL
from nqp_spatial.plots.maps._map import NO_DATA, MapGroup

__all__ = ["category_groups", "class_groups", "inner_bounds", "is_text", "no_data", "numbers_of"]


def is_text(values: pd.Series) -> bool:
    """Whether values are categories to a map, not numbers."""
    return not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def numbers_of(values: pd.Series) -> np.ndarray:
    """Return values as floats, the missing ones NaN.

    Raises
    ------
    PanelError
        If no value is finite, or they are complex numbers.
    """
    if pd.api.types.is_complex_dtype(values):
        raise PanelError(f"{values.name!r} must be numeric, it holds complex numbers")
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(numbers).any():
        raise PanelError(f"there is no finite value of {values.name!r} to draw")
    return np.asarray(numbers)


def category_groups(values: pd.Series, among: pd.Series | None = None) -> list[MapGroup]:
    """Return a group for each category, of all values of several maps if those are passed.

    Raises
    ------
    PanelError, OptionError
        If values are no categories, or more than there are colours.
    """
    if not values.dropna().map(lambda value: isinstance(value, Hashable)).all():
        raise PanelError(
            f"{values.name!r} must hold numbers or categories, it holds values such as "
            f"{sample(values.dropna().head(1))}"
        )
    names = list((values if among is None else among).astype("category").cat.categories)
    if len(names) > len(PALETTE):
        raise OptionError(
            f"{len(names)} categories are more than the {len(PALETTE)} colours that readers can "
            "tell apart; group them first"
        )
    codes = pd.Categorical(values, names).codes
    groups = [
        MapGroup(group_name(name), codes == code, colour)
        for code, (name, colour) in enumerate(zip(names, PALETTE, strict=False))
    ]
    return [*groups, *no_data(codes < 0)]


def inner_bounds(
    values: pd.Series,
    scheme: str,
    classes: int,
    breaks: Sequence[float] | None,
    centre: float | None,
) -> np.ndarray:
    """Return the bounds between classes, in rising order."""
    numbers = numbers_of(values)
    known = numbers[np.isfinite(numbers)]
    inner = np.array(breaks, dtype=float) if breaks is not None else _cuts(known, scheme, classes)
    if centre is not None and len(inner):
        # It takes the place of the nearest break, so that no class is a sliver.
        inner[np.argmin(np.abs(inner - centre))] = centre
    return np.unique(inner)


def class_groups(
    values: pd.Series,
    inner: np.ndarray,
    centre: float | None,
    cmap: str | None,
    digits: int | None,
    among: pd.Series | None = None,
) -> list[MapGroup]:
    """Return a group for each class between the bounds, closed on the right.

    The first and the last class end at the smallest and the largest value, those of all values of
    several maps if they are passed.
    """
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    is_known = np.isfinite(numbers)
    codes = np.where(is_known, np.searchsorted(inner, numbers, side="left"), -1)
    ends = numbers_of(values if among is None else among)
    ends = ends[np.isfinite(ends)]
    bounds = np.concatenate([[ends.min()], inner, [ends.max()]])
    are_counts = pd.api.types.is_integer_dtype(values) and (inner == np.round(inner)).all()
    if are_counts and digits is None:
        names = _count_names(bounds)
    else:
        names = _interval_names(bounds, digits)
    shades = _shades(inner, centre, cmap)
    groups = [
        MapGroup(name, codes == code, tuple(shade))
        for code, (name, shade) in enumerate(zip(names, shades, strict=True))
    ]
    return [*groups, *no_data(~is_known)]


def no_data(members: np.ndarray) -> list[MapGroup]:
    """Return the group of units without data, or nothing where all have data."""
    group = MapGroup(translate(t("No data")), np.asarray(members, dtype=bool), LIGHT, NO_DATA)
    return [group] if group.members.any() else []


def _shades(inner: np.ndarray, centre: float | None, cmap: str | None) -> np.ndarray:
    import matplotlib as mpl

    count = len(inner) + 1
    if centre is None:
        return np.asarray(mpl.colormaps[cmap or SEQUENTIAL](np.linspace(0.12, 0.95, count)))
    below = int(np.searchsorted(inner, centre)) + 1
    side = max(below, count - below)
    steps = (np.arange(count) - below + 0.5) / side  # equal shades for equal ranks
    return np.asarray(mpl.colormaps[cmap or DIVERGING](0.5 + 0.42 * steps))


def _cuts(known: np.ndarray, scheme: str, classes: int) -> np.ndarray:
    distinct = len(np.unique(known))
    count = min(classes, distinct)
    if count < 2:
        return np.empty(0)
    # Ties can leave fewer classes than were asked for: the legend shows how many there are.
    return class_bounds(known, scheme, count)


def _count_names(bounds: np.ndarray) -> list[str]:
    """Return 'from-to' of classes of whole numbers, both ends in the class."""
    texts = []
    for k, (low, high) in enumerate(pairwise(bounds)):
        first = low if k == 0 else low + 1
        last = high
        if k == 0 and low > high:  # common breaks of several maps, beyond the data of this one
            texts.append(f"≤ {high:,.0f}")
        elif first > last:
            texts.append(f"> {low:,.0f}")
        elif first == last:
            texts.append(f"{last:,.0f}")
        else:
            texts.append(_range(f"{first:,.0f}", f"{last:,.0f}", bounds))
    return texts


def _range(low: str, high: str, bounds: np.ndarray) -> str:
    """Return "low–high"; in words where a dash could be taken for a minus."""
    if bounds[0] >= 0:
        return f"{low}–{high}"
    return translate(t("{low} to {high}", low=typeset(low), high=typeset(high)))


def _interval_names(bounds: np.ndarray, digits: int | None) -> list[str]:
    """Return 'from to' of each class, with as few digits as keep the bounds apart."""
    if digits is None:
        gaps = np.diff(np.unique(bounds))
        smallest = gaps.min() if len(gaps) else 1.0
        digits = int(np.clip(np.ceil(-np.log10(smallest)), 0, 6))
    texts = [f"{bound:,.{digits}f}" for bound in bounds]
    # Two classes must not come to have one name, whatever digits were asked for.
    while digits < 12 and len(set(texts)) < len(np.unique(bounds)):
        digits += 1
        texts = [f"{bound:,.{digits}f}" for bound in bounds]
    # A class of one value is that value.
    named = [low if low == high else _range(low, high, bounds) for low, high in pairwise(texts)]
    # A break beyond the data (common breaks of several maps) bounds a class that may be empty.
    if len(bounds) > 2 and bounds[0] > bounds[1]:
        named[0] = f"≤ {texts[1]}"
    if len(bounds) > 2 and bounds[-1] < bounds[-2]:
        named[-1] = f"> {texts[-2]}"
    return named
