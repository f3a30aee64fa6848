"""The schema of `tillage.yaml` takes what the reader takes, over random settings, and refuses what it refuses.

One direction is not said by a schema: see `ONLY_THE_READER`.
"""

from __future__ import annotations

import codecs
import json
import pkgutil
import re
from collections.abc import Mapping
from encodings import aliases
from functools import cache
from typing import Any

import encodings  # isort: skip
import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tests.generative.bounded import bounded
from tillage.contracts.encodings import CODECS, codec_of
from tillage.contracts.project import read_project
from tillage.contracts.tools.project_schema import project_schema
from tillage.errors import ProjectFileError

# Values that are right for a schema, and that the reader knows to be wrong.
ONLY_THE_READER = [
    *("0 0 31 2 *", "99 * * * *", "Europe/Atlantis", 2.0, 100.0, "$['\\q'][*]", "$['\\ud800'][*]"),
    "/spend/{nobody}",
    *("stray", "${env:TILLAGE_STORE_DSN}", "${env:SHARED}"),
]
_MARKS = st.sampled_from([*"\"';|,~^ `\t\x01/(", "ab", "é", "x", "\\", "", 7, None, "whitespace", [], {"a": 1}])
_ENCODINGS = st.sampled_from(
    [
        *("utf-8", "UTF8", "utf_8_sig", "UTF-16LE", "ISO-8859-15", "iso8859_1", "latin1", "Latin-9", "Windows-1252"),
        *("cp1252", "CP 437", "mac-roman", "us-ascii", "euc-jp", "shift_jis", "utf-7", "utf-32", "hex", "rot13"),
        *("idna", "charmap", "latin-99", "cp037", "utf--8", "-utf-8", "", "ANSI", 1252, None, True, [], "ütf-8", "gbk"),
    ]
)
_RECORDS = st.sampled_from(
    [
        *(
            "$",
            "$.a[*]",
            "$['a b'][*]",
            '$["x"].y[*]',
            "$[*]",
            "$.a",
            "a",
            "/a/b",
            "/größe/x",
            "/a b",
            "/",
            "//a",
            "$.a[*].b",
        ),
        *("$['\\q'][*]", "$['\\ud800'][*]", None, 5),
    ]
)
_PATHS = st.sampled_from(
    [
        *(
            "landing/a",
            "a",
            "landing/**/x.csv",
            "landing/a**b",
            "a/***",
            "**/a",
            "*/a",
            "a/b*",
            "a/[x]",
            "../a",
            "a/..",
            "a//b",
        ),
        *("./a", "a/.", "a/..c", "", "a\\b", "größe/ü", "a b", "a/**", None, 5, ["a"]),
    ]
)
_SCHEDULES = st.sampled_from(["5 * * * *", "0 0 31 2 *", "99 * * * *", "daily", "* * * *", "@daily", None, 5, []])
_COLUMNS = st.sampled_from([[], ["a"], ["a", "b"], ["a", "a"], ["a", ""], ["a", 5], "a", None])
_CSV = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": _MARKS,
        "quote": _MARKS,
        "header": st.sampled_from([True, False, "no", None, 0]),
        "columns": _COLUMNS,
        "encoding": _ENCODINGS,
        "skip": st.sampled_from([0, 3, -1, 2.0, "1", True, None]),
        "delimeter": _MARKS,
    },
)
_FEED = st.fixed_dictionaries(
    {"path": _PATHS},
    optional={
        "format": st.sampled_from(["jsonl", "json", "csv", "parquet", "xml", "xls", None, []]),
        "records": _RECORDS,
        "csv": _CSV | st.sampled_from([None, ";", []]),
        "sameContent": st.sampled_from(["load", "skip", "skp", None, {}]),
        "maxQuarantine": st.sampled_from([0, 100, -1, 1.5, 100.0, "1%", "0.5 %", "101%", "1 %%", None, True, []]),
        "schedule": _SCHEDULES,
    },
)
_CSV_FEED = st.fixed_dictionaries({"path": st.just("a"), "format": st.just("csv"), "csv": _CSV})
_ROUTES = st.dictionaries(
    st.sampled_from(["/spend/{id}", "/spend/{nobody}", "/spend", "spend/{id}", "/{id}", "/a/b/{id}"]),
    st.sampled_from([{"from": "m", "fields": {"id": "a"}}, {"from": "m"}, {"from": 5, "fields": {"id": "a"}}, None]),
    max_size=2,
)
_STORES = st.sampled_from(
    [
        *("${env:A_DSN}", "${env:SHARED}", "${env:TILLAGE_STORE_DSN}", "${env:1A}", "${env:}", "$A_DSN", "A_DSN"),
        *("host=db password=x", "${env:A_DSN} ", "${file:A}", None, 5, [], {"env": "A"}),
    ]
)
_ENVIRONMENT = st.fixed_dictionaries(
    {},
    optional={
        "store": _STORES,
        "feeds": st.dictionaries(
            st.sampled_from(["orders", "stray"]),
            st.fixed_dictionaries({}, optional={"path": _PATHS, "format": st.just("csv")}) | st.none(),
            max_size=2,
        )
        | st.sampled_from([None, [], "orders"]),
        "data": st.just("data/dev"),
    },
)
_ENVIRONMENTS = st.dictionaries(
    st.sampled_from(["dev", "prod", "a-1_b", "default", "lake", "tmp", "lakes", "Dev", "1dev", "d" * 32]),
    _ENVIRONMENT | st.sampled_from([None, [], "dev"]),
    max_size=2,
)
_SETTINGS = st.fixed_dictionaries(
    {
        "project": st.sampled_from(["shop", "My Shop", "a-1", "", 5, None, []]) | st.just("shop"),
        "feeds": st.dictionaries(st.sampled_from(["orders", "Orders", "a1", "1a"]), _FEED | _CSV_FEED, max_size=2),
    },
    optional={
        "serve": _ROUTES | st.none(),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Europe/Atlantis", None, 5, []]),
        "maintain": st.fixed_dictionaries({}, optional={"schedule": _SCHEDULES, "x": st.just(1)})
        | st.sampled_from([None, 5]),
        "environments": _ENVIRONMENTS | st.sampled_from([None, [], "dev"]),
        "feed": st.just({}),
    },
)


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(project_schema())


