"""A patch changes what its rules name, and every other byte of a record stays."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillage.contracts.contract import MAX_RECORD_BYTES
from tillage.contracts.patch.apply import patch_column, patched
from tillage.contracts.patch.path import EVERY, read_path
from tillage.contracts.patch.rules import Patch, read_patch
from tillage.errors import OperatorError

ODD = r'{ "a" : 18.50, "b":1e400 ,"c": 123456789012345.678,"d" :"\u0041\/", "e":[1 , 2,3 ], "f":{ } }'


def patch(*rules: str) -> Patch:
    return read_patch("patch.yaml", "".join(f"- {rule}\n" for rule in rules))


def after(text: str, *rules: str, waiting: Any = ()) -> str | None:
    return patched(patch(*rules), text, waiting)


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("{replace: $.a, from: 18.5, to: 7.250}", "18.50", "7.250"),
        ("{replace: $.c, to: null}", "123456789012345.678", "null"),
        ("{replace: $.b, from: 1e400, to: 2}", "1e400", "2"),
        ("{replace: $.f, to: none}", "{ }", '"none"'),
        ('{replace: $.d, from: A/, to: "ä\\n\\""}', r'"\u0041\/"', r'"ä\n\""'),
        ("{replace: '$.e[1]', from: 2, to: true}", "2,3", "true,3"),
        ("{replace: '$.e[*]', from: 3, to: 4}", "3 ]", "4 ]"),
        ("{remove: $.a}", ' "a" : 18.50, "b"', ' "b"'),
        ("{remove: $.f}", ', "f":{ }', ""),
        ("{remove: \"$['c']\"}", ' ,"c": 123456789012345.678', ""),
        ("{remove: '$.e[0]'}", "1 , 2", "2"),
        ("{remove: '$.e[2]'}", ",3 ]", " ]"),
        ("{remove: '$.e[*]'}", "1 , 2,3 ", " "),
        ("{cast: $.a, to: string}", "18.50", '"18.50"'),
        ("{cast: $.b, to: string}", "1e400", '"1e400"'),
    ],
)
def test_a_rule_changes_its_place_alone(rule: str, old: str, new: str) -> None:
    assert ODD.count(old) == 1
    assert after(ODD, rule) == ODD.replace(old, new)


@pytest.mark.parametrize(
    "rule",
    [
        "{replace: $.a, from: '18.50', to: 1}",
        "{replace: $.d, from: a/, to: x}",
        "{replace: $.d, to: A/}",
        "{replace: $.a.b, to: 1}",
        "{replace: '$.a[0]', to: 1}",
        "{replace: '$.f[*]', to: 1}",
        "{replace: $.e.length, to: 1}",
        "{replace: $.b, from: 1e401, to: 1}",
        "{replace: $.b, from: 1e999999999999999999999, to: 1}",
        "{replace: $.g, from: null, to: 1}",
        "{remove: $.g}",
        "{remove: '$.e[3]'}",
        "{cast: $.c, to: number}",
        "{cast: $.d, to: number}",
        "{cast: $.e, to: string}",
        "{cast: $.c, to: integer}",
        "{cast: $.f, to: boolean}",
        "{text: A/, by: b}",
    ],
)
def test_a_rule_that_finds_nothing_leaves_no_trace(rule: str) -> None:
    assert after(ODD, rule) is None


@pytest.mark.parametrize(
    ("value", "to", "becomes"),
    [
        ('"1.50"', "number", "1.50"),
        ('" -0.10 "', "number", "-0.10"),
        ('"1e400"', "number", "1e400"),
        ('"123456789012345.678"', "number", "123456789012345.678"),
        ('"1,50"', "number", None),
        ('"+1"', "number", None),
        ('"007"', "number", None),
        ('"1."', "number", None),
        ('"NaN"', "number", None),
        ('"\u0661"', "number", None),
        ('""', "number", None),
        ("true", "number", None),
        ("null", "number", None),
        ('"2.00"', "integer", "2"),
        ("2.0", "integer", "2"),
        ("2", "integer", None),
        ("2.5", "integer", None),
        ("1e3", "integer", None),
        ('"yes"', "boolean", "true"),
        ("0", "boolean", "false"),
        ("2", "boolean", None),
        ("true", "boolean", None),
        ("true", "string", '"true"'),
        ("18.50", "string", '"18.50"'),
        ("null", "string", None),
        ('"a"', "string", None),
    ],
)
def test_a_cast_is_exact_or_does_nothing(value: str, to: str, becomes: str | None) -> None:
    found = after(f'{{"v": {value}}}', f"{{cast: $.v, to: {to}}}")
    assert found == (None if becomes in {None, value} else f'{{"v": {becomes}}}')


def test_rules_build_on_each_other_in_order() -> None:
    rules = ("{cast: $.v, to: number}", "{replace: $.v, from: 1.5, to: 2}", "{remove: $.w}")
    assert after('{"v":"1.50","w":[]}', *rules) == '{"v":2}'
    assert after('{"v":"1.50","w":[]}', *reversed(rules)) == '{"v":1.50}'


def test_a_spelling_may_be_replaced_by_another_of_the_same_number() -> None:
    assert after('{"v":1.500}', "{replace: $.v, from: 1.5, to: 1.50}") == '{"v":1.50}'


@pytest.mark.parametrize(
    "text",
    [
        '{"v":1,"v":1}',
        '{"v":1,"w":{"x":1,"x":2}}',
        '{"v":1,}',
        '{"v":NaN}',
        '{"v":1} {}',
        '{"v":1,"w":"\\ud800"}',
        '{"v":1,"w":["\\udc00\\ud800"]}',
        '{"v":1,"w":"\x01"}',
        '{"v":1',
        '{"v":01}',
        "1",
        "",
        '\ufeff{"v":1}',
        '{"v":1,"w":' + "[" * 600 + "]" * 600 + "}",
        "[" * 1_000_000,
        '{"v":1,"w":"' + "x" * MAX_RECORD_BYTES + '"}',
    ],
    ids=range(16),
)
def test_what_is_no_sound_document_is_changed_by_text_rules_alone(text: str) -> None:
    assert after(text, "{replace: $.v, to: 2}") is None
    assert after(text, "{remove: $.v}") is None


def test_a_text_rule_mends_a_record_for_the_rules_after_it() -> None:
    rules = ("{text: NaN, by: 'null'}", "{replace: $.v, from: null, to: 3}")
    assert after('{"v":NaN,"w":18.50}', *rules) == '{"v":3,"w":18.50}'
    assert after('{"v":NaN,"w":18.50}', *reversed(rules)) == '{"v":null,"w":18.50}'
    assert after('{"v":1}', "{text: '}', by: ''}", "{replace: $.v, to: 2}") == '{"v":1'


def test_a_text_does_not_grow_beyond_what_a_record_may_hold() -> None:
    text = '{"v":"' + "x" * 4_000_000 + '"}'
    assert after(text, "{text: x, by: xxxxx}") is None
    assert after(text, "{text: x, by: xx}") == text.replace("x", "xx")


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("{code: enum}", True),
        ("{dataset: orders}", True),
        ("{code: enum, dataset: orders}", True),
        ("{code: 'rule:paid'}", True),
        ("{code: type}", False),
        ("{dataset: shops}", False),
        ("{code: missing, dataset: orders}", False),
    ],
)
def test_a_rule_is_for_records_that_wait_for_its_reason(where: str, *, holds: bool) -> None:
    waiting = {("orders", "enum"), ("customers", "missing"), ("customers", "rule:paid")}
    found = after('{"v":1}', f"{{replace: $.v, to: 2, where: {where}}}", waiting=waiting)
    assert found == ('{"v":2}' if holds else None)


def test_a_column_is_patched_row_by_row() -> None:
    texts = pa.array(['{"v":1}', None, '{"v":2}', "no json"])
    rules = patch("{replace: $.v, to: 2, where: {code: enum}}", "{text: no, by: some}")
    found = patch_column(rules, texts, [{("o", "enum")}, (), {("o", "enum")}, ()])
    assert found.equals(pa.array(['{"v":2}', None, None, "some json"]))
    with pytest.raises(ValueError, match="zip"):
        patch_column(rules, texts, [])


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$.a", ("a",)),
        ("$.orders[*].basket[10].product-type", ("orders", EVERY, "basket", 10, "product-type")),
        (r"$['a b']['it\'s'][ 0 ]", ("a b", "it's", 0)),
        ('$["ä.[*]"]', ("ä.[*]",)),
    ],
)
def test_a_path_is_read_as_it_is_written(path: str, steps: tuple[object, ...]) -> None:
    assert read_path(path) == steps


@pytest.mark.parametrize(
    "path", ["", "$", "a", "$.", "$..a", "$.*", "$[-1]", "$[01]", "$[a]", "$['']", "$.a b", "$.a["]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"is no path; write it like \$\.orders"):
        read_path(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: []", "line 1: holds a list of 1 to 1,000 rules, such as - {replace"),
        ("[]", "line 1: holds a list"),
        ("- a", "line 1: a rule is like"),
        ("- {remove: $.a}\n- {remov: $.a}", r"line 2: unknown name 'remov'; did you mean 'remove'\?"),
        ("- {remove: $.a, cast: $.a, to: string}", "line 1: a rule has exactly one of: replace, remove, cast, text"),
        ("- {to: 1}", "line 1: a rule has exactly one of"),
        ("- {remove: $.a, to: 1}", "line 1: unknown name 'to'. Allowed: remove, where"),
        ("- {remove: $}", r"line 1: '\$' is no path"),
        ("- {remove: 7}", "line 1: `remove` is a path"),
        ("- replace: $.a\n  from: 1", "line 1: `replace` says what it puts there"),
        ("- replace: $.a\n  to: [1]", "line 2: `to` is text, a number"),
        ("- cast: $.a\n  to: int", r"line 2: unknown name 'int'; did you mean 'integer'\?"),
        ("- cast: $.a", "line 1: must be one of: boolean, integer, number, string"),
        ("- {text: '', by: a}", "line 1: `text` and `by` are texts, the first not empty"),
        ("- {text: a}", "line 1: `text` and `by` are texts"),
        ("- remove: $.a\n  where: {cod: enum}", r"line 2: unknown name 'cod'; did you mean 'code'\?"),
        ("- remove: $.a\n  where: {code: enumm}", r"line 2: unknown name 'enumm'; did you mean 'enum'\?"),
        ("- remove: $.a\n  where: {}", "line 2: `where` is like {code: enum, dataset: orders}"),
        ("- remove: $.a\n  where: {dataset: 7}", "line 2: `dataset` is a name, as `tillage status` shows it"),
        ("- remove: $.a\n  remove: $.b", "line 2: 'remove' is given twice"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_nearest_name(text: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message) as wrong:
        read_patch("patch.yaml", text)
    assert str(wrong.value).startswith("patch.yaml")


def test_the_digest_is_that_of_the_text() -> None:
    assert patch("{remove: $.a}").digest != patch("{remove: $.b}").digest
    assert re.fullmatch("[0-9a-f]{64}", patch("{remove: $.a}").digest)


class Raw(str):
    """JSON text that is written as it is."""

    __slots__ = ()


_BLANK = st.text(" \t\n\r", max_size=2)
_NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z").map(Raw)
_STRINGS = st.builds(
    lambda text, is_ascii: Raw(json.dumps(text, ensure_ascii=is_ascii)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.booleans(),
)
_NAMES = st.sampled_from(["a", "b", "a b", 'q"', "é", "\\", "[", "}", ""])
_VALUES = st.recursive(
    _NUMBERS | _STRINGS | st.sampled_from([Raw("true"), Raw("false"), Raw("null")]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """The value as JSON text with blanks anywhere."""
    blank = lambda: draw(_BLANK)  # noqa: E731
    if isinstance(value, Raw):
        return value
    if isinstance(value, list):
        return f"[{blank()}{','.join(blank() + draw(written(one)) + blank() for one in value)}]"
    members = (f"{blank()}{json.dumps(k)}{blank()}:{blank()}{draw(written(v))}{blank()}" for k, v in value.items())
    return "{" + blank() + ",".join(members) + "}"


def exact(text: str) -> Any:
    """The document with its numbers as text, and names in order."""
    return json.loads(text, parse_int=Raw, parse_float=Raw, object_pairs_hook=list)


@given(st.data())
def test_what_a_replacement_does_not_name_keeps_its_spelling(data: st.DataObject) -> None:
    value = data.draw(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=5))
    name = data.draw(st.sampled_from(sorted(value)))
    new = data.draw(st.sampled_from(["null", "true", "7.50", '"x"']))
    parts = {key: data.draw(written(one)) for key, one in value.items()}

    def whole(of: dict[str, str]) -> str:
        return "{ " + " ,\n".join(f"{json.dumps(key)} : {one}" for key, one in of.items()) + "}"

    if not name:
        return
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    found = patched(patch(json.dumps({"replace": f"$['{quoted}']", "to": None}).replace("null", new)), whole(parts), ())
    wanted = whole(parts | {name: new})
    assert (whole(parts) if found is None else found) == wanted


@given(st.data())
def test_a_removal_equals_that_of_plain_python(data: st.DataObject) -> None:
    value = data.draw(st.lists(st.dictionaries(_NAMES, _VALUES, max_size=4), max_size=4))
    text = data.draw(written({"list": value, "rest": Raw("1e400")}))
    found = patched(patch("{remove: '$.list[*].a'}"), text, ())
    without = [{key: one for key, one in element.items() if key != "a"} for element in value]
    wanted = exact(json_of({"list": without, "rest": Raw("1e400")}))
    assert exact(text if found is None else found) == wanted
    assert (found is None) == (without == value)


@given(_VALUES, st.integers(0, 3))
def test_an_element_that_is_removed_leaves_the_others_in_order(value: Any, index: int) -> None:
    elements = [value, [], Raw("1.0")]
    found = patched(patch(f"{{remove: '$[{index}]'}}"), json_of(elements), ())
    wanted = exact(json_of(elements[:index] + elements[index + 1 :]))
    assert exact(found or json_of(elements)) == wanted


def json_of(value: Any) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(json_of, value))}]"
    return "{" + ",".join(f"{json.dumps(key)}:{json_of(one)}" for key, one in value.items()) + "}"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_no_text_whatever_is_more_than_left_alone(text: str) -> None:
    found = after(text, "{remove: $.a}", "{replace: '$[*]', to: 1}", "{cast: $.b, to: number}")
    assert found is None or json.loads(found) is not None
