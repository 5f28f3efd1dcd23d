"""Benchmark of uncertainty: 50 samples of the maps of one slice, our way against the papers' way, on a processor.

Ours: FTDDM with its flow's condition computed once for a map's samples, and its chain solved by DPM-Solver++ in 10
steps, in the arithmetic of the processor. The papers': every sample by itself, the flow's condition in every pass, 100
ancestral steps, float32 (benchmarks/references/). Networks are of the papers' size with random weights: time does not
depend on what they have learned. The papers' way is timed on few steps and passes of one sample, which are all alike,
and multiplied. With --scaling, our samples on one thread and on two, wall seconds.

    python benchmarks/sampling.py [--maps 1] [--samples 50] [--timed 10] [--threads 1]
    python benchmarks/sampling.py --scaling [--samples 8]
"""

import argparse
import platform
import time
from collections.abc import Callable

import torch
from references.batch import random_batch
from references.denoiser import DenoisingUNet
from references.flow import Flow
from references.sharing import share_weights
from torch import nn

from mrsi_sr import devices, networks
from mrsi_sr.cli import positive, run
from mrsi_sr.maps.condition import Condition
from mrsi_sr.results.provenance import device_name
from mrsi_sr.samplers import sampler_of
from mrsi_sr.samplers.denoiser import Denoiser
from mrsi_sr.settings.network import NetworkSettings, network_settings
from mrsi_sr.settings.sampler import SAMPLERS

STEPS, SOLVER_STEPS = 100, 10
TRAINED = {"iterations": 1, "batch_size": 8, "learning_rate": 1e-4, "truncation": STEPS}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=positive, default=1, metavar="N", help="maps of the slice (default: 1)")
    parser.add_argument("--samples", type=positive, default=50, metavar="N", help="of a map (default: 50)")
    parser.add_argument("--timed", type=positive, default=10, metavar="N", help="steps of the papers' way to time")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--scaling", action="store_true", help="our samples on one thread and on two, in wall seconds")
    return parser


@torch.no_grad()
def main(arguments: argparse.Namespace) -> None:
    device = devices.choose("cpu", arguments.threads)
    torch.manual_seed(1)
    settings = {
        "flow": network_settings({"architecture": "flow", "objective": "likelihood"} | TRAINED),
        "denoiser": network_settings({"architecture": "denoising_unet", "objective": "noise_prediction"} | TRAINED),
    }
    built = {role: _moved(networks.build(each)) for role, each in settings.items()}
    condition = random_batch(arguments.maps).condition
    print(f"{device_name()} ({platform.node()}), torch {torch.__version__}")
    if arguments.scaling:
        scaling(built, settings, condition, arguments.samples)
        return
    ours = timed(lambda: sample(built, settings, condition, arguments.samples, device), time.process_time)
    papers, words = papers_way(built, condition.select([0]), arguments.timed)
    papers *= arguments.maps * arguments.samples
    what = f"{arguments.samples} samples of {arguments.maps} maps, {torch.get_num_threads()} threads, processor seconds"
    print(f"{what}\n  ours, all samples, {SOLVER_STEPS}-step solver: {ours:9.1f}")
    print(f"  the papers' {STEPS} steps, each by itself: {papers:9.1f} ({words}, multiplied)")
    print(f"  ratio: {papers / ours:.1f}")


def sample(
    built: dict[str, nn.Module], settings: dict[str, NetworkSettings], condition: Condition, samples: int, device
) -> torch.Tensor:
    """Samples of each map, in one batch."""
    fast = {role: devices.fast(devices.place(network, device).eval(), device) for role, network in built.items()}
    fast["denoiser"] = Denoiser.trained(fast["denoiser"], settings["denoiser"])
    sampler = SAMPLERS["ftddm"].of(kind="ftddm", solver="dpm_solver", steps=SOLVER_STEPS)
    return sampler_of("ftddm")(fast, condition.repeat(samples), torch.randn_like, **sampler.own)[0]


def papers_way(built: dict[str, nn.Module], condition: Condition, steps: int) -> tuple[float, str]:
    """Processor seconds of a sample of one map, from one pass of the flow and some steps of the chain, and words."""
    flow, denoiser = Flow(), DenoisingUNet()
    share_weights(built["flow"], flow)
    share_weights(built["denoiser"], denoiser)
    noise = torch.randn(1, condition.mask[0].numel())

    def chain() -> torch.Tensor:
        x = condition.mask
        for step in range(steps):
            x = x + 0.01 * denoiser(x, torch.tensor([step]), condition)
        return x

    denoiser(condition.mask, torch.tensor([0]), condition)  # libraries choose and allocate in the first call
    of_flow = timed(lambda: flow.sample(flow.condition(condition), 0.9, noise), time.process_time)
    of_steps = timed(chain, time.process_time)
    return (
        of_flow + of_steps / steps * STEPS,
        f"timed: one pass of the flow {of_flow:.2f} s, {steps} steps {of_steps:.2f} s",
    )


def scaling(
    built: dict[str, nn.Module], settings: dict[str, NetworkSettings], condition: Condition, samples: int
) -> None:
    """Print wall seconds of our samples on one thread and on two, each the better of two runs."""
    seconds = {}
    for threads in (1, 2, 1, 2):
        device = devices.choose("cpu", threads)
        took = timed(lambda device=device: sample(built, settings, condition, samples, device), time.perf_counter)
        seconds[threads] = min(took, seconds.get(threads, took))
    one, two = seconds[1], seconds[2]
    print(f"{samples} samples of {len(condition)} maps, wall seconds: {one:.1f} on one thread, {two:.1f} on two")
    print(f"  ratio: {one / two:.2f}")


def timed(function: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds that a call takes."""
    started = clock()
    function()
    return clock() - started


def _moved(network: nn.Module) -> nn.Module:
    """A network moved a little, so that layers that start at zero have an effect."""
    for parameter in network.parameters():
        parameter += 0.01 * torch.randn(parameter.shape)
    return network


if __name__ == "__main__":
    run(main, parser())
