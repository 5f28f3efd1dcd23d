"""Processor time of a training step and of an evaluation, ours against references, on one thread.

A reference (benchmarks/references/) is a straightforward eager implementation of what the papers describe, with our
weights; it is checked to give our loss and gradients before anything is timed. Ours and the reference run alternately,
so that a ratio is of one run of this program. A step is loss, gradients and Adam, of 8 maps of 64x64.

    python benchmarks/steps.py [--networks munet,munet_fs] [--repetitions 5]

To add a network: write benchmarks/references/NAME.py, whose modules name their parameters as ours do; write a function
here that builds both, has `share_weights` copy the weights, and returns rows (see `munet`); and name it in NETWORKS.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection

import torch
from references.batch import METABOLITES, random_batch
from references.critic import Discriminator, critic_input, critic_loss
from references.denoiser import DenoisingUNet
from references.flow import Flow
from references.munet import MUNet
from references.rows import FORWARD, STEP, Row, Side
from references.sharing import share_weights
from references.structural import reconstruction_loss
from torch import Tensor, nn

from mrsi_sr import devices, networks, objectives
from mrsi_sr.cli import positive, run
from mrsi_sr.maps.condition import Condition
from mrsi_sr.results.provenance import processor_name
from mrsi_sr.settings.network import NetworkSettings, network_settings

MAPS, GRID = 8, 64
CPU = torch.device("cpu")
# Rows that costs are compared with: the reference's time over that of our MUNet when the published code was measured.
UNITS = {STEP: 1.6, FORWARD: 1.7}
# As the Snakefile sets it for all jobs: freed memory is kept.
OF_JOBS = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "8000000000"}
FS, CRITIC = "MUNet-FS-cWGAN training", "its critic's training, with maps"


def settings_of(architecture: str, objective: str, **own) -> NetworkSettings:
    """Settings of a network, at their defaults but for its own."""
    trained = {"iterations": 1, "batch_size": MAPS, "learning_rate": 1e-4}
    return network_settings({"architecture": architecture, "objective": objective} | trained | own)


def munet(maps: int, grid: int) -> list[Row]:
    """MUNet with 8 channels: the unit of the others."""
    settings, batch = settings_of("munet", "regression", channels=8), random_batch(maps, grid)
    ours, reference, learn = networks.build(settings), MUNet(8), objectives.build(settings)
    share_weights(ours, reference)
    target = batch.target * batch.condition.mask

    def reference_loss() -> Tensor:
        return reconstruction_loss(reference(batch.condition), target, learn.alpha)

    return [
        Row(STEP, Side(lambda: learn(ours, batch)[0], ours), Side(reference_loss, reference)),
        Row(FORWARD, Side(lambda: ours(batch.condition)), Side(lambda: reference(batch.condition))),
    ]


def munet_fs(maps: int, grid: int) -> list[Row]:
    """MUNet with filter scaling by size and metabolite and with sharpness, 16 channels; and its critic."""
    settings = settings_of(
        "munet", "adversarial", channels=16, modulation="filter_scaling", metabolite=True, sharpness=True
    )
    batch, learn, ours = random_batch(maps, grid), objectives.build(settings), networks.build(settings)
    reference, judge = MUNet(16, METABOLITES, sharpness=True), learn.critic.module
    critic = Discriminator(settings.critic_channels)
    share_weights(ours, reference)
    share_weights(judge, critic)
    target = batch.target * batch.condition.mask

    def drawn() -> tuple[torch.Generator, Condition]:
        generator = torch.Generator().manual_seed(1)
        weight = learn.draw_weights(maps, generator, target)
        return generator, replace(batch.condition, adversarial_weight=weight)

    def network_loss() -> Tensor:
        critic.requires_grad_(False)
        condition = drawn()[1]
        image = reference(condition)
        adversarial = -(condition.adversarial_weight * critic(critic_input(image, condition))).mean()
        return learn.reconstruction * reconstruction_loss(image, target, learn.alpha) + adversarial

    def loss_of_critic(network: Callable) -> Tensor:
        critic.requires_grad_(True)
        generator, condition = drawn()
        share = torch.rand(maps, generator=generator)
        with torch.no_grad():
            made = network(condition)
        return critic_loss(critic, made, target, share, condition, learn.gradient_penalty)

    def our_loss(loss: Callable, network: Callable) -> Tensor:
        judge.requires_grad_(loss is not learn)
        return loss(network, batch, torch.Generator().manual_seed(1))[0]

    def our_critic_loss(network: Callable, batch, generator: torch.Generator) -> Tensor:
        return learn.critic_loss(*learn.critic_inputs(network, batch, generator), generator)

    def critic_row(name: str, network: Callable, of_reference: Callable) -> Row:
        ours = Side(lambda: our_loss(our_critic_loss, network), judge)
        return Row(name, ours, Side(lambda: loss_of_critic(of_reference), critic))

    condition = drawn()[1]
    return [
        Row(FS, Side(lambda: our_loss(learn, ours), ours), Side(network_loss, reference), 3.6),
        Row("MUNet-FS-cWGAN forward", Side(lambda: ours(condition)), Side(lambda: reference(condition))),
        critic_row(CRITIC, ours, reference),
        critic_row("  of which critic", lambda condition: 0.9 * target, lambda condition: 0.9 * target),
    ]


def denoiser(maps: int, grid: int) -> list[Row]:
    """The denoiser of the papers' size, on the truncated chain."""
    settings, batch = settings_of("denoising_unet", "noise_prediction", truncation=100), random_batch(maps, grid)
    ours, learn = _moved(networks.build(settings)), objectives.build(settings)
    reference, step, fast = DenoisingUNet(), torch.arange(maps), devices.fast(ours, CPU)
    share_weights(ours, reference)

    def loss(network: nn.Module) -> Tensor:
        return learn(network, batch, torch.Generator().manual_seed(1))[0]

    return [
        Row("denoiser training", Side(lambda: loss(fast), ours), Side(lambda: loss(reference), reference), 1.9),
        _evaluation("denoiser forward", lambda net: net(batch.target, step, batch.condition), fast, reference, 2.6),
    ]


