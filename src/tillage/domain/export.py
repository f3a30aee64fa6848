"""How a table is exported, as a person asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """What a table is written as."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"
    DELTA = "delta"


class Amounts(StrEnum):
    """How money is written: as the whole minor units that the house keeps, or as decimals with their currency."""

    MINOR = "minor"
    MAJOR = "major"


PACKINGS = ("gz", "zst")
_LINES = (Format.CSV, Format.JSONL)
SPELLINGS = (*Format, *(f"{one}.{packing}" for one in _LINES for packing in PACKINGS))
"""What `--format` takes, and, with a dot in front, what the name of an exported file may end with; delta aside."""


@dataclass(frozen=True)
class Form:
    """How rows are written. What is not said is as `tillage query` shows it."""

    format: Format
    packing: str = ""
    """`gz`, `zst` or nothing."""
    amounts: Amounts = Amounts.MINOR
    is_for_spreadsheets: bool = False
    """Texts that a spreadsheet would take for a formula get an apostrophe in front."""

    @property
    def suffix(self) -> str:
        """What the names of such files end with."""
        return f".{self.format}" + (f".{self.packing}" if self.packing else "")


def spelling_of(file: str) -> str | None:
    """The one of `SPELLINGS` that a file's name ends with."""
    name = file.lower()
    return next((one for one in SPELLINGS if one != Format.DELTA and name.endswith(f".{one}")), None)


def form_of(spelling: str, *, amounts: Amounts, is_for_spreadsheets: bool) -> Form:
    """The form that one of `SPELLINGS` means."""
    kind, _, packing = spelling.partition(".")
    return Form(Format(kind), packing, amounts, is_for_spreadsheets=is_for_spreadsheets)
