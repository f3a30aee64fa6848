"""What stands in a contract is read as it is written, whatever YAML takes it for; each complaint has its own line."""

from __future__ import annotations

import pytest

from tests.oracle.short_contracts import custom
from tillage.contracts.contract import Contract
from tillage.contracts.document import read_document
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.project import read_project
from tillage.contracts.tools.lint import lint
from tillage.errors import ContractError, ProjectFileError

_HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\n"
_VAT = """schema:
- name: d
  properties:
  - {name: class, logicalType: string, required: true}
  - {name: bought, logicalType: date, required: true}
  - name: gross
    logicalType: number
    customProperties:
    - {property: tillage.money, value: EUR}
    - {property: tillage.vat, value: {rateBy: class, rates: %s}}
"""
_MAP = """schema:
- name: d
  properties:
  - {name: product, logicalType: string}
  - name: class
    logicalType: string
    customProperties:
    - property: tillage.map
      value: {column: product, values: %s}
"""


def _read(text: str) -> Contract:
    return read_contract("f", "f.odcs.yaml", _HEAD + text)


@pytest.mark.parametrize(
    ("rates", "classes"),
    [
        ("{010: 7, 09: 19, 8: 5}", {"010": 700, "09": 1900, "8": 500}),
        ("{DE: 19, NO: 25, y: 6}", {"DE": 1900, "NO": 2500, "y": 600}),
        ("{1: 7, 1.0: 19, 1_0: 5}", {"1": 700, "1.0": 1900, "1_0": 500}),
        ("{12:30: 7, 0x1F: 19, 1e3: 5}", {"12:30": 700, "0x1F": 1900, "1e3": 500}),
        ("{2024-02-30: 7, null: 19, ~: 5.50}", {"2024-02-30": 700, "null": 1900, "~": 550}),
    ],
)
def test_a_class_is_what_is_written(rates: str, classes: dict[str, int]) -> None:
    vat = _read(_VAT % rates).datasets[0].column("gross").vat
    assert vat is not None
    assert dict(vat.rates_bp) == classes


@pytest.mark.parametrize("rate", ["010", "0x13", "12:30", "1_9", "1e1", "yes", "~", "''", "[7]", "-7", "+7", ".inf"])
def test_a_rate_is_digits_as_people_write_them(rate: str) -> None:
    with pytest.raises(ContractError, match=r"f.odcs.yaml, line 15: a rate is a percentage like 7 or 5.5"):
        _read(_VAT % f"{{a: {rate}}}")


@pytest.mark.parametrize("rate", ["7", "'7'", "7.0", "7.", "7.00"])
def test_a_rate_has_a_point_or_not(rate: str) -> None:
    vat = _read(_VAT % f"{{a: {rate}}}").datasets[0].column("gross").vat
    assert vat is not None
    assert vat.rates_bp == (("a", 700),)


def test_days_from_which_a_rate_holds_need_no_quotes() -> None:
    text = _VAT % "{a: 19}, dateBy: bought, validFrom: {2020-07-01: {a: 16}, '2021-01-01': {a: 19}}"
    vat = _read(text).datasets[0].column("gross").vat
    assert vat is not None
    assert vat.changes == (("2020-07-01", (("a", 1600),)), ("2021-01-01", (("a", 1900),)))


@pytest.mark.parametrize("day", ["2020-13-01", "2020-02-30", "2020", "1.7.2020"])
def test_a_day_that_does_not_exist_is_refused_with_its_line(day: str) -> None:
    with pytest.raises(ContractError, match=r"line 15: tillage.vat: a day of `validFrom` is like 2021-01-01"):
        _read(_VAT % f"{{a: 19}}, dateBy: bought, validFrom: {{{day}: {{a: 16}}}}")


def test_a_map_takes_spellings_and_classes_as_they_are_written() -> None:
    read = _read(_MAP % "{NO: no, 010: 1.0, 7: 007, Cola: on}, default: off").datasets[0].column("class").class_map
    assert read is not None
    assert read.values == (("NO", "no"), ("010", "1.0"), ("7", "007"), ("Cola", "on"))
    assert read.default == "off"


@pytest.mark.parametrize("values", ["{a: ~}", "{a: [b]}", "{a: b}, default: ~"])
def test_a_class_that_is_no_text_is_refused_with_its_line(values: str) -> None:
    with pytest.raises(ContractError, match=r"line 14: must be a text; put it in quotes"):
        _read(_MAP % values)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("010", "010"),
        ("12:30", "12:30"),
        ("1_0", "1_0"),
        ("0x1f", "0x1f"),
        ("2024-13-01", "2024-13-01"),
        ("2024-01-31", "2024-01-31"),
        ("yes", True),
        ("~", None),
        ("-3", -3),
        ("5.50", 5.5),
        (".5", 0.5),
        ("!!float 3", 3.0),
        ("!!str 3", "3"),
        ("=", "="),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_a_value_is_a_number_only_where_json_has_one(text: str, data: object) -> None:
    assert read_document("c.yaml", f"a: {text}", ContractError).data == {"a": data}


@pytest.mark.parametrize(
    "text", ["!!int x", "!!timestamp 2024-13-01", "!!bool maybe", "!!binary YQ==", "!!float x", "!other x", "!!set {x}"]
)
def test_a_tag_that_does_not_fit_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ContractError, match=r"c.yaml, line 2: not read here as .*; write a plain value"):
        read_document("c.yaml", f"b: 1\na: {text}", ContractError)


@pytest.mark.parametrize("text", ["[1]: 2", "? {a: 1}\n: 2"])
def test_a_name_that_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"c.yaml, line 1: not YAML: a name must be a text"):
        read_document("c.yaml", text, ContractError)


def test_an_impossible_date_in_a_contract_or_project_file_is_no_crash() -> None:
    text = _HEAD + "contractCreatedTs: 2024-13-01T00:00:00Z\n" + _VAT % "{a: 19}"
    assert lint("f", "f.odcs.yaml", text).contract is not None
    text = "project: 2024-13-01\nfeeds: {a: {path: landing, format: csv}}\n"
    assert read_project("tillage.yaml", text).name == "2024-13-01"
    with pytest.raises(ProjectFileError, match=r"tillage.yaml, line 1: .*timestamp"):
        read_project("tillage.yaml", text.replace("2024", "!!timestamp 2024"))


@pytest.mark.parametrize(
    ("own", "line", "says"),
    [
        ("Tillage.money", 9, "unknown name 'Tillage.money'; did you mean 'tillage.money'"),
        ("tillage_money", 9, "unknown name 'tillage_money'; did you mean 'tillage.money'"),
        ("TILLAGE", 9, "unknown name 'TILLAGE'"),
    ],
)
def test_a_term_of_ours_that_is_misspelt_is_not_passed_over(own: str, line: int, says: str) -> None:
    text = f"""schema:
- name: d
  properties:
  - {{name: a, logicalType: number, customProperties: [{{property: {own}, value: EUR}}]}}
"""
    with pytest.raises(ContractError, match=f"line {line}: {says}"):
        _read(text)


def test_terms_of_other_tools_are_passed_over() -> None:
    text = f"schema: [{{name: d, properties: [{{name: a, logicalType: string, {custom()}}}]}}]"
    assert _read(text.replace("[]", "[{property: tillages.x, value: 1}, {property: owner, value: me}]")).datasets
