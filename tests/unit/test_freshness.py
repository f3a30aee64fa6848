"""How fresh data is promised to be is read from ODCS's service levels, or refused with its line; it judges nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillage.contracts.contract import Contract
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.promises import Latency, Span
from tillage.contracts.tools.compare import Breaks, Change, changes
from tillage.errors import ContractError

_MARKED = "customProperties: [{property: tillage.eventTime, value: true}]"
_HEAD = """apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
"""
_VISITS = (
    "- {name: visits, properties: [{name: n, logicalType: string}, "
    f"{{name: seen_at, logicalType: timestamp, {_MARKED}}}]}}\n"
)
_PEOPLE = "- {name: people, properties: [{name: p, logicalType: string}]}\n"
_SALES = (
    "- {name: sales, properties: [{name: sale, logicalType: object, properties: "
    f"[{{name: day, logicalType: date, {_MARKED}}}]}}]}}\n"
)
_SEVERAL = _VISITS + _PEOPLE + _SALES


def _read(levels: str, datasets: str = _SEVERAL) -> Contract:
    return read_contract("f", "f.odcs.yaml", f"{_HEAD}{datasets}slaProperties:\n{levels}\n")


@pytest.mark.parametrize(
    ("level", "span"),
    [
        ("property: frequency, value: 1, unit: d", Span(1, "d")),
        ("property: fy, value: 90, unit: min", Span(90, "min")),
        ("property: FREQUENCY, value: 90, unit: minutes", Span(90, "min")),
        ("property: frequency, value: 2, unit: minute, element: 'people, visits, sales'", Span(2, "min")),
        ("property: frequency, value: 25, unit: h, driver: operational, description: daily", Span(25, "h")),
        ("property: frequency, value: 25, unit: hr, id: daily", Span(25, "h")),
        ("property: frequency, value: 100000, unit: hours", Span(100_000, "h")),
        ("property: frequency, value: 7, unit: days", Span(7, "d")),
    ],
)
def test_frequency_is_of_all_files_of_the_feed(level: str, span: Span) -> None:
    found = _read(f"- {{{level}}}")
    assert (found.frequency, found.latencies, found.retention) == (span, (), None)


@pytest.mark.parametrize(
    ("element", "datasets", "wanted"),
    [
        ("visits", _SEVERAL, ["visits"]),
        ("visits.seen_at", _SEVERAL, ["visits"]),
        ("sales.sale.day", _SEVERAL, ["sales"]),
        ("'sales.sale.day, visits'", _SEVERAL, ["sales", "visits"]),
        (None, _VISITS, ["visits"]),
        ("visits", _VISITS, ["visits"]),
        ("seen_at", _VISITS, ["visits"]),
        ("sale.day", _SALES, ["sales"]),
    ],
)
def test_latency_is_of_datasets_by_their_name_or_that_of_their_event_time(
    element: str | None, datasets: str, wanted: list[str]
) -> None:
    said = f", element: {element}" if element else ""
    for name in ("latency", "ly", "Latency"):
        found = _read(f"- {{property: {name}, value: 4, unit: hour{said}}}", datasets)
        assert found.latencies == tuple(Latency(dataset, Span(4, "h")) for dataset in wanted)


def test_each_dataset_has_its_own_latency() -> None:
    found = _read(
        "- {property: latency, value: 4, unit: h, element: visits}\n- {property: ly, value: 2, unit: d, element: sales}"
    )
    assert found.latencies == (Latency("visits", Span(4, "h")), Latency("sales", Span(2, "d")))
    assert [one.most.length for one in found.latencies] == [timedelta(hours=4), timedelta(days=2)]


@pytest.mark.parametrize(
    ("level", "says"),
    [
        (
            "property: latncy\n  value: 4\n  unit: d",
            "'latncy' .* did you mean 'latency'.* Allowed: retention",
        ),
        ("property: throughput\n  value: 4\n  unit: d", "'throughput' of slaProperties is not applied"),
        ("property: frequency\n  value: 13\n  unit: m", r"minutes \(min, minute, minutes\), hours \(h, hr, .*days \(d"),
        ("property: frequency\n  description: why\n  value: 1", "frequency is in minutes"),
        ("property: frequency\n  unit: h\n  value: 0", "whole number of hours from 1 to 100,000"),
        ("property: frequency\n  unit: h\n  value: 100001", "whole number of hours"),
        ("property: frequency\n  unit: d\n  value: '1'", "whole number of days"),
        ("property: frequency\n  value: 1\n  valueExt: 1\n  unit: d", "'valueExt' has no effect on frequency"),
        ("property: frequency\n  value: 1\n  schedule: 0 6 * * *\n  unit: d", "'schedule' has no effect on frequency"),
        ("property: frequency\n  value: 1\n  element: visits\n  unit: d", "frequency is of the files of the feed"),
        ("property: latency\n  value: 1\n  unit: d", "latency needs `element`.*: visits, sales, visits.seen_at"),
        ("property: latency\n  value: 1\n  element: people\n  unit: d", "'people' is no dataset with an event time"),
        ("property: latency\n  value: 1\n  element: visits.n\n  unit: d", "'visits.n' is no .*mean 'visits'"),
        ("property: latency\n  value: 1\n  element: seen_at\n  unit: d", "'seen_at' is no dataset with an event time"),
        ("property: latency\n  value: 1\n  element: vists\n  unit: d", "did you mean 'visits'"),
        ("property: latency\n  element: visits\n  value: true\n  unit: min", "latency is a whole number of minutes"),
        ("property: latency\n  element: visits\n  value: 1\n  unit: y", "latency is in minutes"),
        ("property: latency\n  value: 1\n  scheduler: cron\n  unit: d", "'scheduler' has no effect on latency"),
        ("property: latency\n  value: 1\n  unit: d\n  element: 'visits, visits.seen_at'", "'visits' is given twice"),
    ],
)
def test_what_would_not_be_applied_is_refused_with_its_line(level: str, says: str) -> None:
    with pytest.raises(ContractError, match=rf"f\.odcs\.yaml, line 1[0-4]: .*{says}"):
        _read(f"- {level}")


def test_line_is_that_of_the_member_at_fault() -> None:
    with pytest.raises(ContractError, match="line 13: 'people' is no dataset"):
        _read("- property: latency\n  value: 1\n  element: people\n  unit: d")


def test_latency_of_what_has_no_event_time_says_how_to_mark_one() -> None:
    with pytest.raises(ContractError, match=r"line 9: .*no column says .*tillage\.eventTime, value: true"):
        _read("- {property: latency, value: 1, unit: d}", _PEOPLE)


def test_frequency_that_is_given_twice_is_refused() -> None:
    level = "- {property: frequency, value: 3, unit: d}"
    with pytest.raises(ContractError, match="line 12: frequency is given twice"):
        _read(f"{level}\n{level.replace('frequency', 'fy')}")


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        ("4, unit: h", "5, unit: h", Breaks.READERS),
        ("4, unit: h", "1, unit: d", Breaks.READERS),
        ("4, unit: h", None, Breaks.READERS),
        ("4, unit: h", "239, unit: min", Breaks.NOBODY),
        (None, "4, unit: h", Breaks.NOBODY),
        ("24, unit: h", "1, unit: d", None),
    ],
)
def test_only_a_looser_promise_breaks_readers_and_none_judges_otherwise(
    old: str | None, new: str | None, breaks: Breaks | None
) -> None:
    for name, element, where in (("frequency", "", "contract"), ("latency", ", element: visits", "visits")):
        before, after = (
            _read(f"- {{property: {name}, value: {one}{element}}}" if one else "- {property: re, value: 1, unit: d}")
            for one in (old, new)
        )
        assert before.judges_as(after)
        found = [one for one in changes(before, after) if not one.what.startswith("bytes are kept")]
        shown = [(one or "not promised").replace(", unit: ", " ") for one in (old, new)]
        assert found == ([Change(where, f"{name}: {shown[0]} -> {shown[1]}", breaks)] if breaks else [])
