"""A table for a paper: it shows itself, and is saved as Word, LaTeX, HTML or a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nqp_spatial.core.options import checked
from nqp_spatial.core.text import t, translate
from nqp_spatial.errors import OptionError
from nqp_spatial.report.tables._html import html_page, html_table
from nqp_spatial.report.tables._latex import latex_table
from nqp_spatial.report.tables._lines import Content
from nqp_spatial.report.tables._plain import plain_text
from nqp_spatial.report.tables._sheet import sheet_file
from nqp_spatial.report.tables._word import word_file

__all__ = ["ENDINGS", "JournalTable", "target_of"]

ENDINGS = (".docx", ".tex", ".html", ".xlsx")


@dataclass(frozen=True, repr=False, eq=False)
class JournalTable:
    """A table for a paper, as the functions of `nqp_spatial.report` return it without a path.

    It prints as text, shows as HTML in a notebook, and is saved in four formats.

    Examples
    --------
    >>> import nqp_spatial as nq
    >>> panel = nq.datasets.us_public_capital()
    >>> table = nq.report.descriptive_table(panel, ["lgsp", "unemp"])
    >>> table.frame.loc["Unemployment rate, %", "Median"]
    '6.200'
    """

    content: Content

    @property
    def frame(self) -> pd.DataFrame:
        """The cells as text; the index has panels where the table has them."""
        return self.content.cells.copy()

    @property
    def caption(self) -> str | None:
        """The title of the table."""
        return self.content.caption

    @property
    def notes(self) -> str:
        """What stands below the table."""
        return self.content.notes

    def __repr__(self) -> str:
        return plain_text(self.content, self._notes)

    def _repr_html_(self) -> str:
        return html_table(self.content, self._notes)

    @property
    def _word(self) -> str:
        return translate(t("Notes:"), self.content.lang)

    @property
    def _notes(self) -> str:
        space = "" if self.content.lang == "zh" else " "
        return f"{self._word}{space}{self.notes}" if self.notes else ""

    def to_html(self) -> str:
        """Return the table as part of a page, with its style.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> nq.report.descriptive_table(panel, ["lgsp"]).to_html()[:22]
        '<div class="nqp-table"'
        """
        return html_table(self.content, self._notes)

    @checked
    def to_latex(self, label: str = "") -> str:
        r"""Return the table as LaTeX, with a first line that names the packages it needs.

        Parameters
        ----------
        label : str
            For ``\ref{tab:label}``, if the table has a caption.

        Examples
        --------
        >>> import nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> nq.report.descriptive_table(panel, ["lgsp"]).to_latex().splitlines()[0]
        '% Packages needed: adjustbox, booktabs, dcolumn, threeparttable.'
        """
        return latex_table(self.content, self.notes, self._word, label)

    @checked
    def save(self, path: str | Path) -> Path:
        """Write the table to a file.

        Parameters
        ----------
        path : path
            Ends in .docx, .tex, .html or .xlsx, which decides the format. Its folder is created if
            necessary.

        Raises
        ------
        OptionError
            If the file extension is unknown or the file cannot be written.

        Examples
        --------
        >>> import tempfile, nqp_spatial as nq
        >>> panel = nq.datasets.us_public_capital()
        >>> table = nq.report.descriptive_table(panel, ["lgsp"])
        >>> table.save(tempfile.mkdtemp() + "/data.docx").name
        'data.docx'
        """
        target = target_of(path)
        ending = target.suffix.lower()
        try:
            if ending == ".xlsx":
                sheet_file(self.content, self._notes, target)
            elif ending == ".docx":
                word_file(self.content, self._notes, target)
            else:
                text = (
                    self.to_latex(target.stem)
                    if ending == ".tex"
                    else html_page(self.content, self._notes, target.stem)
                )
                target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise _unwritable(target, error) from None
        return target


def target_of(path: str | Path) -> Path:
    """Return the path of a table's file, creating its folder; raise if it can be none."""
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise OptionError(f"path must be the path of a file, got {path!r}")
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise OptionError(
            f"a table is written to a file ending in {', '.join(ENDINGS)}; got {target.name!r}"
        )
    if target.is_dir():
        raise OptionError(f"{str(target)!r} is a folder: name a file in it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from None
    return target


def _unwritable(target: Path, error: OSError) -> OptionError:
    return OptionError(f"cannot write {str(target)!r}: {error.strerror or error}")
