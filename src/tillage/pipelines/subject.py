"""`tillage subject show`: all that is kept about one person, from the places that it is erased from.

Source: GDPR, articles 15 (access) and 20 (portability).
"""

from __future__ import annotations

import json
from typing import Any

from tillage.errors import OperatorError
from tillage.pipelines.erase import find_records
from tillage.pipelines.house import House, erasing_of
from tillage.pipelines.requests import Request, resolve
from tillage.pipelines.visible import at_one_moment
from tillage.ports.erasing import Person


def subject(house: House, request: Request) -> dict[str, Any]:
    """What stands of the person by dataset, with the personal columns, and where each record about them came from.

    Raises:
        OperatorError: nobody can tell whom the request means.
    """
    found = resolve(house, [request])
    if found.doubts:
        raise OperatorError(f"nobody can tell who that is: {found.doubts[0].reason}")
    return at_one_moment(house, lambda _: _shown(house, found.people[0]))


def _shown(house: House, person: Person) -> dict[str, Any]:
    of, published = erasing_of(house), house.ledger.published()
    units, records = {}, []
    for feed, contract in house.feeds.items():
        if not contract.check.contract.has_people:
            continue
        for dataset in contract.check.contract.datasets:
            silver = house.silver(feed, dataset, published)
            key = person.subject_key
            rows = of.records.units(dataset, silver, of.vault, subject_key=key) if key else []
            if rows:
                units[dataset.name] = [_with_personal(row) for row in rows]
        records += _records(house, feed, person)
    is_known = person.subject_key is not None or bool(records)
    aliases = list(person.aliases) if is_known else []
    return {"subject": person.subject, "is_known": is_known, "aliases": aliases, "units": units, "records": records}


def _with_personal(row: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if not name.startswith("_")}
    said: dict[str, Any] = json.loads(row.get("_personal") or "{}")
    return own | said


def _records(house: House, feed: str, person: Person) -> list[dict[str, Any]]:
    """File and line of each record about the person, whatever became of it."""
    places = find_records(house, house.feeds[feed], [person]).places
    paths: dict[int, dict[int, str]] = {}
    found = []
    for load_seq, source, ordinal in sorted(places):
        if load_seq not in paths:
            paths[load_seq] = house.ledger.paths(load_seq)
        found.append({"feed": feed, "load": load_seq, "file": paths[load_seq].get(source, ""), "line": ordinal})
    return found
