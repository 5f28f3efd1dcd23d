"""Reads a whole scan's LCModel files into volumes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log, progress
from mrsi_sr.lcmodel import archives, sources
from mrsi_sr.lcmodel.metabolites import explain, metabolite_parts
from mrsi_sr.lcmodel.names import VoxelNames
from mrsi_sr.lcmodel.tables import concentration_of, name_of, scan, sd_of
from mrsi_sr.scan.volumes import Status, Volumes


@dataclass
class Layout:
    """One order of rows in the tables, and which of them make each metabolite. A scan has few layouts."""

    number: int
    names: tuple[bytes, ...]
    rows: list[tuple[int, ...]]  # per metabolite: one row, or all its parts' rows, or none


class Fits:
    """Collects voxels' fits into flat arrays [metabolite, voxel]; a voxel that fails stays NaN and keeps its status.

    sha256 is of all that was taken, in the order of reading: on a slow disk a scan's files are read once.
    """

    def __init__(self, metabolites: Sequence[str], matrix: tuple[int, int, int]):
        self.metabolites = list(metabolites)
        self.parts = [metabolite_parts(metabolite) for metabolite in metabolites]
        self.matrix = tuple(matrix)
        voxels = int(np.prod(matrix))
        self.concentration = np.full((len(self.parts), voxels), np.nan, np.float32)
        self.sd = np.full_like(self.concentration, np.nan)
        self.snr = np.full(voxels, np.nan, np.float32)
        self.fwhm = np.full(voxels, np.nan, np.float32)
        self.status = np.zeros(voxels, np.int16)
        self.layouts: dict[tuple[bytes, ...], Layout] = {}
        self.layout_of = np.full(voxels, -1, np.int32)
        self.from_coord = np.zeros(voxels, bool)
        self.sha256 = hashlib.sha256()

    def needs(self, voxel: int, kind: str) -> bool:
        """Whether a file can add anything: every table, and the .coord of a voxel without a good fit."""
        return kind == ".table" or self.status[voxel] != Status.OK

    def take(self, voxel: int, kind: str, data: bytes) -> None:
        """Store the fit of a file that is needed; a good one replaces what is there, a failed one never a good one."""
        self.sha256.update(b"%d%s" % (voxel, kind.encode()))
        self.sha256.update(data)
        status, rows, fwhm, snr = scan(data)
        is_table = kind == ".table"
        if status != Status.OK:
            known = self.status[voxel]
            if known == Status.MISSING or (is_table and known != Status.OK):
                self.status[voxel] = status
            return
        if self.status[voxel] == Status.OK:  # an archive had the .coord before the table
            self.concentration[:, voxel] = self.sd[:, voxel] = np.nan
        self.from_coord[voxel] = not is_table
        self.status[voxel] = status
        self.fwhm[voxel] = fwhm
        self.snr[voxel] = snr
        layout = self._layout(tuple([name_of(row) for row in rows]))
        self.layout_of[voxel] = layout.number
        for metabolite, wanted in enumerate(layout.rows):
            if len(wanted) == 1:
                row = rows[wanted[0]]
                self.concentration[metabolite, voxel] = concentration_of(row)
                self.sd[metabolite, voxel] = sd_of(row)
            elif wanted:  # the %SD of a sum cannot be computed from its parts': it stays missing
                self.concentration[metabolite, voxel] = sum(concentration_of(rows[row]) for row in wanted)

    def _layout(self, names: tuple[bytes, ...]) -> Layout:
        layout = self.layouts.get(names)
        if layout is None:
            parts = [metabolite_parts(name.decode("ascii", "replace")) for name in names]
            layout = self.layouts[names] = Layout(
                len(self.layouts), names, [_rows_of(wanted, parts) for wanted in self.parts]
            )
        return layout

    def volumes(self, affine: np.ndarray) -> Volumes:
        """The fits as volumes on the scan's matrix."""
        concentration, sd = (
            {name: values.reshape(self.matrix) for name, values in zip(self.metabolites, array, strict=True)}
            for array in (self.concentration, self.sd)
        )
        snr, fwhm, status = (array.reshape(self.matrix) for array in (self.snr, self.fwhm, self.status))
        return Volumes(concentration, sd, snr, fwhm, status, affine)

    def names_fitted(self) -> dict[str, int]:
        """Metabolite as written in the tables -> number of voxels fitted with it, most first."""
        voxels: dict[str, int] = {}
        for layout, count in self._layouts():
            for name in layout.names:
                name = name.decode("ascii", "replace")
                voxels[name] = voxels.get(name, 0) + count
        return dict(sorted(voxels.items(), key=lambda item: -item[1]))

    def how_fitted(self, metabolite: str) -> dict[str, int]:
        """How the tables give a metabolite -> number of voxels: its row's name, `sum of A, B`, or `not fitted`."""
        position = self.metabolites.index(metabolite)
        voxels: dict[str, int] = {}
        for layout, count in self._layouts():
            names = [layout.names[row].decode("ascii", "replace") for row in layout.rows[position]]
            how = "not fitted" if not names else names[0] if len(names) == 1 else "sum of " + " and ".join(names)
            voxels[how] = voxels.get(how, 0) + count
        return voxels

    def _layouts(self) -> Iterator[tuple[Layout, int]]:
        """Every layout with the number of voxels that have it."""
        counts = np.bincount(self.layout_of[self.layout_of >= 0], minlength=len(self.layouts))
        return zip(self.layouts.values(), counts.tolist(), strict=True)

    def table(self) -> str:
        """How each metabolite was fitted, as CSV: metabolite, fitted_as, voxels."""
        lines = [
            f"{metabolite},{how},{voxels}\n"
            for metabolite in self.metabolites
            for how, voxels in self.how_fitted(metabolite).items()
        ]
        return "".join(["metabolite,fitted_as,voxels\n", *lines])


