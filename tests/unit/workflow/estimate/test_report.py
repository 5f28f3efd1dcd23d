"""The estimate of a plan made by hand: what is done is not counted, the papers' training is 48 PFLOP."""

import json
import re

import pytest

from mrsi_sr.results.ownership import NAME
from mrsi_sr.settings.experiment import FoldSettings
from mrsi_sr.settings.method import MethodSettings
from mrsi_sr.workflow.configuration import Configuration
from mrsi_sr.workflow.estimate.maps import Maps
from mrsi_sr.workflow.estimate.rates import DEVICES, SLICES, START_SECONDS, Device, device_named
from mrsi_sr.workflow.estimate.report import estimate
from mrsi_sr.workflow.status.report import DryRun, Job

NETWORKS, METHODS = ("ddpm", "flow_100", "truncated_100"), ("ddpm_respaced_100", "ftddm_100", "ddpm_1000")
CHOSEN = {"ftddm": {f"sub-{number:02d}": "" for number in range(25)}}
SPEEDS = {"munet": 20, "denoising_unet": 60, "flow": 30}
GPU = Device("a card", True, SPEEDS, SPEEDS, "assumed")


@pytest.fixture(scope="module")
def papers(repository) -> Configuration:
    return Configuration.read(repository / "config" / "config.yaml")


def jobs(tmp_path, needed=True) -> list[Job]:
    """Trainings, samplings and scorings of one fold of FTDDM's study, after the slices of its participants."""
    made = [
        Job("slices", {"participant": name}, needed, needed, outputs=(f"{tmp_path}/cohorts/x/{name}/slices.npz",))
        for name in CHOSEN["ftddm"]
    ]
    data, place = frozenset(range(25)), {"experiment": "ftddm", "fold": "1"}
    for name in NETWORKS:
        outputs = (f"{tmp_path}/ftddm/fold-1/networks/{name}/provenance.json",)
        made.append(Job("train", place | {"network": name}, needed, needed, data, outputs=outputs))
    trained = frozenset(range(25, 28))
    for name in METHODS:
        outputs = (f"{tmp_path}/ftddm/fold-1/samples/{name}/provenance.json",)
        made.append(Job("sample", place | {"method": name}, needed, needed, trained, outputs=outputs))
        made.append(Job("evaluate", place | {"method": name}, needed, needed, frozenset([len(made) - 1])))
    return made


@pytest.fixture
def planned(papers, tmp_path):
    """Estimate of these jobs; those of `done` would not run."""

    def make(device=GPU, done=()):
        change = {(job.rule, job.name): index for index, job in enumerate(jobs(tmp_path))}
        made = jobs(tmp_path)
        for key in done:
            made[change[key]] = Job(**vars(made[change[key]]) | {"needed": False, "missing": False})
        return estimate(DryRun(papers, made, chosen=CHOSEN), device, tmp_path)

    return make


def seconds(found, rule, name) -> float:
    (cost,) = [each for each in found.costs.values() if (each.job.rule, each.job.name) == (rule, name)]
    return cost.expected.seconds


def row_of(text: str, *words: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.split()[: len(words)] == list(words)]
    return re.split(r"  +", line)


def test_the_papers_denoiser_takes_the_48_pflop_that_its_steps_are(planned):
    rate = GPU.training["denoising_unet"] * 1e12
    operations = (seconds(planned(), "train", "ddpm") - START_SECONDS) * rate
    validations = 100 * 5 * SLICES * 7 * 20e9
    assert operations - validations == pytest.approx(48e15, rel=0.03)


