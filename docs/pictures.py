"""Make the pictures of the README files, from data that come with the package.

The cities are simulated; their boundaries are those of `shapefiles/README.md`. Run it after a
change of looks: ``.venv/bin/python docs/pictures.py``.
"""

from __future__ import annotations

from pathlib import Path

import nqp_spatial as nq

HERE = Path(__file__).parent / "_static"
CHINA = {"basemap": "china", "inset": "south-china-sea"}
CHINESE = {
    "nqp": "新质生产力",
    "relations": "生产关系",
    "human_capital": "人力资本",
}


def main() -> None:
    """Draw and save."""
    cities = nq.datasets.simulate_cities(seed=0)
    w = nq.weights.contiguity(cities, islands="nearest")
    for lang, ending in (("en", ""), ("zh", "_zh")):
        panel = cities
        if lang == "zh":
            panel = cities.assign(labels=CHINESE, nqp=cities.frame["nqp"])
        lisa = nq.esda.lisa(panel, "nqp", w, period=2021, seed=0)
        found = nq.plots.lisa_map(lisa, panel, tiers=True, lang=lang, **CHINA)
        nq.plots.save(found, HERE / f"lisa_tiers{ending}", formats=("png",), dpi=150, close=True)
        chain = nq.dynamics.stochastic_kernel(panel, "nqp", step=3, relative=True)
        found = nq.plots.kernel_contour(chain, lang=lang)
        nq.plots.save(found, HERE / f"kernel{ending}", formats=("png",), dpi=150, close=True)
        result = nq.fit("nqp ~ relations + human_capital", panel, w)
        found = nq.plots.effects(result.effects(seed=0), lang=lang)
        nq.plots.save(found, HERE / f"effects{ending}", formats=("png",), dpi=150, close=True)


if __name__ == "__main__":
    main()
