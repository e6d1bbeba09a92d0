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


# -- files of other programs and of strangers ------------------------------------------------------

ODD_IDS = ["=1+1", "a,b", 'q"uote', "010", "NA", "nan", " x ", "中 文", "#N/A", "+3", "@x", "it's"]


@pytest.fixture(scope="module")
def odd():
    """Weights with seventeen digits among units whose ids are hard to write; one is an island."""
    rng = np.random.default_rng(0)
    n = len(ODD_IDS)
    dense = rng.random((n, n)) * (rng.random((n, n)) < 0.4) * (1 - np.eye(n))
    dense[3] = 0
    return nq.weights.from_dense(dense, ODD_IDS, islands="keep")


@pytest.mark.parametrize(
    ("ending", "layout"),
    [(e, layout) for e in ("csv", "xlsx") for layout in ("edges", "dense", "matrix")]
    + [("parquet", "edges")],
)
@pytest.mark.parametrize("upper", [False, True])
def test_odd_ids_come_back(odd, tmp_path, ending, layout, upper):
    name = f"w.{ending}"
    path = odd.write(tmp_path / (name.upper() if upper else name), layout=layout)
    after = nq.weights.read(path, units=ODD_IDS)
    same_values(after, odd, ending)
    if layout != "matrix":
        assert sorted(nq.weights.read(path).units) == sorted(ODD_IDS)


@pytest.mark.parametrize("layout", ["edges", "dense"])
def test_ids_are_no_formulas_in_a_workbook(odd, tmp_path, layout):
    from openpyxl import load_workbook

    sheet = load_workbook(odd.write(tmp_path / "w.xlsx", layout=layout)).active
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert kinds <= {"s", "n"}


def read_text(tmp_path, name, text, **options):
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    (tmp_path / name).write_bytes(raw)
    return nq.weights.read(tmp_path / name, **options)


SQUARE = [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("name", "text", "units"),
    [
        ("w.csv", ",a,b\na,0,1\nb,2,0\n", None),
        ("w.csv", "﻿,a,b\r\na,0,1\r\nb,2,0\r\n", None),
        ("w.csv", ",a,b\na,0,1\nb,2,0\n".encode("utf-16"), None),
        ("w.csv", ";a;b\na;0;1\nb;2;0\n", None),
        ("w.csv", "\ta\tb\na\t0\t1\nb\t2\t0\n", None),
        ("w.csv", "id,b,a\na,1,0\nb,0,2\n", None),  # labels decide
        ("w.csv", 'id,"V1","V2"\n"a",0,1\n"b",2,0\n', None),
        ("w.csv", "a,0,1\nb,2,0\n", None),
        ("w.csv", "a,b\n0,1\n2,0\n", ["a", "b"]),
        ("w.csv", "v1,v2\n0,1\n2,0\n", ["a", "b"]),
        ("w.csv", "0,1\n0,1\n2,0\n", ["a", "b"]),
        ("w.csv", "0,1,\n2,0,\n\n", ["a", "b"]),
        ("w.txt", "0 1\n2   0\n", ["a", "b"]),
        ("w.txt", "2\n0 1\n2 0\n", ["a", "b"]),
        ("w.txt", "2\na 0 1\nb 2 0\n", None),
        ("w.txt", '"a" "b"\n"a" 0 1\n"b" 2 0\n', None),
        ("W.CSV", "focal,neighbor,wij\na,b,1\nb,a,2\n", None),
        ("w.csv", "focal,neighbor,weight,\na,b,1,\nb,a,2,\n", None),
        ("w.GWT", "0 2 map id\na b 1\nb a 2\n", None),
    ],
)
def test_layouts_of_programs(tmp_path, name, text, units):
    w = read_text(tmp_path, name, text, units=units)
    assert w.units.tolist() == ["a", "b"]
    assert w.sparse.toarray().tolist() == SQUARE


def test_a_column_of_weights_is_never_dropped(tmp_path):
    named = read_text(tmp_path, "w.csv", "focal,neighbor,w\n1,2,0.7\n1,3,0.3\n2,1,1\n3,1,1\n")
    assert named.sparse.toarray().tolist() == [[0, 0.7, 0.3], [1, 0, 0], [1, 0, 0]]
    assert "weight column = w" in named.spec.describe()
    combined_result = read_text(tmp_path, "w.csv", "focal,neighbor,weight,km\na,b,1,9\nb,a,2,9\n")
    assert combined_result.sparse.toarray().tolist() == SQUARE
    assert "columns not used = km" in combined_result.spec.describe()
    for text in (
        "focal,neighbor,km,w\na,b,1,2\nb,a,2,3\n",
        "focal,neighbor,name\na,b,x\nb,a,y\n",
        "focal,neighbor,w\na,b,1\nb,a,\n",
    ):
        with pytest.raises(WeightsError, match="none is named weight"):
            read_text(tmp_path, "w.csv", text)


