"""What happens to jobs on a cluster, done to the training jobs of a running workflow."""

import os
import re
import signal
from pathlib import Path

from one_node import OneNodeSlurm

CONDITIONS = ("out_of_time", "cancelled", "killed")


class Interruptions:
    """Interrupts a job of each network that is named after a condition, between its first checkpoint and its end.

    conditions: of CONDITIONS, or node_lost. networks: the folder of the fold's networks in the clone. undisturbed: one
    of them that keeps its node.
    """

    def __init__(self, slurm: OneNodeSlurm, conditions: tuple[str, ...], clone: Path, networks: str, undisturbed: str):
        self.conditions, self.slurm, self.clone, self.networks, self.undisturbed = (
            conditions, slurm, clone, clone / networks, undisturbed,
        )  # fmt: skip
        self.jobs: dict[str, str] = {}  # by condition, the Slurm job that was interrupted
        self.held: dict[str, int] = {}  # by condition, the process that is stopped and waits for its fate
        self.a_job_waited_for_a_gpu = False

    def hold(self) -> None:
        """Stop each program that has a checkpoint, so that it does not end before it is interrupted."""
        for name in self.conditions:
            folder = self.networks / name
            if name not in self.jobs and any(folder.glob("checkpoint-*")):
                for process, job in self.slurm.processes(str(folder.relative_to(self.clone))).items():
                    os.kill(process, signal.SIGSTOP)
                    self.jobs[name], self.held[name] = job, process

    def interrupt(self) -> None:
        """Look at the jobs, and do to those that are held what can be done now."""
        jobs = self.slurm.jobs()
        for name in [name for name in self.held if name != "node_lost" or self._node_can_go(jobs)]:
            getattr(self, f"_{name}")(self.jobs[name], self.held.pop(name))
        running = [job for job in jobs if asks_for_gpu(job) and job["JobState"] == "RUNNING"]
        waiting = [job for job in jobs if asks_for_gpu(job) and job["Reason"] in ("Resources", "Priority")]
        assert len(running) <= self.slurm.gpus
        self.a_job_waited_for_a_gpu |= len(running) == self.slurm.gpus and bool(waiting)

    def _out_of_time(self, job: str, process: int) -> None:
        self.slurm.run("scontrol", "update", f"JobId={job}", "EndTime=now")  # a limit has at least a minute

    def _cancelled(self, job: str, process: int) -> None:
        self.slurm.run("scancel", job)

    def _killed(self, job: str, process: int) -> None:
        os.kill(process, signal.SIGKILL)

    def _node_lost(self, job: str, process: int) -> None:
        self.slurm.lose_node()

    def _node_can_go(self, jobs: list[dict]) -> bool:
        """Whether no other interrupted job is still ending on it, and the undisturbed one has ended."""
        ending = set(self.jobs.values()) - {self.jobs["node_lost"]}
        ended = not any(job["JobId"] in ending and job["JobState"] in ("RUNNING", "COMPLETING") for job in jobs)
        return ended and any(network(job) == self.undisturbed and job["JobState"] == "COMPLETED" for job in jobs)


def network(job: dict[str, str]) -> str:
    """The network that a Slurm job trains; empty for other jobs."""
    found = re.fullmatch(r"rule_train_wildcards_toy_2_(\w+)", job.get("Comment", ""))
    return found[1] if found else ""


def asks_for_gpu(job: dict[str, str]) -> bool:
    return "gpu" in job.get("TresPerJob", "") + job.get("TresPerNode", "")
