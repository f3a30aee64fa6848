"""Reads a page as any program could: its elements, words, and figures with the place in the JSON that they are of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from tillage.pages.figures import Figure
from tillage.pages.words import Words

VOID = {"meta", "link", "input", "br", "rect", "path"}
LINKS = ("href", "src", "action", "xlink:href", "srcset", "data", "poster", "formaction")
SPOKEN = ("aria-label", "title", "alt", "placeholder")
# What may stand there with digits and be no figure of a command: a moment, an id, a command to type.
NO_FIGURES = {"data", "time", "code"}
NUMBERED = re.compile(r"\b([Ll]oad|page) \d+")
BARE_NUMBER = re.compile(r"[\d\s.,:%+-]*")
# Where the JSON names none, that of the shops of these tests.
CURRENCY = "EUR"
DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0}
SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


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
    loose: list[str] = field(default_factory=list)
    """Texts that stand in no element of `NO_FIGURES`."""

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
        self.page.loose += [found[name] for name in SPOKEN if name in found]
        if tag not in VOID:
            self.open.append(tag)
        if tag != "data":
            self.page.words += " "
        if tag == "data":
            self._figure = {"of": found["data-of"], "at": found["data-at"], "value": found["value"], "text": ""}

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag != "data":
            self.page.words += " "
        if tag == "data" and self._figure is not None:
            self.page.figures.append(Shown(**self._figure))
            self._figure = None

    def handle_data(self, data: str) -> None:
        self.page.words += data
        if not NO_FIGURES & set(self.open):
            self.page.loose.append(data)
        if self._figure is not None:
            self._figure["text"] += data


def spoken(sentence: str | Words) -> str:
    """A sentence as it is read."""
    return "".join(part.text if isinstance(part, Figure) else part for part in sentence)


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
    steps = at.split("/")
    if isinstance(value, str):
        return {value, " ".join(value.split())}  # a browser shows one blank for many
    if any(step == "minor" or step.endswith("_minor") for step in steps):
        code = steps[-1] if steps[-1] in DECIMALS else CURRENCY
        bare = f"{Decimal(value).scaleb(-DECIMALS[code]):,.{DECIMALS[code]}f}"
        return {bare, f"{bare} {code}"}
    if any(step.endswith("_bp") for step in steps):
        return {f"{value / 100:g} %"}
    if steps[-1] == "size_bytes":
        return {_size(value)}
    return {json.dumps(value) if "element" in steps else f"{value:,}"}


def _size(bytes_: int) -> str:
    fitting = (f"{bytes_ / length:,.1f} {unit}" for unit, length in SIZES if bytes_ >= length)
    return next(fitting, f"{bytes_:,} bytes")


def loose_figures(found: PageRead, documents: Iterable[Any]) -> list[str]:
    """Texts with a digit that is neither in a figure, nor in a time, an id, a command or a text of the documents."""
    names = {name for text in _texts(documents) for name in (text, text.rsplit("/", 1)[-1])}
    names = {name for name in names if re.search(r"\d", name) and not BARE_NUMBER.fullmatch(name)}
    left = []
    for text in found.loose:
        rest = text
        for name in sorted(names, key=len, reverse=True):
            rest = rest.replace(name, "")
        if re.search(r"\d", NUMBERED.sub("", rest)):
            left.append(text)
    return left


def _texts(value: Any) -> Iterator[str]:
    """All that is text in a document, names of members among it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _texts(list(value.values()))
    elif isinstance(value, Iterable):
        for one in value:
            yield from _texts(one)
