"""`tillage quarantine show`: units that wait, with the bytes of their records; of people, with what is not personal.

Where a feed is about people their bytes are shown to nobody. Its records are read again, as a replay would, and what
stays in the unit once people have left it is shown: subject keys, and columns that the contract calls neither personal
nor an id.
"""

from __future__ import annotations

import pyarrow as pa

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name as identifier
from tillage.contracts.sql_text import text
from tillage.contracts.types import silver_columns
from tillage.domain.load import Load, LoadState
from tillage.errors import OperatorError
from tillage.pipelines.house import House
from tillage.pipelines.load import silver_before
from tillage.pipelines.query import query
from tillage.ports.lake import Rows
from tillage.ports.store import Waiting

_PLACE = ("load_seq", "source", "line", "unit")
_READ_PLACE = ["_load_seq", "_source", "_ordinal", "_unit"]


def shown(house: House, wanted: Waiting, *, most: int) -> dict[str, Rows]:
    """By dataset, the first units that wait: where each stands, its codes, its amount, and the bytes of its record; of
    a feed about people the columns that are not personal, null where they could not be read.

    Raises:
        OperatorError: there is no dataset of that name.
    """
    if wanted.dataset is not None and wanted.dataset not in house.datasets():
        raise OperatorError(f"no dataset is called that; there are: {', '.join(house.datasets())}")
    names = house.datasets() if wanted.dataset is None else [wanted.dataset]
    conditions = ["true"]
    if wanted.code is not None:
        conditions.append(f"list_contains(codes, {text(wanted.code)})")
    if wanted.load_seq is not None:
        conditions.append(f"load_seq = {int(wanted.load_seq)}")
    tail = f"where {' and '.join(conditions)} order by load_seq, file, line, unit limit {int(most)}"
    found = {name: query(house, f"from {identifier('quarantine', name)} {tail}") for name in names}
    return {name: _with_columns(house, name, rows) if rows.num_rows else rows for name, rows in found.items()}


def _with_columns(house: House, name: str, rows: pa.Table) -> pa.Table:
    """What is not personal beside the units of a feed about people, as today's contract reads it."""
    feed, dataset = house.dataset(name)
    contract = house.feeds[feed].check.contract
    if not contract.has_people:
        return rows
    loads = {*rows.column("load_seq").to_pylist()}
    files = {load: {path: source for source, path in house.ledger.paths(load).items()} for load in loads}
    source = [files[one["load_seq"]][one["file"]] for one in rows.select(["load_seq", "file"]).to_pylist()]
    places = rows.select(["load_seq", "line", "unit"]).append_column("source", pa.array(source, pa.int32()))
    asked = places.rename_columns({"line": "ordinal"})
    read = _read(house, feed, dataset, _of(house.ledger.waiting(feed, Waiting(dataset=name)), asked))
    own = [column for column, _ in silver_columns(dataset) if not column.startswith("_")]
    found = zip(read.select(_READ_PLACE).to_pylist(), read.select(own).to_pylist(), strict=True)
    beside = {tuple(place[part] for part in _READ_PLACE): values for place, values in found}
    values = [beside.get(tuple(one[part] for part in _PLACE), {}) for one in places.to_pylist()]
    for column in own:
        shown_as = f"{name}.{column}" if column in rows.column_names else column
        array = pa.array([one.get(column) for one in values], read.schema.field(column).type)
        rows = rows.append_column(shown_as, array)
    return rows


def _of(waiting: pa.Table, asked: pa.Table) -> pa.Table:
    """The rows of `waiting` that are at one of the places."""
    place = ["load_seq", "source", "ordinal", "unit"]
    rows = waiting.select(place).append_column("row", pa.array(range(waiting.num_rows), pa.int64()))
    return waiting.take(rows.join(asked, place, join_type="left semi")["row"])


def _read(house: House, feed: str, dataset: Dataset, waiting: Rows) -> pa.Table:
    """The units as a replay would find them; nothing of that is kept, and nobody is added."""
    check = house.feeds[feed].check
    trial = Load(house.ledger.last_number() + 1, feed, LoadState.OPEN, check.contract.digest)
    silver = silver_before(house, trial, check.contract.datasets)
    people = house.people(is_trial=True)
    with house.engine.workspace(trial.load_seq, check, house.folders_of(feed), people) as workspace:
        workspace.take_up(house.lake.bronze(feed).snapshot(), waiting, silver, None)
        units: pa.Table = workspace.units(dataset.name)
    return units
