"""What is common to all parts of a contract file: names, this product's own terms, and the refusal of other ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tillage.contracts.document import Document, Path

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PREFIX = "tillage."
_MEANT = re.compile(r"tillage(?![a-z0-9])", re.IGNORECASE)
"""What somebody wrote who meant this product; of kept texts only the prefix counts, as it always did."""


@dataclass(frozen=True)
class Terms:
    """This product's own terms of one item by name, and where each stands; `path` is the item's."""

    path: Path
    values: Mapping[str, Any]
    places: Mapping[str, Path]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a term, or what holds without it."""
        return self.values.get(name, default)

    def at(self, name: str) -> Path:
        """Where the value of a term stands; the item where it does not."""
        return self.places.get(name, self.path)


def only(document: Document, path: Path, item: Mapping[str, Any], allowed: set[str], what: str) -> None:
    """Every key of `item` that says anything is one of `allowed`.

    Raises:
        ContractError: names the key and what is checked.
    """
    for key, value in item.items():
        if key not in allowed and value not in (None, False, [], {}):
            raise document.wrong(
                (*path, key),
                f"'{key}' of a {what} is ODCS, but this version does not check it; remove it. "
                f"Checked now: {', '.join(sorted(allowed))}",
            )


def own_terms(document: Document, path: Path, item: Mapping[str, Any], allowed: set[str]) -> Terms:
    """This product's custom properties; those of other tools are passed over.

    Raises:
        ContractError: an unknown one, with the nearest name, or one that is given twice.
    """
    found: dict[str, Any] = {}
    places: dict[str, Path] = {}
    for index, entry in enumerate(item.get("customProperties") or ()):
        name = entry.get("property", "")
        if not (name.startswith(_PREFIX) if document.is_kept else _MEANT.match(name)):
            continue
        here = (*path, "customProperties", index)
        document.check_names(here, [name], allowed)
        if name in found:
            raise document.wrong(here, f"'{name}' is given twice; keep one")
        found[name] = entry.get("value")
        places[name] = (*here, "value")
    return Terms(path, found, places)


def yes_or_no(document: Document, terms: Terms, name: str) -> bool:
    """A custom property that is true or false; false when it is not there."""
    value = terms.get(name, False)
    if not isinstance(value, bool):
        raise document.wrong(terms.at(name), f"{name} is true or false")
    return value


def column_name(document: Document, path: Path, item: Mapping[str, Any], what: str) -> str:
    """The name of a dataset or column.

    Raises:
        ContractError: it is none that every engine takes as it stands.
    """
    name = item.get("name", "")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise document.wrong((*path, "name"), f"a {what}'s name is lower case letters, digits and _, up to 63")
    return name