def is_read(settings: Mapping[str, Any]) -> bool:
    try:
        read_project("tillage.yaml", yaml.safe_dump(settings, allow_unicode=True))
    except ProjectFileError:
        return False
    return True


def holds(settings: object, wanted: object) -> bool:
    """Whether the value, or a name of that spelling, stands anywhere."""
    if isinstance(settings, dict):
        return any(holds(one, wanted) for pair in settings.items() for one in pair)
    if isinstance(settings, list):
        return any(holds(one, wanted) for one in settings)
    return type(settings) is type(wanted) and settings == wanted


@bounded(1500)
@given(
    settings=_SETTINGS
    | st.fixed_dictionaries({"project": st.just("shop"), "feeds": st.fixed_dictionaries({"a": _CSV_FEED})})
    | st.fixed_dictionaries(
        {"project": st.just("shop"), "feeds": st.just({"orders": {"path": "a"}}), "environments": _ENVIRONMENTS}
    )
)
@example(settings={"project": "s", "feeds": {"a": {"path": "a", "format": "csv", "csv": {"delimiter": '"'}}}})
@example(
    settings={"project": "s", "feeds": {"a": {"path": "a", "format": "csv", "csv": {"delimiter": "'", "quote": "'"}}}}
)
@example(settings={"project": "s", "feeds": {"a": {"path": "a", "format": "csv", "csv": {"encoding": "shift_jis"}}}})
@example(settings={"project": "s", "feeds": {"a": {"path": "a/x**y"}}})
@example(settings={"project": "s", "feeds": {"a": {"path": "a"}}, "environments": {"dev": {"store": "${env:A}"}}})
@example(
    settings={
        "project": "s",
        "feeds": {"a": {"path": "a"}},
        "environments": {"dev": {"feeds": {"a": {"path": "../b"}}}},
    }
)
def test_reader_and_schema_agree_on_what_tillage_yaml_may_say(settings: dict[str, Any]) -> None:
    taken, is_valid = is_read(settings), validator().is_valid(settings)
    if taken:
        assert is_valid, [error.message for error in validator().iter_errors(settings)]
    elif is_valid:
        assert any(holds(settings, one) for one in ONLY_THE_READER), "the schema takes what the reader refuses"


