"""What GPUs do while a process is timed on one of them, sampled from outside through NVML.

NVML is the library of NVIDIA's driver. The module pynvml is of nvidia-ml-py, NVIDIA's own binding.
Only a gpu profile imports this module. Where something cannot be sampled, the measurement goes on,
and the record says what it was, and why.
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

#: Seconds between samples. A round of calls to NVML takes less than a hundredth of that.
INTERVAL_S = 0.1

#: NVML's utilisation is an average over the past 1/6 to 1 second (nvmlUtilization_t). Its power, on
#: Ampere and later, is one over the past second (nvmlDeviceGetPowerUsage). In the first second of
#: the timed steps, both therefore still include what happened before.
LOOK_BACK_S = 1.0

#: For how many seconds a process steps at least, its samples included, so that the GPU can be
#: sampled. With the first second left out, two remain.
GO_ON_S = 3.0

#: The bits of nvmlDeviceGetCurrentClocksEventReasons, named as in nvml.h.
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

#: The name that stands for all quantities where none could be sampled.
EVERYTHING = "everything"

UNKNOWN_GPU = (
    "it is not known on which of {count} GPUs the process ran: NVML knows no such process (in a "
    "container it tells the host's ids: docker run --pid=host), and CUDA numbers different GPUs "
    "its own way; name one: CUDA_VISIBLE_DEVICES=GPU-..., or set CUDA_DEVICE_ORDER=PCI_BUS_ID"
)

#: What NVML raises. The second is raised where the driver is older than the binding expects.
NVML_ERRORS = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError)


def _newest(*names: str) -> Callable[..., Any]:
    """A function that calls the first of the named functions of NVML that the driver has. Newer
    functions come first."""

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
    """Bytes that processes hold, as nvidia-smi shows them."""
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(gpu, version=pynvml.nvmlMemory_v2).used)
    except pynvml.NVMLError_FunctionNotFound:
        # Drivers before 510 also count what they reserve for themselves as used.
        return int(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)


#: The quantities that are sampled: the name in the record, and a function that reads the quantity
#: from the handle of a device.
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
    """A device, and what was sampled of it.

    ``taken`` has the samples of each quantity: (seconds of the monotonic clock, value).
    ``not_sampled`` has the reason for each quantity that could not be sampled. ``runs_process``:
    whether the timed process was seen on it.
    """

    handle: Any
    name: str
    uuid: str
    runs_process: bool = False
    taken: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    not_sampled: dict[str, str] = field(default_factory=dict)

    def look_for(self, leader: int, now: float) -> None:
        """Look whether processes that ``leader`` leads run here, and sample the memory that they
        hold."""
        self._take(PROCESS_MEMORY, now, lambda handle: self._memory_of(handle, leader))

    def _memory_of(self, handle: Any, leader: int) -> float | None:
        """Bytes of the device that the processes led by ``leader`` hold; None where not known."""
        led = [process for process in _processes(handle) if _leader(process.pid) == leader]
        self.runs_process = self.runs_process or bool(led)
        sizes = [process.usedGpuMemory for process in led if process.usedGpuMemory is not None]
        return sum(sizes) if sizes else None

    def sample(self, now: float) -> None:
        """Take a sample of each quantity."""
        for quantity, read in QUANTITIES.items():
            self._take(quantity, now, read)

    def _take(self, quantity: str, now: float, read: Callable[[Any], float | None]) -> None:
        if quantity in self.not_sampled:
            return
        try:
            value = read(self.handle)
        except NVML_ERRORS as err:  # not tried again: a GPU that is lost stays lost
            self.not_sampled[quantity] = str(err)
            return
        if value is not None:
            self.taken.setdefault(quantity, []).append((now, value))

    def within(self, quantity: str, since: float, until: float) -> list[float]:
        """The values of ``quantity`` between two times, in seconds of the monotonic clock."""
        return [value for at, value in self.taken.get(quantity, []) if since <= at <= until]

    def summary(self, since: float, until: float) -> dict[str, Any]:
        """What the record says of this GPU: quantities between two times, and peaks at any time."""
        facts: dict[str, Any] = {"name": self.name, "uuid": self.uuid}
        for quantity in QUANTITIES:
            values = self.within(quantity, since, until)
            if not values:
                continue
            if quantity == "throttle_reasons":
                facts[quantity] = shares(int(value) for value in values)
                continue
            facts[quantity] = {
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
                facts[peak] = max(value for _, value in self.taken[quantity])
        if self.not_sampled:
            facts["not_sampled"] = dict(self.not_sampled)
        return facts


def shares(samples: Iterable[int]) -> dict[str, float]:
    """For each throttle reason that was seen, the share of the samples (bit masks) that had it.

    A bit that is not in THROTTLE_REASONS is named by its number.
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
    """The GPUs that a process with these environment variables may use, and whether they are in
    CUDA's order, whose first GPU is the one that a train step runs on.

    ``gpus`` are all GPUs, in the order of their PCI buses. CUDA puts the fastest GPU first unless
    CUDA_DEVICE_ORDER=PCI_BUS_ID, and does not tell which one it takes for the fastest. Without that
    setting, nobody outside CUDA knows which GPU an index names. A UUID, or its beginning, always
    names one. As in CUDA, entries of CUDA_VISIBLE_DEVICES after one that names no GPU do not count.
    """
    by_bus = len(gpus) == 1 or variables.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    listed = variables.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return gpus, by_bus
    named: list[Gpu] = []
    for entry in (entry.strip() for entry in listed.split(",")):
        if entry.startswith("MIG-") or (entry.isdigit() and not by_bus):
            return gpus, len(gpus) == 1
        if entry.isdigit():
            matching = gpus[int(entry) : int(entry) + 1]
        else:
            matching = [
                gpu for gpu in gpus if entry.startswith("GPU-") and gpu.uuid.startswith(entry)
            ]
        if not matching:
            break
        named.append(matching[0])
    return named, True


