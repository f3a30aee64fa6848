"""dist/ holds an sdist and a wheel made of it alone, and the wheel runs the demo where there is no checkout.

`dist.py FOLDER` puts them in another folder. Both are made by the installed hatchling, without a network; the packages
that the wheel needs are installed from requirements.lock, by hash.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BESIDE = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
# What the demo says when all went well; it stops at whatever did not.
SAID = ("the law balances", ", 0 differ; ", "= served ", "nothing is left running")


class DistError(Exception):
    """What was made is not what it should be; the message says how."""


def committed_files() -> set[str]:
    """The files git has or would take, relative to the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def make(folder: Path) -> Path:
    """The wheel in `folder`, made of the sdist beside it; both hold what they should.

    Raises:
        DistError: one of them does not, or could not be built.
    """
    committed = committed_files()
    with tempfile.TemporaryDirectory() as scratch:
        source = unpack(build("sdist", ROOT, folder), Path(scratch), committed)
        wheel = build("wheel", source, folder)
    look_into(wheel, committed)
    return wheel


def build(target: str, source: Path, folder: Path) -> Path:
    """The only file of this kind in `folder`, made by the installed hatchling: nothing is downloaded for it.

    Raises:
        DistError: it could not be built.
    """
    run(sys.executable, source, *f"-m hatchling build --clean --target {target} --directory".split(), str(folder))
    (made,) = folder.glob("*.tar.gz" if target == "sdist" else "*.whl")
    return made


def unpack(sdist: Path, folder: Path, committed: set[str]) -> Path:
    """Where the sdist was unpacked, which holds what git has and nothing else.

    Raises:
        DistError: a file is missing or too many.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    compare(sdist, names, {*committed, "PKG-INFO"})
    return folder / sdist.name.removesuffix(".tar.gz")


def look_into(wheel: Path, committed: set[str]) -> None:
    """The wheel holds the package as git has it, with templates, SQL, py.typed and licence, and nothing else.

    Raises:
        DistError: a file is missing or too many.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name.removeprefix("src/") for name in committed if name.startswith("src/tillage/")}
    beside = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    compare(wheel, names, package | {f"{beside}/{name}" for name in BESIDE})


def compare(made: Path, names: set[str], wanted: set[str]) -> None:
    wrong = [f"missing: {name}" for name in sorted(wanted - names)]
    wrong += [f"too many: {name}" for name in sorted(names - wanted)]
    if wrong:
        raise DistError("\n".join([f"{made.name} does not hold what it should", *wrong]))


def install(wheel: Path, folder: Path) -> Path:
    """The interpreter of a new environment in `folder` with the locked packages and the wheel.

    Raises:
        DistError: neither uv nor pip could install them.
    """
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    quiet = ["install", "--quiet", "--disable-pip-version-check"]
    uv = [sys.executable, "-m", "uv", "pip", *quiet, "--python", str(python)]
    pip = [str(python), "-m", "pip", *quiet]
    for installer in (uv, pip):
        commands = [*installer, "--require-hashes", "-r", str(LOCK)], [*installer, "--no-deps", str(wheel)]
        if all(subprocess.run(command, check=False).returncode == 0 for command in commands):
            return python
    raise DistError(f"{wheel.name} could not be installed, see above")


def prove(wheel: Path) -> None:
    """The wheel runs the demo in an environment and a folder that have nothing of the checkout.

    Raises:
        DistError: it cannot be installed, comes from elsewhere, or the demo did not end well.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        python = install(wheel, folder / "venv")
        place = run(python, folder, "-c", "import tillage; print(tillage.__file__)").strip()
        if not Path(place).is_relative_to(folder):
            raise DistError(f"the package that was imported is not the wheel's: {place}")
        run(python.with_name("tillage"), folder, "--help")
        said = run(python, folder, "-m", "tillage.cli.demo", "demo")
        if missing := [words for words in SAID if words not in said]:
            raise DistError(f"{said}\nthe demo did not say: {'; '.join(missing)}")


def run(program: Path | str, folder: Path, *words: str) -> str:
    """What the program prints in `folder`, with no word of the environment about Python or Tillage.

    Raises:
        DistError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TILLAGE_"))}
    command = [str(program), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DistError(f"{done.stdout}{done.stderr}\n{' '.join(words)} ended with {done.returncode}")
    return done.stdout


def main() -> int:
    folder = Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "dist"
    try:
        wheel = make(folder)
        print(f"{wheel.name} holds what it should, and the sdist too; now the demo, from the wheel alone", flush=True)
        prove(wheel)
    except DistError as error:
        print(error)
        return 1
    print(f"{wheel.name} runs the demo outside the checkout")
    return 0


if __name__ == "__main__":
    sys.exit(main())
