"""What a page makes of a JSON document, without a house."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest

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
from tillage.pages.chart import HEIGHT, days_chart
from tillage.pages.figures import Document, counted, listed, moment, pointer, size
from tillage.pages.flow import MOST_FILES, ROW, flow
from tillage.pages.law import FOR_ALL_TIME, OF_A_LOAD, account
from tillage.pages.looking import Asked
from tillage.pages.reasons import MEANINGS, means
from tillage.pages.refusals import refusal
from tillage.pages.rendering import render


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
    chart = days_chart(document, [0, 1, 2], "orders", "rows", None)
    assert [(bar.part, bar.height) for bar in chart.bars] == [
        ("accepted", 0.75 * HEIGHT), ("quarantined", 0.25 * HEIGHT), ("quarantined", 0.5 * HEIGHT)
    ]  # fmt: skip
    assert [bar.y + bar.height for bar in chart.bars] == [HEIGHT, 0.25 * HEIGHT, HEIGHT]
    assert chart.parts == ("accepted", "quarantined")
    assert chart.most == "40"
    assert days_chart(document, [1], "orders", "minor", "EUR").most == "0.01 EUR"


def test_picture_draws_the_files_that_add_most_and_the_others_as_one() -> None:
    files = [{"file": f"landing/{number}", "units": 1, "lines": 0, "adds": {"net": number}} for number in range(12)]
    document = Document("explain", {"files": files, "served": {"net": 66}})
    found = flow(document, "net", "EUR", model="spend", path="/spend/c1")
    assert found is not None
    assert [end.name for end in found.ends] == [*(str(number) for number in range(4, 12)), "4 more files"]
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
    assert [counted(number, "file") for number in (0, 1, 1_000)] == ["0 files", "1 file", "1,000 files"]
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [size(number) for number in (None, 0, 999, 1_000, 1_234_567, 5_600_000_000)] == [
        "", "0 bytes", "999 bytes", "1.0 kB", "1.2 MB", "5.6 GB"
    ]  # fmt: skip
    found = moment("2026-01-01T02:00:00+02:00", datetime(2026, 1, 1, 3, tzinfo=UTC))
    assert found is not None
    assert (found.text, found.ago) == ("2026-01-01 00:00", "3 hours ago")
    assert moment(None, datetime.now(UTC)) is None


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("0", 1), ("-3", 1), ("²", 1), ("1e9", 1), ("9" * 10, 1)])
def test_number_of_a_page_is_a_small_number(text: str, number: int) -> None:
    assert Asked((), {"page": text}).page() == number
