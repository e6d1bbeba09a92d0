"""What is taken over from an earlier run: never what is stale, damaged, or somebody else's."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
import threading
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

import nqp_spatial as nq
from nqp_spatial.errors import FontWarning, OptionError
from nqp_spatial.report.study import cache as study_cache
from nqp_spatial.report.study.cache import data_files, requirements
from nqp_spatial.report.study.config import STEPS, read_config
from nqp_spatial.report.study.page import Section, html_of, page_of
from nqp_spatial.report.study.step import Step, StepOutput

RUN = ("describe", "model")
FIGURES = {"describe": (("map", "A map."),), "model": (("effects", "Effects."),)}


def make_files(folder, name="map.shp", ids=None):
    rng = np.random.default_rng(0)
    ids = ids or [f"u{k}" for k in range(16)]
    shapes = [box(j, i, j + 1, i + 1) for i in range(4) for j in range(4)]
    gpd.GeoDataFrame({"id": ids}, geometry=shapes, crs="EPSG:32650").to_file(folder / "tmp.shp")
    stem, ending = name.rsplit(".", 1)
    for path in sorted(folder.glob("tmp.*")):
        suffix = path.suffix[1:]
        path.replace(folder / f"{stem}.{suffix.upper() if ending.isupper() else suffix}")
    keys = pd.MultiIndex.from_product([[f"u{k}" for k in range(16)], range(2010, 2014)],
                                      names=["id", "year"])  # fmt: skip
    values = rng.normal(size=(len(keys), 3))
    table = pd.DataFrame(values, keys, columns=["x1", "x2", "y"])
    table.reset_index().to_csv(folder / "p.csv", index=False)


def settings_of(folder, name="map.shp", permutations=99):
    """Write settings, with paths relative to them, so that a copy of the folder is the same."""
    path = folder / "study.toml"
    path.write_text(
        f"""[study]
skip = {[step for step in STEPS if step not in RUN]}
permutations = {permutations}
[data]
panel = "p.csv"
geometry = "{name}"
unit = "id"
period = "year"
[outcome]
variable = "y"
[model]
formula = "y ~ x1"
model = "sar"
effects = "unit"
draws = 20
""",
        encoding="utf-8",
    )
    return path


def run(folder, **options):
    return nq.report.study(settings_of(folder, **options), folder / "out", progress=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_files(folder)
    assert run(folder).failed == []
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of a folder with files and a report."""
    return shutil.copytree(made, tmp_path / "copy")


# -- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["map[1].shp", "MAP.SHP", "a.b.shp", "地图.shp", "map*.shp"])
def test_every_file_of_a_map_is_hashed(tmp_path, monkeypatch, name):
    for other in ("_versions", "_own_code"):
        monkeypatch.setattr(study_cache, other, list)
    make_files(tmp_path, name)
    config = read_config(settings_of(tmp_path, name))
    before = study_cache.base_key(config, "")
    stem = name.rsplit(".", 1)[0]
    parts = [path for path in tmp_path.iterdir() if path.name.startswith(f"{stem}.")]
    assert {path.suffix.lower() for path in parts} >= {".shp", ".shx", ".dbf", ".prj", ".cpg"}
    for path in parts:
        raw = path.read_bytes()
        path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        assert study_cache.base_key(config, "") != before, path.name
        path.unlink()
        assert study_cache.base_key(config, "") != before, path.name
        path.write_bytes(raw)
        assert study_cache.base_key(config, "") == before


def test_files_in_a_folder_are_hashed(tmp_path):
    make_files(tmp_path)
    base = tmp_path / "map.gdb"
    base.mkdir()
    (base / "a.gdbtable").write_bytes(b"1")
    config = read_config(settings_of(tmp_path, "map.gdb"))
    before = study_cache.base_key(config, "")
    (base / "a.gdbtable").write_bytes(b"2")
    assert study_cache.base_key(config, "") != before


@pytest.mark.parametrize("name", ["map[1].shp", "MAP.SHP"])
def test_a_changed_map_undoes_every_step(tmp_path, sketches, name):
    make_files(tmp_path, name)
    first = run(tmp_path, name=name)
    assert first.failed == []
    shuffled = [f"u{k}" for k in np.random.default_rng(1).permutation(16)]
    make_files(tmp_path, name, shuffled)
    second = run(tmp_path, name=name)
    assert second.skipped == []
    words = [section.words for section in first.sections if section.name == "model"]
    assert words != [section.words for section in second.sections if section.name == "model"]


def test_requirements_are_those_of_the_package():
    lines = importlib.metadata.requires("nqp-spatial")
    required = {line for line in lines if "extra ==" not in line.replace("'", '"')}
    assert len(requirements()) == len(required) >= 20
    assert {"formulaic", "statsmodels", "numba", "python-docx", "mapclassify"} <= set(
        requirements()
    )
    assert not {"mgwr", "linearmodels", "sphinx"} & set(requirements())


