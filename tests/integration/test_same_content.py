"""`sameContent: skip` compares unpacked content with all that the feed ever loaded; `load` goes by stored bytes."""

from __future__ import annotations

import gzip
from itertools import count
from pathlib import Path

import pytest

from tests.integration.shops import Shop, make_database
from tests.integration.small import describe, make_small, put

_NUMBERS = count(1)
DAY = b'{"id": "1", "name": "a"}\n{"id": "2", "name": "b"}\n'


@pytest.fixture
def till(server: str, tmp_path: Path) -> Shop:
    """Records without a key, so that what is loaded twice counts twice."""
    return make_small(tmp_path / "till", make_database(server, f"same_{next(_NUMBERS)}"), feeds={"till": SKIP})


SKIP = {"sameContent": "skip"}


def accepted(shop: Shop) -> int:
    with shop.open() as house:
        return sum(found["till_seen"].accepted_rows for found in house.ledger.counts_by_load().values())


@pytest.mark.parametrize("first", ["a.jsonl", "a.jsonl.gz"])
def test_a_packed_copy_of_what_was_loaded_is_left_alone_in_every_later_run(till: Shop, first: str) -> None:
    copies = {
        "a.jsonl": DAY,
        "a.jsonl.gz": gzip.compress(DAY, 9, mtime=1),
        "b.jsonl.gz": gzip.compress(DAY, 1, mtime=2),
    }
    put(till, f"till/{first}", copies[first])
    till.run()
    for name, data in copies.items():
        if name != first:
            put(till, f"till/{name}", data)
    for _ in range(2):
        report = till.run()
        assert report.loads == {}
        assert report.left_alone == dict.fromkeys(
            (f"landing/till/{name}" for name in copies if name != first),
            f"has the same content as landing/till/{first}",
        )
    assert accepted(till) == 2


def test_a_file_that_is_packed_anew_is_not_loaded_again(till: Shop) -> None:
    path = put(till, "till/a.jsonl.gz", gzip.compress(DAY, 1, mtime=1))
    till.run()
    path.write_bytes(gzip.compress(DAY, 9, mtime=2))
    report = till.run()
    assert report.left_alone == {"landing/till/a.jsonl.gz": "has the same content as what was loaded of it"}
    assert accepted(till) == 2


def test_who_asks_for_load_gets_what_was_left_alone(till: Shop) -> None:
    put(till, "till/a.jsonl", DAY)
    put(till, "till/b.jsonl.gz", gzip.compress(DAY))
    till.run()
    assert accepted(till) == 2
    describe(till.root, {"till": {"sameContent": "load"}})
    till.run()
    assert accepted(till) == 4


def test_of_what_was_loaded_under_load_only_stored_bytes_are_known(till: Shop) -> None:
    describe(till.root, {"till": {}})
    packed = gzip.compress(DAY, mtime=1)
    put(till, "till/a.jsonl.gz", packed)
    till.run()
    describe(till.root, {"till": SKIP})
    put(till, "till/b.jsonl.gz", packed)
    assert till.run().left_alone == {"landing/till/b.jsonl.gz": "has the same content as landing/till/a.jsonl.gz"}
    put(till, "till/c.jsonl", DAY)
    assert len(till.run().loads) == 1
