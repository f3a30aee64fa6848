"""What a page makes of a JSON document, without a house."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest

from tests.integration.page_reading import spoken
from tillage.domain.verdict import Code
from tillage.errors import (
    LeaseHeldError,
    OperatorError,
    OverloadedError,
    StoreAwayError,
    StoreError,
    TillageError,
    TimeLimitError,
    UnknownKeyError,
    UnknownLoadError,
)
from tillage.pages.chart import HEIGHT, days_chart, days_charts
from tillage.pages.figures import Document, moment, pointer, size
from tillage.pages.flow import MOST_FILES, ROW, flow
from tillage.pages.law import FOR_ALL_TIME, OF_A_LOAD, account
from tillage.pages.looking import Asked
from tillage.pages.reasons import MEANINGS, means, reason_charts, reason_rows
from tillage.pages.refusals import refusal
from tillage.pages.rendering import render
from tillage.pages.words import counted, listed, words


def law(read: Any, accepted: Any, waiting: Any, **more: Any) -> dict[str, Any]:
    nothing: Any = {} if isinstance(read, dict) else 0
    minor = {"read": read, "accepted": accepted, "waiting": waiting, "duplicate": nothing, "suppressed": nothing,
             "discarded": nothing}  # fmt: skip
    rows = {"read": 3, "accepted": 2, "waiting": 1, "duplicate": 0, "suppressed": 0, "discarded": 0}
    figures = {f"{part}_minor": value for part, value in minor.items()}
    return figures | {f"{part}_rows": value for part, value in rows.items()} | {"not_countable_rows": 0} | more


def test_pointer_leads_to_any_name() -> None:
    assert pointer(("datasets", "a/b~c", 0, "")) == "/datasets/a~1b~0c/0/"
    document = Document("x", {"a/b~c": [{"": 1_234}]})
    assert document.count("a/b~c", 0, "").text == "1,234"
    assert document.count("a/b~c", 0, "").value == "1234"


def test_account_of_several_currencies_has_a_column_for_each_and_a_gap_where_nothing_is() -> None:
    document = Document("x", law({"EUR": 300, "JPY": 7}, {"EUR": 300}, {"JPY": 7}))
    found = account(document, (), "orders", None, FOR_ALL_TIME)
    assert found.currencies == ("EUR", "JPY")
    shown = {entry.name: [figure.text if figure else None for figure in entry.amounts] for entry in found.entries}
    assert shown["read"] == ["3.00", "7"]
    assert shown["accepted"] == ["3.00", None]
    assert shown["waiting"] == [None, "7"]
    assert found.balances
    assert [entry.name for entry in found.moved()] == ["accepted", "waiting"]


@pytest.mark.parametrize("wrong", [{"accepted_rows": 1}, {"accepted_minor": 299}])
def test_account_that_does_not_balance_says_so(wrong: dict[str, Any]) -> None:
    right = law(400, 300, 100)
    assert account(Document("x", right), (), "orders", "EUR", FOR_ALL_TIME).balances
    assert not account(Document("x", right | wrong), (), "orders", "EUR", FOR_ALL_TIME).balances


def test_account_without_money_has_rows_alone() -> None:
    counts = {f"{part}_rows": 0 for part in OF_A_LOAD} | {f"{part}_minor": None for part in OF_A_LOAD}
    found = account(Document("x", counts | {"not_countable_rows": 0}), (), "customers", None, OF_A_LOAD)
    assert found.currencies == ()
    assert all(entry.amounts == () for entry in found.entries)


def day(accepted: int, quarantined: int) -> dict[str, Any]:
    rows = {"read": accepted + quarantined, "accepted": accepted, "quarantined": quarantined, "duplicate": 0,
            "suppressed": 0}  # fmt: skip
    figures = {f"{part}_{unit}": value for unit in ("rows", "minor") for part, value in rows.items()}
    return {"day": "2026-01-01", "dataset": "orders", "currency": "EUR"} | figures


def test_columns_of_a_chart_are_as_high_as_what_they_stand_for() -> None:
    document = Document("status", {"days": [day(30, 10), day(0, 0), day(-5, 20)]})
    chart = days_chart(document, [0, 1, 2], "orders", None)
    assert [(bar.part, bar.height) for bar in chart.bars] == [
        ("accepted", 0.75 * HEIGHT), ("quarantined", 0.25 * HEIGHT), ("quarantined", 0.5 * HEIGHT)
    ]  # fmt: skip
    assert [bar.y + bar.height for bar in chart.bars] == [HEIGHT, 0.25 * HEIGHT, HEIGHT]
    assert chart.parts == ("accepted", "quarantined")
    assert chart.most == document.count("days", 0, "read_rows")


def test_highest_column_with_an_amount_below_nothing_in_it_has_no_figure() -> None:
    document = Document("status", {"days": [day(30, 10), day(-5, 50)]})
    assert days_chart(document, [0, 1], "orders", "EUR").most is None
    assert days_chart(document, [0], "orders", "EUR").most == document.amount("days", 0, "read_minor", currency="EUR")


def in_currencies(**amounts: dict[str, int]) -> dict[str, Any]:
    parts = {part: amounts.get(part, {}) for part in OF_A_LOAD}
    minor = {f"{part}_minor": value for part, value in parts.items()}
    return day(1, 1) | minor | {"currency": None}


def test_days_of_several_currencies_have_a_chart_for_each_that_occurs() -> None:
    first = in_currencies(read={"EUR": 300, "JPY": 7}, accepted={"EUR": 300}, quarantined={"JPY": 7})
    document = Document("status", {"days": [first, in_currencies(read={"EUR": 100}, accepted={"EUR": 100})]})
    rows, eur, jpy = days_charts(document, "orders", None)
    assert [one.unit for one in (rows, eur, jpy)] == ["rows", "EUR", "JPY"]
    assert (eur.parts, jpy.parts) == (("accepted",), ("quarantined",))
    assert [bar.height for bar in eur.bars] == [HEIGHT, round(HEIGHT / 3, 2)]
    assert [one.most.text if one.most else None for one in (rows, eur, jpy)] == ["2", "3.00 EUR", "7 JPY"]
    assert [figure and figure.text for row in jpy.rows for figure in row.figures] == ["7 JPY", "7 JPY", None, None]
    assert days_charts(document, "customers", None) == []


def test_reasons_have_bars_in_rows_and_in_each_currency_that_occurs() -> None:
    found = [
        {"dataset": "orders", "code": "type", "rows": 4, "minor": {"EUR": 50, "JPY": 7}, "not_countable_rows": 0},
        {"dataset": "orders", "code": "range", "rows": 1, "minor": {"EUR": 200}, "not_countable_rows": 0},
        {"dataset": "refunds", "code": "range", "rows": 2, "minor": -100, "not_countable_rows": 0},
        {"dataset": "customers", "code": "type", "rows": 1, "minor": None, "not_countable_rows": 0},
    ]
    document = Document("quarantine list", found)
    currencies = {"orders": None, "refunds": "EUR", "customers": None}
    charts = reason_charts(reason_rows(document, (), currencies, datetime.now(UTC)))
    shown = {one.unit: [(bar.figure.text, bar.width) for bar in one.bars] for one in charts}
    assert shown == {
        "rows": [("4", 100.0), ("1", 25.0), ("2", 50.0), ("1", 25.0)],
        "EUR": [("0.50 EUR", 25.0), ("2.00 EUR", 100.0), ("-1.00 EUR", 0.0)],
        "JPY": [("7 JPY", 100.0)],
    }
    assert [(bar.dataset, bar.code) for bar in charts[1].bars] == [(one["dataset"], one["code"]) for one in found[:3]]
    assert reason_charts([]) == []


def test_picture_draws_the_files_that_add_most_and_the_others_as_one() -> None:
    files = [{"file": f"landing/{number}", "units": 1, "lines": 0, "adds": {"net": number}} for number in range(12)]
    document = Document("explain", {"files": files, "served": {"net": 66}})
    found = flow(document, "net", "EUR", model="spend", path="/spend/c1")
    assert found is not None
    assert [end.name for end in found.ends] == [*(str(number) for number in range(4, 12)), "the other files"]
    assert len(found.bands) == MOST_FILES + 1
    assert found.height == (MOST_FILES + 1) * ROW
    widths = [band.width for band in found.bands[:-1]]
    assert widths == sorted(widths)
    assert flow(Document("explain", {"files": [], "served": {"net": 0}}), "net", "EUR", model="m", path="/p") is None


def test_every_code_of_quarantine_is_said_in_words() -> None:
    assert set(Code) - set(MEANINGS) == {Code.DUPLICATE, Code.STALE}
    assert means("rule:total") == "the rule total does not hold"
    assert means("of a later version") == ""


@pytest.mark.parametrize(
    ("wrong", "status", "retry_after_s"),
    [
        (UnknownLoadError("x"), 404, None),
        (UnknownKeyError("x"), 404, None),
        (OverloadedError("x", retry_after_s=4.2), 503, 5),
        (TimeLimitError("x"), 503, 5),
        (StoreAwayError("x"), 503, 5),
        (LeaseHeldError("x"), 503, 5),
        (StoreError("x"), 500, None),
        (OperatorError("x"), 500, None),
        (TillageError("x"), 500, None),
    ],
)
def test_refusal_is_of_the_nearest_class(wrong: TillageError, status: int, retry_after_s: int | None) -> None:
    found = refusal(wrong)
    assert (found.status, found.retry_after_s) == (status, retry_after_s)
    assert "x" not in (found.title, found.advice)


def test_template_without_a_value_is_an_error_and_values_are_escaped() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("refused.html", {})
    values = {"project": "<p>", "environment": None, "answer": "&", "is_well": False,
              "refused": refusal(OperatorError("x"))}  # fmt: skip
    html = render("refused.html", values).decode()
    assert "&lt;p&gt;" in html
    assert ">&amp;<" in html


def test_figures_in_words() -> None:
    document = Document("x", [0, 1, 1_000])
    assert [spoken(counted(document.count(place), "file")) for place in range(3)] == [
        "0 files",
        "1 file",
        "1,000 files",
    ]
    lists = [listed(names) for names in ([], ["a"], ["a", "b"], ["a", words("b", document.count(1)), "c"])]
    assert [spoken(one) for one in lists] == ["", "a", "a and b", "a, b1 and c"]
    assert document.count(1) in lists[-1]
    assert [size(number) for number in (0, 999, 1_000, 1_234_567, 5_600_000_000)] == [
        "0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "5.6 GB"
    ]  # fmt: skip
    found = moment("2026-01-01T02:00:00+02:00", datetime(2026, 1, 1, 3, tzinfo=UTC))
    assert found is not None
    assert (found.text, found.ago) == ("2026-01-01 00:00", "3 hours ago")
    assert moment(None, datetime.now(UTC)) is None


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("0", 1), ("-3", 1), ("²", 1), ("1e9", 1), ("9" * 10, 1)])
def test_number_of_a_page_is_a_small_number(text: str, number: int) -> None:
    assert Asked((), {"page": text}).page() == number
