"""The toy workflow on a Slurm controller, where four trainings are interrupted and one participant cannot be read."""

import json
import re
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from clone import Clone
from interruptions import CONDITIONS, Interruptions, asks_for_gpu
from safetensors import safe_open
from warm_python import CLIENT, EXECUTABLE

NETWORKS = "results/toy/fold-2/networks"
TABLE = "results/toy/tables/comparison"
SECONDS = 800  # far above what it takes, for machines that are busy

IMPATIENT = Path(__file__).parents[1] / "support" / "impatient.py"

# What the shipped profile leaves to the site. Sampling asks for its GPU as sites want it that refuse --gpus.
SITE = [
    "--set-resources", "train:slurm_partition=gpu", "sample:slurm_partition=gpu", "sample:gpu=0", "sample:gres=gpu:1",
    "--latency-wait", "5", "--retries", "1", "--slurm-init-seconds-before-status-checks", "1",
]  # fmt: skip

# What `all` asks for but the losses' figure and the pages of the report: each job here starts Snakemake twice.
TARGETS = ["tables", "figures", "cohort"]

pytestmark = pytest.mark.timeout(SECONDS + 100)


# Trainings are interrupted: they are processes of their own jobs from start to end.
PYTHON = """#!/bin/sh
case "$*" in
    *train:* | *scripts/train.py*) exec {own} "$@" ;;
    *) exec {warm} "$@" ;;
esac
"""


def warm_jobs(clone: Clone) -> dict[str, str]:
    """Environment in which all jobs but trainings have their Python started at once."""
    python = clone.folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(PYTHON.format(own=sys.executable, warm=CLIENT))
    python.chmod(0o755)
    return {EXECUTABLE: str(python), "PATH": f"{python.parent}:{clone.environment['PATH']}"}


