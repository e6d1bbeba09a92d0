"""Whom a state's capital helps: itself, or its neighbours too.

A spatial Durbin model with state and year effects of gross state product on public and private
capital, employment and unemployment (Munnell's data, 48 states, 1970-1986), by dummy-variable
maximum likelihood and by Lee and Yu's (2010) transformation. Writes tables and figures to output/.
"""

from pathlib import Path

import nqp_spatial as nq

OUTPUT = Path("output")
SEED = 2024
FORMULA = "lgsp ~ lpcap + lpc + lemp + unemp"


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    panel = nq.datasets.us_public_capital()
    w = nq.weights.contiguity(panel)
    print(panel, w, sep="\n")

    models = {
        "Dummy variables": nq.fit(FORMULA, panel, w, effects="two-way", correction="none"),
        "Lee-Yu": nq.fit(FORMULA, panel, w, effects="two-way", correction="transformation"),
    }
    effects = {name: res.effects(draws=2000, seed=SEED) for name, res in models.items()}
    print(models["Lee-Yu"].summary, effects["Lee-Yu"], sep="\n")

    title = "Gross state product and capital, 48 states, 1970–1986"
    for ending in ("docx", "tex", "html"):
        nq.report.regression_table(models, OUTPUT / f"02_models.{ending}", caption=title)
        nq.report.effects_table(effects, OUTPUT / f"02_effects.{ending}", caption=title)
    effects["Lee-Yu"].frame.to_csv(OUTPUT / "02_effects.csv", index=False, float_format="%.6g")
    nq.plots.save(nq.plots.effects(effects["Lee-Yu"]), OUTPUT / "02_effects")

    # The same effects state by state: what one more unit of private capital everywhere else gives
    # a state, and what one more unit here gives all others together.
    units = models["Lee-Yu"].unit_effects("lpc")
    units.to_csv(OUTPUT / "02_unit_effects.csv", float_format="%.6g")
    words = {
        "own": "Effect of own private capital",
        "received": "Effect received from other states",
        "sent": "Effect sent to other states",
    }
    for column, label in words.items():
        drawn = nq.plots.choropleth(
            panel, units[column], scheme="natural-breaks", label=f"{label}, elasticity"
        )
        nq.plots.save(drawn, OUTPUT / f"02_map_{column}")


if __name__ == "__main__":
    main()
