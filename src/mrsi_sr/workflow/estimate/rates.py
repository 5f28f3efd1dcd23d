"""Achieved speeds by device and architecture, and what small jobs took: the numbers of an estimate from arithmetic.

They are measured with the papers' networks (docs/performance.md, What a run takes); small networks achieve less.
"""

from dataclasses import dataclass

THREADS = 2  # of the rules train and sample
START_SECONDS = 20  # of a training or sampling: imports, maps to the device, first steps
SLICES = 13  # of a participant, where none is ingested yet: the papers' 25 have 2,275 maps of 7 metabolites
SCORING_SECONDS = 3  # of a scoring, beside those of its maps
SCORING_SECONDS_PER_MAP = 0.02  # NRMSE, PSNR and SSIM in both regions, LPIPS on a processor's core

# Seconds of a job by its script, where there is no earlier one: of phantoms, rounded up.
SECONDS = {
    "simulate.py": 8, "ingest.py": 10, "strip.py": 30, "register.py": 60, "mask.py": 5, "montage.py": 5, "slices.py": 5,
    "truncate.py": 5, "figure.py": 5,
}  # fmt: skip
SECONDS_OF_OTHERS = 3


@dataclass(frozen=True)
class Device:
    """A kind of device: its name in words, and the operations a second that it achieves, by architecture.

    training, sampling: TFLOP/s by architecture; of a processor for each thread. measured: how they are known.
    """

    name: str
    on_gpu: bool
    training: dict[str, float]
    sampling: dict[str, float]
    measured: str


def _gpu(name: str, factor: float, measured: str) -> Device:
    training = {"munet": 10.7, "denoising_unet": 25, "unet": 25, "flow": 15}  # a unet's layers are the denoiser's
    # A flow's was not measured: that of its training.
    sampling = {"munet": 4.6, "denoising_unet": 59, "unet": 59, "flow": 15}
    scaled = [{key: value * factor for key, value in rates.items()} for rates in (training, sampling)]
    return Device(name, True, *scaled, measured)


DEVICES = {
    "h100": _gpu("NVIDIA H100", 1.0, "measured (docs/performance.md)"),
    "h200": _gpu("NVIDIA H200", 1.0, "taken to be an H100's"),
    "a100": _gpu("NVIDIA A100", 312 / 989, "an H100's, in the ratio of the cards' bfloat16 peaks"),
    "cpu": Device(
        "CPU", False, {"munet": 0.040, "denoising_unet": 0.083, "unet": 0.083, "flow": 0.069},
        {"munet": 0.047, "denoising_unet": 0.090, "unet": 0.090, "flow": 0.071},
        "measured on a core of an AMD EPYC (docs/performance.md)",
    ),
}  # fmt: skip


def device_named(name: str) -> str:
    """Key of the device that a GPU's own name is of; an H100 for others."""
    return next((key for key in DEVICES if key in name.lower()), "h100")


def seconds_per_job(script: str) -> float:
    """Assumed seconds of a job of a script that neither trains nor samples nor scores."""
    return SECONDS.get(script, SECONDS_OF_OTHERS)
