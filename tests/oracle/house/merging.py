"""What a unit means beside what stands under its key: new, the same, a newer version, an older one, a contradiction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.house.terms import Place, Terms, Values

ACCEPTED = "accepted"
_DUPLICATE = ("duplicate", "duplicate")
_STALE = ("duplicate", "stale")
_CONFLICT = ("conflict", "key_conflict")
_TAXED = frozenset({"net_minor", "vat_bp"})
"""Of a contract with one amount that has VAT in each object."""


@dataclass
class _Standing:
    """What stands under one key, as one load goes on."""

    place: Place
    values: Values
    latest: Place
    """Of the unit that stood before the load began: what came before it is late."""
    previous: Values
    """Of the last unit that was not late, whatever became of it."""


@dataclass
class Stands:
    """By key, what stands in one dataset."""

    units: dict[tuple[object, ...], tuple[Place, Values]] = field(default_factory=dict)

    def leave(self, places: Collection[Place]) -> None:
        """What was accepted there stands no more."""
        gone = set(places)
        self.units = {key: unit for key, unit in self.units.items() if unit[0] not in gone}

    def merged(self, terms: Terms, units: list[tuple[Place, Values]]) -> dict[Place, tuple[str, str, Place | None]]:
        """Verdict and code of each unit, in order of place, and the unit that it closes; afterwards these stand."""
        found: dict[Place, tuple[str, str, Place | None]] = {}
        during: dict[tuple[object, ...], _Standing] = {}
        for place, whole in sorted(units, key=lambda unit: unit[0]):
            values = _sent(whole)
            if not terms.key:
                found[place] = (ACCEPTED, "", None)
                continue
            key = tuple(values[column] for column in terms.key)
            if key not in during and key in self.units:
                known, content = self.units[key]
                during[key] = _Standing(known, content, known, content)
            if key not in during:
                during[key] = _Standing(place, values, Place(-1, -1, -1, -1), values)
                found[place] = (ACCEPTED, "", None)
            else:
                found[place] = _beside(terms, during[key], place, values)
        self.units |= {key: (one.place, one.values) for key, one in during.items()}
        return found


def _sent(values: Mapping[str, Any]) -> Values:
    """Without what was computed by a rate: units that were sent alike are equal, whatever rate holds today."""
    return {name: _sent_value(value) for name, value in values.items() if name not in _TAXED}


def _sent_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _sent(value)
    return [_sent_value(one) for one in value] if isinstance(value, list) else value


def _beside(terms: Terms, standing: _Standing, place: Place, values: Values) -> tuple[str, str, Place | None]:
    is_equal = values == standing.values
    if terms.merge == "reject":
        return (*(_DUPLICATE if is_equal else _CONFLICT), None)
    if terms.version:
        ours, theirs = values[terms.version], standing.values[terms.version]
        is_late, is_newer = ours < theirs, ours > theirs
    else:
        is_late = place < standing.latest
        is_newer = not is_late and values != standing.previous
        if not is_late:
            standing.previous = values
    if is_newer:
        closed, standing.place, standing.values = standing.place, place, values
        return ACCEPTED, "", closed
    return (*(_DUPLICATE if is_equal else _STALE if is_late else _CONFLICT), None)
