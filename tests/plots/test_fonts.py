"""Which fonts figures are drawn with, and what no font can draw."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import font_manager
from pylopdf_fonts_zh_cn import sans_path

import nqp_spatial as nq
from nqp_spatial.core.text import language
from nqp_spatial.errors import FontWarning
from nqp_spatial.plots import _fonts as fonts
from nqp_spatial.plots import save
from nqp_spatial.plots._theme import themed
from nqp_spatial.report.study.config import STEPS

MATPLOTLIB_FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(autouse=True)
def fonts_as_at_the_start(monkeypatch):
    """Each test has its own copy of matplotlib's list, and a warning that is due."""
    manager = font_manager.fontManager
    monkeypatch.setattr(manager, "ttflist", list(manager.ttflist))
    monkeypatch.setattr(fonts, "_font_warning_due", True)
    fonts._ordered_fonts.cache_clear()
    yield
    fonts._ordered_fonts.cache_clear()


def only_from_matplotlib(monkeypatch, system=()):
    """Leave matplotlib's own fonts in its list, and give the system others."""
    manager = font_manager.fontManager
    listed = [font for font in manager.ttflist if Path(font.fname).parent == MATPLOTLIB_FONTS]
    monkeypatch.setattr(manager, "ttflist", listed)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(system))
    monkeypatch.setattr(font_manager, "fontManager", manager)
    fonts._ordered_fonts.cache_clear()


def figure_with(text, **options):
    with themed(options.pop("lang", "en")):
        figure, _ = plt.subplots(figsize=(3, 1))
        figure.text(0.1, 0.5, text, fontsize=20, **options)
    return figure


def pixels(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=60)
    return plt.imread(io.BytesIO(stream.getvalue()))[..., 0]


