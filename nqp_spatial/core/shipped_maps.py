"""Maps that come with the package: their names, and the shapes of the units of a table."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nqp_spatial.errors import GeometryError, OptionError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from nqp_spatial.core.aliases import Aliases

__all__ = ["SHIPPED_MAPS", "require_shipped", "shipped_shapes", "shipped_words"]

#: What the maps of the package show, by the name under which `geometry=` takes them.
SHIPPED_MAPS = {
    "china-prefectures": "370 prefecture-level units",
    "china-provinces": "34 province-level units",
}


def shipped_words() -> str:
    """Return the maps of the package in words, for messages."""
    return " and ".join(f"{name!r} ({units})" for name, units in SHIPPED_MAPS.items())


def require_shipped(name: str) -> None:
    """Raise an error unless a text is the name of a map of the package.

    Raises
    ------
    GeometryError
        If it is the path of a file.
    OptionError
        If it is another text; the maps are named.

    Examples
    --------
    >>> require_shipped("china")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.OptionError: there is no map 'china'; maps of the package are ...
    """
    if name in SHIPPED_MAPS:
        return
    if re.search(r"[./\\]", name):
        raise GeometryError(
            f"geometry must be a GeoDataFrame or the name of a map of the package, got {name!r} "
            "(str); read it with geopandas.read_file, or pass the path to read_panel"
        )
    raise OptionError(
        f"there is no map {name!r}; maps of the package are {shipped_words()}; a map of your own "
        "is the path of a file, for read_panel"
    )


def shipped_shapes(
    name: str, units: pd.Index, aliases: Aliases
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the shapes of units on a map of the package, and notes on what was matched how.

    Raises
    ------
    OptionError
        If there is no such map.
    UnmatchedIdsError
        If units are not on the map, or several units are one region of it; all are named.
    """
    require_shipped(name)
    # Loaded by name when it is called: the data sets stand above the panel.
    matching: Any = import_module("nqp_spatial.datasets.shipped")
    shapes, notes = matching.shapes_of_units(name, units, aliases)
    return shapes, notes
