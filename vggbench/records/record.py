"""A record: what one timed process left behind, and the questions that are asked of it.

docs/records.md describes every key. The keys that every record must have are checked when it is
read. All others may be absent, or hold nonsense that somebody's editor left; no question to a
record ends in a traceback because of that.
"""

from __future__ import annotations

import datetime
import functools
import json
import statistics
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeGuard

from asv import util

from ..errors import one_line
from ..inside import measure, params, workload
from ..moments import moment
from ..releases.catalogue import Catalogue, Release

SCHEMA = 1

#: The process took its samples.
OK = "ok"
#: The framework said that it cannot do this; ``reason`` has its message.
NOT_APPLICABLE = "n/a"
#: Something went wrong; ``error`` says what.
FAILED = "failed"
#: asv was ended before the process was over.
INTERRUPTED = "interrupted"

OUTCOMES = (OK, NOT_APPLICABLE, FAILED, INTERRUPTED)

#: The ``purpose`` of a process that ``vggbench confirm`` ran, to make a verdict sure.
CONFIRM = "confirm"

#: The ``purpose`` of a process that ``vggbench calibrate`` ran, to learn the machine's noise.
CALIBRATE = "calibrate"

#: The ``purpose`` of a process that ``vggbench separate`` ran, in turns with the release as it is.
#: ``variant`` says what was changed back, and is absent where nothing was.
SEPARATE = "separate"

#: The ``purpose`` of a process of a duet: two processes were alive at once, and stepped in turns.
#: Its record counts only with its whole block, and is never compared with processes that were
#: measured by themselves.
DUET = "duet"

#: The ``purpose`` of a process of a duet that ``vggbench bisect`` ran. It is evidence for nothing
#: but bisections, which choose what they measure by what they have seen.
BISECT = "bisect"

#: The ``purpose`` of a process of a duet that ``vggbench explain`` ran. A profiler watches its
#: steps, which take longer for that.
EXPLAIN = "explain"

#: The purposes of records that are evidence for nothing but what they were taken for.
APART = (BISECT, EXPLAIN)

#: Every ``purpose`` that is known; None is that of a run of asv.
PURPOSES = (None, CONFIRM, CALIBRATE, SEPARATE, DUET, BISECT, EXPLAIN)

#: The keys that every record has. A line of text that lacks one of them is no record.
REQUIRED = (
    "schema",
    "run",
    "release",
    "commit",
    "profile",
    "benchmark",
    "configuration",
    "outcome",
)

#: The method that times the train step, in every benchmark class.
TIMED = "time_train_step"

#: The ``interpreter`` of a record where -E gave none.
OWN_INTERPRETER = "the release's own"

#: A process with fewer samples (``asv run --quick``) is no evidence.
LEAST_SAMPLES = 3

#: The clocks of a process and of whoever started it may disagree by so many seconds. Where they
#: disagree by more, one of them jumped.
CLOCKS_AGREE_S = 10.0

#: No process writes what is nested deeper than this in a record, so it tells no two records apart.
MOST_NESTED = 20

#: Measured values lie between these, in seconds or bytes: a nanosecond is the least that a clock
#: tells, and an exabyte is more than any process holds. What is computed from larger values may
#: overflow.
LEAST_MEASURED, MOST_MEASURED = 1e-9, 1e18

#: No process ran for more seconds than these, which are thirty years.
MOST_SECONDS = 1e9

#: No machine has more processors than these: a record that says so was not written by a process.
MOST_CPUS = 10**6

#: A machine may take processors from a process where its load exceeds the processors that the
#: process may use by more than this. A load is an average over a minute, and includes what the
#: process itself computed.
BUSY_ABOVE = 1.5

#: A hypervisor takes processors from a process where it keeps more than this share of them.
MOST_STOLEN = 0.25

#: A step leaves CPUs idle where its threads keep fewer than this share of them busy.
IDLE_BELOW = 0.6

#: The clocks of two machines are expected to disagree by less than this.
AHEAD = datetime.timedelta(days=1)

#: When a process was started, and when it was over.
Period = tuple[datetime.datetime, datetime.datetime]


