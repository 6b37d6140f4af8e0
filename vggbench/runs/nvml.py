"""What GPUs do while a process is timed on one of them, sampled from outside it through NVML.

NVML is the library of NVIDIA's driver; nvidia-ml-py, NVIDIA's own binding to it, is the module
pynvml. Only a gpu profile imports this module. What cannot be sampled ends nothing: the record says
what it was, and why.
"""

from __future__ import annotations

import functools
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import pynvml

#: Seconds between samples. A round of calls takes NVML less than a hundredth of that.
INTERVAL_S = 0.1

#: NVML's utilisation is an average over the past 1/6 to 1 second (nvmlUtilization_t), its power on
#: Ampere and later over the past second (nvmlDeviceGetPowerUsage): in the first second of the timed
#: stretch both still tell of what was before it.
LOOK_BACK_S = 1.0

#: How long a process goes on with its steps for the sampler's sake, its samples included: with the
#: first second left out, two remain.
STRETCH_S = 3.0

#: The bits of nvmlDeviceGetCurrentClocksEventReasons, as nvml.h calls them.
THROTTLE_REASONS = {
    0x001: "GPU idle",
    0x002: "applications clocks setting",
    0x004: "SW power cap",
    0x008: "HW slowdown",
    0x010: "sync boost",
    0x020: "SW thermal slowdown",
    0x040: "HW thermal slowdown",
    0x080: "HW power brake slowdown",
    0x100: "display clock setting",
}

#: What stands for all quantities where none could be sampled.
EVERYTHING = "everything"

UNKNOWN_GPU = (
    "it is not known on which of {count} GPUs the process ran: NVML knows no such process (in a "
    "container it tells the host's ids: docker run --pid=host), and CUDA numbers different GPUs "
    "its own way; name one: CUDA_VISIBLE_DEVICES=GPU-..., or set CUDA_DEVICE_ORDER=PCI_BUS_ID"
)

#: What NVML raises: the second where the driver is older than the binding expects.
NVML_ERRORS = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)


def _newest(*names: str) -> Callable[..., Any]:
    """The first of these functions of NVML that the driver has: newer ones come first."""

    def call(*args: Any) -> Any:
        for name in names[:-1]:
            try:
                return getattr(pynvml, name)(*args)
            except pynvml.NVMLError_FunctionNotFound:
                continue
        return getattr(pynvml, names[-1])(*args)

    return call


_temperature = _newest("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature")
_reasons = _newest(
    "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
)
_processes = _newest(
    "nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"
)


def _memory_used(gpu: Any) -> int:
    """Bytes that processes hold, as nvidia-smi tells them."""
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2).used)
    except pynvml.NVMLError_FunctionNotFound:
        # Drivers before 510 count what they reserve themselves as used.
        return int(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)


#: Quantities by their names in the record, each read from a device's handle.
QUANTITIES: dict[str, Callable[[Any], float]] = {
    "utilisation_percent": lambda gpu: pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "memory_utilisation_percent": lambda gpu: pynvml.nvmlDeviceGetUtilizationRates(gpu).memory,
    "memory_used_bytes": _memory_used,
    "power_w": lambda gpu: pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
    "sm_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM),
    "memory_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_MEM),
    "temperature_c": lambda gpu: _temperature(gpu, pynvml.NVML_TEMPERATURE_GPU),
    "throttle_reasons": lambda gpu: _reasons(gpu),
}

PROCESS_MEMORY = "process_memory_bytes"


@dataclass
class Gpu:
    """One device, and what was sampled of it: seconds of the monotonic clock and the value."""

    handle: Any
    name: str
    uuid: str
    runs_process: bool = False
    taken: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    not_sampled: dict[str, str] = field(default_factory=dict)

    def look_for(self, leader: int, now: float) -> None:
        """See whether a process that ``leader`` leads runs here, and how much memory it holds."""
        self._take(PROCESS_MEMORY, now, lambda handle: self._memory_of(handle, leader))

    def _memory_of(self, handle: Any, leader: int) -> float | None:
        own = [found for found in _processes(handle) if _leader(found.pid) == leader]
        self.runs_process = self.runs_process or bool(own)
        sizes = [found.usedGpuMemory for found in own if found.usedGpuMemory is not None]
        return sum(sizes) if sizes else None

    def sample(self, now: float) -> None:
        for quantity, read in QUANTITIES.items():
            self._take(quantity, now, read)

    def _take(self, quantity: str, now: float, read: Callable[[Any], float | None]) -> None:
        if quantity in self.not_sampled:
            return
        try:
            value = read(self.handle)
        except NVML_ERRORS as err:  # not asked again: a lost GPU answers nothing any more
            self.not_sampled[quantity] = str(err)
            return
        if value is not None:
            self.taken.setdefault(quantity, []).append((now, value))

    def within(self, quantity: str, since: float, until: float) -> list[float]:
        return [value for at, value in self.taken.get(quantity, []) if since <= at <= until]

    def summary(self, since: float, until: float) -> dict[str, Any]:
        """This GPU's part of the record: quantities between two times, peaks at any time."""
        told: dict[str, Any] = {"name": self.name, "uuid": self.uuid}
        for quantity in QUANTITIES:
            values = self.within(quantity, since, until)
            if not values:
                continue
            if quantity == "throttle_reasons":
                told[quantity] = shares(int(value) for value in values)
                continue
            told[quantity] = {
                "samples": len(values),
                "mean": statistics.fmean(values),
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
            }
        for quantity, peak in (
            ("memory_used_bytes", "memory_peak_bytes"),
            (PROCESS_MEMORY, "process_memory_peak_bytes"),
        ):
            if quantity in self.taken:
                told[peak] = max(value for _, value in self.taken[quantity])
        if self.not_sampled:
            told["not_sampled"] = dict(self.not_sampled)
        return told