@pytest.mark.parametrize("weight", ["normal", "bold"])
def test_chinese_is_drawn_on_a_machine_without_fonts(monkeypatch, weight):
    only_from_matplotlib(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of glyphs that no font has
        figures = [figure_with(word, fontweight=weight) for word in ("新质生产力", "区域经济学")]
        for figure in figures:
            fonts.check_fonts(figure)
        first, second = (pixels(figure) for figure in figures)
    # Boxes of as many letters would be the same picture.
    assert np.abs(first - second).mean() > 0.01


def test_the_font_is_the_shipped_one_whatever_is_installed(monkeypatch, tmp_path):
    only_from_matplotlib(monkeypatch)
    bare = fonts.font_state()
    other = MATPLOTLIB_FONTS / "DejaVuSansMono.ttf"
    for name, path in ((fonts._CJK_FONTS[0], other), (fonts._SHIPPED_FONT, other)):
        entry = font_manager.FontEntry(fname=str(path), name=name, weight=700)
        font_manager.fontManager.ttflist.insert(0, entry)
    fonts._ordered_fonts.cache_clear()
    order = fonts.fonts()
    assert order.index(fonts._SHIPPED_FONT) < order.index(fonts._CJK_FONTS[0])
    for weight in ("normal", "bold"):
        properties = font_manager.FontProperties(family=fonts._SHIPPED_FONT, weight=weight)
        assert Path(font_manager.findfont(properties)) == sans_path()
    assert bare in fonts.font_state()


def test_the_state_names_files_by_their_content(monkeypatch):
    only_from_matplotlib(monkeypatch)
    state = fonts.font_state()
    digest = hashlib.sha256(sans_path().read_bytes()).hexdigest()[:16]
    assert f"Noto Sans SC: NotoSansSC-Regular.otf {digest}" in state
    assert "DejaVu Sans: DejaVuSans-Bold.ttf" in state


def test_fonts_that_the_user_has_chosen_come_first(monkeypatch):
    plain = fonts.fonts()
    with mpl.rc_context({"font.sans-serif": ["Noto Sans SC", "no such font"]}):
        assert fonts.fonts()[0] == "Noto Sans SC"
        assert sorted(fonts.fonts()) == sorted(plain)
        state = fonts.font_state()
        assert state.startswith("Noto Sans SC")
        with themed():  # the theme itself is not taken for a choice
            assert fonts.font_state() == state
    with mpl.rc_context({"font.family": "DejaVu Serif"}):
        assert fonts.fonts() == ["DejaVu Serif", *plain]
    assert fonts.fonts() == plain
    with themed():
        assert fonts.fonts() == plain


def test_a_font_installed_after_matplotlib_made_its_list_is_seen(monkeypatch, tmp_path):
    """The list that matplotlib keeps is never renewed; here its package of Chinese is gone too."""
    installed = tmp_path / "anything.otf"
    shutil.copy(sans_path(), installed)
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    only_from_matplotlib(monkeypatch, [str(tmp_path / "broken.ttf"), str(installed)])
    monkeypatch.setattr(fonts, "_register_shipped_font", lambda: None)
    assert "Noto Sans SC: anything.otf" in fonts.font_state()
    only_from_matplotlib(monkeypatch)
    assert "Noto Sans SC" not in fonts.font_state()


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("新质生产力 α β % km² é – “”", ""),
        ("$\\rho$ 与 $\\beta_1 \\times é$", ""),
        ("서울 2021", "서 울"),
        ("\U00020000村", "\U00020000"),
        ("", ""),
    ],
)
def test_characters_that_no_font_has_are_named(monkeypatch, text, missing):
    only_from_matplotlib(monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fonts.check_fonts(figure_with(text))
    assert [str(one.message).split("characters: ")[1].split(".")[0] for one in caught] == (
        [missing] if missing else []
    )


def test_texts_of_axes_of_the_caller_get_the_font_too(monkeypatch):
    only_from_matplotlib(monkeypatch)
    figure, ax = plt.subplots()
    ax.bar(["东部", "西部"], [1, 2])
    ax.set_title("made before", fontfamily="DejaVu Serif")
    fonts.check_fonts(ax)
    assert ax.get_xticklabels()[0].get_fontfamily() == ["sans-serif", *fonts.fonts()]
    assert ax.title.get_fontfamily() == ["DejaVu Serif", *fonts.fonts()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()


def test_the_page_of_a_study_warns_once_in_its_language(tmp_path, sketches):
    """Each page in one process, however many figures have the letters."""
    panel = nq.datasets.us_public_capital()
    panel.frame.reset_index().to_csv(tmp_path / "states.csv", index=False)
    panel.geometry.reset_index()[["unit", "geometry"]].to_file(tmp_path / "states.gpkg")
    settings = {
        "study": {"lang": "zh", "skip": [name for name in STEPS if name != "association"]},
        "data": {
            "panel": str(tmp_path / "states.csv"), "geometry": str(tmp_path / "states.gpkg"),
            "unit": "unit", "period": "period", "labels": {"lgsp": "\U00020000产出"},
        },
        "outcome": {"variable": "lgsp"},
    }  # fmt: skip
    for folder in ("one", "two"):
        page = nq.report.study(settings, tmp_path / folder, progress=False).page
        assert page.read_text(encoding="utf-8").count("没有字体含有以下字符：\U00020000") == 1


def test_it_is_warned_once_in_the_language_of_the_page(monkeypatch):
    only_from_matplotlib(monkeypatch)
    with language("zh"), pytest.warns(FontWarning, match="没有字体含有以下字符：서 울"):
        fonts.check_fonts(figure_with("서울", lang="zh"))
    fonts.check_fonts(figure_with("부산"))  # a warning would be an error here
    fonts.renew_font_warning()
    with pytest.warns(FontWarning, match="No font here has these characters: 부 산"):
        fonts.check_fonts(figure_with("부산"))


@pytest.mark.parametrize("ending", ["pdf", "svg", "eps"])
def test_vector_files_hold_the_letters(monkeypatch, tmp_path, ending):
    """As type 3 in PDF and PostScript: as type 42 matplotlib writes this font wrongly."""
    only_from_matplotlib(monkeypatch)
    paths = [
        save(figure_with(text, fontweight="bold"), tmp_path / f"{name}.{ending}")[0]
        for name, text in (("chinese", "新质生产力 rho"), ("plain", "rho"))
    ]
    chinese, plain = (path.read_bytes() for path in paths)
    if ending == "svg":
        assert b"<text" not in chinese
        assert b"NotoSansSC" in chinese  # in the names of its outlines
        assert re.search(rb"<text.*>rho</text>", plain)
    else:
        assert b"NotoSansSC" in chinese
        assert re.search(rb"/FontType 3\b|/Type3\b", chinese)
        assert not re.search(rb"/FontType 42\b|/FontFile2\b", chinese)
        assert re.search(rb"/FontType 42\b|/FontFile2\b", plain)


def test_a_new_process_needs_nothing_of_this_one():
    code = "from nqp_spatial.plots._fonts import font_state; print(font_state())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Noto Sans SC: NotoSansSC-Regular.otf" in run.stdout
