"""The application: one look-up for each route of `tillage.yaml`, and what a server needs beside them."""

from __future__ import annotations

