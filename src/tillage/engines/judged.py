"""The tables of judged units in a workspace, and how a unit's place is spelt there."""

from __future__ import annotations

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name

PLACE = ("_load_seq", "_source", "_ordinal", "_unit")
"""Where a unit stands: the load that brought its record, the file, the line, the number inside the record."""
RECORD = 'struct_pack("load" := _load_seq, source := _source, ordinal := _ordinal, "offset" := _offset, unit := _unit)'


def decided(dataset: Dataset) -> str:
    """The table of a dataset's units with their verdicts; `_closes` is the record of the version that one ends."""
    return name("#decided:" + dataset.name)


def known(dataset: Dataset) -> str:
    """The table of the rows that stood in silver under a key of this load."""
    return name("#known:" + dataset.name)


def closing(dataset: Dataset) -> str:
    """The table of the rows that the load puts an end to."""
    return name("#closing:" + dataset.name)


def standing(dataset: Dataset) -> str:
    """The table of the rows of silver that are judged anew; once the verdicts are there, of those that end."""
    return name("#standing:" + dataset.name)
