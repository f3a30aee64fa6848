"""The real clock of a watcher, and SIGTERM and SIGINT as something that it can wait for."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType

_BYTES = 64


class Signals:
    """Counts what tells this process to end; each also makes its descriptor readable, so no wait misses one."""

    def __init__(self) -> None:
        self.count = 0
        self.number = signal.SIGTERM
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._reader

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.count += 1
        self.number = signal.Signals(number)
        if self.count < _BYTES:
            os.write(self._writer, b".")

    def taken(self) -> int:
        """How many there were; its descriptor is quiet until the next one."""
        if select.select([self], [], [], 0)[0]:
            os.read(self._reader, _BYTES)
        return self.count

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def taking_signals() -> Iterator[Signals]:
    """Until the block ends SIGTERM and SIGINT are only counted."""
    signals = Signals()
    before = {number: signal.signal(number, signals) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signals.close()


class RealClock:
    """The machine's time, until a signal comes."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return time.monotonic()

    def wait(self, most_s: float) -> None:
        if not self.is_over():
            select.select([self._signals], [], [], most_s)

    def is_over(self) -> bool:
        return self._signals.count > 0
