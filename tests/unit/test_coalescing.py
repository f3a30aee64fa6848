"""Questions that are asked together: each answer is as fresh as one that was asked for alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from tillage.errors import OverloadedError, StoreAwayError, StoreError
from tillage.stores.postgres.coalescing import Coalescing


class Store:
    """Answers when it is told to, with the number of changes at the moment when a call began."""

    def __init__(self) -> None:
        self.version = 0
        self.calls: list[list[str]] = []
        self.running = self.most_running = 0
        self.may_go_on = asyncio.Event()

    async def fetch(self, keys: Sequence[str]) -> dict[str, tuple[str, int]]:
        self.calls.append([*keys])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        seen = self.version
        await self.may_go_on.wait()
        await asyncio.sleep(0)
        self.running -= 1
        return {key: (key, seen) for key in keys}


def coalescing(store: Store, at_once: int = 2, most_keys: int = 8, most_waiting: int = 1000) -> Coalescing[str, object]:
    return Coalescing(store.fetch, at_once=at_once, most_keys=most_keys, most_waiting=most_waiting)


def test_what_is_asked_at_once_is_one_call_and_each_key_once() -> None:
    async def ask() -> None:
        store = Store()
        store.may_go_on.set()
        asked = coalescing(store)
        answers = await asyncio.gather(*(asked.get(key) for key in "abab"))
        assert answers == [("a", 0), ("b", 0), ("a", 0), ("b", 0)]
        assert store.calls == [["a", "b"]]

    asyncio.run(ask())


def test_a_key_that_cannot_be_answered_spoils_no_other_key() -> None:
    async def fetch(keys: Sequence[str]) -> dict[str, str]:
        calls.append([*keys])
        await asyncio.sleep(0)
        if "bad" in keys:
            raise StoreError("no value that a program could hold")
        return {key: key for key in keys}

    calls: list[list[str]] = []

    async def ask() -> None:
        asked = Coalescing(fetch, at_once=1, most_keys=8, most_waiting=100)
        answers = await asyncio.gather(*(asked.get(key) for key in ("a", "bad", "b", "bad")), return_exceptions=True)
        assert [answers[0], answers[2]] == ["a", "b"]
        assert [type(answers[1]), type(answers[3])] == [StoreError, StoreError]
        assert calls == [["a", "bad", "b"], ["a"], ["bad"], ["b"]]
        assert await asked.get("a") == "a"

    asyncio.run(ask())


@pytest.mark.accept("6.1")
def test_no_answer_is_older_than_its_question() -> None:
    async def ask(seed: int) -> None:
        rng, store = random.Random(seed), Store()
        store.may_go_on.set()
        asked = coalescing(store, at_once=rng.randint(1, 3), most_keys=rng.randint(1, 5))

        async def one() -> None:
            for _ in range(rng.randint(0, 6)):
                await asyncio.sleep(0)
            at_least = store.version
            key = rng.choice("abcdef")
            answer = await asked.get(key)
            assert isinstance(answer, tuple)
            assert answer[0] == key
            assert answer[1] >= at_least
            store.version += 1

        await asyncio.gather(*(one() for _ in range(200)))
        assert sum(map(len, store.calls)) < 200
        assert store.most_running <= 3

    for seed in range(30):
        asyncio.run(ask(seed))


@pytest.mark.parametrize("at_once", [1, 2])
def test_who_asks_again_at_once_is_answered(at_once: int) -> None:
    async def ask() -> None:
        store = Store()
        store.may_go_on.set()
        asked = coalescing(store, at_once=at_once)
        for number in range(20):
            assert await asyncio.wait_for(asked.get(str(number)), 5) == (str(number), 0)
            together = await asyncio.wait_for(asyncio.gather(asked.get("a"), asked.get("b")), 5)
            assert together == [("a", 0), ("b", 0)]

    asyncio.run(ask())


def test_calls_are_bounded_in_number_and_size_and_everybody_is_answered() -> None:
    async def ask() -> None:
        store = Store()
        asked = coalescing(store, at_once=2, most_keys=8)
        tasks = [asyncio.create_task(asked.get(str(number))) for number in range(100)]
        await asyncio.sleep(0.01)
        assert [len(call) for call in store.calls] == [8, 8]
        store.may_go_on.set()
        assert [answer[0] for answer in await asyncio.gather(*tasks)] == [str(n) for n in range(100)]  # type: ignore[index]
        assert store.most_running == 2
        assert max(map(len, store.calls)) == 8

    asyncio.run(ask())


def test_an_error_is_told_to_all_who_asked_and_to_nobody_after() -> None:
    async def ask() -> None:
        is_away = True

        async def fetch(keys: Sequence[str]) -> dict[str, str]:
            await asyncio.sleep(0)
            if is_away:
                raise StoreAwayError("away")
            return {key: key for key in keys}

        asked = Coalescing(fetch, at_once=1, most_keys=8, most_waiting=100)
        told = await asyncio.gather(*(asked.get(key) for key in "abc"), return_exceptions=True)
        assert [type(one) for one in told] == [StoreAwayError] * 3
        is_away = False
        assert await asked.get("a") == "a"

    asyncio.run(ask())


def test_one_more_than_may_wait_is_refused_and_later_taken() -> None:
    async def ask() -> None:
        store = Store()
        asked = coalescing(store, at_once=1, most_keys=2, most_waiting=5)
        tasks = [asyncio.create_task(asked.get(str(number))) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="more is asked for than can be answered"):
            await asked.get("6")
        store.may_go_on.set()
        await asyncio.gather(*tasks)
        assert await asked.get("6") == ("6", 0)

    asyncio.run(ask())


def test_who_goes_away_takes_nobodys_answer_along() -> None:
    async def ask() -> None:
        store = Store()
        asked = coalescing(store)
        gone, stays = asyncio.create_task(asked.get("a")), asyncio.create_task(asked.get("a"))
        await asyncio.sleep(0)
        gone.cancel()
        store.may_go_on.set()
        assert await stays == ("a", 0)
        assert gone.cancelled()

    asyncio.run(ask())


def test_who_asks_while_a_call_fails_for_now_is_told_with_the_others() -> None:
    async def ask() -> None:
        may_fail = asyncio.Event()

        async def fetch(_: Sequence[str]) -> dict[str, str]:
            await may_fail.wait()
            raise StoreAwayError("away")

        asked = Coalescing(fetch, at_once=1, most_keys=8, most_waiting=100)
        first = asyncio.create_task(asked.get("a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = asyncio.create_task(asked.get("b"))
        await asyncio.sleep(0)
        may_fail.set()
        told = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(one) for one in told] == [StoreAwayError] * 2

    asyncio.run(ask())
