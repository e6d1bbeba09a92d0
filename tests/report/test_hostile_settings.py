"""Files of settings by somebody else: what is in them is refused in words, and none of it runs."""

from __future__ import annotations

import ast
import random
import runpy
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.cli import main
from nqp_spatial.errors import GeometryError, NqpError, OptionError
from nqp_spatial.report.study.check import Finding, check, starter
from nqp_spatial.report.study.config import STEPS, TABLES, read_config
from nqp_spatial.report.study.step import literal, setup_code
from nqp_spatial.report.study.steps import every_step

SETTINGS = """[study]
permutations = 99
replications = 9
[data]
panel = "p.csv"
unit = "id"
period = "year"
geometry = "map.geojson"
labels = { y = "Output" }
logs = ["g"]
periods = [2010, 2011, 2012]
[weights]
kind = "queen"
[index]
indicators = { x1 = "+", x2 = "-" }
[outcome]
variable = "y"
[groups]
region = "region"
centre = "region"
[model]
formula = "y ~ x1 + x2"
draws = 50
"""
VALUES = [
    "nan", "inf", "-inf", "2000-01-01", "12:30:00", "2000-01-01T00:00:00Z", "true", "false", "0",
    "-1", "1", "3", "1.5", "1e300", "9223372036854775807", "1000000000000000000000", '""', '" "',
    '"x"', '"y"', '"id"', '"none"', '"../../x"', '"a\\u0000b"', '"a\\nb"', "'''\"\"\"'''",
    "'C:\\data'", '"\\")\\nraise SystemExit"', "[]", "[[]]", '["x", 1]', "[nan]", "[true]",
    "[2000-01-01]", '["y", "y"]', "{}", '{ x = 1 }', '{ x = "+" }', '{ a = { b = { c = {} } } }',
    '"y ~ x1"', '"y ~ open(\'q\', \'w\')"', '"y ~ "', '"`y` ~ `x1`"', '"~~~"', '"y ~ x1 | x2"',
    '"y ~ np.ctypeslib.ctypes.CDLL(None)"', '"utf-8"', '"utf-16"', '"rot13"', '"nonsense"',
    '"2010年"', "[2010]", "[1999]", '["2010"]', '"p.csv"', '"map.geojson"', '"empty.csv"',
    '"broken.csv"', '"broken.geojson"', '"broken.gal"', '"table.xlsx"', '"."', '"/"', '"\\u202e"',
]  # fmt: skip


def write_files(folder):
    rng = np.random.default_rng(0)
    shapes = [box(j, i, j + 1, i + 1) for i in range(4) for j in range(4)]
    ids = [f"u{k}" for k in range(16)]
    gpd.GeoDataFrame({"id": ids}, geometry=shapes, crs="EPSG:32650").to_file(folder / "map.geojson")
    keys = pd.MultiIndex.from_product([ids, range(2010, 2016)], names=["id", "year"])
    table = pd.DataFrame(
        rng.normal(size=(len(keys), 3)), keys, columns=["x1", "x2", "y"]
    ).reset_index()
    table["g"] = np.exp(table["x1"])
    table["region"] = np.where(table["id"].isin(ids[:8]), "west", "east")
    table.to_csv(folder / "p.csv", index=False)
    table.to_excel(folder / "table.xlsx", index=False)
    (folder / "empty.csv").write_text("")
    (folder / "broken.csv").write_bytes(b'id,year,y\n"a,2010\n\x00\xff')
    (folder / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [{]}')
    (folder / "broken.gal").write_text("5\na 3\nb\n")
    return table


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    write_files(folder)
    return folder


def fails(findings):
    return [str(finding) for finding in findings if finding.level == "fails"]


def checked(home, text, name="study.toml"):
    path = home / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    findings = check(path)
    assert findings
    assert all(isinstance(finding, Finding) for finding in findings)
    return findings


def test_the_settings_themselves_are_right(home):
    assert fails(checked(home, SETTINGS)) == []


def mutants(seed, share=1.0):
    """Yield texts that differ from the settings in a value, a line, or a few bytes."""
    rng = random.Random(seed)
    keys = [(table, key) for table, model in TABLES.items() for key in model.model_fields]
    for _ in range(round(130 * share)):
        table, key = rng.choice(keys)
        yield with_value(SETTINGS, table, key, rng.choice(VALUES))
    for _ in range(round(40 * share)):
        text = SETTINGS
        for _ in range(3):
            text = with_value(text, *rng.choice(keys), rng.choice(VALUES))
        yield text
    for _ in range(round(60 * share)):
        raw = bytearray(SETTINGS.encode())
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 3)] = bytes(
                rng.choice([0, 9, 10, 34, 39, 61, 91, 92, 93, 123, 200, 255, rng.randrange(256)])
                for _ in range(rng.randint(0, 2))
            )
        yield bytes(raw)


