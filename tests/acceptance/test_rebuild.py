"""A rate from a day on, a corrected rate and a rebuild: old totals and new ones are those of an oracle.

The oracle is in this file: it knows orders, rates and days, and adds up with `Decimal`.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest
import yaml

from tests.acceptance.commands import tillage
from tests.acceptance.crash.places import LANDING, Place, Places, open_places
from tests.acceptance.crash.runs import Run, run
from tillage.pipelines.audit import audit
from tillage.pipelines.dump import dump
from tillage.pipelines.quarantine import replay
from tillage.pipelines.rebuild import rebuild_from_bronze
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import run as load
from tillage.settings import read_settings
from tillage.wiring import open_house

pytestmark = pytest.mark.accept("5.2")

CONTRACT = "contracts/orders.odcs.yaml"
SPEND = """
select customer_id, sum(1) as orders, sum(net) as net_minor
from (select o.customer_id, l.net_minor as net from orders as o cross join unnest(o.lines) as t(l)) group by customer_id
"""
BY_RATE = """
select l.vat_bp, sum(l.gross_minor) as gross_minor, sum(l.net_minor) as net_minor
from orders as o cross join unnest(o.lines) as t(l) group by l.vat_bp
"""
CLASSES = ("hot food", "cold food", "beverage", "dessert")


@dataclass(frozen=True)
class Rates:
    """Percent by class; and by day, what holds from that day on."""

    first: Mapping[str, str]
    later: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, kind: str, day: str) -> Decimal | None:
        found = self.first.get(kind)
        for start in sorted(self.later):
            if start <= day:
                found = self.later[start].get(kind, found)
        return None if found is None else Decimal(found)


@dataclass(frozen=True)
class Order:
    number: str
    customer: str
    day: str
    lines: tuple[tuple[str, int], ...]
    """Class and gross cents."""

    def as_json(self) -> str:
        """With members that only a grown contract reads, in every third order."""
        new = {"till": {"name": "A"}} if self.day.endswith(("3", "6", "9")) else {}
        lines = [{"kind": kind, "gross": float(Decimal(cents) / 100)} | new for kind, cents in self.lines]
        return json.dumps({"order": self.number, "customer": self.customer, "day": self.day, "lines": lines} | new)


def net_by_rate(order: Order, rates: Rates) -> dict[Decimal, int] | None:
    """Cents, rounded once for each rate; None if a class has none."""
    gross: defaultdict[Decimal, int] = defaultdict(int)
    for kind, cents in order.lines:
        rate = rates.of(kind, order.day)
        if rate is None:
            return None
        gross[rate] += cents
    cent = Decimal(1)
    return {
        rate: int((Decimal(cents) * 100 / (100 + rate)).quantize(cent, ROUND_HALF_UP)) for rate, cents in gross.items()
    }


def totals(decided: Mapping[Order, Rates]) -> tuple[dict[str, int], dict[int, int]]:
    """Net cents by customer, and by rate in basis points; of orders under the rates that each was decided by."""
    spend: defaultdict[str, int] = defaultdict(int)
    by_rate: defaultdict[int, int] = defaultdict(int)
    for order, rates in decided.items():
        for rate, net in (net_by_rate(order, rates) or {}).items():
            spend[order.customer] += net
            by_rate[int(rate * 100)] += net
    return dict(spend), dict(by_rate)


def contract_of(rates: Rates, *, is_grown: bool = False) -> str:
    vat = {
        "rateBy": "kind",
        "rates": {kind: float(rate) for kind, rate in rates.first.items()},
        "validFrom": {day: {kind: float(rate) for kind, rate in found.items()} for day, found in rates.later.items()},
        "dateBy": "day",
    }
    if not rates.later:
        del vat["validFrom"], vat["dateBy"]
    terms = [{"property": "tillage.money", "value": "EUR"}, {"property": "tillage.vat", "value": vat}]
    text = {"logicalType": "string", "required": True}
    lines = [
        {"name": "kind", **text},
        {"name": "gross", "logicalType": "number", "required": True, "customProperties": terms},
    ]
    columns = [
        {"name": "number", "physicalName": "order", "logicalType": "string", "primaryKey": True},
        {"name": "customer_id", "physicalName": "customer", **text},
        {"name": "day", "logicalType": "date", "required": True},
        {
            "name": "lines",
            "logicalType": "array",
            "required": True,
            "items": {"logicalType": "object", "properties": lines},
        },
    ]
    if is_grown:  # in the unit and in its lines, first of all columns
        till = {"name": "till", "logicalType": "object", "properties": [{"name": "name", "logicalType": "string"}]}
        columns, lines[:] = [till, *columns], [till, *lines]
    contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "orders", "version": "1.0.0", "status": "active"}
    return yaml.safe_dump(contract | {"schema": [{"name": "orders", "properties": columns}]}, sort_keys=False)


def settle(place: Place, rates: Rates) -> None:
    """Makes the example project one with days and rates from a day on."""
    project = {
        "project": "rates",
        "feeds": {"orders": {"path": "landing/orders", "format": "jsonl"}},
        "serve": {"/spend/{customer}": {"from": "spend", "fields": {"customer": "customer_id", "net": "net_minor"}}},
    }
    (place.root / "models/customer_spend.sql").unlink()
    place.deliver(
        {
            "tillage.yaml": json.dumps(project).encode(),
            "models/spend.sql": SPEND.encode(),
            "models/by_rate.sql": BY_RATE.encode(),
            CONTRACT: contract_of(rates).encode(),
        }
    )


def arrive(place: Place, name: str, orders: list[Order]) -> None:
    place.deliver({f"{LANDING}/{name}": "".join(order.as_json() + "\n" for order in orders).encode()})


def served(place: Place) -> tuple[dict[str, int], dict[int, int]]:
    """What readers find in both folds at one moment, read past the product."""
    with psycopg.connect(place.dsn) as store:
        rows = store.execute("""
            select 'spend', customer_id, net_minor from gold.spend
            union all select 'rate', vat_bp::text, net_minor from gold.by_rate
        """).fetchall()
    spend = {key: int(net) for kind, key, net in rows if kind == "spend"}
    return spend, {int(key): int(net) for kind, key, net in rows if kind == "rate"}


def random_orders(rolled: random.Random, count: int, *, prefix: str = "o") -> list[Order]:
    return [
        Order(
            f"{prefix}{number}",
            f"c{rolled.randrange(4)}",
            f"2025-0{rolled.randrange(1, 7)}-{rolled.randrange(1, 29):02}",
            tuple((rolled.choice(CLASSES), rolled.randrange(-500, 9000)) for _ in range(rolled.randrange(1, 5))),
        )
        for number in range(count)
    ]


def random_rates(rolled: random.Random) -> Rates:
    def some(least: int) -> dict[str, str]:
        kinds = rolled.sample(CLASSES, rolled.randrange(least, len(CLASSES) + 1))
        return {kind: rolled.choice(["0", "5", "5.5", "7", "9", "15", "19"]) for kind in sorted(kinds)}

    days = rolled.sample(["2025-01-15", "2025-03-01", "2025-05-20"], rolled.randrange(3))
    first = some(2)
    return Rates(first, {day: {kind: rate for kind, rate in some(1).items() if kind in first} or first for day in days})


def proven(place: Place) -> None:
    """All keepers agree, and the served sums are those of the bytes."""
    with open_house(place.root, read_settings({"TILLAGE_STORE_DSN": place.dsn}), say=lambda _: None) as house:
        assert audit(house).findings == ()
        assert all(one.comparison.differ == 0 for one in reconcile(house))


def known(place: Place) -> list[str]:
    """The canonical dump."""
    with open_house(place.root, read_settings({"TILLAGE_STORE_DSN": place.dsn}), say=lambda _: None) as house:
        return list(dump(house, is_canonical=True))


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with open_places() as found:
        yield found


WRONG = Rates({"hot food": "15", "cold food": "7", "beverage": "9", "dessert": "7"})
RISEN = Rates(WRONG.first, {"2025-03-01": {"hot food": "19", "cold food": "9"}})
CORRECTED = Rates(WRONG.first, {"2025-03-01": {"hot food": "19", "cold food": "8"}})


def test_rate_from_a_day_on_then_a_corrected_one_and_a_rebuild_serve_what_the_oracle_says(places: Places) -> None:
    rolled = random.Random(5)
    first, second = random_orders(rolled, 40), random_orders(rolled, 40, prefix="p")
    place = places.fresh()
    settle(place, WRONG)

    def command(*words: str, expect: int = 0) -> str:
        return tillage(place.root, *words, expect=expect, TILLAGE_STORE_DSN=place.dsn)

    arrive(place, "first.jsonl", first)
    command("run")
    assert served(place) == totals(dict.fromkeys(first, WRONG))

    place.deliver({CONTRACT: contract_of(RISEN).encode()})
    arrive(place, "second.jsonl", second)
    command("run")
    mixed = totals(dict.fromkeys(first, WRONG) | dict.fromkeys(second, RISEN))
    assert served(place) == mixed

    place.deliver({CONTRACT: contract_of(CORRECTED).encode()})
    assert "tillage rebuild --from bronze --feed orders" in command("plan", expect=11)
    trial = json.loads(command("rebuild", "--from", "bronze", "--dry-run", "--json"))
    assert served(place) == mixed
    answer = json.loads(command("rebuild", "--from", "bronze", "--json"))
    new = totals(dict.fromkeys([*first, *second], CORRECTED))
    assert served(place) == new
    assert new != mixed
    assert answer["sums"] == trial["sums"]
    net = trial["sums"]["orders"]["lines.net_minor"]["EUR"]
    assert net["after"] - net["before"] == sum(new[0].values()) - sum(mixed[0].values())
    assert "to apply it" not in command("plan")
    proven(place)
    assert json.loads(command("rebuild", "--from", "bronze", "--json"))["loads"] == []

    explained = json.loads(command("explain", "/spend/c1", "--json"))
    assert explained["adds_up"]
    shown = [(part["element"]["kind"], part["rate_bp"]) for part in explained["parts"]]
    mine = [order for order in [*first, *second] if order.customer == "c1"]
    expected = [(kind, {"gross": rate_bp(kind, order.day)}) for order in mine for kind, _ in order.lines]
    assert sorted(shown, key=str) == sorted(expected, key=str)
    assert "8 %" in command("explain", "/spend/c1", "--all")


def rate_bp(kind: str, day: str) -> int:
    rate = CORRECTED.of(kind, day)
    assert rate is not None
    return int(rate * 100)


@pytest.fixture(scope="module")
def ready(places: Places) -> tuple[Place, Place]:
    """A house whose contract was corrected, has grown, and lost a class, so that some units will wait; and the same
    rebuilt.
    """
    rolled = random.Random(8)
    place = places.fresh()
    settle(place, RISEN)
    arrive(place, "first.jsonl", random_orders(rolled, 30))
    assert run(place).code == 0
    lacking = Rates({kind: rate for kind, rate in WRONG.first.items() if kind != "dessert"}, CORRECTED.later)
    place.deliver({CONTRACT: contract_of(lacking, is_grown=True).encode()})
    whole = places.copy(place)
    ended = run(whole, first="rebuild")
    assert ended.code == 0, ended.said
    assert {"plan", "bronze", "silver", "publish", "seal", "lease", "release-lease"} <= ended.did["passed"].keys()
    assert known(whole) != known(place)
    proven(whole)
    return place, whole


@pytest.mark.parametrize("point", ["lease", "plan", "bronze", "silver", "publish", "seal", "release-lease"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_rebuild_that_is_killed_anywhere_is_finished_by_a_run(
    places: Places, ready: tuple[Place, Place], side: str, point: str
) -> None:
    base, whole = ready
    place = places.copy(base)
    killed = run(place, crash=f"{side}:{point}", first="rebuild")
    assert killed.is_killed, killed.said
    ended = run(place)
    assert ended.code == 0, ended.said
    if point == "lease" or (side, point) == ("before", "plan"):  # nobody knows yet that one was wanted
        assert known(place) == known(base)
        assert run(place, first="rebuild").code == 0
    assert known(place) == known(whole)
    places.drop(place)


def test_readers_see_all_of_the_old_or_all_of_the_new(places: Places, ready: tuple[Place, Place]) -> None:
    base, whole = ready
    old, new = served(base), served(whole)
    place = places.copy(base)
    with Run(place, stop="before:publish", first="rebuild") as rebuilding:
        rebuilding.until_stopped()
        assert served(place) == old
        rebuilding.go_on()
        seen = [served(place)]
        while not rebuilding.is_over():
            seen.append(served(place))
        assert rebuilding.ended().code == 0
    seen.append(served(place))
    assert all(one in (old, new) for one in seen)
    assert seen[-1] == new
    assert seen == sorted(seen, key=[old, new].index)


@pytest.mark.parametrize("seed", range(4))
def test_rebuilt_house_is_one_that_loaded_all_under_the_new_contract(places: Places, seed: int) -> None:
    rolled = random.Random(seed)
    print(f"seed {seed}")
    tables = [random_rates(rolled) for _ in range(3)]
    orders = random_orders(rolled, 24)
    built, fresh = places.fresh(), places.fresh()
    settle(built, tables[0])
    settle(fresh, tables[-1])
    parts = [orders[start::3] for start in range(3)]
    for turn, part in enumerate(parts):
        for place in (built, fresh):
            arrive(place, f"{turn}.jsonl", part)
        built.deliver({CONTRACT: contract_of(tables[min(turn, 1)]).encode()})
        with opened(built) as house:
            load(house, wait_s=60)
            if rolled.random() < 0.3:
                rebuild_from_bronze(house, wait_s=60)
    built.deliver({CONTRACT: contract_of(tables[-1]).encode()})
    with opened(built) as house:
        rebuild_from_bronze(house, wait_s=60)
        replay(house, wait_s=60)
    with opened(fresh) as house:
        load(house, wait_s=60)
    assert served(built) == totals(dict.fromkeys(orders, tables[-1]))
    assert known(built) == known(fresh)
    proven(built)


def opened(place: Place) -> Any:
    return open_house(place.root, read_settings({"TILLAGE_STORE_DSN": place.dsn}), say=lambda _: None)
