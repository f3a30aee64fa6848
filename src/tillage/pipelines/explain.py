"""`tillage explain /route/key`: the records, with file, line and offset, that make a served number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from tillage.contracts.contract import Dataset
from tillage.contracts.project import Route
from tillage.domain.load import LoadKind
from tillage.errors import NotExplainedError, TooManyLinesError, UnknownKeyError, UnknownRouteError
from tillage.models.fold import Fold
from tillage.models.output import currency_in
from tillage.pipelines.house import House
from tillage.pipelines.record_places import rows_of
from tillage.pipelines.visible import at_one_moment
from tillage.ports.engine import Figure


@dataclass(frozen=True)
class Part:
    """One inner row of the model: what it adds, and where it stands."""

    dataset: str
    file: str
    line: int
    offset: int
    """Bytes from the start of the unpacked file to the start of the line."""
    unit: int
    load_seq: int
    adds: dict[str, Figure]
    """By summed column; money in minor units."""
    element: Any
    """The list element behind the row, where the model unnests one: its fields by name, or its value."""
    element_no: int | None
    forgotten_at: datetime | None
    """When the bytes of its record were taken away, since they were kept long enough; its place stays known."""
    is_erased: bool
    """They were taken away since the person was erased."""
    rate_bp: Mapping[str, int]
    """By amount, the VAT rate by which its net was made, in basis points: of the element, or of the row."""


@dataclass(frozen=True)
class FileShare:
    """What one file adds to a served row."""

    file: str
    units: int
    lines: int
    adds: dict[str, Figure]
    """By summed column; money in minor units."""


@dataclass(frozen=True)
class Extent:
    """How much a served row is made of."""

    units: int
    lines: int
    files: int


@dataclass(frozen=True)
class Explanation:
    """A served row and everything behind it."""

    route: str
    key: str
    model: str
    served: dict[str, Any]
    currencies: dict[str, str | None]
    parts: tuple[Part, ...]
    as_of: dict[str, int]
    """Last visible load by feed."""

    def sums(self) -> dict[str, Figure]:
        """What the parts add up to; None where no part adds anything."""
        return _added(self.parts, self.currencies)

    def adds_up(self) -> bool:
        """Whether the parts add up to what is served."""
        return all(self.served[column] == total for column, total in self.sums().items())

    def units(self) -> list[list[Part]]:
        """The parts of each unit that adds something, or has lines; two loads may read a file of one name, and a record
        may hold units of two datasets.
        """
        units: dict[tuple[object, ...], list[Part]] = {}
        for part in self.parts:
            if part.element_no is not None or any(part.adds.values()):
                units.setdefault((part.load_seq, part.dataset, part.file, part.line, part.unit), []).append(part)
        return list(units.values())

    def made_of(self) -> Extent:
        """How many units add something or have lines, of how many files, and their lines."""
        units = self.units()
        lines = sum(part.element_no is not None for parts in units for part in parts)
        return Extent(len(units), lines, len({parts[0].file for parts in units}))

    def files(self) -> list[FileShare]:
        """What each file adds, in order of its name."""
        units = self.units()
        found = []
        for file in sorted({parts[0].file for parts in units}):
            own = [parts for parts in units if parts[0].file == file]
            every = [part for parts in own for part in parts]
            lines = sum(part.element_no is not None for part in every)
            found.append(FileShare(file, len(own), lines, _added(every, self.currencies)))
        return found


def _added(parts: Iterable[Part], columns: Iterable[str]) -> dict[str, Figure]:
    """By column, the sum of what the parts add; None where none adds anything."""
    every = list(parts)
    found: dict[str, Figure] = {}
    for column in columns:
        added = [amount for part in every if (amount := part.adds[column]) is not None]
        found[column] = sum(added) if added else None
    return found


def explain(house: House, path: str) -> Explanation:
    """What is behind `path`, a served path with its key, as in `/spend/c0001`.

    Raises:
        UnknownRouteError, UnknownKeyError: nothing is served there.
    """
    return explain_row(house, *_route(house, path))


def explain_row(house: House, route: Route, key: str, *, most: int | None = None) -> Explanation:
    """As `explain`, for a route and a key that are told apart already.

    Raises:
        TooManyLinesError: the model reads more than `most` rows for it.
    """
    by = _added_up(house, route)
    if by is None:
        raise NotExplainedError(_WHOLE.format(path=route.path, model=route.model, reads=_reads(house, route.model)))
    fold, column = by
    shown = replace(route, model=fold.name, fields=((route.parameter, column),))  # a view shows rows as they are
    return at_one_moment(
        house, lambda published: _explain(house, shown, key, fold=fold, published=published, most=most)
    )


def is_explained(house: House, route: Route) -> bool:
    """Whether rows of the route are added up from records, one by one."""
    return _added_up(house, route) is not None


def _added_up(house: House, route: Route) -> tuple[Fold, str] | None:
    """The fold whose row a key of the route stands for, and its column."""
    by = house.models.row_by(route.model, route.key_column)
    return (house.models.folds[by[0]], by[1]) if by and by[0] in house.models.folds else None


_WHOLE = (
    "{path} is served from {model}, which is built whole from {reads}: its rows are not added up from records one by "
    "one, and cannot be explained by them. Explain what it is made of instead"
)


def _reads(house: House, model: str) -> str:
    return ", ".join(house.models.derived[model].reads)


def _route(house: House, path: str) -> tuple[Route, str]:
    for route in house.project.routes:
        if path.startswith(route.prefix + "/") and len(path) > len(route.prefix) + 1:
            return route, path[len(route.prefix) + 1 :]
    served = ", ".join(route.path for route in house.project.routes) or "nothing"
    raise UnknownRouteError(f"nothing is served under this path; tillage.yaml serves {served}")


def _explain(
    house: House, route: Route, key: str, *, fold: Fold, published: Mapping[str, int], most: int | None
) -> Explanation:
    if fold.name not in house.folds.digests():
        raise UnknownKeyError(f"model {fold.name} has no table yet; run: tillage run")
    key, kept_key, served = _served(house, route, key)
    silver = {name: house.visible(name, published) for name in fold.datasets}
    rows = house.engine.explained(fold, silver, route.key_column, kept_key, most=most)
    if most is not None and len(rows) > most:
        raise TooManyLinesError(f"{route.path}: this is made of more than {most:,} lines; the command lists them all")
    paths = {load: house.ledger.paths(load) for load in {row["_record"]["load"] for row in rows}}
    forgotten = _forgotten(house, rows)
    sums = [output.name for output in fold.sums]
    parts = tuple(
        Part(
            dataset=row["_dataset"],
            file=paths[row["_record"]["load"]][row["_record"]["source"]],
            line=row["_record"]["ordinal"],
            offset=row["_record"]["offset"],
            unit=row["_record"]["unit"],
            load_seq=row["_load"],
            adds={name: _exact(row[name]) for name in sums},
            element=row["_line"],
            element_no=row["_line_no"],
            forgotten_at=forgotten.get(_place(row), (None, False))[0],
            is_erased=forgotten.get(_place(row), (None, False))[1],
            rate_bp=_rates(house.dataset(row["_dataset"])[1], row),
        )
        for row in rows
    )
    return Explanation(
        route=route.path,
        key=key,
        model=fold.name,
        served={name: _exact(value) for name, value in served.items()},
        currencies={output.name: currency_in(output.currency, served) for output in fold.sums},
        parts=parts,
        as_of=dict(published),
    )


def _place(row: Mapping[str, Any]) -> tuple[int, int, int]:
    record = row["_record"]
    return record["load"], record["source"], record["ordinal"]


def _forgotten(
    house: House, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[int, int, int], tuple[datetime | None, bool]]:
    """By place of a record whose bytes are forgotten, when that was, and whether somebody was erased by it."""
    by_feed: dict[str, set[tuple[int, int, int]]] = {}
    for row in rows:
        by_feed.setdefault(house.dataset(row["_dataset"])[0], set()).add(_place(row))
    found: list[Mapping[str, Any]] = []
    for feed, places in by_feed.items():
        found += house.engine.without_bytes(house.lake.bronze(feed).snapshot(), rows_of(places)).to_pylist()
    loads = {row["forgotten_by"] for row in found}
    planned = {
        load: (one.planned_at, one.kind is LoadKind.ERASE) for load in loads for one in house.ledger.summaries(load)
    }
    nothing = (None, False)
    return {
        (row["load_seq"], row["source"], row["ordinal"]): planned.get(row["forgotten_by"], nothing) for row in found
    }


def _rates(dataset: Dataset, row: Mapping[str, Any]) -> dict[str, int]:
    """What stands beside the net that was made by it; of a null amount there is none."""
    element = row["_line"]
    found = row["_rates"] or {}
    if row["_line_no"] is not None:
        amounts = [item for column in dataset.columns for item in column.items if item.vat]
        found = {one.name: element.get(one.rate_name) for one in amounts} if isinstance(element, dict) else {}
    return {name: int(rate) for name, rate in found.items() if rate is not None}


def _served(house: House, route: Route, key: str) -> tuple[str, str, dict[str, Any]]:
    """The key as it was asked for and as it is stored, and its row. It may be spelled as it is stored, as in an
    address, or as JSON spells a time; of a person it is the natural id, or the subject key.
    """
    subject = house.models.subject_of(route.model, route.key_column)
    for spelling in _spellings(key):
        known = house.vault.subject_key(subject, spelling) if subject and house.vault else None
        kept = known or spelling
        row = house.folds.row(route.model, route.key_column, kept)
        if row is not None:
            return spelling, kept, row | ({route.key_column: spelling} if known else {})
    raise UnknownKeyError(f"{route.path}: nothing is known under this key, up to now")


def _spellings(key: str) -> list[str]:
    decoded = unquote(key, errors="surrogateescape")
    found = [key, decoded]
    try:
        moment = datetime.fromisoformat(decoded)
    except ValueError:
        pass
    else:
        if "T" in decoded:
            found.append(_as_stored(moment))
    # No stored text holds what is not UTF-8, or NUL.
    return [text for text in dict.fromkeys(found) if _is_text(text)]


def _is_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _as_stored(moment: datetime) -> str:
    """A time as PostgreSQL and DuckDB write it as text, in UTC."""
    has_zone = moment.tzinfo is not None
    text = (moment.astimezone(UTC) if has_zone else moment).replace(tzinfo=None).isoformat(" ")
    return (text.rstrip("0") if "." in text else text) + ("+00" if has_zone else "")


def _exact(value: Any) -> Any:
    """Whole decimals as integers, all else as it is."""
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
