"""Numbers of other programs: compared here, and recorded for the page docs/parity.md.

A test marked ``parity`` calls `agree` where it would call ``numpy.testing.assert_allclose``. If the
environment variable NQP_PARITY names a file, each comparison adds a line of JSON to it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import PurePath
from typing import Any

import numpy as np
import pytest

from nqp_spatial.peers._quantities import EXACT, digits_agreed

FILE = "NQP_PARITY"
#: Published numbers have no version but a source.
PUBLISHED = "published"


@dataclass(frozen=True)
class Comparison:
    """One line of the record.

    Attributes
    ----------
    test, room : str
        Which test compared, and the part of the package that it belongs to.
    restricted : bool
        Whether it needs data that cannot be redistributed.
    quantity, data, case : str
        What was compared, of which data; the variant, if there are several.
    program, version : str
        Whose numbers; of published numbers, `version` is the source.
    ours, theirs : list of float
    entries : int
        How many numbers were compared; more than are listed if only those that differ most are.
    digits : float
        Significant digits that agree in the entry that differs most.
    reason : str
        Why fewer agree than rounding allows, if so.
    differs : bool
        Whether the test states that the numbers are not equal, for `reason`.
    """

    test: str
    room: str
    restricted: bool
    quantity: str
    data: str
    case: str
    program: str
    version: str
    ours: list[float]
    theirs: list[float]
    entries: int
    digits: float
    reason: str
    differs: bool = False


_ITEM: list[pytest.Item] = []


def begin(item: pytest.Item) -> None:
    """Keep which test runs."""
    _ITEM[:] = [item]


def agree(
    quantity: str,
    ours: Any,
    theirs: Any,
    *,
    program: str,
    data: str,
    version: str | None = None,
    rtol: float = 0.0,
    atol: float = 0.0,
    reason: str = "",
    case: str = "",
    room: str | None = None,
) -> None:
    """Assert that numbers equal those of another program, and record them.

    ``|ours - theirs| <= atol + rtol |theirs|``, entry by entry; missing values equal each other.

    Parameters
    ----------
    quantity : str
    ours, theirs : array_like
    program : str
        The distribution, whose version is read from its metadata unless given; or ``"published"``.
    data : str
    version : str, optional
        Of a program that is not installed; of published numbers, the source.
    rtol, atol : float
        Zero, both of them, for numbers that are identical.
    reason : str
        Why fewer digits agree than rounding allows, if so.
    case, room : str, optional
        The variant; the part of the package, if not that of the test's folder.
    """
    values, others = (np.asarray(numbers, dtype=float) for numbers in (ours, theirs))
    # Neither broadcasts: one number does not stand for many.
    assert values.shape == others.shape, (
        f"{quantity}: {values.shape} of ours, {others.shape} of theirs"
    )
    title = f"{quantity} ({program})"
    np.testing.assert_allclose(values, others, rtol=rtol, atol=atol, err_msg=title)
    _record(quantity, values, others, program, data, version, reason, case, room)


def differ(
    quantity: str,
    ours: Any,
    theirs: Any,
    *,
    program: str,
    data: str,
    reason: str,
    version: str | None = None,
    least: float = 1e-3,
    case: str = "",
    room: str | None = None,
) -> None:
    """Assert that numbers of another program are not ours, in some entry by `least` of it.

    Parameters
    ----------
    quantity, ours, theirs, program, data, version, case, room
        As in `agree`.
    reason : str
        Why ours are others, or the definitions differ; never empty.
    least : float
        Relative difference that some entry exceeds.
    """
    assert reason, "say why the numbers are not equal"
    values, others = (np.asarray(numbers, dtype=float) for numbers in (ours, theirs))
    assert values.shape == others.shape, (
        f"{quantity}: {values.shape} of ours, {others.shape} of theirs"
    )
    assert (np.abs(values - others) > least * np.abs(others)).any(), f"{quantity} does not differ"
    _record(quantity, values, others, program, data, version, reason, case, room, differs=True)


def agree_with_peers(check: Any, *, data: str, case: str = "") -> None:
    """Assert that a second opinion agrees, and record its rows."""
    assert check.agrees, check
    room, function = check.spec.function.split(".")[0], check.spec.function.split(".")[-1]
    for name, row in check.frame.iterrows():
        program, version = row["program"].split()
        searched = row["wanted"] < EXACT and row["digits"] < EXACT
        reason = row["reason"] or "both search for the maximum of a likelihood" * searched
        _write(
            room, quantity=f"{function}: {name}",
            data=data, case=case, program=program, version=version, ours=[row["ours"]],
            theirs=[row["theirs"]], entries=int(row["entries"]), digits=float(row["digits"]),
            reason=str(reason),
        )  # fmt: skip


def _record(
    quantity: str, values: np.ndarray, others: np.ndarray, program: str, data: str,
    version: str | None, reason: str, case: str, room: str | None, *, differs: bool = False,
) -> None:  # fmt: skip
    values, others = values.ravel(), others.ravel()
    digits = np.nan_to_num(digits_agreed(values, others), nan=0.0)
    _write(
        room, quantity=quantity, data=data, case=case, program=program,
        version=metadata.version(program) if version is None else version,
        ours=values.tolist(), theirs=others.tolist(), entries=len(values),
        digits=max(0.0, float(digits.min())), reason=reason, differs=differs,
    )  # fmt: skip


def _write(room: str | None, **values: Any) -> None:
    """Add a line; one call of the system each, so that several processes may write one file."""
    assert _ITEM, "a test compares, with the fixtures of tests/conftest.py"
    item = _ITEM[0]
    assert item.get_closest_marker("parity"), f"mark {item.name} with pytest.mark.parity"
    path = os.environ.get(FILE)
    if not path:
        return
    folders = PurePath(item.nodeid.partition("::")[0]).parts
    line = Comparison(
        test=item.nodeid, room=room or folders[1],
        restricted="nqp_data" in getattr(item, "fixturenames", ()), **values,
    )  # fmt: skip
    text = json.dumps(asdict(line), ensure_ascii=False) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
