"""Reading tables and maps: every format gives the panel that was written."""

from __future__ import annotations

import base64
import gzip
import http.server
import sys
import threading
import warnings
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

import nqp_spatial as nq
from nqp_spatial.errors import (
    GeometryError,
    MissingDependencyError,
    OptionError,
    PanelError,
    UnknownColumnError,
    UnmatchedIdsError,
)


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"city_id": [2, 1] * 2, "year": [2019, 2019, 2020, 2020], "x": [0.5, 1.5, 2.5, 3.5]}
    )


@pytest.fixture
def shapes():
    return gpd.GeoDataFrame(
        {"city_id": [1, 2], "名称": ["北京", "天津"]},
        geometry=[Point(116, 40), Point(117, 39)],
        crs="EPSG:4326",
    )


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "xlsx": lambda frame, path: frame.to_excel(path, index=False),
    "dta": lambda frame, path: frame.to_stata(
        path, write_index=False, variable_labels={"x": "Income per head"}
    ),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_tables(frame, tmp_path, ending):
    path = tmp_path / f"panel.{ending}"
    WRITERS[ending](frame, path)
    panel = nq.read_panel(path, unit="city_id", period="year")
    expected = nq.SpatialPanel(frame, unit="city_id", period="year")
    pd.testing.assert_frame_equal(
        panel.frame, expected.frame, check_index_type=False, check_dtype=False
    )
    assert panel.label("x") == ("Income per head" if ending == "dta" else "x")
    mine = nq.read_panel(path, unit="city_id", period="year", labels={"x": "Mine"})
    assert mine.label("x") == "Mine"


@pytest.mark.parametrize("ending", ["shp", "gpkg", "geojson"])
def test_maps(frame, shapes, tmp_path, ending):
    frame.to_csv(tmp_path / "panel.csv", index=False)
    shapes.to_file(tmp_path / f"cities.{ending}", encoding="utf-8")
    panel = nq.read_panel(
        str(tmp_path / "panel.csv"),
        unit="city_id",
        period="year",
        geometry=str(tmp_path / f"cities.{ending}"),
    )
    assert panel.geometry.geometry.x.tolist() == [116, 117]
    assert panel.geometry.crs.is_geographic
    assert panel.geometry["名称"].tolist() == ["北京", "天津"]


def test_ids_of_the_map_in_another_column(frame, shapes, tmp_path):
    frame.to_csv(tmp_path / "panel.csv", index=False)
    shapes.rename(columns={"city_id": "CODE"}).to_file(tmp_path / "cities.shp")
    options = {"unit": "city_id", "period": "year", "geometry": tmp_path / "cities.shp"}
    with pytest.raises(UnknownColumnError, match=r"no column 'city_id' to match .* geometry_unit="):
        nq.read_panel(tmp_path / "panel.csv", **options)
    panel = nq.read_panel(tmp_path / "panel.csv", geometry_unit="CODE", **options)
    assert panel.geometry.geometry.y.tolist() == [40, 39]


def test_options_reach_pandas(frame, tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="notes")
        frame.to_excel(book, sheet_name="data", index=False)
    panel = nq.read_panel(
        tmp_path / "book.xlsx", unit="city_id", period="year", sheet_name="data"
    )  # fmt: skip
    assert panel.n_units == 2


def test_gaps_may_be_let_in_to_be_closed(frame, tmp_path):
    frame.iloc[:3].to_csv(tmp_path / "panel.csv", index=False)
    panel = nq.read_panel(tmp_path / "panel.csv", unit="city_id", period="year", balanced=False)
    assert panel.balance(how="drop-units").units.tolist() == [2]


def test_errors(frame, tmp_path):
    with pytest.raises(OptionError, match=r"cannot read a table from 'panel.txt'; endings known"):
        nq.read_panel(tmp_path / "panel.txt", unit="city_id")
    with pytest.raises(FileNotFoundError):
        nq.read_panel(tmp_path / "none.csv", unit="city_id")
    frame.to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(OptionError, match=r"cannot read a map from 'map.kml'"):
        nq.read_panel(
            tmp_path / "panel.csv", unit="city_id", period="year", geometry=tmp_path / "map.kml"
        )
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nq.read_panel(
            tmp_path / "panel.csv", unit="city_id", period="year", geometry=tmp_path / "no.shp"
        )


