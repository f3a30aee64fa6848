"""Random records for a contract: mostly valid values near the borders of its rules, some of them then broken.

Everything is drawn from the `Random` that is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from tests.generative import records
from tests.generative.random_contracts import DAYS, PATTERNS, TEXT_FORMATS
from tests.generative.records import Elements, Members, Tree
from tests.oracle.contract_file import Column, Contract, Dataset, read
from tests.oracle.contract_language import Rows
from tests.oracle.date_formats import DAYS as WEEKDAYS
from tests.oracle.date_formats import MONTHS, TOKEN
from tests.oracle.food_orders import Number, _parse
from tests.oracle.scalar_values import amount, scalar

Holder = dict[str, Any]
"""An object while it is filled: a value is another one, a list of them, or JSON text."""

CODES = (*['"EUR"'] * 12, *['"JPY"', '"KWD"'] * 5, '"eur"', '"XXY"', '" EUR"')
ZONES = (timedelta(0), timedelta(hours=1), timedelta(hours=-3), timedelta(hours=5, minutes=30))
BIG = (2**63 - 1, 2**63, -(2**63) + 1, 10**17, 10**31)


def lines(rng: Random, document: Mapping[str, Any], count: int) -> list[bytes]:
    """JSON lines; some come again, as they were or with one thing changed."""
    contract = read(document)
    found: list[bytes] = []
    trees: list[Holder] = []
    while len(found) < count:
        if trees and not rng.randrange(6):
            trees.append(deepcopy(rng.choice(trees)))
        else:
            trees += _records(rng, contract)
        found += [_line(rng, holder) for holder in trees[len(found) :]]
    return found


def table(rng: Random, document: Mapping[str, Any], count: int) -> tuple[bytes, Rows]:
    """A CSV file, and its rows as they are to be read: the members of records that are no objects and no lists."""
    contract = read(document)
    holders: list[Holder] = []
    while len(holders) < count:
        holders += _records(rng, contract)
    records_of_text = [{name: _with_control(rng, _as_text(value)) for name, value in one.items()} for one in holders]
    names = sorted({name for record in records_of_text for name in record}) or ["x"]
    stored = ",".join(f'"{name}"' for name in names).encode() + b"\n"
    rows = []
    for record in records_of_text:
        row = {name: record.get(name) for name in names}
        rows.append((stored.count(b"\n") + 1, len(stored), row))
        fields = ('""' if text == "" else _field(rng, text) for text in row.values())
        stored += ",".join(fields).encode("utf-8", "surrogatepass") + b"\n"
    # A row of nothing but one empty field is a blank line, and no record.
    kept = [(line, offset, row) for line, offset, row in rows if len(names) > 1 or row[names[0]] is not None]
    return stored, kept


def _as_text(value: Any) -> str | None:
    """The text of a scalar; None for null and for what is nested."""
    found = _parse(value.encode("utf-8", "surrogatepass"))[0] if isinstance(value, str) else None
    if isinstance(found, bool):
        return "true" if found else "false"
    text = found.text if isinstance(found, Number) else found
    return text if isinstance(text, str) else None


def _with_control(rng: Random, text: str | None) -> str | None:
    """Now and then with a NUL or a line end in it."""
    if text is None or rng.randrange(50):
        return text
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice(("\0", "\n", "\r", "\r\n")) + text[place:]


def _field(rng: Random, text: str | None) -> str:
    if text is None:
        return ""
    is_plain = not {",", '"', "\n", "\r"} & set(text) and rng.randrange(2)
    return text if is_plain else '"' + text.replace('"', '""') + '"'


def top_level(document: Mapping[str, Any]) -> list[str]:
    """Members of the record itself that columns read as values."""
    columns = [column for dataset in read(document).datasets if not dataset.unit_path for column in dataset.columns]
    plain = [one for one in columns if one.kind not in {"object", "array"} and not one.amount and not one.class_map]
    return [one.spellings[0].steps[0] for one in plain if len(one.spellings[0].steps) == 1]


def _line(rng: Random, holder: Holder) -> bytes:
    tree = _tree(rng, holder)
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 1, 2))):
        tree = records.changed(rng, tree)
    stored = records.text(tree, records.joint(rng)).encode("utf-8", "surrogatepass")
    return records._other_bytes(rng, stored).replace(b"\n", b" ") if not rng.randrange(40) else stored


def _tree(rng: Random, value: Any) -> Tree:
    if isinstance(value, dict):
        return Members([(records_name(name), _tree(rng, one)) for name, one in value.items()])
    if isinstance(value, list):
        return Elements([_tree(rng, one) for one in value])
    return str(value)


def records_name(name: str) -> str:
    return f'"{name}"'


def _records(rng: Random, contract: Contract) -> list[Holder]:
    """One record, or the rows of one document for a dataset of rows."""
    root: Holder = {}
    for dataset in contract.datasets:
        if not dataset.unit_path:
            _fill(rng, dataset.columns, root, root, skipped=dataset.rows_list)
    for dataset in contract.datasets:
        if dataset.unit_path and rng.randrange(12):
            units = _inside(root, dataset.unit_path)
            if units is not None and not isinstance(units.get(dataset.unit_path[-1]), list):
                units[dataset.unit_path[-1]] = [_unit(rng, dataset, root) for _ in range(rng.randrange(4))]
    if not rng.randrange(25):
        root[rng.choice(("x", "unread"))] = records.odd(rng)
    if contract.datasets[0].group_by:
        return _rows(rng, contract.datasets[0], root)
    return [root]


def _unit(rng: Random, dataset: Dataset, root: Holder) -> Holder:
    holder: Holder = {}
    _fill(rng, dataset.columns, holder, root)
    if not rng.randrange(25):
        holder["unread"] = "1"
    return holder


def _rows(rng: Random, dataset: Dataset, head: Holder) -> list[Holder]:
    found = []
    for _ in range(rng.randrange(1, 4)):
        row = deepcopy(head)
        if not rng.randrange(10):
            _fill(rng, dataset.columns, row, row, skipped=dataset.rows_list)
        for column in dataset.columns:
            if column.name == dataset.rows_list:
                _fill(rng, column.members, row, row)
        found.append(row)
    return found


def _inside(holder: Holder, steps: Sequence[str]) -> Holder | None:
    """The object that holds the last of `steps`, made where it is not there; None if something else is in the way."""
    found: Any = holder
    for step in steps[:-1]:
        found = found.setdefault(step, {}) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _fill(rng: Random, columns: Sequence[Column], holder: Holder, root: Holder, *, skipped: str | None = None) -> None:
    """Puts a value for each column that is read; those that others are made of get what makes sense for them."""
    for column in columns:
        if (
            column.amount is not None
            or column.class_map is not None
            or column.name == skipped
            or not rng.randrange(60 if column.is_required else 10)
        ):
            continue
        spellings = list(column.spellings)
        for spelling in (
            [spellings[0]] if rng.randrange(3) else rng.sample(spellings, rng.randrange(1, len(spellings) + 1))
        ):
            inside = _inside(root if spelling.is_from_record else holder, spelling.steps)
            if inside is not None and (spelling.steps[-1] not in inside or rng.randrange(2)):
                inside[spelling.steps[-1]] = _value(rng, column, columns, root)


def _value(rng: Random, column: Column, beside: Sequence[Column], root: Holder) -> Any:
    if not rng.randrange(60):
        return rng.choice(("null", "null", records.odd(rng)))
    if column.kind == "object":
        holder: Holder = {}
        _fill(rng, column.members, holder, root)
        return holder
    if column.kind == "array":
        count = rng.choice((0, 1, 1, 2, 2, 3))
        if column.item is not None:
            return [_value(rng, column.item, (), root) for _ in range(count)]
        found: list[Holder] = [{} for _ in range(count)]
        for one in found:
            _fill(rng, column.members, one, root)
        return found
    if column.null_values and not rng.randrange(8):
        return _quoted(rng.choice((*column.null_values, f" {column.null_values[0]} ")))
    return _leaf(rng, column, beside)


def _leaf(rng: Random, column: Column, beside: Sequence[Column]) -> str:
    """Mostly the first of a few tries that the column accepts."""
    found = _any_leaf(rng, column, beside)
    if not rng.randrange(15):
        return found
    for _ in range(8):
        if _is_valid(column, found):
            break
        found = _any_leaf(rng, column, beside)
    return found


def _is_valid(column: Column, text: str) -> bool:
    raw, failure = _parse(text.encode("utf-8", "surrogatepass"))
    cell = amount(column, raw, "EUR") if column.money is not None else scalar(column, raw, is_text=False)
    return not failure and not cell.codes


def _any_leaf(rng: Random, column: Column, beside: Sequence[Column]) -> str:
    if column.money is not None:
        return _amount(rng, column)
    if column.kind == "string":
        return _text(rng, column, beside)
    if column.kind == "boolean":
        return rng.choice(("true", "false", "true", '"true"'))
    if column.kind in {"integer", "number"}:
        return _number(rng, column)
    return _moment(rng, column)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _text(rng: Random, column: Column, beside: Sequence[Column]) -> str:
    """A class where it is one, a code where it is one, else what its pattern, format, enum or length is about."""
    found = [name for one in beside if one.vat and one.vat.rate_by == column.name for name in one.vat.periods[-1][1]]
    mapped = [
        name for one in beside if one.class_map and one.class_map.column == column.name for name in one.class_map.values
    ]
    if any(one.money and one.money.currency_by == column.name for one in beside):
        return rng.choice(CODES)
    if (found or mapped) and rng.randrange(12):
        return _quoted(rng.choice(found + mapped))
    for pattern in column.patterns:
        if rng.randrange(4):
            return _quoted(rng.choice(PATTERNS[pattern]))
    if column.options.get("format") in TEXT_FORMATS:
        return _quoted(rng.choice(TEXT_FORMATS[column.options["format"]]))
    if column.allowed and rng.randrange(4):
        return _quoted(rng.choice(column.allowed))
    if rng.randrange(3):
        return rng.choice(('"a"', '"b"', '"b"', '" a"', '"ü"', '"hot food"'))
    lengths = (0, 1, *(column.options.get(bound, 1) for bound in ("minLength", "maxLength")))
    return _quoted("".join(rng.choice("aBü寿🍕 ") for _ in range(max(0, rng.choice(lengths) + rng.choice((-1, 0, 1))))))


def _near(rng: Random, column: Column, steps: Sequence[str]) -> str:
    """A plain decimal at, or one step beside, one of the bounds; or a small one."""
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    around = [str(column.options[name]) for name in names if name in column.options]
    around += [str(one) for one in column.allowed or ()] + ["0", "1", "2"]
    start, step = rng.choice(around), rng.choice(steps)
    places = max(len(text.partition(".")[2]) for text in (start, step))
    total = _scaled(start, places) + rng.choice((-1, 0, 0, 0, 1)) * _scaled(step, places)
    return _plain(total, places)


def _plain(total: int, places: int) -> str:
    digits = str(abs(total)).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :]
    return ("-" if total < 0 else "") + whole + (f".{decimals}" if decimals else "")


def _scaled(text: str, places: int) -> int:
    whole, _, decimals = text.partition(".")
    return int(whole + decimals.ljust(places, "0"))


def _spelled(rng: Random, column: Column, plain: str) -> str:
    if column.number_format and rng.randrange(4):
        return _quoted(_in_format(rng, column.number_format, plain))
    plain += rng.choice(("", "", "", ".0", ".000")) if "." not in plain else rng.choice(("", "", "0", "000"))
    return rng.choice((plain, plain, plain, f'"{plain}"', f'" {plain} "', f'"+{plain}"', f"{plain}e0"))


def _in_format(rng: Random, form: Mapping[str, Any], plain: str) -> str:
    """The number as the format has it, now and then a little otherwise."""
    whole, point, decimals = plain.lstrip("-").partition(".")
    group = form.get("group", rng.choice(("", "", "", ",", ".")))
    if rng.randrange(2):
        whole = rng.choice(("1", "12", "")) + whole.rjust(rng.choice((3, 3, 6)), "0")
    if group and len(whole) > 3 and rng.randrange(6):
        alike = {" ": " \u00a0\u202f\u2009", "'": "'\u2019"}.get(group, group)
        whole = "".join(
            digit + (rng.choice(alike) if rest and not rest % 3 else "")
            for digit, rest in zip(whole, range(len(whole) - 1, -1, -1), strict=True)
        )
    if point:
        whole += form.get("decimal", ".") + decimals
    symbols = [*form.get("symbols", ()), "", "", rng.choice(("€", "x", "CHF"))]
    sides = [rng.choice(symbols) if not rng.randrange(3) else "", rng.choice(symbols) if not rng.randrange(3) else ""]
    gap = rng.choice(("", " ", "\u00a0"))
    before, behind = (sides[0] + gap if sides[0] else ""), (gap + sides[1] if sides[1] else "")
    if not plain.startswith("-"):
        return before + whole + behind
    minus = rng.choice("--\u2212")
    return rng.choice(
        (
            f"{minus}{before}{whole}{behind}",
            f"{before}{minus}{whole}{behind}",
            f"{before}{whole}{minus}{behind}",
            f"{before}{whole}{behind}{minus}",
            f"({before}{whole}{behind})",
            f"{before}({whole}){behind}",
        )
    )


def _number(rng: Random, column: Column) -> str:
    if not rng.randrange(20):
        return rng.choice((str(rng.choice(BIG)), f'"{rng.choice(BIG)}"', records.number(rng)))
    if "multipleOf" in column.options and rng.randrange(2):
        step = str(column.options["multipleOf"])
        places = len(step.partition(".")[2])
        return _spelled(rng, column, _plain(_scaled(step, places) * rng.randrange(-4, 9), places))
    steps = ("1",) if column.kind == "integer" else ("1", "0.5", "0.000001", "0.25", "0.0000001")
    return _spelled(rng, column, _near(rng, column, steps))


def _amount(rng: Random, column: Column) -> str:
    assert column.money is not None
    if not rng.randrange(20):
        return rng.choice(
            ("92233720368547758.07", "92233720368547758.08", '"-92233720368547758.07"', records.number(rng))
        )
    if column.money.is_minor:
        return _spelled(rng, column, rng.choice((str(rng.randrange(-500, 2000)), _near(rng, column, ("1", "0.5")))))
    if column.money.excess != "reject" and not rng.randrange(3):
        tail = rng.choice(("5", "49", "4999999999999999999999", "50000000000000000000001", "05", "015"))
        return f"{rng.choice(('', '-'))}{rng.randrange(20)}.{rng.randrange(100):02}{tail}"
    if column.money.currency == "JPY":
        return _spelled(rng, column, rng.choice((str(rng.randrange(-500, 2000)), _near(rng, column, ("1", "0.1")))))
    return _spelled(
        rng,
        column,
        rng.choice((f"{rng.randrange(30)}.{rng.randrange(100):02}", _near(rng, column, ("1", "0.01", "0.001")))),
    )


def _moment(rng: Random, column: Column) -> str:
    if not rng.randrange(12):
        return rng.choice(
            (
                '"2021-02-29"',
                '"2021-13-01"',
                '"2021-1-1"',
                '"24:00"',
                '"10:00:60"',
                '"2021-06-15T10:00:00.1234567"',
                '""',
            )
        )
    day = datetime.fromisoformat(rng.choice(DAYS)).replace(tzinfo=UTC)
    moment = day + timedelta(days=rng.choice((-1, 0, 0, 0, 1)), seconds=rng.choice((0, 0, 1, 43_200, 66_600, 86_399)))
    moment += timedelta(microseconds=rng.choice((0, 0, 0, 500_000, 123_456, 1)))
    moment = moment.astimezone(timezone(rng.choice(ZONES)))
    text = _rendered(column.options["format"], moment) if "format" in column.options else _iso(rng, column, moment)
    return _quoted(
        rng.choice((text, text, text, f" {text}\\t", text.lower(), text[:-1])) if not rng.randrange(3) else text
    )


def _iso(rng: Random, column: Column, moment: datetime) -> str:
    if column.kind == "date":
        return moment.date().isoformat()
    clock = moment.strftime(rng.choice(("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S.%f")))
    if "." in clock and rng.randrange(2):
        clock = clock[: rng.choice((-3, -5))]
    if column.kind == "time":
        return clock
    offset = rng.choice(("", "", "Z", _sign(moment)))
    return f"{moment.date().isoformat()}{rng.choice('TTT ')}{clock}{offset}"


def _rendered(date_format: str, moment: datetime) -> str:
    return "".join(_part(token[0], moment) for token in TOKEN.finditer(date_format))


def _part(token: str, moment: datetime) -> str:
    letter, count = token[0], len(token)
    if letter == "'":
        return token[1:-1]
    names = {"M": MONTHS[moment.month - 1], "E": WEEKDAYS[moment.weekday()], "a": "AM" if moment.hour < 12 else "PM"}
    if letter in "Ea" or (letter == "M" and count > 2):
        return names[letter][: 3 if count == 3 else None]
    if letter in "XxZ":
        return _offset(token, moment)
    if letter == "S":
        return f"{moment.microsecond:06}"[:count]
    numbers = {"d": moment.day, "M": moment.month, "H": moment.hour, "h": (moment.hour - 1) % 12 + 1}
    numbers |= {"m": moment.minute, "s": moment.second, "y": moment.year, "u": moment.year}
    if letter not in numbers:
        return token
    return str(numbers[letter] % 100 if letter in "yu" and count == 2 else numbers[letter]).rjust(count, "0")


def _sign(moment: datetime) -> str:
    """The offset like +01:00."""
    return moment.isoformat()[-6:]


def _offset(token: str, moment: datetime) -> str:
    text = _sign(moment)
    if token[0] == "X" and text == "+00:00":
        return "Z"
    width = 2 if token[0] == "Z" else len(token)
    return text[:3] if width == 1 else text.replace(":", "") if width == 2 else text