def _rows_of(wanted: frozenset[str], parts: list[frozenset[str]]) -> tuple[int, ...]:
    """The row of a metabolite; else the rows of all its parts, which are summed; else none."""
    if wanted in parts:
        return (parts.index(wanted),)
    single = [frozenset([part]) for part in sorted(wanted)]
    return tuple(parts.index(part) for part in single) if all(part in parts for part in single) else ()


def read_scan(
    path: str | Path, names: VoxelNames, metabolites: Sequence[str], affine: np.ndarray
) -> tuple[Volumes, Fits]:
    """Read every voxel of a scan from a folder or archive of `.table` files, and `.coord` where no table is good.

    One bad voxel never stops a scan: it has its status. Raises UserError where no file matches, a voxel has two files
    or is outside the matrix, an archive is damaged, no voxel is usable or a metabolite was fitted in none.
    """
    path = Path(path)
    fits = Fits(metabolites, names.matrix)
    seen = sources.Sightings(names)
    files, packed = sources.find(path)
    _read_files(files, seen, fits, str(path))
    for archive in packed:
        _read_archive(archive, seen, fits)
    if not any(seen.paths.values()):
        raise seen.nothing_found(path)
    _report(fits, seen, path)
    return fits.volumes(affine), fits


def _read_files(files: list[str], seen: sources.Sightings, fits: Fits, folder: str) -> None:
    found = {kind: [] for kind in sources.KINDS}
    for file in files:
        place = seen.voxel(file[len(folder) :].lstrip("/"))
        if place:
            found[place[1]].append((place[0], file))
    for voxel, file in progress(found[".table"], "reading tables"):
        fits.take(voxel, ".table", sources.read(file))
    without = [(voxel, file) for voxel, file in found[".coord"] if fits.needs(voxel, ".coord")]
    for voxel, file in progress(without, "reading .coord files"):
        fits.take(voxel, ".coord", sources.read(file))


def _read_archive(archive: str, seen: sources.Sightings, fits: Fits) -> None:
    name = Path(archive).name

    def place_of(member: str) -> tuple[int, str] | None:
        place = None if sources.hidden(member) else seen.voxel(f"{name}/{member}")
        return place if place and fits.needs(*place) else None

    for (voxel, kind), data in progress(archives.members(archive, place_of), f"reading {name}"):
        fits.take(voxel, kind, data)


def _report(fits: Fits, seen: sources.Sightings, path: str | Path) -> None:
    """Log what was read; raise UserError where no voxel is usable or a metabolite was fitted in none."""
    found = sum(len(set(paths)) for paths in seen.paths.values())
    counts = {status.name.lower(): int(np.count_nonzero(fits.status == status)) for status in Status}
    ok = counts["ok"]
    if not ok:
        states = ", ".join(f"{voxels:,} {name}" for name, voxels in counts.items() if voxels and name != "missing")
        raise UserError(
            f"no usable voxel in {path}\n"
            f"  {found:,} files match the pattern {seen.names.pattern!r}, and every voxel failed: {states}\n"
            "  a good one has $$CONC and $$MISC and no FATAL; look at the $$DIAG section of one of them"
        )
    log.info(
        "%s: %s voxels; %s", path, f"{fits.status.size:,}", ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    if fits.from_coord.any():
        log.info("%s voxels without a good .table were read from their .coord file", f"{fits.from_coord.sum():,}")
    if seen.count_unmatched:
        log.info("%s other files, such as %s", f"{seen.count_unmatched:,}", seen.unmatched[0])
    for metabolite in fits.metabolites:
        how = fits.how_fitted(metabolite)
        if set(how) == {"not fitted"}:
            raise _not_fitted(metabolite, fits, path, ok)
        log.info("%s: %s", metabolite, ", ".join(f"{name} in {voxels:,} voxels" for name, voxels in how.items()))


def _not_fitted(metabolite: str, fits: Fits, path: str | Path, ok: int) -> UserError:
    there = ", ".join(
        name if voxels == ok else f"{name} ({voxels:,} voxels)" for name, voxels in fits.names_fitted().items()
    )
    parts = explain(metabolite)
    what_to_do = (
        f"  {parts}: fit with CHCOMB '{parts.split()[-1]}', or with all its parts in the basis set: they are summed\n"
        if parts
        else "  fit with it in the basis set, "
    )
    return UserError(
        f"no LCModel table for metabolite {metabolite!r} in {path}\n"
        f"  the tables there contain: {there} ({ok:,} of {ok:,} good voxels, unless said otherwise)\n"
        f"{what_to_do}{'  ' if parts else ''}or leave {metabolite} out of --metabolites"
    )