@pytest.mark.parametrize("package", ["formulaic", "numba", "python-docx", "et-xmlfile", "pyproj"])
def test_an_upgrade_of_any_package_changes_the_key(folder, monkeypatch, package):
    config = read_config(settings_of(folder))
    before = study_cache.base_key(config, "")
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "99" if name == package else version(name)
    )
    assert study_cache.base_key(config, "") != before


def test_fonts_settings_and_python_are_in_the_key(made, monkeypatch):
    config = read_config(settings_of(made))
    before = study_cache.base_key(config, "")
    assert study_cache.base_key(config, "") == before
    assert study_cache.base_key(config, "w") != before
    with monkeypatch.context() as patch:
        patch.setattr(study_cache, "font_state", lambda: "another font")
        assert study_cache.base_key(config, "") != before
    with monkeypatch.context() as patch:
        patch.setenv("NQP_SETTING", "1")
        assert study_cache.base_key(config, "") != before
    with monkeypatch.context() as patch:
        patch.setattr("platform.python_version", lambda: "3.99")
        assert study_cache.base_key(config, "") != before
    assert study_cache.base_key(config, "") == before


# -- files of a step -------------------------------------------------------------------------------


def test_every_file_of_a_step_must_be_there_and_unchanged(folder):
    out = folder / "out"
    complete = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    files = [path for path in complete if path.parent.name in ("figures", "tables")]
    assert {path.suffix for path in files} == {".png", ".pdf", ".docx", ".tex", ".csv"}
    step_of = {"map": "describe", "descriptive": "describe", "effects": "model", "model": "model"}
    damages = [lambda path: path.unlink(), lambda path: path.write_bytes(b""),
               lambda path: path.write_bytes(complete[path] + b" ")]  # fmt: skip
    keys = {name: json.loads((out / "parts" / f"{name}.json").read_text())["key"] for name in RUN}
    steps = {name: Step(name, "", "", lambda _: StepOutput(), FIGURES[name]) for name in RUN}
    for number, path in enumerate(sorted(files)):
        damages[number % 3](path)
        taken = [name for name in RUN if study_cache.kept(out, steps[name], keys[name])]
        assert set(RUN) - set(taken) == {step_of[path.stem]}, path
        path.write_bytes(complete[path])
    for path in files:
        if path.stem == "descriptive" or path.suffix == ".pdf":
            path.write_bytes(b"")
    again = run(folder)
    assert set(STEPS) - set(again.skipped) == {"describe", "model"}
    assert all(path.stat().st_size > 100 for path in files)
    assert run(folder).skipped == list(STEPS)
    assert not [path for path in out.rglob("*") if "partial" in path.name]


# -- parts by somebody else ------------------------------------------------------------------------


def deep(levels):
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    "raw",
    ["", "[]", "null", "3", '"a"', "{}", "{", b"\xff\xfe\x00", deep(5), deep(100_000), "1" * 5000],
    ids=lambda raw: str(raw[:6]),
)  # fmt: skip
def test_a_damaged_part_means_that_the_step_runs_again(folder, sketches, raw):
    path = folder / "out" / "parts" / "describe.json"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    again = run(folder)
    assert again.failed == []
    assert set(STEPS) - set(again.skipped) == {"describe"}


def test_a_part_of_another_shape_is_not_trusted(folder):
    step = Step("describe", "The data", "code", lambda _: StepOutput(), (("map", "A map."),))
    out = folder / "out"
    path = out / "parts" / "describe.json"
    right = json.loads(path.read_text(encoding="utf-8"))
    assert study_cache.kept(out, step, right["key"]) is not None
    assert study_cache.kept(out, step, "another key") is None
    table = right["tables"][0]
    wrong = [
        *({key: right[key] for key in right if key != name} for name in right),
        {**right, "code": "x"}, {**right, "error": "x"},
        *({**right, name: value} for name in right
          for value in (None, 3, "a", {}, [3], [[]], [None])),
        *({**right, "tables": [{**table, **change}]} for change in (
            {"caption": 3}, {"caption": None}, {"more": 1}, {"cells": []}, {"cells": [["a"]]},
            {"cells": [[1] * 5] * len(table["cells"])}, {"head": []}, {"head": [[]] * 5},
            {"files": ["../p"]}, {"files": [3]}, {"files": "descriptive"},
            {"head": [["a", "b"], ["a"], ["a"], ["a"], ["a"]]}, {"side": table["side"][:-1]},
        )),
        {**right, "figures": ["figures/../../secret.png"]},
        {**right, "figures": [["x", "../../secret.png"]]},
        {**right, "figures": ["/etc/passwd"]},
        {**right, "attached": ["../p.csv"]}, {**right, "attached": ["other.html"]},
        {**right, "headlines": [{"term": "a", "value": 3, "detail": ""}]},
        {**right, "headlines": [{"term": "a", "value": "3"}]},
        {**right, "files": {**right["files"], "../p.csv": study_cache._digest(folder / "p.csv")}},
        {**right, "files": {**right["files"], "figures/map.png": [1, "x"]}},
        {**right, "files": {}},
    ]  # fmt: skip
    for stored in wrong:
        path.write_text(json.dumps(stored))
        section = study_cache.kept(out, step, right["key"])
        assert section is None, stored


