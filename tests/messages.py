"""What the package says and its catalogues: ``python -m tests.messages`` compiles them.

``python -m tests.messages --missing`` lists what has no Chinese yet.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file

import nqp_spatial
from nqp_spatial.core.text import DOMAIN, LOCALE
from nqp_spatial.core.vocabulary import VOCABULARY

PACKAGE = Path(nqp_spatial.__file__).parent
Key = tuple[str | None, str]  # context, template


def templates(folder: Path = PACKAGE) -> dict[Key, str]:
    """Every template in the source and every word of the vocabulary, with the place of it."""
    places: dict[Key, str] = {}
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html.j2")]):
        method = "python" if path.suffix == ".py" else "jinja2"
        for line, text, _, _ in extract_from_file(method, path, keywords={"t": None}):
            places[(None, text)] = f"{path.relative_to(folder)}:{line}"
    for domain, words in VOCABULARY.items():
        places |= {(domain, english): f"core/vocabulary.py: {domain}" for english in words.values()}
    return places


def catalogue_files(lang: str = "zh") -> list[Path]:
    """The catalogues that people write."""
    return sorted((LOCALE / lang / "LC_MESSAGES").glob("*.po"))


def catalogue(lang: str = "zh") -> dict[Key, str]:
    """All translations of a language."""
    entries: dict[Key, str] = {}
    for path in catalogue_files(lang):
        with path.open("rb") as file:
            for message in pofile.read_po(file):
                if message.id:
                    key = (message.context, message.id)
                    if entries.get(key, message.string) != message.string:
                        raise ValueError(f"{path.name}: {key} has two translations")
                    entries[key] = message.string
    return entries


def compiled(lang: str = "zh") -> bytes:
    """The bytes of the compiled catalogue."""
    same = datetime(2026, 1, 1, tzinfo=UTC)  # the file changes with its words only
    joint = Catalog(locale=lang, charset="utf-8", creation_date=same, revision_date=same)
    for (context, template), text in sorted(catalogue(lang).items(), key=str):
        joint.add(template, text, context=context)
    buffer = BytesIO()
    mofile.write_mo(buffer, joint)
    return buffer.getvalue()


def compiled_file(lang: str = "zh") -> Path:
    """Where the package reads the catalogue."""
    return LOCALE / lang / "LC_MESSAGES" / f"{DOMAIN}.mo"


if __name__ == "__main__":
    if "--missing" in sys.argv:
        translated = catalogue()
        for (context, template), place in templates().items():
            if not translated.get((context, template)):
                sys.stdout.write(f"{place}\t{context or ''}\t{template!r}\n")
    else:
        compiled_file().write_bytes(compiled())