@dataclass(frozen=True, slots=True, init=False)
class Record:
    """The record of one process. Only ``from_json`` makes one. A key that its line of text does not
    have is None.

    ``more`` has the keys of the line that docs/records.md does not describe. ``stated`` are all
    keys of the line, in its order, also those whose value is null. ``excluded`` is the reason for
    which somebody wants the record not to count, None where nobody does; it is not in the line.
    """

    schema: int
    run: str
    release: str
    commit: str
    profile: str
    benchmark: str
    configuration: Mapping[str, Any]
    outcome: str
    # The values of the keys from here on are not checked when a record is read.
    purpose: Any
    duet: Any
    variant: Any
    started: Any
    machine: Any
    track: Any
    version: Any
    catalogue: Any
    build: Any
    lock: Any
    installed_bytes: Any
    interpreter: Any
    device: Any
    workload: Any
    benchmark_version: Any
    attributes: Any
    round: Any
    reason: Any
    lacks: Any
    error: Any
    samples: Any
    number: Any
    sample_started_s: Any
    sample_cpu_s: Any
    waiting_cpu_s: Any
    others_cpu_s: Any
    steal_s: Any
    protocol: Any
    python: Any
    build_s: Any
    warm_up_s: Any
    warm_up_cpu_s: Any
    losses: Any
    last_loss: Any
    versions: Any
    value: Any
    peak_memory_bytes: Any
    resident_bytes: Any
    resident_bytes_at_end: Any
    memory_growth_per_step_bytes: Any
    counters: Any
    trace: Any
    gpu: Any
    cpus: Any
    processor: Any
    cpu_quota: Any
    memory_limit_bytes: Any
    kernel: Any
    governor: Any
    load_before: Any
    load_after: Any
    busy_cpus: Any
    stolen_cpus: Any
    beside: Any
    variables: Any
    set_by_vggbench: Any
    exit_status: Any
    process_s: Any
    more: Mapping[str, Any]
    stated: tuple[str, ...] = field(compare=False, repr=False)
    excluded: str | None = field(compare=False, repr=False)

    def __init__(self) -> None:
        raise TypeError("a record is made of a line that was read or is written: Record.from_json")

    @staticmethod
    def from_json(value: object) -> Record:
        """The record that the JSON ``value`` of a line of text is. Raises ValueError, which says
        what is wrong, where it has not what every record has."""
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
        require_keys(value, REQUIRED)
        for key in ("run", "release", "commit", "profile", "benchmark"):
            if not isinstance(value[key], str):
                raise ValueError(f"its {key} is no text")
        if not isinstance(value["configuration"], dict):
            raise ValueError("its configuration is no JSON object")
        if value["outcome"] not in OUTCOMES:
            raise ValueError(f"its outcome {value['outcome']!r} is none of {', '.join(OUTCOMES)}")
        record = object.__new__(Record)
        for key in KEYS:
            _SET[key](record, value.get(key))
        _SET["more"](record, {key: value[key] for key in value.keys() - KEYS})
        _SET["stated"](record, _shared(tuple(value)))
        _SET["excluded"](record, None)
        return record

    def exclude(self, reason: str | None) -> None:
        """Note the reason for which this record is not to count; with None it counts again."""
        _SET["excluded"](self, reason)

    def as_json(self) -> dict[str, Any]:
        """The JSON object that the record was made from, each key as it was."""
        return {
            key: self.more[key] if key in self.more else getattr(self, key) for key in self.stated
        }

    # -- what was measured

    @property
    def is_ordinary(self) -> bool:
        """Whether the record is of a run of asv, whatever its outcome. A record that has a purpose
        answers nothing that a user asked asv for."""
        return self.purpose is None

    @property
    def is_interleaved(self) -> bool:
        """Whether its run measured everything in turns, so that all its processes share the drift
        of the machine."""
        return self.confirms or self.calibrates or self.separates

    @property
    def times_the_step(self) -> bool:
        """Whether the process was to time the train step. A process that was only to report a
        by-product was not."""
        return method_of(self.benchmark) == TIMED

    @property
    def is_timed(self) -> bool:
        """Whether the record is of a run of asv that was to time the train step. Tables, pages and
        findings are made from such records."""
        return self.times_the_step and self.is_ordinary

    @property
    def confirms(self) -> bool:
        """Whether the process was to make a verdict sure."""
        return self.purpose == CONFIRM

    @property
    def calibrates(self) -> bool:
        """Whether the process was to show the noise of the machine, as those of anchors are too."""
        return self.purpose == CALIBRATE

    @property
    def separates(self) -> bool:
        """Whether the process was to show what made a change: one of a variant, or of the release
        as it is, in turns with a variant."""
        return self.purpose == SEPARATE

    @property
    def is_of_a_duet(self) -> bool:
        """Whether the process was one of two that stepped in turns."""
        return self.purpose in (DUET, *APART)

    @property
    def is_apart(self) -> bool:
        """Whether the record is evidence for nothing but what it was taken for."""
        return self.purpose in APART

    @property
    def family(self) -> str:
        """The class of its benchmark, with the module."""
        return family_of(self.benchmark)

    @property
    def method(self) -> str:
        """The method of its benchmark."""
        return method_of(self.benchmark)

    @property
    def key(self) -> str:
        """A text that is the same for the same configuration of the same benchmark."""
        return key_of(self.benchmark, self.configuration)

    @property
    def words(self) -> str:
        """The configuration, as messages and tables name it."""
        return words_of(self.configuration)

    @property
    def identity(self) -> Hashable:
        """A value that is the same for the same process, whichever files its record stands in, and
        whichever tool wrote them. The names of a duet and of its block do not matter, because a
        copy may have others."""
        duet = self.duet
        if isinstance(duet, dict):
            duet = {key: value for key, value in duet.items() if key not in ("id", "block")}
        subject = (
            self.run,
            self.commit,
            self.profile,
            self.benchmark,
            self.configuration,
            self.round,
        )
        purpose = self.purpose, self.variant, duet
        result = self.outcome, self.started, self.process_s, self.samples, self.value
        return _hashable((subject, purpose, result))

    @property
    def backend(self) -> str | None:
        """The backend that the process computed with; None where its framework has none."""
        return backend_of(self.benchmark, self.configuration)

    @property
    def name(self) -> str:
        """The release and the configuration, as messages name them."""
        return f"{self.release} {self.words}".strip()

    # -- when it ran

    @property
    def began(self) -> datetime.datetime | None:
        """When the process was started; None where that is not on record."""
        try:
            return moment(self.started)
        except ValueError:
            return None

    @property
    def is_of_the_future(self) -> bool:
        """Whether a clock that was far ahead named its run, or its start. Such a record would be
        the newest for years, whatever is measured."""
        latest = datetime.datetime.now(datetime.timezone.utc) + AHEAD
        # The id of a run that vggbench named begins with a time, written so that it sorts by time.
        is_dated = self.run[:8].isdecimal() and self.run[8:9] == "T"
        if is_dated and self.run[:15] > latest.strftime("%Y%m%dT%H%M%S"):
            return True
        began = self.began
        return began is not None and began > latest

    @property
    def had_process(self) -> bool:
        """Whether the record is of a process. A variant or a backend that could not be installed
        has a record, and no process."""
        return self.outcome == INTERRUPTED or self.process_s is not None

    @property
    def seconds(self) -> float | None:
        """How long the process ran; None where that is not on record."""
        is_known = is_number(self.process_s) and abs(self.process_s) <= MOST_SECONDS
        return float(self.process_s) if is_known else None

    @property
    def period(self) -> Period | None:
        """When the process was started and when it was over; None where its start is not on
        record."""
        begun = self.began
        if begun is None:
            return None
        try:
            return begun, begun + datetime.timedelta(seconds=self.seconds or 0.0)
        except (OverflowError, ValueError):  # a year that no clock shows
            return begun, begun

    # -- what came of it

    @property
    def median_s(self) -> float:
        """Seconds of a step: the median of the samples, which the record must have."""
        return float(statistics.median(self.samples))

    @property
    def memory_growth(self) -> float | None:
        """Bytes by which resident memory grew per timed step, below 0 where it shrank; None where
        that is not on record. Steps after the samples, for a device that is sampled from outside,
        are not in it."""
        grown = self.memory_growth_per_step_bytes
        return grown if is_number(grown) and abs(grown) <= MOST_MEASURED else None

    def counter(self, name: str) -> float | None:
        """What a timed step cost besides its time (docs/records.md); None where that is not on
        record, or was not counted."""
        told = self.counters.get(name) if isinstance(self.counters, dict) else None
        return told if is_number(told) and 0 <= told <= MOST_MEASURED else None

    @property
    def facts(self) -> dict[str, Any]:
        """What the process said of its Python and of the libraries that it used."""
        facts = dict(self.versions) if isinstance(self.versions, dict) else {}
        if isinstance(self.python, str):
            facts["python"] = self.python
        return facts

    @property
    def not_sampled_messages(self) -> list[str]:
        """A message about each quantity of the GPU that was not sampled while the process ran."""
        reasons = self.gpu.get("not_sampled") if isinstance(self.gpu, dict) else None
        those = reasons.items() if isinstance(reasons, dict) else ()
        return [f"not sampled of the GPU: {quantity}: {why}" for quantity, why in those]

    def by_product(self, name: str) -> Any:
        """The by-product that the benchmark ``name`` reports; None where it is not on record, or
        cannot be computed from what is on record."""
        try:
            value = measure.BY_PRODUCTS[name](_NotesOfRecord(self))
        except (ArithmeticError, AttributeError, KeyError, IndexError, TypeError):
            return None
        # JSON has integers beyond a float's range, which no process measures. The limit is half the
        # range, so that the sum of two values, of which a median is made, does not overflow.
        return None if is_number(value) and abs(value) > sys.float_info.max / 2 else value

    # -- whether it counts

    @property
    def busy(self) -> str | None:
        """A phrase that says why others may have taken processors from the process; None where
        there is no sign of it. In a duet this is on record for each step instead."""
        if self.beside is not None:
            return "another measurement at the same time"
        if not is_cpus(self.cpus):
            return None
        loads = [
            load[0]
            for load in (self.load_before, self.load_after)
            if isinstance(load, list) and load
        ]
        signs = (*(("a load of", load) for load in loads), ("busy CPUs:", self.busy_cpus))
        for sign, busy_cpus in signs:
            if is_cpus(busy_cpus) and self.cpus + BUSY_ABOVE < busy_cpus:
                return f"{sign} {busy_cpus:.1f} where the process may use {self.cpus:g} CPUs"
        if is_cpus(self.stolen_cpus) and self.stolen_cpus > MOST_STOLEN * self.cpus:
            return (
                f"a hypervisor took {self.stolen_cpus:.1f} of the {self.cpus:g} CPUs that the "
                f"process may use"
            )
        return None

    @property
    def idle(self) -> str | None:
        """A phrase that says that a step on the CPU leaves some of its CPUs idle; None where it
        does not, where others may have taken them, and where the seconds of processor time are not
        on record. The last step before the clock says it, in which nothing is compiled any more."""
        steps, used = self.warm_up_s, self.warm_up_cpu_s
        if self.device != "cpu" or not is_cpus(self.cpus) or self.outcome != OK:
            return None
        if self.busy is not None:
            return None
        last = [taken[-1] for taken in (steps, used) if isinstance(taken, list) and taken]
        if len(last) < 2 or not all(map(is_measured, last)) or not last[0]:
            return None
        computing = last[1] / last[0]
        if computing >= IDLE_BELOW * self.cpus:
            return None
        return f"a step computes on {computing:.1f} of {self.cpus:g} CPUs"

    @property
    def lacked(self) -> str | None:
        """What the machine lacked for this process; None where it lacked nothing. A record of a
        process that lacked something says nothing of the release, which is to be measured again."""
        if self.outcome not in (NOT_APPLICABLE, FAILED) or self.lacks is None:
            return None
        return one_line(str(self.lacks), 40)

    def is_of_another_lock(self, release: Release) -> bool:
        """Whether the process ran under another lock than its ``release`` has now for the
        configuration. Not so where it ran under none, and where it was one of a variant, which has
        a lock of its own."""
        if self.lock is None or self.variant is not None or self.profile not in workload.PROFILES:
            return False
        lock = release.lock_for(workload.profile(self.profile).device, self.backend)
        return lock is None or lock.digest != self.lock

    def why_left_out(self, machine: str, releases: Mapping[str, Release]) -> str | None:
        """A phrase that says why the record is in no table and on no page of ``machine``; None
        where it may be. ``releases`` are those that are on a track, by asv's ids."""
        if self.excluded is not None:
            return f"excluded ({self.excluded})"
        if "machine" in self.stated and self.machine != machine:
            return f"of another machine ({one_line(str(self.machine), 40)})"
        release = releases.get(self.commit)
        if release is None:
            return "not on a track, or of another build number"
        if self.benchmark_version != measure.PROTOCOL:
            return f"of another measuring protocol than {measure.PROTOCOL}"
        if self.profile not in workload.PROFILES:
            return f"of the unknown profile {self.profile}"
        if self.is_of_another_lock(release):
            return "of another lock than the release has now"
        if self.lacked is not None:
            return f"of processes for which the machine lacked {self.lacked}"
        if self.is_of_the_future:
            return "that began in the future (a clock was wrong)"
        return None

    def why_no_evidence(
        self, machine: str, catalogue: Catalogue, *, purpose: str | None = None
    ) -> str | None:
        """A phrase that says why nothing may be concluded from the record about a release of the
        ``catalogue`` on ``machine``; None where something may be. All code that judges, calibrates,
        separates, forecasts or compares with an anchor asks this, so that all of it counts the same
        records. ``purpose``: what for; where that is one of APART, records of it count, too."""
        if self.is_apart and self.purpose != purpose:
            return f"of vggbench {self.purpose}"
        why = self.why_left_out(machine, catalogue.by_commit)
        if why is not None:
            return why
        if self.purpose not in PURPOSES:
            return "of an unknown purpose"
        if self.outcome != OK:
            return None
        if not isinstance(self.samples, list) or len(self.samples) < LEAST_SAMPLES:
            return f"with fewer than {LEAST_SAMPLES} samples"
        if not all(map(is_time, self.samples)):
            return "with samples that are no times (no numbers, or none that a step can take)"
        if self._clock_jumped(sum(self.samples)):
            return "during which a clock jumped"
        return None

    def tells_of_release(
        self, machine: str, catalogue: Catalogue, *, purpose: str | None = None
    ) -> bool:
        """Whether something may be concluded from the record (``why_no_evidence``), of the release
        as it is: of no variant."""
        return (
            self.variant is None
            and self.why_no_evidence(machine, catalogue, purpose=purpose) is None
        )

    def _clock_jumped(self, within: float) -> bool:
        """Whether the process took less time than its samples, ``within`` seconds, or was started
        before its run."""
        seconds = self.seconds
        if is_number(self.process_s) and (seconds is None or seconds + CLOCKS_AGREE_S < within):
            return True
        try:
            run = datetime.datetime.strptime(self.run.partition("-")[0], "%Y%m%dT%H%M%S.%fZ")
        except ValueError:  # the id of a run that vggbench did not name says nothing of its start
            return False
        started = self.began
        began = run.replace(tzinfo=datetime.timezone.utc)
        return started is not None and (began - started).total_seconds() > CLOCKS_AGREE_S