def test_text_of_a_planted_part_is_escaped_and_its_files_stay_inside(folder, sketches):
    """The key is a hash that anyone can compute; what stands in a part is text all the same."""
    path = folder / "out" / "parts" / "describe.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    bad = "<script>alert(1)</script>"
    stored |= {"words": [bad], "warnings": [bad], "fonts": [bad], "tables": [
        {"caption": bad, "head": [[bad]], "side": [[bad, bad]], "cells": [[bad]],
         "files": ["descriptive"]}],
        "headlines": [{"term": bad, "value": bad, "detail": bad}]}  # fmt: skip
    path.write_text(json.dumps(stored))
    again = run(folder)
    assert again.skipped == list(STEPS)
    page = again.page.read_text(encoding="utf-8")
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") >= 10
    # A link in the place of a figure is not followed, though its bytes are those that are known.
    figure = folder / "out" / "figures" / "map.png"
    shutil.copy(figure, folder / "secret.png")
    figure.unlink()
    figure.symlink_to(folder / "secret.png")
    again = run(folder)
    assert "describe" not in again.skipped
    assert not figure.is_symlink()


def test_a_folder_that_leads_out_of_the_report_is_refused(tmp_path):
    make_files(tmp_path)
    (tmp_path / "else").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").symlink_to(tmp_path / "else")
    with pytest.raises(OptionError, match="a link to a folder outside the report"):
        run(tmp_path)
    with pytest.raises(OptionError, match="cannot make the folder"):
        nq.report.study(tmp_path / "study.toml", tmp_path / "p.csv", progress=False)


# -- two runs at once ------------------------------------------------------------------------------


def test_files_written_at_once_are_never_torn(tmp_path):
    path = tmp_path / "a.json"
    texts = [letter * 200_000 for letter in "abcd"]
    seen = set()

    def write(text):
        for _ in range(20):
            study_cache.write_text(path, text)
            seen.add(path.read_text())

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(texts)
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_part_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        study_cache.write_text(tmp_path / "a.json", "text")
    assert os.listdir(tmp_path) == []


# -- warnings --------------------------------------------------------------------------------------


def section(name, notes=(), fonts=()):
    return Section(name, name, "", [], [], [], list(notes), "", "", "", list(fonts))


def test_a_warning_of_several_steps_stands_once(tmp_path):
    sections = [
        section("a", ["both", "only a"], ["no font for 地"]),
        section("b", ["both"], ["no font for 区"]),
    ]
    page = page_of(
        sections, tmp_path, title="t", facts="", setup="", versions="", lang="en", script="s.py"
    )
    assert page.count("both") == page.count("only a") == page.count("no font for") == 1
    assert page.index("both") < page.index('<section id="a">') < page.index("only a")


def test_font_warnings_of_steps_are_gathered(folder, monkeypatch):
    def steps(config):
        def found(_):
            warnings.warn("no font for 地", FontWarning, stacklevel=1)
            return StepOutput()

        return [Step(name, name, "pass", found) for name in ("one", "two")]

    monkeypatch.setattr(sys.modules["nqp_spatial.report.study.runner"], "every_step", steps)
    done = run(folder)
    assert [section.fonts for section in done.sections] == [["no font for 地"]] * 2
    assert [section.warnings for section in done.sections] == [[], []]
    assert done.page.read_text(encoding="utf-8").count("no font for") == 1
    assert run(folder).skipped == ["one", "two"]
    assert done.page.read_text(encoding="utf-8").count("no font for") == 1


def test_tables_survive_being_kept(made):
    done = run(made, permutations=999)
    tables = [table for section in done.sections for table in section.tables]
    assert len(tables) >= 2
    again = run(made, permutations=999)
    assert [html_of(table) for section in again.sections for table in section.tables] == [
        html_of(table) for table in tables
    ]


@pytest.mark.parametrize("kind", ["queen", "file"])
def test_a_folder_in_place_of_a_file_of_weights_is_not_read(tmp_path, kind):
    """A folder was hashed with all that is below it, whether or not the weights were a file."""
    text = (
        '[outcome]\nvariable = "y"\n[data]\npanel = "p.csv"\nunit = "id"\nperiod = "year"\n'
        'geometry = "m.shp"\n[weights]\n'
    )
    (tmp_path / "s.toml").write_text(f'{text}kind = "{kind}"\npath = "/"\n')
    config = read_config(tmp_path / "s.toml")
    assert all(len(path.parts) <= 1 or path.is_relative_to(tmp_path) for path in data_files(config))