def with_value(text, table, key, value):
    """Return the text with a key of a table set to a value."""
    lines = text.split("\n")
    if f"[{table}]" not in lines:
        return f"{text}\n[{table}]\n{key} = {value}\n"
    start = lines.index(f"[{table}]") + 1
    tables = [k for k in range(start, len(lines)) if lines[k].startswith("[")]
    end = tables[0] if tables else len(lines)
    body = [line for line in lines[start:end] if not line.startswith(f"{key} =")]
    return "\n".join([*lines[:start], f"{key} = {value}", *body, *lines[end:]])


@pytest.mark.parametrize(
    ("seed", "share"),
    [(0, 0.3), *(pytest.param(seed, 1.0, marks=pytest.mark.slow) for seed in (0, 1))],
)
def test_mutated_settings_never_end_in_a_foreign_exception(home, tmp_path, seed, share):
    skip = list(STEPS)
    before = {path.name for path in home.iterdir()}
    for text in mutants(seed, share):
        findings = checked(home, text, "mutant.toml")
        if isinstance(text, bytes):
            continue
        # The set-up of the study itself: refused, or as `check` has it.
        (home / "run.toml").write_text(with_value(text, "study", "skip", str(skip)))
        try:
            nq.report.study(home / "run.toml", tmp_path / "out", progress=False)
        except (NqpError, OSError):
            assert fails(findings), text
    assert {path.name for path in home.iterdir()} - before <= {"mutant.toml", "run.toml"}


