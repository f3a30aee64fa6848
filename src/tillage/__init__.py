"""A commerce data house: importing this package loads no driver and opens nothing."""

__version__ = "0.1.0"
