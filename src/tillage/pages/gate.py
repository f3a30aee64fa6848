"""At most two pages are made at once in a process: each opens the house, and may compute for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from typing import TypeVar

from tillage.errors import OverloadedError, TimeLimitError

MOST_AT_ONCE = 2
# A browser would wait longer, and the person in front of it would not.
WAIT_S = 10.0
# The engine is interrupted before that, and the store's statements have a limit of their own; whoever asked is told
# whatever is still done.
MOST_S = 40.0
RETRY_AFTER_S = 5.0

T = TypeVar("T")


def in_threads() -> Executor:
    """Of this process, apart from others, so that waiting pages keep nothing else from a thread."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="tillage-page")


class Gate:
    """Lets so many pages in at a time.

    Args:
        executor: Makes what pages are made in; asked again if a process of it ended.
    """

    def __init__(
        self,
        executor: Callable[[], Executor] = in_threads,
        *,
        most: int = MOST_AT_ONCE,
        wait_s: float = WAIT_S,
        most_s: float = MOST_S,
    ) -> None:
        self._make, self._executor = executor, executor()
        self._free = asyncio.Semaphore(most)
        self._wait_s, self._most_s = wait_s, most_s

    async def through(self, work: Callable[[], T]) -> T:
        """What `work` returns, done as soon as there is room.

        Raises:
            OverloadedError: there was none in time, and `work` was not begun; or the process that did it ended.
            TimeLimitError: it took longer than it may; it goes on until it notices.
        """
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_s)
        except TimeoutError:
            raise OverloadedError(
                "too many pages are being made; try again in a moment", retry_after_s=RETRY_AFTER_S
            ) from None
        done = self._begun(work)
        if not (await asyncio.wait({done}, timeout=self._most_s))[0]:
            raise TimeLimitError("the page took longer than it may", retry_after_s=RETRY_AFTER_S)
        try:
            return await done
        except BrokenExecutor:
            raise OverloadedError("the process that made the page ended; try again in a moment") from None

    def close(self) -> None:
        """Nothing more is begun, and what is being done is left to itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _begun(self, work: Callable[[], T]) -> asyncio.Future[T]:
        try:
            begun = self._executor.submit(work)
        except BrokenExecutor:
            self._executor = self._make()
            begun = self._executor.submit(work)
        done = asyncio.wrap_future(begun)
        done.add_done_callback(self._ended)
        return done

    def _ended(self, done: asyncio.Future[T]) -> None:
        self._free.release()
        if not done.cancelled():
            done.exception()  # else nobody would hear of one that comes late