def test_generated_code_holds_the_values_and_nothing_else(home):
    for text in mutants(7):
        (home / "code.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            config = read_config(home / "code.toml")
            codes = [setup_code(config), *(step.code for step in every_step(config))]
        except NqpError:
            continue
        for code in codes:
            calls = {
                node.func.id
                for node in ast.walk(ast.parse(code))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert calls <= {"enumerate"}


HOSTILE = ["a'b", 'a"b', "a\\", '"""', "'''", "a\nb", "a\r\nimport os", "{x}", "\u2028", "#",
           "\x1b[1m", "'); raise SystemExit('", "\\N{DASH}", "地区", ""]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_literal_is_its_value(text):
    for value in (text, [text, 1, 0.1, True, None], {text: {text: -2}}):
        code = literal(value)
        assert "\n" not in code
        assert ast.literal_eval(code) == value


def test_a_literal_trusts_no_repr():
    class Text(str):
        def __repr__(self):
            return "__import__('os').getcwd()"

    assert ast.literal_eval(literal(Text("a"))) == "a"
    assert literal(np.float64(0.5)) == "0.5"
    for value in (float("nan"), float("inf"), pd.Timestamp("2000-01-01"), object(), b"a", {1.5}):
        with pytest.raises(OptionError, match="settings hold finite numbers"):
            literal(value)


@pytest.mark.parametrize(
    "name", ["a'b", 'q"', "c\\d", 'e\n"""\nraise SystemExit(3)\n"""', "{f}", "g # h"]
)
def test_names_do_not_break_out_of_the_script(tmp_path, sketches, name):
    write_files(tmp_path)
    table = pd.read_csv(tmp_path / "p.csv").rename(columns={"y": name})
    table.to_csv(tmp_path / "named.csv", index=False)
    data = {"panel": "named.csv", "unit": "id", "period": "year", "geometry": "map.geojson",
            "labels": {name: f"{name} $ & <b>", "x1": '"""\nraise SystemExit(4)'}}  # fmt: skip
    settings = {
        "study": {"title": f"{name}\n\"\"\" '''", "skip": [s for s in STEPS if s != "describe"]},
        "data": {**data, "panel": str(tmp_path / "named.csv"),
                 "geometry": str(tmp_path / "map.geojson")},
        "outcome": {"variable": name},
    }  # fmt: skip
    assert fails(check(settings)) == []
    done = nq.report.study(settings, tmp_path / "out", progress=False)
    assert done.failed == []
    tables = tmp_path / "out" / "tables"
    first = {path.name: path.read_bytes() for path in tables.glob("*.tex")}
    for path in tables.iterdir():
        path.unlink()
    runpy.run_path(str(done.script), run_name="__main__")
    assert {path.name: path.read_bytes() for path in tables.glob("*.tex")} == first != {}


# -- what must be refused, and how -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "key", "value", "words"),
    [
        ("weights", "cutoff_km", "inf", "[weights] cutoff_km must be a finite number, got inf"),
        ("lisa", "alpha", "nan", "[lisa] alpha must be a finite number, got nan"),
        ("lisa", "alpha", "5", "[lisa] alpha must be above 0 and below 1, got 5"),
        ("lisa", "periods", "[2000-01-01]", "write it in quotes"),
        ("lisa", "periods", "[1999]", "[lisa] periods: 1999 are not in the panel"),
        ("data", "periods", "2010", "[data] periods must be of kind list, got 2010"),
        ("data", "logs", '"g"', "[data] logs must be of kind list, got 'g'"),
        ("data", "logs", "[1]", "[data] logs must be a list of str, it holds 1"),
        ("data", "unit", '["id"]', "[data] unit must be of kind str"),
        ("data", "encoding", '"nonsense"', "[data] encoding is unknown, 'nonsense'"),
        ("data", "encoding", '"utf-16"', "name its encoding"),
        ("data", "sheet_name", '"B"', "[data] sheet_name is for workbooks"),
        ("data", "panel", '"p.doc"', "there is no file"),
        ("data", "panel", '"empty.csv"', "is empty"),
        ("data", "panel", '"broken.csv"', "broken.csv"),
        ("data", "geometry", '"broken.geojson"', "cannot read a map"),
        ("data", "unit", '"ID"', "did you mean 'id'?"),
        ("data", "period", '"region"', "must be unique"),
        ("data", "labels", "{ y = 3 }", "[data] labels must be texts by column"),
        ("study", "seed", "true", "[study] seed must be of kind int, got True"),
        ("study", "seed", "-1", "[study] seed must be at least 0"),
        ("study", "lang", '"ZH"', "did you mean 'zh'?"),
        ("study", "permutations", "100000000", "[study] permutations must be"),
        ("index", "indicators", '{ x1 = "up" }', 'x1 = \'up\''),
        ("index", "weighting", '"entropie"', "did you mean 'entropy'?"),
        ("index", "name", '"labels"', "[index] name cannot be 'labels'"),
        ("dynamics", "states", "1000000", "[dynamics] states must be at least 2 and at most 50"),
        ("outcome", "logs", "true", "y is not positive in"),
        ("weights", "k", "0", "[weights] k must be at least 1"),
        ("model", "formula", '"y ~ x9"', "[model] formula names what is no column of p.csv: x9"),
        ("model", "formula", '"y ~ "', "[model] formula"),
        ("model", "formula", '"x1"', "[model] formula"),
        ("model", "formula", "'y ~ I(x2 + 0*open(\"made\", \"w\").write(\"a\"))'", "formula"),
        ("model", "formula", "'y ~ np.ctypeslib.ctypes.CDLL(None).abs(b\"touch\")'", "formula"),
    ],
)  # fmt: skip
def test_check_says_what_would_fail(home, table, key, value, words):
    findings = "\n".join(fails(checked(home, with_value(SETTINGS, table, key, value))))
    assert words in findings
    assert not (home / "made").exists()


def test_all_faults_are_in_one_list(home):
    text = with_value(SETTINGS, "lisa", "alpha", "nan")
    text = with_value(text, "study", "seed", '"one"')
    text = with_value(text, "weights", "sort", "1")
    assert len(fails(checked(home, text))) == 3
    # Files, columns, map and formula likewise: one run of check, not four.
    text = SETTINGS.replace('"p.csv"', '"gone.csv"').replace("map.geojson", "none.shp")
    text = text.replace("y ~ x1 + x2", "y ~ x1 +")
    findings = "\n".join(fails(checked(home, text)))
    for words in ("gone.csv", "none.shp", "[model] formula"):
        assert words in findings


def test_gaps_map_and_columns_are_found_in_one_run_and_in_the_words_of_the_file(tmp_path):
    table = write_files(tmp_path)
    table = table.drop(index=[1, 38]).replace({"id": {"u5": "five"}})
    table.loc[8, "x1"] = np.nan  # in the periods used, as the rows above
    table.to_csv(tmp_path / "p.csv", index=False)
    shapes = gpd.read_file(tmp_path / "map.geojson").rename(columns={"id": "CODE"})
    shapes.to_file(tmp_path / "map.geojson")
    text = SETTINGS.replace('"g"', '"gg"').replace("year", "year")
    findings = "\n".join(fails(checked(tmp_path, text)))
    assert '[data] geometry_unit = "CODE"' in findings
    assert "[data] logs names what is no column" in findings
    assert "2 of 48 (id, year) are absent" in findings
    # u0 and u6 lack rows, u1 has a missing cell.
    assert 'balance = "drop-units" (leaves 13 of 16 units' in findings
    text = text.replace('"gg"', '"g"').replace("geometry =", 'geometry_unit = "CODE"\ngeometry =')
    findings = "\n".join(fails(checked(tmp_path, text)))
    assert "'five'" in findings
    assert 'extra_shapes = "drop"' in findings
    for python in ("geometry_unit=", "balanced=False", "extra_shapes='drop'"):
        assert python not in findings


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[data\n", "line 1"),
        (b'[data]\npanel = "C:\\data\\p.csv"\n', "line 2"),
        ("[data]\npanel = \"数据.csv\"\n".encode("gb18030"), "save it as UTF-8"),
        ("[data]\n".encode("utf-16"), "save it as UTF-8"),
        (b"", "[data] needs panel"),
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (b"a = " + b"9" * 10_000, "not valid TOML"),
    ],
)  # fmt: skip
def test_files_that_are_no_toml(home, raw, words):
    assert words in "\n".join(fails(checked(home, raw, "no.toml")))
    with pytest.raises(OptionError):
        nq.report.study(home / "no.toml", home / "out", progress=False)


