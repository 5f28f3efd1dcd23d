"""Benchmark of training steps on a GPU: steps per second, memory and model FLOP utilisation, by variant.

Networks of the papers' size train on phantoms with batches of 8, as the training loop does it: eager and captured in a
CUDA graph, channels first and last, and the denoiser compiled. Utilisation is the step's arithmetic (counted by torch)
over its time, as a part of what a bfloat16 matrix product of 8192 reaches on the same card. A variant that takes
longer than its time is skipped with a line.
"""

import argparse
import gc
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from cohort25 import maps_of
from papers_networks import configuration, settings_of
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from mrsi_sr import devices
from mrsi_sr.cli import positive, run
from mrsi_sr.results.provenance import device_name
from mrsi_sr.training.loop import Run

# The critic has no compiled form: its gradient penalty is differentiated twice.
VARIANTS = {
    "denoiser": [("compiled", "first"), ("compiled", "last"), ("captured", "first"), ("captured", "last"),
                 ("eager", "first"), ("eager", "last")],
    "flow": [("captured", "first"), ("captured", "last"), ("eager", "first"), ("eager", "last")],
    "MUNet-FS-cWGAN": [("captured", "first"), ("captured", "last"), ("eager", "first"), ("eager", "last")],
}  # fmt: skip
NETWORKS = {"denoiser": "ddpm", "flow": "flow_100", "MUNet-FS-cWGAN": "munet_fs_cwgan"}
WARM_UP = 6  # steps, the capture among them
LAYOUTS = {"first": torch.contiguous_format, "last": torch.channels_last}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cohort", type=Path, required=True, metavar="DIR", help="files of slices, made there if absent")
    p.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    p.add_argument("--only", choices=["compiled", "captured", "eager"], metavar="STEP", help="this kind of step alone")
    p.add_argument("--channels", choices=LAYOUTS, help="this memory layout alone")
    p.add_argument("--seconds", type=float, default=3, metavar="S", help="time of a variant after its warm-up")
    p.add_argument("--limit", type=positive, default=40, metavar="S", help="longest time of a variant in all")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    p.add_argument("--toy", action="store_true", help="small networks, for a rehearsal")
    return p


def main(arguments: argparse.Namespace) -> None:
    device = devices.choose(arguments.device)
    maps = maps_of(arguments.cohort, 4, device, toy=arguments.toy)
    papers, peak = configuration(), matrix_product_flops(device, 512 if arguments.toy else 8192)
    print(f"{device_name()}, torch {torch.__version__}; matrix product in bfloat16: {peak / 1e12:.1f} TFLOP/s\n")
    print("| network | step | channels | steps/s | ms | GFLOP | utilisation | memory MB |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in arguments.networks:
        settings, flops = settings_of(papers, NETWORKS[name], toy=arguments.toy), None
        for step, channels in VARIANTS[name]:
            if arguments.only not in (None, step) or arguments.channels not in (None, channels):
                continue
            if device.type == "cpu" and step == "captured":
                continue
            work = partial(measured, settings, maps, step, channels, arguments.seconds, flops)
            result = within(arguments.limit, work)
            if isinstance(result, str):
                print(f"| {name} | {step} | {channels} | {result} |", flush=True)
                continue
            milliseconds, flops, memory = result
            share = flops / (milliseconds / 1e3) / peak
            print(
                f"| {name} | {step} | {channels} | {1e3 / milliseconds:.1f} | {milliseconds:.2f} | {flops / 1e9:.0f}"
                f" | {100 * share:.1f} % | {memory:.0f} |",
                flush=True,
            )


def measured(settings, maps, step: str, channels: str, seconds: float, flops: float | None):
    """Milliseconds of a step, its floating-point operations, and the peak of memory in MB."""
    device = maps.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    training = Run(settings, maps, maps, seed=1, device=device, captured=step != "eager" and device.type == "cuda")
    if step == "compiled":
        training.network.estimate = torch.compile(training.network.estimate, dynamic=False)
    for network in [training.network, *([training.critic.module] if training.critic else [])]:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=LAYOUTS[channels])
    training.prepare()
    if flops is None:
        flops = flops_of_a_step(settings, maps)
    for _ in range(WARM_UP):
        training.step()
    devices.wait(device)
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        for _ in range(5):
            training.step()
        devices.wait(device)
        steps += 5
    milliseconds = 1e3 * (time.perf_counter() - started) / steps
    memory = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0
    return milliseconds, flops, memory


def flops_of_a_step(settings, maps) -> float:
    """Floating-point operations of one eager step with all its parts."""
    training = Run(settings, maps, maps, seed=1, device=maps.device, captured=False)
    training.prepare()
    with Counter() as counter:
        training.step()
    return counter.flops


class Counter(TorchDispatchMode):
    """Count of floating-point operations, by torch's own formulas but for the way back of convolutions.

    torch's own counter follows modules too, and that fails in a gradient penalty; and it counts the way back of a
    grouped convolution once for each group.
    """

    def __init__(self):
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        """Call an operation, and count it."""
        result = function(*arguments, **(named or {}))
        if function._overloadpacket == torch.ops.aten.convolution_backward:
            gradient, _, weight, *_, wanted = arguments
            self.flops += 2 * gradient.numel() * weight[0].numel() * sum(wanted[:2])
        elif count := flop_registry.get(function._overloadpacket):
            self.flops += count(*arguments, **(named or {}), out_val=result)
        return result


def matrix_product_flops(device: torch.device, size: int) -> float:
    """Floating-point operations per second of a large matrix product of random numbers in bfloat16."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(8):
        devices.wait(device)
        started = time.perf_counter()
        a @ b
        devices.wait(device)
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def within(limit: int, work: Callable):
    """The result of some work, or why there is none: it took too long, or failed."""

    def late(*_):
        raise TimeoutError(f"skipped: longer than {limit} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(limit)
    try:
        return work()
    except (TimeoutError, RuntimeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


if __name__ == "__main__":
    run(main, parser())
