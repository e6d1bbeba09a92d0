"""Maps: classes of a variable, and groups of units."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
import pandas as pd

from nqp_spatial.core.options import Digits, checked
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.errors import OptionError, PanelError, UnmatchedIdsError, sample
from nqp_spatial.plots._theme import (
    COLUMN,
    DIVERGING,
    EDGE,
    INK,
    LIGHT,
    PALETTE,
    SEQUENTIAL,
    Classes,
    ColourMap,
    check_fonts,
    layer,
    new_figure,
    themed,
    undrawn,
    wrapped,
)
from nqp_spatial.plots.maps._basemap import Ground, MapLook, MapOptions, ground_of
from nqp_spatial.plots.words import say, speaking

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["choropleth", "drawn_groups", "drawn_map", "is_text", "legend_handles"]

_SCHEMES = {
    "quantiles": "Quantiles",
    "natural-breaks": "FisherJenks",
    "equal-intervals": "EqualInterval",
}
_NO_DATA = "No data"
_LEGEND_ROW = 0.165  # inches; in matplotlib's own font, taller than Arial
_HATCHED = "////"
_HATCHED_GROUPS = (_NO_DATA, "No neighbours", "Divergent")


@checked
def choropleth(
    panel: SpatialPanel,
    variable: str | pd.Series,
    *,
    period: Hashable | None = None,
    scheme: Literal["quantiles", "natural-breaks", "equal-intervals"] = "quantiles",
    classes: Classes = 5,
    breaks: Sequence[float] | None = None,
    centre: float | None = None,
    cmap: ColourMap | None = None,
    digits: Digits | None = None,
    label: str | None = None,
    **look: Unpack[MapOptions],
) -> Axes:
    """Draw a map of classes of a variable.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry, polygons or points.
    variable : str or Series
        A column of the panel, or values by unit. Text and categories get a colour each.
    period : hashable, optional
        Which period of a column; may be left out for a cross-section.
    scheme : {"quantiles", "natural-breaks", "equal-intervals"}
        How classes are cut, by mapclassify; intervals are closed on the right.
    classes : int
        Number of classes.
    breaks : sequence of float, optional
        Upper bounds of all classes but the last, instead of a scheme: one legend for several maps.
    centre : float, optional
        A value, such as 0 or 1, that parts two sides: it takes the place of the nearest break,
        and colours diverge there.
    cmap : str, optional
        A matplotlib colour map; the defaults are colour-blind safe.
    digits : int, optional
        Decimal places of the legend.
    label : str, optional
        Title of the legend; by default the column's label and its period.
    title : str, optional
        Of the map.
    crs : "auto", None, or anything that geopandas takes
        Projection to draw in. ``auto`` draws data in degrees in an equal-area conic projection that
        fits them, and projected data as they are; None draws as they are.
    basemap : GeoDataFrame, several of them, or "china", optional
        What to draw around the units: areas in light grey with borders over the units, and lines.
        ``china`` is `nqp_spatial.datasets.china_provinces` and `china_sea_line`.
    inset : {"south-china-sea"}, optional
        Draw that sea in a box at the lower right, and the main map down to Hainan.
    scale_bar, north_arrow : bool
        Whether to draw a bar of kilometres, and an arrow to the north along the meridian, in
        corners that units leave free.
    shapes_kw, legend_kw : mapping, optional
        Keyword arguments of ``GeoDataFrame.plot`` for the units, and of ``Axes.legend``: they come
        over ours.
    lang : {"en", "zh"}
        Language of the words that are not yours.
    width : float
        Inches; see `COLUMN` and `PAGE`.
    ax : Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    GeometryError, PanelError, UnknownColumnError, UnmatchedIdsError, OptionError
        If there is no geometry, no such column or period, ids do not match, or an option is
        unknown.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> ax = nq.plots.choropleth(nq.datasets.us_income(), "income", period=2009)
    >>> ax.get_legend().get_title().get_text()
    'Income per head, dollars, 2009'
    """
    options = MapLook(**look)
    ground = ground_of(panel, options)
    with speaking(options.lang):
        values, name = _values(panel, variable, period)
        if values.isna().all():
            raise PanelError(f"there is no value of {name!r} to draw: all are missing")
        if is_text(values):
            groups, colours, counts = _categories(values)
        else:
            groups, colours, counts = _classified(
                values, scheme, classes, breaks, centre, cmap, digits
            )
        entries = [f"{text} ({count})" for text, count in counts.items()]
        legend = label if label is not None else name
        return drawn_groups(ground, groups, colours, entries, legend, options, options.title)


def drawn_groups(
    ground: Ground,
    groups: pd.Series,
    colours: dict[Any, Any],
    entries: list[str],
    legend: str,
    look: MapLook,
    title: str | None,
) -> Axes:
    """Draw each group in its colour, and a legend below the map unless it has no entries."""
    shapes, points = ground.shapes, ground.has_points
    size = float(np.clip(2400 * (look.width / COLUMN) ** 2 / len(shapes), 2, 40))
    groups = groups.reindex(shapes.index)

    def lines(name: Any, scale: float) -> dict[str, Any]:
        if points:
            return {"markersize": size * scale**2, "edgecolor": INK, "linewidth": 0.25 * scale}
        if name in _HATCHED_GROUPS:
            return {"edgecolor": EDGE, "linewidth": 0.3 * scale, "hatch": _HATCHED}
        # Many small units would be all border.
        thin = 0.3 * min(1.0, (100 / len(shapes)) ** 0.5)
        return {"edgecolor": "white", "linewidth": thin * scale}

    def paint(target: Axes, scale: float) -> None:
        for name, colour in colours.items():
            members = shapes[groups.isna() if name == _NO_DATA else groups == name]
            if len(members):
                drawn = layer(look.shapes_kw, color=colour, aspect=None, **lines(name, scale))
                members.plot(ax=target, **drawn)

    handles = legend_handles(colours, points=points)
    return drawn_map(ground, paint, handles, entries, legend, look, title)


def legend_handles(colours: dict[Any, Any], *, points: bool) -> list[Artist]:
    """Return what stands before the entries of a legend of groups."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if points:
        return [
            Line2D([], [], ls="", marker="o", ms=4.5, mfc=colour, mec=INK, mew=0.3)
            for colour in colours.values()
        ]
    return [
        Patch(
            facecolor=colour, edgecolor=EDGE, lw=0.3,
            hatch=_HATCHED if name in _HATCHED_GROUPS else None,
        )
        for name, colour in colours.items()
    ]  # fmt: skip