def test_a_byte_order_mark_and_windows_line_ends_are_read(home):
    raw = b"\xef\xbb\xbf" + SETTINGS.replace("\n", "\r\n").encode()
    assert fails(checked(home, raw)) == []


def test_settings_from_python_of_any_kind_are_refused(tmp_path):
    for value in (None, 3, [], pd.DataFrame(), b"x"):
        assert check(value)[0].level == "fails"
        with pytest.raises(OptionError, match="settings are the path of a TOML file or a mapping"):
            read_config(value)
    for value in (np.array([1, 2]), object(), {1: 2}, ["a", object()], float("nan"), {"a": {1, 2}}):
        for table, model in TABLES.items():
            for key in model.model_fields:
                values = {table: {key: value}, 5: 6, "data": {"panel": "p.csv"} | (
                    {key: value} if table == "data" else {})}  # fmt: skip
                assert check(values)[0].level == "fails"
    with pytest.raises(FileNotFoundError):
        read_config(tmp_path / "none.toml")
    assert fails(check(tmp_path))


def test_damaged_files_end_a_study_in_words(home, tmp_path):
    for name in ("empty.csv", "broken.csv"):
        (home / "run.toml").write_text(SETTINGS.replace("p.csv", name))
        with pytest.raises((NqpError, OSError)):
            nq.report.study(home / "run.toml", tmp_path / "out", progress=False)


