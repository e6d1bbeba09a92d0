"""Keys of data: unique, complete, of one type, the same on both sides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from nqp_spatial.core.period_readers import read_periods
from nqp_spatial.core.periods import places_in_time
from nqp_spatial.core.text import listed, t
from nqp_spatial.errors import (
    DuplicateKeysError,
    MissingValuesError,
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
    plain,
    sample,
)

__all__ = [
    "check_same_ids",
    "folded",
    "keyed",
    "reread",
    "type_hint",
    "with_key_columns",
]


def check_same_ids(
    ours: pd.Index, theirs: pd.Index, *, our_name: str, their_name: str, advice: str
) -> None:
    """Raise unless two sets of ids are the same, showing samples from both sides.

    Parameters
    ----------
    ours, theirs : Index
        Unique ids, in any order.
    our_name, their_name : str
        Names of the two sides in the message.
    advice : str
        What the caller can do about it.

    Raises
    ------
    UnmatchedIdsError
        If the sets differ.

    Examples
    --------
    >>> import pandas as pd
    >>> check_same_ids(pd.Index([1, 2]), pd.Index([2, 3]), our_name="panel",
    ...                their_name="weights", advice="build both from one list")
    Traceback (most recent call last):
    ...
    nqp_spatial.errors.UnmatchedIdsError: ids of panel and weights differ: ...
    """
    only_ours = ours.difference(theirs, sort=False)
    only_theirs = theirs.difference(ours, sort=False)
    if not len(only_ours) and not len(only_theirs):
        return
    parts = [f"ids of {our_name} and {their_name} differ:"]
    if len(only_ours):
        parts.append(f"{len(only_ours)} of {len(ours)} only in {our_name} ({sample(only_ours)});")
    if len(only_theirs):
        parts.append(
            f"{len(only_theirs)} of {len(theirs)} only in {their_name} ({sample(only_theirs)});"
        )
    raise UnmatchedIdsError(f"{' '.join(parts)} {advice}{type_hint(ours, theirs)}")


def type_hint(ours: pd.Index, theirs: pd.Index) -> str:
    """Describe ids that differ only by lost zeros, decimals, blanks or type, and what to do.

    Examples
    --------
    >>> type_hint(pd.Index([1001]), pd.Index(["01001"]))
    " (1001 would match '01001': zeros in front are lost; read ids as text, dtype={'id': str})"
    >>> type_hint(pd.Index(["a"]), pd.Index(["b"]))
    ''
    """
    reasons: dict[str, list[tuple[object, object]]] = {}
    theirs_only = [plain(id_) for id_ in theirs.difference(ours, sort=False)]
    ours_only = [plain(id_) for id_ in ours.difference(theirs, sort=False)]
    for reason, form in _FORMS.items():
        others = {form(id_): id_ for id_ in reversed(theirs_only)}
        matched = [id_ for id_ in ours_only if form(id_) in others]
        for id_ in matched:
            reasons.setdefault(reason, []).append((id_, others[form(id_)]))
        ours_only = [id_ for id_ in ours_only if form(id_) not in others]
    hints = []
    for reason, pairs in reasons.items():
        shown = ", ".join(f"{id_!r} would match {other!r}" for id_, other in pairs[:3])
        more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
        our_type, their_type = (type(id_).__name__ for id_ in pairs[0])
        why = reason.replace("{ours}", our_type).replace("{theirs}", their_type)
        hints.append(f"{shown}{more}: {why}")
    return f" ({'; '.join(hints)})" if hints else ""


def _bare(id_: object) -> str:
    """Return an id as text, without blanks and invisible signs at its ends."""
    return str(id_).strip().strip("\ufeff\u200b").strip()


def _without_decimals(id_: object) -> str:
    return re.sub(r"\.0*$", "", _bare(id_))


def _without_zeros(id_: object) -> str:
    return _without_decimals(id_).lstrip("0")


def folded(id_: object) -> str:
    """Return an id without blanks, full-width signs, leading zeros and capitals.

    Examples
    --------
    >>> folded(" Ａ 01")
    'a01'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", _without_zeros(id_))).casefold()


def reread(id_: object) -> str:
    """Return text whose bytes of GB 18030 were read as Latin letters, decoded correctly.

    Examples
    --------
    >>> reread("±±¾©")
    '北京'
    """
    for encoding in ("latin-1", "cp1252"):
        try:
            return _bare(str(id_).encode(encoding).decode("gb18030"))
        except UnicodeError:
            continue
    return _bare(id_)


# What two ids have in common that do not match, the closest first.
_FORMS: dict[str, Callable[[object], str]] = {
    "the ids are {ours} on one side and {theirs} on the other: convert one side": str,
    "blanks at the ends; remove them with .str.strip()": _bare,
    "decimals were added; read ids as text, dtype={'id': str}, or make them whole numbers, "
    ".astype(int)": _without_decimals,
    "zeros in front are lost; read ids as text, dtype={'id': str}": _without_zeros,
    "full-width signs, blanks or capitals differ; write them the same way": folded,
    "letters of another encoding; name the file's encoding, such as encoding='gb18030' or "
    "geometry_encoding='gb18030'": reread,
}


