"""Keeps each fold state the state of today's model text."""

from __future__ import annotations

from tillage.errors import ModelError, TransientError
from tillage.models.fold import Fold
from tillage.pipelines.house import House
from tillage.ports.lake import ColumnTypes

_TRIES = 10


def sync_models(house: House) -> None:
    """States of new and changed models are computed from silver; those without a file are dropped.

    Raises:
        ModelError: a model does not run, or a served route does not fit its model; nothing was changed.
    """
    check_routes(house)
    kept = house.folds.digests()
    changed = [fold for name, fold in house.models.items() if kept.get(name) != fold.digest]
    types = {fold.name: house.engine.column_types(fold) for fold in changed}
    for fold in changed:
        house.say(f"model {fold.name}: {'changed, computed anew' if fold.name in kept else 'new'}")
        _replace(house, fold, types[fold.name])
    for name in sorted(kept.keys() - house.models.keys()):
        house.say(f"model {name}: its file is gone, its table is dropped")
        house.folds.drop(name)


def _replace(house: House, fold: Fold, types: ColumnTypes) -> None:
    """Computes without a lock, and again if a load was published meanwhile."""
    for _ in range(_TRIES):
        published = house.ledger.published()
        rows = house.engine.full(fold, {name: house.visible(name, published) for name in fold.datasets})
        if house.folds.replace(fold, types, rows, published):
            return
    raise TransientError(f"model {fold.name}: loads are published faster than it can be computed; run again")


def check_routes(house: House) -> None:
    """Every served route names a model and columns that exist.

    Raises:
        ModelError: names the route, the column and what there is.
    """
    for route in house.project.routes:
        fold = house.models.get(route.model)
        if fold is None:
            known = ", ".join(sorted(house.models)) or "none"
            raise ModelError(f"tillage.yaml serves {route.path} from model '{route.model}'; the models are: {known}")
        columns = [output.name for output in fold.outputs]
        for answer, column in route.fields:
            if column not in columns:
                raise ModelError(
                    f"tillage.yaml: {route.path} answers {answer} from column '{column}' of {route.model}; "
                    f"its columns are: {', '.join(columns)}"
                )
        if [key.name for key in fold.keys] != [route.key_column]:
            keys = ", ".join(key.name for key in fold.keys)
            raise ModelError(
                f"tillage.yaml: {route.path} must select by the whole key of {route.model}, which is: {keys}"
            )
