"""Energy that a process's GPU uses, by the card's own counter (NVML), where the card is not shared."""

import os
import sys

NO_GPU = "no GPU"


class EnergyMeter:
    """Energy of the GPU that torch uses in this process, since the meter was made.

    The counter is of the whole card: there is no number where other processes use it too, where it is a part of a card
    (MIG) or lies behind an MPS server, and where the card does not tell. That is looked at when the meter is made and
    at every reading; a card that was once seen shared has no number any more.
    """

    def __init__(self, library=None):
        """library: NVML as nvidia-ml-py has it (module pynvml); None: that module."""
        self.why_not = ""
        self._library, self._card = library, None
        self._started = self._counter()

    def joules(self) -> float | None:
        """Energy in joules; None where it is not known, for the reason in why_not."""
        now = self._counter()
        if now is not None and now < self._started:
            self.why_not = "the card's counter was reset"
        return None if self.why_not else now - self._started

    def _counter(self) -> float | None:
        """Joules since the driver was loaded; None, with the reason noted, where the card alone cannot tell."""
        if self.why_not:
            return None
        uuid = _uuid_of_gpu()
        if uuid is None:
            self.why_not = NO_GPU
            return None
        if self._library is None:
            try:
                import pynvml  # late: only a process with a GPU needs it
            except ImportError:
                self.why_not = "nvidia-ml-py is not installed"
                return None
            self._library = pynvml
        library = self._library
        try:
            if self._card is None:
                library.nvmlInit()
                self._card = _card(library, uuid)
            self.why_not = _why_shared(library, self._card)
            return None if self.why_not else library.nvmlDeviceGetTotalEnergyConsumption(self._card) / 1000
        except library.NVMLError as error:
            self.why_not = f"the card does not tell: {error}"
            return None


def gpu():
    """torch.cuda where this process computes on a GPU, else None. Loads no torch."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None


def _uuid_of_gpu() -> str | None:
    """UUID of the card, or part of a card, that torch uses: whatever CUDA_VISIBLE_DEVICES and its order say."""
    cuda = gpu()
    return None if cuda is None else str(cuda.get_device_properties(cuda.current_device()).uuid)


def _card(library, uuid: str):
    """NVML's handle of a card. Raises the library's NVMLError where there is none."""
    try:
        return library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except library.NVMLError_NotFound:
        return library.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")


def _why_shared(library, card) -> str:
    """Why the card's counter is not this process's own; empty where the card is not shared.

    In a container this process may have another number than on the card's list: a list of one is taken for it.
    """
    if library.nvmlDeviceIsMigDeviceHandle(card) or _has_parts(library, card):
        return "the card is divided (MIG)"
    try:
        if library.nvmlDeviceGetMPSComputeRunningProcesses(card):
            return "the card is shared by an MPS server"
    except (library.NVMLError_NotSupported, library.NVMLError_FunctionNotFound):
        pass  # then the server is among the processes
    processes = {each.pid for each in library.nvmlDeviceGetComputeRunningProcesses(card)}
    if len(processes) > 1:
        return f"{len(processes) - (os.getpid() in processes)} other processes use the card"
    return "" if processes else "the card does not say which processes use it"


def _has_parts(library, card) -> bool:
    try:
        return library.nvmlDeviceGetMigMode(card)[0] == 1
    except library.NVMLError_NotSupported:
        return False
