"""Benchmark of the adversarial weight: how much a weight of the papers moves MUNet's maps.

MUNet is trained by regression, then with each fixed adversarial weight, from the same initial weights and batches.
Printed are, of the first participant's maps: the trained critic's slope between generated and real maps, by all that
it reads (192x192x3) and by the 64x64 map; the Wasserstein distance by its scores; and the norm of the difference from
the maps of regression, as a part of their own. Slices of phantoms come from
`snakemake --profile profiles/local --configfile config/demo.yaml --until slices`.
"""

import argparse
from pathlib import Path

from mrsi_sr.cli import UserError, run

SIZE = 16  # upscaling factor 4
MUNET = {
    "architecture": "munet", "channels": 4, "batch_size": 2, "learning_rate": 1e-3, "adam_betas": [0.5, 0.9],
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path, nargs="+", required=True, metavar="NPZ", help="two participants or more")
    parser.add_argument("--iterations", type=int, default=120, metavar="N", help="of each training")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.003, 0.03], metavar="W")
    parser.add_argument("--critic-channels", type=int, default=8, metavar="N", help="of the critic's first layer")
    return parser


def main(arguments: argparse.Namespace) -> None:
    import torch

    from mrsi_sr.maps.dataset import MapsOnDevice
    from mrsi_sr.scan.slices import ParticipantSlices

    if len(arguments.slices) < 2:
        raise UserError("--slices names one file\n  expected the slices of two participants or more")
    torch.set_num_threads(1)
    participants = [ParticipantSlices.load(path) for path in arguments.slices]
    maps = [MapsOnDevice(part, "paper", [SIZE]) for part in (participants[1:], participants[:1])]
    print(f"{len(maps[0])} maps to train on, {len(maps[1])} to look at, {arguments.iterations} iterations")
    regression = images_of(trained(maps, arguments.iterations, objective="regression"))
    print("weight  slope by input  slope by map  distance  difference from regression")
    for weight in arguments.weights:
        adversarial = {"adversarial_weight": [weight, weight], "zero_probability": 0.0}
        critic = {"critic_channels": arguments.critic_channels}
        training = trained(maps, arguments.iterations, objective="adversarial", **adversarial, **critic)
        by_input, by_map, distance = critic_between(training)
        difference = (images_of(training) - regression).norm() / regression.norm()
        print(f"{weight:6g}  {by_input:14.2f}  {by_map:12.2f}  {distance:8.2f}  {difference:26.3f}")


def trained(maps, iterations: int, **settings):
    """A training of MUNet, at its end."""
    import torch

    from mrsi_sr.settings.network import network_settings
    from mrsi_sr.training.loop import Run

    training = Run(
        network_settings(MUNET | {"iterations": iterations} | settings), *maps, seed=1, device=torch.device("cpu")
    )
    training.prepare()
    for _ in range(iterations):
        training.step()
    return training


def validation_batches(training):
    """Batches with every map of the participant that the network was not trained on."""
    maps = training.validation
    return map(maps.drawn_batch, maps.validation_choices(8))


def images_of(training):
    """The network's maps of the participant that it was not trained on, [N, 1, H, W]."""
    import torch

    with torch.no_grad():
        return torch.cat([training.network.eval()(batch.condition) for batch in validation_batches(training)])


def critic_between(training) -> tuple[float, float, float]:
    """The critic's mean slope by its input and by the map, half-way from generated to real maps; its distance."""
    import torch

    objective, values, seen = training.objective, [], []
    training.critic.module.convolutions[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for batch in validation_batches(training):
        with torch.no_grad():
            made, real = training.network.eval()(batch.condition), batch.target * batch.condition.mask
            distance = objective.score(real, batch.condition) - objective.score(made, batch.condition)
        between = ((made + real) / 2).requires_grad_()
        scores = objective.score(between, batch.condition)
        slopes = torch.autograd.grad(scores.sum(), [seen[-1], between])
        values.append(torch.stack([*(slope.flatten(1).norm(dim=1) for slope in slopes), distance], dim=1))
    return tuple(torch.cat(values).mean(0).tolist())


if __name__ == "__main__":
    run(main, parser())
