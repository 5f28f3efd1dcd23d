"""Benchmark of ingestion: speed and peak memory of reading LCModel tables.

One real table is repeated for every voxel, in a folder and in a .tar.gz, and read from a warm cache. Printed are tables
per second of processor time (one core) and of wall time, and the peak memory of the reading process. The aim is 5,000
tables per second and less than 500 MB for 160,000 voxels.
"""

import argparse
import io
import multiprocessing
import tarfile
import tempfile
import time
from pathlib import Path

from mrsi_sr.cli import UserError, run

TABLE = Path(__file__).parents[1] / "tests/data/lcmodel/grid/t1/sl1_3-3.table"
SLICE = (64, 64)
METABOLITES = ["tCr", "tCho", "NAA", "Glu", "Ins", "Gln", "Gly"]
AIM_PER_SECOND, AIM_MB = 5000, 500


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voxels", type=int, default=160_000, help="number of tables to make and read")
    parser.add_argument("--table", type=Path, default=TABLE, help="LCModel table to repeat")
    return parser


def main(arguments: argparse.Namespace) -> None:
    if arguments.voxels < 1 or not arguments.table.is_file():
        raise UserError(
            f"cannot repeat {arguments.table} for {arguments.voxels} voxels\n  expected a file and at least one voxel"
        )
    data = arguments.table.read_bytes()
    matrix = (*SLICE, -(-arguments.voxels // (SLICE[0] * SLICE[1])))
    names = [
        f"scan_x{voxel % SLICE[0] + 1:02d}_y{voxel // SLICE[0] % SLICE[1] + 1:02d}"
        f"_z{voxel // (SLICE[0] * SLICE[1]) + 1:02d}.table"
        for voxel in range(arguments.voxels)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder, archive = Path(temporary, "tables"), Path(temporary, "tables.tar.gz")
        folder.mkdir()
        with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
            for name in names:
                (folder / name).write_bytes(data)
                member = tarfile.TarInfo(f"tables/{name}")
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))
        print(f"{len(names):,} tables of {len(data):,} bytes, matrix {matrix}, one process")
        for path in (folder, archive):
            with multiprocessing.get_context("spawn").Pool(1) as pool:  # a new process: its peak memory is the reader's
                processor_s, wall_s, peak_mb = pool.apply(read, (str(path), matrix))
            rate = len(names) / processor_s
            aim = "within" if rate >= AIM_PER_SECOND and peak_mb < AIM_MB else "MISSES"
            print(
                f"{path.name:14}{rate:8,.0f} tables/s and core, {len(names) / wall_s:,.0f} tables/s of wall time,"
                f" peak memory {peak_mb:.0f} MB,"
                f" {aim} the aim of {AIM_PER_SECOND:,}/s and {AIM_MB} MB"
            )


def read(path: str, matrix: tuple[int, int, int]) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and peak memory in MB of reading one scan."""
    import numpy as np

    from mrsi_sr.lcmodel.names import voxel_names
    from mrsi_sr.lcmodel.scans import read_scan
    from mrsi_sr.results.provenance import peak_memory_mb

    start, processor_start = time.perf_counter(), time.process_time()
    read_scan(path, voxel_names("vienna", matrix), METABOLITES, np.eye(4))
    return time.process_time() - processor_start, time.perf_counter() - start, peak_memory_mb()["host"]


if __name__ == "__main__":
    run(main, parser())