# -- what strangers' files bring -------------------------------------------------------------------

GOOD = "id,year,x\na,2019,1\na,2020,2\n"
XLS = (  # id, year, x; two rows, as Excel 97 wrote them
    "H4sIAOQwCWsC/+1YTUhUURT+7pv/Qcc3NkYq2CCopW6iTRt9FZSrxNoUEdTYzEKUMV4t1E2WzbKIWhVtBDdtrDZl"
    "VFC7oMCoRRAEM7VsFSS00Hmec957NpoLB2ooud9wv3veuee8e+edc8/Mfe8Wk8XZRy0lbEA/Aig7MYQrdIpazL8w"
    "QeOOw6LfR6k5Gv8VYlEKZDiEZ/VvIxxDjncJBh4GXxEDX6idwQUMjudz6RrisKwho3gNfcQK90iTQLOsqlH4vPAO"
    "4Qdi+Vz4oGiuC/eRbVGdxqI12H3Ay+JTRruMJcD3fSI+n0SzD014zVl8+aZybUM4ZI9kxv7NgbZgHeZAcRvI5XN2"
    "ZqyIFAVwDktOGvjh79SXaa2vrV6B9D/X6yOb6G8bQWAazjlJ8AIV14WAG+CLy9gFlrlRZo5kyXIyl7EpASbiXIdl"
    "35rr9m295HMdcRYNIiclq02qzMv3v78/NjxknRXNtNRqt6J38CLg4Ap7kHNCRgJr3C0ePcJX5a6tIrcIpygXqe8c"
    "avKEozNic01GO2me/YIPVleFvIfkwrfjC22Fr9ZekucHSlOp+Y/WLNrpIWTJnz8z6FW96u4dxlPL75W3+z8LN/9W"
    "CaKG6a3d8X62GrCCuIhJYfeKn45auzK8Z8XeaoP3C4qFEu+w8I3dzG/Ei+2NTeyNCvtbYt+q2L7faMRjHqQq9Qtx"
    "aGhoaGhoaGhoaNQCyj1fyD99PgeEvLNExHuvs0KtrF+TbFucwDh9LtHB9Ajy1NuYrCp/diKk/HupLfr47wsZJ2l2"
    "G6MYlnWMVp2/dBZUld9ny47mn9tC1c5frmadf3n+VZWsq5AAFgAA"
)


def read(path, **options):
    return nq.read_panel(path, **{"unit": "id", "period": "year", **options})


def test_xls(tmp_path):
    pytest.importorskip("python_calamine", reason="the reader of .xls files is not installed")
    (tmp_path / "a.xls").write_bytes(gzip.decompress(base64.b64decode(XLS)))
    panel = read(tmp_path / "a.xls")
    assert (panel.n_units, panel.periods.tolist()) == (1, [2019, 2020])


def test_a_reader_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    (tmp_path / "a.xls").write_bytes(gzip.decompress(base64.b64decode(XLS)))
    with pytest.raises(MissingDependencyError, match=r"'a.xls'.*calamine"):
        read(tmp_path / "a.xls")


@pytest.mark.parametrize("options", [{}, {"engine": "python"}, {"sep": ",", "nrows": 9}])
@pytest.mark.parametrize("commas", [0, 1, 3])
def test_commas_at_the_ends_of_rows_do_not_shift_columns(tmp_path, commas, options):
    head, *rows = GOOD.split()
    (tmp_path / "p.csv").write_text("\n".join([head, *(row + "," * commas for row in rows)]))
    panel = read(tmp_path / "p.csv", **options)
    assert panel.units.tolist() == ["a"]
    assert panel.frame.columns.tolist() == ["x"]
    assert panel.values("x").tolist() == [[1, 2]]


