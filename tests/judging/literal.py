"""Literal records of shipped releases, for verdicts: no machine and no framework is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vggbench.judging.evidence import Evidence, gather
from vggbench.judging.separations import Separation
from vggbench.judging.verdicts import Verdict
from vggbench.records import Record
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import REGRESSED

from ..records import factory
from ..records.factory import CATALOGUE

MACHINE = "box"

#: The releases of TensorFlow, oldest first: 2.10.1 to 2.16.2 are seven in a row.
LINE = [
    "tensorflow-2.10.1",
    "tensorflow-2.11.1",
    "tensorflow-2.12.1",
    "tensorflow-2.13.1",
    "tensorflow-2.14.1",
    "tensorflow-2.15.1",
    "tensorflow-2.16.2",
]

#: How far four processes of a session, sessions, and samples of a process are off, as a ratio less
#: one: no noise is drawn, so that every number is the same in every run.
PROCESSES = (-0.004, 0.006, 0.001, -0.003)
SESSIONS = (0.002, -0.003, 0.001, 0.003, -0.002, 0.0, -0.001)
SAMPLES = (0.01, -0.01, 0.0, 0.004, -0.004)

NHWC = ("NHWC", "none", "off")
NCHW = ("NCHW", "none", "off")
FUSED = ("NHWC", "fused", "off")
XLA = ("NHWC", "none", "on")

#: The command that compares the newest two in duets, in their profile.
CONFIRM_NEWEST = f"VGGBENCH_PROFILE=cpu-quick vggbench confirm {LINE[-1]} --against {LINE[-2]}"

#: How a command chooses NHWC alone.
BENCH_NHWC = """--bench "\\('NHWC', 'none', 'off'\\)\""""


def record(
    release: str,
    seconds: float = 0.1,
    words: Sequence[str] = NHWC,
    session: int = 0,
    **more: Any,
) -> Record:
    """A process whose samples lie about ``seconds``."""
    of = CATALOGUE.by_name[release]
    if more.get("outcome", "ok") == "ok":
        more = {"samples": [seconds * (1 + part) for part in SAMPLES], **more}
    told = {
        "run": f"202405{session + 1:02d}T120000.000000Z-{session:08x}",
        "started": f"2024-05-{session + 1:02d}T12:00:00+00:00",
        "machine": MACHINE,
        "lock": of.locks["cpu"].digest,
        "interpreter": "the release's own",
        "variables": {},
        "number": 1,
        "process_s": 30.0,
        "python": f"{of.python}.9",
        "build_s": seconds * 20,
        "warm_up_s": [seconds * 10, seconds, seconds],
        "peak_memory_bytes": int(seconds * 1e10),
        "versions": {"tensorflow": of.version, "numpy": "1.26.4", "mkl_enabled": True},
    }
    return factory.record(release, words, **{**told, **more})


def measured(
    release: str, seconds: float = 0.1, words: Sequence[str] = NHWC, processes: int = 4, **more: Any
) -> list[Record]:
    """The processes of one run of asv. The session follows from the release unless it is given."""
    session = more.pop("session") if "session" in more else LINE.index(release)
    level = seconds * (1 + SESSIONS[session % len(SESSIONS)])
    return [
        record(release, level * (1 + PROCESSES[i % len(PROCESSES)]), words, session, **more)
        for i in range(processes)
    ]


def line(*seconds: float, words: Sequence[str] = NHWC, **more: Any) -> list[Record]:
    """The newest releases of LINE, measured with these times a step."""
    releases = LINE[-len(seconds) :]
    return [
        record
        for release, level in zip(releases, seconds, strict=True)
        for record in measured(release, level, words, **more)
    ]


def evidence(records: Sequence[Record]) -> Evidence:
    """The evidence in these records, read in the order of their runs."""
    return gather(MACHINE, sorted(records, key=lambda one: one.run), CATALOGUE)


def verdict(*ratio: float, **more: Any) -> Verdict:
    """A verdict on a step. ``ratio``: the change, then the lower and the higher end of its
    interval."""
    told = {
        "machine": MACHINE,
        "profile": "cpu-quick",
        "track": "tensorflow",
        "release": LINE[-1],
        "against": LINE[-2],
        "benchmark": "train_step.TensorFlow.time_train_step",
        "configuration": {"data_format": "NHWC"},
        "measure": "step",
        "outcome": REGRESSED,
        **dict(zip(("ratio", "low", "high"), ratio, strict=False)),
    }
    return Verdict(**{**told, **more})


def separation(of: Verdict, variant: str, judgement: Judgement | None, **more: Any) -> Separation:
    """What came of changing back a ``variant`` in the release of a verdict."""
    return Separation(
        release=of.release,
        variant=variant,
        benchmark=of.benchmark,
        configuration=of.words,
        measure=of.measure,
        judgement=judgement,
        **more,
    )
