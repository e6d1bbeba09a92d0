"""The text of an initial settings file: guesses, and the other keys behind #."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo

from nqp_spatial.report._texts import visible
from nqp_spatial.report.study._faults import choices_of
from nqp_spatial.report.study._findings import toml_text
from nqp_spatial.report.study._guess_columns import Guesses
from nqp_spatial.report.study.config import METHODS, TABLES

__all__ = ["settings_text"]


def settings_text(
    guesses: Guesses, hints: dict[tuple[str, str], Any], notes: list[str], aliases: dict[str, str]
) -> str:
    """Return the settings file with guessed values, hints, notes and proposed aliases."""
    lines = [
        "# Settings of a study. Check them with `nqp-spatial check`, run them with",
        "# `nqp-spatial study`. Lines behind # are defaults or hints: take the # away to change.",
        *(f"# {visible(' '.join(note.split()))}" for note in notes),
        "",
    ]
    for table, model in TABLES.items():
        if table == METHODS[0]:
            lines += [
                "# Further methods. Each runs only if its table is in the file: take the # away",
                "# from the name of the table, and from the keys that you set.",
                "",
            ]
        lines.append(f"# [{table}]" if table in METHODS else f"[{table}]")
        for key, field in model.model_fields.items():
            if (table, key) == ("data", "aliases"):
                continue  # a table of its own, below
            if (table, key) in guesses:
                value = _literal(guesses[table, key])
                lines.append(f"{key} = {value}  # guessed: {field.description}")
            elif (table, key) == ("index", "indicators"):
                lines.append('# indicators = { column = "+", other = "-" }')
            else:
                default = None if field.is_required() else field.default
                value = _literal(hints.get((table, key), default))
                lines.append(f"# {key} = {value}  # {_described(field)}")
        lines.append("")
        lines += _alias_table(aliases) if table == "data" else []
    return "\n".join(lines)


def _alias_table(aliases: dict[str, str]) -> list[str]:
    """Return [data.aliases] with a proposal behind # for each unit that is not on the map."""
    lines = ["[data.aliases]", f"# {TABLES['data'].model_fields['aliases'].description}"]
    if aliases:
        lines.append("# Not on the map; the nearest names: take the # away where they are right")
    lines += [f"# {visible(f'{toml_text(u)} = {toml_text(p)}')}" for u, p in aliases.items()]
    return [*lines, ""]


def _described(field: FieldInfo) -> str:
    choices = choices_of(field)
    listed = choices and field.description and choices[0] not in field.description
    return f"{field.description} ({', '.join(choices)})" if listed else str(field.description)


def _literal(value: Any) -> str:
    """Return a value as TOML writes it."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_literal(part) for part in value) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{toml_text(key)} = {_literal(part)}" for key, part in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return toml_text(value)
