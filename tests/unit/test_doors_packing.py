"""What is packed is unpacked whole or refused; no torn, foreign or endless stream is taken for a whole one."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from tillage.doors import packing
from tillage.doors.packing import unpacked
from tillage.doors.refused import RefusedStreamError

_LINES = b"".join(b'{"a":%d}\n' % random.Random(7).randrange(1000) for _ in range(30))


def _zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


def _read(stored: bytes, promised: str = "", *, step: int = 1 << 20) -> bytes:
    file = io.BytesIO(stored)
    return b"".join(unpacked(lambda size: file.read(min(size, step)), promised=promised, stored_bytes=len(stored)))


_PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": _zstd}


@pytest.mark.parametrize("kind", _PACK)
def test_the_content_says_how_it_is_packed_and_the_name_is_held_to_it(kind: str) -> None:
    stored = _PACK[kind](_LINES)
    assert _read(stored) == _read(stored, kind) == _LINES
    assert _read(_LINES) == _LINES
    assert _read(b"", kind) == b""
    with pytest.raises(RefusedStreamError, match=f"is no {kind} file, though its name says so"):
        _read(_LINES, kind)
    (other,) = set(_PACK) - {kind}
    with pytest.raises(RefusedStreamError, match=f"is no {other} file, though its name says so"):
        _read(stored, other)


@pytest.mark.parametrize("kind", _PACK)
def test_no_torn_file_is_taken_for_a_whole_one_at_any_byte(kind: str) -> None:
    stored = _PACK[kind](_LINES)
    for kept in range(1, len(stored)):
        for promised in (kind, ""):
            if promised == "" and kept < 4:
                continue  # too short to be told from text
            with pytest.raises(RefusedStreamError, match=f"is no (whole )?{kind} file"):
                _read(stored[:kept], promised)


@pytest.mark.parametrize("kind", _PACK)
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_several_members_are_one_stream(kind: str, step: int) -> None:
    pack = _PACK[kind]
    assert _read(pack(_LINES) + pack(b"") + pack(b"x\n"), step=max(step, 4)) == _LINES + b"x\n"


@pytest.mark.parametrize("kind", _PACK)
def test_a_torn_second_member_refuses_all(kind: str) -> None:
    first, second = _PACK[kind](_LINES), _PACK[kind](_LINES)
    for kept in range(1, len(second), 5):
        with pytest.raises(RefusedStreamError, match=f"is no whole {kind} file"):
            _read(first + second[:kept])


@pytest.mark.parametrize("step", [4, 1 << 20])
def test_zeros_behind_gzip_are_padding_and_anything_else_is_not(step: int) -> None:
    stored = gzip.compress(_LINES)
    assert _read(stored + bytes(1000), step=step) == _LINES
    assert _read(stored + bytes(5) + stored, step=step) == _LINES * 2
    with pytest.raises(RefusedStreamError, match="is no whole gzip file"):
        _read(stored + bytes(10) + b"x", step=step)


def test_a_flipped_bit_of_gzip_is_noticed_or_means_nothing() -> None:
    stored = bytearray(gzip.compress(_LINES))
    refused = 0
    for place in range(10, len(stored)):
        stored[place] ^= 16
        try:
            found = _read(bytes(stored))
        except RefusedStreamError:
            refused += 1
        else:
            assert found == _LINES  # a bit behind the last block's end
        stored[place] ^= 16
    assert refused > len(stored) - 15


@pytest.mark.parametrize("kind", _PACK)
def test_what_is_packed_twice_is_refused(kind: str) -> None:
    with pytest.raises(RefusedStreamError, match="is packed twice"):
        _read(_PACK[kind](gzip.compress(_LINES)))


@pytest.mark.parametrize("kind", _PACK)
def test_a_bomb_is_refused_by_its_limit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_UNPACKED_BYTES", 1_000_000)
    assert len(_read(_PACK[kind](bytes(1_000_000)))) == 1_000_000
    with pytest.raises(
        RefusedStreamError, match="more than 1,000,000 bytes and 200 times its size, which is the limit"
    ):
        _read(_PACK[kind](bytes(1_000_001)))
    noise = random.Random(1).randbytes(1_000_001)
    assert _read(_PACK[kind](noise)) == noise


def test_pieces_are_bounded_however_well_it_is_packed() -> None:
    stored = gzip.compress(bytes(50_000_000))
    file = io.BytesIO(stored)
    sizes = [len(piece) for piece in unpacked(file.read, promised="gzip", stored_bytes=len(stored))]
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= 1 << 20
