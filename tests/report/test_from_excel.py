"""From an Excel file of Chinese cities to a report, with a map of the package and no edit of it."""

from __future__ import annotations

import re
import tomllib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.cli import main
from nqp_spatial.errors import OptionError
from nqp_spatial.report.study.check import check, starter
from nqp_spatial.report.study.config import STEPS

# Names as students write them: short, of before 2010, misspelt, of a city that is no more.
WRITTEN = {"杭州市": "杭州", "襄阳市": "襄樊市", "宁波市": "宁播市", "吉林市": "吉林"}
YEARS = range(2011, 2017)
PYTHON = re.compile(r"\w+=[\w'\"{(]|panel\.|pass \w+=|\bTrue\b|\bFalse\b|read_panel|SpatialPanel\(")


@pytest.fixture(scope="module")
def cities():
    """A table of cities as in a student's Excel file, with gaps in a column that is not used."""
    units = nq.datasets.china_prefectures()
    chosen = units[units["province_adcode"].isin([330000, 420000, 220000])].index[:34]
    names = units.loc[chosen, "name_zh"]
    rng = np.random.default_rng(3)
    keys = pd.MultiIndex.from_product([names, YEARS], names=["城市", "年份"])
    table = pd.DataFrame(index=keys).reset_index()
    table["人均GDP（元）"] = np.exp(rng.normal(10, 0.3, len(table))).round(1)
    table["第三产业占比%"] = rng.normal(45, 6, len(table)).round(2)
    table["工资"] = np.where(rng.random(len(table)) < 0.2, np.nan, 5e4 + table.index)
    table["省份"] = table["城市"].map(units.set_index("name_zh")["province_zh"])
    table["城市"] = table["城市"].replace(WRITTEN)
    return table


@pytest.fixture
def excel(cities, tmp_path):
    cities.to_excel(tmp_path / "城市.xlsx", index=False)
    return tmp_path / "城市.xlsx"


def fails(findings):
    return "\n".join(str(finding) for finding in findings if finding.level == "fails")


def edited(folder, *edits):
    """Make the edits of a reader in the file of settings: a line is written, or # taken away."""
    path = folder / "study.toml"
    text = path.read_text("utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")


def test_from_excel_to_a_chinese_report(excel):
    folder, run = excel.parent, CliRunner().invoke
    before = excel.read_bytes()
    settings = str(folder / "study.toml")
    made = run(main, ["init", str(excel), "-o", settings])
    assert made.exit_code == 0
    assert "32 of 34 units are on the map china-prefectures" in made.output
    text = (folder / "study.toml").read_text("utf-8")
    guessed = tomllib.loads(text)
    assert guessed["data"]["geometry"] == "china-prefectures"
    assert guessed["data"]["unit"] == "城市"
    assert guessed["data"]["aliases"] == {}
    assert guessed["weights"] == {"kind": "queen", "islands": "nearest"}
    assert guessed["maps"]["basemap"] == "china"
    assert guessed["study"]["lang"] == "zh"
    assert '# "宁播市" = "宁波市"' in text
    assert '# "吉林" = "吉林市"' in text
    first = run(main, ["check", settings])
    assert first.exit_code == 1
    assert "1 problem(s) found" in first.output  # all names at once, and no gaps: 工资 is not used
    assert "2 of 34 units" in first.output
    # Two names, the formula; the other steps are left out for time only.
    skip = [step for step in STEPS if step not in ("describe", "model")]
    edited(
        folder, ('# "宁播市"', '"宁播市"'), ('# "吉林"', '"吉林"'), ("# formula =", "formula ="),
        ("# skip = []", f"skip = {skip}"), ("# permutations = 999", "permutations = 19"),
    )  # fmt: skip
    second = run(main, ["check", settings])
    assert second.exit_code == 0, second.output
    flat = " ".join(second.output.split())
    assert "34 of 34 units are on the map china-prefectures" in flat
    assert "former names and codes: 襄樊市 = 襄阳市" in flat
    assert "aliases: 吉林 = 吉林市, 宁播市 = 宁波市" in flat
    ran = run(main, ["study", settings, "-o", str(folder / "report"), "-q"])
    assert ran.exit_code == 0, ran.output
    page = (folder / "report" / "index.html").read_text("utf-8")
    assert '<html lang="zh' in page
    assert "人均GDP（元）" in page
    assert (folder / "report" / "figures" / "map.png").stat().st_size > 20_000
    script = (folder / "report" / "study.py").read_text("utf-8")
    assert "geometry='china-prefectures'," in script
    assert "aliases={'吉林': '吉林市', '宁播市': '宁波市'}," in script
    assert excel.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "column"), [("code", "代码"), ("float", "代码"), ("text", "代码")]
)
def test_codes_are_proposed_whatever_their_type(cities, tmp_path, change, column):
    units = nq.datasets.china_prefectures().reset_index().set_index("name_zh")["adcode"]
    back = {written: name for name, written in WRITTEN.items()}
    codes = cities["城市"].replace(back).map(units)
    codes = {"code": codes, "float": codes.astype(float), "text": codes.astype(str)}[change]
    table = cities.drop(columns="城市").assign(代码=codes)
    table.to_excel(tmp_path / "p.xlsx", index=False)
    text = starter(tmp_path / "p.xlsx", folder=tmp_path)
    assert 'unit = "代码"' in text
    assert 'geometry = "china-prefectures"' in text
    (tmp_path / "study.toml").write_text(text, "utf-8")
    findings = check(tmp_path / "study.toml")
    assert fails(findings) == ""
    assert "34 by code" in " ".join(finding.words for finding in findings)


