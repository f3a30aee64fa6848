"""`/explain/<route>`: which lines of which files make this number?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tillage.contracts.project import Route
from tillage.errors import UnknownRouteError
from tillage.pages.figures import Document, Figure
from tillage.pages.flow import Flow, flow
from tillage.pages.looking import Asked, Page
from tillage.pages.words import Words, counted, listed, words
from tillage.pipelines.documents import explanation_document
from tillage.pipelines.explain import Explanation, explain_row, is_explained
from tillage.pipelines.house import House

LINES_A_PAGE = 100
# What one page is made from lies in memory whole, several times over.
MOST_LINES = 100_000


@dataclass(frozen=True)
class Total:
    """One column: the sum of all lines beside what is served."""

    column: str
    total: Figure
    served: Figure
    is_equal: bool


@dataclass(frozen=True)
class Line:
    """One part: where it stands, what it is, and what it adds."""

    file: str
    line: Figure
    offset: Figure
    what: Words
    details: tuple[tuple[str, Figure], ...]
    adds: tuple[Figure, ...]
    forgotten: str | None
    is_erased: bool


@dataclass(frozen=True)
class Lines:
    """One page of the lines."""

    shown: tuple[Line, ...]
    number: int
    last_number: int


def explained(house: House, asked: Asked) -> Page:
    """One key of one route; without a key a form that asks for it, without a route one for each.

    Raises:
        UnknownRouteError, UnknownKeyError: nothing is served there.
        NotExplainedError: its model is built whole.
        TooManyLinesError: there are more than `MOST_LINES`.
    """
    if not asked.rest:
        routes = [route for route in house.project.routes if is_explained(house, route)]
        return Page("explain.html", {"answer": _choice(routes), "is_well": True, "routes": routes})
    route, key = _route(house, asked)
    if not key:
        return Page("explain.html", {"answer": _choice([route]), "is_well": True, "routes": [route]})
    found = explain_row(house, route, key, most=MOST_LINES)
    document = Document("explain", explanation_document(found))
    columns = list(found.currencies)
    path = f"{route.prefix}/{found.key}"
    return Page(
        "explained.html",
        {
            "answer": _answer(document, found, path),
            "is_well": document.at("adds_up"),
            "path": path,
            "link": f"/explain{route.prefix}/{quote(found.key, safe='')}",
            "model": found.model,
            "columns": columns,
            "totals": [_total(document, found, column) for column in columns],
            "files": [_share(document, found, place) for place in range(len(document.at("files")))],
            "flow": _flow(document, found, path),
            "lines": _lines(document, found, asked.page()),
            "as_of": found.as_of,
        },
        _document(document, asked.page()),
        _as_of(house, found),
    )


def _as_of(house: House, found: Explanation) -> str:
    """As a look-up says it: of the feeds that the model is made of."""
    feeds = {house.dataset(name)[0] for name in house.models.datasets_of(found.model)}
    return ", ".join(f"{feed}={found.as_of[feed]}" for feed in sorted(feeds & found.as_of.keys()))


def _document(document: Document, number: int) -> dict[str, Any]:
    """For programs: a page of the parts, with the sums of all of them."""
    parts = document.at("parts")
    last = max(1, -(-len(parts) // LINES_A_PAGE))
    number = min(number, last)
    shown = parts[(number - 1) * LINES_A_PAGE : number * LINES_A_PAGE]
    return {**document.at(), "parts": shown, "page": number, "pages": last}


def _choice(routes: Sequence[Route]) -> str:
    return "Give the key of a served number." if routes else "Nothing is served that is added up line by line."


def _route(house: House, asked: Asked) -> tuple[Route, str]:
    """A key may stand behind the path, or in the query, where a form puts it."""
    for route in house.project.routes:
        prefix = tuple(route.prefix.split("/")[1:])
        if asked.rest[:-1] == prefix:
            return route, asked.rest[-1]
        if asked.rest == prefix:
            return route, asked.query.get("key", "")
    raise UnknownRouteError("nothing is served under this path")


def _answer(document: Document, found: Explanation, path: str) -> Words:
    every = [counted(document.count("made_of", f"{what}s"), what) for what in ("unit", "line", "file")]
    sums = listed([_equation(_total(document, found, column)) for column in found.currencies])
    return words(f"{path} is made of ", listed([made for made in every if made[0].value != "0"]), ": ", sums, ".")


def _equation(total: Total) -> Words:
    return words(f"{total.column} ", total.total, " = " if total.is_equal else " <> ", total.served, " served")


def _total(document: Document, found: Explanation, column: str) -> Total:
    currency = found.currencies[column]
    total, served = (document.sum(part, column, currency=currency) for part in ("sums", "served"))
    return Total(column, total, served, total.value == served.value)


def _share(document: Document, found: Explanation, place: int) -> dict[str, Any]:
    return {
        "file": document.at("files", place, "file"),
        "units": document.count("files", place, "units"),
        "lines": document.count("files", place, "lines"),
        "adds": [document.sum("files", place, "adds", column, currency=currency)
                 for column, currency in found.currencies.items()],
    }  # fmt: skip


def _flow(document: Document, found: Explanation, path: str) -> Flow | None:
    """Of the first column of money, else of the first."""
    column = next((one for one, currency in found.currencies.items() if currency), next(iter(found.currencies)))
    return flow(document, column, found.currencies[column], model=found.model, path=path)


def _lines(document: Document, found: Explanation, number: int) -> Lines:
    """The parts that add something or are lines, in the document's order."""
    places = [place for place, one in enumerate(found.parts) if one.element_no is not None or any(one.adds.values())]
    last = max(1, -(-len(places) // LINES_A_PAGE))
    number = min(number, last)
    first = (number - 1) * LINES_A_PAGE
    shown = tuple(_line(document, found, place) for place in places[first : first + LINES_A_PAGE])
    return Lines(shown, number, last)


def _line(document: Document, found: Explanation, place: int) -> Line:
    at = ("parts", place)
    part = document.at(*at)
    element = words(", line ", document.count(*at, "element_no")) if part["element_no"] is not None else ()
    unit = words(" of unit ", document.count(*at, "unit")) if part["unit"] else ()
    return Line(
        file=part["file"],
        line=document.count(*at, "line"),
        offset=document.count(*at, "offset"),
        what=words(part["dataset"], element, unit),
        details=tuple(_details(document, found, at, part)),
        adds=tuple(document.sum(*at, "adds", column, currency=found.currencies[column]) for column in found.currencies),
        forgotten=part["forgotten_at"] and part["forgotten_at"][:10],
        is_erased=part["is_erased"],
    )


def _details(
    document: Document, found: Explanation, at: tuple[str, int], part: dict[str, Any]
) -> Iterator[tuple[str, Figure]]:
    """The fields of a list element; minor units in the currency that its column adds up in."""
    element = part["element"]
    currency = next((currency for currency in found.currencies.values() if currency), None)
    if element is not None and not isinstance(element, dict):
        yield "", document.text(*at, "element")
    for name, value in element.items() if isinstance(element, dict) else ():
        if name.endswith("_minor") and currency and isinstance(value, int):
            yield name.removesuffix("_minor"), document.sum(*at, "element", name, currency=currency)
        elif name.endswith("_bp") and isinstance(value, int):
            yield name.removesuffix("_bp"), document.rate(*at, "element", name)
        elif value is not None:
            yield name, document.text(*at, "element", name)
    for name in part["rate_bp"] if element is None else ():
        yield f"{name} at", document.rate(*at, "rate_bp", name)