@pytest.mark.parametrize("one", ONLY_THE_READER)
def test_what_only_the_reader_refuses_is_what_is_stated(one: object) -> None:
    places: list[dict[str, Any]] = [
        {"schedule": one},
        {"maxQuarantine": one},
        {"format": "csv", "csv": {"skip": one}},
        {"format": "json", "records": one},
    ]
    tried = [{"project": "s", "feeds": {"a": {"path": "a", **place}}} for place in places]
    fields = {"from": "m", "fields": {"id": "a"}}
    tried += [
        {"project": "s", "feeds": {"a": {"path": "a"}}, **more}
        for more in (
            {"timezone": one},
            {"serve": {one: fields}},
            {"environments": {"dev": {"feeds": {one: {"path": "b"}}}}},
            {"environments": {"dev": {"store": one}, "prod": {"store": one}}},
        )
    ]
    assert any(validator().is_valid(json.loads(json.dumps(settings))) and not is_read(settings) for settings in tried)


def test_every_codec_that_keeps_ascii_can_be_stated_by_its_own_name_and_no_other() -> None:
    stated = {codecs.lookup(codec).name for codec in CODECS.values()}
    for name in {one.name for one in pkgutil.iter_modules(encodings.__path__)} - {"mbcs", "oem"}:
        try:
            codec = codecs.lookup(name)
        except LookupError:
            continue
        keeps = codec.name.startswith("utf-16") or codec.name == "utf-8-sig" or keeps_ascii(codec)
        own = codec_of(codec.name)
        assert (own is not None) == keeps, codec.name
        assert own is None or own in {codec.name, codec.name.replace("-sig", "")} or codecs.lookup(own) == codec
    assert "utf-8" in stated


def keeps_ascii(codec: codecs.CodecInfo) -> bool:
    """Whether it is an encoding of text in which an ASCII byte is that character, also after any other byte."""
    if not codec._is_text_encoding or codec.name in {"charmap", "idna", "palmos"}:
        return False
    whole = "".join(map(chr, range(128))) + "\\u0041 +AGE- ~{ \x1b$B!!"
    try:
        if whole.encode("ascii").decode(codec.name) != whole:
            return False
    except (UnicodeError, DeprecationWarning):
        return False
    return not any(
        swallows(codec.name, lead, trail) for lead in range(128, 256) for trail in b"\n\r\t \"',\\;|{}~^@[]`_-./:"
    )


def swallows(codec: str, lead: int, trail: int) -> bool:
    try:
        return not bytes((lead, trail)).decode(codec).endswith(chr(trail))
    except UnicodeDecodeError:
        return False


def test_usual_spellings_of_an_encoding_are_taken() -> None:
    known = {
        name
        for name, codec in aliases.aliases.items()
        if codec_of(codec) and re.match(r"(latin|iso.?8859.\d+$|windows|utf)", name)
    }
    assert {name for name in known if codec_of(name) is None} <= {"latin", "utf", "utf8_ucs2", "utf8_ucs4"}
    assert codec_of("Windows-1252") == "cp1252"
    assert codec_of("ISO_8859-15") == "iso8859-15"
