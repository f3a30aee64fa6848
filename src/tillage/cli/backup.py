"""`tillage backup` and `tillage restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tillage.cli.opening import (
    HERE,
    WAIT_S,
    Json,
    Project,
    Wait,
    environment_json,
    environment_lines,
    on_project,
    open_project,
    print_json,
)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the backup lies; on another disk, at best.")]


@on_project
def backup(folder: Folder, wait: Wait = WAIT_S, project: Project = HERE, as_json: Json = False) -> None:
    """Copy store and lake as they are at one moment, while runs go on; a later one copies only what is new."""
    from tillage import __version__
    from tillage.pipelines import backup as pipeline
    from tillage.wiring import backup_folder

    root, settings = project.find()
    copies = backup_folder(root, folder, settings)
    with open_project(project) as house:
        made = pipeline.backup(house, copies, wait_s=wait, version=__version__)
    files = len(made.manifest.files())
    if as_json:
        print_json(
            environment_json(house.project)
            | {
                "backup": made.manifest.backup,
                "folder": str(copies.location()),
                "last_number": made.manifest.last_number,
                "files": files,
                "kept_files": made.kept_files,
                "size_bytes": made.size_bytes,
            }
        )
    else:
        typer.echo(
            f"backup {made.manifest.backup} in {copies.location()}: {files:,} files, {made.size_bytes:,} bytes, of "
            f"which {made.kept_files:,} files were there; up to number {made.manifest.last_number}"
        )


@on_project
def restore(folder: Folder, project: Project = HERE, as_json: Json = False) -> None:
    """Make an empty project what it was at a backup, and prove it from the raw bytes."""
    from tillage.cli.show import Progress
    from tillage.wiring import project_file, restore_house

    root, settings = project.find()
    file = project_file(root, settings)
    with Progress() as progress:
        for line in environment_lines(file):
            progress.say(line)
        manifest = restore_house(root, folder, settings, say=progress.say).manifest
    if as_json:
        print_json(
            environment_json(file)
            | {"backup": manifest.backup, "made_at": manifest.made_at, "last_number": manifest.last_number}
        )
    else:
        typer.echo(f"backup {manifest.backup} of {manifest.made_at} is restored and proved. Next: tillage run")
