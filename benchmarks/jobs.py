"""The jobs that are compared: ours in fresh projects, the peers as scripts with an interpreter of their own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import canonical
from benchmarks.measure import Cost, JobFailedError, cost_of
from benchmarks.rounds import Job

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parent / "src" / "tillage" / "templates" / "food-orders"
OURS, ENGINE, COPY = "tillage run", "tillage, engine alone", "DuckDB copy, unchecked"
NO_RULES = "tillage, engine alone, no rules"
PEERS = {"Polars": "polars_orders", "pandas": "pandas_orders", "pydantic loop": "pydantic_orders"}
SPARK = "Spark local, cold"
ARRAY_MEMORY_MB = 360
LANDING = "landing/orders"
_CONTRACT = "contracts/orders.odcs.yaml"


@dataclass(frozen=True)
class Bench:
    """Where the input and the peers' interpreter are, and how long one job may take."""

    input: Path
    peers: Path
    timeout_s: float


def compared(bench: Bench) -> list[Job]:
    """The jobs of B1."""
    scripts = {COPY: "duckdb_copy", **PEERS, SPARK: "spark_orders"}
    return [
        Job(OURS, lambda folder: _run(bench, folder), canonical.of_project),
        Job(ENGINE, lambda folder: _engine(bench, folder), canonical.of_project),
        *(
            Job(name, partial(_peer, bench, script), canonical.of_copy if name == COPY else canonical.of_lines)
            for name, script in scripts.items()
        ),
    ]


def with_and_without_rules(bench: Bench) -> list[Job]:
    """The jobs of B2: one engine, two contracts; both must read the same records."""
    free = HERE / "contracts" / "no-rules.odcs.yaml"
    return [
        Job(ENGINE, lambda folder: _engine(bench, folder), canonical.of_bronze),
        Job(NO_RULES, lambda folder: _engine(bench, folder, contract=free), canonical.of_bronze),
    ]


def array_and_lines(bench: Bench, array: Path) -> list[Job]:
    """One JSON array against the same records as lines, both with little memory."""
    return [
        Job("one JSON array", lambda folder: _run(bench, folder, ARRAY_MEMORY_MB, array=array), canonical.of_project),
        Job("JSON lines", lambda folder: _run(bench, folder, ARRAY_MEMORY_MB), canonical.of_project),
    ]


def said(cost: Cost) -> dict[str, Any]:
    """What a job printed about itself in its last line; empty for `tillage run`, which prints for people."""
    lines = cost.output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _run(bench: Bench, folder: Path, memory_mb: int | None = None, *, array: Path | None = None) -> Cost:
    """`tillage run` in a fresh project, the start of the process and of its PostgreSQL included."""
    make_project(folder, array or bench.input)
    if array:
        file = folder / "tillage.yaml"
        file.write_text(file.read_text().replace("format: jsonl", "format: json"))
    limits = {"TILLAGE_MEMORY_MB": str(memory_mb)} if memory_mb else {}
    command = [sys.executable, "-m", "tillage", "run"]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment() | limits)


def _engine(bench: Bench, folder: Path, *, contract: Path | None = None) -> Cost:
    make_project(folder, bench.input)
    if contract:
        shutil.copy(contract, folder / _CONTRACT)
        # The shipped model, and what is served from it, need the money that this contract does not have.
        shutil.rmtree(folder / "models")
        file = folder / "tillage.yaml"
        file.write_text(file.read_text().partition("serve:")[0])
    command = [sys.executable, str(HERE / "engine_alone.py"), str(folder)]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())


def _peer(bench: Bench, script: str, folder: Path) -> Cost:
    if not bench.peers.exists():
        raise JobFailedError("the peers are not installed; run: make bench")
    if script.startswith("spark") and not _has_java():
        raise JobFailedError("there is no Java here; install one, 17 or later")
    command = [str(bench.peers), str(HERE / "peers" / f"{script}.py"), str(bench.input), str(folder)]
    return cost_of(command, folder, timeout_s=bench.timeout_s, environment=environment())


def _has_java() -> bool:
    return bool(os.environ.get("JAVA_HOME")) or shutil.which("java") is not None


def environment() -> dict[str, str]:
    """This process's, without settings of the product, since the defaults are measured; and compiled modules may be
    kept, as they are where somebody installs a package, so that no round pays for compiling.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TILLAGE_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def make_project(folder: Path, file: Path) -> None:
    """A food-orders project in `folder` with a link to the input; as `tillage init` makes it."""
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    landing = folder / LANDING
    landing.mkdir(parents=True, exist_ok=True)
    # A hard link, because the door leaves links that lead out of the folder alone.
    os.link(file, landing / file.name)
