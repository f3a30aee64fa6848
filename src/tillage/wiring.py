"""Settings to objects: the only module that knows every adapter."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import IO

from tillage.backups.folder import Folder
from tillage.backups.target import Target, refuse_half_restored
from tillage.contracts.compiler.check import Check, compile_check
from tillage.contracts.contract import Contract, Dataset
from tillage.contracts.environments import DEFAULT_STORE, PROCESSED, Environment
from tillage.contracts.feed_path import folder_of
from tillage.contracts.mirror import check_files, mirror_tables
from tillage.contracts.odcs.contract_file import read_contract
from tillage.contracts.project import ARCHIVE, After, Feed, Mirror, Project, in_environment, read_project
from tillage.contracts.relations import check_references, refuse_circle
from tillage.domain.export import Form
from tillage.domain.load import CommitPoint
from tillage.domain.secret import read_reference
from tillage.doors.files import FilesDoor
from tillage.doors.putting_away import LandedFiles
from tillage.doors.scrubbing import ScrubbedFiles
from tillage.engines.duckdb import DuckEngine
from tillage.engines.erasing import DuckErasing
from tillage.engines.exporting import DuckExports
from tillage.engines.mirroring import DuckMirrors
from tillage.errors import BackupError, ContractError, ExportError, ModelError, OperatorError
from tillage.exports.file import File
from tillage.exports.folder import Folder as ExportFolder
from tillage.exports.processed import Processed
from tillage.exports.stream import Stream
from tillage.journals.folder import FolderJournal, is_notes
from tillage.lake.delta import DeltaLake
from tillage.lake.gold import DeltaSnapshots
from tillage.lake.modes import read_by
from tillage.lake.paths import check_folder
from tillage.models.project import Models, read_models
from tillage.pipelines.belonging import join
from tillage.pipelines.house import Erasing, FeedContract, House
from tillage.pipelines.reapply import refuse_journal_ahead
from tillage.pipelines.restore import Restored, proved, restore
from tillage.ports.commit import Commits
from tillage.ports.export import ExportTarget
from tillage.ports.places import Place
from tillage.ports.scanning import ENVIRONMENT
from tillage.safe import FOLDER, Safe
from tillage.scans.files import FileScanner
from tillage.secrets import read_secret
from tillage.settings import PROJECT_FILE as PROJECT_FILE  # noqa: PLC0414  (asked for here by who opens a house too)
from tillage.settings import Crash, Settings
from tillage.settings import find_project as find_project  # noqa: PLC0414
from tillage.stores.embedded import EmbeddedPostgres
from tillage.stores.postgres.awaiting import Awaiting
from tillage.stores.postgres.clients import Clients
from tillage.stores.postgres.copies import Copies
from tillage.stores.postgres.database import SCHEMA_VERSION, Database
from tillage.stores.postgres.erasures import Erasures
from tillage.stores.postgres.folds import Folds
from tillage.stores.postgres.gold import Gold
from tillage.stores.postgres.leases import Leases
from tillage.stores.postgres.ledger import Ledger
from tillage.stores.postgres.mirrors import Mirrors
from tillage.stores.postgres.statistics import Statistics
from tillage.stores.postgres.tables import Tables
from tillage.stores.postgres.vault import Vault

SPILL = "tmp"
_LINT_BYTES = 256 * 1024 * 1024


class CommitLog:
    """Counts the commits of this process, and kills it at one of them if the settings say so."""

    def __init__(self, crash: Crash | None) -> None:
        self._crash = crash
        self.passed: Counter[CommitPoint] = Counter()

    @contextmanager
    def at(self, point: CommitPoint) -> Iterator[None]:
        self.passed[point] += 1
        self._perhaps_die(point, is_after=False)
        yield
        self._perhaps_die(point, is_after=True)

    def _perhaps_die(self, point: CommitPoint, *, is_after: bool) -> None:
        crash = self._crash
        if crash and (crash.point, crash.is_after, crash.count) == (point, is_after, self.passed[point]):
            os.kill(os.getpid(), signal.SIGKILL)


class NoCommits:
    """Refuses every commit: what is done with such a house reads, and changes nothing.

    Args:
        statement_s: How long one statement of the store may take or wait for a lock; None: as long as it does.
    """

    def __init__(self, statement_s: float | None = None) -> None:
        self.statement_s = statement_s

    def at(self, point: CommitPoint) -> AbstractContextManager[None]:
        raise OperatorError(f"something has yet to be made ({point}) before this can be read; make it: tillage run")


def project_file(root: Path, settings: Settings | None = None) -> Project:
    """What `tillage.yaml` says in the environment that is set; without settings in the default one.

    Raises:
        ProjectFileError: what is wrong, and where.
        OperatorError: it has no such environment.
    """
    project = _described(_read(root / PROJECT_FILE, OperatorError))
    return in_environment(project, settings.env if settings else None)


def load_project(root: Path, settings: Settings | None = None) -> tuple[Project, dict[str, FeedContract], Models]:
    """Project file, contracts and models, all read and checked, in the environment that is set.

    Raises:
        ProjectFileError, ContractError, ModelError: what is wrong, and where.
        OperatorError: there is no such environment.
    """
    project = project_file(root, settings)
    feeds: dict[str, FeedContract] = {}
    datasets: dict[str, Dataset] = {}
    for feed in project.feeds:
        name = _contract_file(feed.name)
        text = _read(root / name, ContractError)
        check = _compiled(feed.name, name, text)
        for dataset in check.contract.datasets:
            if dataset.name in datasets:
                raise ContractError(
                    f"{name}: dataset '{dataset.name}' is described by another feed too; names are unique"
                )
            datasets[dataset.name] = dataset
        feeds[feed.name] = FeedContract(feed, text, check)
    for name, contract in feeds.items():
        check_references(name, contract.check.contract.datasets, datasets)
        refuse_circle(name, contract.check.contract.datasets)
    described = [(one.feed, one.check.contract) for one in feeds.values()]
    for of_feed, described_by in described:
        check_files(of_feed, described_by)
    mirror_tables(described)
    texts = {}
    for path in sorted((root / "models").glob("*.sql")):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", path.stem):
            raise ModelError(f"models/{path.name}: a model's name is lower case letters, digits and _, up to 50")
        if path.stem in datasets:
            raise ModelError(f"models/{path.name}: '{path.stem}' is a dataset's name; give the model another")
        texts[path.stem] = _read(path, ModelError)
    return project, feeds, read_models(texts, datasets)


@lru_cache(maxsize=4)
def _described(text: str) -> Project:
    """Kept, as `_compiled` is."""
    return read_project(PROJECT_FILE, text)


@lru_cache(maxsize=32)
def _compiled(feed: str, name: str, text: str) -> Check:
    """Kept, since a process asks for the same few texts again: for each load, and each time that it opens the house."""
    return compile_check(read_contract(feed, name, text))


def _contract_file(feed: str) -> str:
    return f"contracts/{feed}.odcs.yaml"


def _read(path: Path, error: type[OperatorError]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path.name} is missing; it belongs in {path.parent}") from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise error(f"{path} cannot be read: {type(wrong).__name__}") from None


def compile_text(feed: str, text: str) -> Check:
    """The check of a contract that was written just now."""
    return _compiled(feed, _contract_file(feed), text)


def compile_kept(feed: str, text: str) -> Check:
    """The check of a contract text as the ledger keeps it; what was accepted once still is (ADR 0024)."""
    with suppress(ContractError):  # said below, of a text that lies in no file
        return _compiled(feed, _contract_file(feed), text)
    name = f"the contract that a load of feed {feed} was decided under"
    return compile_check(read_contract(feed, name, text, is_kept=True))


def environment(root: Path, settings: Settings) -> Environment:
    """The environment that is set; for the default one the project file need not be right.

    Raises:
        OperatorError: there is none of that name, or the project file is wrong.
    """
    return project_file(root, settings).environment if settings.env else Environment()


def data_folder(root: Path, settings: Settings) -> Path:
    """Where lake, embedded store and spill files of the environment lie."""
    return root / environment(root, settings).data


def lake_folder(root: Path, settings: Settings) -> Path:
    """Where the Delta tables lie."""
    return data_folder(root, settings) / "lake"


def given_dsn(root: Path, of: Environment, settings: Settings) -> str | None:
    """The DSN of the environment's store; None: its store is the embedded one.

    Raises:
        OperatorError: what holds it does not.
    """
    if of.is_default:
        given = settings.store_dsn
        named = read_reference(given or "")
        return given if named is None else read_secret(root, named, settings, f"what {DEFAULT_STORE} refers to")
    return None if of.store is None else read_secret(root, of.store, settings, f"the DSN of environment {of.name}")


@contextmanager
def store_dsn(root: Path, settings: Settings) -> Iterator[str]:
    """The DSN of the environment's PostgreSQL, kept running meanwhile if it is the embedded one.

    Raises:
        BackupError: a restore into this environment was interrupted.
        OperatorError: there is no such environment, or its variable is not set.
    """
    refuse_half_restored(data_folder(root, settings))
    with _any_store_dsn(root, settings) as dsn:
        yield dsn


@contextmanager
def _any_store_dsn(root: Path, settings: Settings) -> Iterator[str]:
    here = environment(root, settings)
    if given := given_dsn(root, here, settings):
        yield given
        return
    with EmbeddedPostgres(root / here.data / "store") as dsn:
        yield dsn


def make_engine(spill: Path, settings: Settings, datasets: Mapping[str, Dataset]) -> DuckEngine:
    """The compute engine, bounded by the settings; what does not fit spills into that folder."""
    spill.mkdir(parents=True, exist_ok=True)
    return DuckEngine(spill, memory_bytes=settings.memory_bytes, threads=settings.threads, datasets=datasets)


def unasked_rules(contract: Contract) -> list[tuple[int, str]]:
    """Line and words for each rule of a contract that the engine cannot ask."""
    datasets = {dataset.name: dataset for dataset in contract.datasets}
    with tempfile.TemporaryDirectory(prefix="tillage-") as spill:
        engine = DuckEngine(Path(spill), memory_bytes=_LINT_BYTES, threads=1, datasets=datasets)
        return engine.unasked_rules(contract)


@contextmanager
def open_house(
    root: Path,
    settings: Settings,
    *,
    say: Callable[[str], None],
    on_bytes: Callable[[int, int], None] = lambda *_: None,
    commits: Commits | None = None,
    is_behind: bool = False,
) -> Iterator[House]:
    """The project in `root`, in the environment that is set, ready for the pipelines.

    Raises:
        JournalAheadError: the data is older than the journal of erasures, unless it may be (`is_behind`).
    """
    project, feeds, models = load_project(root, settings)
    datasets = {d.name: d for feed in feeds.values() for d in feed.check.contract.datasets}
    commits = commits or CommitLog(settings.crash)
    with ExitStack() as stack:
        dsn = stack.enter_context(store_dsn(root, settings))
        database, renewals, snapshots = (_database(stack, dsn, project, settings, commits) for _ in range(3))
        has_people = any(feed.check.contract.has_people for feed in feeds.values())
        vault = Vault(database, safe_of(root, project.environment).keys) if has_people else None
        digest_key = partial(_digest_key, vault, feeds)
        lake = DeltaLake(lake_folder(root, settings), commits)
        ledger = Ledger(database, vault)
        join(lake, ledger, project.environment)
        engine = make_engine(root / project.environment.data / SPILL, settings, datasets)
        stack.callback(engine.close)
        house = House(
            project=project,
            feeds=feeds,
            models=models,
            door=FilesDoor(root, on_bytes=on_bytes, digest_key=digest_key),
            landed=LandedFiles(root, commits, digest_key),
            lake=lake,
            engine=engine,
            leases=Leases(database, renewals, ttl_s=settings.lease_ttl_s),
            ledger=ledger,
            awaiting=Awaiting(database),
            statistics=Statistics(database),
            vault=vault,
            clients=Clients(database),
            folds=Folds(database),
            tables=Tables(database),
            copies=Copies(snapshots),
            gold=Gold(snapshots),
            exports=DuckExports(engine.connect),
            snapshots=DeltaSnapshots(lake_folder(root, settings), commits),
            mirror_source=DuckMirrors(engine.connect),
            mirrors=Mirrors(database, snapshots),
            processed=Processed(root, project.environment.processed, commits),
            erasing=_erasing(root, project, database, vault=vault, engine=engine, commits=commits) if vault else None,
            compile=compile_kept,
            say=say,
            now=ledger.now,
            places=lambda feed: places(root, project.environment, settings, feed),
        )
        if not is_behind:
            refuse_journal_ahead(house)
        yield house


def _digest_key(vault: Vault | None, feeds: Mapping[str, FeedContract], feed: Feed) -> bytes | None:
    return vault.file_key() if vault and feeds[feed.name].check.contract.has_people else None


def _erasing(
    root: Path, project: Project, database: Database, *, vault: Vault, engine: DuckEngine, commits: Commits
) -> Erasing:
    safe = safe_of(root, project.environment).folder
    return Erasing(
        vault=vault,
        records=DuckErasing(engine.connect),
        erasures=Erasures(database, vault),
        journal=FolderJournal(safe, commits),
        scrubbing=ScrubbedFiles(root, commits, lambda _: vault.file_key()),
        scanner=FileScanner(root, is_skipped=partial(is_notes, safe)),
        layers=layers(project),
    )


def safe_of(root: Path, of: Environment) -> Safe:
    """Where the keys of that environment lie."""
    return Safe(root / FOLDER if of.is_default else root / FOLDER / of.name)


def layers(project: Project) -> list[tuple[str, str]]:
    """Name and folder of each place where something of people may lie; all else in the project is one more."""
    here = project.environment
    landed = [(f"landing {feed.name}", feed.folder) for feed in project.feeds]
    return [
        *dict.fromkeys(landed),
        ("archive", ARCHIVE),
        ("processed", here.processed),
        ("bronze", f"{here.data}/lake/bronze"),
        ("silver", f"{here.data}/lake/silver"),
        ("gold", f"{here.data}/lake/gold"),
        ("store", f"{here.data}/store"),
        ("spilled by the engine", str(Path(here.data, SPILL))),
        ("safe", safe_of(Path(), here).folder.as_posix()),
        *(
            (f"{ENVIRONMENT}{other.name}", folder)
            for other in (Environment(), *project.environments)
            if other.name != here.name
            for folder in (
                *(f"{other.data}/{part}" for part in ("lake", "store", SPILL)),
                safe_of(Path(), other).folder.as_posix(),
                other.processed,
                *(folder_of(path) for path in other.paths.values()),
            )
        ),
    ]


def places(root: Path, of: Environment, settings: Settings, feed: Feed) -> tuple[Place, ...]:
    """Where what came of the feed lies in that environment, and who may read it there as modes are now."""
    lake, store = f"{of.data}/lake", f"{of.data}/store"
    figures = "rows of models, and of what waits places and amounts"
    by_role = Place(str(of.store or DEFAULT_STORE), figures, "the roles that this PostgreSQL lets read them")
    archive = f"{ARCHIVE}/{feed.folder}"
    is_archived = feed.after is After.ARCHIVE
    archived = [Place(archive, "files that are loaded", read_by(root / archive))] if is_archived else []
    processed = f"{of.processed}/{feed.name}"
    is_mirrored = Mirror.FILES in feed.mirror
    mirrored = [Place(processed, "records that stand, as they came", read_by(root / processed))] if is_mirrored else []
    return (
        Place(feed.path, "files as they came", read_by(root / feed.folder)),
        *archived,
        *mirrored,
        Place(lake, "records as they came, and the rows of those that were accepted", read_by(root / lake)),
        by_role if given_dsn(root, of, settings) else Place(store, figures, read_by(root / store)),
    )


@contextmanager
def open_clients(root: Path, settings: Settings) -> Iterator[Clients]:
    """The clients of the environment's store, for a server; the store is kept running meanwhile."""
    project = project_file(root, settings)
    with ExitStack() as stack:
        dsn = stack.enter_context(store_dsn(root, settings))
        yield Clients(_database(stack, dsn, project, settings, CommitLog(settings.crash)))


