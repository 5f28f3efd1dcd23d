"""Reader of a whole scan: the LCModel files of all voxels, as volumes."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import UserError, log, progress
from mrsi_sr.lcmodel import archives, sources
from mrsi_sr.lcmodel.metabolites import definition, metabolite_parts
from mrsi_sr.lcmodel.names import VoxelNames
from mrsi_sr.lcmodel.tables import concentration_of, extract, input_changes, name_of, sd_of
from mrsi_sr.results.reading import check_is_content
from mrsi_sr.scan.volumes import Status, Volumes


@dataclass
class Layout:
    """Row order of a table, and the rows of each metabolite. The tables of a scan have few different layouts."""

    number: int
    names: tuple[bytes, ...]
    rows: list[tuple[int, ...]]  # per metabolite: its row, or the rows of all its parts, or none


class ScanFits:
    """Fits of a scan's voxels in flat arrays [metabolite, voxel]; a failed voxel is NaN and has its status.

    sha256: of all added files in the order of reading, so that a scan on a slow disk is read only once.
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
        self.water = np.full(voxels, -1, np.int8)  # scaled by the water signal: 1, not: 0, not said: -1
        self.frequency_mhz = np.full(voxels, np.nan, np.float32)
        self.layouts: dict[tuple[bytes, ...], Layout] = {}
        self.layout_of = np.full(voxels, -1, np.int32)
        self.no_number: dict[int, bytes] = {}  # metabolite -> the first of its rows whose concentration is none
        self.from_coord = np.zeros(voxels, bool)
        self._added = {kind: np.zeros(voxels, bool) for kind in sources.KINDS}
        self.sha256 = hashlib.sha256()

    def needs(self, voxel: int, kind: str) -> bool:
        """Whether a file is worth reading: every .table, and the .coord of a voxel without a usable table."""
        return kind == ".table" or self.status[voxel] != Status.OK or bool(self.from_coord[voxel])

    def add(self, voxel: int, kind: str, data: bytes) -> None:
        """Store the fit of a file; a usable fit replaces the voxel's earlier one, a failed fit never a usable one.

        A file that is added again, as an archive may have it, replaces itself.
        """
        if self._added[kind][voxel]:
            self._forget(voxel)
        self._added[kind][voxel] = True
        self.sha256.update(b"%d%s" % (voxel, kind.encode()))
        self.sha256.update(data)
        status, rows, fwhm, snr = extract(data)
        is_table = kind == ".table"
        if status != Status.OK:
            before = self.status[voxel]
            if before == Status.MISSING or (is_table and before != Status.OK):
                self.status[voxel] = status
            return
        if self.status[voxel] == Status.OK:  # an archive had the .coord before the table
            self.concentration[:, voxel] = self.sd[:, voxel] = np.nan
        self.from_coord[voxel] = not is_table
        self.status[voxel] = status
        self.fwhm[voxel] = fwhm
        self.snr[voxel] = snr
        scaled, self.frequency_mhz[voxel] = input_changes(data)
        self.water[voxel] = -1 if scaled is None else scaled
        layout = self._layout(tuple([name_of(row) for row in rows]))
        self.layout_of[voxel] = layout.number
        for metabolite, wanted in enumerate(layout.rows):
            if len(wanted) == 1:
                row = rows[wanted[0]]
                self.concentration[metabolite, voxel] = concentration_of(row)
                self.sd[metabolite, voxel] = sd_of(row)
            elif wanted:  # the %SD of a sum does not follow from those of its parts: it stays missing
                self.concentration[metabolite, voxel] = sum(concentration_of(rows[row]) for row in wanted)
            if wanted and np.isnan(self.concentration[metabolite, voxel]):
                self.no_number.setdefault(metabolite, rows[wanted[0]])

    def _forget(self, voxel: int) -> None:
        self.concentration[:, voxel] = self.sd[:, voxel] = self.snr[voxel] = self.fwhm[voxel] = np.nan
        self.status[voxel], self.layout_of[voxel], self.from_coord[voxel] = Status.MISSING, -1, False
        self.water[voxel], self.frequency_mhz[voxel] = -1, np.nan

    def _layout(self, names: tuple[bytes, ...]) -> Layout:
        layout = self.layouts.get(names)
        if layout is None:
            parts = [metabolite_parts(name.decode("ascii", "replace")) for name in names]
            layout = self.layouts[names] = Layout(
                len(self.layouts), names, [_rows_of(wanted, parts) for wanted in self.parts]
            )
        return layout

    def volumes(self, affine: np.ndarray) -> Volumes:
        """Volumes of the fits on the scan's matrix."""
        concentration, sd = (
            {name: values.reshape(self.matrix) for name, values in zip(self.metabolites, array, strict=True)}
            for array in (self.concentration, self.sd)
        )
        snr, fwhm, status = (array.reshape(self.matrix) for array in (self.snr, self.fwhm, self.status))
        return Volumes(concentration, sd, snr, fwhm, status, affine)

    def fitted_names(self) -> dict[str, int]:
        """Metabolite as spelled in the tables -> number of voxels fitted with it, in falling order."""
        voxels: dict[str, int] = {}
        for layout, count in self._layouts():
            for name in layout.names:
                name = name.decode("ascii", "replace")
                voxels[name] = voxels.get(name, 0) + count
        return dict(sorted(voxels.items(), key=lambda item: -item[1]))

    def how_fitted(self, metabolite: str) -> dict[str, int]:
        """Source of a metabolite (name of its row, `sum of A and B`, or `not fitted`) -> number of voxels."""
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
        """CSV table of the sources of each metabolite: metabolite, fitted_as, voxels."""
        lines = [
            f"{metabolite},{how},{voxels}\n"
            for metabolite in self.metabolites
            for how, voxels in self.how_fitted(metabolite).items()
        ]
        return "".join(["metabolite,fitted_as,voxels\n", *lines])


