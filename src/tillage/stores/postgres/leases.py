"""Leases: who may write a resource, with an epoch that fences whoever held it before.

A lease is free when it was released, when it expired, or when the holder's session is gone; so a process that was
killed frees its leases at once, and one that hangs does so when its time is over.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tillage.domain.load import CommitPoint, Lease
from tillage.errors import LeaseHeldError, LeaseLostError, TillageError, TransientError
from tillage.stores.postgres.database import Database

_POLL_S = 0.2


class Leases:
    """Takes leases in `database`'s session; a second session renews them."""

    def __init__(self, database: Database, renewals: Database, *, ttl_s: float) -> None:
        self._database = database
        self._renewals = renewals
        self._ttl_s = ttl_s
        self._renewing = threading.Lock()  # a process may hold several, and transactions of one session do not nest

    @contextmanager
    def hold(self, resource: str, *, wait_s: float, on_wait: Callable[[str], None]) -> Iterator[Lease]:
        lease = self._take(resource, wait_s, on_wait)
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(lease, stop), daemon=True)
        renewing.start()
        try:
            yield lease
        finally:
            stop.set()
            renewing.join()
            with suppress(TransientError):  # without a store to say it to, the lease ends with this session
                self._release(lease)

    def check(self, lease: Lease) -> None:
        if not self._database.rows("hold_lease", resource=lease.resource, epoch=lease.epoch):
            raise LeaseLostError(f"lease {lease.resource} went to another process; run again")

    def _take(self, resource: str, wait_s: float, on_wait: Callable[[str], None]) -> Lease:
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        deadline = time.monotonic() + wait_s
        is_told = False
        while True:
            epoch = self._try_to_take(resource, holder)
            if epoch is not None:
                return Lease(resource, epoch)
            other = self._database.rows("lease_holder", resource=resource)
            who = other[0][0] if other else "nobody"
            if time.monotonic() >= deadline:
                raise LeaseHeldError(f"{resource} is being worked on by {who}; wait for it, or give a longer --wait")
            if not is_told:
                on_wait(f"{resource} is being worked on by {who}; waiting up to {wait_s:g} s")
                is_told = True
            time.sleep(_POLL_S)

    def _try_to_take(self, resource: str, holder: str) -> int | None:
        with self._database.transaction(CommitPoint.LEASE) as transaction:
            is_known = bool(transaction.rows("lease_holder", resource=resource))
            if is_known and not transaction.rows("unlocked_lease", resource=resource):
                return None  # its holder is inside a transaction; waiting for the row would take as long as that takes
            found = transaction.rows("take_lease", resource=resource, holder=holder, ttl_s=self._ttl_s)
            return int(found[0][0]) if found else None

    def _renew(self, lease: Lease, stop: threading.Event) -> None:
        """A renewal that fails is tried again; when the time is over, the next write finds that out."""
        while not stop.wait(self._ttl_s / 3):
            try:
                with self._renewing, self._renewals.transaction(CommitPoint.LEASE) as transaction:
                    transaction.run("renew_lease", resource=lease.resource, epoch=lease.epoch, ttl_s=self._ttl_s)
            except TillageError:
                self._renewals.close()

    def _release(self, lease: Lease) -> None:
        with self._database.transaction(CommitPoint.RELEASE_LEASE) as transaction:
            transaction.run("release_lease", resource=lease.resource, epoch=lease.epoch)
