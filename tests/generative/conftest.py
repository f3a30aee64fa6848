"""Makes `--hypothesis-profile=hunt` known."""

from __future__ import annotations

from hypothesis import settings

from tests.generative.bounded import HUNT

settings.register_profile(HUNT)