def test_a_map_is_what_its_ending_says(tmp_path):
    """GDAL would follow a list of other sources, whatever the name of the file."""
    write_files(tmp_path)
    (tmp_path / "map.geojson").write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="s"><SrcDataSource>p.csv</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    assert "is not GeoJSON" in "\n".join(fails(checked(tmp_path, SETTINGS)))
    with pytest.raises(GeometryError, match="is not GeoJSON"):
        starter(tmp_path / "p.csv", tmp_path / "map.geojson", folder=tmp_path)


# -- a first file ----------------------------------------------------------------------------------


def test_starter_proposes_what_its_own_check_accepts(tmp_path):
    """Column names with brackets, and columns that others explain."""
    table = write_files(tmp_path)
    table["人均GDP(元)"] = np.exp(table["x1"])
    table["twice"] = 2 * table["x1"]
    table["national"] = table["year"] * 1.5
    order = ["id", "year", "人均GDP(元)", "x1", "twice", "national", "x2", "y", "region"]
    table[order].to_excel(tmp_path / "c.xlsx", index=False)
    text = starter(tmp_path / "c.xlsx", tmp_path / "map.geojson", folder=tmp_path)
    assert '# formula = "`人均GDP(元)` ~ x1 + x2 + y"' in text
    findings = checked(tmp_path, text.replace("# formula =", "formula ="))
    assert fails(findings) == []
    assert any("96 observations" in str(finding) for finding in findings)


def test_starter_and_a_map_with_most_of_the_ids(tmp_path):
    table = write_files(tmp_path)
    table["id"] = table["id"].replace({"u5": "five"})
    table.to_csv(tmp_path / "p.csv", index=False)
    shapes = gpd.read_file(tmp_path / "map.geojson").rename(columns={"id": "CODE"})
    shapes.to_file(tmp_path / "map.geojson")
    text = starter(tmp_path / "p.csv", tmp_path / "map.geojson", folder=tmp_path)
    assert 'geometry_unit = "CODE"' in text
    assert "# 1 of 16 units are not in CODE of map.geojson: 'five'" in text


def test_starter_takes_the_sheet_that_has_a_panel(tmp_path):
    table = write_files(tmp_path)
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        pd.DataFrame({"note": ["read me"]}).to_excel(book, sheet_name="说明", index=False)
        table.to_excel(book, sheet_name="data", index=False)
    text = starter(tmp_path / "two.xlsx", tmp_path / "map.geojson", folder=tmp_path)
    assert 'sheet_name = "data"' in text
    assert "# Sheets of the workbook: 说明, data" in text
    assert fails(checked(tmp_path, text)) == []
    bad = text.replace('sheet_name = "data"', 'sheet_name = "B"')
    assert "has no sheet 'B'" in "\n".join(fails(checked(tmp_path, bad)))


def test_starter_never_names_a_file_that_is_not_there(tmp_path):
    write_files(tmp_path)
    (tmp_path / "broken.gal").unlink()
    text = starter(tmp_path / "p.csv", folder=tmp_path)
    assert 'kind = "file"' not in text
    assert "# No map: name one in [data] geometry" in text
    words = "\n".join(fails(checked(tmp_path, text)))
    assert '[weights] kind = "queen" needs [data] geometry' in words
    assert 'geometry = "china-prefectures" (370 prefecture-level units)' in words


