"""Outputs of scripts: the places that they may take, and the checksums by which a damaged one is recognised.

A result is known by its record: `provenance.json` in a folder of results, `NAME.provenance.json` beside a single file.
The record names the script, and the checksum of each file. Snakemake deletes declared outputs, and so the record of a
folder, before it runs a job again: the folder's mark, a file that is no declared output, has these two facts as well.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.files import checksum, temporary_of, writing
from mrsi_sr.results.reading import UNREADABLE, read_json

RECORD = "provenance.json"  # in a folder of results: written last, so where it lies the folder is whole
MARK = ".result.json"
SYSTEMS = re.compile(r"\.DS_Store|\._.+|\.nfs[0-9a-f]+|\.fuse_hidden[0-9a-f]+|Thumbs\.db|desktop\.ini")
SHOWN = 3  # maximum number of files listed in an error text


def script_name() -> str:
    """File name of the script that runs, such as "ingest.py"."""
    return Path(sys.argv[0]).name


def record_of(outputs: Sequence[str | Path]) -> Path:
    """Path of a result's provenance: the one among its files, else `NAME.provenance.json` beside the first file."""
    files = [Path(path) for path in outputs]
    return next((file for file in files if file.name.endswith(RECORD)), files[0].with_suffix(f".{RECORD}"))


def read_record(path: Path) -> dict:
    """Content of a provenance, empty where there is none that can be read."""
    try:
        return read_json(path, "a record of a result", "")
    except (UserError, *UNREADABLE):
        return {}


def facts_of(script: str, checksums: dict[str, str | None]) -> dict:
    """Facts of a record by which a result is known. checksums: by file; None for one that is not finished."""
    return {"script": script, "outputs_sha256": checksums}


def write_mark(folder: Path, checksums: dict[str, str]) -> None:
    """Mark a folder as a result of this script, with its files' checksums."""
    with writing(folder / MARK) as temporary:
        temporary.write_text(json.dumps(facts_of(script_name(), checksums), indent=2, sort_keys=True) + "\n")


def checksums_in(folder: Path) -> dict[str, str]:
    """Checksums of a folder's files, as its mark or its record has them; empty where there is neither."""
    return _known(folder)[1]


def checksums_of(files: Iterable[str | Path], folder: Path) -> dict[str, str]:
    """Checksums of files, by their path from a folder."""
    return {os.path.relpath(file, folder): checksum(file) for file in files}


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and below, hidden ones too, in order; without its mark and litter."""
    files = (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())
    return [path for path in files if path != folder / MARK and not _is_litter(path.name)]


def check_outputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path] = ()) -> None:
    """Raise UserError where a script's output would replace an input, or anything but a former result of that script.

    outputs: files and folders that the script is to write. A folder is taken where it is new, empty, or a former
    result; a file where it is new or a former result. inputs: files and folders that it reads; none may be an output,
    or lie in one.
    """
    outputs, inputs = list(map(Path, outputs)), list(map(Path, inputs))
    for output in outputs:
        for given in inputs:
            _check_apart(output, given)
        if output.is_dir():
            _check_folder(output)
        elif output.exists() and (script := _script_of(output, record_of(outputs))) != script_name():
            raise UserError(
                f"{output} exists, and {_origin(script)}: it is not replaced\n"
                f"  name another output, or {_moving(script)}"
            )


def check_replaced(folder: str | Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise UserError as check_outputs does, and where the folder has files that the script did not write.

    folder: one that is replaced whole, hidden files and all. inputs: files and folders that the script reads.
    """
    folder = Path(folder)
    check_outputs([folder], inputs)
    known = {*checksums_in(folder), RECORD}
    others = [str(file.relative_to(folder)) for file in files_below(folder)]
    others = [name for name in others if name not in known]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        raise UserError(
            f"{folder} is to be replaced, and has files that {script_name()} did not write: "
            f"{', '.join(others[:SHOWN])}{more}\n  move them to another folder"
        )


