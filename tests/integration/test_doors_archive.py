"""Zip files at the door: members are sources, and what could mislead is refused whole."""

from __future__ import annotations

import gzip
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.integration.landing import LINE, Landing
from tillage.errors import FileRejectedError


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "shop")


def test_a_zip_is_told_by_its_content(landing: Landing) -> None:
    landing.zip("a.jsonl", {"m.jsonl": LINE})
    landing.land("b.zip")
    landing.land("empty.zip", b"")
    arrived = landing.look()
    assert [source.path for source in arrived.sources] == ["landing/shop/a.jsonl/m.jsonl", "landing/shop/empty.zip"]
    assert [str(wrong).split(";")[0] for wrong in arrived.rejected] == [
        "file landing/shop/b.zip is no zip file, though its name says so"
    ]
    assert len(landing.read(*arrived.sources)) == 1


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"../a.jsonl": LINE}, r"holds member '\.\./a\.jsonl', whose name leads out of the zip file"),
        ({"/etc/a.jsonl": LINE}, "whose name leads out"),
        ({"x/../../a.jsonl": LINE}, "whose name leads out"),
        ({"..\\a.jsonl": LINE}, "whose name leads out"),
        ({"C:/a.jsonl": LINE}, "whose name leads out"),
        ({"a.jsonl": LINE, "b.zip": b"PK\x03\x04"}, "holds member 'b.zip', which is packed itself"),
        ({"a.jsonl": gzip.compress(LINE)}, "is packed twice"),
    ],
)
def test_a_zip_that_could_mislead_is_refused_whole(landing: Landing, members: dict[str, bytes], says: str) -> None:
    landing.land("good.jsonl")
    landing.zip("a.zip", members)
    arrived = landing.look()
    assert [source.path for source in arrived.sources] == ["landing/shop/good.jsonl"]
    (wrong,) = arrived.rejected
    assert wrong.path == "landing/shop/a.zip"
    with pytest.raises(FileRejectedError, match=says):
        raise wrong


def test_a_zip_with_a_member_twice_is_refused(landing: Landing) -> None:
    with zipfile.ZipFile(landing.folder / "a.zip", "w") as zipped:
        zipped.writestr("m.jsonl", LINE)
        with pytest.warns(UserWarning, match="Duplicate name"):
            zipped.writestr("m.jsonl", LINE)
    assert "holds member 'm.jsonl' twice" in str(landing.look().rejected[0])


def test_an_encrypted_zip_is_refused(landing: Landing) -> None:
    path = landing.zip("a.zip", {"m.jsonl": LINE})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)
    assert "which is encrypted; pack it anew without a password" in str(landing.look().rejected[0])


def test_other_members_of_a_zip_are_left_alone_by_name(landing: Landing) -> None:
    path = landing.zip("a.zip", {"m.jsonl": LINE, "__MACOSX/._m.jsonl": b"x", "folder/": b"", "read.me": b"x"})
    with zipfile.ZipFile(path, "a") as zipped:
        link = zipfile.ZipInfo("link.jsonl")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(link, "/etc/passwd")
    assert landing.paths() == ["a.zip/m.jsonl"]
    assert {name: reason.split(":")[0] for name, reason in landing.left_alone().items()} == {
        "a.zip/link.jsonl": "a link",
        "a.zip/read.me": "its suffix is none of jsonl",
    }


def test_no_torn_zip_is_taken_for_a_whole_one_at_any_byte(landing: Landing) -> None:
    path = landing.zip("a.zip", {"m.jsonl": LINE * 3})
    whole = path.read_bytes()
    for kept in range(1, len(whole)):
        path.write_bytes(whole[:kept])
        arrived = landing.look()
        assert arrived.sources == ()
        assert len(arrived.rejected) == 1
    for place in range(30, len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 255
        path.write_bytes(changed)
        for source in landing.look().sources:
            assert [row["raw"] for row in landing.read(source)] == [LINE.strip()] * 3


def test_a_zip_bomb_is_refused_before_it_is_unpacked(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.zip("a.zip", {"m.jsonl": bytes(3_000_000)})
    monkeypatch.setattr("tillage.doors.archive.MAX_UNPACKED_BYTES", 1_000_000)
    assert "unpacks to more than 1,000,000 bytes and 200 times its size" in str(landing.look().rejected[0])


def test_the_members_of_a_large_zip_are_read_without_opening_it_for_each(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.zip("a.zip", {f"{number:04}.jsonl": b"[%d]\n" % number for number in range(3000)})
    landing.zip("b.zip", {"m.jsonl": LINE})
    sources = landing.look().sources
    opened = []
    open_zip = zipfile.ZipFile

    def count_and_open(*words: Any) -> zipfile.ZipFile:
        opened.append(words)
        return open_zip(*words)

    monkeypatch.setattr("tillage.doors.archive.zipfile.ZipFile", count_and_open)
    found = landing.read(*sources)
    assert [row["raw"] for row in found] == [*(b"[%d]" % number for number in range(3000)), LINE.strip()]
    assert [row["source"] for row in found] == list(range(3001))
    assert len(opened) == 2