def test_starter_names_the_encoding_of_a_map_and_check_reads_it(tmp_path):
    """Ids in Chinese in a shapefile of GBK without .cpg, and in a zip of it."""
    table = write_files(tmp_path)
    table["id"] = table["id"].str.replace("u", "市")
    table.to_csv(tmp_path / "p.csv", index=False)
    shapes = gpd.read_file(tmp_path / "map.geojson")
    shapes["id"] = shapes["id"].str.replace("u", "市")
    (tmp_path / "old").mkdir()
    shapes.to_file(tmp_path / "old" / "map.shp", encoding="gb18030")
    (tmp_path / "old" / "map.cpg").unlink(missing_ok=True)
    shutil.make_archive(str(tmp_path / "map"), "zip", tmp_path / "old")
    for name in ("old/map.shp", "map.zip"):
        text = starter(tmp_path / "p.csv", tmp_path / name, folder=tmp_path)
        assert 'geometry_encoding = "gb18030"' in text
        assert fails(checked(tmp_path, text)) == []
    bad = text.replace("gb18030", "nonsense")
    assert "[data] geometry_encoding is unknown" in "\n".join(fails(checked(tmp_path, bad)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "cannot read a table"),
        ("id,year,y\n", "has no rows"),
        ("id;year;y\na;2010;1\n", "one column"),
        ("id\na\nb\n", "one column"),
        ("id,2010,2011,2012\na,1,2,3\nb,2,3,4\n", "is wide"),
        ('id,year\n"a,2010\n', "cannot read a table"),
    ],
)  # fmt: skip
def test_starter_says_what_is_wrong_with_a_table(tmp_path, rows, words):
    (tmp_path / "p.csv").write_text(rows)
    with pytest.raises(NqpError, match=words):
        starter(tmp_path / "p.csv", folder=tmp_path)


def test_starter_reads_any_bytes_or_says_why_not(tmp_path):
    rng = random.Random(3)
    write_files(tmp_path)
    files = [tmp_path / name for name in ("p.csv", "table.xlsx", "map.geojson")]
    raws = {path: path.read_bytes() for path in files}
    for turn in range(60):
        path = files[turn % 3]
        raw = bytearray(raws[path])
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(raw))
            raw[place : place + rng.randint(0, 40)] = rng.randbytes(rng.randint(0, 3))
        path.write_bytes(raw if turn % 5 else raw[: rng.randrange(len(raw))])
        table = tmp_path / ("table.xlsx" if turn % 2 else "p.csv")
        try:
            text = starter(table, tmp_path / "map.geojson", folder=tmp_path)
            findings = checked(tmp_path, text)
            assert not any("not valid TOML" in finding for finding in fails(findings))
        except (NqpError, OSError):
            pass
        path.write_bytes(raws[path])


def test_the_command_line_ends_in_words(tmp_path):
    write_files(tmp_path)
    run = CliRunner().invoke
    for arguments in (
        ["init", str(tmp_path / "empty.csv"), "-o", str(tmp_path / "a.toml")],
        ["init", str(tmp_path / "p.csv"), "-g", str(tmp_path / "broken.geojson"), "-o",
         str(tmp_path / "a.toml")],
        ["init", str(tmp_path / "p.csv"), "-o", str(tmp_path / "no" / "folder" / "a.toml")],
    ):  # fmt: skip
        result = run(main, arguments)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert "Error: " in result.output


def test_islands_that_a_kind_of_weights_does_not_know(tmp_path):
    """Bands have no nearest: the file says so, not the function that the study calls."""
    text = '[data]\npanel = "a.csv"\nunit = "id"\nperiod = "year"\ngeometry = "a.shp"\n[weights]\n'
    (tmp_path / "s.toml").write_text(
        text + 'kind = "distance-band"\ncutoff_km = 9\nislands = "nearest"'
    )
    with pytest.raises(OptionError, match=r'\[weights\] islands = "nearest" is for queen and rook'):
        read_config(tmp_path / "s.toml")
