"""`/loads` and `/loads/{load}`: what did this load take, and what became of each record?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tillage.errors import UnknownLoadError
from tillage.pages.figures import Document, Figure, Moment, event, moment
from tillage.pages.law import OF_A_LOAD, Account, account
from tillage.pages.looking import Asked, Page
from tillage.pages.reasons import reason_charts, reason_rows
from tillage.pages.words import Words, counted, listed, words
from tillage.pipelines import failing
from tillage.pipelines.documents import load_document
from tillage.pipelines.house import House
from tillage.pipelines.outcome import outcome

_MOST_LOADS = 100
_MOST_FILES = 200
_MOST_DIGITS = 18


@dataclass(frozen=True)
class FileRow:
    """One file of the load, and one dataset in it."""

    file: str
    size: Figure | None
    records: Figure
    dataset: str | None
    figures: tuple[Figure, ...]
    reasons: Words
    first_event: Moment | str | None
    last_event: Moment | str | None


@dataclass(frozen=True)
class EventsRow:
    """When what one dataset of the load tells of happened."""

    dataset: str
    first: Moment | str | None
    last: Moment | str | None


def load(house: House, asked: Asked) -> Page:
    """One load, or without a number the list of them.

    Raises:
        UnknownLoadError: there is none of that number.
    """
    if not asked.rest:
        return _list(house)
    (shown,) = failing.show(house, _number(asked))
    document = Document(f"load show {shown.summary.load_seq}", [load_document(shown, outcome(house, shown))])
    found = document.at(0)
    currencies = {name: house.dataset(name)[1].currency for name in house.datasets()}
    accounts = [
        account(document, (0, "datasets", name), name, currencies.get(name), OF_A_LOAD) for name in found["datasets"]
    ]
    parts = ("discarded",) if found["kind"] in {"discard", "erase"} else OF_A_LOAD
    now, every = house.now(), found["outcome"]["files"]
    rows = reason_rows(document, (0, "outcome", "reasons"), currencies, now)
    files = [_file(document, place, parts, now) for place in range(min(len(every), _MOST_FILES))]
    return Page(
        "load.html",
        {
            "answer": _answer(document, accounts),
            "load": found,
            "is_well": found["state"] == "sealed" and all(one.balances for one in accounts),
            "size": document.size(0, "size_bytes"),
            "broken": [document.text(0, "broken_rules", place, "found") for place in range(len(found["broken_rules"]))],
            "planned_at": moment(found["planned_at"], now),
            "accounts": accounts,
            "files": files,
            "parts": parts,
            "file_rows": document.count(0, "outcome", "file_rows") if len(every) > len(files) else None,
            "has_events": any(one["first_event_time"] for one in every),
            "events": [
                EventsRow(one["dataset"], event(one["first_event_time"], now), event(one["last_event_time"], now))
                for one in found["outcome"]["events"]
            ],
            "seconds": None if found["seconds"] is None else document.count(0, "seconds"),
            "reason_rows": rows,
            "charts": reason_charts(rows),
        },
        document.at(),
    )


def _number(asked: Asked) -> int:
    text = "/".join(asked.rest)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise UnknownLoadError("there is no load of that number; see: tillage load show")
    return int(text)


def _list(house: House) -> Page:
    document = Document("load show", [load_document(one) for one in failing.show(house)])
    every = document.at()
    places = list(range(len(every)))[::-1][:_MOST_LOADS]
    now = house.now()
    rows = [
        (every[place], moment(every[place]["planned_at"], now), document.count(place, "files"),
         document.size(place, "size_bytes"))
        for place in places
    ]  # fmt: skip
    unfinished = [f"load {one['load']}" for one in every if one["state"] in {"open", "failed"}]
    answer = words("Not finished: ", listed(unfinished), ".") if unfinished else "All loads are finished."
    if not every:
        answer = "There is no load yet."
    return Page("loads.html", {"answer": answer, "rows": rows, "is_cut": len(rows) < len(every),
                               "is_well": not unfinished}, every)  # fmt: skip


def _answer(document: Document, accounts: list[Account]) -> Words:
    found = document.at(0)
    number, state = found["load"], found["state"]
    what = counted(document.count(0, "files"), "file") if found["kind"] == "read" else _TOOK[found["kind"]]
    whose = f" of {found['feed']}" if found["feed"] else ""
    if state == "sealed":
        law = ", and every record is accounted for" if accounts and all(one.balances for one in accounts) else ""
        return words(f"Load {number} took ", what, f"{whose}{law}.")
    return words(f"Load {number} of ", what, f"{whose} is {state}: {_STATES[state]}.")


_TOOK = {
    "replay": "up what waited in quarantine",
    "release": "up what waited for others",
    "discard": "what waited in quarantine out of it for good",
    "erase": "people out of its records",
    "maintain": "care of the tables",
    "build": "all that stands to build tables from",
    "rebuild": "up what stands, to judge it anew",
}
_STATES = {
    "open": "the next run finishes or voids it",
    "failed": "nothing of it is visible, and its feed stands still until a person decides",
    "voided": "it counts as never read, and its files are read again",
    "abandoned": "its files are left out for good",
}


def _file(document: Document, place: int, parts: Sequence[str], now: datetime) -> FileRow:
    at = (0, "outcome", "files", place)
    found = document.at(*at)
    return FileRow(
        found["file"],
        document.size(*at, "size_bytes"),
        document.count(*at, "records"),
        found["dataset"],
        tuple(document.count(*at, f"{part}_rows") for part in parts if found["dataset"]),
        listed([words(f"{code} ", document.count(*at, "reasons", code)) for code in found["reasons"]]),
        event(found["first_event_time"], now),
        event(found["last_event_time"], now),
    )
