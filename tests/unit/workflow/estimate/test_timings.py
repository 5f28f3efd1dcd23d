"""Earlier timings: of the same settings before those of the same architecture, scaled by iterations and batch."""

import json

import pytest
from toy_maps import toy_network

from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.workflow.estimate.timings import Timings

UNET = {"channels": [8, 16], "residual_blocks": 1, "attention_at": [], "heads": 2}
DENOISER = toy_network("denoising_unet", "noise_prediction", batch_size=4, diffusion_steps=50, **UNET)
RESPACED = MethodSettings.of(sampler={"kind": "respaced", "steps": 10}, networks={"denoiser": "ddpm"})


def training(settings=DENOISER, gpu=True, **facts) -> dict:
    return {
        "script": "train.py", "settings": settings.plain(), "device": "a GPU", "iterations": 100,
        "training_seconds": 50.0, "seconds": 60.0, "peak_memory_mb": {"host": 1.0} | ({"gpu": 1.0} if gpu else {}),
    } | facts  # fmt: skip


def sampling(**facts) -> dict:
    return training() | {
        "script": "sample.py", "settings": RESPACED.plain(), "networks": {"denoiser": DENOISER.plain()}, "maps": 200,
        "sampling_seconds": 20.0, "seconds": 24.0,
    } | facts  # fmt: skip


@pytest.fixture
def timed(tmp_path):
    """Timings that are read from records in a folder of results, by network or method."""

    def read(on_gpu=True, **records) -> Timings:
        for name, record in records.items():
            part = "networks" if record["script"] == "train.py" else "samples"
            path = tmp_path / "ftddm" / "fold-1" / part / name / "provenance.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record))
        return Timings.read(tmp_path, on_gpu)

    return read


def test_a_training_is_expected_to_take_what_it_took_scaled_by_iterations_and_batch(timed):
    timings = timed(ddpm=training())
    assert timings.training(DENOISER, 4 * 100).seconds == pytest.approx(60)
    assert timings.training(DENOISER | {"batch_size": 8}, 8 * 200).seconds == pytest.approx(10 + 4 * 50)
    assert timings.training(DENOISER, 4 * 100).source == "1 earlier of ddpm (a GPU)"


def test_other_settings_of_the_same_cost_are_the_same(timed):
    changed = DENOISER | {"learning_rate": 1e-4, "truncation": 10, "iterations": 5}
    assert timed(ddpm=training()).training(changed, 4 * 100).seconds == pytest.approx(60)


def test_the_same_settings_come_before_the_same_architecture(timed):
    critic = {"critic_channels": 2, "truncation": 10}
    wanted = toy_network("denoising_unet", "adversarial", critic_steps=2, **critic, **UNET)
    other = toy_network("denoising_unet", "adversarial", critic_steps=5, **critic, **UNET)
    alone = timed(other=training(other, training_seconds=500.0, seconds=510.0))
    assert alone.training(wanted, 100).source == "1 earlier of other (a GPU)"
    both = timed(other=training(other, training_seconds=500.0, seconds=510.0), wanted=training(wanted))
    assert both.training(wanted, 100).source == "1 earlier of wanted (a GPU)"
    assert both.training(wanted, 100).seconds == pytest.approx(60)


@pytest.mark.parametrize("change", [{"channels": [8, 32]}, {"residual_blocks": 2}, {"mask": False}])
def test_another_architecture_tells_nothing(timed, change):
    assert timed(ddpm=training()).training(DENOISER | change, 400) is None


def test_trainings_on_a_processor_say_nothing_of_a_gpu(timed):
    assert timed(ddpm=training(gpu=False)).training(DENOISER, 400) is None
    assert timed(on_gpu=False).training(DENOISER, 400).seconds == pytest.approx(60)


def test_several_earlier_ones_are_averaged(timed):
    timings = timed(ddpm=training(), again=training(training_seconds=90.0, seconds=100.0, device="another"))
    assert timings.training(DENOISER, 400).seconds == pytest.approx(80)
    assert timings.training(DENOISER, 400).source == "2 earlier of again, ddpm (another, a GPU)"


def test_a_sampling_is_scaled_by_its_maps(timed):
    timings = timed(respaced=sampling())
    assert timings.sampling(RESPACED, {"denoiser": DENOISER}, 200).seconds == pytest.approx(24)
    assert timings.sampling(RESPACED, {"denoiser": DENOISER}, 1000).seconds == pytest.approx(4 + 100)
    fewer = RESPACED | {"sampler": RESPACED.sampler | {"steps": 5}}
    assert timings.sampling(fewer, {"denoiser": DENOISER}, 200) is None
    assert timings.sampling(RESPACED, {"denoiser": DENOISER | {"channels": [8, 32]}}, 200) is None
    warmer = RESPACED | {"sampler": RESPACED.sampler | {"temperature": 0.5}}
    assert timings.sampling(warmer, {"denoiser": DENOISER}, 200).seconds == pytest.approx(24)


def test_a_scoring_takes_as_long_for_each_map_as_earlier_ones(timed, tmp_path):
    assert timed().scoring(100).source == "assumed" and timed().scoring(1100).seconds > timed().scoring(10).seconds
    for number, (maps, seconds) in enumerate([(100, 8.0), (300, 12.0), (None, 99.0)]):
        path = tmp_path / "ftddm" / "fold-1" / "metrics" / f"{number}.provenance.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        run = {"sampling_run": {"maps": maps}} if maps else {}
        path.write_text(json.dumps({"script": "evaluate.py", "method": "a", "device": "b", "seconds": seconds} | run))
    assert timed().scoring(1000).seconds == pytest.approx(50) and timed().scoring(1).source == "2 earlier"


def test_records_that_are_not_understood_tell_nothing(timed):
    broken = {"a": training(settings=DENOISER) | {"settings": {"architecture": "unknown"}}, "b": training(iterations=0)}
    assert timed(**broken, c=sampling(maps=0)).training(DENOISER, 400) is None


def test_other_jobs_take_the_mean_of_earlier_ones_or_what_is_assumed(timed, tmp_path):
    assert timed().other("slices.py").source == "assumed"
    for name, seconds in (("sub-1", 8.0), ("sub-2", 12.0)):
        path = tmp_path / "cohorts" / "a" / name / "slices.provenance.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"script": "slices.py", "seconds": seconds}))
    assert timed().other("slices.py").seconds == pytest.approx(10) and timed().other("slices.py").source == "2 earlier"
