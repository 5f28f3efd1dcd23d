"""Wall time of jobs on so many places."""

import pytest

from mrsi_sr.workflow.estimate.schedule import Task, wall_seconds


def task(seconds: float, *above: int, on_gpu: bool = True) -> Task:
    return Task(seconds, on_gpu, frozenset(above))


CHAIN = [task(3), task(4, 0), task(5, 1)]


def test_jobs_that_wait_for_each_other_add_up_however_many_places_there_are():
    assert wall_seconds(CHAIN, 1, 1) == wall_seconds(CHAIN, 8, 8) == 12


@pytest.mark.parametrize(("gpus", "seconds"), [(1, 24), (2, 12), (3, 8), (8, 4)])
def test_jobs_of_their_own_share_the_gpus(gpus, seconds):
    assert wall_seconds([task(4)] * 6, gpus, 8) == seconds


def test_jobs_without_a_gpu_run_beside_those_with_one_and_both_take_a_place():
    jobs = [task(10), task(10), task(3, on_gpu=False), task(3, on_gpu=False)]
    assert wall_seconds(jobs, 1, 4) == 20
    assert wall_seconds(jobs, 2, 2) == 13
    assert wall_seconds(jobs, 2, 1) == 26


def test_a_job_begins_when_the_last_that_it_waits_for_has_ended():
    assert wall_seconds([task(2), task(7), task(1, 0, 1), task(1, 2)], 4, 4) == 9
    assert wall_seconds([task(2), task(7), task(1, 0, 1)], 1, 1) == 10


def test_nothing_takes_no_time():
    assert wall_seconds([], 1, 1) == 0
