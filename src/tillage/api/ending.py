"""Processes that end when the one that started them does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """From now on this process is told to stop as soon as its parent has ended, however that was."""
    threading.Thread(target=_wait, name="end-with-parent", daemon=True).start()


def _wait() -> None:
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
