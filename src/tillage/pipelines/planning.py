"""`tillage plan`: what the project's files change in what readers see, before `tillage run` applies it.

Nothing is computed and nothing written: the files are held against what the last run made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tillage.contracts.tools.compare import Breaks, Change, changes
from tillage.errors import TillageError
from tillage.models.derived import Derived, ModelKind
from tillage.models.fold import Fold
from tillage.models.output import Output
from tillage.pipelines.binding import refuse_unasked
from tillage.pipelines.history import refuse_renamed
from tillage.pipelines.house import House
from tillage.pipelines.models import check_routes, refuse_unportable_changes, served_now
from tillage.ports.lake import ColumnTypes


@dataclass(frozen=True)
class ModelPlan:
    """One model: what a run makes of it, and what that means for who reads it."""

    name: str
    kind: str
    """fold, table or view; of one that is gone, nothing."""
    reason: str
    """Why it is of that kind, in words that go on after "it"."""
    change: str
    """new, changed, unchanged, or gone."""
    effects: tuple[str, ...] = ()
    """What is done, and which columns readers will find otherwise."""
    breaks_readers: bool = False


@dataclass(frozen=True)
class RoutePlan:
    """One served path."""

    path: str
    change: str
    effects: tuple[str, ...] = ()
    breaks_readers: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything that a run would change beside loading what is new."""

    contracts: Mapping[str, tuple[Change, ...]]
    """By feed whose contract is another one than that of its last load."""
    models: tuple[ModelPlan, ...]
    routes: tuple[RoutePlan, ...]
    refused: tuple[str, ...]
    """Why a run would stop before it did anything."""

    @property
    def breaks_readers(self) -> bool:
        """Whether somebody who reads what there is now will miss something, or find something else."""
        contracts = any(one.breaks is Breaks.READERS for found in self.contracts.values() for one in found)
        models = any(one.breaks_readers for one in self.models)
        return contracts or models or any(one.breaks_readers for one in self.routes)

    @property
    def is_empty(self) -> bool:
        """Whether a run would only load what is new."""
        is_same = {one.change for one in self.models} | {one.change for one in self.routes} <= {"unchanged"}
        return is_same and not self.contracts and not self.refused


def make_plan(house: House) -> Plan:
    """What the files say now, held against what the store has.

    Raises:
        ModelError: a model does not run at all, so that nothing can be said of its columns.
    """
    return Plan(
        contracts=dict(_contracts(house)),
        models=tuple(_with_rebuilt(house, list(_models(house)))),
        routes=tuple(_routes(house)),
        refused=tuple(_refused(house)),
    )


def _contracts(house: House) -> Iterator[tuple[str, tuple[Change, ...]]]:
    for feed, last in house.ledger.last_standing().items():
        if feed not in house.feeds:
            continue
        now = house.feeds[feed].check.contract
        if last.contract_digest != now.digest:
            yield feed, tuple(changes(house.compile(feed, house.ledger.text(last.contract_digest)).contract, now))


def _refused(house: House) -> Iterator[str]:
    checks = [partial(refuse_renamed, house), partial(check_routes, house)]
    checks += [partial(refuse_unportable_changes, house)]
    checks += [partial(refuse_unasked, house.engine, contract) for contract in house.feeds.values()]
    for check in checks:
        try:
            check()
        except TillageError as wrong:
            yield str(wrong)


@dataclass(frozen=True)
class _Before:
    """What the store has of the models, by name."""

    digests: Mapping[str, str]
    outputs: Mapping[str, tuple[Output, ...]]
    columns: Mapping[str, Mapping[str, str]]


def _models(house: House) -> Iterator[ModelPlan]:
    kept = house.folds.digests() | house.tables.digests()
    before = _Before(kept, house.folds.outputs(), house.folds.columns())
    derived = house.engine.derived_types(house.models)
    for fold in house.models.folds.values():
        shown = {output.name for output in fold.outputs}
        types = [(name, kind) for name, kind in house.engine.column_types(fold) if name in shown]
        yield _model(house, fold, types=types, before=before)
    for model in house.models.derived.values():
        yield _model(house, model, types=derived[model.name], before=before)
    for name in sorted(kept.keys() - house.models.outputs().keys()):
        yield ModelPlan(name, "", "has no file any more", "gone", ("its table is dropped",), breaks_readers=True)


