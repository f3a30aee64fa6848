"""Follows subject keys through models, so that a row is found by a person's id where its key is one.

They go the way of currencies: passed on, united with the same kind, chosen among; what else is done to one makes
something else of it, or cannot be followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.errors import ModelError
from tillage.models.lineage import relation_of
from tillage.models.output import Output
from tillage.models.scope import ANY, Relation, relation_of_dataset

Subjects = Mapping[str, str]
"""By column, the kind of people whose subject keys it holds."""
_MARK = "subject "


def people_of_dataset(dataset: Dataset) -> Relation:
    """The columns of a dataset; those with subject keys have these in the place of a currency, all others none."""
    subjects = {column.stored_name: f"{_MARK}{column.subject}" for column in dataset.subject_columns}
    plain = relation_of_dataset(dataset)
    return Relation(
        {name: subjects.get(name) for name in plain.columns},
        {name: dict.fromkeys(elements) for name, elements in plain.lists.items()},
    )


def follow_people(model: str, tree: exp.Query, relations: Mapping[str, Relation]) -> Relation | None:
    """The columns of a model, marked alike; None where they cannot be followed."""
    try:
        found = relation_of(model, tree, relations)
    except ModelError:
        return None
    return Relation({name.lower(): None if mark == ANY else mark for name, mark in found.columns.items()})


def subjects_in(relation: Relation, outputs: Iterable[Output]) -> Subjects:
    """The columns of a model that hold subject keys."""
    marks = {output.name: relation.columns.get(output.name.lower()) or "" for output in outputs}
    return {name: mark.removeprefix(_MARK) for name, mark in marks.items() if mark.startswith(_MARK)}
