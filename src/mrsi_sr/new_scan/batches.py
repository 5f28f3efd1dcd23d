"""Batch size of sampling, found while it runs: as large as pays, and as the memory holds."""

import torch

from mrsi_sr.cli import log

FIRST, MOST = 4, 512
PAYS = 0.95  # a doubled batch has to bring the time of a map below this part of the time before


class BatchSize:
    """Number of maps sampled at a time. The maps do not depend on it.

    It starts small and doubles as long as a map then takes less time; a batch that the device's memory does not hold is
    halved, and stays so.
    """

    def __init__(self, limit: int = MOST):
        """limit: largest number of maps at a time."""
        self.size, self.limit = min(FIRST, limit), limit
        self._seconds: float | None = None  # of a map, at half of this size

    def took(self, maps: int, seconds: float) -> None:
        """Learn from a whole batch that took so many seconds."""
        if maps != self.size or self.size >= self.limit:
            return
        per_map = seconds / maps
        if self._seconds is not None and per_map > PAYS * self._seconds:
            self.limit = self.size  # no longer faster: larger ones only take memory
            return
        self._seconds, self.size = per_map, min(2 * self.size, self.limit)

    def exceeded_memory(self, maps: int) -> None:
        """Halve the size after a batch of so many maps did not fit. Raises MemoryError for a single map."""
        if maps == 1:
            raise MemoryError("a single map does not fit the device's memory")
        self.limit = self.size = maps // 2
        log.info("batches of %d maps exceed the memory: %d at a time from here", maps, self.size)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
