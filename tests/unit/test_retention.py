"""How long bytes are kept is read from ODCS's service levels, or refused with its line; it has no say in verdicts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tillage.contracts.contract import Contract, Retention
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.tools.compare import Breaks, Change, changes
from tillage.errors import ContractError

_HEAD = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
- {name: visits, properties: [{name: n, logicalType: integer}]}
- {name: people, properties: [{name: p, logicalType: string}]}
"""


def _read(levels: str = "") -> Contract:
    return read_contract("f", "f.odcs.yaml", _HEAD + (f"slaProperties:\n{levels}\n" if levels else ""))


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        ("{property: retention, value: 400, unit: d}", Retention(days=400)),
        ("{property: retention, value: 1, unit: day}", Retention(days=1)),
        ("{property: RE, value: 1, unit: day}", Retention(days=1)),
        ("{property: retention, value: 30, unit: days, driver: regulatory, description: why}", Retention(days=30)),
        ("{property: retention, value: 10, unit: y}", Retention(years=10)),
        ("{property: retention, value: 10, unit: years, element: 'people, visits'}", Retention(years=10)),
        ("{property: retention, value: 2, unit: yr, customProperties: [{property: x, value: y}]}", Retention(years=2)),
    ],
)
def test_days_and_years_of_the_whole_contract_are_read(level: str, kept: Retention) -> None:
    assert _read(f"- {level}").retention == kept


def test_without_a_service_level_bytes_are_kept_for_ever() -> None:
    assert _read().retention is None
    assert read_contract("f", "f.odcs.yaml", _HEAD + "slaProperties: []\n").retention is None


@pytest.mark.parametrize(
    ("level", "says"),
    [
        (
            "property: availability\n  value: 4\n  unit: d",
            "'availability' of slaProperties is not applied by this",
        ),
        ("property: retention\n  value: 13\n  unit: m", r"in days \(d, day, days\) or years \(y, yr, year, years\)"),
        ("property: retention\n  description: why\n  value: 400", "retention is in days"),
        ("property: retention\n  unit: d\n  value: 0", "whole number of days from 1 to 100,000"),
        ("property: retention\n  unit: d\n  value: 1.5", "whole number of days"),
        ("property: retention\n  unit: y\n  value: true", "whole number of years from 1 to 250"),
        ("property: retention\n  unit: y\n  value: '3'", "whole number of years"),
        ("property: retention\n  unit: y\n  value: 251", "whole number of years"),
        ("property: retention\n  value: 1\n  element: visits\n  unit: d", "whole records, which all datasets share"),
        ("property: retention\n  value: 1\n  element: visits.n\n  unit: d", "whole records"),
        ("property: retention\n  value: 1\n  schedule: 0 20 * * *\n  unit: d", "'schedule' has no effect"),
        ("property: retention\n  value: 1\n  valueExt: 2\n  unit: d", "'valueExt' has no effect"),
    ],
)
def test_what_would_not_be_applied_is_refused(level: str, says: str) -> None:
    with pytest.raises(ContractError, match=rf"f\.odcs\.yaml, line 1[0-2]: .*{says}"):
        _read(f"- {level}")


def test_line_is_that_of_the_member_at_fault() -> None:
    with pytest.raises(ContractError, match="line 12: retention is of whole records"):
        _read("- property: retention\n  value: 1\n  element: visits\n  unit: d")


def test_retention_that_is_given_twice_is_refused() -> None:
    level = "- {property: retention, value: 3, unit: d}"
    with pytest.raises(ContractError, match="line 11: retention is given twice"):
        _read(f"{level}\n{level}")


def test_element_that_older_contracts_name_for_all_levels_is_refused() -> None:
    with pytest.raises(ContractError, match="'slaDefaultElement' of a contract is ODCS, but this version does not"):
        read_contract("f", "f.odcs.yaml", _HEAD + "slaDefaultElement: visits\n")


def test_retention_is_no_difference_between_contracts_that_judge() -> None:
    plain, kept = _read(), _read("- {property: retention, value: 3, unit: d}")
    assert plain.digest != kept.digest
    assert plain.judges_as(kept)
    assert not plain.judges_as(read_contract("f", "f", _HEAD.replace("integer", "number")))
    assert changes(plain, kept) == [Change("contract", "bytes are kept: for ever -> 3 d", Breaks.NOBODY)]
    assert changes(kept, kept) == []


def test_limit_is_never_later_than_the_time_that_was_asked_for() -> None:
    now = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert Retention(days=400).limit(now) == datetime(2027, 1, 25, 12, tzinfo=UTC)
    assert Retention(years=1).limit(now) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert Retention(years=4).limit(now.replace(day=28)) == datetime(2024, 2, 28, 12, tzinfo=UTC)
    assert Retention(days=100_000).limit(now).year == 1754
    assert Retention(years=250).limit(now).year == 1778
