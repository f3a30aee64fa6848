"""At most two pages are made at once in a process: each opens the house, and may compute for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tillage.errors import OverloadedError, TimeLimitError

MOST_AT_ONCE = 2
# A browser would wait longer, and the person in front of it would not.
WAIT_S = 10.0
# The engine is interrupted before that, and the store's statements have a limit of their own; whoever asked is told
# whatever the thread still does.
MOST_S = 40.0
RETRY_AFTER_S = 5.0

T = TypeVar("T")


class Gate:
    """Threads of its own, so that waiting pages keep nothing else from a thread."""

    def __init__(self, most: int = MOST_AT_ONCE, wait_s: float = WAIT_S, most_s: float = MOST_S) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="tillage-page")
        self._wait_s, self._most_s = wait_s, most_s

    async def through(self, work: Callable[[], T]) -> T:
        """What `work` returns, done in a thread as soon as one is free.

        Raises:
            OverloadedError: none was free in time; `work` was not begun, and is not begun later.
            TimeLimitError: it took longer than it may; its thread goes on until it notices.
        """
        begun = self._threads.submit(work)
        done = asyncio.wrap_future(begun)
        done.add_done_callback(lambda late: late.cancelled() or late.exception())  # else nobody hears of a late one
        await asyncio.wait({done}, timeout=self._wait_s)
        if begun.cancel():  # which it refuses as soon as the work has begun
            raise OverloadedError("too many pages are being made; try again in a moment", retry_after_s=RETRY_AFTER_S)
        if not (await asyncio.wait({done}, timeout=self._most_s))[0]:
            raise TimeLimitError("the page took longer than it may", retry_after_s=RETRY_AFTER_S)
        return await done
