"""Wall time of jobs that wait for each other, where only so many can run at a time."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A job to run: its seconds, whether it takes a GPU, and the positions of the jobs that it waits for."""

    seconds: float
    on_gpu: bool
    above: frozenset[int]


def wall_seconds(tasks: Sequence[Task], gpus: int, jobs: int) -> float:
    """Seconds until the last job ends, where each begins as soon as what it waits for and its place allow.

    gpus, jobs: how many jobs on a GPU, and of any kind, run at a time. tasks: each after those that it waits for.
    """
    waiting = [len(task.above) for task in tasks]
    below: list[list[int]] = [[] for _ in tasks]
    for position, task in enumerate(tasks):
        for other in task.above:
            below[other].append(position)
    ready: dict[bool, list[int]] = {kind: [] for kind in (True, False)}
    for position, task in enumerate(tasks):
        if not waiting[position]:
            heapq.heappush(ready[task.on_gpu], position)
    now, running, used = 0.0, [], {True: 0, False: 0}
    while running or any(ready.values()):
        for kind in (True, False):
            while ready[kind] and sum(used.values()) < jobs and (not kind or used[True] < gpus):
                position = heapq.heappop(ready[kind])
                used[kind] += 1
                heapq.heappush(running, (now + tasks[position].seconds, position))
        now, done = heapq.heappop(running)
        used[tasks[done].on_gpu] -= 1
        for other in below[done]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready[tasks[other].on_gpu], other)
    return now
