"""What a contract says of time, ODCS's `slaProperties`: retention, frequency and latency; any other is refused.

Source: Open Data Contract Standard 3.2.0, bitol.io: `slaProperties`, whose names have short ones and no case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tillage.contracts.contract import Dataset, Retention
from tillage.contracts.document import Document, Path, nearest
from tillage.contracts.odcs.freshness import FREQUENCY, LATENCY, read_latencies, read_span
from tillage.contracts.odcs.retention import RETENTION, read_retention
from tillage.contracts.promises import Latency, Span

SHORT = {RETENTION: "re", FREQUENCY: "fy", LATENCY: "ly"}
"""Each that is applied, and the standard's short name of it."""
SLA_KEYS = {"id", "property", "value", "unit", "element", "driver", "description", "authoritativeDefinitions"}
"""Names of an entry that are applied, or say nothing about data; `customProperties` are those of other tools."""
_NAMES = {spelling: name for name, short in SHORT.items() for spelling in (name, short)}
_OF_WHOLE_RECORDS = (
    "retention is of whole records, which all datasets share; leave `element` out. To keep some for another time, make "
    "them a feed of their own"
)
_OF_FILES = (
    "frequency is of the files of the feed, which all datasets share; leave `element` out. How old the newest event of "
    "a dataset may be is its latency"
)


@dataclass(frozen=True)
class ServiceLevels:
    """All that are applied; None and nothing where the contract does not say."""

    retention: Retention | None = None
    frequency: Span | None = None
    latencies: tuple[Latency, ...] = ()


def read_service_levels(document: Document, datasets: Sequence[Dataset]) -> ServiceLevels:
    """What `slaProperties` say.

    Raises:
        ContractError: a service level that is not applied, one of what it cannot be of, or no length of time; with its
            line.
    """
    entries = list(_entries(document))
    for path, name, entry in entries:
        _check(document, path, name, entry)
    names = [dataset.name for dataset in datasets]
    retention = _only(document, RETENTION, entries, names, _OF_WHOLE_RECORDS)
    frequency = _only(document, FREQUENCY, entries, names, _OF_FILES)
    latencies = [(path, entry) for path, name, entry in entries if name == LATENCY]
    return ServiceLevels(
        retention=read_retention(document, *retention) if retention else None,
        frequency=read_span(document, *frequency, FREQUENCY) if frequency else None,
        latencies=tuple(_latencies(document, latencies, datasets)),
    )


def _entries(document: Document) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Each entry with its place and the long name of its property."""
    for at, entry in enumerate(document.data.get("slaProperties") or ()):
        path: Path = ("slaProperties", at)
        named = entry.get("property")
        if str(named).lower() not in _NAMES:
            raise document.wrong(
                (*path, "property"),
                f"'{named}' of slaProperties is not applied by this version{nearest(named, SHORT)}",
            )
        yield path, _NAMES[str(named).lower()], entry


def _check(document: Document, path: Path, name: str, entry: Mapping[str, Any]) -> None:
    for key, value in entry.items():
        if key not in SLA_KEYS | {"customProperties"} and value not in (None, False, [], {}):
            raise document.wrong((*path, key), f"'{key}' has no effect on {name}; remove it")


def _only(
    document: Document,
    wanted: str,
    entries: Iterable[tuple[Path, str, Mapping[str, Any]]],
    datasets: Iterable[str],
    of_all: str,
) -> tuple[Path, Mapping[str, Any]] | None:
    """The one entry of that name, which is of all datasets."""
    found = [(path, entry) for path, name, entry in entries if name == wanted]
    for path, entry in found:
        elements = {part.strip() for part in str(entry.get("element") or "").split(",")} - {""}
        if elements and elements != set(datasets):
            raise document.wrong((*path, "element"), of_all)
    if len(found) > 1:
        raise document.wrong(found[1][0], f"{wanted} is given twice; keep one")
    return found[0] if found else None


def _latencies(
    document: Document, entries: Iterable[tuple[Path, Mapping[str, Any]]], datasets: Sequence[Dataset]
) -> Iterator[Latency]:
    seen: set[str] = set()
    for path, entry in entries:
        for where, latency in read_latencies(document, path, entry, datasets):
            if latency.dataset in seen:
                raise document.wrong(where, f"latency of '{latency.dataset}' is given twice; keep one")
            seen.add(latency.dataset)
            yield latency