def test_provinces_are_proposed(tmp_path):
    provinces = nq.datasets.china_provinces()["name_zh"].str.replace("省|市", "", regex=True)
    keys = pd.MultiIndex.from_product([provinces[:31], YEARS], names=["地区", "年份"])
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"产出": rng.normal(size=len(keys))}, keys).reset_index()
    table.to_csv(tmp_path / "p.csv", index=False, encoding="gb18030")
    text = starter(tmp_path / "p.csv", folder=tmp_path)
    assert 'geometry = "china-provinces"' in text
    assert 'encoding = "gb18030"' in text
    (tmp_path / "study.toml").write_text(text, "utf-8")
    assert fails(check(tmp_path / "study.toml")) == ""


def test_every_fault_in_one_run_with_the_line_to_write(cities, tmp_path):
    table = cities.drop(index=[0, 9])  # of two cities
    table.loc[14, "人均GDP（元）"] = np.nan  # of a third
    table.loc[20, "第三产业占比%"] = -1
    blank = table["城市"] == "温州市"
    table.loc[blank, "城市"] = "巢湖市"
    twin = table[table["城市"] == "嘉兴市"].assign(城市="嘉兴 ")
    table = pd.concat([table, twin])
    table.to_excel(tmp_path / "p.xlsx", index=False)
    settings = """
[data]
panel = "p.xlsx"
unit = "城市"
period = "年份"
geometry = "china-prefectures"
logs = ["第三产业占比%"]
[data.aliases]
"宁播" = "宁波"
"吉林" = "吉琳市"
[weights]
islands = "nearby"
[outcome]
variable = "人均GDP（元）"
[groups]
region = "省"
[lisa]
periods = [1999]
[model]
formula = "y ~"
"""
    (tmp_path / "study.toml").write_text(settings, "utf-8")
    words = fails(check(tmp_path / "study.toml"))
    for part in (
        "[weights] islands must be one of",
        "[model] formula",
        "[groups] region names what is no column of p.xlsx: 省",
        "did you mean '省份'?",
        "[data.aliases] names what is no unit of the table: '宁播' (nearest: '宁播市')",
        "3 of 35 units (城市) are not on the map china-prefectures",
        "'吉林' as '吉琳市' (nearest: 吉林市",
        "'巢湖市' (divided among 合肥市, 芜湖市 and 马鞍山市 in 2011)",
        "'宁播市' (nearest: 宁波市",
        'write under [data.aliases]: "吉林" = "吉林市", "宁播市" = "宁波市", "巢湖市" = ""',
        "'嘉兴市' and '嘉兴 ' are both 嘉兴市 (330400)",
        "2 of 210 (城市, 年份) are absent",
        "人均GDP（元） is missing in 1 cells of 1 units",
        "in all 3 of 35 units have gaps",
        'balance = "drop-units" (leaves 32 of 35 units)',
        "第三产业占比% is not positive",
        "[lisa] periods: 1999 are not in the panel",
    ):
        assert part in words, part
    assert not PYTHON.search(words), PYTHON.search(words)