@pytest.mark.parametrize("text", [
    "id,year,x\na,2019,1,7\na,2020,2,8\n", "id,year,x\na,2019,1,7\na,2020,2\n",
    "id,year,x\na,2019,1\na,2020,2,9\n", "id,year,x\na,2019,1,,7\na,2020,2,,8\n",
])  # fmt: skip
def test_rows_with_more_cells_than_names_are_refused(tmp_path, text):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PanelError, match=r"more cells than its header|Expected 3 fields"):
        read(tmp_path / "p.csv")


def broken(tmp_path, name, content):
    path = tmp_path / name
    if name == "book.xlsx" and content is None:
        pd.DataFrame({"id": ["a"], "year": [2019], "x": [1]}).to_excel(path, index=False)
    elif name == "other.xlsx":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "options", "error", "words"),
    [
        ("empty.csv", "", {}, PanelError, "No columns to parse"),
        ("head.csv", "id,year,x\n", {}, PanelError, "no rows"),
        ("quote.csv", 'id,year,x\na,2019,"1\n', {}, PanelError, "EOF inside string"),
        ("gbk.csv", "id,year,x\n北京,2019,1\n".encode("gbk"), {}, OptionError, "gb18030"),
        ("utf16.csv", GOOD.encode("utf-16"), {}, OptionError, "utf-16"),
        ("good.csv", GOOD, {"encoding": "nonsense"}, OptionError, "unknown encoding.*gb18030"),
        ("good.csv", GOOD, {"sheet_name": "B"}, OptionError, "sheet_name.*pandas reader of .csv"),
        ("good.csv", GOOD, {"chunksize": 1}, OptionError, "TextFileReader"),
        ("good.csv", GOOD, {"usecols": ["q"]}, OptionError, "Usecols"),
        ("good.csv", GOOD, {"unit": 3}, OptionError, "unit must be a string"),
        ("good.csv", GOOD, {"geometry": 3}, GeometryError, "got 3 .int.; read"),
        ("good.csv", GOOD, {"labels": ["x"]}, OptionError, "labels must be a mapping"),
        ("good.csv", GOOD, {"geometry_encoding": "gbk"}, OptionError, "geometry_encoding"),
        ("book.xlsx", None, {"sheet_name": "B"}, OptionError, "Worksheet named 'B'"),
        ("book.xlsx", None, {"sheet_name": None}, OptionError, "one sheet of 'book.xlsx'"),
        ("book.xlsx", None, {"encoding": "gbk"}, OptionError, "encoding"),
        ("text.xlsx", "hello", {}, PanelError, "cannot read a table from 'text.xlsx'"),
        ("half.xlsx", b"PK\x03\x04" + b"0" * 99, {}, PanelError, "'half.xlsx'"),
        ("other.xlsx", None, {}, PanelError, "'other.xlsx'"),
        ("bad.dta", b"12345", {}, PanelError, "'bad.dta': .*Stata"),
        ("empty.dta", b"", {}, PanelError, "'empty.dta'"),
        ("bad.parquet", b"xx", {}, PanelError, "'bad.parquet'"),
    ],
)
def test_foreign_errors_are_said_in_our_words(tmp_path, name, content, options, error, words):
    with pytest.raises(error, match=words):
        read(broken(tmp_path, name, content), **options)


def test_encodings(tmp_path):
    text = "id,year,x\n北京,2019,1\n"
    for encoding in ("gb18030", "gbk", "utf-16", "utf-8-sig"):
        (tmp_path / "p.csv").write_bytes(text.encode(encoding))
        option = {} if encoding == "utf-8-sig" else {"encoding": encoding}
        assert read(tmp_path / "p.csv", **option).units.tolist() == ["北京"]


def zipped(tmp_path, *names):
    with zipfile.ZipFile(tmp_path / "map.zip", "w") as archive:
        for name in names:
            for file in tmp_path.glob(f"{name.split('.')[0]}.*"):
                if name.endswith(".shp") or file.name == name:
                    archive.write(file, f"folder/{file.name}")
    return tmp_path / "map.zip"


@pytest.fixture
def coded(tmp_path):
    """A table and maps of units whose codes begin with a zero."""
    pd.DataFrame({"id": ["01001", "01003"], "year": 2019, "x": [1.0, 2.0]}).to_excel(
        tmp_path / "p.xlsx", index=False
    )
    return gpd.GeoDataFrame(
        {"id": ["01001", "01003"], "名称": ["甲", "乙"]},
        geometry=[Point(0, 0), Point(1, 1)], crs="EPSG:4326",
    )  # fmt: skip


