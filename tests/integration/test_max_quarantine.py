"""A load that would quarantine more than its feed allows fails before bronze, and can be retried."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from tests.integration.shops import CONTRACT, Shop, customer, order
from tillage.cli.app import app
from tillage.domain.load import LoadState
from tillage.errors import LoadFailedError
from tillage.pipelines import failing
from tillage.pipelines.dump import dump


def allow(shop: Shop, bound: str | int | None) -> None:
    path = shop.root / "tillage.yaml"
    project = yaml.safe_load(path.read_text())
    project["feeds"]["orders"].pop("maxQuarantine", None)
    project["feeds"]["orders"] |= {} if bound is None else {"maxQuarantine": bound}
    path.write_text(yaml.safe_dump(project))


def land_with(shop: Shop, name: str, *, good: int, bad: int) -> None:
    """Customers with one order each; each bad order has a text for its price."""
    orders = [order(f"{name}-{number}", "much" if number < bad else 1.15) for number in range(good + bad)]
    shop.land(name, *(customer(f"c-{name}-{number}", one) for number, one in enumerate(orders)))


def test_a_load_over_the_bound_fails_with_both_figures_and_nothing_of_it_is_visible(shop: Shop) -> None:
    land_with(shop, "a.jsonl", good=3, bad=0)
    shop.run()
    with shop.open() as house:
        before, bronze = list(dump(house, is_canonical=False)), house.lake.bronze("orders").snapshot()
    allow(shop, "1%")
    land_with(shop, "b.jsonl", good=8, bad=2)
    report = shop.run()
    (wrong,) = report.problems()
    assert isinstance(wrong, LoadFailedError)
    assert wrong.exit_code == 11
    # 10 customers and 10 orders are read.
    assert (
        "rule 'maxQuarantine' of feed orders: 2 of 20 units would be quarantined (type 2), and no more than 1% may be"
    ) in str(wrong)
    assert "tillage load retry" in str(wrong)
    assert "tillage load abandon" in str(wrong)
    with shop.open() as house:
        assert list(dump(house, is_canonical=False)) == before
        assert house.lake.bronze("orders").snapshot() == bronze


@pytest.mark.parametrize(("bound", "is_failed"), [("10%", False), ("9.999999%", True), ("2", False), ("1", True)])
def test_the_share_is_of_the_units_of_all_datasets(shop: Shop, bound: str, is_failed: bool) -> None:
    allow(shop, bound if "%" in bound else int(bound))
    land_with(shop, "a.jsonl", good=8, bad=2)
    assert bool(shop.run().failed) is is_failed


def test_a_load_of_nothing_breaks_no_bound(shop: Shop) -> None:
    allow(shop, "0%")
    shop.land("empty.jsonl")
    report = shop.run()
    assert (len(report.loads), report.failed) == (1, {})


def test_a_retried_load_is_taken_after_the_bound_was_raised(shop: Shop) -> None:
    allow(shop, "0%")
    land_with(shop, "a.jsonl", good=1, bad=1)
    (load,) = shop.run().failed
    assert list(shop.run().failed) == [load]
    allow(shop, "50%")
    assert list(shop.run().failed) == [load], "a failed load waits for a person, whatever the bound is by now"
    with shop.open() as house:
        failing.retry(house, load, reason="the bound was too low", wait_s=1)
    report = shop.run()
    assert (report.failed, report.quarantined_rows) == ({}, 1)
    assert shop.states() == [LoadState.VOIDED, LoadState.SEALED]


def test_an_abandoned_load_lets_the_feed_go_on(shop: Shop) -> None:
    allow(shop, "0%")
    land_with(shop, "a.jsonl", good=1, bad=1)
    (load,) = shop.run().failed
    with shop.open() as house:
        failing.abandon(house, load, reason="rubbish", wait_s=1)
    land_with(shop, "b.jsonl", good=2, bad=0)
    report = shop.run()
    assert (report.failed, len(report.loads)) == ({}, 1)


def test_bound_and_rules_are_said_together(shop: Shop) -> None:
    allow(shop, "0%")
    whole = yaml.safe_load((shop.root / CONTRACT).read_text())
    whole["schema"][1]["quality"] = [{"id": "enough", "type": "library", "metric": "rowCount", "mustBeGreaterThan": 9}]
    (shop.root / CONTRACT).write_text(yaml.safe_dump(whole, sort_keys=False))
    land_with(shop, "a.jsonl", good=1, bad=1)
    (load,) = shop.run().failed
    with shop.open() as house:
        (shown,) = failing.show(house, load)
    assert {one.rule for one in shown.broken} == {"maxQuarantine", "enough"}


def test_the_command_ends_with_11_and_load_show_names_the_bound(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLAGE_STORE_DSN", shop.dsn)
    here = ["-C", str(shop.root)]
    allow(shop, "0%")
    land_with(shop, "a.jsonl", good=1, bad=1)
    done = CliRunner().invoke(app, ["run", *here])
    assert isinstance(done.exception, LoadFailedError)
    shown = json.loads(CliRunner().invoke(app, ["load", "show", "--json", *here]).stdout)
    assert [rule["rule"] for rule in shown[0]["broken_rules"]] == ["maxQuarantine"]
    assert "much" not in json.dumps(shown)
