"""Figures of a page: each names its place in the JSON that a command prints, and holds that value and no other."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tillage.pipelines.as_json import as_json
from tillage.pipelines.for_people import age, amount, by_currency


@dataclass(frozen=True)
class Figure:
    """A number for people, or a text with numbers in it, with where it comes from for programs."""

    of: str
    """The command without its options, as `status`."""
    at: str
    """The place in its JSON, as a JSON pointer (RFC 6901)."""
    value: str
    """As JSON writes it."""
    text: str

    def under(self, currency: str) -> Figure:
        """An amount in a column whose head names the currency."""
        return replace(self, text=self.text.removesuffix(f" {currency}"))


class Document:
    """What `tillage <of> --json` prints."""

    def __init__(self, of: str, value: object) -> None:
        self.of = of
        self._value = json.loads(as_json(value))

    def at(self, *path: str | int) -> Any:
        """The value at that place."""
        found = self._value
        for step in path:
            found = found[step]
        return found

    def count(self, *path: str | int) -> Figure:
        """A number of things."""
        return self._figure(path, f"{self.at(*path):,}")

    def text(self, *path: str | int) -> Figure:
        """What stands there as it is: a text, or anything else as JSON writes it."""
        found = self.at(*path)
        return self._figure(path, found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))

    def rate(self, *path: str | int) -> Figure:
        """Basis points as a percentage."""
        return self._figure(path, f"{self.at(*path) / 100:g} %")

    def size(self, *path: str | int) -> Figure | None:
        """Bytes in a unit that leaves few digits; None where nothing is said."""
        found = self.at(*path)
        return None if found is None else self._figure(path, size(found))

    def money(self, *path: str | int, currency: str | None) -> dict[str, Figure]:
        """The amounts at that place by their currency; none where there is no money."""
        found = self.at(*path)
        if isinstance(found, dict):
            return {code: self._figure((*path, code), amount(found[code], code)) for code in sorted(found)}
        return {code: self._figure(path, amount(found, code)) for code in by_currency([found], currency)}

    def amount(self, *path: str | int, currency: str) -> Figure | None:
        """The one amount in that currency; None where the place has none in it."""
        found = self.at(*path)
        if not isinstance(found, dict):
            return self._figure(path, amount(found, currency))
        return self._figure((*path, currency), amount(found[currency], currency)) if currency in found else None

    def sum(self, *path: str | int, currency: str | None) -> Figure:
        """A sum or count of a model: an amount with its currency, any other number as it is; - for null."""
        found = self.at(*path)
        if found is None or isinstance(found, int):
            return self._figure(path, amount(found, currency))
        return self._figure(path, str(found))

    def _figure(self, path: tuple[str | int, ...], text: str) -> Figure:
        return Figure(self.of, pointer(path), json.dumps(self.at(*path)), text)


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer that leads there."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


@dataclass(frozen=True)
class Moment:
    """A time for people, in UTC, with how long ago that is."""

    iso: str
    text: str
    ago: str


def moment(iso: str | None, now: datetime) -> Moment | None:
    """The moment that a document says, None for null."""
    if iso is None:
        return None
    found = datetime.fromisoformat(iso).astimezone(UTC)
    return Moment(iso, f"{found:%Y-%m-%d %H:%M}", f"{age((now - found).total_seconds())} ago")


def event(iso: str | None, now: datetime) -> Moment | str | None:
    """When something happened: a moment, or the day where the document says no more."""
    return moment(iso, now) if iso is not None and "T" in iso else iso


def size(bytes_: int) -> str:
    """Bytes in a unit that leaves few digits."""
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if bytes_ >= length:
            return f"{bytes_ / length:,.1f} {unit}"
    return f"{bytes_:,} bytes"