def _database(stack: ExitStack, dsn: str, project: Project, settings: Settings, commits: Commits) -> Database:
    """One more session of the store, closed with the stack."""
    house = project.environment.house(project.name)
    variable = str(project.environment.store or DEFAULT_STORE)
    limit_s = commits.statement_s if isinstance(commits, NoCommits) else None
    database = Database(dsn, house, commits, lease_ttl_s=settings.lease_ttl_s, variable=variable, statement_s=limit_s)
    stack.callback(database.close)
    return database


def backup_folder(root: Path, folder: Path, settings: Settings) -> Folder:
    """The folder of a backup.

    Raises:
        BackupError, LakeError: it would be lost with the original, or cannot hold Delta tables.
    """
    folder = folder.resolve()
    # Whatever the environment: all data lies there, and is moved away as a whole.
    if folder.is_relative_to((root / "data").resolve()):
        raise BackupError(f"{folder} lies in data/, and would be lost with it; give a folder elsewhere")
    check_folder(folder)
    return Folder(folder, CommitLog(settings.crash))


def restore_house(
    root: Path, folder: Path, settings: Settings, *, say: Callable[[str], None], commits: CommitLog | None = None
) -> Restored:
    """The backup in `folder` as the house of the project in `root`, which must be empty; proved before it returns."""
    project, _, _ = load_project(root, settings)
    commits = commits or CommitLog(settings.crash)
    copies = backup_folder(root, folder, settings)
    with ExitStack() as stack:
        target = Target(
            root / project.environment.data,
            open_store=cache(
                lambda: Copies(
                    _database(stack, stack.enter_context(_any_store_dsn(root, settings)), project, settings, commits)
                )
            ),
            make_lake=lambda: DeltaLake(lake_folder(root, settings), commits),
        )
        return restore(
            copies,
            target,
            project=project.name,
            schema_version=SCHEMA_VERSION,
            open_house=lambda: open_house(root, settings, say=say, commits=commits, is_behind=True),
            prove=proved,
        )


