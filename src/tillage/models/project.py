"""All models of a project: each is read, its kind found out, and they are put in the order in which they build."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.errors import ModelError
from tillage.models.derived import Derived, ModelKind
from tillage.models.fold import Fold, description_of, parse, plain, read_fold
from tillage.models.lineage import relation_of
from tillage.models.obstacle import obstacle
from tillage.models.output import Output
from tillage.models.people import Subjects, follow_people, people_of_dataset, subjects_in
from tillage.models.row_by_row import origins, source_of_view, store_sql
from tillage.models.rows import NoFoldError
from tillage.models.scope import ANY, BY, Relation, relation_of_dataset

_MOST_NAME_BYTES = 60


@dataclass(frozen=True)
class Models:
    """The models of a project; `derived` in an order in which each comes after those that it reads."""

    folds: Mapping[str, Fold]
    derived: Mapping[str, Derived]
    subjects: Mapping[str, Subjects] = field(default_factory=dict)
    """By model, which of its columns hold subject keys; a model that nobody can follow for that is missing."""

    def outputs(self) -> dict[str, tuple[Output, ...]]:
        """By model, its columns."""
        folds = {name: fold.outputs for name, fold in self.folds.items()}
        return folds | {name: model.outputs for name, model in self.derived.items()}

    def every(self) -> list[Fold | Derived]:
        """All of them, each after those that it reads."""
        return [*self.folds.values(), *self.derived.values()]

    def tables(self) -> list[Derived]:
        """Those that a build computes."""
        return [model for model in self.derived.values() if model.kind is ModelKind.TABLE]

    def views(self) -> list[Derived]:
        """Those that are only a way to look at others."""
        return [model for model in self.derived.values() if model.kind is ModelKind.VIEW]

    def reached(self, names: Iterable[str]) -> Models:
        """The models of these names and all that they read, by whatever models in between."""
        wanted = set(names)
        for model in reversed([*self.derived.values()]):  # each before those that it reads
            if model.name in wanted:
                wanted.update(model.reads)
        return Models(
            {name: fold for name, fold in self.folds.items() if name in wanted},
            {name: model for name, model in self.derived.items() if name in wanted},
            self.subjects,
        )

    def row_by(self, model: str, column: str) -> tuple[str, str] | None:
        """The fold or table, and its column, whose rows are found when a row of `model` is asked for by `column`.

        None if nothing says that there is only one such row, and no index of a table can see to it.
        """
        if fold := self.folds.get(model):
            return (model, column) if [key.name for key in fold.keys] == [column] else None
        found = self.derived[model]
        if found.kind is ModelKind.TABLE:
            return model, column
        return self.row_by(found.reads[0], found.origins[column]) if column in found.origins else None

    def subject_of(self, model: str, column: str) -> str | None:
        """The kind of people whose subject keys a column holds; None: it holds none."""
        return self.subjects.get(model, {}).get(column)

    def datasets_of(self, name: str) -> set[str]:
        """The datasets that a model is made of, by whatever models in between."""
        if name in self.folds:
            return set(self.folds[name].datasets)
        if name not in self.derived:
            return {name}
        return {dataset for read in self.derived[name].reads for dataset in self.datasets_of(read)}


def read_models(texts: Mapping[str, str], datasets: Mapping[str, Dataset]) -> Models:
    """The models in `texts`, by name the content of `models/<name>.sql`.

    Raises:
        ModelError: one is not one SELECT, reads what there is not, or reads itself; two currencies in one column.
    """
    models, wrong = read_each(texts, datasets)
    for error in wrong.values():
        raise error
    return models


def read_each(texts: Mapping[str, str], datasets: Mapping[str, Dataset]) -> tuple[Models, dict[str, ModelError]]:
    """As `read_models`, of those that can be read, and by name what is wrong with the others."""
    wrong: dict[str, ModelError] = {}
    trees: dict[str, exp.Query] = {}
    for name, text in texts.items():
        try:
            trees[name] = parse(name, text)
        except ModelError as error:
            wrong[name] = error
    relations = {name: relation_of_dataset(dataset) for name, dataset in datasets.items()}
    people = {name: people_of_dataset(dataset) for name, dataset in datasets.items()}
    folds: dict[str, Fold] = {}
    derived: dict[str, Derived] = {}
    try:
        order = _in_order(trees)
    except ModelError as error:
        return Models({}, {}), wrong | {"": error}
    for name in order:
        if _named(trees[name]) & wrong.keys():
            wrong[name] = ModelError(f"models/{name}.sql reads a model that is wrong")
            continue
        known = Models(folds, derived).outputs()
        try:
            model = _read(name, texts[name], plain(trees[name]), datasets=datasets, relations=relations, models=known)
        except ModelError as error:
            wrong[name] = error
            continue
        if isinstance(model, Fold):
            folds[name] = model
        else:
            derived[name] = model
        relations[name] = _of_model(model)
        if followed := follow_people(name, plain(trees[name]), people):
            people[name] = followed
    subjects = {
        name: subjects_in(people[name], one.outputs) for name, one in (folds | derived).items() if name in people
    }
    return Models(folds, derived, subjects), wrong


def _of_model(model: Fold | Derived) -> Relation:
    """In lower case, as other models name it."""
    return Relation(
        {
            one.name.lower(): f"{BY}{one.currency_by.lower()}" if one.currency_by else one.currency
            for one in model.outputs
        }
    )


def _in_order(trees: Mapping[str, exp.Query]) -> list[str]:
    graph = {name: sorted(_named(tree) & trees.keys()) for name, tree in sorted(trees.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as wrong:
        circle = " reads ".join(reversed(wrong.args[1]))
        raise ModelError(f"models/{wrong.args[1][0]}.sql: the models read each other in a circle: {circle}") from None


def _named(tree: exp.Query) -> set[str]:
    """Tables that a query names, but for its own common table expressions."""
    own = {one.alias.lower() for one in tree.find_all(exp.CTE)}
    return {table.name.lower() for table in tree.find_all(exp.Table)} - own


def _read(
    name: str,
    text: str,
    tree: exp.Query,
    *,
    datasets: Mapping[str, Dataset],
    relations: Mapping[str, Relation],
    models: Mapping[str, Sequence[Output]],
) -> Fold | Derived:
    reason = obstacle(tree, models)
    if reason is None:
        try:
            return read_fold(name, text, datasets)
        except NoFoldError as wrong:
            reason = wrong.reason
    source = source_of_view(tree, models)
    relation = relation_of(name, tree, relations)
    reads = tuple(sorted(_named(tree)))
    return Derived(
        name=name,
        kind=ModelKind.TABLE if source is None else ModelKind.VIEW,
        reason=reason if source is None else f"shows rows of {source} as they are",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        description=description_of(text),
        reads=reads,
        outputs=tuple(_outputs(name, tree, relation)),
        sql=tree.sql(dialect="duckdb"),
        store_sql=store_sql(tree, models[source]) if source else "",
        is_ordered=bool(tree.args.get("order")),
        origins=origins(tree, models[source]) if source else {},
    )


def _outputs(name: str, tree: exp.Query, relation: Relation) -> list[Output]:
    first: exp.Expr = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    found: list[Output] = []
    for projection in first.expressions:
        column = projection.alias_or_name
        if not isinstance(projection, exp.Alias | exp.Column | exp.Dot):
            raise ModelError(f"models/{name}.sql: column {len(found) + 1} needs a name: `... as name`")
        if column.startswith("_"):
            raise ModelError(f"models/{name}.sql: '{column}': names that begin with _ are taken; choose another")
        if len(column.encode()) > _MOST_NAME_BYTES:
            raise ModelError(f"models/{name}.sql: a column's name has at most {_MOST_NAME_BYTES} bytes: '{column}'")
        currency = relation.columns[column]
        found.append(Output(column, is_key=False, currency=None if currency == ANY else currency))
    if len({output.name.lower() for output in found}) != len(found):
        raise ModelError(f"models/{name}.sql: two columns have one name")
    return found
