"""Processes in which pages are made: what they compute takes nothing of the interpreter that answers look-ups.

A page may be made of 100,000 lines. In a thread beside them that made look-ups thirty times slower.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Executor, ProcessPoolExecutor

from tillage.api.ending import end_with_parent
from tillage.api.logs import log_as_json
from tillage.pages.gate import MOST_AT_ONCE

_NICE = 10  # who answers look-ups goes first


def in_processes() -> Executor:
    """Started when the first page is asked for, and ended with this process, however it ends."""
    spawning = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(MOST_AT_ONCE, mp_context=spawning, initializer=_begin)


def end_processes() -> None:
    """Ends those of this process at once: whoever waited for a page was answered by now, or is gone."""
    for page in multiprocessing.active_children():
        page.terminate()


def _begin() -> None:
    # The one that serves is told to stop, and tells.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    log_as_json()
    end_with_parent()
