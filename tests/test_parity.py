"""The recorder of comparisons with other programs, and the page that is made of its record."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nqp_spatial.core.display import Spec
from nqp_spatial.peers._quantities import ITERATED, quantity
from nqp_spatial.peers.crosscheck import CrosscheckResult, _frame
from tests import parity
from tests.parity import agree, agree_with_peers, differ

ROOT = Path(__file__).parent.parent
OTHER = {"program": "numpy", "data": "three numbers"}


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """Record into a file of this test, as if it were marked; the reader of the file."""
    path = tmp_path / "record.jsonl"

    class Marked:
        name = "test_x"
        nodeid = "tests/esda/test_x.py::test_x"
        fixturenames = ("nqp_data",)

        def get_closest_marker(self, name):
            return name == "parity"

    monkeypatch.setenv(parity.FILE, str(path))
    monkeypatch.setattr(parity, "_ITEM", [Marked()])
    return lambda: [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def book():
    """The extension that writes the page."""
    pytest.importorskip("sphinx", reason="sphinx is not installed")
    spec = importlib.util.spec_from_file_location("parity_book", ROOT / "docs/_ext/parity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_states_what_was_compared(recorded):
    agree("mean", [1.0, 2.0], [1.0, 2.0002], rtol=1e-3, reason="rounded", case="a", **OTHER)
    agree("count", 3, 3, program="published", version="Moran (1950)", data="x", room="weights")
    first, second = recorded()
    assert first["digits"] == pytest.approx(4, abs=1e-3)
    assert (first["ours"], first["theirs"], first["entries"]) == ([1.0, 2.0], [1.0, 2.0002], 2)
    assert (first["reason"], first["case"], first["restricted"]) == ("rounded", "a", True)
    assert (first["program"], first["version"]) == ("numpy", np.__version__)
    assert (first["room"], second["room"]) == ("esda", "weights")
    assert (second["version"], second["digits"]) == ("Moran (1950)", 15.9)


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance"),
    [
        ([1.0, 2.0], [1.0, 2.001], {"rtol": 1e-4}),
        (1.0, 1.0 + 1e-15, {}),
        (np.nan, 1.0, {"rtol": 1.0}),
        (1e-9, 0.0, {"rtol": 1e-6}),
        ([1.0, 1.0], 1.0, {"rtol": 1e-6}),  # one number does not stand for two
        (np.ones((2, 1)), np.ones(2), {"rtol": 1e-6}),
    ],
)
def test_a_disagreement_fails_and_is_not_recorded(recorded, tmp_path, ours, theirs, tolerance):
    with pytest.raises(AssertionError):
        agree("x", ours, theirs, **tolerance, **OTHER)
    assert not (tmp_path / "record.jsonl").exists()


def test_a_difference_is_stated_with_its_reason(recorded):
    differ("x", 1.0, 2.0, reason="theirs is doubled", **OTHER)
    (row,) = recorded()
    assert row["differs"] and row["digits"] == pytest.approx(-np.log10(0.5))
    with pytest.raises(AssertionError, match="does not differ"):
        differ("x", 1.0, 1.0001, reason="a guess", **OTHER)
    with pytest.raises(AssertionError, match="say why"):
        differ("x", 1.0, 2.0, reason="", **OTHER)


def test_a_second_opinion_is_recorded_by_row(recorded):
    rows = [
        quantity("moran_i", 0.5, 0.5, "numpy"),
        quantity("rho", [0.1, 0.2], [0.1, 0.2001], "numpy", wanted=ITERATED - 2),
    ]
    check = CrosscheckResult(_frame(rows), Spec(function="esda.moran"))
    agree_with_peers(check, data="US states")
    first, second = recorded()
    assert (first["quantity"], first["room"], first["reason"]) == (
        "moran: moran_i",
        "esda",
        "",
    )
    assert (first["program"], first["version"]) == ("numpy", np.__version__)
    assert (second["entries"], second["ours"], second["theirs"]) == (2, [0.2], [0.2001])
    assert second["reason"] == "both search for the maximum of a likelihood"
    wrong = CrosscheckResult(_frame([quantity("x", 1.0, 2.0, "numpy")]), check.spec)
    with pytest.raises(AssertionError):
        agree_with_peers(wrong, data="US states")
    assert len(recorded()) == 2


def test_a_test_that_compares_is_marked():
    with pytest.raises(AssertionError, match=r"with pytest\.mark\.parity"):
        agree("x", 1.0, 1.0, **OTHER)


def rows_of(number, **columns):
    row = {
        "test": "tests/esda/test_x.py::test_x", "room": "esda", "restricted": False,
        "quantity": "x", "data": "d", "case": "", "program": "esda", "version": "1.0",
        "ours": [1.0, 2.0], "theirs": [1.0, 2.0], "entries": 2, "digits": 15.9, "reason": "",
        "differs": False,
    }  # fmt: skip
    return pd.DataFrame([row | columns for _ in range(number)])


def test_the_page_shows_the_entry_that_differs_most(book):
    near = {"ours": [1.0, 2.002], "digits": 3.0, "reason": "drawn"}
    table = pd.concat([rows_of(1, reason="drawn"), rows_of(1, **near)], ignore_index=True)
    (row,) = book.combined(table).to_dict("records")
    assert (row["one"], row["other"], row["entries"], row["equal"]) == (2.002, 2.0, 4, False)
    text = book.page(table)
    assert "| x (4) | d | esda | 2.002 | 2 | 3 a |" in text
    assert "a: drawn." in text
    assert "| esda 1.0 | 2 | 4 | 9 | 3 | 1 |" in text
    assert "| x (4) | d | esda | 1 | 1 | equal |" in book.page(rows_of(2))


def test_data_that_cannot_be_redistributed_come_last_and_change_nothing_else(book):
    alone = book.page(rows_of(2))
    more = pd.concat([rows_of(2), rows_of(3, restricted=True, program="splm")], ignore_index=True)
    heading = "## Data that cannot be redistributed"
    assert book.page(more).split(heading)[0] == alone.split(heading)[0]
    assert "were not there" in alone
    assert "3 more comparisons of 6 numbers" in book.page(more)


def test_what_the_page_lacks_is_said(book):
    programs = sorted(book.PROGRAMS)
    full = pd.concat(
        [rows_of(book.LEAST_COMPARISONS // len(programs) + 1, program=name) for name in programs],
        ignore_index=True,
    )
    assert book.lapses(full) == []
    assert "no number was compared with esda" in book.lapses(full[full["program"] != "esda"])
    assert "fewer than 400" in " ".join(book.lapses(full[: book.LEAST_COMPARISONS - 1]))
    assert book.lapses(pd.DataFrame())
    short = pd.concat([full, rows_of(1, digits=4.0)], ignore_index=True)
    assert any("no reason for 4.0 digits" in line for line in book.lapses(short))
    odd = pd.concat([full, rows_of(1, room="kitchen")], ignore_index=True)
    assert any("kitchen" in line for line in book.lapses(odd))
