"""Flags that name a raw scan (LCModel's output or ready-made NIfTI maps) to a script, and the scan that they name."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mrsi_sr.cli import UserError, log

# Names of the flags' values in the parsed arguments.
FLAGS = ("lcmodel", "maps", "pattern", "flip", "reference", "matrix", "voxel_mm", "files", "metabolites")


@dataclass(frozen=True)
class Reading:
    """What was read of a raw scan.

    volumes: scan.volumes.Volumes. fits: lcmodel.scans.ScanFits of LCModel's output, None of ready-made maps.
    facts: what provenance records beside the settings. tables: text files of the volumes, name -> content.
    """

    volumes: object
    facts: dict
    fits: object = None
    tables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RawScan:
    """A raw scan as flags name it, not read yet.

    settings: the flags' values. inputs: files whose checksums provenance records; of LCModel's output, which is read
    only once, the facts of the reading have the checksum. axes: of the matrix in the order of the volumes' axes, which
    are axial; None of ready-made maps, whose files are in any order.
    """

    metabolites: list[str]
    settings: dict
    inputs: list[Path]
    read: Callable[[], Reading]
    axes: tuple[int, int, int] | None = None


def add_scan_flags(parser: argparse.ArgumentParser, metabolites: str | None = None) -> None:
    """Add the flags that name a raw scan to a script's parser. metabolites: their default in words; None: required."""
    from mrsi_sr.settings.cohort import MAP_PRESETS

    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--lcmodel", metavar="PATH", help="folder, .tar or .tar.gz archive of .table and .coord files")
    source.add_argument("--maps", metavar="PATH", help="folder of ready-made NIfTI maps")
    parser.add_argument(
        "--pattern",
        metavar="multivoxel|vienna|REGEX",
        help="naming convention of the files: sl1_3-5.table (slice, row, column), ID_x01_y02_z03.table, or a regular "
        "expression with named groups x or col, y or row, z or slice, all counted from 1",
    )
    parser.add_argument("--flip", metavar="x|y|xy", default="", help="axes whose index is mirrored within the matrix")
    grid = parser.add_mutually_exclusive_group()
    grid.add_argument("--reference", metavar="NIFTI", help="image on the scan's grid, for matrix and position")
    grid.add_argument(
        "--matrix", metavar="N", nargs=3, type=int, help="voxels along x, y and z, instead of a reference"
    )
    parser.add_argument(
        "--voxel-mm", metavar="MM", nargs=3, type=float, help="voxel size for --matrix, centred at the scanner's origin"
    )
    parser.add_argument(
        "--files",
        metavar=f"{'|'.join(MAP_PRESETS)}|JSON|@FILE",
        help="file patterns for --maps: value, sd, snr, fwhm and brain_mask, with *, ? and {metabolite}, such as "
        '\'{"value": "*met-{metabolite}_desc-signal*.nii.gz", "snr": "snr.nii.gz"}\'; '
        "mrsiprep for maps named as MRSIPrep's input",
    )
    default = f" (default: {metabolites})" if metabolites else ""
    parser.add_argument(
        "--metabolites", metavar="NAMES", required=not metabolites,
        help=f"metabolites to read, such as tCr,tCho,NAA{default}",
    )  # fmt: skip


def paths_of(arguments: argparse.Namespace) -> list[str]:
    """Files and folders that the flags name: none of them may be an output."""
    return [path for path in (arguments.lcmodel, arguments.maps, arguments.reference) if path]


def scan_of(arguments: argparse.Namespace, *, where_there: bool = False) -> RawScan:
    """The raw scan that flags name. arguments: of a parser with `add_scan_flags`.

    where_there: whether metabolites that the scan has not are left out, with a warning when it is read.
    Raises UserError for flags that do not fit together, a pattern that cannot work, a reference that cannot be read,
    and maps that are not there.
    """
    from mrsi_sr.lcmodel.metabolites import parse_names

    metabolites = parse_names(arguments.metabolites)
    return (_maps if arguments.maps is not None else _lcmodel)(arguments, metabolites, where_there)


