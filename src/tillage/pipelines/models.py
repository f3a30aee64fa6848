"""Keeps each fold state the state of today's model text, and says what is served."""

from __future__ import annotations

from typing import Any

from tillage.errors import ModelError, TransientError
from tillage.models.fold import Fold
from tillage.pipelines.house import House
from tillage.pipelines.portability import refuse_unportable
from tillage.ports.gold import Views
from tillage.ports.lake import ColumnTypes

_TRIES = 10


def sync_models(house: House) -> None:
    """States of new and changed folds are computed from silver; those without a file are dropped.

    Changed is also one whose columns are of other types or currencies, by a contract that has no loads yet.
    A fold that has become a table or view is shown as it was until the next build makes that.

    Raises:
        ModelError: a new text does not run, or not everywhere, or a served route does not fit its model; nothing was
            changed.
    """
    check_routes(house)
    folds = house.models.folds
    kept = house.folds.digests()
    new = changed_models(house)
    changed = [fold for name, fold in folds.items() if name in new]
    refuse_unportable(house.engine, house.models, [fold.name for fold in changed])
    types = {fold.name: house.engine.column_types(fold) for fold in changed}
    gone = sorted(kept.keys() - folds.keys())
    views = views_of(house) if changed or gone else []
    for fold in changed:
        house.say(f"model {fold.name}: {'changed, computed anew' if fold.name in kept else 'new'}")
        compute_anew(house, fold, types[fold.name], views)
    for name in gone:
        if name in house.models.derived:
            house.folds.retire(name)
            continue
        house.say(f"model {name}: its file is gone, its table is dropped")
        house.folds.drop(name, views)


def changed_models(house: House) -> set[str]:
    """Models that the next run takes up: new ones, and those that the store keeps of another text or other columns."""
    models, folds, tables = house.models, house.folds.digests(), house.tables.digests()
    found = {name for name, fold in models.folds.items() if folds.get(name) != fold.digest}
    found |= {name for name, model in models.derived.items() if tables.get(name) != model.digest}
    return found | _columns_otherwise(house)


def refuse_unportable_changes(house: House) -> None:
    """Of the models that the next run takes up, each construct gives the same on every engine; others stand.

    Raises:
        ModelError: the first that does not, with its line, why, and what to write instead.
    """
    refuse_unportable(house.engine, house.models, changed_models(house))


def _columns_otherwise(house: House) -> set[str]:
    """Models whose columns the store keeps under other names, types or currencies than they have today.

    Of a dataset that has loads neither types nor currencies change, so types are asked for where one has none.
    """
    kept, columns = house.folds.outputs(), house.folds.columns()
    found = {name for name, outputs in house.models.outputs().items() if name in kept and kept[name] != tuple(outputs)}
    loaded = {one.dataset for one in house.ledger.held_datasets()}
    for name, fold in house.models.folds.items():
        if name in kept and name not in found and not loaded.issuperset(fold.datasets):
            now = house.folds.spelled(name, house.engine.column_types(fold))
            if any(now[output.name] != columns.get(name, {}).get(output.name) for output in fold.outputs):
                found.add(name)
    return found


def views_of(house: House) -> Views:
    """The views of today, with the types of their columns."""
    views = house.models.views()
    types = house.engine.derived_types(house.models) if views else {}
    return [(view, types[view.name]) for view in views]


def compute_anew(house: House, fold: Fold, types: ColumnTypes, views: Views) -> None:
    """Computes without a lock, and again if a load was published meanwhile."""
    for _ in range(_TRIES):
        published = house.ledger.published()
        rows = house.engine.full(fold, {name: house.visible(name, published) for name in fold.datasets})
        if house.folds.replace(fold, types, rows, published, views):
            return
    raise TransientError(f"model {fold.name}: loads are published faster than it can be computed; run again")


def check_routes(house: House) -> None:
    """Every served route names a model and columns that exist.

    Raises:
        ModelError: names the route, the column and what there is.
    """
    models = house.models.outputs()
    for route in house.project.routes:
        outputs = models.get(route.model)
        if outputs is None:
            known = ", ".join(sorted(models)) or "none"
            raise ModelError(f"tillage.yaml serves {route.path} from model '{route.model}'; the models are: {known}")
        columns = [output.name for output in outputs]
        for answer, column in route.fields:
            if column not in columns:
                raise ModelError(
                    f"tillage.yaml: {route.path} answers {answer} from column '{column}' of {route.model}; "
                    f"its columns are: {', '.join(columns)}"
                )
        if route.model not in house.models.subjects and _is_about_people(house, route.model):
            raise ModelError(
                f"tillage.yaml: {route.path} selects by '{route.key_column}' of {route.model}, and it cannot be told "
                f"whether those are ids of people: in models/{route.model}.sql an id meets other values, or goes into "
                "a function; pass ids on as they are"
            )
        if house.models.row_by(route.model, route.key_column) is None:
            keys = ", ".join(output.name for output in outputs if output.is_key) or "that of the model that it shows"
            raise ModelError(
                f"tillage.yaml: {route.path} must select by the whole key of {route.model}, which is: {keys}"
            )


def _is_about_people(house: House, model: str) -> bool:
    return any(house.dataset(dataset)[1].subject_columns for dataset in house.models.datasets_of(model))


def served_now(house: House) -> dict[str, Any]:
    """What tillage.yaml says is served: by path the model, and the columns by their names in the answer."""
    return {
        route.path: {"from": route.model, "fields": dict(route.fields)} | ({"auth": route.auth} if route.auth else {})
        for route in house.project.routes
    }


def looked_up(house: House) -> dict[str, set[str]]:
    """By table, the columns that a served row is found by."""
    found: dict[str, set[str]] = {}
    for route in house.project.routes:
        by = house.models.row_by(route.model, route.key_column)
        if by and by[0] in house.models.derived:
            found.setdefault(by[0], set()).add(by[1])
    return found