def test_stata_matrices(tmp_path):
    ids = [110000, 120000, 130000]
    dense = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], dtype=float)
    table = pd.DataFrame(dense, columns=["v1", "v2", "v3"])
    table.to_stata(tmp_path / "w.dta", write_index=False)
    table.assign(id=ids)[["id", "v1", "v2", "v3"]].to_stata(tmp_path / "i.dta", write_index=False)
    for name in ("w.dta", "i.dta"):
        w = nq.weights.read(tmp_path / name, units=ids)
        np.testing.assert_array_equal(w.sparse.toarray(), dense)
    assert nq.weights.read(tmp_path / "i.dta").units.tolist() == ids
    with pytest.raises(WeightsError, match=r"diag\.csv: units are linked with themselves: 110000"):
        read_text(tmp_path, "diag.csv", "1,1,1\n1,1,0\n1,0,1\n", units=ids)
    with pytest.raises(OptionError, match="export it in Stata"):
        nq.weights.read(tmp_path / "w.spmat")


def test_units_without_lines_are_islands(tmp_path):
    lines = "0 4 map id\n1 2 12.5\n2 1 12.5\n2 3 7.25\n3 2 7.25\n"
    w = read_text(tmp_path, "w.gwt", lines, units=[1, 2, 3, 4])
    assert w.islands.tolist() == [4]
    assert w.sparse.toarray()[1].tolist() == [12.5, 0, 7.25, 0]
    gal = read_text(tmp_path, "w.gal", "0 3 map id\n1 1\n2\n2 1\n1\n", units=[1, 2, 3])
    assert gal.islands.tolist() == [3]
    with pytest.raises(WeightsError, match=r"counts 4 units, but 3 occur .*pass units="):
        nq.weights.read(tmp_path / "w.gwt")
    with pytest.raises(WeightsError, match=r"counts 4 units, but 3 .* units= has 2 others"):
        nq.weights.read(tmp_path / "w.gwt", units=[1, 2, 3, 4, 5])
    with pytest.raises(WeightsError, match="first line must hold the number"):
        read_text(tmp_path, "w.gwt", "1 2 12.5\n2 1 12.5\n")


def test_encodings(tmp_path):
    names = ["北京", "上海"]
    pd.DataFrame([[0, 1], [1, 0]], names, names).to_csv(tmp_path / "w.csv", encoding="gbk")
    (tmp_path / "w.gwt").write_bytes("0 2 图 名\n北京 上海 1.5\n上海 北京 1.5\n".encode("gbk"))
    for name in ("w.csv", "w.gwt"):
        assert nq.weights.read(tmp_path / name, encoding="gb18030").units.tolist() == names
        with pytest.raises(OptionError, match=r"not in utf-8: .* often in encoding='gb18030'"):
            nq.weights.read(tmp_path / name)
    with pytest.raises(OptionError, match="unknown encoding: nonsense"):
        nq.weights.read(tmp_path / "w.csv", encoding="nonsense")
    (tmp_path / "w.parquet").write_bytes(b"")
    with pytest.raises(OptionError, match="encoding is of text files"):
        nq.weights.read(tmp_path / "w.parquet", encoding="gbk")


@pytest.mark.parametrize("ending", ["csv", "txt", "gal", "gwt", "xlsx", "dta", "parquet"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\0", b"PK\3\4junk", b"PAR1junkPAR1", b"a,b,c\n1,2\n1,2,3,4\n", b'"a,b\n1'],
)
def test_damaged_files_are_named(tmp_path, ending, content):
    (tmp_path / f"w.{ending}").write_bytes(content)
    with pytest.raises((WeightsError, UnmatchedIdsError), match=rf"w\.{ending}"):
        nq.weights.read(tmp_path / f"w.{ending}")


def test_a_damaged_specification_is_named(w, tmp_path):
    from pyarrow import parquet

    table = parquet.read_table(w.write(tmp_path / "w.parquet"))
    about = {**table.schema.metadata, b"nqp_spatial.weights": b'{"kind": "x", "more": 1}'}
    parquet.write_table(table.replace_schema_metadata(about), tmp_path / "w.parquet")
    with pytest.raises(WeightsError, match=r"w\.parquet is damaged"):
        nq.weights.read(tmp_path / "w.parquet")


def test_what_does_not_fit_into_a_workbook_is_refused(tmp_path, monkeypatch):
    from nqp_spatial.weights import files

    pair = nq.weights.from_dense(np.array([[0, 1.0], [1, 0]]), ["a", "b\x01"])
    with pytest.raises(WeightsError, match="characters that a workbook cannot"):
        pair.write(tmp_path / "w.xlsx")
    monkeypatch.setattr(files, "_SHEET", (2, 2))
    with pytest.raises(OptionError, match="holds 2 rows and 2 columns, the weights need 3 and 3"):
        pair.write(tmp_path / "w.xlsx")
