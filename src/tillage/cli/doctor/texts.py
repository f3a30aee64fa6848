"""Project file, contracts and models: every error of every file, in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tillage.cli.doctor.finding import Finding, Level
from tillage.contracts.compiler.check import compile_check
from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.project import Project
from tillage.engines.duckdb import DuckEngine
from tillage.errors import ContractError, ModelError, OperatorError, TillageError
from tillage.models.project import Models, read_each
from tillage.settings import Settings
from tillage.wiring import PROJECT_FILE, load_project, project_file

_AGAIN = "tillage doctor"


@dataclass(frozen=True)
class Texts:
    """What of the project's files could be read, and what is wrong with the others."""

    project: Project | None
    contracts: tuple[Contract, ...]
    models: Models
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        return not self.findings

    def datasets(self) -> dict[str, Dataset]:
        return {dataset.name: dataset for contract in self.contracts for dataset in contract.datasets}


def read_texts(root: Path, settings: Settings) -> Texts:
    """All that can be read, whatever is wrong with the rest."""
    try:
        project = project_file(root, settings)
    except TillageError as wrong:
        return Texts(None, (), Models({}, {}), (_wrong("project", wrong, PROJECT_FILE),))
    contracts, findings = _contracts(root, project)
    # A model is wrong only if the datasets that it names are known.
    models, wrong_models = _models(root, _by_name(contracts)) if not findings else (Models({}, {}), ())
    findings = (*findings, *wrong_models)
    if not findings:
        findings = _together(root, settings)
    return Texts(project, contracts, models, findings)


def examine_texts(texts: Texts, settings: Settings) -> Iterator[Finding]:
    """What is wrong with the files, and with models that can be read and do not run; one line if nothing is."""
    yield from texts.findings
    engine = DuckEngine(Path(), memory_bytes=settings.memory_bytes, threads=settings.threads, datasets=texts.datasets())
    is_running = True
    for contract in texts.contracts:
        for line, what in engine.unasked_rules(contract):
            is_running = False
            name = f"contracts/{contract.feed}.odcs.yaml"
            yield _wrong("contract", ContractError(f"{name}, line {line}: {what}"), name)
    for place in engine.unportable(texts.models, texts.models.outputs()):
        is_running = False
        yield _wrong("model", ModelError(str(place)), f"models/{place.model}.sql")
    for name, ask in _asked(engine, texts.models):
        try:
            ask()
        except TillageError as wrong:
            is_running = False
            yield _wrong("model", wrong, name or str(wrong).partition(":")[0].partition(" ")[0])
    if texts.project is not None and texts.is_sound and is_running:
        models = len(texts.models.outputs())
        counts = f"{len(texts.contracts)} contracts, {models} models, {len(texts.project.routes)} routes"
        yield Finding(Level.OK, "files", f"project {texts.project.name}: {counts}")
    elif texts.project is not None and not texts.is_sound and not texts.models.outputs():
        yield Finding(Level.NOTE, "model", "models are looked at when the contracts are right")


def _contracts(root: Path, project: Project) -> tuple[tuple[Contract, ...], tuple[Finding, ...]]:
    found, findings = [], []
    for feed in project.feeds:
        name = f"contracts/{feed.name}.odcs.yaml"
        try:
            found.append(compile_check(read_contract(feed.name, name, _read(root, name, ContractError))).contract)
        except TillageError as wrong:
            findings.append(_wrong("contract", wrong, name))
    return tuple(found), tuple(findings)


def _asked(engine: DuckEngine, models: Models) -> Iterator[tuple[str, Callable[[], object]]]:
    """By file, what finds out whether the models in it run."""
    for fold in models.folds.values():
        yield f"models/{fold.name}.sql", partial(engine.column_types, fold)
    if models.derived:
        yield "", partial(engine.derived_types, models)  # whose error names the file first


def _models(root: Path, datasets: Mapping[str, Dataset]) -> tuple[Models, tuple[Finding, ...]]:
    texts: dict[str, str] = {}
    findings = []
    for path in sorted((root / "models").glob("*.sql")):
        name = f"models/{path.name}"
        try:
            texts[path.stem] = _read(root, name, ModelError)
        except TillageError as wrong:
            findings.append(_wrong("model", wrong, name))
    found, wrong_ones = read_each(texts, datasets)
    findings += [_wrong("model", wrong, f"models/{name}.sql") for name, wrong in wrong_ones.items()]
    return found, tuple(findings)


def _together(root: Path, settings: Settings) -> tuple[Finding, ...]:
    """What only shows when the files are read together, as names that are given twice."""
    try:
        load_project(root, settings)
    except TillageError as wrong:
        return (_wrong("project", wrong, PROJECT_FILE),)
    return ()


def _by_name(contracts: tuple[Contract, ...]) -> dict[str, Dataset]:
    return {dataset.name: dataset for contract in contracts for dataset in contract.datasets}


def _read(root: Path, name: str, error: type[OperatorError]) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{name} is missing") from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise error(f"{name} cannot be read: {type(wrong).__name__}") from None


def _wrong(area: str, wrong: TillageError, name: str) -> Finding:
    return Finding(Level.WRONG, area, str(wrong), f"edit {name}, then: {_AGAIN}")
