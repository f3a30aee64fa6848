"""The conservation law of a dataset as an account: what was read, and below it where that went, in rows and money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillage.pages.figures import Document, Figure
from tillage.pipelines.for_people import by_currency

OF_A_LOAD = ("read", "accepted", "quarantined", "duplicate", "suppressed")
FOR_ALL_TIME = ("read", "accepted", "waiting", "duplicate", "suppressed", "discarded")


@dataclass(frozen=True)
class Entry:
    """One line of the account."""

    sign: str
    name: str
    rows: Figure
    amounts: tuple[Figure | None, ...]
    """One for each currency of the account, in its order, which the head of the column names; None where nothing is."""


@dataclass(frozen=True)
class Account:
    """One dataset."""

    dataset: str
    currencies: tuple[str, ...]
    entries: tuple[Entry, ...]
    difference: Entry | None
    """Where the document says it."""
    not_countable: Figure
    balances: bool

    def moved(self) -> list[Entry]:
        """Where what was read went, without the parts that are empty."""
        return [entry for entry in self.entries[1:] if entry.rows.value != "0"]


def account(document: Document, place: tuple[str | int, ...], dataset: str, currency: str | None,
            parts: Sequence[str]) -> Account:  # fmt: skip
    """The account of the figures at that place of the document."""
    read = document.at(*place, "read_minor")
    currencies = tuple(by_currency([read], currency)) if read is not None else ()
    entries = tuple(
        _entry(document, place, part, "" if part == "read" else "=" if part == parts[1] else "+", currencies)
        for part in parts
    )
    rows = [document.at(*place, f"{part}_rows") for part in parts]
    difference = None
    if "difference_rows" in document.at(*place):
        difference = _entry(document, place, "difference", "", currencies)
    return Account(
        dataset=dataset,
        currencies=currencies,
        entries=entries,
        difference=difference,
        not_countable=document.count(*place, "not_countable_rows"),
        balances=rows[0] == sum(rows[1:]) and all(_balances(document, place, parts, code) for code in currencies),
    )


def _entry(
    document: Document, place: tuple[str | int, ...], part: str, sign: str, currencies: tuple[str, ...]
) -> Entry:
    found = ((code, document.amount(*place, f"{part}_minor", currency=code)) for code in currencies)
    amounts = tuple(figure.under(code) if figure else None for code, figure in found)
    return Entry(sign, part, document.count(*place, f"{part}_rows"), amounts)


def _balances(document: Document, place: tuple[str | int, ...], parts: Sequence[str], code: str) -> bool:
    found = [document.at(*place, f"{part}_minor") for part in parts]
    minor = [one.get(code, 0) if isinstance(one, dict) else one for one in found]
    return bool(minor[0] == sum(minor[1:]))
