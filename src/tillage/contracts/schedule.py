"""When a feed is run: a cron expression of five fields, in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5  # with six cronsim reads seconds
_MOST_CHARACTERS = 200
_A_MINUTE = timedelta(minutes=1)
# A long way from both ends of what a datetime can say.
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Schedule:
    """A cron expression as Debian's cron reads it, also when clocks are changed."""

    text: str
    zone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first tick later than `moment`, in UTC; None if there is none in the next 50 years.

        A tick at a fixed time that a change of clocks leaves out is made up for right after the gap; one in an hour
        that comes twice is in the first of the two. Ticks of a minute or hour that begins with `*` follow real time.
        """
        # In the second of two equal hours cronsim names ticks of the first one, which are over.
        for tick in CronSim(self.text, moment.astimezone(ZoneInfo(self.zone))):
            if tick > moment:
                return tick.astimezone(UTC)
        return None

    def before(self, moment: datetime) -> datetime | None:
        """The last tick that is not later than `moment`, in UTC; None if there was none in the 50 years before."""
        ticks = CronSim(self.text, (moment + _A_MINUTE).astimezone(ZoneInfo(self.zone)), reverse=True)
        last = next((tick.astimezone(UTC) for tick in ticks if tick <= moment), None)
        # Backwards cronsim takes the second of two equal hours for the first, and so leaves out a tick of it.
        while last is not None and (following := self.after(last)) is not None and following <= moment:
            last = following
        return last


def read_zone(name: object) -> str | None:
    """The name, if it is that of a time zone; else None."""
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError):  # also of ZoneInfoNotFoundError's kin: names of folders, names with ..
        return None
    except KeyError:
        return None


def read_schedule(text: object, zone: str) -> Schedule | None:
    """The schedule that a cron expression says; None if it is none, or no date ever fits it."""
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS or len(text.split()) != _FIELDS:
        return None
    schedule = Schedule(" ".join(text.split()), zone)
    try:
        return schedule if schedule.after(_ANY_MOMENT) is not None else None
    except (CronSimError, ValueError):
        return None
