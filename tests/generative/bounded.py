"""How much is tried: the same few examples on every run, or many new ones on request.

`pytest --hypothesis-profile=hunt tests/generative` tries a hundred times as many, from a new seed; a failure prints
how to repeat it.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

HUNT = "hunt"


def bounded(examples: int, *, is_shrunk: bool = True) -> settings:
    """For a test that should try `examples` examples when nobody asks for more; shrinking repeats what takes long."""
    is_hunt = settings.get_current_profile_name() == HUNT
    return settings(
        max_examples=100 * examples if is_hunt else examples,
        derandomize=not is_hunt,
        database=None,
        deadline=None,
        print_blob=is_hunt,
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if is_shrunk else [])],
        suppress_health_check=list(HealthCheck),
    )