def _rows_of(wanted: frozenset[str], parts: list[frozenset[str]]) -> tuple[int, ...]:
    """Row of a metabolite; else the rows of all its parts, to be summed; else none."""
    if wanted in parts:
        return (parts.index(wanted),)
    single = [frozenset([part]) for part in sorted(wanted)]
    return tuple(parts.index(part) for part in single) if all(part in parts for part in single) else ()


def read_scan(
    path: str | Path, names: VoxelNames, metabolites: Sequence[str], affine: np.ndarray, *, where_there: bool = False
) -> tuple[Volumes, ScanFits]:
    """Volumes and fits of a scan, from a folder or archive of `.table` files, or `.coord` where no table is usable.

    path: folder or archive. affine [4, 4]: voxel to mm, with the voxel numbers of file names along its axes; slices of
    the volumes are axial in any case. A failed voxel does not stop the reading: it has its status. where_there: whether
    a metabolite that was fitted in no voxel is left out of the volumes, unless it is so of all.
    Raises UserError where no file matches, a voxel has two files or lies outside the matrix, an archive is damaged, no
    voxel is usable, or a metabolite was fitted in no voxel or has a number in none.
    """
    path = Path(path)
    fits = ScanFits(metabolites, names.matrix)
    found = sources.FoundFiles(names)
    files, packed = sources.find(path)
    _read_files(files, found, fits, str(path))
    for archive in packed:
        _read_archive(archive, found, fits)
    if not any(found.paths.values()):
        raise found.nothing_found(path)
    absent = _report(fits, found, path, where_there)
    found.check_extent()
    volumes = fits.volumes(affine).in_axial_order()
    for metabolite in absent:
        del volumes.concentration[metabolite], volumes.sd[metabolite]
    return volumes, fits


def _read_files(files: list[str], found: sources.FoundFiles, fits: ScanFits, folder: str) -> None:
    of_kind = {kind: [] for kind in sources.KINDS}
    for file in files:
        voxel_and_kind = found.add(file[len(folder) :].lstrip("/"))
        if voxel_and_kind:
            voxel, kind = voxel_and_kind
            of_kind[kind].append((voxel, file))
    for voxel, file in progress(of_kind[".table"], "reading tables"):
        fits.add(voxel, ".table", sources.read(file))
    needed = [(voxel, file) for voxel, file in of_kind[".coord"] if fits.needs(voxel, ".coord")]
    for voxel, file in progress(needed, "reading .coord files"):
        fits.add(voxel, ".coord", sources.read(file))


