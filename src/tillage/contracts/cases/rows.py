"""What a row of a test file may name: the columns of a table, and of a dataset what became of the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from tillage.contracts.cases.yaml_rows import Number, check_choice
from tillage.contracts.contract import Column, Dataset, Kind
from tillage.contracts.document import Document, Path
from tillage.contracts.types import stored
from tillage.domain.money import exponent
from tillage.domain.verdict import Code, Verdict

VERDICT, CODES, WARNINGS, FILE, LINE = "_verdict", "_codes", "_warnings", "_file", "_line"
UNIT_NAMES = ("verdict", "codes", "warnings", "control_minor", "control_currency", "file", "line")
"""What a row says of a unit beside its columns. A column of that name goes before; with `_` in front it never does."""
_MINOR = "_minor"


@dataclass(frozen=True)
class Field:
    """A column, or a member of one."""

    currency: str | None = None
    """The one currency of an amount in minor units."""
    fields: Mapping[str, Field] = field(default_factory=dict)
    """The members of an object, or of each element of a list."""


@dataclass(frozen=True)
class Table:
    """A dataset or a model that a test may expect rows of."""

    name: str
    fields: Mapping[str, Field]
    is_model: bool = False
    is_ordered: bool = False
    """Whether the rows come in an order that is told."""
    unit_names: tuple[str, ...] = ()
    """Which of `UNIT_NAMES` a row may say."""
    codes: tuple[str, ...] = ()
    """What a unit of it can have as a code or a warning."""
    rules: tuple[str, ...] = ()
    """Names of the dataset rules."""


def dataset_table(dataset: Dataset) -> Table:
    """The table of a dataset's units."""
    codes = [*Code, *(rule.code for rule in dataset.row_rules)]
    rules = tuple(rule.name for rule in dataset.dataset_rules)
    without = set() if dataset.has_money else {"control_minor"}
    if dataset.currency_by is None:
        without.add("control_currency")
    return Table(
        dataset.name,
        _fields(dataset.kept_columns),
        unit_names=tuple(name for name in UNIT_NAMES if name not in without),
        codes=tuple(map(str, codes)),
        rules=rules,
    )


def model_table(name: str, currencies: Mapping[str, str | None], *, is_ordered: bool = False) -> Table:
    """The table of a model whose columns have these currencies."""
    fields = {column: Field(currency) for column, currency in currencies.items()}
    return Table(name, fields, is_model=True, is_ordered=is_ordered)


def expected_row(document: Document, path: Path, value: Any, table: Table) -> dict[str, Any]:
    """The row as it is compared: amounts in minor units, and what is said of a unit under `_verdict` and its kind.

    Raises:
        OperatorError: of the document's kind; an unknown name, or a value that no row could have.
    """
    if not isinstance(value, dict) or not value:
        raise document.wrong(
            path, f"a row of {table.name} names at least one column: {{{next(iter(table.fields))}: ..}}"
        )
    if table.is_model:
        return _columns(document, path, value, table.fields)
    said = {f"_{name}": f"_{name}" for name in table.unit_names}
    said |= {name: f"_{name}" for name in table.unit_names if name not in table.fields}
    columns = {name: member for name, member in value.items() if name not in said}
    found = _columns(document, path, columns, table.fields, also=said)
    for name, member in value.items():
        if name in said:
            found[said[name]] = _said(document, (*path, name), said[name], member, table.codes)
    if VERDICT not in found and CODES not in found:
        found[VERDICT] = str(Verdict.ACCEPTED)
    return found


def _fields(columns: Sequence[Column]) -> dict[str, Field]:
    found = {}
    for column in columns:
        inner = column.kind in {Kind.LIST, Kind.OBJECT} and not column.is_scalar_list
        for name, _, currency in stored(column):
            # A currency that a column names is known for each row only.
            fixed = None if currency is None or currency.startswith("@") else currency
            found[name] = Field(fixed, _fields(column.items) if inner else {})
    return found


def _columns(
    document: Document, path: Path, value: Mapping[str, Any], fields: Mapping[str, Field], also: Mapping[str, str] = {}
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, member in value.items():
        minor = fields.get(name + _MINOR)
        if name not in fields and minor is not None and minor.currency is not None:
            if name + _MINOR in value:
                raise document.wrong((*path, name), f"'{name}' and '{name}{_MINOR}' are one amount; keep one")
            found[name + _MINOR] = _minor_units(document, (*path, name), member, minor.currency)
            continue
        document.check_names(path, [name], [*fields, *(known for known in also if not known.startswith("_"))])
        found[name] = _value(document, (*path, name), member, fields[name])
    return found


def _value(document: Document, path: Path, value: Any, of: Field) -> Any:
    if isinstance(value, list):
        return [_value(document, (*path, index), element, of) for index, element in enumerate(value)]
    if isinstance(value, dict):
        if not of.fields:
            raise document.wrong(path, f"'{path[-1]}' is no object; it is one value")
        return _columns(document, path, value, of.fields)
    if isinstance(value, bytes):
        raise document.wrong(path, "a column holds no bytes; `!!binary` is for files")
    return value


def _minor_units(document: Document, path: Path, value: Any, currency: str) -> Any:
    if value is None:
        return None
    places = exponent(currency)
    minor = _scaled(value.text, places) if isinstance(value, Number) else None
    if minor is None or abs(minor) >= 1 << 63 or minor != minor.to_integral_value():
        raise document.wrong(
            path, f"'{path[-1]}' is an amount in {currency}, a number with at most {places} decimals; in minor units "
            f"it is called '{path[-1]}{_MINOR}'"
        )  # fmt: skip
    return Number(str(int(minor)))


def _scaled(text: str, places: int) -> Decimal | None:
    """Exactly so many places to the left; None for an exponent that no amount has."""
    try:
        with localcontext(prec=len(text) + 10):
            return Decimal(text).scaleb(places)
    except InvalidOperation:
        return None


def _said(document: Document, path: Path, name: str, value: Any, codes: Sequence[str]) -> Any:
    if name == VERDICT:
        check_choice(document, path, value, Verdict)
    elif name in {CODES, WARNINGS}:
        if not isinstance(value, list):
            raise document.wrong(path, f"`{path[-1]}` is a list: [{Code.MISSING}]")
        for index, code in enumerate(value):
            check_choice(document, (*path, index), code, codes)
        return sorted(value)
    elif name == LINE and not (isinstance(value, Number) and value.text.isdecimal()):
        raise document.wrong(path, "`line` is the number of a line, or of a record in its file, from 1")
    elif isinstance(value, list | dict | bytes):
        raise document.wrong(path, f"`{path[-1]}` is one value")
    return value