def _maps(arguments: argparse.Namespace, metabolites: list[str], where_there: bool) -> RawScan:
    from mrsi_sr.lcmodel import map_names
    from mrsi_sr.lcmodel.maps import read_maps
    from mrsi_sr.settings.cohort import MAP_PRESETS
    from mrsi_sr.settings.text import as_json, read_object

    _refuse(arguments, "--maps", "pattern", "flip", "reference", "matrix", "voxel_mm")
    if not arguments.files:
        raise UserError(
            '--maps needs --files, a JSON object such as \'{"value": "{metabolite}.nii.gz"}\','
            f" or {' or '.join(MAP_PRESETS)}"
        )
    patterns = MAP_PRESETS.get(arguments.files) or read_object(arguments.files, "--files")
    asked, there = metabolites, map_names.present(arguments.maps, patterns, metabolites) if where_there else []
    metabolites = there or metabolites
    chosen = map_names.choose(arguments.maps, patterns, metabolites)
    names = {kind: {name: str(path) for name, path in maps.items()} for kind, maps in chosen.items()}

    def read() -> Reading:
        for absent in (name for name in asked if name not in metabolites):
            log.warning("%s has no %s: it is left out", arguments.maps, absent)
        volumes = read_maps(arguments.maps, patterns, metabolites)
        return Reading(volumes, {"scan": arguments.maps, "maps": names})

    settings = _settings(arguments) | {"files": as_json(patterns)}
    return RawScan(metabolites, settings, map_names.files_of(chosen), read)


def _lcmodel(arguments: argparse.Namespace, metabolites: list[str], where_there: bool) -> RawScan:
    from mrsi_sr.lcmodel.names import voxel_names
    from mrsi_sr.lcmodel.scans import read_scan
    from mrsi_sr.scan.nifti import files_of
    from mrsi_sr.scan.volumes import axial_order

    _refuse(arguments, "--lcmodel", "files")
    if not arguments.pattern:
        raise UserError("--lcmodel needs --pattern: multivoxel, vienna or a regular expression")
    matrix, affine = _grid(arguments)
    names = voxel_names(arguments.pattern, matrix, arguments.flip)

    def read() -> Reading:
        volumes, fits = read_scan(arguments.lcmodel, names, metabolites, affine, where_there=where_there)
        facts = {"scan": arguments.lcmodel, "scan_sha256": fits.sha256.hexdigest()}
        return Reading(volumes, facts, fits, {"metabolites.csv": fits.table()})

    inputs = files_of(arguments.reference) if arguments.reference else []
    return RawScan(metabolites, _settings(arguments), inputs, read, axial_order(affine))


def _settings(arguments: argparse.Namespace) -> dict:
    return {name: getattr(arguments, name) for name in FLAGS}


def _grid(arguments: argparse.Namespace):
    """Matrix (x, y, z) and affine [4, 4], voxel to mm, of the scan."""
    import numpy as np

    from mrsi_sr.scan.nifti import check_affine, read_grid
    from mrsi_sr.scan.volumes import check_matrix

    if arguments.reference is not None:
        if arguments.voxel_mm:
            raise UserError("--voxel-mm belongs to --matrix; --reference has its own voxel size")
        shape, affine = read_grid(arguments.reference)
        check_matrix(shape, arguments.reference)
        return shape, affine
    if not arguments.matrix or not arguments.voxel_mm:
        raise UserError("--lcmodel needs the scan's grid: --reference NIFTI, or --matrix and --voxel-mm")
    if min(arguments.matrix) < 1 or min(arguments.voxel_mm) <= 0:
        raise UserError(f"--matrix {arguments.matrix} and --voxel-mm {arguments.voxel_mm} must be above zero")
    check_matrix(arguments.matrix, "--matrix")
    affine = np.diag([*arguments.voxel_mm, 1.0])
    check_affine(affine, "--voxel-mm")
    affine[:3, 3] = -affine[:3, :3] @ (np.array(arguments.matrix) - 1) / 2
    return tuple(arguments.matrix), affine


def _refuse(arguments: argparse.Namespace, source: str, *flags: str) -> None:
    for flag in flags:
        if getattr(arguments, flag):
            raise UserError(f"--{flag.replace('_', '-')} has no meaning with {source}")
