"""Volumes of one scan (concentration, %SD, S/N, FWHM, status), from LCModel output or ready-made NIfTI maps."""

import argparse

from mrsi_sr.cli import UserError, run


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
        metavar="JSON|@FILE",
        help="file patterns for --maps: value, sd, snr, fwhm and brain_mask, with *, ? and {metabolite}, such as "
        '\'{"value": "*met-{metabolite}_desc-signal*.nii.gz", "snr": "snr.nii.gz"}\'',
    )
    parser.add_argument(
        "--metabolites", metavar="NAMES", required=True, help="metabolites to read, such as tCr,tCho,NAA"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder of volumes to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    from mrsi_sr.lcmodel.metabolites import parse_names
    from mrsi_sr.results.code import code_of
    from mrsi_sr.results.outputs import check_replaced
    from mrsi_sr.results.provenance import Provenance
    from mrsi_sr.scan.nifti import files_of

    metabolites = parse_names(arguments.metabolites)
    read = [arguments.lcmodel, arguments.maps, arguments.reference]
    check_replaced(arguments.out, [path for path in read if path])
    settings = {name: value for name, value in vars(arguments).items() if name != "out"}
    if arguments.maps is not None:
        from mrsi_sr.lcmodel import map_names
        from mrsi_sr.lcmodel.maps import read_maps
        from mrsi_sr.settings.base import as_json, read_object

        _refuse(arguments, "--maps", "pattern", "flip", "reference", "matrix", "voxel_mm")
        if not arguments.files:
            raise UserError('--maps needs --files, a JSON object such as \'{"value": "{metabolite}.nii.gz"}\'')
        patterns = read_object(arguments.files, "--files")
        chosen = map_names.choose(arguments.maps, patterns, metabolites)
        settings["files"] = as_json(patterns)
        provenance = Provenance(settings, map_names.files_of(chosen), code=code_of(__file__))
        volumes = read_maps(arguments.maps, patterns, metabolites)
        names = {kind: {name: str(path) for name, path in maps.items()} for kind, maps in chosen.items()}
        with provenance.folder(arguments.out, scan=arguments.maps, maps=names) as folder:
            volumes.save(folder)
        return
    from mrsi_sr.lcmodel.names import voxel_names
    from mrsi_sr.lcmodel.scans import read_scan

    _refuse(arguments, "--lcmodel", "files")
    if not arguments.pattern:
        raise UserError("--lcmodel needs --pattern: multivoxel, vienna or a regular expression")
    matrix, affine = _grid(arguments)
    names = voxel_names(arguments.pattern, matrix, arguments.flip)
    inputs = files_of(arguments.reference) if arguments.reference else []
    provenance = Provenance(settings, inputs, code=code_of(__file__))
    volumes, fits = read_scan(arguments.lcmodel, names, metabolites, affine)
    with provenance.folder(arguments.out, scan=arguments.lcmodel, scan_sha256=fits.sha256.hexdigest()) as folder:
        volumes.save(folder, {"metabolites.csv": fits.table()})


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


if __name__ == "__main__":
    run(main, parser())