def export_file(root: Path, path: Path, form: Form, settings: Settings, *, is_overwriting: bool) -> ExportTarget:
    """One file as the target of an export; a pipe or a device is written as it stands.

    Raises:
        ExportError: it lies where the project keeps its own.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        return Stream(str(path), None, form)
    path = path.resolve()
    _refuse_own(root, path)
    return File(path, form, CommitLog(settings.crash), is_overwriting=is_overwriting)


def export_folder(root: Path, path: Path, form: Form, settings: Settings, *, is_overwriting: bool) -> ExportTarget:
    """As `export_file`, a folder for several tables."""
    path = path.resolve()
    _refuse_own(root, path)
    return ExportFolder(path, form, CommitLog(settings.crash), is_overwriting=is_overwriting)


def _refuse_own(root: Path, path: Path) -> None:
    """Nothing is exported into `data/` and `processed/`, nor to where a feed would take it for new records."""
    if path.is_relative_to((root / "data").resolve()) or root.resolve().is_relative_to(path):
        raise ExportError(f"{path} belongs to the project's own data; give a place outside of data/ with --to")
    if path.is_relative_to((root / PROCESSED).resolve()):
        raise ExportError(f"{path} lies where mirrored files are kept; give a place outside of {PROCESSED}/ with --to")
    project = read_project(PROJECT_FILE, _read(root / PROJECT_FILE, OperatorError))
    for feed in project.feeds:
        if feed.folder and path.is_relative_to((root / feed.folder).resolve()):
            raise ExportError(f"{path} lies where feed {feed.name} looks for new files; give another place with --to")


def export_stdout(opened: IO[bytes], form: Form) -> ExportTarget:
    """Standard output as the target of an export."""
    return Stream("-", opened, form)
