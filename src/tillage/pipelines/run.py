"""`tillage run`: brings every model up to its text, finishes what is open, then loads what is new, feed by feed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tillage.domain.conservation import Counts
from tillage.domain.load import Lease
from tillage.errors import ModelError
from tillage.pipelines.house import FeedContract, House
from tillage.pipelines.load import execute, plan, resume


@dataclass
class RunReport:
    """What a run did."""

    loads: dict[int, dict[str, Counts]] = field(default_factory=dict)
    """By load, by dataset."""
    resumed: list[int] = field(default_factory=list)
    voided: list[int] = field(default_factory=list)

    @property
    def quarantined_rows(self) -> int:
        return sum(counts.quarantined_rows for load in self.loads.values() for counts in load.values())


def run(house: House, *, wait_s: float) -> RunReport:
    """Loads all that is new at every feed's door.

    Raises:
        LeaseHeldError: another process works on a feed for longer than `wait_s`.
    """
    report = RunReport()
    for contract in house.feeds.values():
        with house.leases.hold(f"feed/{contract.feed.name}", wait_s=wait_s, on_wait=house.say) as lease:
            _finish(house, contract, lease, report)
            sync_models(house)
            load = plan(house, contract, lease)
            if load is not None:
                report.loads[load.load_seq] = execute(house, load, lease)
    return report


def _finish(house: House, contract: FeedContract, lease: Lease, report: RunReport) -> None:
    load = house.ledger.open_load(contract.feed.name)
    if load is None:
        return
    sync_models(house)
    counts = resume(house, load, lease)
    if counts is None:
        house.say(
            f"load {load.load_seq} was stopped before anything was decided; it is voided and its files read again"
        )
        report.voided.append(load.load_seq)
        return
    report.resumed.append(load.load_seq)
    report.loads[load.load_seq] = counts


def sync_models(house: House) -> None:
    """Makes each fold state the state of today's model text, computed from silver, and drops those without a file."""
    check_models(house)
    kept = house.folds.digests()
    for name, fold in house.models.items():
        if kept.get(name) == fold.digest:
            continue
        types = house.engine.column_types(fold)

        def compute(fold: object = fold) -> object:
            published = house.ledger.published()
            model = house.models[fold.name]  # type: ignore[attr-defined]
            return house.engine.full(model, {name: house.silver(name, published) for name in model.datasets})

        house.say(f"model {name}: {'changed, computed anew' if name in kept else 'new'}")
        house.folds.replace(fold, types, compute)
    for name in kept.keys() - house.models.keys():
        house.say(f"model {name}: its file is gone, its table is dropped")
        house.folds.drop(name)


def check_models(house: House) -> None:
    """Every served route names a model and columns that exist.

    Raises:
        ModelError: names the route, the column and what there is.
    """
    for route in house.project.routes:
        fold = house.models.get(route.model)
        if fold is None:
            known = ", ".join(sorted(house.models)) or "none"
            raise ModelError(f"tillage.yaml serves {route.path} from model '{route.model}'; the models are: {known}")
        columns = {output.name: output for output in fold.outputs}
        for answer, column in route.fields:
            if column not in columns:
                raise ModelError(
                    f"tillage.yaml: {route.path} answers {answer} from column '{column}' of {route.model}; "
                    f"its columns are: {', '.join(columns)}"
                )
        if [key.name for key in fold.keys] != [route.key_column]:
            raise ModelError(f"tillage.yaml: {route.path} must select by the key of {route.model}: {fold.keys[0].name}")