def test_a_flows_epochs_are_counted_with_the_maps_of_its_fold(planned):
    rate = GPU.training["flow"] * 1e12
    operations = (seconds(planned(), "train", "flow_100") - START_SECONDS) * rate
    iterations = 500 * -(-15 * SLICES * 7 // 8)
    per_map = 3 * (22 + 2 * 5.15) * 1e9
    assert operations == pytest.approx(iterations * 8 * per_map, rel=0.05)


def test_a_sampling_is_its_evaluations_of_all_test_maps_at_all_sizes(planned):
    rate, maps = GPU.sampling["denoising_unet"] * 1e12, 5 * SLICES * 7 * 3
    found = planned()
    assert (seconds(found, "sample", "ddpm_1000") - START_SECONDS) * rate == pytest.approx(maps * 2e13, rel=0.03)
    ratio = (seconds(found, "sample", "ftddm_100") - START_SECONDS) / (
        seconds(found, "sample", "ddpm_respaced_100") - START_SECONDS
    )
    assert ratio == pytest.approx(1 + 27 / 2000, rel=0.01)


def test_what_is_done_is_not_counted(planned):
    text = planned(done=[("train", "ddpm"), ("sample", "ddpm_1000")]).report(1, 4)
    assert row_of(text, "train", "truncated_100")[2] == "1"
    assert not re.search(r"^train +ddpm ", text, re.MULTILINE)
    assert row_of(text, "all")[1] == "32"
    everything = [(job.rule, job.name) for job in jobs("x")]
    assert planned(done=everything).report(1, 1) == "Everything is up to date: nothing would be run.\n"


def test_methods_that_take_little_share_a_line(planned):
    lines = [line for line in planned().report(1, 1).splitlines() if line.startswith(("sample", "evaluate"))]
    names = [re.split(r"  +", line)[1] for line in lines]
    assert names == ["ddpm_1000", "ddpm_respaced_100", "ftddm_100", "(3 methods)"]
    assert sum(int(re.split(r"  +", line)[2]) for line in lines) == 6


def test_of_an_interrupted_training_only_the_rest_is_counted(planned, tmp_path):
    before = seconds(planned(), "train", "ddpm")
    owner = tmp_path / "ftddm" / "fold-1" / "networks" / "ddpm" / NAME
    owner.parent.mkdir(parents=True)
    known = {"token": "a", "host": "b", "pid": 1, "slurm_job": None, "started": "", "done": 75_000, "total": 100_000}
    owner.write_text(json.dumps(known))
    assert seconds(planned(), "train", "ddpm") == pytest.approx(before / 4)


def test_an_earlier_training_is_taken_before_arithmetic(planned, papers, tmp_path):
    record = tmp_path / "mine" / "fold-2" / "networks" / "ddpm" / "provenance.json"
    record.parent.mkdir(parents=True)
    content = {"script": "train.py", "settings": papers.network("ddpm", 1).plain(), "device": "a card"}
    content |= {"iterations": 1000, "training_seconds": 36.0, "seconds": 40.0, "peak_memory_mb": {"gpu": 1.0}}
    record.write_text(json.dumps(content))
    found = planned()
    assert seconds(found, "train", "ddpm") == pytest.approx(4 + 3600)
    assert seconds(found, "train", "truncated_100") == pytest.approx(4 + 3600)
    assert row_of(found.report(1, 1), "train", "ddpm")[-1] == "1 earlier of ddpm (a card)"
    assert row_of(found.report(1, 1), "train", "flow_100")[-1] == "arithmetic"


def test_on_a_processor_time_is_that_of_its_cores_and_there_is_no_gpu_time(planned):
    found = planned(DEVICES["cpu"])
    row = row_of(found.report(1, 1), "train", "ddpm")
    assert row[3] == "-" and row[4].endswith(" h")
    cost = next(each for each in found.costs.values() if each.job.name == "ddpm")
    assert cost.cpu_seconds == pytest.approx(2 * cost.expected.seconds) and cost.gpu_seconds == 0


def test_the_wall_time_falls_with_the_gpus_to_the_longest_chain(planned):
    found = planned()
    walls = [found.wall(gpus, 30) for gpus in (1, 2, 3, 30)]
    assert walls[0] > walls[1] > walls[2] and walls[2] == pytest.approx(walls[3], rel=0.05)
    assert walls[3] > seconds(found, "train", "ddpm") + seconds(found, "sample", "ddpm_1000")
    assert "30 jobs at a time, 2 of them on a GPU" in found.report(2, 30)


def test_it_says_what_is_assumed_and_how_much_disk_the_results_take(planned):
    text = planned().report(1, 1)
    assert "nobody is ingested yet; assumed are 13 slices, 91 maps of each participant" in text
    assert f"arithmetic: operations of the networks on {GPU.name}" in text and "TFLOP/s in training" in text
    weights = 2 * 4 * 32_989_761 / 1e9
    assert float(row_of(text, "train", "ddpm")[5]) == pytest.approx(weights, rel=0.02)


def test_maps_of_ingested_participants_are_known_from_the_cohorts_table(papers, tmp_path):
    summary = tmp_path / "summary.csv"
    columns = "participant,excluded,slices,maps,valid percent,lesion voxels\n"
    summary.write_text(f"{columns}sub-01,,10,70,80,0\nsub-02,,12,84,80,0\nsub-03,moved,,,,\n")
    maps = Maps(papers.cohort, summary)
    assert maps.of("sub-01") == (10, 70) and maps.of("sub-09") == (11, 77)
    assert "2 participants are ingested (77 maps each)" in maps.in_words
    parts = maps.in_fold(CHOSEN["ftddm"], FoldSettings.of(number=5), 2)
    assert {part: len(names) for part, names in parts.items()} == {"test": 5, "validation": 5, "train": 15}
    method = MethodSettings.of(
        sampler={"kind": "zero_filled"}, samples=2, subset={"participants": 1, "slices": 5, "metabolites": ["tCho"]}
    )
    assert maps.sampled(["sub-01", "sub-02"], method, [8, 16]) == pytest.approx(5 * 2 * 2)


def test_a_card_is_known_by_its_name():
    assert [device_named(name) for name in ("NVIDIA H200", "NVIDIA A100-SXM4-40GB", "Tesla T4")] == [
        "h200", "a100", "h100"
    ]  # fmt: skip
