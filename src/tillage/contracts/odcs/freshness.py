"""How fresh data is promised to be: ODCS's service levels `frequency`, of a feed's files, and `latency`, of events.

Source: Open Data Contract Standard 3.2.0, bitol.io: `slaProperties`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tillage.contracts.contract import Dataset
from tillage.contracts.document import Document, Path, nearest
from tillage.contracts.promises import Latency, Span

FREQUENCY, LATENCY = "frequency", "latency"
UNITS = {
    "min": ("min", "minute", "minutes"),
    "h": ("h", "hr", "hour", "hours"),
    "d": ("d", "day", "days"),
}
MOST_SPAN = 100_000
_NAMED = {"min": "minutes", "h": "hours", "d": "days"}


def read_span(document: Document, path: Path, entry: Mapping[str, Any], named: str) -> Span:
    """The length of time that an entry says.

    Raises:
        ContractError: no whole number of minutes, hours or days; with its line.
    """
    unit = next((unit for unit, spellings in UNITS.items() if entry.get("unit") in spellings), None)
    if unit is None:
        spelt = [f"{_NAMED[unit]} ({', '.join(spellings)})" for unit, spellings in UNITS.items()]
        like = f"like {{property: {named}, value: 4, unit: h}}"
        raise document.wrong((*path, "unit"), f"{named} is in {spelt[0]}, {spelt[1]} or {spelt[2]}, {like}")
    value = entry["value"]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SPAN:
        raise document.wrong((*path, "value"), f"{named} is a whole number of {_NAMED[unit]} from 1 to {MOST_SPAN:,}")
    return Span(value, unit)


def read_latencies(
    document: Document, path: Path, entry: Mapping[str, Any], datasets: Sequence[Dataset]
) -> list[tuple[Path, Latency]]:
    """One for each dataset that `element` names, with where it does.

    Raises:
        ContractError: a dataset has no event time, or there is none of that name; with its line.
    """
    marked = {dataset.name: dataset.event_time() for dataset in datasets if dataset.event_time()}
    if not marked:
        raise document.wrong(
            path,
            "latency is the age of a dataset's newest event, and no column says when that was; mark one: "
            "customProperties: [{property: tillage.eventTime, value: true}]",
        )
    most = read_span(document, path, entry, LATENCY)
    columns = {name: ".".join(column.name for column in found) for name, found in marked.items()}
    named = {name: name for name in marked} | {f"{name}.{column}": name for name, column in columns.items()}
    if len(datasets) == 1:
        named = {column: name for name, column in columns.items()} | named
    here = (*path, "element")
    wanted = [part.strip() for part in str(entry.get("element") or "").split(",") if part.strip()]
    if not wanted and len(datasets) > 1:
        raise document.wrong(path, f"latency needs `element`, since there are several datasets: {', '.join(named)}")
    for part in wanted:
        if part not in named:
            raise document.wrong(
                here, f"'{part}' is no dataset with an event time, and no column that is one{nearest(part, named)}"
            )
    return [(here, Latency(named[part], most)) for part in wanted or marked]