def shares(samples: Iterable[int]) -> dict[str, float]:
    """For each throttle reason that was seen, the share of the samples (bit masks) that had it.

    A bit that NVML has defined since is told by its number.
    """
    masks = list(samples)
    seen = 0
    for mask in masks:
        seen |= mask
    bits = [1 << place for place in range(seen.bit_length()) if seen >> place & 1]
    return {
        THROTTLE_REASONS.get(bit, f"reason {bit:#x}"): sum(bool(mask & bit) for mask in masks)
        / len(masks)
        for bit in bits
    }


def visible(gpus: list[Gpu], variables: Mapping[str, str]) -> tuple[list[Gpu], bool]:
    """Which of ``gpus`` (all, by PCI bus) a process with these environment variables may use, and
    whether they are in CUDA's order, whose first is the one that a train step runs on.

    CUDA puts the fastest first unless CUDA_DEVICE_ORDER=PCI_BUS_ID, and what it takes for fastest
    it does not tell; an index then names no GPU that could be known here. A UUID, or its beginning,
    always does. As in CUDA, what follows a word that names nothing is hidden.
    """
    by_bus = len(gpus) == 1 or variables.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    listed = variables.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return gpus, by_bus
    named: list[Gpu] = []
    for word in (word.strip() for word in listed.split(",")):
        if word.startswith("MIG-") or (word.isdigit() and not by_bus):
            return gpus, len(gpus) == 1
        if word.isdigit():
            found = gpus[int(word) : int(word) + 1]
        else:
            found = [gpu for gpu in gpus if word.startswith("GPU-") and gpu.uuid.startswith(word)]
        if not found:
            break
        named.append(found[0])
    return named, True


class Sampler:
    """Samples the GPUs that a process may use, in a thread, from its start until it has ended.

    Use as a context manager, and give ``start`` the id of the process. It must lead itself and its
    children (setsid), so that its children are found too.
    """

    def __init__(self, variables: Mapping[str, str]):
        self._gpus: list[Gpu] = []
        self._ordered = False
        self._system: dict[str, str] = {}
        self.trouble: str | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            self._system, devices = _opened()
        except NVML_ERRORS as err:
            self.trouble = str(err)
            return
        everywhere = [Gpu(*device) for device in devices]
        self._gpus, self._ordered = visible(everywhere, variables)
        if not self._gpus:
            self.trouble = "NVML lists no GPU that the process may use"

    def __enter__(self) -> Sampler:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def start(self, pid: int) -> None:
        if self.trouble is None:
            self._thread = threading.Thread(target=self._run, args=(pid,), daemon=True)
            self._thread.start()

    def _run(self, leader: int) -> None:
        while True:
            now = time.monotonic()
            for gpu in self._gpus:
                gpu.look_for(leader, now)
            for gpu in [gpu for gpu in self._gpus if gpu.runs_process] or self._gpus:
                gpu.sample(now)
            if self._stopped.wait(INTERVAL_S):
                return

    def record(self, warm_at: float | None, ended_at: float | None) -> dict[str, Any]:
        """What belongs into the record as ``gpu``: of the time between the two, in seconds of the
        monotonic clock; None where the process did not live to note it."""
        since = float("inf") if warm_at is None else warm_at + LOOK_BACK_S
        until = float("inf") if ended_at is None else ended_at
        trouble = self.trouble
        running = [gpu for gpu in self._gpus if gpu.runs_process]
        if trouble is None and not running and not self._ordered:
            trouble = UNKNOWN_GPU.format(count=len(self._gpus))
        if trouble is not None:
            return {**self._system, "not_sampled": {EVERYTHING: trouble}}
        if not self._ordered:
            running.sort(key=lambda gpu: _mean_utilisation(gpu, since, until), reverse=True)
        first, *others = running or self._gpus[:1]
        told = {
            **self._system,
            "found_by": "process" if running else "CUDA_VISIBLE_DEVICES",
            **first.summary(since, until),
        }
        if others:
            told["others"] = [gpu.summary(since, until) for gpu in others]
        return told


def _mean_utilisation(gpu: Gpu, since: float, until: float) -> float:
    values = gpu.within("utilisation_percent", since, until)
    return statistics.fmean(values) if values else -1.0


def _leader(pid: int) -> int | None:
    """The id of the process that leads this one; None where that is not known."""
    try:
        return os.getsid(pid)
    except OSError:  # ended meanwhile, or a process of another container
        return None


@functools.cache
def _opened() -> tuple[dict[str, str], list[tuple[Any, str, str]]]:
    """(versions of the driver, (handle, name, UUID) of every GPU by PCI bus).

    NVML stays open until this process ends, so that the driver is not loaded anew for each process
    that is timed. Raises NVML_ERRORS.
    """
    pynvml.nvmlInit()
    cuda = pynvml.nvmlSystemGetCudaDriverVersion()
    system = {
        "driver": pynvml.nvmlSystemGetDriverVersion(),
        "cuda_driver": f"{cuda // 1000}.{cuda % 1000 // 10}",
    }
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        place = pynvml.nvmlDeviceGetPciInfo(handle)
        device = (handle, pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetUUID(handle))
        found.append(((place.domain, place.bus, place.device), device))
    return system, [device for _, device in sorted(found, key=lambda item: item[0])]