def _with_rebuilt(house: House, plans: list[ModelPlan]) -> Iterator[ModelPlan]:
    """Tables whose own text is as it was are built anew too, if one of the models below them changes."""
    touched = {one.name: one.name for one in plans if one.change != "unchanged"}
    for name, model in house.models.derived.items():  # each after those that it reads
        below = next((touched[read] for read in model.reads if read in touched), None)
        if below is not None:
            touched.setdefault(name, below)
    for one in plans:
        if one.change == "unchanged" and one.kind == ModelKind.TABLE and one.name in touched:
            yield replace(one, effects=(f"built whole, since it reads {touched[one.name]}; {_MEANWHILE}",))
        else:
            yield one


def _model(
    house: House,
    model: Fold | Derived,
    *,
    types: ColumnTypes,
    before: _Before,
) -> ModelPlan:
    kind = ModelKind.FOLD if isinstance(model, Fold) else model.kind
    reason = f"sums and counts by key over {', '.join(model.datasets)}" if isinstance(model, Fold) else model.reason
    spelled = house.folds.spelled(model.name, types)
    if model.name not in before.digests:
        return ModelPlan(model.name, kind, reason, "new", (_DONE[kind],))
    columns = before.columns.get(model.name, {})
    differences = list(_differences(before.outputs.get(model.name, ()), model.outputs, columns, spelled))
    # Under a contract without loads the same text may have columns of other types and currencies.
    if before.digests[model.name] == model.digest and not differences:
        return ModelPlan(model.name, kind, reason, "unchanged")
    said = tuple(what for what, _ in differences)
    is_breaking = any(breaks for _, breaks in differences)
    return ModelPlan(model.name, kind, reason, "changed", (f"{_DONE[kind]}; {_MEANWHILE}", *said), is_breaking)


_DONE = {
    ModelKind.FOLD: "computed from all rows of silver",
    ModelKind.TABLE: "built whole",
    ModelKind.VIEW: "made anew, which computes nothing",
}
_MEANWHILE = "readers keep the old one until the new one is complete"


def _differences(
    before: tuple[Output, ...], after: tuple[Output, ...], columns: Mapping[str, str], spelled: Mapping[str, str]
) -> Iterator[tuple[str, bool]]:
    """What is otherwise with each column, and whether that breaks who reads it."""
    old, new = ({output.name: output for output in outputs} for outputs in (before, after))
    for name in old.keys() - new.keys():
        yield f"column {name} is gone", True
    for name in new:
        if name not in old:
            yield f"column {name} is new", new[name].is_key
        elif columns.get(name) != spelled[name]:
            yield f"column {name}: {columns.get(name)} -> {spelled[name]}", True
        elif old[name].currency != new[name].currency:
            yield f"column {name}: in {old[name].currency or 'no currency'} -> {new[name].currency or 'none'}", True
        elif old[name].is_key != new[name].is_key:
            yield f"column {name} is {'' if new[name].is_key else 'no '}key now", True


def _routes(house: House) -> Iterator[RoutePlan]:
    before: dict[str, Any] = house.ledger.served() or {}
    now = served_now(house)
    for path, route in now.items():
        if path not in before:
            yield RoutePlan(path, "new", (f"answers from {route['from']}",))
        elif before[path] == route:
            yield RoutePlan(path, "unchanged")
        else:
            yield RoutePlan(path, "changed", *_route_effects(before[path], route))
    for path in sorted(before.keys() - now.keys()):
        yield RoutePlan(path, "gone", ("callers get 404",), breaks_readers=True)


def _route_effects(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    said = [] if before["from"] == now["from"] else [f"answers from {now['from']} instead of {before['from']}"]
    gone = [name for name in before["fields"] if name not in now["fields"]]
    said += [f"answers without {name}" for name in gone]
    said += [f"answers {name} too" for name in now["fields"] if name not in before["fields"]]
    other = [name for name, column in now["fields"].items() if before["fields"].get(name, column) != column]
    said += [f"answers {name} from column {now['fields'][name]}" for name in other]
    return tuple(said), bool(gone or other or before["from"] != now["from"])
