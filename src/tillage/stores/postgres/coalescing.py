"""Many questions, few statements: what is asked while one runs is asked together by the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar, cast

from tillage.errors import OverloadedError, TransientError

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Coalescing(Generic[Key, Answer]):
    """Asks `fetch` for several keys at once; each answer is of a call that began after its key was asked for.

    So an answer is as fresh as if it had been asked for alone: nothing is kept, and nobody joins a call that runs.

    Args:
        fetch: Gives each of the keys an answer, or raises one error for all. They are then asked for one by one, unless
            it is one that passes.
        at_once: How many calls may run side by side.
        most_keys: Of one call.
        most_waiting: Of questions that have no answer yet; one more is refused.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]],
        *,
        at_once: int,
        most_keys: int,
        most_waiting: int,
    ) -> None:
        self._fetch = fetch
        self._at_once, self._most_keys, self._most_waiting = at_once, most_keys, most_waiting
        self._asked: dict[Key, list[asyncio.Future[Answer]]] = {}
        self._waiting = 0
        self._calls: set[asyncio.Task[None]] = set()

    async def get(self, key: Key) -> Answer:
        """The answer to one key.

        Raises:
            OverloadedError: too many wait already.
            TransientError: what is asked does not answer, now or for a call that ran when this was asked.
        """
        if self._waiting >= self._most_waiting:
            raise OverloadedError("more is asked for than can be answered; ask again in a moment", retry_after_s=1)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked.setdefault(key, []).append(answer)
        self._waiting += 1
        if len(self._calls) < self._at_once:
            # It starts when all that is ready to ask now has asked.
            self._calls.add(loop.create_task(self._call()))
        try:
            return await answer
        finally:
            self._waiting -= 1

    async def _call(self) -> None:
        while self._asked:
            asked = self._taken()
            wrong = await self._ask(asked)
            if isinstance(wrong, TransientError):  # the others would only wait for the same
                waiting, self._asked = self._asked, {}
                _tell(waiting, wrong)
            elif wrong is not None and len(asked) > 1:  # one key may be at fault, and the others are not
                for key, answers in asked.items():
                    one = {key: answers}
                    if (alone := await self._ask(one)) is not None:
                        _tell(one, alone)
                continue
            if wrong is not None:
                _tell(asked, wrong)
        # In the same step as the look at what is asked: whoever asks after it begins another call.
        self._calls.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _ask(self, asked: Mapping[Key, Sequence[asyncio.Future[Answer]]]) -> BaseException | None:
        """One call; the error that it ended with, of which nobody was told."""
        (found,) = await asyncio.gather(self._fetch([*asked]), return_exceptions=True)
        if isinstance(found, BaseException):
            return found
        for key, answers in asked.items():
            for answer in answers:
                if not answer.done():  # else whoever asked is gone
                    answer.set_result(found[key])
        return None

    def _taken(self) -> dict[Key, list[asyncio.Future[Answer]]]:
        if len(self._asked) <= self._most_keys:
            asked, self._asked = self._asked, {}
            return asked
        return {key: self._asked.pop(key) for key in [*self._asked][: self._most_keys]}


def _tell(asked: Mapping[Key, Sequence[asyncio.Future[Answer]]], wrong: BaseException) -> None:
    for answers in asked.values():
        for answer in answers:
            if not answer.done():
                answer.set_exception(wrong)
