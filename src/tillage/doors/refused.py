"""What is wrong with one stream as a whole; the door adds the file's name."""

from __future__ import annotations


class RefusedStreamError(Exception):
    """Nothing of the stream may be loaded; the message says why, begins with a verb and holds no value of a record."""


class MisdescribedError(RefusedStreamError):
    """The stream is whole, but not as `tillage.yaml` or the contract says."""
