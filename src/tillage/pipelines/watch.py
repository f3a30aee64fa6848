"""`tillage run --watch`: runs each feed when its schedule says so or its files arrive, until it is told to end.

All that it keeps between two runs is when each job is due. The work itself is done elsewhere, by a `Worker`; leases,
sessions and memory live and end with each piece of work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tillage.errors import OperatorError, TillageError
from tillage.pipelines.trigger import Trigger
from tillage.ports.watch import Clock, Event, Job, Jobs, Landing, Outcome, Worker

# So often it looks at the calendar's clock, which may be set, and which goes on while the machine sleeps.
_MOST_WAIT_S = 30.0
# Clocks are corrected by fractions of a second all the time; cron knows minutes.
_SET_BACK = timedelta(minutes=1)


@dataclass(frozen=True)
class Outside:
    """Everything that a watcher works with."""

    clock: Clock
    landing: Landing
    worker: Worker
    jobs: Jobs
    say: Callable[[Event], None]


def watch(outside: Outside, *, interval_s: float) -> None:
    """Returns when it was told to end and the work under way is done.

    Raises:
        OperatorError: the project cannot be opened at all, at the start. Later that is said, and tried again.
    """
    _Watcher(outside, interval_s).run()


class _Watcher:
    def __init__(self, outside: Outside, interval_s: float) -> None:
        self._outside = outside
        self._clock = outside.clock
        self._interval_s = interval_s
        self._triggers: list[Trigger] = []
        self._latest, self._latest_s = outside.clock.now(), outside.clock.elapsed_s()

    def run(self) -> None:
        self._take(self._outside.jobs.changed() or ())
        self._check()
        while not self._clock.is_over():
            self._notice_clock()
            self._reread()
            for trigger in self._triggers:
                if self._clock.is_over():
                    break
                self._perhaps_work(trigger)
            rest_s = min((trigger.rests_s() for trigger in self._triggers), default=_MOST_WAIT_S)
            if not self._clock.is_over():
                self._clock.wait(min(rest_s, _MOST_WAIT_S))
        self._say("stopped", None, "stopped; go on with: tillage run --watch")

    def _check(self) -> None:
        """What a person must mend ends it now, while that person looks; what passes does not."""
        outcome = self._outside.worker.check()
        if outcome.exit_code == OperatorError.exit_code:
            raise OperatorError(outcome.message)
        if outcome.exit_code:
            self._say("failed", None, outcome.message, error=outcome.error, exit_code=outcome.exit_code)

    def _take(self, jobs: Sequence[Job]) -> None:
        """A job that is as it was keeps what is known of it."""
        known = {trigger.job: trigger for trigger in self._triggers}
        self._triggers = [
            known.get(job) or Trigger(job, self._clock, self._outside.landing, self._interval_s) for job in jobs
        ]
        for trigger in self._triggers:
            if trigger.job in known:
                continue
            if trigger.job.schedule:
                when = f"by its schedule {trigger.job.schedule.text} {trigger.job.schedule.zone}{_next(trigger.due_at)}"
            else:
                when = f"when files arrive, looking each {self._interval_s:g} s"
            self._say("watching", trigger.job.name, when)

    def _reread(self) -> None:
        try:
            jobs = self._outside.jobs.changed()
        except OperatorError as wrong:
            self._say("failed", None, f"{wrong} Until then it goes on as before", error=wrong.code)
            return
        if jobs is not None:
            self._take(jobs)

    def _notice_clock(self) -> None:
        now, elapsed_s = self._clock.now(), self._clock.elapsed_s()
        back = self._latest + timedelta(seconds=elapsed_s - self._latest_s) - now
        if back > _SET_BACK:
            text = f"the clock was set back by {back.total_seconds():,.0f} s; schedules are counted anew"
            self._say("clock", None, text)
            for trigger in self._triggers:
                trigger.count_anew()
        self._latest, self._latest_s = now, elapsed_s

    def _perhaps_work(self, trigger: Trigger) -> None:
        try:
            why = trigger.why()
        except TillageError as wrong:
            trigger.begins()
            self._report(trigger, Outcome(wrong.exit_code, wrong.code, str(wrong)))
            return
        if why is None:
            return
        trigger.begins()
        name = trigger.job.name
        self._say("running", name, f"because of: {why}", why=why)
        outcome = self._outside.worker.work(trigger.job, self._say_stopping)
        self._report(trigger, outcome)

    def _report(self, trigger: Trigger, outcome: Outcome) -> None:
        name = trigger.job.name
        for load in outcome.loads:
            text = ", ".join(f"{figure} {value:,}" for figure, value in load.items() if isinstance(value, int))
            self._say("loaded", name, text, **load)
        retry_s = trigger.ended(outcome)
        if outcome.exit_code:
            text = f"{outcome.message}{_again(retry_s, trigger.due_at)}"
            figures = {"error": outcome.error, "exit_code": outcome.exit_code, "retry_after_s": retry_s}
            self._say("failed", name, text, **figures)
        elif not outcome.loads:
            more = "; files that are being written are looked at again" if outcome.is_more_coming else ""
            what = "nothing new" if trigger.job.feed else "maintained"
            self._say("done", name, f"{what}{more}{_next(trigger.due_at)}")

    def _say_stopping(self) -> None:
        self._say("stopping", None, "the work under way is finished first; a second signal ends it at once")

    def _say(self, event: str, name: str | None, text: str, **figures: object) -> None:
        self._outside.say(Event(self._clock.now(), event, name, text, figures))


def _next(due_at: datetime | None) -> str:
    return f"; next at {due_at:%Y-%m-%d %H:%M}Z" if due_at else ""


def _again(retry_s: float | None, due_at: datetime | None) -> str:
    if retry_s is None:
        return _next(due_at)
    return f" (tried again in {retry_s:,.0f} s{', and' if due_at else ''}{_next(due_at).removeprefix(';')})"
