"""Everything that a person sets outside the project's own files, as one frozen tree, read once.

This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tillage.domain.load import CommitPoint
from tillage.errors import NoProjectError, OperatorError

PROJECT_FILE = "tillage.yaml"


@dataclass(frozen=True)
class Crash:
    """Kill this process with SIGKILL at one commit point: for demonstrations and crash tests."""

    point: CommitPoint
    is_after: bool
    count: int
    """The how-manieth time the point is passed, from 1."""


@dataclass(frozen=True)
class Settings:
    """Settings with their environment variables."""

    store_dsn: str | None
    """TILLAGE_STORE_DSN: a libpq connection string of the default environment, or `${file:PATH}` of one; without it its
    store is embedded."""
    memory_bytes: int
    """TILLAGE_MEMORY_MB: what the compute engine may hold before it spills to disk; default 2048."""
    threads: int
    """TILLAGE_THREADS: of the compute engine; default: one for each core."""
    lease_ttl_s: float
    """TILLAGE_LEASE_TTL_S: how long a stopped process keeps its leases; default 30."""
    crash: Crash | None
    """TILLAGE_CRASH: like `after:silver` or `before:silver:2`; not for production."""
    env: str | None = None
    """TILLAGE_ENV, or what a command was given instead: which environment of the project; None: the default one."""
    otlp_endpoint: str | None = None
    """TILLAGE_OTLP_ENDPOINT: where the server sends traces, like http://127.0.0.1:4318; None: nowhere."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All that are set, for those that a project file names; they may be secrets."""


def read_settings(environment: Mapping[str, str] | None = None, *, env: str | None = None) -> Settings:
    """The settings of this process; `env` goes before TILLAGE_ENV.

    Raises:
        OperatorError: a variable has a value that is not allowed.
    """
    found = os.environ if environment is None else environment
    return Settings(
        store_dsn=found.get("TILLAGE_STORE_DSN") or None,
        memory_bytes=int(_number(found, "TILLAGE_MEMORY_MB", 2048, least=256)) * 1024 * 1024,
        threads=int(_number(found, "TILLAGE_THREADS", os.cpu_count() or 1, least=1)),
        lease_ttl_s=_number(found, "TILLAGE_LEASE_TTL_S", 30, least=1),
        crash=_crash(found.get("TILLAGE_CRASH")),
        env=(found.get("TILLAGE_ENV") or None) if env is None else env,
        otlp_endpoint=_endpoint(found.get("TILLAGE_OTLP_ENDPOINT")),
        variables=dict(found),
    )


def tell_libraries(variable: str, value: str) -> None:
    """Sets a variable for a library that takes what it says nowhere else, here and in processes that are started."""
    os.environ[variable] = value


def find_project(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds `tillage.yaml`.

    Raises:
        NoProjectError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise NoProjectError(
        f"no {PROJECT_FILE} in {start} or above it; go to a project, or make one: tillage init food-orders my-shop"
    )


def _number(env: Mapping[str, str], variable: str, default: float, *, least: float) -> float:
    text = env.get(variable)
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text) or float(text) < least:
        raise OperatorError(f"{variable} must be a number from {least:g} on; unset it for the default, {default:g}")
    return float(text)


def _endpoint(text: str | None) -> str | None:
    if not text:
        return None
    # No account in it: what is in an address gets into messages of libraries.
    if not re.fullmatch(r"https?://([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(/[\w./-]*)?", text):
        raise OperatorError("TILLAGE_OTLP_ENDPOINT must be an address like http://127.0.0.1:4318, without an account")
    return text.rstrip("/")


def _crash(text: str | None) -> Crash | None:
    if not text:
        return None
    match = re.fullmatch(r"(before|after):([a-z-]+)(?::(\d{1,4}))?", text)
    if match is None or match[2] not in set(CommitPoint):
        points = ", ".join(CommitPoint)
        raise OperatorError(f"TILLAGE_CRASH must be before:POINT or after:POINT, with POINT one of {points}")
    return Crash(CommitPoint(match[2]), is_after=match[1] == "after", count=int(match[3] or 1))
