"""The theme that a caller enters: font, size, style; outside it the defaults hold."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

import nqp_spatial as nq
from nqp_spatial.errors import OptionError
from nqp_spatial.plots._fonts import fonts


def draw(figures, name, **more):
    function, arguments, options = figures[name]
    return function(*arguments, **{**options, **more})


def sizes(figure):
    return {
        round(text.get_fontsize(), 2)
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible()
    }


def test_settings_of_matplotlib_come_back(figures):
    before = dict(mpl.rcParams)
    with nq.plots.theme(font="serif", size=11, style="talk"):
        assert mpl.rcParams["font.size"] == 11
        draw(figures, "estimates")
        with nq.plots.theme():
            assert mpl.rcParams["font.size"] == 8
        assert mpl.rcParams["font.size"] == 11
    assert dict(mpl.rcParams) == before
    with pytest.raises(ZeroDivisionError), nq.plots.theme(size=20):
        1 / 0  # noqa: B018
    assert dict(mpl.rcParams) == before
    assert draw(figures, "estimates").xaxis.label.get_fontsize() == 8


def test_the_base_size_scales_every_text(figures):
    on_paper = sizes(draw(figures, "index_weights").figure)
    with nq.plots.theme(size=12):
        ax = draw(figures, "index_weights")
    assert sizes(ax.figure) == {1.5 * size for size in on_paper}
    assert max(sizes(ax.figure)) == 12.75
    assert ax.figure.get_figwidth() == nq.plots.COLUMN
    # A theme decorates a function too.
    ax = nq.plots.theme(size=12)(draw)(figures, "index_weights")
    assert max(sizes(ax.figure)) == 12.75


def test_a_style_enlarges_lines_and_marks_with_the_figure(figures):
    on_paper = draw(figures, "estimates")
    with nq.plots.theme(style="talk"):
        ax = draw(figures, "estimates")
    for first, second in zip(on_paper.lines, ax.lines, strict=True):
        assert second.get_markersize() == pytest.approx(1.75 * first.get_markersize())
        assert second.get_linewidth() == pytest.approx(1.75 * first.get_linewidth())
    assert sizes(ax.figure) == {1.75 * size for size in sizes(on_paper.figure)}
    np.testing.assert_allclose(
        ax.figure.get_size_inches(), 1.75 * on_paper.figure.get_size_inches()
    )


def test_fonts_of_the_theme_come_first_and_chinese_is_still_drawn(figures):
    with nq.plots.theme(font="DejaVu Serif"):
        ax = draw(figures, "estimates", lang="zh")
    families = ax.xaxis.label.get_fontfamily()
    assert families[0] == "DejaVu Serif"
    assert "Noto Sans SC" in families
    assert fonts()[0] != "DejaVu Serif"
    with nq.plots.theme(font="serif"):
        assert "Serif" in fonts()[0] or "Roman" in fonts()[0] or "Times" in fonts()[0]
    with mpl.rc_context({"font.family": "serif"}):  # without a theme: what matplotlib says
        ax = draw(figures, "estimates")
    assert ax.xaxis.label.get_fontfamily()[0] == mpl.rcParams["font.serif"][0]


def test_a_style_of_matplotlib_holds_inside_the_theme_and_not_by_halves_outside(figures):
    ours = draw(figures, "estimates")
    with plt.style.context("ggplot"):
        ax = draw(figures, "estimates")
        grey = mpl.rcParams["axes.facecolor"]
    for look in ("get_facecolor", "get_axisbelow"):
        assert getattr(ax, look)() == getattr(ours, look)()
    assert not any(line.get_visible() for line in ax.get_xgridlines())
    with nq.plots.theme(style="ggplot"):
        ax = draw(figures, "estimates")
    assert to_hex(ax.get_facecolor()) == to_hex(grey)
    assert all(line.get_visible() for line in ax.get_xgridlines())
    with nq.plots.theme(style={"axes.spines.top": True}):
        ax = draw(figures, "estimates")
    assert ax.spines["top"].get_visible()
    assert not ax.spines["right"].get_visible()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"font": "DejaVu Serfi"}, "no font 'DejaVu Serfi' here; did you mean 'DejaVu Serif'"),
        ({"font": []}, "font must name at least one font"),
        ({"style": "gplot"}, "no style 'gplot'; did you mean 'ggplot'"),
        ({"style": {"axes.facecolour": "w"}}, "did you mean 'axes.facecolor'"),
        ({"style": {"axes.facecolor": "nothing"}}, "wrong value of a setting"),
        ({"style": "dark_background"}, "is dark"),
        ({"size": 1}, "size must be a number from 3 to 72"),
    ],
)
def test_wrong_themes_name_the_right_ones(options, words):
    with pytest.raises(OptionError, match=words):
        nq.plots.theme(**options)


def test_wrong_colour_maps_name_the_near_ones(figures):
    with pytest.raises(OptionError, match=r"got 'YlGnBlu' .*did you mean 'YlGnBu'"):
        draw(figures, "choropleth", cmap="YlGnBlu")


@pytest.mark.parametrize("style", ["ggplot", "classic", "fivethirtyeight"])
def test_titles_fit_in_the_letters_of_a_style(states, style):
    panel, w = states
    lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, permutations=9, seed=0)
    with nq.plots.theme(font="serif", size=9), nq.plots.theme(style=style):
        ax = nq.plots.moran_scatter(lisa, width=3.4, title="Gross state product per head, 1986")
        ax.figure.canvas.draw()
        title = ax._left_title.get_window_extent()
        assert title.x1 <= ax.figure.bbox.x1
        plt.close(ax.figure)


def test_a_theme_keeps_true_minus_signs(states):
    panel, w = states
    lisa = nq.esda.lisa(panel, "lgsp", w, period=1986, permutations=9, seed=0)
    with nq.plots.theme(font="serif", size=8):
        ax = nq.plots.moran_scatter(lisa)
        ax.figure.canvas.draw()
        texts = [label.get_text() for label in ax.get_xticklabels()]
        plt.close(ax.figure)
    assert any(text.startswith("−") for text in texts)
    assert not any("-" in text for text in texts)
