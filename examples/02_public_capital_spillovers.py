"""Direct effects and spillover effects of public and private capital in US states.

A spatial Durbin model with state and year effects of gross state product on public and private
capital, employment and unemployment (Munnell's data, 48 states, 1970-1986), by dummy-variable
maximum likelihood and by Lee and Yu's (2010) transformation: specification tests, effects, and
robustness over spatial weights. Writes tables and figures to output/.
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

    # The usual steps of a paper: LM tests, tests of simpler models, effects, residuals.
    found = nq.diagnostics(FORMULA, panel, w)
    print(found)
    found.frame.to_csv(OUTPUT / "02_specification.csv", index=False, float_format="%.6g")

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

    # Robustness over the definition of neighbours.
    candidates = {
        "Queen": w,
        "6 nearest": nq.weights.knn(panel, k=6),
        "Inverse distance": nq.weights.inverse_distance(panel, cutoff_km=1500),
    }
    grid = nq.regression.model_grid(FORMULA, panel, candidates)
    print(nq.compare(grid, seed=SEED))
    for name, lang in (("02_weights.docx", "en"), ("02_weights_zh.docx", "zh")):
        options = {"effects": True, "lang": lang, "caption": title}
        nq.report.regression_table(grid.models, OUTPUT / name, **options)

    last = nq.plots.residual_map(models["Lee-Yu"], panel, period=1986)
    nq.plots.save(last, OUTPUT / "02_map_residuals")

    # Effects for each state: the effect of a unit increase in private capital in all other states
    # on this state, and of a unit increase in this state on all other states.
    units = models["Lee-Yu"].unit_effects("lpc")
    units.to_csv(OUTPUT / "02_unit_effects.csv", float_format="%.6g")
    for side in ("own", "received", "sent"):
        drawn = nq.plots.unit_effects_map(
            models["Lee-Yu"], panel, "lpc", side, scheme="natural-breaks"
        )
        nq.plots.save(drawn, OUTPUT / f"02_map_{side}")


if __name__ == "__main__":
    main()
