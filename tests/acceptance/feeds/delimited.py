"""CSV as tills, cafes and exports write it."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from tests.acceptance.feeds.case import Case, Law, amount, column, contract, dataset, flat, key, minor, summed
from tests.oracle.vat import net_minor


def _rows(data: bytes, encoding: str, delimiter: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(encoding), newline=""), delimiter=delimiter))


def _written(rows: list[list[str]], *, delimiter: str, end: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


def tills() -> Case:
    """A byte order mark, CRLF, ids with leading zeros, returns, sales without customer, notes of several lines in
    many scripts, rows that stand there twice, and one number given to two sales.
    """
    chance = random.Random(31)
    notes = ["", "zwölf; Stück", 'der "gute" Käse', "zwei\r\nZeilen", "日本のお茶", "🍋", " blanks "]
    sales = [
        [
            f"{number:06}",
            chance.choice(["0042", "42", "007", "", "Ünal"]),
            str(chance.choice([-2, -1, 1, 2, 3])),
            f"{Decimal(chance.randint(-5000, 20000)) / 100}",
            chance.choice(notes),
        ]
        for number in range(400)
    ]
    other = [*sales[7][:3], "999.99", "other"]
    head = ["sale_id", "customer_id", "quantity", "amount", "note"]
    first = ("\ufeff" + _written([head, *sales[:300], *sales[20:50], other], delimiter=";", end="\r\n")).encode()
    second = gzip.compress(_written([head, *sales[250:]], delimiter=";", end="\r\n").encode())
    rows = _rows(first, "utf-8-sig", ";") + _rows(gzip.decompress(second), "utf-8", ";")
    seen: dict[str, dict[str, str]] = {}
    kept: list[dict[str, str]] = []
    again: list[dict[str, str]] = []
    against: list[dict[str, str]] = []
    for row in rows:
        stands = seen.setdefault(row["sale_id"], row)
        (kept if stands is row else again if stands == row else against).append(row)
    whole, held, waits = (sum(minor(row["amount"]) for row in some) for some in (rows, kept, against))
    minors = (whole, held, waits, sum(minor(row["amount"]) for row in again))
    return Case(
        "tills",
        {"format": "csv"},
        contract(
            "tills",
            dataset(
                "sales",
                key("sale_id"),
                column("customer_id"),
                column("quantity", "integer", required=True),
                amount("amount"),
                column("note"),
            ),
        ),
        {"a.csv": first, "b.csv.gz": second},
        {
            "sales_by_customer": "select customer_id, sum(quantity) as quantity, sum(amount_minor) as amount_minor, "
            "count(*) as sales from sales group by customer_id",
            "sales_by_note": "select note, count(*) as sales from sales group by note",
        },
        {
            "sales": Law(
                (len(rows), len(kept), len(against), len(again)),
                minors,
                codes={"key_conflict": len(against)},
            )
        },
        {
            "sales_by_customer": (
                "customer_id quantity amount_minor sales",
                flat(
                    summed((row["customer_id"] or None, (int(row["quantity"]), minor(row["amount"]))) for row in kept)
                ),
            ),
            "sales_by_note": ("note sales", flat(summed((row["note"] or None, ()) for row in kept))),
        },
    )


_SPELLINGS = {
    "Cola": "beverage",
    "COLA": "beverage",
    "cola 0,3l": "beverage",
    "Kaffee": "beverage",
    "Caffè": "beverage",
    "Salad": "cold food",
    "salad (small)": "cold food",
    "Soup": "hot food",
    "soup ": "hot food",
}
_RATES = {"beverage": "9", "cold food": "7", "hot food": "15"}
_NOTHING = ["", "ERROR", "UNKNOWN"]


def _cafe_rows() -> str:
    chance = random.Random(32)
    days = ["03/01/24", "29/02/24", "31/12/24", "01/01/25", "UNKNOWN", ""]
    head = ["Transaction ID", "Item", "Quantity", "Price Per Unit", "Location", "Transaction Date"]
    rows = [
        [
            f"TXN_{number:04}",
            chance.choice([*_SPELLINGS] * 4 + ["ERROR", "UNKNOWN", "", "Tiramisù"]),
            chance.choice(["1", "2", "3.0", "-1"] * 5 + ["ERROR", "UNKNOWN", "1.5"]),
            chance.choice(["1.5", "2.35", "4.0", "10", " 3.99 "] * 5 + ["ERROR", "", "1,50", "free", "2.005"]),
            chance.choice(["In-store", "Takeaway", "ERROR", ""]),
            chance.choice(days * 6 + ["31/02/24", "2024-01-03", "1/2/24", "13/13/24", "29/02/25"]),
        ]
        for number in range(500)
    ]
    return _written([head, *rows], delimiter=",", end="\n")


def _cafe_codes(row: dict[str, str]) -> set[str]:
    codes = set()
    item, quantity, price = row["Item"], row["Quantity"], row["Price Per Unit"].strip()
    if item in _NOTHING:
        codes |= {"missing"}
    elif item not in _SPELLINGS:
        codes |= {"enum"}
    if quantity == "1.5" or price in {"1,50", "free"}:
        codes |= {"type"}
    if price == "2.005":
        codes |= {"money_scale"}
    day = row["Transaction Date"]
    if day not in _NOTHING and not _is_day(day):
        codes |= {"type"}
    return codes


def _is_day(text: str) -> bool:
    try:
        return len(text) == 8 and bool(datetime.strptime(text, "%d/%m/%y"))  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False


def _cafe_sums(rows: list[dict[str, str]]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    for row in rows:
        of_class = _SPELLINGS[row["Item"]]
        quantity, price = row["Quantity"], row["Price Per Unit"].strip()
        count = 0 if quantity in _NOTHING else int(Decimal(quantity))
        gross = 0 if price in _NOTHING or quantity in _NOTHING else minor(Decimal(quantity) * Decimal(price))
        yield of_class, (count, gross, net_minor(gross, int(_RATES[of_class]) * 100, "inclusive"))


def cafe() -> Case:
    """Sentinels for nothing, dd/MM/yy, many spellings to one class with its VAT, and an amount made of two columns."""
    data = _cafe_rows().encode()
    rows = _rows(data, "utf-8", ",")
    kept = [row for row in rows if not _cafe_codes(row)]
    days = [row["Transaction Date"] for row in kept]
    none = {"nullValues": _NOTHING}
    vat = {"rateBy": "item_class", "rates": {name: int(rate) for name, rate in _RATES.items()}}
    codes = summed((code, ()) for row in rows for code in _cafe_codes(row))
    return Case(
        "cafe",
        {"format": "csv", "csv": {"delimiter": ","}},
        contract(
            "cafe",
            dataset(
                "visits",
                key("visit_id", "Transaction ID"),
                column("item", physical="Item", required=True, terms=none),
                column("item_class", terms={"map": {"column": "item", "values": _SPELLINGS}}),
                column("quantity", "integer", physical="Quantity", terms=none),
                amount("price", physical="Price Per Unit", is_optional=True, **none),
                amount("total", amount="quantity * price", control=True, vat=vat),
                column("location", physical="Location", terms=none),
                column(
                    "day", "date", physical="Transaction Date", terms=none, logicalTypeOptions={"format": "dd/MM/yy"}
                ),
            ),
        ),
        {"cafe.csv": data},
        {
            "visits_by_class": "select item_class, sum(quantity) as quantity, sum(total_minor) as total_minor, "
            "sum(net_minor) as net_minor, count(*) as visits from visits group by item_class",
            "visits_by_day": "select day, count(*) as visits from visits group by day",
        },
        {
            "visits": Law(
                (len(rows), len(kept), len(rows) - len(kept), 0),
                codes={code: count for code, (count,) in codes.items()},
            )
        },
        {
            "visits_by_class": ("item_class quantity total_minor net_minor visits", flat(summed(_cafe_sums(kept)))),
            "visits_by_day": (
                "day visits",
                flat(summed((None if day in _NOTHING else f"20{day[6:]}-{day[3:5]}-{day[:2]}", ()) for day in days)),
            ),
        },
    )


def latin() -> Case:
    """Latin-1 between tabs, without a header, below two lines that are no rows."""
    chance = random.Random(33)
    towns = ["Würzburg", "Orléans", "A Coruña", "Århus", "  Köln"]
    rows = [
        [f"{chance.randint(0, 9999):04}", chance.choice(towns), f"{chance.randint(-999, 999) / 100}"] for _ in "x" * 200
    ]
    text = "Umsätze je Stadt\n\n" + _written(rows, delimiter="\t", end="\n")
    data = text.encode("latin-1")
    read = list(csv.reader(io.StringIO(data.decode("latin-1").split("\n", 2)[2], newline=""), delimiter="\t"))
    whole = sum(minor(row[2]) for row in read)
    csv_options = {
        "encoding": "latin-1",
        "delimiter": "\t",
        "header": False,
        "columns": ["shop", "town", "taking"],
        "skip": 2,
    }
    return Case(
        "latin",
        {"format": "csv", "csv": csv_options},
        contract("latin", dataset("takings", column("shop", required=True), column("town"), amount("taking"))),
        {"x.tsv": data},
        {
            "takings_by_town": "select town, sum(taking_minor) as taking_minor, count(*) as takings from takings "
            "group by town"
        },
        {"takings": Law((200, 200, 0, 0), (whole, whole, 0, 0))},
        {"takings_by_town": ("town taking_minor takings", flat(summed((row[1], (minor(row[2]),)) for row in read)))},
    )


def _fuel() -> bytes:
    chance = random.Random(34)
    rows = [["station", "price"]] + [[chance.choice("NS"), f"{chance.randint(-2999, 2999) / 1000}"] for _ in "x" * 300]
    # Halves, which floats and bankers round otherwise.
    rows += [["N", price] for price in ("1.005", "-1.005", "2.675", "0.125", "-0.005", "1.0050", "1.500")]
    return _written(rows, delimiter=",", end="\n").encode()


def _fuel_case(feed: str, excess: str, law: Law, kept: list[dict[str, str]]) -> Case:
    return Case(
        feed,
        {"format": "csv", "csv": {"delimiter": ","}},
        contract(
            feed,
            dataset(
                f"{feed}_prices", column("station"), amount("price", {"currency": "EUR", "excessDecimals": excess})
            ),
        ),
        {"prices.csv": _fuel()},
        {
            f"{feed}_by_station": f"select station, sum(price_minor) as price_minor, count(*) as prices "
            f"from {feed}_prices group by station"
        },
        {f"{feed}_prices": law},
        {
            f"{feed}_by_station": (
                "station price_minor prices",
                flat(summed((row["station"], (minor(row["price"]),)) for row in kept)),
            )
        },
    )


def fuel_round() -> Case:
    """Prices of three decimals, rounded half away from zero."""
    rows = _rows(_fuel(), "utf-8", ",")
    whole = sum(minor(row["price"]) for row in rows)
    return _fuel_case("fuel_round", "round", Law((len(rows), len(rows), 0, 0), (whole, whole, 0, 0)), rows)


def fuel_reject() -> Case:
    """The same prices, of which those of more than two decimals wait; zeros at the end are none."""
    rows = _rows(_fuel(), "utf-8", ",")
    kept = [row for row in rows if Decimal(row["price"]) * 100 % 1 == 0]
    whole, bad = sum(minor(row["price"]) for row in kept), len(rows) - len(kept)
    law = Law((len(rows), len(kept), bad, 0), (whole, whole, 0, 0), bad, {"money_scale": bad})
    return _fuel_case("fuel_reject", "reject", law, kept)


def _spelt(minor_: int, way: int) -> str:
    """An amount as a report for people writes it, one way or another."""
    whole, cents = f"{abs(minor_) // 100:,}".replace(",", "."), f"{abs(minor_) % 100:02}"
    minus = "-" if minor_ < 0 else ""
    return (
        f"{minus}{whole},{cents} €",
        f"€ {minus}{whole.replace('.', '')},{cents}",
        f"{minus}€{whole},{cents}",
        f"({whole},{cents})" if minus else f"{whole},{cents}\u00a0EUR",
    )[way % 4]


def report() -> Case:
    """A report for people: title lines, its header again on each page, blank rows, groups of thousands, decimal commas,
    symbols, minuses as parentheses, and a last row of totals, which is none of its sales.
    """
    chance = random.Random(35)
    sums = [chance.choice((-1, 1, 1)) * chance.choice((5, 199, 4_999, 123_456, 1_234_567_89)) for _ in "x" * 240]
    head = ["Beleg", "Filiale", "Umsatz"]
    sales = [[f"{n:05}", f"F{n % 3}", _spelt(cents, n)] for n, cents in enumerate(sums)]
    wrong = [["99001", "F0", "1.23"], ["99002", "F0", "1,234.50 €"], ["99003", "F0", "$ 5,00"]]
    pages = [row for start in range(0, 240, 60) for row in (head, *sales[start : start + 60], ["", "", ""])]
    total = ["Summe", "", _spelt(sum(sums), 0)]
    title = "Umsatz je Beleg\r\n\r\n"
    data = (title + _written([*pages, *wrong, total], delimiter=";", end="\r\n")).encode()
    whole = sum(sums)
    spelt = {"decimal": ",", "group": ".", "symbols": ["€", "EUR"], "negative": "parentheses"}
    return Case(
        "report",
        {"format": "csv", "csv": {"delimiter": ";", "skip": 2}},
        contract(
            "report",
            dataset(
                "takings_by_slip",
                column("slip", physical="Beleg", required=True),
                column("shop", physical="Filiale"),
                amount("taking", physical="Umsatz", numberFormat=spelt),
                where="regexp_full_match(slip, '[0-9]+')",
            ),
        ),
        {"report.csv": data},
        {
            "takings_by_shop": "select shop, sum(taking_minor) as taking_minor, count(*) as slips from takings_by_slip "
            "group by shop"
        },
        {"takings_by_slip": Law((247, 240, 7, 0), (whole, whole, 0, 0), 7, {"type": 3, "missing": 4})},
        {
            "takings_by_shop": (
                "shop taking_minor slips",
                flat(summed((f"F{n % 3}", (cents,)) for n, cents in enumerate(sums))),
            )
        },
    )


CASES = (tills, cafe, latin, fuel_round, fuel_reject, report)
