"""Tables on a terminal of any width: figures are whole, text folds, nothing is lost."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from tillage.cli.show import cell_text
from tillage.cli.tables import grid, put
from tillage.pipelines.as_json import as_json
from tillage.pipelines.for_people import amount, by_currency

_HEADERS = ("", "read", "accepted", "difference", "note")
_ROWS = [
    ("orders with a long name", "1,416,123", "1,404,999", "0", ""),
    ("orders EUR", "12,345,678.90", "12,000,000.00", "-345,678.90", "(12 rows not countable)"),
]
_FIGURES = [cell for row in _ROWS for cell in row[1:4]]


def _printed(width: int) -> str:
    file = io.StringIO()
    put(Console(file=file, width=width, highlight=False), grid(_HEADERS, _ROWS, figures=(1, 2, 3)))
    return file.getvalue()


@pytest.mark.parametrize("width", [1, 20, 40, 60, 66, 72, 80, 90, 200, 10_000])
def test_figures_are_whole_at_any_width(width: int) -> None:
    words = _printed(width).split()
    assert [figure for figure in _FIGURES if figure not in words] == []
    assert "…" not in _printed(width)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_text_folds_and_loses_no_letter(width: int) -> None:
    printed = "".join(_printed(width).split())
    assert sorted(set("orderswithalongname(12rowsnotcountable)") - set(printed)) == []
    assert width < 100 or "orders with a long name" in _printed(width)


def test_control_characters_of_the_data_do_not_reach_the_terminal() -> None:
    file = io.StringIO()
    put(Console(file=file, width=80), grid(("a",), [("\x1b[2J\x07red",)]))
    assert "\x1b" not in file.getvalue()
    assert r"\x1b[2J\x07red" in file.getvalue()


def test_amounts_are_shown_by_currency() -> None:
    assert by_currency([{"EUR": 5, "JPY": 7}, {"EUR": 5}, None], None) == {"EUR": [5, 5, 0], "JPY": [7, 0, 0]}
    assert by_currency([5, 4, None], "EUR") == {"EUR": [5, 4, 0]}
    assert by_currency([None, None], "EUR") == {}
    assert amount(1200, "JPY") == "1,200 JPY"
    assert amount(1200, "@currency") == "1,200 minor units"
    assert amount(1200, "XXX") == "1,200 minor units of XXX"
    assert amount(None, "EUR") == "-"


def test_cells_and_json_write_times_in_iso_8601_and_numbers_from_their_digits() -> None:
    moment = datetime(2025, 1, 24, 10, 0, 0, 500_000, tzinfo=UTC)
    row = {
        "d": date(2025, 1, 24),
        "t": moment,
        "s": {"b": True, "d": date(2025, 1, 1)},
        "n": Decimal("1.50"),
        "x": b"\xff",
    }
    assert as_json(row) == (
        '{"d": "2025-01-24", "t": "2025-01-24T10:00:00.500000Z", "s": {"b": true, "d": "2025-01-01"}, '
        '"n": "1.50", "x": "\\\\xff"}'
    )
    assert as_json([float("nan"), {"x": float("inf")}, 0.5]) == '[null, {"x": null}, 0.5]'
    assert [cell_text(value) for value in (None, True, Decimal("5.00"), moment, {"a": date(2025, 1, 1)})] == [
        "", "true", "5.00", "2025-01-24T10:00:00.500000Z", '{"a": "2025-01-01"}',
    ]  # fmt: skip
