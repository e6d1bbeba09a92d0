"""What callers add to layers of a figure: matplotlib's keywords, over ours."""

from __future__ import annotations

from matplotlib.colors import to_hex


def test_layers_take_matplotlibs_words_over_ours(figures):
    def draw(name, **more):
        function, arguments, options = figures[name]
        return function(*arguments, **{**options, **more})

    ax = draw("choropleth", shapes_kw={"edgecolor": "#123456"}, legend_kw={"ncols": 1})
    assert {to_hex(areas.get_edgecolor()[0]) for areas in ax.collections} == {"#123456"}
    assert ax.get_legend()._ncols == 1
    ax = draw("moran_scatter", points_kw={"marker": "s"}, line_kw={"lw": 3})
    assert ax.lines[-1].get_linewidth() == 3
    bars = draw("dagum", bars_kw={"width": 0.5, "color": "#abcdef"}).patches
    assert {bar.get_width() for bar in bars} == {0.5}
    assert {to_hex(bar.get_facecolor()) for bar in bars} == {"#abcdef"}
    image = draw("effects_matrix", cells_kw={"cmap": "PuOr"}).images[0]
    assert image.get_cmap().name == "PuOr"
    lines = draw("sigma_lines", line_kw={"color": "#010203"}).lines
    assert {line.get_color() for line in lines} == {"#010203"}
    figure = draw("effects", points_kw={"ms": 9})
    assert max(line.get_markersize() for line in figure.axes[0].lines) == 9
    options = {"color": "red"}
    draw("sigma_lines", line_kw=options)
    assert options == {"color": "red"}
