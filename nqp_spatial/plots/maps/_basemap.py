"""What lies under and around the units of a map: projection, base map, inset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from nqp_spatial.core.ids import check_same_ids
from nqp_spatial.core.options import Crs, Width
from nqp_spatial.core.panel import SpatialPanel
from nqp_spatial.core.text import Lang, t, translate
from nqp_spatial.errors import GeometryError
from nqp_spatial.plots._context import sized
from nqp_spatial.plots._theme import (
    COLUMN,
    EDGE,
    INK,
    LAND,
    MUTED,
    Layer,
)
from nqp_spatial.plots.maps._extent import (
    Box,
    Extent,
    checked_box,
    main_parts,
    projected_box,
    require_units_in,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "LAND_HATCH",
    "Basemap",
    "MapOptions",
    "MapStyle",
    "basemap_of",
    "require_units_on_map",
    "round_length",
]

# The conic projection of atlases of China.
_CHINA = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=36 +lon_0=105 +datum=WGS84 +units=m"
# Land of the base map without units: thin lines that fall the other way than those of no data.
LAND_HATCH = "\\\\\\"
# Share of the base map's land that units of another source may leave blank along their borders.
_BLANK = 0.002
# Detail left out, as a share of the map's width: 0.1 points on a page. Small maps keep all.
_DETAIL = 1 / 5000
_FEW = 5000
# Degrees: an arrow to the north that leans more looks wrong, though it is right; more than the
# second it is only drawn where there is no other place.
_LEANS = 8.0, 15.0


class MapOptions(TypedDict, total=False):
    """What all maps take; `nqp_spatial.plots.choropleth` says what each does."""

    title: str | None
    crs: Crs
    extent: Extent | None
    extent_units: Literal["degrees", "map"]
    basemap: Literal["china"] | gpd.GeoDataFrame | Sequence[gpd.GeoDataFrame] | None
    inset: Literal["south-china-sea"] | None
    scale_bar: bool
    north_arrow: bool
    shapes_kw: Layer
    legend_kw: Layer
    lang: Lang
    width: Width
    ax: Axes | None


@dataclass(frozen=True, eq=False)
class MapStyle:
    """The options of a map with their defaults."""

    title: str | None = None
    crs: Any = "auto"
    extent: Extent | None = None
    extent_units: Literal["degrees", "map"] = "degrees"
    basemap: Literal["china"] | gpd.GeoDataFrame | Sequence[gpd.GeoDataFrame] | None = None
    inset: Literal["south-china-sea"] | None = None
    scale_bar: bool = False
    north_arrow: bool = False
    shapes_kw: Layer = None
    legend_kw: Layer = None
    lang: Lang = "en"
    width: float = COLUMN
    ax: Axes | None = None


@dataclass(frozen=True)
class Inset:
    """A part of the map that is drawn in a box of its own, and what the main map then shows.

    Bounds are west, south, east, north in degrees. `share` is the box's part of the map's width,
    and `room` what the map is widened by, so that the box covers none of it.
    """

    window: tuple[float, float, float, float]
    main: tuple[float, float, float, float]
    share: float
    room: float


INSETS = {"south-china-sea": Inset((106, 2.5, 123.5, 24), (73, 17.8, 136, 54), 0.15, 0.09)}


# Places of an arrow to the north: shares of the width from the middle, from the right inwards.
_SIDES = (0.46, -0.46, 0.35, -0.35, 0.25, -0.25, 0.15, -0.15, 0.05, -0.05)


@dataclass(frozen=True, eq=False)
class Basemap:
    """Units and base map in the projection to draw them in.

    Attributes
    ----------
    shapes : GeoDataFrame
        The units.
    layers : list of GeoDataFrame
        The base map.
    inset : Inset or None
        What to draw in a box of its own.
    view : (float, float, float, float) or None
        What the main map shows, x_low, y_low, x_high, y_high; by default all units and layers.
    """

    shapes: gpd.GeoDataFrame
    layers: list[gpd.GeoDataFrame]
    inset: Inset | None
    view: Box | None = None

    @property
    def has_points(self) -> bool:
        """Whether the units are points."""
        return bool(self.shapes.geom_type.isin(["Point", "MultiPoint"]).all())

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return x_low, y_low, x_high, y_high of the main map, in the projection's units."""
        frames = [self.shapes.geometry, *(layer.geometry for layer in self.layers)]
        if self.inset and self.view is None:
            clip = self.inset.main
            frames = [
                frame.to_crs("EPSG:4326").clip_by_rect(*clip).to_crs(frame.crs) for frame in frames
            ]
        bounds = np.array([self.view or frame.total_bounds for frame in frames])
        low, high = np.nanmin(bounds[:, :2], axis=0), np.nanmax(bounds[:, 2:], axis=0)
        if self.inset:
            high[0] += self.inset.room * (high[0] - low[0])
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @cached_property
    def visible(self) -> np.ndarray:
        """Which units the main map or the inset shows."""
        from shapely.geometry import box

        if self.view is None:
            return np.ones(len(self.shapes), dtype=bool)
        is_visible = self.shapes.intersects(box(*self.view)).to_numpy()
        if self.inset:
            window = projected_box(self.inset.window, self.shapes.crs)
            is_visible |= self.shapes.intersects(box(*window)).to_numpy()
        return np.asarray(is_visible)

    @cached_property
    def has_blank_land(self) -> bool:
        """Whether the base map has land that no unit covers."""
        import shapely

        if not _has_areas(self.shapes):
            return False
        view = self.view or self.bounds
        covered, *land = (
            float(shapely.area(shapely.clip_by_rect(frame.geometry.to_numpy(), *view)).sum())
            for frame in (self.shapes, *filter(_has_areas, self.layers))
        )
        return max(land, default=0.0) * (1 - _BLANK) > covered

    @property
    def ratio(self) -> float:
        """Height of the map for a width of one; very tall maps are drawn smaller."""
        x_low, y_low, x_high, y_high = self.bounds
        return min((y_high - y_low) / max(x_high - x_low, 1e-12), 1.6)

    def draw(self, ax: Axes, paint: Callable[[Axes, float], None]) -> None:
        """Draw the base map, the units (by `paint`, with a scale for sizes) and the inset."""
        self._draw_once(ax, paint, 1.0)
        x_low, y_low, x_high, y_high = self.bounds
        margin = 0.01 * (x_high - x_low)
        ax.set_xlim(x_low - margin, x_high + margin)
        ax.set_ylim(y_low - margin, y_high + margin)
        if self.inset is None:
            return
        west, south, east, north = projected_box(self.inset.window, self.shapes.crs)
        tall = (north - south) / (east - west) * (x_high - x_low) / (y_high - y_low)
        box = ax.inset_axes(
            (1 - self.inset.share, 0.0, self.inset.share, self.inset.share * tall), zorder=5
        )
        self._draw_once(box, paint, self.inset.share * (x_high - x_low) / (east - west))
        _clear_outside(box, (west, south, east, north))
        box.set_xlim(west, east)
        box.set_ylim(south, north)
        box.set(xticks=[], yticks=[], xlabel="", ylabel="")
        box.set_label("inset")
        for spine in box.spines.values():
            spine.set(visible=True, edgecolor=MUTED, linewidth=0.5)

    def draw_scale(self, ax: Axes) -> None:
        """Draw a bar of a round number of kilometres, at a lower corner without units if any.

        Raises
        ------
        GeometryError
            If the projection has no unit of length.
        """
        x_low, y_low, x_high, y_high = self.bounds
        wide, tall = x_high - x_low, y_high - y_low
        metre = self._metre()
        length = round_length(0.22 * wide * metre / 1000)
        size = (length * 1000 / metre, 0.07 * tall)
        sides: tuple[float, ...] = (x_low + 0.02 * wide, x_high - 0.02 * wide - size[0])
        if self.inset:  # which has the lower right
            sides = sides[:1]
        x, y = self._free([(side, y_low + 0.02 * tall) for side in sides], size)
        ax.plot(
            [x, x + length * 1000 / metre], [y, y], color=INK, lw=1.4, solid_capstyle="butt",
            zorder=8, label="_scale bar",
        )  # fmt: skip
        ax.text(x, y + 0.012 * tall, translate(t("{size} km", size=f"{length:,g}")),
                fontsize=sized(6.5), va="bottom", zorder=8)  # fmt: skip

    def draw_north(self, ax: Axes) -> None:
        """Draw an arrow to the north, as the meridian there runs, where no unit is.

        In many projections meridians converge, so that an arrow leans in the corners of a large
        map. Places are tried from the corners to the middle of the upper and the lower edge, and
        the first is taken where the arrow stands upright.

        Raises
        ------
        GeometryError
            If units have no CRS.
        """
        from matplotlib import patheffects

        self._metre()
        x_low, y_low, x_high, y_high = self.bounds
        wide, tall = x_high - x_low, 0.1 * (y_high - y_low)
        top, bottom = y_high - 1.6 * tall, y_low + 0.02 * tall
        places = [(x_low + (0.5 + side) * wide, top) for side in _SIDES]
        if self.inset is None:
            places += [(x_low + (0.5 + side) * wide, bottom) for side in _SIDES]
        leans = np.abs([self._lean(*place) for place in places])
        least = leans.min()
        upright = np.flatnonzero(leans <= max(_LEANS[0], least))
        nearly = np.flatnonzero((leans > max(_LEANS[0], least)) & (leans <= _LEANS[1]))
        corners = [(places[i][0] - 0.5 * tall, places[i][1]) for i in (*upright, *nearly)]
        x, y = self._free(corners, (tall, 1.6 * tall))
        x += 0.5 * tall
        angle = np.radians(self._lean(x, y))
        tip = x + tall * np.sin(angle), y + tall * np.cos(angle)
        # A light outline, for maps on which no place is free.
        halo: list[Any] = [patheffects.withStroke(linewidth=2, foreground="white")]
        arrow = ax.annotate(
            "", tip, (x, y), zorder=8,
            arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        if arrow.arrow_patch is not None:
            arrow.arrow_patch.set_path_effects(halo)
        ax.text(
            *tip, translate(t("N")), fontsize=sized(7), ha="center", va="bottom", zorder=8,
            path_effects=halo,
        )  # fmt: skip

    def _lean(self, x: float, y: float) -> float:
        """Return the direction of north at a place, degrees to the right of upright."""
        from pyproj import Transformer

        back = Transformer.from_crs(self.shapes.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = back.transform(x, y)
        north = back.transform(longitude, min(latitude + 0.5, 89.9), direction="INVERSE")
        return float(np.degrees(np.arctan2(north[0] - x, north[1] - y)))

    def _free(
        self, corners: Sequence[tuple[float, float]], size: tuple[float, float]
    ) -> tuple[float, float]:
        """Return the first lower left corner of a box of a size that covers no unit, or the first.

        A base map may be covered: units may not.
        """
        from shapely.geometry import box

        for x, y in corners:
            if not self.shapes.intersects(box(x, y, x + size[0], y + size[1])).any():
                return x, y
        return corners[0]

    def _metre(self) -> float:
        """Return how many metres a unit of the projection is."""
        crs = self.shapes.crs
        if crs is None or crs.is_geographic:
            raise GeometryError(
                "a scale bar and a north arrow need a projection with a unit of length; the map "
                f"is drawn in {'no CRS' if crs is None else crs.name}. Set crs='auto', and "
                "set_crs(...) if the data have none"
            )
        return float(crs.axis_info[0].unit_conversion_factor)

    def _draw_once(self, ax: Axes, paint: Callable[[Axes, float], None], scale: float) -> None:
        # Lines of a hatch have the colour of the edge.
        land: dict[str, Any] = {"edgecolor": "none"}
        if self.has_blank_land:
            land = {"edgecolor": EDGE, "hatch": LAND_HATCH, "linewidth": 0}
        for layer in self.layers:
            if _has_areas(layer):
                layer.plot(ax=ax, color=LAND, aspect=None, zorder=0, **land)
        paint(ax, scale)
        for layer in self.layers:
            lines = layer.boundary if _has_areas(layer) else layer.geometry
            width = 0.35 if _has_areas(layer) else 0.8 * scale**0.5
            lines.plot(ax=ax, color=EDGE, linewidth=width, aspect=None, zorder=3)
        ax.set_aspect("equal")


def basemap_of(panel: SpatialPanel, style: MapStyle) -> Basemap:
    """Return the map to draw a panel's units on.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry.
    style : MapStyle
        Its `crs`, `extent`, `basemap` and `inset`.

    Returns
    -------
    Basemap

    Raises
    ------
    GeometryError
        If the panel or a layer has no geometry, or no CRS where one is needed.
    OptionError
        If an option is unknown.
    """
    crs, inset = style.crs, style.inset
    shapes = panel.require_geometry()
    layers = _layers(style.basemap)
    if layers or inset or not (crs is None or (isinstance(crs, str) and crs == "auto")):
        lacks_crs = [frame.crs is None for frame in (shapes, *layers)]
        if any(lacks_crs):
            raise GeometryError(
                f"{'the units' if lacks_crs[0] else 'a layer of the base map'} have no CRS, so "
                "they cannot be projected or laid over each other; set it with set_crs(...)"
            )
    box, parts = _shown_part(shapes, style)
    if isinstance(crs, str) and crs == "auto":
        fitted = box if parts is None else _bounds(parts)
        of_china = isinstance(style.basemap, str) or inset
        crs = _CHINA if of_china else _equal_area_crs(shapes, layers, fitted)
    target = shapes.crs if crs is None else crs
    if target is not None:
        shapes, layers = shapes.to_crs(target), [layer.to_crs(target) for layer in layers]
    view = box
    if parts is not None:
        view = _bounds(parts if target is None else parts.to_crs(target))
    elif box is not None and shapes.crs is not None:
        view = projected_box(box, shapes.crs)
    elif style.extent is not None and not isinstance(style.extent, str):
        view = checked_box(style.extent, degrees=False)
    if view is not None:
        require_units_in(view, shapes, style.extent)
    tolerance = _DETAIL * _width_of(view, [shapes, *layers])
    shapes, *layers = (_simplified(frame, tolerance) for frame in (shapes, *layers))
    return Basemap(shapes, layers, _inset(inset), view)


def _width_of(view: Box | None, frames: Sequence[gpd.GeoDataFrame]) -> float:
    boxes = np.array([frame.total_bounds for frame in frames] if view is None else [view])
    width = boxes[:, 2].max() - boxes[:, 0].min()
    return float(width) if np.isfinite(width) else 0.0


def _simplified(frame: gpd.GeoDataFrame, tolerance: float) -> gpd.GeoDataFrame:
    """Return areas without detail that print does not show, if they do not overlap.

    Common borders stay common; without this a page of maps has millions of vertices.
    """
    import shapely

    areas = np.asarray(frame.geometry.values)
    if tolerance <= 0 or shapely.get_num_coordinates(areas).sum() < _FEW:
        return frame
    if not _has_areas(frame) or not shapely.coverage_is_valid(areas):
        return frame
    return frame.set_geometry(shapely.coverage_simplify(areas, tolerance), crs=frame.crs)


def _bounds(parts: gpd.GeoSeries) -> Box:
    x_low, y_low, x_high, y_high = map(float, parts.total_bounds)
    return x_low, y_low, x_high, y_high


def _shown_part(shapes: gpd.GeoDataFrame, style: MapStyle) -> tuple[Box | None, Any]:
    """Return a box in degrees (in units of shapes without CRS), or the parts of "main"."""
    if style.extent is None:
        return None, None
    if isinstance(style.extent, str):
        return None, main_parts(shapes)
    if style.extent_units == "map":
        return None, None
    return checked_box(style.extent, degrees=shapes.crs is not None), None


def require_units_on_map(basemap: Basemap, units: pd.Index, advice: str) -> None:
    """Raise unless a map has all units of a result; it may have more, which have no data.

    Raises
    ------
    UnmatchedIdsError
        If units are not on the map.
    """
    shown = basemap.shapes.index
    if not units.isin(shown).all():
        check_same_ids(shown, units, our_name="panel", their_name="result", advice=advice)


def round_length(value: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is no larger."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(m * power for m in (1, 2, 5) if m * power <= value * (1 + 1e-9)))


def _inset(name: str | None) -> Inset | None:
    return None if name is None else INSETS[name]


def _layers(
    basemap: Literal["china"] | gpd.GeoDataFrame | Sequence[gpd.GeoDataFrame] | None,
) -> list[gpd.GeoDataFrame]:
    import geopandas as gpd

    if basemap is None:
        return []
    if isinstance(basemap, str):
        from nqp_spatial.datasets import china_provinces, china_sea_line

        return [china_provinces(), china_sea_line()]
    layers = [basemap] if isinstance(basemap, gpd.GeoDataFrame) else list(basemap)
    return layers


def _clear_outside(ax: Axes, window: Box) -> None:
    """Empty the outlines beyond a window: clipping hides them, but a PDF would contain them."""
    from matplotlib.path import Path

    nothing = Path(np.empty((0, 2)))
    west, south, east, north = window
    for collection in ax.collections:
        paths: Any = collection.get_paths()  # the list itself; as long as that of colours
        if not np.allclose(collection.get_offsets(), 0):
            continue  # markers: the places are elsewhere
        for place, path in enumerate(paths):
            vertices = np.asarray(path.vertices)
            if len(vertices) == 0:
                continue
            (x_low, y_low), (x_high, y_high) = vertices.min(0), vertices.max(0)
            if x_high < west or x_low > east or y_high < south or y_low > north:
                paths[place] = nothing


def _has_areas(layer: gpd.GeoDataFrame) -> bool:
    return bool(layer.geom_type.isin(["Polygon", "MultiPolygon"]).all())


def _equal_area_crs(
    shapes: gpd.GeoDataFrame, layers: list[gpd.GeoDataFrame], part: Box | None
) -> Any:
    """Return an equal-area projection that fits units and base map, or None to leave them.

    Where the map shows a part only, the projection fits that part.
    """
    if shapes.crs is None or not shapes.crs.is_geographic:
        return None
    bounds = np.array([frame.to_crs(shapes.crs).total_bounds for frame in (shapes, *layers)])
    if part is not None:
        bounds = np.array([part])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    if east - west > 150 or max(abs(south), abs(north)) > 84:
        return None  # a conic projection would distort the map
    if abs(2 * (south + north)) < 1:  # parallels symmetric about the equator: no cone
        return f"+proj=cea +lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    # Standard parallels at one sixth from either end, the usual choice for a map of a country.
    sixth = (north - south) / 6
    return (
        f"+proj=aea +lat_1={south + sixth} +lat_2={north - sixth} "
        f"+lat_0={(south + north) / 2} +lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    )