def flow(maps: int, grid: int) -> list[Row]:
    """FTDDM's flow of the papers' size; a training step has a likelihood and a guide pass."""
    settings, batch = settings_of("flow", "likelihood", truncation=100, guide_weight=10.0), random_batch(maps, GRID)
    ours, reference, learn = _moved(networks.build(settings)), Flow(), objectives.build(settings)
    share_weights(ours, reference)
    noise, fast = torch.randn(maps, GRID * GRID, generator=torch.Generator().manual_seed(1)), devices.fast(ours, CPU)

    def loss(network: nn.Module) -> Tensor:
        return learn(network, batch, torch.Generator().manual_seed(1))[0]

    def sample(network: nn.Module) -> Tensor:
        return network.sample(network.condition(batch.condition), 0.9, noise)

    return [
        Row("flow training", Side(lambda: loss(fast), ours), Side(lambda: loss(reference), reference), 6.0),
        _evaluation("flow sample", sample, fast, reference, 4.0),
    ]


def _evaluation(
    name: str, call: Callable[[nn.Module], Tensor], ours: nn.Module, reference: nn.Module, published: float
) -> Row:
    return Row(name, Side(lambda: call(ours)), Side(lambda: call(reference)), published)


def _moved(network: nn.Module) -> nn.Module:
    """A network moved a little, so that layers that start at zero have an effect."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.01 * torch.randn(parameter.shape)
    return network


NETWORKS: dict[str, Callable[[int, int], list[Row]]] = {
    "munet": munet, "munet_fs": munet_fs, "denoiser": denoiser, "flow": flow,
}  # fmt: skip

# Sums of rows: name, how many of each row, the published code's cost.
SUMS = {
    "MUNet-FS-cWGAN and 1 critic step": ({FS: 1, CRITIC: 1}, 7.3),
    "MUNet-FS-cWGAN and 5 critic steps": ({FS: 1, CRITIC: 5}, None),
}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS), metavar="NAMES", help="of %(default)s")
    parser.add_argument("--repetitions", type=positive, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--as-shipped",
        action="store_true",
        help="time our denoiser and flow in the arithmetic of scripts",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    names = ["munet", *(name for name in arguments.networks.split(",") if name != "munet")]  # the unit comes first
    # In double precision: in single precision a voxel beside a kink (PReLU, pooling, L1) can fall on either side.
    torch.set_default_dtype(torch.float64)
    for row in rows_of(names, 2, 32):
        row.check(gradients=True)
    torch.set_default_dtype(torch.float32)
    rows = rows_of(names, MAPS, GRID)
    for row in rows:
        row.check(gradients=False)
    medians = timed([row.name for row in rows], names, arguments.repetitions, arguments.as_shipped)
    print(f"torch {torch.__version__}, {platform.machine()}, {processor_name()}, 1 thread, {MAPS} maps of 64x64")
    print(f"processor milliseconds, medians of {arguments.repetitions}; cost: the reference's, in units of our MUNet")
    print("when the published code was measured, whose cost is beside it\n")
    print(f"{'':36}{'ours':>8}{'reference':>11}{'ratio':>7}{'cost':>7}{'published':>11}")
    units = {name: medians[name][1] / ratio for name, ratio in UNITS.items()}
    for row in rows:
        _print(row.name, *medians[row.name], units[row.unit], row.published)
    for name, (parts, published) in SUMS.items():
        if parts.keys() <= medians.keys():
            both = (sum(number * medians[part][side] for part, number in parts.items()) for side in (0, 1))
            _print(name, *both, units[STEP], published)


def rows_of(names: list[str], maps: int, grid: int) -> list[Row]:
    """Rows of networks, freshly built, for a batch of so many maps on grid x grid."""
    torch.manual_seed(1)
    return [row for name in names for row in NETWORKS[name](maps, grid)]


def timed(rows: list[str], names: list[str], repetitions: int, as_shipped: bool) -> dict[str, tuple[float, float]]:
    """Median processor seconds of rows by name, of ours and of the reference.

    as_shipped: whether ours may compute in bfloat16. Each side has a process of its own, ours with the environment that
    the workflow's jobs have; they take turns.
    """
    context, sides = multiprocessing.get_context("spawn"), []
    for side, environment in (("ours", OF_JOBS), ("reference", {})):
        os.environ.update(environment)
        here, there = context.Pipe()
        context.Process(target=serve, args=(there, side, names, as_shipped), daemon=True).start()
        sides.append(here)
        for name in environment:
            del os.environ[name]
    seconds: dict[str, tuple[list[float], list[float]]] = {row: ([], []) for row in rows}
    for _ in range(repetitions):
        for row in rows:
            for connection, taken in zip(sides, seconds[row], strict=True):
                connection.send(row)
                taken.append(connection.recv())
    for connection in sides:
        connection.send(None)
    return {row: tuple(map(statistics.median, both)) for row, both in seconds.items()}


def serve(connection: Connection, side: str, names: list[str], as_shipped: bool) -> None:
    """Work of one side's process: run the row that is named, once more each time, and return its processor seconds."""
    torch.set_num_threads(1)
    if as_shipped:
        devices.choose("cpu")
    functions = {row.name: getattr(row, side).timed() for row in rows_of(names, MAPS, GRID)}
    for function in functions.values():
        function()
    while (row := connection.recv()) is not None:
        started = time.process_time()
        functions[row]()
        connection.send(time.process_time() - started)


def _print(name: str, ours: float, reference: float, unit: float, published: float | None) -> None:
    of_published = "" if published is None else f"{published:.1f}"
    print(
        f"{name:36}{1e3 * ours:8.0f}{1e3 * reference:11.0f}{reference / ours:7.2f}{reference / unit:7.2f}"
        f"{of_published:>11}"
    )


if __name__ == "__main__":
    run(main, parser())
