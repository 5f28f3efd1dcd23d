"""Benchmark of minutes of training on a GPU: scores of methods against zero-filling, all trained side by side.

A regression network, the denoisers of the whole and of the truncated chain, and the flow, all of the papers' size, are
trained at the same time on one card, each in a process of its own, on 18 of 25 phantoms; two validate, and the five
others are scored at three low-resolution sizes, protocol clean, inside the mask. Weights are their moving averages.
Results on phantoms, after minutes of training.
"""

import argparse
import json
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from cohort25 import IN_REHEARSALS, PARTICIPANTS, SIZES, cohort
from papers_networks import PapersMethod, configuration, settings_of

from mrsi_sr import devices
from mrsi_sr.cli import log, run
from mrsi_sr.evaluation.metrics import in_region, nrmse
from mrsi_sr.maps.dataset import MapsOnDevice, generator_of
from mrsi_sr.results.provenance import device_name
from mrsi_sr.training.loop import Run

TRAINED_ON, VALIDATED_ON = 18, 2
NETWORKS = ("munet_fs_metabolite", "ddpm", "truncated_100", "flow_100")
METHODS = {
    "zero_filled": "Zero-filled",
    "filter_scaling_metabolite": "MUNet-FS, regression",
    "ddpm_respaced_50": "DDPM, respaced to 50",
    "dpm_solver_20": "DPM-Solver++, 20 steps",
    "ftddm_100": "FTDDM, 100 steps",
    "ftddm_100_solver_10": "FTDDM, 10-step solver",
}
SCORED_AT = (8, 16, 32)
SCORED = 3  # every so many maps are scored: a minute for all methods


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cohort", type=Path, required=True, metavar="DIR", help="files of slices, made there if absent")
    p.add_argument("--out", type=Path, required=True, metavar="JSON", help="losses, steps and scores")
    p.add_argument("--seconds", type=float, default=180, metavar="S", help="training time (default: %(default)s)")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    p.add_argument("--toy", action="store_true", help="small networks and six phantoms, for a rehearsal")
    return p


def main(arguments: argparse.Namespace) -> None:
    device, toy = devices.choose(arguments.device), arguments.toy
    cohort(arguments.cohort, IN_REHEARSALS if toy else PARTICIPANTS, toy=toy)
    print(f"{device_name()}, torch {torch.__version__}; {arguments.seconds:.0f} s of training", flush=True)
    trained = side_by_side(arguments)
    print("\n| network | iterations | steps/s beside the others | validation loss |\n|---|---|---|---|")
    for name, each in trained.items():
        rate = each["iterations"] / each["seconds"]
        last = [row["loss"] for row in each["losses"] if row["part"] == "validation"][-1]
        print(f"| {name} | {each['iterations']} | {rate:.1f} | {last:.4f} |", flush=True)
    weights = {name: each.pop("weights") for name, each in trained.items()}
    arguments.out.write_text(json.dumps({"trained": trained}, indent=1))
    scores = scored(arguments, device, weights)
    arguments.out.write_text(json.dumps({"trained": trained, "scores": scores}, indent=1))


def data(arguments: argparse.Namespace, device: torch.device) -> list[MapsOnDevice]:
    """Maps to train on, to validate on, and to score."""
    first, second = (3, 1) if arguments.toy else (TRAINED_ON, VALIDATED_ON)
    participants = cohort(arguments.cohort, IN_REHEARSALS if arguments.toy else PARTICIPANTS, toy=arguments.toy)
    parts = participants[:first], participants[first : first + second], participants[first + second :]
    maps: list[MapsOnDevice] = []
    for part in parts:
        maps.append(MapsOnDevice(part, "clean", SIZES, device, maps[0].factors if maps else None))
    return maps


def side_by_side(arguments: argparse.Namespace) -> dict[str, dict]:
    """Each network after its time: iterations, seconds, losses and weights on the CPU."""
    with get_context("spawn").Pool(len(NETWORKS)) as pool:
        results = pool.starmap(train, [(name, arguments) for name in NETWORKS])
    return dict(zip(NETWORKS, results, strict=True))


def train(name: str, arguments: argparse.Namespace) -> dict:
    """Train a network at the papers' first learning rate for a time; the moving average spans the last ninth."""
    torch.set_num_threads(2)
    device = devices.choose(arguments.device)
    length = {"iterations": 10**6, "epochs": None, "decay": "none", "halve_epochs": None, "validate_every": 10**6}
    settings = settings_of(configuration(), name, toy=arguments.toy, ema=0.9999, **length)
    training, validation, _ = data(arguments, device)
    of = Run(settings, training, validation, seed=1, device=device)
    of.prepare()
    started, validated = time.monotonic(), 0.0
    while (passed := time.monotonic() - started) < arguments.seconds:
        of.step()
        if passed - validated > arguments.seconds / 6:
            of.validate()
            log.info("%s: %d iterations, loss %.4f", name, of.iteration, of.latest("validation"))
            validated = passed
    of.validate()
    devices.wait(device)
    weights = {key: value.cpu() for key, value in of.averaged.state_dict().items()}
    return {"iterations": of.iteration, "seconds": time.monotonic() - started, "losses": of.losses, "weights": weights}


@torch.no_grad()
def scored(arguments: argparse.Namespace, device: torch.device, weights: dict[str, dict]) -> list[dict]:
    """NRMSE of the methods at each size, mean of the maps, inside the mask, and seconds of a map; printed too."""
    maps, papers, rows = data(arguments, device)[-1], configuration(), []
    print(f"\n| method | {' | '.join(f'NRMSE, size {size}' for size in SCORED_AT)} | NFE | ms a map |")
    print("|---|" + "---|" * (len(SCORED_AT) + 2))
    for name, label in METHODS.items():
        method, errors, seconds = PapersMethod(papers, name, device, toy=arguments.toy, weights=weights), {}, 0.0
        for size in SCORED_AT:
            index = torch.arange(0, len(maps), SCORED)
            batch = maps.batch(index, torch.full_like(index, size))
            devices.wait(device)
            started = time.perf_counter()
            images, evaluations = method(batch.condition, normal(generator_of(device, "noise", size)))
            devices.wait(device)
            seconds += time.perf_counter() - started
            errors[size] = float(errors_of(images, batch).mean())
        spent = 1e3 * seconds / len(index) / len(SCORED_AT)
        rows.append({"method": name, "nrmse": errors, "evaluations": evaluations, "ms_per_map": spent})
        values = " | ".join(f"{error:.3f}" for error in errors.values())
        print(f"| {label} | {values} | {evaluations} | {spent:.2f} |", flush=True)
    return rows


def normal(generator: torch.Generator):
    """Function that draws standard normal noise like some maps, on their device."""
    return lambda x: torch.randn(x.shape, generator=generator, device=x.device)


def errors_of(images: torch.Tensor, batch) -> np.ndarray:
    """NRMSE of each map inside its mask [B]."""
    images, truth, mask = (each[:, 0].cpu().numpy() for each in (images, batch.target, batch.condition.mask))
    return nrmse(*in_region(images, truth, mask > 0, "mask"))


if __name__ == "__main__":
    run(main, parser())