def configured(clone: Clone, toy: str, conditions: tuple[str, ...]) -> None:
    """Write the toy configuration with one trained method, and networks more that differ in nothing but the name.

    A fourth participant, who takes part in no experiment, cannot be read.
    """
    configuration = yaml.safe_load(toy)
    network = configuration["networks"]["munet"] | {"iterations": 8, "validate_every": 4}
    configuration["networks"] = dict.fromkeys(["munet", *conditions], network)
    del configuration["methods"]["ddpm"]
    experiment = configuration["experiments"]["toy"]
    shown = ["zero_filled", "munet"]
    experiment |= {"methods": [*shown, *conditions], "participants": ["sub-01", "sub-02", "sub-03"]}
    for part in (experiment["tables"]["comparison"], experiment["figures"]["qualitative"]):
        part["methods"] = shown
    for name in conditions:  # a network that no planned method uses is not trained
        configuration["methods"][name] = configuration["methods"]["munet"] | {"networks": {"network": name}}
    (clone.folder / "toy.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    clone.participants("toy_participants.tsv", 3)
    (clone.folder / "broken.tar.gz").write_text("no archive")
    for name in ("reference", "t1", "flair", "brain_mask"):
        (clone.folder / f"{name}.nii.gz").touch()
    with (clone.folder / "toy_participants.tsv").open("a") as table:
        table.write("sub-04\tbroken.tar.gz\tvienna\treference.nii.gz\tt1.nii.gz\tflair.nii.gz\tbrain_mask.nii.gz\t\n")


class Ran:
    """A workflow that ended: what it said, its files, and its jobs as Slurm remembers them."""

    def __init__(self, clone: Clone, slurm, interruptions: Interruptions, code: int):
        self.folder, self.interruptions, self.code = clone.folder, interruptions, code
        self.said = (clone.folder / "said").read_text()
        self.jobs, self.devices = slurm.jobs(), slurm.devices()

    def of_rule(self, rule: str) -> list[dict]:
        return [job for job in self.jobs if job["Comment"].startswith(f"rule_{rule}")]

    def log_of(self, network: str) -> str:
        return (self.folder / f"logs/toy/fold-2/train-{network}.log").read_text()


@pytest.fixture(scope="module")
def ran(slurm, warm_python, repository, tmp_path_factory) -> Ran:
    return run(slurm, warm_python, repository, tmp_path_factory.mktemp("slurm"), CONDITIONS)


@pytest.fixture(scope="module")
def ran_and_lost_its_node(slurm, warm_python, repository, tmp_path_factory) -> Ran:
    return run(slurm, warm_python, repository, tmp_path_factory.mktemp("slurm"), ("node_lost",))


def run(slurm, warm: dict[str, str], repository, folder, conditions: tuple[str, ...]) -> Ran:
    """The toy workflow, run by the shipped profile and interrupted."""
    clone = Clone(folder / "clone")
    configured(clone, (repository / "tests/workflow/toy.yaml").read_text(), conditions)
    targets = [*TARGETS, *(f"{NETWORKS}/{name}/provenance.json" for name in conditions)]
    snakemake = clone.start(
        IMPATIENT, *targets, "--profile", "slurm", *SITE, "--configfile", "toy.yaml",
        log=clone.folder / "said", SLURM_CONF=slurm.environment["SLURM_CONF"], **warm, **warm_jobs(clone),
    )  # fmt: skip
    interruptions = Interruptions(slurm, conditions, clone.folder, NETWORKS, undisturbed="munet")
    while not (clone.folder / "logs/slurm").exists():  # the first job is on its way, trainings are to come
        assert snakemake.poll() is None, (clone.folder / "said").read_text()[-8000:]
        time.sleep(0.1)
    toy = clone.folder / "toy.yaml"
    toy.write_text(toy.read_text().replace("learning_rate: 0.001", "learning_rate: 0.1"))
    end = time.monotonic() + SECONDS
    try:
        while snakemake.poll() is None:
            assert time.monotonic() < end, (clone.folder / "said").read_text()[-8000:]
            interruptions.interrupt()
            for _ in range(10):  # holding is urgent, asking Slurm is slow
                interruptions.hold()
                time.sleep(0.05)
    finally:
        snakemake.kill()
    return Ran(clone, slurm, interruptions, snakemake.returncode)


def test_the_toy_workflow_ends_with_its_table(ran):
    table = pd.read_csv(ran.folder / f"{TABLE}.csv")
    assert sorted(table.method) == ["munet", "munet", "zero_filled", "zero_filled"]
    for file in (f"{TABLE}.tests.csv", "results/toy/figures/qualitative.png"):
        assert (ran.folder / file).stat().st_size > 0
    assert {job["JobState"] for job in ran.of_rule("evaluate") + ran.of_rule("table")} == {"COMPLETED"}


def test_a_participant_is_one_job(ran):
    states = sorted(job["JobState"] for job in ran.of_rule("participant"))
    assert states == ["COMPLETED"] * 3 + ["FAILED"] * 2  # the one that cannot be read was tried twice


def test_training_and_sampling_alone_get_a_gpu(ran):
    with_gpu = {job["JobId"] for job in ran.of_rule("train") + ran.of_rule("sample")}
    assert {job["JobId"] for job in ran.jobs if asks_for_gpu(job)} == with_gpu
    assert {job["Partition"] for job in ran.jobs if job["JobId"] in with_gpu} == {"gpu"}
    assert {job["Partition"] for job in ran.jobs if job["JobId"] not in with_gpu} == {"cpu"}
    for job, devices in ran.devices.items():
        assert devices <= {"0", "1", "2"} if job in with_gpu else devices == {"-"}


def test_a_job_waits_when_all_gpus_are_taken(ran):
    assert ran.interruptions.a_job_waited_for_a_gpu


@pytest.mark.parametrize(
    ("condition", "state"), [("out_of_time", "TIMEOUT"), ("cancelled", "CANCELLED"), ("killed", "FAILED")]
)
def test_an_interrupted_training_resumes_and_ends_with_the_same_bits(ran, condition, state):
    assert interrupted(ran, condition)["JobState"] == state
    check_resumed(ran, condition)


@pytest.mark.slow
def test_a_training_that_lost_its_node_is_started_again_by_slurm_and_ends_with_the_same_bits(ran_and_lost_its_node):
    job = interrupted(ran_and_lost_its_node, "node_lost")
    assert job["JobState"] == "COMPLETED" and int(job["Restarts"]) > 0
    check_resumed(ran_and_lost_its_node, "node_lost")


def interrupted(ran: Ran, condition: str) -> dict[str, str]:
    return next(job for job in ran.jobs if job["JobId"] == ran.interruptions.jobs[condition])


def check_resumed(ran: Ran, condition: str) -> None:
    """The log says that the training resumed, and its files are those of the one that nothing happened to."""
    assert re.search(r"resuming at iteration [1-7] of 8", ran.log_of(condition))
    assert "resuming" not in ran.log_of("munet")
    for which in ("best", "last"):
        assert weights(ran, condition, which) == weights(ran, "munet", which)
    losses = [(ran.folder / NETWORKS / name / "losses.csv").read_bytes() for name in (condition, "munet")]
    assert losses[0] == losses[1]


def weights(ran: Ran, network: str, which: str) -> dict[str, bytes]:
    with safe_open(ran.folder / NETWORKS / network / f"{which}.safetensors", framework="np") as file:
        return {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def test_a_configuration_edited_while_jobs_wait_is_not_theirs(ran):
    assert "learning_rate: 0.1\n" in (ran.folder / "toy.yaml").read_text()
    for name in ("munet", *CONDITIONS):
        record = json.loads((ran.folder / NETWORKS / name / "provenance.json").read_text())
        assert record["settings"]["learning_rate"] == 1e-3


def test_what_failed_for_good_is_summed_up_with_the_end_of_its_log(ran):
    assert ran.code == 1
    summary = ran.said[ran.said.index("failed for good") :]
    assert "ingest toy sub-04" in summary
    log = "logs/cohorts/toy/ingest-sub-04.log"
    last = (ran.folder / log).read_text().splitlines()[-1]
    assert f"  {log}\n" in summary
    assert last in summary
    assert "out_of_time" not in summary
