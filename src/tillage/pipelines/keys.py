"""`tillage keys rotate`: another key for the index of people; everything else stays as it is.

The new key is in the safe before a digest is made with it, and the old one is until none is any more: stopped anywhere,
the safe has the key that the store's digests are made with.
"""

from __future__ import annotations

from tillage.errors import OperatorError
from tillage.pipelines.house import House
from tillage.ports.people import Rotating


def rotate_keys(house: House, keys: Rotating) -> int:
    """How many people are found by the new key from now on.

    Raises:
        OperatorError: no contract is about people.
        KeysError: the key of today is not in the safe.
    """
    if house.vault is None:
        raise OperatorError("no contract has people in it (tillage.subject), so there is no key to change")
    now = house.vault.index_key()  # before the lock: keys that are missing are made under it
    with keys.locked():
        fresh = keys.add_next(now.fingerprint)
        people = house.vault.rotate(fresh)
        keys.keep_only(fresh)
    return people