def _read_archive(archive: str, found: sources.FoundFiles, fits: ScanFits) -> None:
    name = Path(archive).name

    def key_of(member: str) -> tuple[int, str] | None:
        if archives.is_archive(member):
            log.warning("%s in %s is not read: an archive in an archive; unpack the outer one", member, archive)
        voxel_and_kind = None if sources.hidden(member) else found.add(f"{name}/{member}")

        return voxel_and_kind if voxel_and_kind and fits.needs(*voxel_and_kind) else None

    packed = archives.members(archive, key_of, lambda member, size: sources.check_size(f"{name}/{member}", size))
    for (voxel, kind), data in progress(packed, f"reading {name}"):
        check_is_content(found.paths[kind][voxel], data)
        fits.add(voxel, kind, data)


def _report(fits: ScanFits, found: sources.FoundFiles, path: str | Path, where_there: bool) -> list[str]:
    """Log what was read; the metabolites that were fitted in no voxel, where that is allowed of some.

    Raises UserError where no voxel is usable, and where it is not allowed.
    """
    files = sum(len(set(paths)) for paths in found.paths.values())
    counts = {status.name.lower(): int(np.count_nonzero(fits.status == status)) for status in Status}
    ok = counts["ok"]
    if not ok:
        states = ", ".join(f"{voxels:,} {name}" for name, voxels in counts.items() if voxels and name != "missing")
        raise UserError(
            f"no usable voxel in {path}\n"
            f"  {files:,} files match the pattern {found.names.pattern!r}, and every voxel failed: {states}\n"
            "  a usable table has $$CONC and $$MISC and no FATAL: look at the $$DIAG section of one of them"
        )
    log.info(
        "%s: %s voxels; %s", path, f"{fits.status.size:,}", ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    if fits.from_coord.any():
        log.info("%s voxels without a usable .table were read from their .coord file", f"{fits.from_coord.sum():,}")
    if found.count_unmatched:
        log.info("%s files do not match the pattern, such as %s", f"{found.count_unmatched:,}", found.unmatched[0])
    sources_of = {metabolite: fits.how_fitted(metabolite) for metabolite in fits.metabolites}
    absent = [metabolite for metabolite, how in sources_of.items() if set(how) == {"not fitted"}]
    if absent and (not where_there or len(absent) == len(sources_of)):
        raise _not_fitted(absent[0], fits, path, ok)
    for metabolite, how in sources_of.items():
        if metabolite in absent:
            log.warning("%s has no %s: it is left out", path, metabolite)
        else:
            log.info("%s: %s", metabolite, ", ".join(f"{name} in {voxels:,} voxels" for name, voxels in how.items()))
    for position, row in fits.no_number.items():
        _check_numbers(fits.metabolites[position], fits.concentration[position], row, path)
    return absent


def _check_numbers(metabolite: str, concentration: np.ndarray, row: bytes, path: str | Path) -> None:
    """Raise UserError for a metabolite that has a number in no voxel. row: one of those without."""
    if not np.isfinite(concentration).any():
        raise UserError(
            f"no voxel in {path} has a number as the concentration of {metabolite}\n"
            f"  one of its lines: {row.decode('ascii', 'replace').rstrip()}\n"
            "  expected LCModel's columns, such as `   7.222   3%   1.000 Cr+PCr`, with decimal points, not commas"
        )


def _not_fitted(metabolite: str, fits: ScanFits, path: str | Path, ok: int) -> UserError:
    available = ", ".join(
        name if voxels == ok else f"{name} ({voxels:,} voxels)" for name, voxels in fits.fitted_names().items()
    )
    parts = definition(metabolite)
    what_to_do = (
        f"  {parts}: fit with CHCOMB '{parts.split()[-1]}', or with all its parts in the basis set, to be summed\n"
        if parts
        else "  fit with it in the basis set, "
    )
    return UserError(
        f"no LCModel table for metabolite {metabolite!r} in {path}\n"
        f"  the tables contain: {available} ({ok:,} of {ok:,} good voxels, unless a number is given)\n"
        f"{what_to_do}{'  ' if parts else ''}or leave {metabolite} out of --metabolites"
    )