def drawn_map(
    ground: Ground,
    paint: Callable[[Axes, float], None],
    handles: Sequence[Artist],
    entries: Sequence[str],
    legend: str,
    look: MapLook,
    title: str | None,
) -> Axes:
    """Draw a map on its ground, with a legend below it, in a new figure unless one is given."""
    ax, width = look.ax, look.width
    legend = wrapped(legend, 1.1 * width)
    left, bottom, right, top = ground.bounds
    columns = 2 if width < 1.5 * COLUMN else 3
    legend_rows = -(-len(entries) // columns) + 1 + legend.count("\n")
    with themed(look.lang):
        if ax is None:
            ratio = (top - bottom) / max(right - left, 1e-12)
            row = _LEGEND_ROW if look.lang == "en" else 1.05 * _LEGEND_ROW  # Chinese stands taller
            height = 0.97 * width * min(ratio, 1.6) + (legend_rows + 1.4) * row
            height += _LEGEND_ROW * (1 + wrapped(title, width).count("\n")) if title else 0
            ax = new_figure(width, height)[1][0, 0]
            ax.set_anchor("N")  # what room is left is the legend's
        with undrawn(ax):
            ground.draw(ax, paint)
        if look.scale_bar:
            ground.draw_scale(ax)
        if look.north_arrow:
            ground.draw_north(ax)
        ax.set_axis_off()
        ax.set(xlabel="", ylabel="")  # what geopandas writes, seen or not
        if title:
            ax.set_title(wrapped(title, width))
        if entries:
            below = layer(
                look.legend_kw, title=legend, alignment="left", loc="upper center",
                bbox_to_anchor=(0.5, 0.0), ncols=columns, handlelength=1.2, handleheight=0.9,
                columnspacing=1.2, labelspacing=0.35, borderaxespad=0.3,
            )  # fmt: skip
            ax.legend(handles, entries, **below)
    check_fonts(ax)
    return ax


def _values(
    panel: SpatialPanel, variable: str | pd.Series, period: Hashable | None
) -> tuple[pd.Series, str]:
    """Return values by unit and what to call them."""
    if isinstance(variable, pd.Series):
        unknown = variable.index.difference(panel.units, sort=False)
        if len(unknown) or variable.index.has_duplicates:
            raise UnmatchedIdsError(
                f"values must have one row per unit of the panel; not in it or repeated: "
                f"{sample(unknown if len(unknown) else variable.index)}"
            )
        return variable.reindex(panel.units), str(variable.name or "")
    panel.require_columns([variable])
    if period is None:
        if panel.n_periods > 1:
            raise PanelError(
                f"the panel has {panel.n_periods} periods: name one, as in "
                f"period={panel.periods.tolist()[-1]!r}"
            )
        period = panel.periods[0]
    period = panel.period(period)
    values = panel.frame[variable].xs(period, level="period").reindex(panel.units)
    name = panel.label(variable)
    several = panel.n_periods > 1
    return values, say("{name}, {period}", name=name, period=period) if several else name


def is_text(values: pd.Series) -> bool:
    """Whether values are categories to a map, not numbers."""
    return not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def _categories(values: pd.Series) -> tuple[pd.Series, dict[Any, Any], dict[str, int]]:
    if not values.dropna().map(lambda value: isinstance(value, Hashable)).all():
        raise PanelError(
            f"{values.name!r} must hold numbers or categories, it holds values such as "
            f"{sample(values.dropna().head(1))}"
        )
    groups = values.astype("category")
    names = list(groups.cat.categories)
    if len(names) > len(PALETTE):
        raise OptionError(
            f"{len(names)} categories are more than the {len(PALETTE)} colours that readers can "
            "tell apart; group them first"
        )
    colours = dict(zip(names, PALETTE, strict=False))
    counts = {str(name): int((groups == name).sum()) for name in names}
    return _with_missing(groups.astype(object), colours, counts)


def _classified(
    values: pd.Series,
    scheme: str,
    classes: int,
    breaks: Sequence[float] | None,
    centre: float | None,
    cmap: str | None,
    digits: int | None,
) -> tuple[pd.Series, dict[Any, Any], dict[str, int]]:
    """Cut values into classes; return the class of each unit, colours and counts."""
    import matplotlib as mpl

    if pd.api.types.is_complex_dtype(values):
        raise PanelError(f"{values.name!r} must be numeric, it holds complex numbers")
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        raise PanelError(f"there is no finite value of {values.name!r} to draw")
    inner = np.array(breaks, dtype=float) if breaks is not None else _cuts(known, scheme, classes)
    if centre is not None and len(inner):
        # It takes the place of the nearest break, so that no sliver of a class comes to be.
        inner[np.argmin(np.abs(inner - centre))] = centre
    inner = np.unique(inner)
    codes = np.searchsorted(inner, numbers, side="left").astype(float)
    codes[~np.isfinite(numbers)] = np.nan
    count = len(inner) + 1
    if centre is None:
        shades = mpl.colormaps[cmap or SEQUENTIAL](np.linspace(0.12, 0.95, count))
    else:
        below = int(np.searchsorted(inner, centre)) + 1
        side = max(below, count - below)
        steps = (np.arange(count) - below + 0.5) / side  # equal shades for equal ranks
        shades = mpl.colormaps[cmap or DIVERGING](0.5 + 0.42 * steps)
    bounds = np.concatenate([[known.min()], inner, [known.max()]])
    whole = pd.api.types.is_integer_dtype(values) and (inner == np.round(inner)).all()
    texts = _counts_texts(bounds) if whole and digits is None else _interval_texts(bounds, digits)
    groups = pd.Series(codes, index=values.index)
    colours: dict[Any, Any] = {float(k): tuple(shade) for k, shade in enumerate(shades)}
    counts = {texts[k]: int((codes == k).sum()) for k in range(count)}
    return _with_missing(groups, colours, counts)


def _with_missing(
    groups: pd.Series, colours: dict[Any, Any], counts: dict[str, int]
) -> tuple[pd.Series, dict[Any, Any], dict[str, int]]:
    absent = int(groups.isna().sum())
    if absent:
        colours, counts = {**colours, _NO_DATA: LIGHT}, {**counts, say(_NO_DATA): absent}
    return groups, colours, counts


def _cuts(known: np.ndarray, scheme: str, classes: int) -> np.ndarray:
    import mapclassify

    distinct = len(np.unique(known))
    count = min(classes, distinct)
    if count < 2:
        return np.empty(0)
    with warnings.catch_warnings():
        # Ties can leave fewer classes than were asked for: the legend shows how many there are.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(getattr(mapclassify, _SCHEMES[scheme])(known, k=count).bins[:-1])


def _counts_texts(bounds: np.ndarray) -> list[str]:
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
    return say("{low} to {high}", low=low, high=high) if bounds[0] < 0 else f"{low}–{high}"


def _interval_texts(bounds: np.ndarray, digits: int | None) -> list[str]:
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
