"""Weights written and read again are the same, and files of other programs are understood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from libpysal.graph import read_gal, read_gwt

import nqp_spatial as nq
from nqp_spatial.errors import OptionError, UnmatchedIdsError, WeightsError


@pytest.fixture(scope="module")
def w():
    """Five units with whole-number ids, one of them an island."""
    edges = pd.DataFrame(
        {
            "focal": [30, 10, 10, 20, 40],
            "neighbor": [10, 30, 20, 10, 30],
            "w": [1, 2, 1 / 3, 5, 4.0],
        }
    )
    return nq.weights.from_edges(edges, weight="w", units=[30, 10, 20, 40, 50], islands="keep")


def same_values(after, before, ending):
    """The same to the last bit; a workbook keeps fifteen digits."""
    digits = {"rtol": 1e-14, "atol": 0} if ending == "xlsx" else {"rtol": 0, "atol": 0}
    np.testing.assert_allclose(after.sparse.toarray(), before.sparse.toarray(), **digits)


ROW = ("csv", "xlsx", "parquet", "gwt")


@pytest.mark.parametrize("ending", ROW)
@pytest.mark.parametrize("standardize", ["none", "row"])
def test_round_trip(w, tmp_path, ending, standardize):
    before = w.standardize(standardize)
    path = before.write(tmp_path / f"deep/w.{ending}")
    after = nq.weights.read(path, units=w.units)
    assert after.units.tolist() == w.units.tolist()
    same_values(after, before, ending)
    assert after.islands.tolist() == [50]


@pytest.mark.parametrize("layout", ["dense", "matrix"])
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_tables(w, tmp_path, layout, ending):
    path = w.write(tmp_path / f"w.{ending}", layout=layout)
    after = nq.weights.read(path, units=w.units)
    same_values(after, w, ending)
    if layout == "dense":
        assert nq.weights.read(path).units.tolist() == w.units.tolist()
    else:
        assert len(pd.read_csv(path, header=None) if ending == "csv" else [0] * 5) == 5
        with pytest.raises(UnmatchedIdsError, match=r"numbers without ids.*pass units="):
            nq.weights.read(path)
        with pytest.raises(UnmatchedIdsError, match="5 rows but 4 ids"):
            nq.weights.read(path, units=[1, 2, 3, 4])


def test_gal_holds_neighbours(w, tmp_path):
    path = w.write(tmp_path / "w.gal")
    after = nq.weights.read(path, units=w.units)
    np.testing.assert_array_equal(after.sparse.toarray(), w.sparse.toarray() > 0)
    theirs = read_gal(path)
    assert sorted(map(str, theirs.isolates)) == ["50"]
    assert theirs.n == 5
    assert len(theirs.adjacency.drop(theirs.isolates)) == 5


def test_libpysal_reads_our_gwt_and_we_read_theirs(states, tmp_path):
    _, w = states
    theirs = read_gwt(w.write(tmp_path / "ours.gwt"))
    np.testing.assert_allclose(
        theirs.sparse.toarray(), w.aligned(pd.Index(theirs.unique_ids)).toarray()
    )
    w.graph.to_gwt(tmp_path / "theirs.gwt")
    ours = nq.weights.read(tmp_path / "theirs.gwt", units=w.units)
    # Their writer keeps seven digits.
    np.testing.assert_allclose(ours.sparse.toarray(), w.sparse.toarray(), rtol=1e-6)
    w.graph.to_gal(tmp_path / "theirs.gal")
    ours = nq.weights.read(tmp_path / "theirs.gal", units=w.units)
    assert (ours.standardize("row").sparse != w.sparse).nnz == 0


def test_gal_of_columbus(columbus):
    from pathlib import Path

    import libpysal

    path = Path(libpysal.__file__).parent / "examples" / "columbus" / "columbus.gal"
    if not path.exists():
        path = next((Path(libpysal.__file__).parent / "examples").rglob("columbus.gal"), None)
    if path is None:
        pytest.skip("this libpysal does not bring columbus.gal")
    panel, w = columbus
    ours = nq.weights.read(path, units=panel.units)
    assert ours.n_units == 49
    assert nq.weights.compare(ours, w)["shared"] > 200


def test_parquet_keeps_how_it_was_made(states, tmp_path):
    _, w = states
    after = nq.weights.read(w.write(tmp_path / "w.parquet"))
    assert after.spec == w.spec
    assert after.units.tolist() == w.units.tolist()
    np.testing.assert_array_equal(after.sparse.toarray(), w.sparse.toarray())
    again = after.standardize("spectral").sparse.toarray()
    np.testing.assert_allclose(again, w.standardize("spectral").sparse.toarray())


def test_text_ids_in_a_file_become_the_panels(states, tmp_path):
    ids = [110000, 120000, 130000]
    w = nq.weights.from_dense(np.array([[0, 1.0, 1], [1, 0, 0], [1, 0, 0]]), ids)
    after = nq.weights.read(w.write(tmp_path / "w.gwt"), units=ids[::-1])
    assert after.units.tolist() == ids[::-1]
    np.testing.assert_array_equal(after.aligned(w.units).toarray(), w.sparse.toarray())
    with pytest.raises(UnmatchedIdsError, match=r"1 only in the file .*1 only in units="):
        nq.weights.read(tmp_path / "w.gwt", units=[110000, 120000, 999999])


def test_errors(w, tmp_path):
    with pytest.raises(OptionError, match=r"kept in files ending in .*got 'w\.mat'"):
        w.write(tmp_path / "w.mat")
    with pytest.raises(OptionError, match="layout must be"):
        w.write(tmp_path / "w.csv", layout="long")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nq.weights.read(tmp_path / "none.gal")
    spaced = nq.weights.from_dense(np.array([[0, 1.0], [1, 0]]), ["New York", "Ohio"])
    with pytest.raises(WeightsError, match="ids have some: 'New York'"):
        spaced.write(tmp_path / "w.gal")
    (tmp_path / "bad.gal").write_text("2\na 2\nb\nb 1\na\n")
    with pytest.raises(WeightsError, match="unit a should have 2 neighbours, 1 are listed"):
        nq.weights.read(tmp_path / "bad.gal")
    (tmp_path / "bad.gwt").write_text("0 2 x id\na b\n")
    with pytest.raises(WeightsError, match=r"is no \.gwt file"):
        nq.weights.read(tmp_path / "bad.gwt")
    (tmp_path / "bad.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(WeightsError, match="2 rows and 3 columns: no square matrix"):
        nq.weights.read(tmp_path / "bad.csv")
    (tmp_path / "other.csv").write_text(",a,b\na,0,1\nc,1,0\n")
    with pytest.raises(UnmatchedIdsError, match="name different units"):
        nq.weights.read(tmp_path / "other.csv")
