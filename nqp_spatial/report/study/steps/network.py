"""The gravity network of units: links, centrality, blocks, and what goes along with links."""

from __future__ import annotations

from typing import Any

import pandas as pd

from nqp_spatial.core.number_format import p_words
from nqp_spatial.core.text import Message, label, listed, t
from nqp_spatial.report.study.config import StudyConfig
from nqp_spatial.report.study.numerals import number
from nqp_spatial.report.study.step import Names, Step, StepOutput, make_step, name_of

__all__ = ["network"]

_NAMED, _SHOWN = 5, 10
_OF_UNITS = ["out_degree", "in_degree", "degree", "closeness_in", "betweenness", "role"]
_OF_BLOCKS = ["units", "internal", "sent", "received", "internal_share", "expected_share", "role"]
_OF_QAP = ["correlation", "correlation_p_value", "estimate", "standardized", "p_value"]


def network(config: StudyConfig) -> Step:
    """Describe the gravity network of the units."""
    table = config.network
    figures = [("network_degrees", t("Links sent and received by the units with most links."))]
    if table and table.splits:
        caption = t("Density of the links from block (rows) to block (columns); frames mark "
                    "densities above that of the network.")  # fmt: skip
        figures.append(("network_blocks", caption))
    if config.data.geometry:
        figures.append(("network_map", t("The strongest links of the network.")))
    if table and table.differences:
        names = listed(
            [name_of(config, name) for name in table.differences], len(table.differences)
        )
        caption = t("Statistics of the differences in {names}, beside those of permuted networks.",
                    names=names)  # fmt: skip
        figures.append(("network_qap", caption))
    return make_step("network", t("Association network"), config, _read, figures=figures)


def _read(names: Names) -> StepOutput:
    output, result = StepOutput(), names["network"]
    period = result.periods[-1]
    row, nodes = result.frame.loc[period], result.nodes.loc[period]
    output.say(_network(result, period, row), _most(nodes))
    output.headline(
        t("Density of the network ({period})", period=period), number(row["density"]),
        t("{links} links; {share:.0%} are returned", links=int(row["links"]),
          share=row["reciprocity"]),
    )  # fmt: skip
    if len(result.blocks):
        output.say(*_roles(nodes))
    output.say(
        t(
            "Links are computed from the sizes of units and the distance between them. They are "
            "not observed flows."
        )
    )
    output.note(result.notes)
    if "qap" in names:
        _qap(output, names)
    _tables(output, result, period)
    return output


def _network(result: Any, period: object, row: pd.Series) -> Message:
    return t(
        "In {period} the gravity network of {mass} has {links} links, {density:.1%} of those "
        "possible; {returned:.0%} of them are returned. Connectedness is {connectedness}, "
        "hierarchy {hierarchy}, efficiency {efficiency}.",
        period=period, mass=result.label, links=int(row["links"]), density=row["density"],
        returned=row["reciprocity"], connectedness=number(row["connectedness"]),
        hierarchy=number(row["hierarchy"]), efficiency=number(row["efficiency"]),
    )  # fmt: skip


def _most(nodes: pd.DataFrame) -> Message:
    def largest(column: str) -> str:
        top = nodes[column].nlargest(_NAMED)
        return listed([f"{unit} ({value})" for unit, value in top.items()], _NAMED)

    return t(
        "Most links are sent by {senders}; most are received by {receivers}.",
        senders=largest("out_degree"), receivers=largest("in_degree"),
    )  # fmt: skip


def _roles(nodes: pd.DataFrame) -> list[Message]:
    """Return the units of each block with the role of the block."""
    return [
        t("Block {block}, {role}, {count} units: {units}.", block=int(block), count=len(members),
          role=label("role", str(members["role"].iloc[0])),
          units=listed(members.index, 2 * _NAMED))
        for block, members in nodes.groupby("block")
        if block
    ]  # fmt: skip


def _qap(output: StepOutput, names: Names) -> None:
    result, panel = names["qap"], names["panel"]
    for name, row in result.frame.iterrows():
        values = {
            "name": panel.label(str(name)), "estimate": number(row["standardized"]),
            "p": p_words(row["p_value"]),
        }  # fmt: skip
        if row["p_value"] >= 0.05:
            output.say(t("Links do not depend significantly on the difference in {name} "
                         "(standardised coefficient {estimate}, {p}).", **values))  # fmt: skip
        elif row["estimate"] > 0:
            output.say(t("Links are more frequent where units differ in {name} (standardised "
                         "coefficient {estimate}, {p}).", **values))  # fmt: skip
        else:
            output.say(t("Links are more frequent where units are similar in {name} (standardised "
                         "coefficient {estimate}, {p}).", **values))  # fmt: skip
    output.show(
        t("Links and differences of units: QAP correlations and MRQAP regression"),
        result.frame[_OF_QAP].rename(panel.label), files=["network_qap"],
    )  # fmt: skip


def _tables(output: StepOutput, result: Any, period: object) -> None:
    if len(result.blocks):
        blocks = _with_roles(result.blocks.loc[period][_OF_BLOCKS])
        output.show(t("Blocks of the network"), blocks, files=["network_blocks"])
    nodes = result.nodes.loc[period].sort_values("degree", ascending=False, kind="stable")
    columns = [name for name in _OF_UNITS if name != "role" or len(result.blocks)]
    output.show(
        t("Centrality of the units"), _with_roles(nodes[columns]),
        files=["network_units", "network_links", "network"],
    )  # fmt: skip


def _with_roles(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose roles are messages, which pandas keeps in columns of objects only."""
    if "role" not in table:
        return table
    roles = [label("role", str(role)) for role in table["role"]]
    return table.assign(role=pd.Series(roles, table.index, dtype=object))
