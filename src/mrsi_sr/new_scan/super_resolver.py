"""Super-resolution of new scans with networks that were handed over: the networks stay loaded from scan to scan."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrsi_sr import devices
from mrsi_sr.cli import UserError, log, warnings_noted
from mrsi_sr.new_scan import ratios as ratio
from mrsi_sr.new_scan.batches import MOST, BatchSize
from mrsi_sr.new_scan.partial import Partial
from mrsi_sr.new_scan.ratios import Ratio
from mrsi_sr.new_scan.result import SliceResult, SuperResolved
from mrsi_sr.new_scan.sampling import ScanSampler, check_sizes, check_usable
from mrsi_sr.new_scan.scan import NewScan, ScanFiles, check_mri, prepare
from mrsi_sr.sampling.handed_over import NetworksFolder
from mrsi_sr.scan.volumes import Volumes
from mrsi_sr.settings.cohort import QualitySettings
from mrsi_sr.settings.errors import listed

SAMPLES_ON_GPU = 50
FED = {  # what networks are given, by whether they learned from measurements of maps that go on outside their masks
    True: "the scan as it was acquired, zero-filled",
    False: "the scan's zero-filled maps, masked and measured again, as those that the networks learned from",
}


class SuperResolver:
    """A method with its networks, ready for scans.

    >>> resolver = SuperResolver("networks", method="ftddm")
    >>> result = resolver(Volumes.load("volumes", ["NAA", "tCho"]), ScanFiles(t1="t1.nii.gz", flair="flair.nii.gz"))

    Then result.mean["NAA"] is the super-resolved map, [slices, 64, 64], and result.sd["NAA"] its standard deviation.
    """

    def __init__(
        self, networks: str | Path | NetworksFolder, method: str, *, device="auto", ensemble: bool = False,
        temperature: float | None = None, largest_batch: int = MOST,
    ):  # fmt: skip
        """Load a method of a networks folder, which hand_over.py wrote.

        device: auto, cpu, cuda, or a torch device. ensemble: samples shared by all folds in the folder, else the first
        alone. temperature: of the noise, in place of the method's own. largest_batch: number of maps at a time.
        Raises UserError for networks of protocol 'paper', an unknown method, one without a temperature, and a damaged
        folder.
        """
        self.folder = networks if isinstance(networks, NetworksFolder) else NetworksFolder.read(networks)
        if method not in self.folder.methods:
            raise UserError(
                f"{self.folder.path} has no method {method!r}\n  it has {listed(sorted(self.folder.methods))}"
            )
        self.device = devices.choose(device) if isinstance(device, str) else device
        self.name, folds = method, self.folder.folds if ensemble else self.folder.folds[:1]
        self.methods = [self.folder.method(method, fold, self.device, largest_batch) for fold in folds]
        if temperature is not None:
            for each in self.methods:
                each.settings = _at_temperature(method, each.settings, temperature)
        self.largest_batch = largest_batch

    @property
    def settings(self):
        """Settings of the method, with its temperature."""
        return self.methods[0].settings

    def number_of_samples(self, asked: int | None) -> int:
        """Samples of each map. asked: None for the default, one on a CPU, on which 50 of a whole brain take days.

        A method that draws no noise has one of each of its networks: more would be equal, and seem to be certain.
        """
        networks, draws = len(self.methods), self.settings.draws
        if not self.settings.sampler.is_random:
            most = networks if self.settings.networks else 1
            if asked and asked > most:
                log.warning("%s draws no noise: %d of %d samples is made, more are equal", self.name, most, asked)
            return min(asked or most, most)
        number = asked or (SAMPLES_ON_GPU if self.device.type == "cuda" else networks)
        if number < networks:
            log.warning(
                "an ensemble of %d networks has %d samples: the others of its networks are not used", networks, number
            )
        if draws > 1 and number > 1:
            log.warning(
                "each sample of %s is the mean of %d draws: the standard deviation of the samples is smaller than that"
                " of single draws, by a factor of about the square root of %d", self.name, draws, draws,
            )  # fmt: skip
        return number

    def __call__(
        self, volumes: Volumes, files: ScanFiles, *, name: str = "scan", unit: str | None = None,
        quality: QualitySettings | None = None, samples: int | None = None, ratios: Sequence[str] = (),
        keep_samples: bool = False, allow_unlearned_size: bool = False, seed: int = 1,
        partial: Partial | None = None,
    ) -> SuperResolved:  # fmt: skip
        """Super-resolve a scan.

        volumes: of the scan, any orientation. files: registered, skull-stripped MRI. quality: limits of the mask.
        samples: of each map, see number_of_samples. ratios: such as tCho/NAA. keep_samples: all of them in the result.
        partial: where finished slices are kept, so that an interrupted run goes on.
        Raises UserError where the scan does not fit the networks: metabolites, unit, MRI, size.
        """
        with warnings_noted() as said:
            scan = self.prepare(volumes, files, name=name, unit=unit or self.folder.unit, quality=quality)
            if scan.target.is_finer:
                log.warning(
                    "%s is as fine as the target or finer: its maps are only regridded, not super-resolved", name
                )
                return SuperResolved.regridded(scan, said)
            check_sizes(scan, self.folder.sizes, allow_unlearned_size)
            if self.folder.reads_mri(self.name):
                check_mri(scan, f"the method {self.name}; {self._without_mri()}")
            samples = self.number_of_samples(samples)
            sampler = ScanSampler(
                self.methods, scan, self.folder.metabolites, whole=self.folder.low_resolution != "masked", seed=seed,
                noisy=self.folder.low_resolution == "refitted",
            )  # fmt: skip
            check_usable(scan, sampler.usable().cpu().numpy())
            if without := scan.measurement.without_noise(scan.metabolites):
                log.warning(
                    "%s: %s without %%SD: these maps are made exactly consistent with the measurement, noise and all",
                    name, listed(without),
                )  # fmt: skip
        chosen = ratio.available([Ratio.of(each) for each in ratios], scan.metabolites)
        started, partial = time.monotonic(), partial or Partial(None)
        results = partial.load(len(scan.slices))
        for position, sampled in sampler.slices(samples, list(results), BatchSize(self.largest_batch)):
            results[position] = SliceResult.of(sampled, scan.metabolites, chosen, keep_samples)
            partial.save(position, results[position], len(scan.slices))
        return SuperResolved.of(
            scan, [results[position] for position in sorted(results)], chosen, method=self.name, samples=samples,
            fed=FED[sampler.whole], warnings=list(dict.fromkeys(said)), seconds=time.monotonic() - started,
        )  # fmt: skip

    def prepare(
        self, volumes: Volumes, files: ScanFiles, *, name: str, unit: str, quality: QualitySettings | None = None
    ) -> NewScan:
        """A scan on the target grid of these networks. Raises UserError for another unit, or no known metabolite."""
        volumes, known = volumes.in_axial_order(), self.folder.metabolites
        if unit != self.folder.unit:
            raise UserError(
                f"{name} has concentrations in {unit}, but the networks were trained on {self.folder.unit}\n"
                "  scale the maps, or use networks of that unit"
            )
        metabolites = [each for each in known if each in volumes.concentration]
        if skipped := sorted(set(volumes.concentration) - set(known)):
            log.warning(
                "%s: %s skipped, which the networks do not know: they know %s", name, listed(skipped), listed(known)
            )
        if not metabolites:
            raise UserError(f"{name} has none of the networks' metabolites: {listed(known)}")
        return prepare(
            name, volumes, files, quality or QualitySettings.of(), metabolites=metabolites, unit=unit,
            voxel_mm=float(np.mean(self.folder.voxel_mm[:2])), frame=self.folder.frame,
        )  # fmt: skip

    def _without_mri(self) -> str:
        others = [each for each in self.folder.methods if not self.folder.reads_mri(each)]
        return f"use {listed(others)}, which need none" if others else "no method in the folder works without"


def _at_temperature(name: str, settings, temperature: float):
    """A method's settings with a temperature for all of its noise. Raises UserError for a method without any."""
    sampler = settings.sampler
    keys = [key for key in ("temperature", "flow_temperature") if key in type(sampler).model_fields]
    if not keys:
        raise UserError(f"--temperature {temperature:g}, but the method {name} ({sampler.kind}) draws no noise")
    return settings.model_copy(update={"sampler": sampler | dict.fromkeys(keys, temperature)})
