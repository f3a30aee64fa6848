"""A load that breaks a rule of its dataset: nothing of it is visible, and its feed waits for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.integration.ruled import broken_rule, ruled
from tests.integration.shops import CONTRACT, Shop, customer, order
from tillage.cli.loads import app
from tillage.contracts.contract import Severity
from tillage.domain.load import LoadState
from tillage.errors import LoadFailedError, OperatorError, UnknownLoadError
from tillage.pipelines import failing
from tillage.pipelines.dump import dump
from tillage.pipelines.house import House
from tillage.pipelines.reconcile import reconcile
from tillage.pipelines.run import RunReport, run


@contextmanager
def breaking(shop: Shop, *severities: Severity) -> Iterator[House]:
    """Its loads break a rule of each severity."""
    with shop.open() as house:
        yield ruled(house, [broken_rule(severity, name=f"r{n}") for n, severity in enumerate(severities)])


def dumped(shop: Shop) -> list[str]:
    with shop.open() as house:
        return list(dump(house, is_canonical=False))


def fail(shop: Shop) -> tuple[RunReport, int]:
    """A run of which the load fails."""
    with breaking(shop, Severity.ERROR, Severity.WARNING) as house:
        report = run(house, wait_s=1)
    return report, next(iter(report.failed))


@pytest.fixture
def failed(shop: Shop) -> tuple[Shop, int]:
    """One load is sealed, one has failed."""
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    shop.land("b.jsonl", customer("c2", order("o2")), customer("c2", order("o3")))
    return shop, fail(shop)[1]


def retry(shop: Shop, load: int) -> None:
    with shop.open() as house:
        failing.retry(house, load, reason="mended", wait_s=1)


def abandon(shop: Shop, load: int) -> None:
    with shop.open() as house:
        failing.abandon(house, load, reason="a test", wait_s=1)


def test_nothing_of_a_failed_load_is_visible_anywhere(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    shop.run()
    before = dumped(shop)
    with shop.open() as house:
        bronze = house.lake.bronze("orders").snapshot()
    shop.land("b.jsonl", customer("c2", order("o2")))
    report, load = fail(shop)
    assert report.loads == {}
    assert isinstance(report.failed[load], LoadFailedError)
    assert report.failed[load].exit_code == 11
    assert report.problems() == [report.failed[load]]
    assert str(report.failed[load]) == shop.said[-1]
    assert (
        f"load {load} failed, and feed orders stands still: rule 'r0' of orders: 3 (mustBeLessThan 3). Nothing"
        in shop.said[-1]
    )
    assert dumped(shop) == before
    with shop.open() as house:
        assert house.lake.bronze("orders").snapshot() == bronze
        assert all(one.comparison.differ == 0 for one in reconcile(house))


def test_a_feed_with_a_failed_load_stands_still_though_the_rule_would_hold_now(failed: tuple[Shop, int]) -> None:
    shop, load = failed
    shop.land("c.jsonl", customer("c3", order("o4")))
    for _ in range(2):
        report = shop.run()
        assert (list(report.failed), report.loads) == ([load], {})
    assert shop.states() == [LoadState.SEALED, LoadState.FAILED]


def test_other_feeds_go_on(shop: Shop) -> None:
    whole = yaml.safe_load((shop.root / CONTRACT).read_text())
    other = whole | {"schema": [whole["schema"][0] | {"name": "visitors"}]}
    (shop.root / "contracts/visits.odcs.yaml").write_text(yaml.safe_dump(other, sort_keys=False))
    (shop.root / "landing/visits").mkdir()
    shop.edit("tillage.yaml", "serve:", "  visits: {path: landing/visits, format: jsonl}\nserve:")
    shop.land("a.jsonl", customer("c1", order("o1")))
    fail(shop)
    shop.land("../visits/v.jsonl", customer("v1"))
    report = shop.run()
    assert (len(report.failed), len(report.loads)) == (1, 1)


def test_a_retried_load_is_voided_with_its_reason_and_its_files_are_read_again(failed: tuple[Shop, int]) -> None:
    shop, load = failed
    retry(shop, load)
    assert shop.states() == [LoadState.SEALED, LoadState.VOIDED]
    with shop.open() as house:
        assert failing.show(house, load)[0].summary.reason == "mended"
        assert house.lake.bronze("orders").snapshot().receipt > load
    report = shop.run()
    assert (report.failed, len(report.loads)) == ({}, 1)
    assert shop.spend() == {"c1": (1, 100), "c2": (2, 200)}


def test_a_retried_load_that_still_breaks_the_rule_fails_again(failed: tuple[Shop, int]) -> None:
    shop, load = failed
    retry(shop, load)
    assert fail(shop)[1] > load


def test_the_files_of_an_abandoned_load_are_read_again_only_if_their_bytes_change(failed: tuple[Shop, int]) -> None:
    shop, load = failed
    abandon(shop, load)
    report = shop.run()
    assert (report.failed, report.loads, report.problems()) == ({}, {}, [])
    shop.land("c.jsonl", customer("c3", order("o4")))
    assert len(shop.run().loads) == 1
    assert shop.spend() == {"c1": (1, 100), "c3": (1, 100)}
    shop.land("b.jsonl", customer("c2", order("o2")))
    shop.run()
    assert shop.spend() == {"c1": (1, 100), "c2": (1, 100), "c3": (1, 100)}
    assert shop.states() == [LoadState.SEALED, LoadState.ABANDONED, LoadState.SEALED, LoadState.SEALED]


def test_a_contract_that_only_a_failed_load_had_binds_nobody(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    _, load = fail(shop)
    abandon(shop, load)
    shop.edit(CONTRACT, "name: product_id", "name: article_id")
    shop.land("b.jsonl", customer("c2", order("o2")))
    assert len(shop.run().loads) == 1


@pytest.mark.parametrize("decide", [failing.retry, failing.abandon])
def test_only_a_failed_load_can_be_decided_about(failed: tuple[Shop, int], decide: Any) -> None:
    shop, load = failed
    with shop.open() as house:
        with pytest.raises(UnknownLoadError, match=r"there is no load 999; see: tillage load show"):
            decide(house, 999, reason="x", wait_s=1)
        with pytest.raises(UnknownLoadError, match=r"load 1 is sealed; only a failed load can be"):
            decide(house, 1, reason="x", wait_s=1)
        with pytest.raises(OperatorError, match="the reason is empty; say why: --reason TEXT"):
            decide(house, load, reason=" ", wait_s=1)
        decide(house, load, reason="x", wait_s=1)
        with pytest.raises(UnknownLoadError, match=f"load {load} is (voided|abandoned); only a failed load"):
            decide(house, load, reason="x", wait_s=1)


def test_a_warning_rule_is_said_and_counted_and_stops_nothing(shop: Shop) -> None:
    shop.land("a.jsonl", customer("c1", order("o1")))
    with breaking(shop, Severity.WARNING) as house:
        report = run(house, wait_s=1)
    assert (report.failed, len(report.loads), report.broken_warnings) == ({}, 1, 1)
    (load,) = report.loads
    assert f"load {load}: warning: rule 'r0' of orders: 3 (mustBeLessThan 3)" in shop.said
    assert shop.spend() == {"c1": (1, 100)}


def test_show_tells_of_each_load_what_it_would_have_brought_and_why_not(failed: tuple[Shop, int]) -> None:
    shop, load = failed
    with shop.open() as house:
        first, second = failing.show(house)
        assert [first, second] == failing.show(house, first.summary.load_seq) + failing.show(house, load)
        with pytest.raises(UnknownLoadError, match="there is no load 77"):
            failing.show(house, 77)
    assert (first.summary.state, first.broken, first.counts["orders"].accepted_rows) == (LoadState.SEALED, (), 1)
    assert (second.summary.state, second.summary.files, second.summary.reason) == (LoadState.FAILED, 1, None)
    assert second.counts["orders"].accepted_rows == 2
    assert [(one.rule, one.severity, one.found) for one in second.broken] == [
        ("r0", "error", "3 (mustBeLessThan 3)"),
        ("r1", "warning", "3 (mustBeLessThan 3)"),
    ]


def test_the_commands_show_and_decide(failed: tuple[Shop, int], monkeypatch: pytest.MonkeyPatch) -> None:
    shop, load = failed
    monkeypatch.setenv("TILLAGE_STORE_DSN", shop.dsn)
    here = ["-C", str(shop.root)]
    shown = json.loads(CliRunner().invoke(app, ["show", "--json", *here]).stdout)
    assert [(one["load"], one["state"], one["files"]) for one in shown] == [(1, "sealed", 1), (load, "failed", 1)]
    assert shown[1]["datasets"]["orders"]["accepted_rows"] == 2
    assert shown[1]["broken_rules"][0] == {
        "dataset": "orders",
        "rule": "r0",
        "severity": "error",
        "found": "3 (mustBeLessThan 3)",
    }
    text = CliRunner().invoke(app, ["show", str(load), *here]).stdout
    assert f"load {load}  orders  failed" in text
    assert [one["kind"] for one in shown] == ["read", "read"]
    assert "  error: rule 'r0' of orders: 3 (mustBeLessThan 3)" in text
    assert "orders: read 2 = accepted 2 + quarantined 0 + duplicate 0; read 2.30 EUR" in text
    done = CliRunner().invoke(app, ["retry", str(load), "--reason", "mended", "--json", *here])
    assert json.loads(done.stdout) == {"load": load, "state": "voided"}
    again = CliRunner().invoke(app, ["abandon", str(load), "--reason", "mended", *here])
    assert isinstance(again.exception, UnknownLoadError)
    assert "reason: mended" in CliRunner().invoke(app, ["show", *here]).stdout
    assert CliRunner().invoke(app, ["retry", str(load), *here]).exit_code == 2


def test_a_rule_of_the_contract_is_asked_of_all_that_would_be_there(shop: Shop) -> None:
    rules = [
        {"id": "enough", "type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 3},
        {"id": "few", "type": "library", "metric": "rowCount", "mustBeLessThan": 4, "severity": "warning"},
    ]
    whole = yaml.safe_load((shop.root / CONTRACT).read_text())
    whole["schema"][1]["quality"] = rules
    (shop.root / CONTRACT).write_text(yaml.safe_dump(whole, sort_keys=False))
    shop.land("a.jsonl", customer("c1", order("o1"), order("o2")))
    (load,) = shop.run().failed
    assert f"load {load} failed, and feed orders stands still: rule 'enough' of orders: 2 (mustBeGrea" in shop.said[-1]
    shop.land("b.jsonl", customer("c2", order("o3")))
    retry(shop, load)
    report = shop.run()
    assert (report.failed, report.broken_warnings, len(report.loads)) == ({}, 0, 1)
    shop.land("c.jsonl", customer("c3", order("o4")), customer("c4", order("o4")))
    assert shop.run().broken_warnings == 1
    assert any(line.endswith("warning: rule 'few' of orders: 4 (mustBeLessThan 4)") for line in shop.said)
    assert sum(orders for orders, _ in shop.spend().values()) == 4
