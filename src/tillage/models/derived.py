"""A model that is no fold: a table, which a build computes whole, or a view, whose rows are those of another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tillage.models.output import Output


class ModelKind(StrEnum):
    """How a model is kept up: by each load's change, by builds, or not at all since it is only a way to look."""

    FOLD = "fold"
    TABLE = "table"
    VIEW = "view"


@dataclass(frozen=True)
class Derived:
    """A compiled table or view; `sql` reads relations named like the datasets and models in `reads`."""

    name: str
    kind: ModelKind
    reason: str
    """Why it is of that kind, in words that go on after "it"."""
    digest: str
    text: str
    description: str
    reads: tuple[str, ...]
    """Datasets and models, sorted."""
    outputs: tuple[Output, ...]
    """Its columns; none of them is a key, since nothing says which rows belong together."""
    sql: str
    """One SELECT in DuckDB's SQL."""
    store_sql: str = ""
    """Of a view: the same in PostgreSQL's SQL, over schema `gold`."""
    is_ordered: bool = False
    """Whether its SQL says an order of its rows."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Of a view: by column, the one of its source that it shows as it is."""