def check_whole(path: str | Path) -> None:
    """Raise UserError where a file of a result is not what its script wrote: damaged, changed, unfinished or added.

    A file without a record, such as one that a person made, is taken as it is.
    """
    path = Path(path)
    beside = record_of([path])
    where = _describing((beside, path.parent / MARK, path.parent / RECORD)) if path.exists() else None
    if where is None:
        return
    script, checksums = _facts(read_record(where))
    again = f"delete {path if where == beside else path.parent / RECORD}, and run the workflow or {script} again"
    if where == beside:
        again += f"; where the change is your own, delete {where.name} alone"
    name = os.path.relpath(path, where.parent)
    if name not in checksums:
        raise UserError(f"{path} is no part of the result that {where} describes\n  move it elsewhere, or {again}")
    if checksums[name] is None:
        raise UserError(f"{path} was not finished by {script}\n  {again}")
    if checksums[name] != checksum(path):
        raise UserError(
            f"{path} is damaged, or was changed after {script} wrote it: its checksum is not the one in {where.name}\n"
            f"  {again}"
        )


def check_made_from(path: str | Path, source: str | Path) -> None:
    """Raise UserError where the record of a file or folder says that it was made from another source than this one."""
    record = Path(path, RECORD) if Path(path).is_dir() else record_of([path])
    sums = read_record(record).get("inputs_sha256")
    if isinstance(sums, dict) and checksum(source) not in sums.values():
        raise UserError(
            f"{path} was not made from {source}, or that has changed since\n"
            f"  delete {path}, and run what makes it again"
        )


def _describing(places: Iterable[Path]) -> Path | None:
    """The first of these files that is a record of ours. Raises UserError where none is, and one cannot be read.

    A folder's provenance.json alone may be any software's, and of any content: ours has its mark beside it.
    """
    present = [place for place in places if place.exists()]
    if found := next((place for place in present if all(_facts(read_record(place)))), None):
        return found
    for place in present:
        if place.name != RECORD:
            to_do = "delete it together with its result, and run what makes them again; another program's: move it away"
            read_json(place, "a record of a result", to_do)
    return None


def _check_apart(output: Path, given: Path) -> None:
    place, source = output.resolve(), given.resolve()
    same = place == source or (place.exists() and source.exists() and place.samefile(source))
    if same or source.is_relative_to(place):
        raise UserError(
            f"{output} would be replaced, and {'is' if same else 'holds'} an input: {given}\n"
            "  name another output, which is new or a former result of this script"
        )


def _check_folder(folder: Path) -> None:
    names = sorted(place.name for place in folder.iterdir() if not _is_litter(place.name))
    script = _known(folder)[0]
    if names and script != script_name():
        more = ", .." if len(names) > SHOWN else ""
        raise UserError(
            f"{folder} is not empty, and {_origin(script)}: it is not replaced\n"
            f"  it has {', '.join(names[:SHOWN])}{more}\n  name a new folder, or {_moving(script)}"
        )


def _is_litter(name: str) -> bool:
    """Whether a file is nobody's: the operating system's, or the mark that a killed run was writing."""
    return bool(SYSTEMS.fullmatch(name) or temporary_of(MARK).fullmatch(name))


def _origin(script: str) -> str:
    return f"was written by {script}" if script else f"is no former result of {script_name()}"


def _moving(script: str) -> str:
    earlier = "" if script else "; results of an earlier version, all at once: mv results results.old"
    return f"move this one away{earlier}"


def _known(folder: Path) -> tuple[str, dict]:
    """Script and checksums of a folder of results."""
    return _facts(read_record(folder / MARK) or read_record(folder / RECORD))


def _script_of(file: Path, record: Path) -> str:
    """Script that wrote a single file, empty where it is not known. record: of the result that it may belong to."""
    if file.suffix == ".json" and (script := _facts(read_record(file))[0]):
        return script  # a record itself
    for where in (record, record_of([file]), file.parent / MARK, file.parent / RECORD):
        script, checksums = _facts(read_record(where))
        if os.path.relpath(file, where.parent) in checksums:
            return script
    return ""


def _facts(record: dict) -> tuple[str, dict]:
    """Script and checksums in a record; empty ones where it has none."""
    script, checksums = record.get("script"), record.get("outputs_sha256")
    return script if isinstance(script, str) else "", checksums if isinstance(checksums, dict) else {}