def test_text_cells_of_excel_stay_text(tmp_path, coded):
    assert read(tmp_path / "p.xlsx").units.tolist() == ["01001", "01003"]
    assert read(tmp_path / "p.xlsx", geometry=coded).geometry is not None
    coded[["id"]].assign(year=2019, x=1.0).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(UnmatchedIdsError, match=r"1001 would match '01001'.*dtype={'id': str}"):
        read(tmp_path / "p.csv", geometry=coded)
    assert read(tmp_path / "p.csv", geometry=coded, dtype={"id": str}).n_units == 2


@pytest.mark.parametrize("cells", [["110000", "110100"], [110000, 110100], [110000, "110100"]])
def test_ids_of_excel_match_a_map_of_numbers(tmp_path, coded, cells):
    pd.DataFrame({"id": cells, "year": 2019, "x": [1.0, 2.0]}).to_excel(
        tmp_path / "q.xlsx", index=False
    )
    panel = read(tmp_path / "q.xlsx", geometry=coded.assign(id=[110000, 110100]))
    assert panel.units.tolist() == [110000, 110100]
    if cells[0] == "110000":
        assert read(tmp_path / "q.xlsx").units.tolist() == cells


@pytest.mark.parametrize("ending", ["shp", "SHP", "gpkg", "geojson", "json", "gdb", "zip"])
def test_maps_by_their_ending(tmp_path, coded, ending):
    folder = tmp_path / "中 文[1]"
    folder.mkdir()
    path = folder / f"m.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the driver that writes
        if ending == "zip":
            coded.to_file(tmp_path / "m.shp", encoding="utf-8")
            path = zipped(tmp_path, "m.shp")
        elif ending == "gdb":
            coded.to_file(path, driver="OpenFileGDB")
        elif ending == "json":
            coded.to_file(path, driver="GeoJSON")
        else:
            coded.to_file(folder / f"m.{ending.lower()}", encoding="utf-8")
            for file in list(folder.iterdir()) if ending == "SHP" else []:
                file.rename(file.with_suffix(file.suffix.upper()))
    panel = read(tmp_path / "p.xlsx", geometry=path)
    assert panel.geometry.geometry.x.tolist() == [0, 1]
    assert panel.geometry["名称"].tolist() == ["甲", "乙"]


def test_a_shapefile_in_gbk_without_its_cpg(tmp_path, coded):
    coded.to_file(tmp_path / "m.shp", encoding="gbk")
    (tmp_path / "m.cpg").unlink()
    text = "名称,year,x\n甲,2019,1\n乙,2019,2\n"
    (tmp_path / "t.csv").write_bytes(text.encode("gbk"))
    options = {"unit": "名称", "encoding": "gbk", "geometry": tmp_path / "m.shp"}
    with pytest.raises(UnknownColumnError, match="geometry_encoding='gb18030'"):
        read(tmp_path / "t.csv", **options)
    panel = read(tmp_path / "t.csv", **options, geometry_encoding="gb18030")
    assert panel.geometry.geometry.x.tolist() == [1, 0]
    coded.rename(columns={"名称": "NAME"}).to_file(tmp_path / "m.shp", encoding="gbk")
    (tmp_path / "m.cpg").unlink()
    with pytest.raises(UnmatchedIdsError, match=r"would match .*geometry_encoding='gb18030'"):
        read(tmp_path / "t.csv", **options, geometry_unit="NAME")


