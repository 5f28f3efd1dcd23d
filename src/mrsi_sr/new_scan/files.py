"""Super-resolution of a scan from files to files: the work of super_resolve.py."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mrsi_sr import sampling
from mrsi_sr.cli import UserError, log, warnings_noted
from mrsi_sr.lcmodel.scan_flags import RawScan, Reading
from mrsi_sr.new_scan import outputs, page, raw_mri, trust
from mrsi_sr.new_scan.partial import Partial
from mrsi_sr.new_scan.result import SuperResolved
from mrsi_sr.new_scan.scan import ScanFiles
from mrsi_sr.new_scan.super_resolver import SuperResolver
from mrsi_sr.results.names import bids_label
from mrsi_sr.results.outputs import RECORD, check_replaced, read_record
from mrsi_sr.results.ownership import Ownership
from mrsi_sr.results.provenance import Provenance
from mrsi_sr.scan.check import ScanCheck, add_units
from mrsi_sr.settings.cohort import MriSettings, QualitySettings


@dataclass(frozen=True)
class Request:
    """What is asked of a scan: number of samples (None: the device's default), ratios, what is kept and allowed.

    raw_mri: how T1 and FLAIR are prepared that are as they were scanned; None for prepared ones.
    """

    samples: int | None
    ratios: Sequence[str]
    keep_samples: bool
    allow_unlearned_size: bool
    seed: int
    raw_mri: MriSettings | None = None


def super_resolve_files(
    resolver: SuperResolver, name: str, raw: RawScan, files: ScanFiles, quality: QualitySettings, unit: str,
    request: Request, out: Path,
) -> SuperResolved:  # fmt: skip
    """Super-resolve a scan, and write its maps, overview, page and provenance to the folder out/sub-LABEL.

    An interrupted run goes on with the slice that it was at: finished ones lie in out/sub-LABEL.partial meanwhile.
    Raises UserError for files and settings that do not fit together.
    """
    folder = out / bids_label(name)
    inputs = [*raw.inputs, *files.given().values(), *quality.external_maps(name).values()]
    inputs += resolver.folder.files_of(resolver.name)
    check_replaced(folder, inputs)
    _check_name(name, folder)
    settings = {
        "method": resolver.name, "method_settings": resolver.settings.plain(), "folds": len(resolver.methods),
        "quality": quality.plain(), "unit": unit, **vars(request), "ratios": list(request.ratios),
        "raw_mri": request.raw_mri and request.raw_mri.plain(),
        "samples": resolver.number_of_samples(request.samples), "scan": raw.settings,
    }  # fmt: skip
    used = resolver.folder.network_settings(resolver.name, resolver.folder.folds[0]).values()
    provenance = Provenance(settings, inputs, code=sampling.code(resolver.settings, used, __name__))
    with warnings_noted() as said:
        reading = raw.read()
        _warn_of_unit(name, reading, unit)
    unfinished = folder.with_name(f"{folder.name}.partial")
    with Ownership(unfinished) as ownership:
        if request.raw_mri:
            scanned = reading.volumes, request.raw_mri, raw.settings["reference"]
            files, of_mri = raw_mri.prepared(name, files, *scanned, unfinished / "mri")
            said += of_mri
        result = resolver(
            reading.volumes, files, name=name, unit=unit, quality=quality, samples=settings["samples"],
            ratios=request.ratios, keep_samples=request.keep_samples, seed=request.seed,
            partial=Partial(ownership, provenance.fingerprint(**reading.facts)),
            allow_unlearned_size=request.allow_unlearned_size,
        )  # fmt: skip
        judged = trust.judge(
            result.scan, resolver.folder.seen, sizes=resolver.folder.sizes,
            reads_mri=resolver.folder.reads_mri(resolver.name),
        )  # fmt: skip
        result = trust.warned(replace(result, warnings=list(dict.fromkeys([*said, *result.warnings]))), judged)
        facts = outputs.facts_of(result, str(resolver.folder.path), request.seed)
        outputs.write_description(out)
        told = {"name": name, "networks": str(resolver.folder.path), "sampling_seconds": round(result.seconds, 2)}
        with provenance.folder(folder, **told, **reading.facts) as temporary:
            outputs.write(result, temporary, facts)
            page.write(result, judged, quality, facts, temporary)
            if request.raw_mri:
                raw_mri.write(name, unfinished / "mri", temporary)
    shutil.rmtree(unfinished, ignore_errors=True)
    log.info("%s: %d maps of %d slices, in %s", name, len(result.mean), len(result.scan.slices), folder)
    return result


def _check_name(name: str, folder: Path) -> None:
    """Raise UserError where the folder has the result of a scan of another name, whose BIDS label is the same."""
    other = read_record(folder / RECORD).get("name", name)
    if other != name:
        raise UserError(
            f"{folder} is the result of the scan {other}, and {name} has the same label in BIDS\n"
            "  give another --name, or another --out"
        )


def _warn_of_unit(name: str, reading: Reading, unit: str) -> None:
    """Warn where LCModel's own lines contradict the unit of the concentrations."""
    if reading.fits is None:
        return
    said = ScanCheck(name)
    add_units(said, reading.fits.water, reading.fits.frequency_mhz, unit, name)
    for words in said.findings:
        log.warning("%s", words)
