"""What the server logs, and how often."""

from __future__ import annotations

import logging

from tillage.api.logs import Seldom


def record(text: str, *values: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("tillage.api", level, "file.py", 1, text, values, None)


def test_the_same_error_is_said_once_a_second_and_everything_else_each_time() -> None:
    now_s = 100.0
    seldom = Seldom(lambda: now_s)
    said = [seldom.filter(record("%s: the store is away", route)) for route in ("/a", "/a", "/b", "/a")]
    assert said == [True, False, True, False]
    assert all(seldom.filter(record("answered", level=logging.INFO)) for _ in range(3))
    now_s += 0.9
    assert not seldom.filter(record("/a: the store is away"))
    now_s += 0.2
    assert seldom.filter(record("/a: the store is away"))
    assert not seldom.filter(record("/a: the store is away"))


def test_texts_that_never_repeat_take_bounded_memory_and_are_all_said() -> None:
    seldom = Seldom(lambda: 100.0)
    assert all(seldom.filter(record("%d", number)) for number in range(2500))
    assert not seldom.filter(record("2499"))
