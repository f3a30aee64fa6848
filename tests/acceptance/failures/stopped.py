"""The command `tillage`, which stops itself at one commit point as SIGSTOP from outside would.

python -m tests.acceptance.failures.stopped SIDE:POINT[:COUNT] WORDS...
"""

from __future__ import annotations

import sys

from tests.acceptance.crash.child import StoppingLog
from tillage import wiring
from tillage.cli.app import main
from tillage.settings import Crash, read_settings

if __name__ == "__main__":
    stop = read_settings({"TILLAGE_CRASH": sys.argv.pop(1)}).crash

    def stopping(crash: Crash | None) -> StoppingLog:
        return StoppingLog(crash, stop)

    wiring.CommitLog = stopping  # type: ignore[assignment,misc]
    main()
