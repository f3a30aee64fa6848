"""The picture of an explanation: what each file adds, drawn as bands from the files through the model to the figure."""

from __future__ import annotations

from dataclasses import dataclass

from tillage.pages.figures import Document, Figure
from tillage.pages.words import Words, counted, words

MOST_FILES = 8
ROW = 40.0
_WIDTH = 100.0
_THINNEST, _THICKEST = 1.5, 14.0


@dataclass(frozen=True)
class Band:
    """From the middle of a file's row to the middle of the model; the picture is stretched to its place."""

    path: str
    width: float


@dataclass(frozen=True)
class End:
    """Where a band begins."""

    name: str
    what: Words
    adds: Figure | None
    """None of the files that are drawn as one."""


@dataclass(frozen=True)
class Flow:
    """Of one column."""

    column: str
    ends: tuple[End, ...]
    bands: tuple[Band, ...]
    height: float
    model: str
    served: Figure
    path: str


def flow(document: Document, column: str, currency: str | None, *, model: str, path: str) -> Flow | None:
    """The files that add most, each as it adds; what is beyond `MOST_FILES` is one band. None without any file."""
    files = document.at("files")
    if not files:
        return None
    order = sorted(range(len(files)), key=lambda place: (-_weight(files[place]["adds"][column]), place))
    shown, rest = sorted(order[:MOST_FILES]), order[MOST_FILES:]
    ends = [
        End(
            files[place]["file"].rsplit("/", 1)[-1],
            _holds(document, place),
            document.sum("files", place, "adds", column, currency=currency),
        )
        for place in shown
    ]
    weights = [_weight(files[place]["adds"][column]) for place in shown]
    if rest:
        ends.append(End("the other files", words("listed below"), None))
        weights.append(sum(_weight(files[place]["adds"][column]) for place in rest))
    height, most = len(ends) * ROW, max(weights) or 1.0
    bands = [
        Band(_curve((place + 0.5) * ROW, height / 2), round(max(_THINNEST, _THICKEST * weight / most), 2))
        for place, weight in enumerate(weights)
    ]
    served = document.sum("served", column, currency=currency)
    return Flow(column, tuple(ends), tuple(bands), height, model, served, path)


def _holds(document: Document, place: int) -> Words:
    what = "line" if document.at("files", place, "lines") else "unit"
    return counted(document.count("files", place, f"{what}s"), what)


def _weight(adds: int | str | None) -> float:
    return abs(float(adds or 0))


def _curve(start: float, end: float) -> str:
    half = _WIDTH / 2
    return f"M0 {start:g}C{half:g} {start:g} {half:g} {end:g} {_WIDTH:g} {end:g}"
