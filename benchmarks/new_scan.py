"""Benchmark of how to feed a real low-resolution scan to networks, and of what networks should learn from for it.

Small networks are trained on phantoms of full matrix, once on truncations of masked maps (as published) and once on
truncations of filled maps. Phantoms that were scanned at a low resolution and fitted anew are then super-resolved: by
the masked networks, fed with the scan as it is; by the masked networks, fed with its zero-filled maps after masking
and measuring them again; by the filled networks, fed with the scan as it is. Printed is NRMSE against the
concentrations put in, inside the target mask: mean of metabolites and phantoms, its range over phantoms, and each
metabolite's.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrsi_sr.cli import log, run

SIZES = [8, 10, 12, 14, 16, 20, 24, 28, 32]
NETWORKS = {
    "munet_fs": {
        "architecture": "munet", "channels": 4, "modulation": "filter_scaling", "metabolite": True,
        "objective": "regression", "iterations": 240, "batch_size": 8, "learning_rate": 1e-3, "adam_betas": [0.5, 0.9],
        "decay": "linear",
    },
    "denoiser": {
        "architecture": "denoising_unet", "channels": [16, 24, 32, 48], "residual_blocks": 1,
        "objective": "noise_prediction", "diffusion_steps": 50, "truncation": 10, "iterations": 500, "batch_size": 8,
        "learning_rate": 1e-3, "decay": "linear", "ema": 0.99,
    },
    "flow": {
        "architecture": "flow", "features": 16, "steps": 4, "objective": "likelihood", "diffusion_steps": 50,
        "truncation": 10, "iterations": 400, "batch_size": 8, "learning_rate": 1e-3, "adam_betas": [0.5, 0.9],
        "decay": "linear",
    },
}  # fmt: skip
METHODS = {
    "MUNet-FS": {"sampler": {"kind": "single_pass"}, "networks": {"network": "munet_fs"}},
    "FTDDM": {"sampler": {"kind": "ftddm"}, "networks": {"flow": "flow", "denoiser": "denoiser"}},
}
# What the networks learned from, and whether they are fed with the scan as it is (or masked and measured again).
WAYS = {"masked, as it is": ("masked", True), "masked, again": ("masked", False), "filled, as it is": ("filled", True)}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained-on", type=int, default=8, metavar="N", help="phantoms of full matrix")
    parser.add_argument("--scans", type=int, default=2, metavar="N", help="other phantoms, of low resolution")
    parser.add_argument("--acquired", type=int, nargs="+", default=[16, 8], metavar="N", help="matrix sizes, N x N")
    parser.add_argument("--samples", type=int, default=2, metavar="K", help="of FTDDM, whose mean is compared")
    parser.add_argument("--lengths", type=float, default=1.0, metavar="X", help="factor of the trainings' iterations")
    return parser


@dataclass(frozen=True)
class TrainedMethod:
    """A sampler with trained networks, as a `sampling.method.Method` is called."""

    name: str
    sampler: object
    networks: dict
    factors: object
    device: object

    def __call__(self, condition, noise):
        """Maps of a batch, and the number of evaluations."""
        from mrsi_sr.samplers import sampler_of

        return sampler_of(self.sampler.kind)(self.networks, condition, noise, **self.sampler.own)


def main(arguments: argparse.Namespace) -> None:
    import torch
    from phantoms import METABOLITES, nrmse, on_target, scanned, slices_of

    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        names = [f"sub-{k:02d}" for k in range(1, arguments.trained_on + 1)]
        participants = [slices_of(name, Path(folder, name)) for name in names]
        trained = {kind: trained_methods(participants, kind, arguments.lengths) for kind in ("masked", "filled")}
        print("| acquired | maps | NRMSE (smallest, largest of the phantoms) | " + " | ".join(METABOLITES) + " |")
        print("|---" * (3 + len(METABOLITES)) + "|")
        for n in arguments.acquired:
            results: dict[str, list[np.ndarray]] = {}
            for k in range(1, arguments.scans + 1):
                place = Path(folder, f"new-{k:02d}-{n}")
                scan, true = on_target(*scanned(f"new-{k:02d}", place, [n, n]), place, {})
                for what, maps in super_resolved(scan, trained, WAYS, arguments.samples):
                    results.setdefault(what, []).append(nrmse(maps, true, scan.valid))
            for what, found in results.items():
                each, means = np.mean(found, axis=0), np.mean(found, axis=1)
                cells = " | ".join(f"{value:.3f}" for value in each)
                print(f"| {n}x{n} | {what} | **{means.mean():.3f}** ({means.min():.3f}, {means.max():.3f}) | {cells} |")
    print(f"{(time.monotonic() - started) / 60:.0f} min")


def super_resolved(scan, trained: dict, ways: dict, samples: int):
    """Name and maps [S, M, F, F] of zero-filling, and of each method in each of the ways: the mean of its samples."""
    import torch

    from mrsi_sr.new_scan.batches import BatchSize
    from mrsi_sr.new_scan.sampling import ScanSampler

    yield "zero-filled", scan.window.zero_filled(torch.from_numpy(scan.measurement.values)).numpy()
    for method in METHODS:
        for way, (kind, whole) in ways.items():
            sampler = ScanSampler([trained[kind][method]], scan, scan.metabolites, whole=whole, seed=1)
            drawn = 1 if method == "MUNet-FS" else samples
            slices = dict(sampler.slices(drawn, (), BatchSize(16)))
            yield f"{method}: {way}", np.stack([slices[s].maps.mean(axis=0) for s in range(len(slices))])


def trained_methods(participants, kind: str, lengths: float) -> dict[str, TrainedMethod]:
    """The methods with networks trained on the participants' maps. kind: of low resolution, masked or filled."""
    import torch

    from mrsi_sr.maps.dataset import MapsOnDevice
    from mrsi_sr.samplers.denoiser import Denoiser
    from mrsi_sr.settings.method import MethodSettings
    from mrsi_sr.settings.network import network_settings

    maps = MapsOnDevice(participants, "clean", SIZES, low_resolution=kind)
    networks = {}
    for name, given in NETWORKS.items():
        settings = network_settings(given | {"iterations": round(given["iterations"] * lengths)})
        networks[name] = trained(settings, maps, f"{kind} {name}")
        if name == "denoiser":
            networks[name] = Denoiser.trained(networks[name], settings)
    methods = {}
    for name, given in METHODS.items():
        settings = MethodSettings.of(**given)
        roles = {role: networks[network] for role, network in settings.networks.items()}
        methods[name] = TrainedMethod(name, settings.sampler, roles, maps.factors, torch.device("cpu"))
    return methods


def trained(settings, maps, what: str):
    """A network at the end of its training."""
    import torch

    from mrsi_sr.training.loop import Run

    training, started = Run(settings, maps, maps, seed=1, device=torch.device("cpu")), time.monotonic()
    training.prepare()
    while training.iteration < training.total:
        training.step()
    log.info("%s: %d iterations in %.0f s", what, training.total, time.monotonic() - started)
    return training.averaged.eval().requires_grad_(False)


if __name__ == "__main__":
    run(main, parser())
