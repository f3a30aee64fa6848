"""When one watched job is due: by its schedule, by what arrives, or because it failed and is tried again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from tillage.errors import DataError, OperatorError
from tillage.ports.watch import Clock, Job, Landing, Outcome

# A second try at once would meet the same trouble, and one in an hour is forgotten by then.
FIRST_RETRY_S = 5.0
MOST_RETRY_S = 600.0
# Files that change at every look would hold up those that are whole.
MOST_SETTLING_S = 60.0
# A look may take a tenth of the time, however many files lie there.
_LOOK_SHARE = 10
_UNBLOCKED = {0, OperatorError.exit_code, DataError.exit_code}


@dataclass
class Trigger:
    """The state of one job between its runs: some numbers and two short texts."""

    job: Job
    clock: Clock
    landing: Landing
    interval_s: float
    due_at: datetime | None = None
    retry_at_s: float | None = None
    failures: int = 0
    _is_blocked: bool = False
    _seen: str | None = field(default=None, repr=False)
    _taken: str | None = field(default=None, repr=False)
    _unsettled_since_s: float | None = None
    _look_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.count_anew()

    def count_anew(self) -> None:
        """The next tick is the first one after now."""
        if self.job.schedule:
            self.due_at = self.job.schedule.after(self.clock.now())

    def why(self) -> str | None:
        """Why the job is due; None if it is not.

        Raises:
            OperatorError: the landing folder cannot be looked at.
        """
        is_retry = self.retry_at_s is not None and self.clock.elapsed_s() >= self.retry_at_s
        if self._is_blocked and not is_retry:
            return None  # what keeps it from working keeps it whatever arrives
        if self.job.schedule:
            is_tick = self.due_at is not None and self.clock.now() >= self.due_at
            return "schedule" if is_tick else "retry" if is_retry else None
        if is_retry:
            return "retry"
        return self._arrival()

    def begins(self) -> None:
        """However many ticks or changes led to it, this one run answers all of them."""
        self.count_anew()
        self.retry_at_s = None
        self._taken, self._unsettled_since_s = self._seen, None

    def ended(self, outcome: Outcome) -> float | None:
        """Notes how it went; after how many seconds it is tried again, if it has to be."""
        self._is_blocked = outcome.exit_code not in _UNBLOCKED
        if self._look_at_s == math.inf and outcome.exit_code != OperatorError.exit_code:
            self._look_at_s = 0.0
        if outcome.exit_code:
            delay_s = self._backoff_s(outcome)
            self.failures += 1
        elif outcome.is_more_coming:
            delay_s = self.interval_s
            self.failures = 0
        else:
            self.failures = 0
            return None
        self.retry_at_s = self.clock.elapsed_s() + delay_s
        return delay_s

    def _backoff_s(self, outcome: Outcome) -> float:
        if outcome.exit_code == DataError.exit_code:
            return MOST_RETRY_S  # only a person can mend that; a try now and then is enough to notice
        doubled_s: float = FIRST_RETRY_S * 2.0 ** min(self.failures, 20)
        return min(MOST_RETRY_S, max(outcome.retry_after_s, doubled_s))

    def rests_s(self) -> float:
        """How long it surely is not due."""
        times = [] if self.retry_at_s is None else [self.retry_at_s - self.clock.elapsed_s()]
        if not self._is_blocked:
            if self.due_at is not None:
                times.append((self.due_at - self.clock.now()).total_seconds())
            if self.job.schedule is None:
                times.append(self._look_at_s - self.clock.elapsed_s())
        return max(0.0, min(times, default=MOST_RETRY_S))

    def _arrival(self) -> str | None:
        """Due if what lies there is not what was taken, and is as it was one look before."""
        now_s = self.clock.elapsed_s()
        if self.job.feed is None or now_s < self._look_at_s:
            return None
        self._look_at_s = math.inf  # a folder that cannot be looked at is left to the next try
        before, self._seen = self._seen, self.landing.look(self.job.feed)
        took_s = self.clock.elapsed_s() - now_s
        self._look_at_s = now_s + took_s + max(self.interval_s, took_s * _LOOK_SHARE)
        if self._seen == self._taken:
            self._unsettled_since_s = None
            return None
        if before is None:
            return "start"
        if self._unsettled_since_s is None:
            self._unsettled_since_s = now_s
        is_settled = self._seen == before or now_s - self._unsettled_since_s >= MOST_SETTLING_S
        return "arrival" if is_settled else None
