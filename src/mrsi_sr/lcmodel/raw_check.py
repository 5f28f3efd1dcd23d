"""Check of a raw scan that flags name: reads it once, and says what cannot be read as well."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from mrsi_sr.cli import UserError, warnings_noted
from mrsi_sr.lcmodel.scan_flags import RawScan, Reading, scan_of
from mrsi_sr.scan.check import Images, ScanCheck, add_units, check, unreadable
from mrsi_sr.scan.nucleus import nucleus_of

EXPECTED_NUCLEUS = "1H"


@dataclass
class RawCheck:
    """Result of a raw scan's check, and what provenance records of it: files with checksums, facts of the reading."""

    result: ScanCheck
    inputs: list[Path] = field(default_factory=list)
    facts: dict = field(default_factory=dict)


def check_raw(
    arguments: argparse.Namespace, name: str, images: Images, unit: str, *, where_there: bool = False
) -> RawCheck:
    """Check of the scan that flags name; what would stop its ingestion is its finding.

    arguments: of a parser with scan_flags.add_scan_flags. name: the scan's, for the result. unit: the configured one.
    where_there: whether metabolites that the scan has not are left out, and no finding.
    """
    with warnings_noted() as notes:
        try:
            scan = scan_of(arguments, where_there=where_there)
            reading = scan.read()
            result = check(name, reading.volumes, images, arguments.flip, scan.axes)
            _add_facts(result, scan, reading, unit, arguments.lcmodel)
            found = RawCheck(result, scan.inputs, reading.facts)
        except UserError as error:
            found = RawCheck(unreadable(name, error))
    found.result.notes += list(dict.fromkeys(notes))
    found.inputs += [Path(path) for path in images.paths() if Path(path).is_file()]
    return found


def _add_facts(result: ScanCheck, scan: RawScan, reading: Reading, unit: str, source: str | None) -> None:
    if reading.fits is not None:
        add_units(result, reading.fits.water, reading.fits.frequency_mhz, unit, source)
    nuclei = sorted(filter(None, {nucleus_of(path) for path in scan.inputs}))
    result.facts["nucleus"] = ",".join(nuclei)
    if nuclei and nuclei != [EXPECTED_NUCLEUS]:
        result.findings.append(
            f"the nucleus is {' and '.join(nuclei)}: the metabolites and networks here are of {EXPECTED_NUCLEUS}"
        )