def test_the_count_of_gaps_is_the_one_of_the_study(cities, tmp_path):
    table = cities.drop(index=[0, 9])
    table.loc[14, "人均GDP（元）"] = np.nan
    table.to_excel(tmp_path / "p.xlsx", index=False)
    text = starter(tmp_path / "p.xlsx", folder=tmp_path)
    assert '# balance = "drop-units"' in text
    text = text.replace('# "', '"').replace('"name in the table" =', "# ")
    text = re.sub(r'variable = "[^"]*"', 'variable = "人均GDP（元）"', text)
    (tmp_path / "study.toml").write_text(text, "utf-8")
    words = fails(check(tmp_path / "study.toml"))
    assert 'balance = "drop-units" (leaves 31 of 34 units)' in words
    edited(tmp_path, ("# balance = ", "balance = "))
    findings = check(tmp_path / "study.toml")
    assert fails(findings) == ""
    assert any("31 of 34 units" in finding.words for finding in findings)
    assert any("SpatialPanel: 31 units" in finding.words for finding in findings)
    assert not PYTHON.search(" ".join(finding.words for finding in findings[:-3]))


@pytest.mark.parametrize(
    ("key", "line", "words"),
    [
        ('"china-prefectures"', '"china"', "[data] geometry = 'china' is no map"),
        ('"china-prefectures"', '"中国"', 'geometry = "china-provinces" (34 province-level units)'),
        ('"china-prefectures"', '"china-provinces"', 'set [data] geometry = "china-prefectures"'),
        ('unit = "城市"', 'unit = "编号"', 'set [data] unit = "城市"'),
        ("period =", 'geometry_unit = "x"\nperiod =', "[data] geometry_unit is for the file of a"),
        ('# "name in', '杭州 = "x"\n#', "keys with letters other than a-z are written in quotes"),
        ('# "name in', '"杭州" = 1.5\n#', "got '杭州' = 1.5"),
    ],
)
def test_wrong_maps_and_columns_name_the_right_ones(cities, tmp_path, key, line, words):
    table = cities.assign(编号=cities.groupby("城市").ngroup())
    table.to_excel(tmp_path / "p.xlsx", index=False)
    (tmp_path / "study.toml").write_text(starter(tmp_path / "p.xlsx", folder=tmp_path), "utf-8")
    edited(tmp_path, (key, line))
    assert words in fails(check(tmp_path / "study.toml"))


def test_names_of_a_map_of_ones_own_that_differ(tmp_path):
    """Most ids of a shapefile are those of the table: proposed, with what is missing."""
    names = [f"Town {letter}" for letter in "ABCDEFGH"]
    shapes = [box(k, 0, k + 1, 1) for k in range(8)]
    theirs = ["Tovn A", *names[1:7], "Village"]
    gpd.GeoDataFrame({"NAME": theirs}, geometry=shapes, crs=32650).to_file(tmp_path / "m.gpkg")
    rng = np.random.default_rng(0)
    keys = pd.MultiIndex.from_product([names, YEARS], names=["town", "year"])
    pd.DataFrame({"y": rng.normal(size=len(keys))}, keys).reset_index().to_csv(
        tmp_path / "p.csv", index=False
    )
    text = starter(tmp_path / "p.csv", tmp_path / "m.gpkg", folder=tmp_path)
    assert 'geometry_unit = "NAME"' in text
    assert "# 2 of 8 units are not in NAME of m.gpkg: 'Town A', 'Town H'" in text
    assert '# "Town A" = "Tovn A"' in text
    assert 'islands = "nearest"' in text
    (tmp_path / "study.toml").write_text(text, "utf-8")
    words = fails(check(tmp_path / "study.toml"))
    assert "2 of 8 units are not in 'NAME' of m.gpkg: 'Town A', 'Town H'" in words
    assert 'write under [data.aliases]: "Town A" = "Tovn A"' in words
    assert "extra_shapes" not in words  # it is set already
    edited(
        tmp_path, ("\n[weights]", '"Town A" = "Tovn A"\n"Town H" = ""\n\n[weights]'),
    )  # fmt: skip
    findings = check(tmp_path / "study.toml")
    assert fails(findings) == ""
    assert any("SpatialPanel: 7 units" in finding.words for finding in findings)


