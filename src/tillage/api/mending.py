"""Mends what a request found broken, beside the requests: one attempt at a time, however many ask."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tillage.errors import TillageError

_LOG = logging.getLogger("tillage.api")


@contextmanager
def mending(mend: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """A function that has `mend` called in a thread, unless one is at it already; none is left at the end.

    What `mend` raises as the product's own error is logged; the next request that finds it broken tries again.
    """
    is_busy, is_over = threading.Lock(), threading.Event()
    threads: list[threading.Thread] = []

    def attempt() -> None:
        try:
            mend()
        except TillageError as wrong:
            _LOG.error("%s", wrong)
        finally:
            is_busy.release()

    def ask() -> None:
        if is_over.is_set() or not is_busy.acquire(blocking=False):
            return
        threads[:] = [threading.Thread(target=attempt, name="mending")]
        threads[0].start()

    try:
        yield ask
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
