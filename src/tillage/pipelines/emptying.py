"""Bronze without the bytes of some records: one commit, and the files that held them are gone when it returns."""

from __future__ import annotations

from tillage.domain.load import spans
from tillage.pipelines.backup import UPKEEP
from tillage.pipelines.house import House, erasing_of
from tillage.ports.lake import Rows

_MOST_SPANS = 50
_WAIT_S = 3600.0
"""For a backup that is reading the files; an erasure has no other time."""


def empty_records(house: House, feed: str, places: Rows, number: int, *, is_fenced: bool = False) -> None:
    """Takes the bytes of the records away, and deletes every file that may hold them.

    Files that a reader is still at are deleted too; it opens the table again.

    Args:
        places: `load_seq, source, ordinal` by the load that brought each record.
        number: The receipt that bronze gets with it.
        is_fenced: It is the last receipt of bronze already, that of the load inside of which this is done.

    Raises:
        LeaseLostError: another process committed meanwhile.
    """
    table = house.lake.bronze(feed)
    if table.snapshot().receipt == 0:
        return
    unused = () if is_fenced else table.upkeep().fence(number, keep_h=0)
    before = table.snapshot()
    held = erasing_of(house).records.holding(before, places)
    if held:
        within = spans(held, most=_MOST_SPANS)
        with erasing_of(house).records.emptied(before, places, within, number) as rows:
            table.upkeep().rewrite(number, version=before.version, spans=within, rows=rows)
    after = {*table.snapshot().files}
    dropped = [file.rpartition("/")[2] for file in before.files if file not in after]
    with house.leases.hold(UPKEEP, wait_s=_WAIT_S, on_wait=house.say):
        table.upkeep().delete([*unused, *dropped])
        table.upkeep().shorten_log()
