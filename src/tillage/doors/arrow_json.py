"""Arrow columns as JSON text, in vectors, with every digit.

Integers and decimals are numbers with all their digits. A float is the shortest decimal text that reads back as the
same float of its width, without an exponent; NaN and the infinities are strings. Dates, times and timestamps are ISO
8601 text with six decimals, or nine where microseconds cannot say it, with `Z` where the type has a zone. A map is an
object, its keys as text. Bytes are text where they are UTF-8, else their hexadecimal digits, and the row is marked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

Mask: TypeAlias = npt.NDArray[np.bool_]
_TEXT = pa.large_string()
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_PLACES = np.array([place for place in range(36) if place not in {8, 13, 18, 23}])
_LAST_CONTROL = 0x1F


class UnknownTypeError(Exception):
    """An Arrow type that has no JSON text."""


def json_text(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    """The JSON text of each value, null for null, and which hold bytes that are no UTF-8.

    Raises:
        UnknownTypeError: no JSON text is known for the type.
    """
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return _quoted(_uuid_text(values.storage)), _none(values)
        return json_text(values.storage)
    for is_kind, write in _NESTED:
        if is_kind(kind):
            return write(values)
    for is_kind, plain in _PLAIN:
        if is_kind(kind):
            return plain(values), _none(values)
    raise UnknownTypeError


def objects(names: Sequence[str], columns: Sequence[pa.Array], count_rows: int) -> tuple[pa.LargeStringArray, Mask]:
    """One JSON object for each row, and which rows hold bytes that are no UTF-8."""
    if not names:
        return pa.repeat(pa.scalar("{}", _TEXT), count_rows), np.zeros(count_rows, dtype=np.bool_)
    parts: list[pa.Array | pa.Scalar] = []
    is_wrong = np.zeros(count_rows, dtype=np.bool_)
    for number, (name, column) in enumerate(zip(names, columns, strict=True)):
        text, is_wrong_here = json_text(column)
        is_wrong |= is_wrong_here
        parts += [_scalar(f"{',' if number else '{'}{json.dumps(name, ensure_ascii=False)}:"), text]
    return _join(*parts, _scalar("}"), is_null_kept=False), is_wrong


def map_entries(values: pa.MapArray) -> pa.ListArray:
    """The same as lists of structs, which Arrow can flatten."""
    return values.cast(pa.list_(pa.struct([values.type.key_field, values.type.item_field])))


def _none(values: pa.Array) -> Mask:
    return np.zeros(len(values), dtype=np.bool_)


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, _TEXT)


def _join(*parts: pa.Array | pa.Scalar, is_null_kept: bool = True) -> pa.LargeStringArray:
    handling = "emit_null" if is_null_kept else "replace"
    return pc.binary_join_element_wise(*parts, _scalar(""), null_handling=handling, null_replacement="null")


def _quoted(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """JSON strings; only what occurs is escaped."""
    data = text.buffers()[2]
    if data is not None:
        present = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)[: ord("\\") + 1].nonzero()[0]
        for sign in sorted(present.tolist(), key=lambda sign: sign != ord("\\")):  # the backslash first
            if sign <= _LAST_CONTROL or chr(sign) in '"\\':
                text = pc.replace_substring(text, chr(sign), json.dumps(chr(sign))[1:-1])
    return _join(_scalar('"'), text, _scalar('"'))


def _cast_text(values: pa.Array) -> pa.LargeStringArray:
    return values.cast(_TEXT)


def _without_exponent(text: pa.LargeStringArray) -> pa.LargeStringArray:
    """Numbers written in full; few have an exponent, and each that differs is rewritten once."""
    has_exponent = pc.match_substring(text, "e", ignore_case=True).fill_null(False)
    if not pc.any(has_exponent).as_py():
        return text
    found = text.filter(has_exponent).dictionary_encode()
    plain = pa.array([format(Decimal(number), "f") for number in found.dictionary.to_pylist()], _TEXT)
    return pc.replace_with_mask(text, has_exponent, plain.take(found.indices))


def _decimal_text(values: pa.Array) -> pa.LargeStringArray:
    return _without_exponent(values.cast(_TEXT))


def _float_text(values: pa.Array) -> pa.LargeStringArray:
    if kinds.is_float16(values.type):
        values = values.cast(pa.float32())
    is_finite = pc.is_finite(values)
    text = values.cast(_TEXT)
    if not pc.all(is_finite, min_count=0).as_py():
        for short, full in (("nan", '"NaN"'), ("-inf", '"-Infinity"'), ("inf", '"Infinity"')):
            text = pc.if_else(pc.equal(text, _scalar(short)), _scalar(full), text)
        is_number = is_finite.fill_null(False)
        return pc.replace_with_mask(text, is_number, _without_exponent(text.filter(is_number)))
    return _without_exponent(text)


def _date_text(values: pa.Array) -> pa.LargeStringArray:
    return _quoted(values.cast(pa.date32(), safe=False).cast(_TEXT))


def _clock_text(values: pa.Array) -> pa.LargeStringArray:
    """Of a time, or of a timestamp in UTC."""
    kind = values.type
    if kinds.is_timestamp(kind) and kind.tz is not None:
        values = values.cast(pa.int64()).cast(pa.timestamp(kind.unit))
    text = values.cast(_TEXT)
    if kind.unit in {"s", "ms"}:
        text = _join(text, _scalar(".000000" if kind.unit == "s" else "000"))
    elif kind.unit == "ns":
        text = pc.if_else(pc.ends_with(text, "000"), pc.utf8_slice_codeunits(text, 0, -3), text)
    if kinds.is_timestamp(kind):
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
        if kind.tz is not None:
            text = _join(text, _scalar("Z"))
    return _quoted(text)


def _duration_text(values: pa.Array) -> pa.LargeStringArray:
    return values.cast(pa.int64()).cast(_TEXT)


def _null_text(values: pa.Array) -> pa.LargeStringArray:
    return pa.nulls(len(values), _TEXT)


def _uuid_text(values: pa.Array) -> pa.LargeStringArray:
    count = len(values)
    packed = values.fill_null(bytes(16)).cast(pa.large_binary())
    data = np.frombuffer(b"".join(packed.to_pylist()), dtype=np.uint8).reshape(count, 16)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    text[:, _UUID_PLACES[0::2]] = _HEX[data >> 4]
    text[:, _UUID_PLACES[1::2]] = _HEX[data & 15]
    offsets = np.arange(count + 1, dtype=np.int64) * 36
    found = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))
    return pc.if_else(values.is_valid(), found, pa.scalar(None, _TEXT))


def _string_text(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    """Of strings and bytes alike: a Parquet file may call anything a string."""
    packed = values.cast(pa.large_binary())
    try:
        return _quoted(packed.cast(_TEXT)), _none(values)
    except pa.ArrowInvalid:
        pass
    is_wrong = _none(values)
    texts: list[str | None] = []
    for row, found in enumerate(packed.to_pylist()):
        try:
            texts.append(None if found is None else found.decode())
        except UnicodeDecodeError:
            texts.append(found.hex())
            is_wrong[row] = True
    return _quoted(pa.array(texts, _TEXT)), is_wrong


def _struct_text(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    names = [field.name for field in values.type]
    text, is_wrong = objects(names, values.flatten(), len(values))
    return _where_valid(values, text), is_wrong


def _where_valid(values: pa.Array, text: pa.LargeStringArray) -> pa.LargeStringArray:
    return pc.if_else(values.is_valid(), text, pa.scalar(None, _TEXT)) if values.null_count else text


def _list_text(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    text, is_wrong = json_text(values.flatten())
    return _gather(values, text.fill_null("null"), is_wrong, around="[]")


def _map_text(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    values = map_entries(values)
    keys, items = values.flatten().flatten()
    key_text, is_wrong_key = json_text(keys)
    item_text, is_wrong = json_text(items)
    if not pc.all(pc.starts_with(key_text, '"'), min_count=0).as_py():
        key_text = _quoted(key_text)
    text = _join(key_text, _scalar(":"), item_text, is_null_kept=False)
    return _gather(values, text, is_wrong | is_wrong_key, around="{}")


def _gather(
    values: pa.Array, text: pa.LargeStringArray, is_wrong: Mask, *, around: str
) -> tuple[pa.LargeStringArray, Mask]:
    """The texts of the elements, one for each list of `values`."""
    lengths = pc.if_else(values.is_valid(), pc.list_value_length(values), 0).cast(pa.int64())
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)])
    joined = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), text), _scalar(","))
    found = _where_valid(values, _join(_scalar(around[0]), joined, _scalar(around[1])))
    wrong_before = np.concatenate([[0], np.cumsum(is_wrong)])
    return found, wrong_before[offsets[1:]] > wrong_before[offsets[:-1]]


def _decoded(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    return json_text(values.dictionary_decode())


def _run_end_decoded(values: pa.Array) -> tuple[pa.LargeStringArray, Mask]:
    return json_text(pc.run_end_decode(values))


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (
        kinds.is_string, kinds.is_large_string, kinds.is_string_view, kinds.is_binary, kinds.is_large_binary,
        kinds.is_binary_view, kinds.is_fixed_size_binary,
    )  # fmt: skip
    return any(test(kind) for test in tests)


def _is_list(kind: pa.DataType) -> bool:
    tests = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list, kinds.is_list_view, kinds.is_large_list_view)
    return any(test(kind) for test in tests)


def _is_clock(kind: pa.DataType) -> bool:
    return bool(kinds.is_timestamp(kind) or kinds.is_time(kind))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_boolean(kind))


_NESTED: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], tuple[pa.LargeStringArray, Mask]]], ...] = (
    (_is_bytes, _string_text),
    (kinds.is_dictionary, _decoded),
    (kinds.is_run_end_encoded, _run_end_decoded),
    (kinds.is_struct, _struct_text),
    (kinds.is_map, _map_text),
    (_is_list, _list_text),
)
_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.LargeStringArray]], ...] = (
    (_is_whole, _cast_text),
    (kinds.is_decimal, _decimal_text),
    (kinds.is_floating, _float_text),
    (_is_clock, _clock_text),
    (kinds.is_date, _date_text),
    (kinds.is_duration, _duration_text),
    (kinds.is_null, _null_text),
)