class Sampler:
    """Samples the GPUs that a process may use, in a thread, until the process has ended.

    Use it as a context manager, and give ``start`` the id of the process. The process must lead
    itself and its children (setsid), so that its children are found too. ``trouble`` is the reason
    why nothing can be sampled, None where something can be.
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
        """The value of the record's key ``gpu``.

        It is about the time from ``warm_at`` to ``ended_at``, in seconds of the monotonic clock.
        Either is None where the process did not live to note it.
        """
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
        facts = {
            **self._system,
            "found_by": "process" if running else "CUDA_VISIBLE_DEVICES",
            **first.summary(since, until),
        }
        if others:
            facts["others"] = [gpu.summary(since, until) for gpu in others]
        return facts


def _mean_utilisation(gpu: Gpu, since: float, until: float) -> float:
    values = gpu.within("utilisation_percent", since, until)
    return statistics.fmean(values) if values else -1.0


def _leader(pid: int) -> int | None:
    """The id of the process that leads the process ``pid``; None where that is not known."""
    try:
        return os.getsid(pid)
    except OSError:  # the process has ended meanwhile, or is of another container
        return None


@functools.cache
def _opened() -> tuple[dict[str, str], list[tuple[Any, str, str]]]:
    """The versions of the driver, and (handle, name, UUID) of every GPU in the order of the PCI
    buses.

    NVML stays open until this process ends, so that the driver is not loaded anew for each timed
    process. Raises NVML_ERRORS.
    """
    pynvml.nvmlInit()
    cuda = pynvml.nvmlSystemGetCudaDriverVersion()
    system = {
        "driver": pynvml.nvmlSystemGetDriverVersion(),
        "cuda_driver": f"{cuda // 1000}.{cuda % 1000 // 10}",
    }
    devices = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        place = pynvml.nvmlDeviceGetPciInfo(handle)
        device = (handle, pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetUUID(handle))
        devices.append(((place.domain, place.bus, place.device), device))
    return system, [device for _, device in sorted(devices, key=lambda item: item[0])]
