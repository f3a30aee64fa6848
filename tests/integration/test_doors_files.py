"""The files door on a real folder: what is taken, what is left alone and named, and what is refused whole."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.landing import LINE, Landing
from tests.integration.processes import open_files
from tillage.contracts.project import Csv, Feed
from tillage.domain.load import SourceFile
from tillage.doors import arriving, opening
from tillage.doors.batch import SCHEMA
from tillage.doors.files import FilesDoor
from tillage.doors.folders import folder_members
from tillage.errors import FileRejectedError, OperatorError, SourceChangedError
from tillage.ports.door import Hint
from tillage.ports.store import Known


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "shop")


def test_every_packing_and_folder_is_found_in_order_of_path(landing: Landing) -> None:
    for name in ("b.jsonl", "a.ndjson", "c/d.json", "a b'\n\"é.jsonl", "UPPER.JSONL"):
        landing.land(name)
    landing.land("e.jsonl.gz", gzip.compress(LINE * 2))
    landing.land("f.json.zst", bytes(pa.Codec("zstd").compress(LINE * 3, asbytes=True)))
    landing.zip("g.zip", {"y.jsonl": LINE * 4, "x/z.jsonl": LINE * 5})
    names = ["UPPER.JSONL", "a b'\n\"é.jsonl", "a.ndjson", "b.jsonl", "c/d.json", "e.jsonl.gz", "f.json.zst"]
    assert landing.paths() == [*names, "g.zip/x/z.jsonl", "g.zip/y.jsonl"]
    assert landing.left_alone() == {}
    counts = [0] * 9
    for row in landing.read():
        counts[row["source"]] += 1
    assert counts == [1, 1, 1, 1, 1, 2, 3, 5, 4]


def test_all_batches_have_all_columns(landing: Landing) -> None:
    landing.land("a.jsonl", LINE * 100)
    landing.land("b.jsonl")
    (batch,) = landing.door.read(landing.feed, landing.look().sources)
    assert batch.schema == SCHEMA
    assert batch.column("text").null_count == batch.column("code").null_count == 101


def test_what_is_known_is_not_read_again(landing: Landing) -> None:
    path = landing.land("a.jsonl")
    landing.zip("b.zip", {"c.jsonl": LINE, "d.jsonl": b"{}\n"})
    first = landing.look()
    path.chmod(0o600)  # changes ctime, so the signature; the digest stays
    again = landing.look(landing.known(first))
    assert [(source.path, source.digest) for source in again.sources] == [
        ("landing/shop/a.jsonl", first.sources[0].digest)
    ]
    assert landing.look(landing.known(landing.look())).sources == ()
    landing.zip("b.zip", {"c.jsonl": LINE, "d.jsonl": b"[]\n"})
    touched = {source.path: source.digest for source in landing.look(landing.known(first)).sources}
    assert touched["landing/shop/b.zip/c.jsonl"] == first.sources[1].digest
    assert touched["landing/shop/b.zip/d.jsonl"] == hashlib.sha256(b"[]\n").hexdigest()


def test_what_hides_is_left_alone_without_a_word_and_the_rest_by_name(landing: Landing, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "o.jsonl").write_bytes(LINE)
    inside = landing.land("in.jsonl")
    for name in (
        ".hidden.jsonl",
        "_tmp.jsonl",
        "a.jsonl.part",
        "b.crdownload",
        "c.jsonl~",
        ".git/d.jsonl",
        "_x/e.jsonl",
    ):
        landing.land(name)
    landing.land("notes.doc")
    (landing.folder / "file-link.jsonl").symlink_to(outside / "o.jsonl")
    (landing.folder / "folder-link").symlink_to(outside)
    (landing.folder / "broken.jsonl").symlink_to(tmp_path / "nothing")
    (landing.folder / "loop.jsonl").symlink_to(landing.folder / "loop.jsonl")
    (landing.folder / "second.jsonl").symlink_to(inside)
    os.mkfifo(landing.folder / "fifo.jsonl")
    assert landing.paths() == ["in.jsonl", "second.jsonl"]
    assert {name: reason.split(":")[0] for name, reason in landing.left_alone().items()} == {
        "notes.doc": "its suffix is none of jsonl",
        "file-link.jsonl": "a link that leads out of the feed's folder",
        "folder-link": "a link that leads out of the feed's folder",
        "broken.jsonl": "a link that leads out of the feed's folder",
        "loop.jsonl": "a link that leads nowhere",
        "fifo.jsonl": "no regular file",
    }
    assert len(landing.read()) == 2


def test_a_name_that_is_no_text_is_refused_and_one_that_is_not_ours_named(landing: Landing) -> None:
    folder = os.fsencode(landing.folder)
    Path(os.fsdecode(folder + b"/n\xff.doc")).write_bytes(b"x")
    assert landing.left_alone().keys() == {"n\\udcff.doc"}
    Path(os.fsdecode(folder + b"/a\xff.jsonl")).write_bytes(LINE)
    with pytest.raises(OperatorError, match=r"in landing/shop is not UTF-8: a\\udcff.jsonl; rename it"):
        landing.look()


def test_a_missing_folder_is_said_with_the_command_that_makes_it(landing: Landing) -> None:
    landing.feed = Feed("shop", "landing/nothing", "jsonl")
    with pytest.raises(
        OperatorError, match=r"folder landing/nothing does not exist; make it: mkdir -p landing/nothing"
    ):
        landing.look()
    landing.land("a.jsonl")
    landing.feed = Feed("shop", "landing/shop/a.jsonl", "jsonl")
    with pytest.raises(OperatorError, match=r"landing/shop/a\.jsonl is no folder"):
        landing.look()


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        (
            "landing/shop",
            ["a.json", "date=1/hour=00/c.json", "date=1/hour=00/c.json.gz", "date=2/x/c.json", "x/y/z.json"],
        ),
        ("landing/shop/date=*/hour=*/c.json*", ["date=1/hour=00/c.json", "date=1/hour=00/c.json.gz"]),
        ("landing/shop/date=*", ["date=1/hour=00/c.json", "date=1/hour=00/c.json.gz", "date=2/x/c.json"]),
        ("landing/**/c.json", ["date=1/hour=00/c.json", "date=2/x/c.json"]),
        ("landing/shop/*.json", ["a.json"]),
        ("landing/*/[xy]/*/?.json", ["x/y/z.json"]),
        ("landing/shop/**/hour=0?", ["date=1/hour=00/c.json", "date=1/hour=00/c.json.gz"]),
    ],
)
def test_a_pattern_takes_files_and_what_lies_in_folders(landing: Landing, path: str, taken: list[str]) -> None:
    for name in ("a.json", "date=1/hour=00/c.json", "date=2/x/c.json", "x/y/z.json"):
        landing.land(name)
    landing.land("date=1/hour=00/c.json.gz", gzip.compress(LINE))
    landing.feed = Feed("shop", path, "jsonl")
    assert landing.paths() == taken


def test_folders_are_members_as_hive_writes_them() -> None:
    feed = Feed("shop", "landing/date=*/hour=*", "jsonl")
    assert folder_members("landing/date=2020-01-31/hour=07/a=b.jsonl", feed) == {"date": "2020-01-31", "hour": "07"}
    plain = Feed("shop", "landing/year=1", "jsonl")
    assert folder_members("landing/year=1/k%3D1=a%2Fb%20%C3%A9/none=__HIVE_DEFAULT_PARTITION__/=x/y/z.gz", plain) == {
        "k=1": "a/b é"
    }
    assert folder_members("landing/year=1/a=1/a=2/b=/q=1.zip/c=3/m.jsonl", plain) == {"a": "2", "b": "", "c": "3"}
    assert folder_members("landing/year=1/x.jsonl", plain) == {}


def test_a_file_that_is_being_written_is_left_alone(landing: Landing) -> None:
    landing.land("a.jsonl")
    path = landing.land("b.jsonl")
    with path.open("ab") as writing:
        writing.write(b"{")
        writing.flush()
        assert landing.paths() == ["a.jsonl"]
        assert landing.left_alone() == {"b.jsonl": "is still being written; the next run takes it"}
    assert landing.paths() == ["a.jsonl", "b.jsonl"]


def test_a_file_that_changes_while_it_is_hashed_is_left_alone(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landing.land("a.jsonl")

    def hash_and_change(descriptor: int) -> object:
        with path.open("ab") as file:
            file.write(LINE)
        return hashed(descriptor)

    hashed = arriving.hashed
    monkeypatch.setattr(arriving, "hashed", hash_and_change)
    assert landing.paths() == []
    assert landing.left_alone() == {"a.jsonl": "changed while it was looked at; the next run takes it"}


def test_where_no_lease_can_be_had_a_file_is_taken(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.land("a.jsonl")
    monkeypatch.delattr(fcntl, "F_SETLEASE")
    assert landing.paths() == ["a.jsonl"]


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_what_is_swapped_in_after_the_look_is_not_read(
    landing: Landing, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jsonl").write_bytes(LINE)
    path = landing.land("x/a.jsonl")
    open_file = os.open

    def swap_and_open(name: Any, flags: int, *rest: Any, **more: Any) -> int:
        if os.fspath(name) == os.fspath(path):
            monkeypatch.setattr(opening.os, "open", open_file)
            path.unlink()
            if kind == "fifo":
                os.mkfifo(path)
            elif kind == "link":
                path.symlink_to(outside / "a.jsonl")
            else:
                path.parent.rmdir()
                path.parent.symlink_to(outside)
        return open_file(name, flags, *rest, **more)

    monkeypatch.setattr(opening.os, "open", swap_and_open)
    arrived = landing.look()
    assert arrived.sources == ()
    says = "is reached by a link out of the feed's folder" if kind == "folder" else "is no regular file any more"
    assert [left.reason for left in arrived.left_alone] == [says]


def test_a_file_swapped_for_a_fifo_before_it_is_read_is_refused_at_once(landing: Landing) -> None:
    path = landing.land("a.jsonl")
    sources = landing.look().sources
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(FileRejectedError, match=r"landing/shop/a\.jsonl is no regular file any more"):
        landing.read(*sources)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "b.zip"])
def test_a_file_that_changed_or_is_gone_is_said(landing: Landing, name: str) -> None:
    def put(data: bytes) -> Path:
        if name.endswith(".zip"):
            return landing.zip(name, {"m.jsonl": data})
        return landing.land(name, gzip.compress(data) if name.endswith(".gz") else data)

    path = put(LINE)
    sources = landing.look().sources
    put(b"{}\n")
    with pytest.raises(SourceChangedError, match="changed while it was read"):
        landing.read(*sources)
    path.unlink()
    with pytest.raises(SourceChangedError, match="is gone"):
        landing.read(*sources)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_name_that_promises_a_packing_is_held_to_it(landing: Landing, name: str) -> None:
    landing.land(name)
    with pytest.raises(
        FileRejectedError, match=f"{name} is no .* file, though its name says so; nothing of it is load"
    ):
        landing.read()


def test_the_same_content_under_another_name_is_left_out_where_asked(landing: Landing) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        landing.land(name)
    assert landing.paths() == ["a.jsonl", "b.jsonl", "c.jsonl"]
    landing.feed = replace(landing.feed, is_same_content_loaded=False)
    assert landing.paths() == ["a.jsonl"]
    digest = hashlib.sha256(LINE).hexdigest()
    known = Known({}, {("landing/shop/b.jsonl", digest)}, contents={digest: "landing/shop/b.jsonl"})
    arrived = landing.look(known)
    assert [source.path for source in arrived.sources] == ["landing/shop/b.jsonl"]
    assert [left.reason for left in arrived.left_alone] == ["has the same content as landing/shop/b.jsonl"] * 2


def test_a_packed_copy_has_the_same_content_as_the_file_and_a_broken_one_has_its_own(landing: Landing) -> None:
    landing.feed = replace(landing.feed, is_same_content_loaded=False)
    landing.land("a.jsonl.gz", gzip.compress(LINE, 1))
    landing.land("b.jsonl")
    landing.land("c.jsonl.zst", pa.compress(LINE, "zstd", asbytes=True))
    landing.zip("d.zip", {"m.jsonl": LINE, "n.jsonl": b"{}\n"})
    torn = gzip.compress(LINE)[:-4]
    landing.land("e.jsonl.gz", torn)
    landing.land("f.jsonl.gz", torn)
    assert landing.paths() == ["a.jsonl.gz", "d.zip/n.jsonl", "e.jsonl.gz"]
    same = "has the same content as landing/shop/a.jsonl.gz"
    assert [landing.left_alone()[name] for name in ("b.jsonl", "c.jsonl.zst", "d.zip/m.jsonl")] == [same] * 3


def test_no_stream_is_unpacked_to_be_compared_where_the_same_content_is_loaded(landing: Landing) -> None:
    landing.land("a.jsonl.gz", gzip.compress(LINE))
    (source,) = landing.look().sources
    assert source.content == ""


def _csv(landing: Landing, **options: Any) -> None:
    landing.feed = Feed("shop", "landing/shop", "csv", csv=Csv(**options))


def test_the_first_files_delimiter_is_pinned_for_the_feed(landing: Landing) -> None:
    _csv(landing)
    landing.land("0.csv", b"")
    landing.land("1.csv.gz", gzip.compress(b"id;note\n1;a,b\n"))
    landing.land("2.csv", b"id,note;x\n2,3;y\n")
    arrived = landing.look()
    forms = {source.form for source in arrived.sources}
    assert [json.loads(form) for form in forms] == [{"delimiter": ";", "quote": '"'}]
    texts = [json.loads(row["text"]) for row in landing.read(*arrived.sources)]
    assert texts == [{"id": "1", "note": "a,b"}, {"id,note": "2,3", "x": "y"}]
    landing.land("0.csv", b"a|b\n1|2\n")
    later = landing.look(replace(landing.known(arrived), form=forms.pop()))
    assert [(source.path, json.loads(source.form)["delimiter"]) for source in later.sources] == [
        ("landing/shop/0.csv", ";")
    ]


def test_a_stated_delimiter_is_not_guessed(landing: Landing) -> None:
    _csv(landing, delimiter="|")
    landing.zip("a.zip", {"m.csv": b"a;b\n1;2\n"})
    (source,) = landing.look().sources
    assert source.form == ""
    assert [json.loads(row["text"]) for row in landing.read(source)] == [{"a;b": "1;2"}]


def test_a_doubtful_delimiter_has_to_be_stated(landing: Landing) -> None:
    _csv(landing)
    landing.land("a.csv", b"a,b;c\n1,2;3\n")
    with pytest.raises(OperatorError, match=r"which delimiter file landing/shop/a.csv has; state it .*delimiter: ';'"):
        landing.look()


def test_a_header_that_names_a_column_twice_refuses_the_file_by_name(landing: Landing) -> None:
    _csv(landing, delimiter=",")
    landing.land("a.csv", b"id,id\n1,2\n")
    with pytest.raises(FileRejectedError, match=r"a\.csv has one name for columns 1 and 2; .*tillage run"):
        landing.read()


def test_an_unreadable_file_is_said_by_name(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    landing.land("a.jsonl")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening.os, "open", refuse)
    with pytest.raises(
        OperatorError, match=r"file landing/shop/a\.jsonl cannot be read .Permission denied.; make it read"
    ):
        landing.look()


def test_progress_is_told_for_each_file(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    told: list[tuple[int, int]] = []
    landing.door = FilesDoor(tmp_path, on_bytes=lambda *figures: told.append(figures))
    landing.land("a.jsonl")
    landing.land("b.jsonl")
    landing.read()
    assert told == [(0, 16), (8, 16)]


def test_a_hint_is_given_from_the_files_first_bytes(landing: Landing) -> None:
    landing.land("a.jsonl.gz", gzip.compress(b"id,name\n1,x\n2,y\n"))
    (source,) = landing.look().sources
    assert landing.door.hint(landing.feed, source, is_unread=True, members=()) == Hint(
        "0 of 3 lines are JSON; the file looks like CSV: set `format: csv`", is_refused=True
    )


@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_a_json_document_gives_its_records_and_itself_where_it_is_broken(landing: Landing, packed: str) -> None:
    landing.feed = Feed("shop", "landing/shop", "json", records="$.customers[*]")

    def land(data: bytes) -> SourceFile:
        if packed == ".zip":
            landing.zip("a.zip", {"m.json": data})
        else:
            landing.land("a.json" + packed, gzip.compress(data) if packed else data)
        (source,) = landing.look().sources
        return source

    found = landing.read(land(b'{"customers": [{"id": 1}, {"id": 2}]}'))
    assert [(row["ordinal"], row["raw"], row["code"], row["is_part"]) for row in found] == [
        (1, b'{"id": 1}', None, True),
        (2, b'{"id": 2}', None, True),
    ]
    broken = b'{"customers": [{"id": 1}, {"id": 2},]}'
    source = land(broken)
    assert "unreadable" in [row["code"] for row in landing.read(source)]
    (whole,) = landing.door.document(landing.feed, source).to_pylist()
    assert (whole["ordinal"], whole["offset"], whole["raw"], whole["code"]) == (1, 0, broken, "unreadable")


def test_xml_elements_are_records(landing: Landing) -> None:
    landing.feed = Feed("shop", "landing/shop", "xml", records="/shop/product")
    landing.land("a.xml.gz", gzip.compress(b"<shop><product id='1'><name>x</name></product><other/></shop>"))
    (row,) = landing.read()
    assert json.loads(row["text"]) == {"@id": "1", "name": "x"}
    assert (row["raw"], row["offset"]) == (b"<product id='1'><name>x</name></product>", 6)


def test_parquet_rows_are_records_and_the_file_is_held_to_its_plan(landing: Landing) -> None:
    landing.feed = Feed("shop", "landing/shop", "parquet")
    path = landing.folder / "a.parquet"
    pq.write_table(pa.table({"id": [1, 2], "name": ["x", None]}), path)
    landing.land("b.parquet.gz", b"x")
    arrived = landing.look()
    assert [left.reason for left in arrived.left_alone] == ["parquet packs itself; unpack the file"]
    found = landing.read(*arrived.sources)
    assert [json.loads(row["raw"]) for row in found] == [{"id": 1, "name": "x"}, {"id": 2, "name": None}]
    assert [(row["ordinal"], row["offset"]) for row in found] == [(1, 0), (2, 1)]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(SourceChangedError, match="changed while it was read"):
        landing.read(*arrived.sources)
    with pytest.raises(FileRejectedError, match=r"file landing/shop/a\.parquet is no whole Parquet file"):
        landing.read()


@pytest.fixture(autouse=True)
def _no_descriptor_is_left_open(tmp_path: Path) -> Iterator[None]:
    yield
    assert [name for name in open_files("self") if name.startswith(str(tmp_path))] == []


@pytest.mark.parametrize(
    ("kind", "name", "data", "is_taken"),
    [
        ("json", "a.jsonl", b'[{"a":1},{"a":2}]', True),
        ("json", "a.jsonl.gz", gzip.compress(b'[\n{"a":1},\n{"a":2}\n]\n', mtime=0), True),
        ("json", "a.jsonl", LINE * 2, False),
        ("jsonl", "a.csv", LINE * 2, True),
        ("jsonl", "a.csv", b"a,b\n1,2\n", False),
        ("csv", "a.json", b"a,b\n1,2\n", True),
        ("csv", "schema.json", b'{"columns": ["a", "b"]}', False),
        ("csv", "a.xml", "a,b\n1,2\n".encode("utf-16"), True),
        ("xml", "a.txt", b"<r><p/></r>", True),
        ("csv", "a.xml", b"", False),
        ("jsonl", "a.parquet", b"PAR1....", False),
        ("jsonl", "a.csv.gz", b"torn", False),
        ("jsonl", "notes", LINE, False),
    ],
)
def test_a_suffix_of_another_format_does_not_stand_against_what_the_file_begins_with(
    landing: Landing, kind: str, name: str, data: bytes, is_taken: bool
) -> None:
    landing.feed = Feed("shop", "landing/shop", kind, records="/r/p" if kind == "xml" else None)
    landing.land(name, data)
    assert landing.paths() == ([name] if is_taken else [])
    assert list(landing.left_alone()) == ([] if is_taken else [name])
    if not name.endswith(".gz"):
        landing.land(name).unlink()
        landing.zip("z.zip", {name: data})
        assert landing.paths() == ([f"z.zip/{name}"] if is_taken else [])


def test_a_parquet_file_of_any_suffix_of_data_is_one(landing: Landing) -> None:
    landing.feed = Feed("shop", "landing/shop", "parquet")
    pq.write_table(pa.table({"a": [1]}), landing.folder / "a.dat")
    assert [json.loads(row["raw"]) for row in landing.read()] == [{"a": 1}]