#: The keys that docs/records.md describes.
KEYS = frozenset(key.name for key in fields(Record)) - {"more", "stated", "excluded"}

#: Functions that set the fields of a record. The ``__init__`` of a frozen class takes four times as
#: long, and there are thousands of records.
_SET = {key.name: Record.__dict__[key.name].__set__ for key in fields(Record)}


class _NotesOfRecord:
    """A record in the form of the notes that its process left. The code that computes by-products
    also runs inside a release, where there are notes and no records."""

    def __init__(self, record: Record):
        self._record = record

    def __getitem__(self, key: str) -> Any:
        return getattr(self._record, key)


@functools.lru_cache(maxsize=4096)
def _shared(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple object for all records that have these keys, which saves memory."""
    return keys


def _hashable(value: Any, depth: int = 0) -> Hashable:
    """A value that is equal for equal JSON: the order of an object's keys does not matter, nor
    whether a whole number is written with a decimal point."""
    if depth > MOST_NESTED:
        return None
    if isinstance(value, dict):
        return frozenset((key, _hashable(item, depth + 1)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(
            # Nearly all items are floats, and a call for each of them would take most of the time.
            item if type(item) is float and item == item else _hashable(item, depth + 1)
            for item in value
        )
    # NaN is not equal to itself.
    return value if value == value else "NaN"


def require_keys(value: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Raise ValueError unless ``value`` has all ``keys`` and a schema up to SCHEMA."""
    missing = [key for key in keys if key not in value]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    if not isinstance(value["schema"], int):
        raise ValueError(f"its schema {value['schema']!r} is no number")
    if value["schema"] > SCHEMA:
        raise ValueError(f"its schema {value['schema']} is newer than {SCHEMA}")


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_cpus(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number of processors that a machine can have, or be busy with."""
    return is_number(value) and 0 < value <= MOST_CPUS


def is_measured(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number that a measured time or size can be, in seconds or bytes."""
    return is_number(value) and LEAST_MEASURED <= value <= MOST_MEASURED


def is_time(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number of seconds that a step can take."""
    return is_number(value) and LEAST_MEASURED <= value <= MOST_SECONDS


# -- benchmarks and configurations, also of what has no record yet


def family_of(benchmark: str) -> str:
    """The class, with its module, that ``benchmark`` is a method of. The benchmarks of a class
    share their processes."""
    return benchmark.rpartition(".")[0]


def method_of(benchmark: str) -> str:
    """The name of the method that ``benchmark`` is, without its class."""
    return benchmark.rpartition(".")[2]


def class_of(benchmark: str) -> str:
    """The name of the class that ``benchmark`` is a method of, without its module. It names the
    framework for whose tracks the benchmark is."""
    return family_of(benchmark).rpartition(".")[2]


def backend_of(benchmark: str, configuration: Mapping[str, Any]) -> str | None:
    """The backend that a configuration of ``benchmark`` computes with; None where the framework
    that the benchmark is for has none."""
    backend = params.value_of(class_of(benchmark), configuration, params.BACKEND)
    return backend if isinstance(backend, str) else None


def canonical(configuration: Mapping[str, Any]) -> str:
    """A configuration as JSON that is the same in whichever order its params stand."""
    return json.dumps(configuration, sort_keys=True)


def key_of(benchmark: str, configuration: Mapping[str, Any]) -> str:
    """A text that is the same for the same configuration of the same benchmark."""
    return f"{benchmark} {canonical(configuration)}"


def words_of(configuration: Mapping[str, Any]) -> str:
    """The words of a configuration, with which messages and tables name it."""
    return " ".join(str(value) for value in configuration.values())


def progress_message(record: Record) -> str:
    """A message about a process that ended, for the user who waits."""
    head = f"{record.name}, process {record.round}"
    if record.outcome == NOT_APPLICABLE:
        return f"{head}: n/a: {record.reason}"
    if record.outcome == FAILED:
        return f"{head}: failed: {record.error}"
    if record.outcome == INTERRUPTED:
        return f"{head}: interrupted: {record.reason or 'it was ended before it was done'}"
    if record.samples is None:
        return f"{head}: {record.method}: {record.value:g}"
    median = util.human_time(record.median_s)
    remark = record.facts.get("remark")
    more = f"; {remark}" if remark else ""
    if record.idle is not None:
        more += f"; {record.idle}"
    if record.busy is not None and not record.is_of_a_duet:
        more += f"; on a busy machine ({record.busy})"
    return f"{head}: {median}, median of {len(record.samples)} samples{more}"