def test_the_column_of_the_table_that_is_on_the_map(tmp_path, cities):
    """Not a running number, and Chinese short forms are proposed as aliases."""
    units = nq.datasets.china_prefectures()
    units.loc[
        units["province_adcode"].isin([330000, 420000, 220000]), ["name_zh", "geometry"]
    ].to_file(tmp_path / "m.gpkg")
    table = cities.assign(城市=cities["城市"].replace({"杭州": "延边州"}))
    table = table[table["城市"] != "延边朝鲜族自治州"]
    table.insert(0, "编号", table.groupby("城市").ngroup())
    table.to_csv(tmp_path / "p.csv", index=False)
    text = starter(tmp_path / "p.csv", tmp_path / "m.gpkg", folder=tmp_path)
    assert 'unit = "城市"' in text
    assert 'geometry_unit = "name_zh"' in text
    assert '# "延边州" = "延边朝鲜族自治州"' in text
    assert '# "襄樊市" = "襄阳市"' in text
    (tmp_path / "study.toml").write_text(text, "utf-8")
    words = fails(check(tmp_path / "study.toml"))
    assert '"延边州" = "延边朝鲜族自治州"' in words
    assert "extra_shapes" not in words


def test_a_map_of_the_package_by_name_from_the_shell(excel):
    folder, run = excel.parent, CliRunner().invoke
    for name, words in (
        ("china-provinces", "no column of ids has names or codes of the map 'china-provinces'"),
        ("china", "maps of the package are 'china-prefectures' (370"),
        ("none.shp", "there is no file"),
    ):
        made = run(main, ["init", str(excel), "-g", name, "-o", str(folder / "a.toml")])
        assert made.exit_code == 1
        assert words in " ".join(made.output.split())
    made = run(main, ["init", str(excel), "-g", "china-prefectures", "-o", str(folder / "a.toml")])
    assert made.exit_code == 0
    with pytest.raises(OptionError, match="no column of ids has names"):
        starter(excel, "china-provinces", folder=folder)


def test_a_city_that_was_renamed_within_the_sample(cities, tmp_path):
    """襄樊市 until 2013, then 襄阳市; and names with a blank at the end in one year."""
    table = cities.copy()
    table.loc[(table["城市"] == "襄樊市") & (table["年份"] > 2013), "城市"] = "襄阳市"
    table.loc[(table["城市"] == "嘉兴市") & (table["年份"] == 2012), "城市"] = "嘉兴市 "
    table.to_excel(tmp_path / "p.xlsx", index=False)
    text = starter(tmp_path / "p.xlsx", folder=tmp_path)
    assert '# "襄樊市" = "襄阳市"' in text
    assert '# "嘉兴市 " = "嘉兴市"' in text
    (tmp_path / "study.toml").write_text(text, "utf-8")
    words = fails(check(tmp_path / "study.toml"))
    assert "'襄樊市' and '襄阳市' are both 襄阳市 (420600)" in words
    assert 'join them under [data.aliases]: "嘉兴市 " = "嘉兴市", "襄樊市" = "襄阳市"' in words
    assert "are some one unit written in two ways? '嘉兴市', '嘉兴市 '" in words
    lines = [line for line in text.splitlines() if line.startswith('# "') and "name in" not in line]
    edited(tmp_path, *((line, line.removeprefix("# ")) for line in lines))
    findings = check(tmp_path / "study.toml")
    assert fails(findings) == ""
    assert any("SpatialPanel: 34 units x 6 periods" in finding.words for finding in findings)


def test_a_name_of_two_cities_does_not_identify_rows(tmp_path, cities):
    """Homonyms of two provinces occur twice a year: the codes are proposed instead."""
    units = nq.datasets.china_prefectures().reset_index().set_index("name_zh")["adcode"]
    back = {written: name for name, written in WRITTEN.items()}
    table = cities.assign(代码=cities["城市"].replace(back).map(units))
    table["城市"] = table["城市"].replace({"杭州": "苏州", "嘉兴市": "苏州"})
    table.to_excel(tmp_path / "p.xlsx", index=False)
    assert 'unit = "代码"' in starter(tmp_path / "p.xlsx", folder=tmp_path)