def keyed(frame: pd.DataFrame, unit: str, period: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Return a copy of the frame indexed by (unit, period), unique and sorted, and notes.

    Parameters
    ----------
    frame : DataFrame
        As `with_key_columns` returns it.

    Raises
    ------
    PanelError, MissingValuesError, DuplicateKeysError
        If keys cannot be those of a panel; the rows are named.
    """
    keys = [unit] if period is None else [unit, period]
    data = frame
    if data.empty:
        raise PanelError("the frame has no rows; pass one row for each unit and period")
    _require_keys(data, keys)
    ids = _one_type(data[unit])
    if period is None:
        periods, note = pd.Series(0, index=data.index), ""
    else:
        periods, note = read_periods(data[period])
        periods = _one_type(periods)
    index = pd.MultiIndex.from_arrays([ids, periods], names=["unit", "period"])
    repeated = index.duplicated(keep=False)
    if repeated.any():
        pairs = index[repeated].unique()
        written = ""
        if note and period is not None:
            texts = data[period][repeated & (periods == pairs[0][1]).to_numpy()].unique()
            if len(texts) > 1:
                written = f" ({sample(texts)} are all read as {plain(pairs[0][1])})"
        raise DuplicateKeysError(
            f"{int(index.duplicated().sum())} (unit, period) pairs occur more than once: "
            f"{sample(pairs)}{written}; keep one row for each pair, or name a period"
        )
    others = [place for place, name in enumerate(data.columns) if name not in keys]
    data = data.iloc[:, others].set_axis(index, axis=0).sort_index()
    data.index = data.index.remove_unused_levels()
    notes = [note] if note else []
    levels = data.index.levels[1]
    if len(levels) > 1 and places_in_time(levels) is None:
        notes.append(
            t(
                "the order of periods in time is not known, so they are sorted alphabetically: "
                "{periods}",
                periods=listed(levels, 8),
            )
        )
    return data, notes


def with_key_columns(frame: pd.DataFrame, unit: str, period: str | None) -> pd.DataFrame:
    """Return the frame with its keys among the columns, whose names are unique texts.

    Raises
    ------
    OptionError
        If `unit` and `period` are the same.
    UnknownColumnError, PanelError
        If a key is not a column, or column names repeat or are not text.
    """
    keys = [unit] if period is None else [unit, period]
    if len(set(keys)) < len(keys):
        raise OptionError(f"unit and period must be two columns, both are {keys[0]!r}")
    if isinstance(frame.columns, pd.MultiIndex):
        raise PanelError(
            f"columns must have one level of names, the frame's have {frame.columns.nlevels} "
            f"({sample(frame.columns, 3)}); join them, as in frame.columns.map('_'.join)"
        )
    in_index = [name for name in frame.index.names if name in keys]
    if in_index:
        beside = [name for name in in_index if name not in frame.columns]
        frame = frame.reset_index(level=beside).reset_index(drop=True)
    for key in keys:
        if key not in frame.columns:
            raise UnknownColumnError(
                f"the frame has no column {key!r}; its columns are {sample(frame.columns, 20)}"
            )
    repeated = frame.columns[frame.columns.duplicated()].unique()
    if len(repeated):
        raise PanelError(
            f"the frame has several columns called {sample(repeated)}; rename them, or keep one"
        )
    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise PanelError(
            f"columns must be named by text, these are not: {sample(odd)}; rename them, or, where "
            "each column is a period, make the table long with frame.melt"
        )
    return frame


def _require_keys(data: pd.DataFrame, keys: list[str]) -> None:
    """Raise `MissingValuesError` where a row has no id or no period."""
    rows = np.zeros(len(data), dtype=bool)
    for key in keys:
        column = data[key]
        rows |= column.isna().to_numpy()
        if pd.api.types.is_numeric_dtype(column):
            continue
        try:
            texts = column.drop_duplicates()
        except TypeError:
            continue  # cells that cannot be ids at all are refused with their type
        blank = [text for text in texts if isinstance(text, str) and not text.strip()]
        if blank:
            rows |= column.isin(blank).to_numpy()
    if rows.any():
        raise MissingValuesError(
            f"{int(rows.sum())} rows have no {' or '.join(keys)}, at row labels "
            f"{sample(data.index[rows])}; every row needs both"
        )


def _one_type(column: pd.Series) -> pd.Series:
    """Return the column if its values have one type, so that they have an order."""
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy()
        infinite = np.isinf(numbers) if numbers.dtype.kind == "f" else np.zeros(len(column), bool)
        if infinite.any():
            raise PanelError(
                f"{column.name!r} is infinite at row labels {sample(column.index[infinite])}; ids "
                "are whole numbers or text"
            )
        if numbers.dtype.kind == "c":
            raise PanelError(f"{column.name!r} holds complex numbers; ids are numbers or text")
        return column
    try:
        kinds = sorted({type(plain(value)).__name__ for value in column.unique()})
    except TypeError:
        kinds = sorted({type(value).__name__ for value in column})
        raise PanelError(
            f"{column.name!r} holds values that cannot be ids ({', '.join(kinds)}); ids are "
            "numbers or text"
        ) from None
    if len(kinds) > 1 and set(kinds) != {"int", "float"}:
        # Such ids have no order, and the order of rows would replace it.
        first = {type(plain(value)).__name__: plain(value) for value in column.unique()}
        raise PanelError(
            f"{column.name!r} has values of several types ({', '.join(kinds)}), such as "
            f"{sample(first.values())}: convert them to one, such as by .astype(str)"
        )
    return column
