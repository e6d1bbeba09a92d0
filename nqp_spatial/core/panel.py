"""`SpatialPanel`: the one data type that every function of the package takes.

A panel is a frame with one row for each unit and period, sorted by both, with (optionally) one
geometry for each unit. It is checked once, here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nqp_spatial.core.aliases import with_one_name
from nqp_spatial.core.balancing import (
    BalanceMethod,
    balancing_choices,
    require_balanced,
    without_gaps,
)
from nqp_spatial.core.display import Block, Displayed, notes_of
from nqp_spatial.core.ids import keyed, type_hint, with_key_columns
from nqp_spatial.core.numbers import numbers_as_text, why_not_numeric
from nqp_spatial.core.options import Geometry, MapName, Table, checked
from nqp_spatial.core.panel_columns import assigned, is_extreme, is_undefined
from nqp_spatial.core.periods import period_like
from nqp_spatial.core.shapes import matched_shapes, without_shapes
from nqp_spatial.core.shipped_maps import require_shipped, shipped_shapes
from nqp_spatial.core.text import t
from nqp_spatial.errors import (
    DomainError,
    GeometryError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
    plain,
    sample,
)

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["SpatialPanel"]


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SpatialPanel(Displayed):
    """Observations of units over periods, with the units' geometries.

    Parameters
    ----------
    frame : DataFrame
        Long data, one row for each unit and period, in any row order. It is copied, never changed.
        The active geometry of a GeoDataFrame becomes the panel's if `geometry` is not passed.
    unit : str
        Column of unit ids. Any type that sorts; ids of different types never match each other.
    period : str, optional
        Column of periods. Without it the data are a cross-section, a panel of one period ``0``.
        Years, quarters and months written as text or dates are read as such, with a note; see
        `nqp_spatial.core.period_readers`. Periods whose order in time is not known ("before",
        "after") are kept; methods that need the order in time raise an error.
    geometry : GeoDataFrame, GeoSeries or {"china-prefectures", "china-provinces"}, optional
        One row per unit; ids are its column named `unit`, or else its index. Or the name of a map
        of the package, on which units are found by their names or codes, as
        `nqp_spatial.datasets.match_prefectures` and ``match_provinces`` do; the ids stay as they
        are, and `notes` say what was matched how.
    labels : mapping, optional
        Display label of each column, for tables and figures; of a single group of a column too,
        as in ``{"coast": "Location", "coast=0": "Inland", "coast=1": "Coast"}``.
    balanced : bool
        If true (default), absent (unit, period) pairs are an error that names them. If false they
        are allowed until `balance` is called; every analysis asks for a balanced panel.
    extra_shapes : {"error", "drop"}
        What to do with geometries of units that the frame does not have. Dropping is written into
        `notes`. With a map of the package they are always left out, with a note.
    aliases : mapping, optional
        Name or code on the map by id of the frame, for ids that differ:
        ``{"id in the frame": "name or code on the map"}``. None or "" leave a unit out that is not
        on the map, with a note. The id of another unit of the frame joins the two, as one unit
        that changed its name.

    Attributes
    ----------
    frame : DataFrame
        The data, indexed by (``unit``, ``period``) and sorted. A copy on write: the panel does not
        change with it.
    geometry : GeoDataFrame or None
        Geometries, indexed by unit in the order of `units`; a copy on write too.
    labels : mapping
        Display labels, read only.
    notes : tuple of str
        Messages that say what was done to the data, such as balancing.
    unit_name, period_name : str
        The names that the id columns had.

    Raises
    ------
    OptionError
        If an option is of a wrong type, or `geometry` is no map of the package.
    UnknownColumnError
        If the frame has no column `unit` or `period`.
    PanelError
        If columns are not named by unique texts, the frame is empty, or ids or periods are of
        several types or infinite.
    MissingValuesError
        If an id or a period is missing or blank.
    DuplicateKeysError
        If a (unit, period) pair occurs twice; the pairs are named.
    UnbalancedPanelError
        If pairs are absent; they are named.
    UnmatchedIdsError
        If the ids of frame and geometry differ; samples of both sides are shown, and ids that lost
        zeros, won decimals or have blanks at their ends. If units are not on a map of the package
        (the nearest names are shown), several are one region of it, or an alias names nothing.
    GeometryError
        If a geometry is missing, empty or at no place (missing or infinite coordinates), or a unit
        of a GeoDataFrame has several.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"city": ["b", "a"] * 2, "year": [1, 1, 2, 2], "x": [3., 1., 4., 2.]})
    >>> panel = SpatialPanel(frame, unit="city", period="year")
    >>> panel
    SpatialPanel: 2 units x 2 periods (1 to 2), 1 column, no geometry
    >>> panel.wide("x")
    period    1    2
    unit
    a       1.0  2.0
    b       3.0  4.0

    A map of the package, found by the names of the units:

    >>> cities = pd.DataFrame({"city": ["杭州", "襄樊市", "宁播"], "x": [1.0, 2.0, 3.0]})
    >>> panel = SpatialPanel(cities, unit="city", geometry="china-prefectures",
    ...                      aliases={"宁播": "宁波"})
    >>> panel.notes[1:3]
    ('former names and codes: 襄樊市 = 襄阳市', 'aliases: 宁播 = 宁波市')
    """

    _frame: pd.DataFrame
    _geometry: gpd.GeoDataFrame | None
    labels: Mapping[str, str]
    notes: tuple[str, ...]
    unit_name: str
    period_name: str

    @checked
    def __init__(
        self,
        frame: Table,
        *,
        unit: str,
        period: str | None = None,
        geometry: Geometry | MapName | None = None,
        labels: Mapping[str, str] | None = None,
        balanced: bool = True,
        extra_shapes: Literal["error", "drop"] = "error",
        aliases: Mapping[Any, Hashable] | None = None,
    ) -> None:
        if isinstance(geometry, str):
            require_shipped(geometry)
        frame, active = without_shapes(with_key_columns(frame, unit, period), unit)
        data, notes = keyed(frame, unit, period)
        data, names, renamed = with_one_name(data, aliases or {})
        notes += renamed
        if balanced:
            require_balanced(data)
        if active is not None and geometry is not None:
            notes.append(t("the geometry of the frame was not used, because geometry= was passed"))
        shapes = active if geometry is None else geometry
        units = data.index.levels[0]
        matched = None
        if isinstance(shapes, str):
            matched, more = shipped_shapes(shapes, units, names)
            notes += more
        elif shapes is not None:
            matched = matched_shapes(shapes, unit, units, extra_shapes, notes, names)
        elif aliases:
            raise OptionError("aliases= are names of units on a map: pass geometry= too")
        self._set(data, matched, labels or {}, tuple(notes), unit, period or "period")

    def _set(
        self,
        frame: pd.DataFrame,
        geometry: gpd.GeoDataFrame | None,
        labels: Mapping[str, str],
        notes: tuple[str, ...],
        unit_name: str,
        period_name: str,
    ) -> None:
        for name, value in [
            ("_frame", frame),
            ("_geometry", geometry),
            ("labels", _ReadOnly(labels)),
            ("notes", notes),
            ("unit_name", unit_name),
            ("period_name", period_name),
        ]:
            object.__setattr__(self, name, value)

    def _replace(
        self,
        frame: pd.DataFrame,
        *,
        note: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> SpatialPanel:
        """Return a panel of a changed frame, with the geometries of the units that it still has."""
        frame.index = frame.index.remove_unused_levels()
        units = frame.index.levels[0]
        geometry = None if self._geometry is None else self._geometry.loc[units]
        panel = object.__new__(SpatialPanel)
        panel._set(
            frame,
            geometry,
            self.labels if labels is None else labels,
            self.notes + ((note,) if note else ()),
            self.unit_name,
            self.period_name,
        )
        return panel

    _figure = "choropleth"

    @property
    def frame(self) -> pd.DataFrame:
        """The data, indexed by (``unit``, ``period``) and sorted."""
        # Copies on write are nearly free, and what is done to them stays out of the panel.
        return self._frame.copy(deep=False)

    @property
    def geometry(self) -> gpd.GeoDataFrame | None:
        """Geometries, indexed by unit in the order of `units`."""
        return None if self._geometry is None else self._geometry.copy(deep=False)

    # -- contents ----------------------------------------------------------------------------------

    @property
    def units(self) -> pd.Index:
        """Ids of the units, sorted."""
        return self._level(0)

    @property
    def periods(self) -> pd.Index:
        """Periods, sorted."""
        return self._level(1)

    def _level(self, number: int) -> pd.Index:
        index = self._frame.index
        assert isinstance(index, pd.MultiIndex)
        return index.levels[number]

    def __sizeof__(self) -> int:
        """Return the bytes of the data; by this a Dask client knows to send them only once."""
        return int(self._frame.memory_usage().sum())

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.periods)

    @property
    def is_balanced(self) -> bool:
        """Whether every unit is there in every period."""
        return len(self._frame) == self.n_units * self.n_periods

    def _html_blocks(self) -> list[Block]:
        """Return the title, the first rows, and the notes."""
        shown = min(len(self._frame), 5)
        rows = f"The first {shown} of {len(self._frame):,} rows:"
        return [*self._blocks(), rows, self._frame.head(shown), *notes_of(self.notes)]

    def _blocks(self) -> list[Block]:
        span = (
            f" ({plain(self.periods[0])} to {plain(self.periods[-1])})"
            if self.n_periods > 1
            else ""
        )
        columns = self._frame.shape[1]
        shape = "no geometry" if self._geometry is None else f"geometry in {_crs(self._geometry)}"
        balance = "" if self.is_balanced else ", UNBALANCED"
        notes = f", {len(self.notes)} note{'s' * (len(self.notes) != 1)}" if self.notes else ""
        return [
            f"SpatialPanel: {self.n_units} units x {self.n_periods} "
            f"period{'s' * (self.n_periods != 1)}{span}{balance}, "
            f"{columns} column{'s' * (columns != 1)}, {shape}{notes}"
        ]

    @checked
    def label(self, column: str) -> str:
        """Return the display label of a column, or its name."""
        return self.labels.get(column, column)

    @checked
    def period(self, value: Hashable) -> Hashable:
        """Return a period as the panel has it, however it is written.

        Parameters
        ----------
        value : hashable
            One of `periods`; or text or a date that is read as one, as the panel's column was.

        Raises
        ------
        PanelError
            If the panel has no such period.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 1], "year": ["2019年", "2020年"], "x": [0.5, 0.7]})
        >>> SpatialPanel(frame, unit="id", period="year").period("2020年")
        2020
        """
        return self.require_periods([value])[0]

    # -- views -------------------------------------------------------------------------------------

    @checked
    def wide(self, column: str) -> pd.DataFrame:
        """Return one column as a table, units by periods.

        Parameters
        ----------
        column : str
            Name of a column.

        Returns
        -------
        DataFrame
            Shape (n_units, n_periods); missing cells stay missing.

        Raises
        ------
        UnknownColumnError
            If the panel has no such column.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 2], "x": [0.5, 0.7]})
        >>> SpatialPanel(frame, unit="id").wide("x").shape
        (2, 1)
        """
        self.require_columns([column])
        return self._frame[column].unstack("period")

    @checked
    def values(self, column: str) -> np.ndarray:
        """Return one numeric column as an array, complete and finite, units by periods.

        Parameters
        ----------
        column : str
            Name of a numeric column.

        Returns
        -------
        ndarray
            Shape (n_units, n_periods), float.

        Raises
        ------
        UnknownColumnError, UnbalancedPanelError, MissingValuesError, DomainError
            If the column is absent, or has cells that cannot be used in computations.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [2, 1], "x": [0.5, 0.7]})
        >>> SpatialPanel(frame, unit="id").values("x").tolist()
        [[0.7], [0.5]]
        """
        self.require_numeric([column])
        self.require_complete([column])
        series = self._frame[column]
        array = series.to_numpy(dtype=float)
        infinite = ~np.isfinite(array)
        if infinite.any():
            raise DomainError(
                f"column {column!r} is infinite for {self._cells(infinite)}; "
                "a logarithm of zero or a division by zero made it: correct the data first"
            )
        extreme = is_extreme(array)
        if extreme.any():
            raise DomainError(
                f"column {column!r} has {array[extreme][0]:.3g} for {self._cells(extreme)}: powers "
                "of numbers beyond 1e-40 and 1e40 cannot be computed with; change its unit"
            )
        return np.asarray(array.reshape(self.n_units, self.n_periods))

    @checked
    def at(self, period: Hashable) -> pd.DataFrame:
        """Return the data of one period.

        Parameters
        ----------
        period : hashable
            One of `periods`.

        Returns
        -------
        GeoDataFrame or DataFrame
            Indexed by unit; with geometry where the panel has one.

        Raises
        ------
        PanelError
            If the panel has no such period.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 1], "year": [2019, 2020], "x": [0.5, 0.7]})
        >>> SpatialPanel(frame, unit="id", period="year").at(2020)["x"].tolist()
        [0.7]
        """
        data = self._frame.xs(self.period(period), level="period")
        if self._geometry is None:
            return data
        import geopandas as gpd

        shapes = self._geometry.geometry.reindex(data.index)
        plain = data.drop(columns=[shapes.name], errors="ignore")
        return gpd.GeoDataFrame(plain, geometry=shapes, crs=self._geometry.crs)

    # -- new panels --------------------------------------------------------------------------------

    @checked
    def assign(self, labels: Mapping[str, str] | None = None, **columns: Any) -> SpatialPanel:
        """Return a panel with new or changed columns.

        Parameters
        ----------
        labels : mapping, optional
            Labels to add.
        **columns : callable, Series, array or scalar
            As in `pandas.DataFrame.assign`; a callable gets the frame. A Series is aligned by
            (unit, period).

        Returns
        -------
        SpatialPanel

        Raises
        ------
        DomainError
            If a transformation is undefined for some cells (a logarithm of a non-positive value,
            a division by zero); the cells are named.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> panel = SpatialPanel(pd.DataFrame({"id": [1, 2], "x": [1.0, 0.0]}), unit="id")
        >>> panel.assign(double=lambda d: 2 * d["x"]).frame["double"].tolist()
        [2.0, 0.0]
        >>> panel.assign(log_x=lambda d: np.log(d["x"]))
        Traceback (most recent call last):
        ...
        nqp_spatial.errors.DomainError: column 'log_x' is undefined ... for unit 2, period 0; ...
        """
        try:
            with np.errstate(divide="raise", invalid="raise"):
                frame = assigned(self._frame, columns)
            undefined = False
        except FloatingPointError:
            with np.errstate(all="ignore"):
                frame = assigned(self._frame, columns)
            undefined = True
        for name in columns:
            bad = is_undefined(frame[name], count_missing=undefined)
            if bad.any():
                raise DomainError(
                    f"column {name!r} is undefined (not finite) for {self._cells(bad)}; "
                    "logarithms need positive values and divisors must not be zero: "
                    "correct or leave out these cells first"
                )
        return self._replace(frame, labels={**self.labels, **(labels or {})})

    @checked
    def select(
        self,
        *,
        periods: Iterable[Hashable] | None = None,
        units: Iterable[Hashable] | None = None,
    ) -> SpatialPanel:
        """Return the panel of selected periods or units.

        Parameters
        ----------
        periods, units : iterable, optional
            What to keep; all if not given. The order does not matter.

        Returns
        -------
        SpatialPanel

        Raises
        ------
        PanelError, UnmatchedIdsError
            If a period or a unit is not in the panel.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 1], "year": [2019, 2020], "x": [0.5, 0.7]})
        >>> SpatialPanel(frame, unit="id", period="year").select(periods=[2020]).n_periods
        1
        """
        frame, counts = self._frame, {}
        if periods is not None:
            wanted = self.require_periods(periods)
            frame = frame[frame.index.isin(wanted, level="period")]
            counts["periods"], counts["all_periods"] = len(set(wanted)), self.n_periods
        if units is not None:
            ids = _index_of(list(units))
            unknown = ids.difference(self.units, sort=False)
            if len(unknown):
                raise UnmatchedIdsError(
                    f"the panel has no unit {sample(unknown)}; its units are like "
                    f"{sample(self.units)}{type_hint(unknown, self.units)}"
                )
            frame = frame[frame.index.isin(ids, level="unit")]
            counts["units"], counts["all_units"] = ids.nunique(), self.n_units
        if frame.empty:
            raise PanelError("the selection is empty; name at least one unit and one period")
        return self._replace(frame.copy(), note=_selection(counts))

    @checked
    def balance(self, *, how: BalanceMethod, columns: Iterable[str] | None = None) -> SpatialPanel:
        """Return a panel without gaps, by an explicit choice that is written into `notes`.

        Parameters
        ----------
        how : {"drop-units", "drop-periods", "interpolate"}
            ``drop-units`` keeps the units that are complete in every period; ``drop-periods`` the
            periods that are complete for every unit; ``interpolate`` fills numeric gaps linearly
            over the periods of the same unit, inside its first and last value only.
        columns : iterable of str, optional
            Columns that must be complete; all if not given.

        Returns
        -------
        SpatialPanel

        Raises
        ------
        UnbalancedPanelError
            If nothing would remain, or if gaps at the ends of a unit's series cannot be
            interpolated.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 1, 2], "year": [1, 2, 1], "x": [1.0, 2.0, 3.0]})
        >>> panel = SpatialPanel(frame, unit="id", period="year", balanced=False)
        >>> panel.balance(how="drop-units").notes
        ('balanced by dropping 1 of 2 units: 2',)
        """
        names = list(self._frame.columns) if columns is None else list(columns)
        self.require_columns(names)
        frame, note = without_gaps(self._frame, names, how, self.period_name)
        return self if note is None else self._replace(frame, note=note)

    # -- checks that other modules share -----------------------------------------------------------

    @checked
    def require_columns(self, columns: Iterable[str]) -> None:
        """Raise `UnknownColumnError` unless the panel has every column named."""
        names = list(columns)
        if odd := [name for name in names if not isinstance(name, str)]:
            raise OptionError(f"columns are named by text, got {sample(odd)}")
        unknown = [name for name in names if name not in self._frame.columns]
        if unknown:
            raise UnknownColumnError(
                f"the panel has no column {sample(unknown)}; its columns are "
                f"{sample(self._frame.columns, 20)}"
            )

    @checked
    def require_numeric(self, columns: Iterable[str]) -> None:
        """Raise `DomainError` unless every column named is of real numbers or bools.

        Text that is nearly all numbers ("1,234", a dash in a csv) is named cell by cell; complex
        numbers, durations, dates and words are refused too, with what to do.
        """
        names = list(columns)
        self.require_columns(names)
        for name in names:
            if why := why_not_numeric(self._frame[name]):
                raise DomainError(why)

    @checked
    def numbers_as_text(self, column: str) -> bool:
        """Whether a column is text in which nearly all cells are numbers.

        Such a column would become dummies in a formula; words, which are categories, are not it.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"id": [1, 2], "k": ["1,234", "-"], "side": ["w", "e"]})
        >>> panel = SpatialPanel(frame, unit="id")
        >>> panel.numbers_as_text("k"), panel.numbers_as_text("side")
        (True, False)
        """
        self.require_columns([column])
        return numbers_as_text(self._frame[column])

    @checked
    def require_periods(self, periods: Iterable[Hashable]) -> list[Hashable]:
        """Return periods as the panel has them, or raise `PanelError` naming unknown ones."""
        named = list(periods)
        if odd := [period for period in named if not isinstance(period, Hashable)]:
            raise OptionError(
                f"a period must be one of {sample(self.periods, 8)}; got {sample(odd)}"
            )
        wanted = [period_like(period, self.periods) for period in named]
        unknown = [period for period in wanted if period not in self.periods]
        if unknown:
            raise PanelError(
                f"the panel has no period {sample(unknown)}; its periods are "
                f"{sample(self.periods, 8)}"
            )
        return wanted

    def require_balanced(self) -> None:
        """Raise `UnbalancedPanelError`, naming absent pairs, unless the panel is balanced."""
        require_balanced(self._frame)

    @checked
    def require_complete(self, columns: Iterable[str]) -> None:
        """Raise unless the panel is balanced and has every cell of the columns named."""
        names = list(columns)
        self.require_columns(names)
        self.require_balanced()
        if any(self._frame[name].array.isna().any() for name in names):
            missing = self._frame[names].isna()
            parts = [
                f"{name!r} for {self._cells(missing[name].to_numpy())}"
                for name in names
                if missing[name].any()
            ]
            gaps = self._frame.index[missing.any(axis=1)]
            raise MissingValuesError(
                f"missing values in column {'; '.join(parts)}. Nothing is dropped or filled "
                "silently: use panel.select(...), or, with columns=[...], "
                f"{balancing_choices(self.units, self.periods, gaps)}"
            )

    def require_geometry(self) -> gpd.GeoDataFrame:
        """Return the geometries, or raise `GeometryError` if the panel has none."""
        if self._geometry is None:
            raise GeometryError(
                "this needs the units' geometries and the panel has none; "
                "pass geometry= to SpatialPanel or read_panel"
            )
        return self._geometry.copy(deep=False)

    def _cells(self, mask: np.ndarray | pd.Series) -> str:
        rows = self._frame.index[np.asarray(mask, dtype=bool)]
        if len(rows) == 1:
            unit, period = rows[0]
            return f"unit {sample([unit])}, period {sample([period])}"
        pairs = [(plain(u), plain(p)) for u, p in rows[:5]]
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        return f"{len(rows)} cells, (unit, period) {sample(pairs)}{more}"


class _ReadOnly(dict[str, str]):
    """Labels that cannot be changed; a mapping proxy could not be pickled."""

    def _refuse(self, *_: object, **__: object) -> None:
        raise TypeError("labels of a panel are read only; make another panel with panel.assign")

    __setitem__ = __delitem__ = update = setdefault = _refuse  # type: ignore[assignment]
    pop = popitem = clear = __ior__ = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type, tuple[dict[str, str]]]:
        return _ReadOnly, (dict(self),)


def _selection(counts: dict[str, int]) -> str | None:
    if len(counts) > 2:
        return t(
            "selected {periods} of {all_periods} periods and {units} of {all_units} units", **counts
        )
    if "periods" in counts:
        return t("selected {periods} of {all_periods} periods", **counts)
    return t("selected {units} of {all_units} units", **counts) if counts else None


def _index_of(ids: list[Any]) -> pd.Index:
    if odd := [id_ for id_ in ids if not isinstance(id_, Hashable)]:
        raise OptionError(f"a unit is named by its id, got {sample(odd)}")
    return pd.Index(ids)


def _crs(geometry: gpd.GeoDataFrame) -> str:
    return "no CRS" if geometry.crs is None else str(geometry.crs.name)
