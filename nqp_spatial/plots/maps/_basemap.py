"""What lies under and around the units of a map: projection, base map, inset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

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

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

__all__ = ["Basemap", "MapOptions", "MapStyle", "basemap_of", "round_length"]

# The conic projection of atlases of China.
_CHINA = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=36 +lon_0=105 +datum=WGS84 +units=m"


class MapOptions(TypedDict, total=False):
    """What all maps take; `nqp_spatial.plots.choropleth` says what each does."""

    title: str | None
    crs: Crs
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
    """

    shapes: gpd.GeoDataFrame
    layers: list[gpd.GeoDataFrame]
    inset: Inset | None

    @property
    def has_points(self) -> bool:
        """Whether the units are points."""
        return bool(self.shapes.geom_type.isin(["Point", "MultiPoint"]).all())

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return x_low, y_low, x_high, y_high of the main map, in the projection's units."""
        frames = [self.shapes.geometry, *(layer.geometry for layer in self.layers)]
        if self.inset:
            clip = self.inset.main
            frames = [
                frame.to_crs("EPSG:4326").clip_by_rect(*clip).to_crs(frame.crs) for frame in frames
            ]
        bounds = np.array([frame.total_bounds for frame in frames])
        low, high = np.nanmin(bounds[:, :2], axis=0), np.nanmax(bounds[:, 2:], axis=0)
        if self.inset:
            high[0] += self.inset.room * (high[0] - low[0])
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

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
        west, south, east, north = self._projected(self.inset.window)
        tall = (north - south) / (east - west) * (x_high - x_low) / (y_high - y_low)
        box = ax.inset_axes(
            (1 - self.inset.share, 0.0, self.inset.share, self.inset.share * tall), zorder=5
        )
        self._draw_once(box, paint, self.inset.share * (x_high - x_low) / (east - west))
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
        """Draw an arrow to the north, as the meridian there runs, at a free corner.

        Raises
        ------
        GeometryError
            If units have no CRS.
        """
        from pyproj import Transformer

        self._metre()
        x_low, y_low, x_high, y_high = self.bounds
        tall = 0.1 * (y_high - y_low)
        east, west = x_high - 0.04 * (x_high - x_low), x_low + 0.04 * (x_high - x_low)
        corners = [(side - 0.5 * tall, y_high - 1.6 * tall) for side in (east, west)]
        if self.inset is None:
            corners.append((east - 0.5 * tall, y_low + 0.02 * tall))
        x, y = self._free(corners, (tall, 1.6 * tall))
        x += 0.5 * tall
        back = Transformer.from_crs(self.shapes.crs, "EPSG:4326", always_xy=True)
        longitude, latitude = back.transform(x, y)
        north = back.transform(longitude, min(latitude + 0.5, 89.9), direction="INVERSE")
        step = np.array(north) - [x, y]
        tip = np.array([x, y]) + tall * step / np.hypot(*step)
        ax.annotate(
            "", tuple(tip), (x, y), zorder=8,
            arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        ax.text(
            float(tip[0]), float(tip[1]), translate(t("N")), fontsize=sized(7), ha="center",
            va="bottom", zorder=8,
        )  # fmt: skip

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
        for layer in self.layers:
            if _has_areas(layer):
                layer.plot(ax=ax, color=LAND, edgecolor="none", aspect=None, zorder=0)
        paint(ax, scale)
        for layer in self.layers:
            lines = layer.boundary if _has_areas(layer) else layer.geometry
            width = 0.35 if _has_areas(layer) else 0.8 * scale**0.5
            lines.plot(ax=ax, color=EDGE, linewidth=width, aspect=None, zorder=3)
        ax.set_aspect("equal")

    def _projected(
        self, degrees: tuple[float, float, float, float]
    ) -> tuple[float, float, float, float]:
        from pyproj import Transformer

        projection = Transformer.from_crs("EPSG:4326", self.shapes.crs, always_xy=True)
        west, south, east, north = projection.transform_bounds(*degrees)
        return west, south, east, north


def basemap_of(panel: SpatialPanel, style: MapStyle) -> Basemap:
    """Return the map to draw a panel's units on.

    Parameters
    ----------
    panel : SpatialPanel
        With geometry.
    style : MapStyle
        Its `crs`, `basemap` and `inset`.

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
    if isinstance(crs, str) and crs == "auto":
        crs = _CHINA if isinstance(style.basemap, str) or inset else _equal_area_crs(shapes, layers)
    if crs is None:
        return Basemap(shapes, [layer.to_crs(shapes.crs) for layer in layers], _inset(inset))
    return Basemap(shapes.to_crs(crs), [layer.to_crs(crs) for layer in layers], _inset(inset))


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


def _has_areas(layer: gpd.GeoDataFrame) -> bool:
    return bool(layer.geom_type.isin(["Polygon", "MultiPolygon"]).all())


def _equal_area_crs(shapes: gpd.GeoDataFrame, layers: list[gpd.GeoDataFrame]) -> Any:
    """Return an equal-area projection that fits units and base map, or None to leave them."""
    if shapes.crs is None or not shapes.crs.is_geographic:
        return None
    bounds = np.array([frame.to_crs(shapes.crs).total_bounds for frame in (shapes, *layers)])
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