@pytest.fixture
def server():
    """A server on this machine, and the requests that it got."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/s.csv", requests
        running.shutdown()


@pytest.mark.parametrize("name", ["m.geojson", "m.json", "m.shp", "m.gpkg"])
def test_a_map_that_is_a_list_of_other_sources_is_not_followed(tmp_path, coded, server, name):
    url, requests = server
    (tmp_path / name).write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="s"><SrcDataSource>/vsicurl/{url}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(GeometryError, match=r"is not GeoJSON|content of"):
        read(tmp_path / "p.xlsx", geometry=tmp_path / name)
    (tmp_path / "g.geojson").write_text(
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read '
        f'/vsicurl/{url} ! write --output-format stream streamed_dataset"}}'
    )
    with pytest.raises(GeometryError, match=r"cannot read a map from 'g.geojson'"):
        read(tmp_path / "p.xlsx", geometry=tmp_path / "g.geojson")
    for address in (url, f"/vsicurl/{url}", "s3://bucket/m.shp", "file:///m.shp"):
        with pytest.raises(OptionError, match="is read from a local file"):
            read(tmp_path / "p.xlsx", geometry=address)
        with pytest.raises(OptionError, match="is read from a local file"):
            read(address)
        with pytest.raises(OptionError, match="is read from a local file"):
            read(Path(address))
    assert requests == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.geojson", "", "not GeoJSON"),
        ("m.geojson", '{"a', "cannot read a map"),
        ("m.json", '{"type": "Topology", "objects": {}, "arcs": []}', "cannot read a map"),
        ("m.gpkg", b"SQLite format 3\x00zzz", "cannot read a map"),
        ("m.shp", b"\x00\x00\x27\x0a12", "cannot read a map"),
        ("m.zip", b"PKzz", "not a zip"),
    ],
)
def test_damaged_maps(tmp_path, coded, name, content, words):
    with pytest.raises(GeometryError, match=words):
        read(tmp_path / "p.xlsx", geometry=broken(tmp_path, name, content))


def test_a_zip_holds_one_map(tmp_path, coded):
    coded.to_file(tmp_path / "m.gpkg")
    coded.to_file(tmp_path / "n.geojson")
    with pytest.raises(GeometryError, match=r"one map, it holds 2: 'm.gpkg', 'n.geojson'"):
        read(tmp_path / "p.xlsx", geometry=zipped(tmp_path, "m.gpkg", "n.geojson"))
    with pytest.raises(GeometryError, match="it holds 0"):
        read(tmp_path / "p.xlsx", geometry=zipped(tmp_path, "p.xlsx"))
    (tmp_path / "e.gdb").mkdir()
    with pytest.raises(GeometryError, match="not a file geodatabase"):
        read(tmp_path / "p.xlsx", geometry=tmp_path / "e.gdb")
    (tmp_path / "f.csv").mkdir()
    with pytest.raises(OptionError, match="which is a folder"):
        read(tmp_path / "f.csv")


def test_codes_are_text_in_the_map_and_numbers_in_the_table(tmp_path):
    """As in most shapefiles; zeros in front are never dropped."""
    frame = pd.DataFrame({"code": [110000, 120000], "x": [1.0, 2.0]})
    frame.to_csv(tmp_path / "p.csv", index=False)
    points = [Point(0, 0), Point(1, 1)]
    shapes = gpd.GeoDataFrame({"ID": ["120000", "110000"]}, geometry=points, crs=4326)
    shapes.to_file(tmp_path / "m.gpkg")
    panel = nq.read_panel(
        tmp_path / "p.csv", unit="code", geometry=tmp_path / "m.gpkg", geometry_unit="ID"
    )
    assert panel.units.tolist() == [110000, 120000]
    assert panel.geometry.geometry[110000].equals(Point(1, 1))
    for text in ("0120000", "120000.0", "x"):
        shapes.assign(ID=[text, "110000"]).to_file(tmp_path / "n.gpkg")
        with pytest.raises(UnmatchedIdsError):
            nq.read_panel(
                tmp_path / "p.csv", unit="code", geometry=tmp_path / "n.gpkg", geometry_unit="ID"
            )


def test_options_under_another_name_are_recognised(tmp_path):
    path = tmp_path / "panel.csv"
    path.write_text("id,year,x\na,2001,1\n")
    with pytest.raises(OptionError, match=r"'time'; did you mean 'period'\?"):
        nq.read_panel(path, unit="id", time="year")
    with pytest.raises(OptionError, match="'foo'; options are those of the pandas reader"):
        nq.read_panel(path, unit="id", foo="year")
