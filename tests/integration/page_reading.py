"""Reads a page as any program could: its elements, words, and figures with the place in the JSON that they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "br", "rect", "path"}
LINKS = ("href", "src", "action", "xlink:href", "srcset", "data", "poster", "formaction")
# Of the shops of these tests, which count in EUR alone.
CURRENCY, DECIMALS = "EUR", 2


@dataclass(frozen=True)
class Shown:
    """One figure of a page."""

    of: str
    at: str
    value: str
    text: str


@dataclass
class PageRead:
    """What there is on a page."""

    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    figures: list[Shown] = field(default_factory=list)
    words: str = ""

    def places(self, of: str) -> set[str]:
        return {one.at for one in self.figures if one.of == of}


def read_page(html: str) -> PageRead:
    """The page; every element that is opened is closed, in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [], reader.open
    reader.page.words = " ".join(reader.page.words.split())
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = PageRead()
        self.open: list[str] = []
        self._figure: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.page.tags.append(tag)
        self.page.attributes |= found.keys()
        self.page.links += [found[name] for name in LINKS if name in found]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "data":
            self._figure = {"of": found["data-of"], "at": found["data-at"], "value": found["value"], "text": ""}

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag == "data" and self._figure is not None:
            self.page.figures.append(Shown(**self._figure))
            self._figure = None

    def handle_data(self, data: str) -> None:
        self.page.words += data + " "
        if self._figure is not None:
            self._figure["text"] += data


def found_at(document: Any, at: str) -> Any:
    """What a JSON pointer leads to."""
    for step in (escaped.replace("~1", "/").replace("~0", "~") for escaped in at.split("/")[1:]):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def check_figures(figures: list[Shown], documents: Mapping[str, Any]) -> None:
    """Each figure is that of the command that it names, as value and as text."""
    assert figures
    for one in figures:
        value = found_at(documents[one.of], one.at)
        assert json.loads(one.value) == value, one
        assert one.text in spellings(one.at, value), one


def spellings(at: str, value: Any) -> set[str]:
    """How a figure may be written: an amount with its currency, or without where the head of its column has it."""
    if any(step == "minor" or step.endswith("_minor") for step in at.split("/")):
        bare = f"{Decimal(value).scaleb(-DECIMALS):,.{DECIMALS}f}"
        return {bare, f"{bare} {CURRENCY}"}
    return {f"{value:,}"}
