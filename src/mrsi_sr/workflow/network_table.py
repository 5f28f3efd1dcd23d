"""Table of the networks that a configuration trains: parameters and cost of each, computed without data."""

import csv
import io

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mrsi_sr import networks
from mrsi_sr.kspace import Truncation
from mrsi_sr.maps.condition import Condition
from mrsi_sr.networks.discriminator import Discriminator
from mrsi_sr.scan.slices import MRI_FACTOR
from mrsi_sr.settings.architecture import ARCHITECTURES
from mrsi_sr.settings.errors import listed
from mrsi_sr.settings.network import NetworkSettings
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.runs import runs_of

SIZE = 16  # low-resolution matrix size of the map that is evaluated; no network's cost depends on it
COLUMNS = ("network", "parameters", "critic_parameters", "gflop_per_map", "architecture", "objective", "needs")


def describe(configuration: Configuration) -> list[dict]:
    """Row of each planned network, in the configuration's order, with the keys of COLUMNS.

    parameters: trainable ones. critic_parameters: of the critic trained beside it, 0 without one. gflop_per_map: of one
    evaluation, a multiply-add counted as two. needs: the networks that are trained first, by role.
    """
    costs: dict[str, tuple[int, float]] = {}
    rows = []
    for name in configuration.networks:
        settings = configuration.network(name, None)
        keys = ("architecture", *ARCHITECTURES[settings.architecture].model_fields)
        same = str([getattr(settings, key) for key in keys])
        if same not in costs:
            network = networks.build(settings)
            costs[same] = networks.count_parameters(network), gflop(network, settings.architecture, configuration)
        values = (name, costs[same][0], _critic_parameters(settings), costs[same][1])
        rows.append(dict(zip(COLUMNS, (*values, *_words(settings)), strict=True)))
    return rows


def gflop(network: torch.nn.Module, architecture: str, configuration: Configuration) -> float:
    """Operations of convolutions and matrix products in one evaluation on one map, in billions.

    Counted by torch.utils.flop_counter, which counts a multiplication and an addition each.
    """
    condition = blank_condition(configuration.cohort.slices.frame)
    arguments = [condition]
    if architecture == "denoising_unet":
        arguments = [condition.low_resolution, torch.zeros(1, dtype=torch.long), condition]
    # Attention in one kernel would not be seen by the counter.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network.eval()(*arguments)
    return counter.get_total_flops() / 1e9


def blank_condition(frame: int) -> Condition:
    """Condition of one empty map of frame x frame voxels, valid everywhere."""
    truncation = Truncation("clean", frame)
    image, mri, size = torch.zeros(1, 1, frame, frame), MRI_FACTOR * frame, torch.tensor([SIZE])
    contrast = torch.zeros(1, MRI_FACTOR, mri, mri)
    return Condition(
        low_resolution=image, kspace=truncation.measure(image, size), truncation=truncation,
        mask=torch.ones_like(image), t1=contrast, flair=contrast, size=size, metabolite=torch.tensor([0]),
        adversarial_weight=torch.zeros(1), neighbours=torch.zeros(1, 2, frame, frame),
    )  # fmt: skip


def as_csv(rows: list[dict]) -> str:
    """The rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"gflop_per_map": f"{row['gflop_per_map']:.3f}"} for row in rows)
    return text.getvalue()


def as_text(rows: list[dict], configuration: Configuration) -> str:
    """The rows as aligned text, the settings that differ between folds, and the number of networks per experiment."""
    written = {"parameters": "{:,}", "critic_parameters": "{:,}", "gflop_per_map": "{:,.2f}"}
    head = [column.replace("_", " ").replace("gflop", "GFLOP") for column in COLUMNS]
    lines = [head, *([written.get(key, "{}").format(row[key]) for key in COLUMNS] for row in rows)]
    widths = [max(len(line[position]) for line in lines) for position in range(len(COLUMNS))]
    table = [
        "  ".join(
            word.rjust(width) if column in written else word.ljust(width)
            for column, word, width in zip(COLUMNS, line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    differing = [
        f"{name}: fold {fold} has its own {listed(_differing(configuration.network(name, fold), network.settings))}"
        for name, network in configuration.networks.items()
        for fold in network.folds
    ]
    counts = [
        f"{name}: {len(configuration.networks_of(name))} networks per fold, {len(experiment.folds.run)} folds to run"
        for name, experiment in configuration.experiments.items()
    ]
    trained = {
        (configuration.homes_of(name, network, run)[0][0], run, network)
        for name, experiment in configuration.experiments.items()
        for run in runs_of(experiment)
        for network in configuration.networks_of(name)
    }
    counts.append(f"in all: {len(trained)} trainings, equal networks of two experiments on equal folds counted once")
    return "\n".join([*table, "", *differing, *counts]) + "\n"


def _differing(one: NetworkSettings, other: NetworkSettings) -> list[str]:
    """Names of the keys that two networks' settings differ in."""
    return sorted(key for key in type(one).model_fields if getattr(one, key) != getattr(other, key, None))


def _critic_parameters(settings: NetworkSettings) -> int:
    if settings.objective != "adversarial":
        return 0
    return networks.count_parameters(Discriminator(settings.critic_channels))


def _words(settings: NetworkSettings) -> tuple[str, str, str]:
    needs = " ".join(f"{role}={name}" for role, name in settings.needs.items())
    return settings.architecture, settings.objective, needs
