"""`tillage subject show`: all that is kept about one person, from the places that it is erased from.

Source: GDPR, articles 15 (access) and 20 (portability).
"""

from __future__ import annotations

import json
from typing import Any

from tillage.pipelines.erase import find_records
from tillage.pipelines.house import House
from tillage.pipelines.requests import erasures_of
from tillage.pipelines.visible import at_one_moment
from tillage.ports.erasing import Person


def subject(house: House, kind: str, natural_id: str) -> dict[str, Any]:
    """What stands of the person by dataset, with the personal columns, and where each record about them came from."""
    known = erasures_of(house).known_by_id(kind, natural_id)
    if known is None:
        return {"subject": kind, "is_known": False, "aliases": [], "units": {}, "records": []}
    return at_one_moment(house, lambda _: _shown(house, kind, known.natural_id, known.subject_key, known.aliases))


def _shown(house: House, kind: str, natural_id: str, subject_key: str, aliases: tuple[str, ...]) -> dict[str, Any]:
    published = house.ledger.published()
    person = Person(kind, natural_id, aliases, subject_key)
    units, records = {}, []
    for feed, contract in house.feeds.items():
        datasets = {one.name: (one, house.silver(feed, one, published)) for one in contract.check.contract.datasets}
        for name, (dataset, silver) in datasets.items():
            rows = house.records.units(dataset, silver, subject_key, house.vault)
            if rows:
                units[name] = [_with_personal(row) for row in rows]
        records += _records(house, feed, person)
    return {"subject": kind, "is_known": True, "aliases": list(aliases), "units": units, "records": records}


def _with_personal(row: dict[str, Any]) -> dict[str, Any]:
    personal = row.pop("_personal", None)
    return row | (json.loads(personal) if personal else {})


def _records(house: House, feed: str, person: Person) -> list[dict[str, Any]]:
    """File and line of each record about the person, whatever became of it."""
    places, _ = find_records(house, house.feeds[feed], [person])
    paths: dict[int, dict[int, str]] = {}
    found = []
    for load_seq, source, ordinal in sorted(places):
        if load_seq not in paths:
            paths[load_seq] = house.ledger.paths(load_seq)
        found.append({"feed": feed, "load": load_seq, "file": paths[load_seq].get(source, ""), "line": ordinal})
    return found
