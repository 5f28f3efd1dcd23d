"""Processor seconds of a training step of each network of a configuration, on one thread, of random maps.

The arithmetic of a study is written down from this before it is started. A step is loss, gradients and Adam, in the
arithmetic of scripts; networks that another one needs are untrained.

    python benchmarks/study_steps.py --config config/own_method.yaml [--repetitions 5]
"""

import argparse
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch
from references.batch import random_batch

from mrsi_sr import devices, networks, objectives
from mrsi_sr.cli import positive, run
from mrsi_sr.results.provenance import processor_name
from mrsi_sr.workflow.configuration import Configuration


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="configuration, whose networks are timed")
    parser.add_argument("--repetitions", type=positive, default=5, help="steps; their median is shown (default 5)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    configuration = Configuration.read(arguments.config)
    device = devices.choose("cpu", threads=1)
    names = dict.fromkeys(name for each in configuration.studied for name in configuration.networks_of(each))
    print(f"{processor_name()}, {'bfloat16' if devices.in_bfloat16(device) else 'float32'}, one thread")
    print("| network | seconds per step | iterations |\n|---|---|---|")
    for name in names:
        settings = configuration.network(name, None)
        network = networks.build(settings)
        seconds = statistics.median(steps(configuration, settings, network, device, arguments.repetitions))
        print(f"| {name} | {seconds:.3f} | {settings.iterations} |", flush=True)


def steps(configuration: Configuration, settings, network, device: torch.device, repetitions: int) -> list[float]:
    """Processor seconds of each step but the first."""
    batch = random_batch(settings.batch_size, configuration.cohort.slices.frame)
    near = batch.condition.low_resolution.expand(-1, 2, -1, -1)
    batch = replace(batch, condition=replace(batch.condition, neighbours=near))
    needed = {
        role: devices.fast(networks.build(configuration.network(each, None)).eval(), device)
        for role, each in settings.needs.items()
    }
    objective = objectives.build(settings, needed)
    objective.prepare(network, batch, torch.Generator().manual_seed(0))
    optimizer, fast = devices.adam(network, 1e-4, (0.9, 0.999), device), devices.fast(network, device)
    taken = []
    for step in range(repetitions + 1):
        started = time.process_time()
        devices.step(optimizer, *objective(fast, batch, torch.Generator().manual_seed(step)))
        taken.append(time.process_time() - started)
    return taken[1:]


if __name__ == "__main__":
    run(main, parser())
