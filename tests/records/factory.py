"""Records as literals: of what a test says, and ordinary in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vggbench import records
from vggbench.inside import measure
from vggbench.inside.params import choices_of
from vggbench.records import Record
from vggbench.records.record import KEYS, REQUIRED
from vggbench.releases.catalogue import Catalogue

#: Of the shipped releases, which is data.
CATALOGUE = Catalogue(Path(__file__).parent.parent.parent / "releases")

RUN = "20240501T120000Z-00000001"

FRAMEWORKS = {"tensorflow": "TensorFlow", "keras": "Keras", "theano": "Theano"}


def record(
    release: str = "tensorflow-2.16.2", words: str | Sequence[str] = "", **more: Any
) -> Record:
    """A process of ``release`` in the configuration with these ``words``, the first of each param
    where there are none. ``more``: the record's keys."""
    framework = FRAMEWORKS.get(release.partition("-")[0], "TensorFlow")
    of = CATALOGUE.by_name.get(release)
    params = choices_of(framework)
    chosen = words.split() if isinstance(words, str) else list(words)
    chosen = chosen or [choices[0] for choices in params.values()]
    told = {
        "schema": records.SCHEMA,
        "run": RUN,
        "release": release,
        "commit": of.commit if of else "f" * 40,
        "profile": "cpu-quick",
        "benchmark": f"train_step.{framework}.time_train_step",
        "benchmark_version": measure.PROTOCOL,
        "configuration": dict(zip(params, chosen, strict=True)),
        "round": 1,
        "outcome": records.OK,
        "cpus": 2,
    }
    return Record.from_json({**told, **more})


def full(**more: Any) -> Record:
    """One that has what every by-product and every measure is made of."""
    told = {
        "run": "20240501T120000.000000Z-0",
        "started": "2024-05-01T12:00:01+00:00",
        "process_s": 30.0,
        "samples": [0.1, 0.2, 0.3],
        "build_s": 1.0,
        "warm_up_s": [2.0, 0.2, 0.2],
        "losses": [2.3, 2.2, 2.1],
        "peak_memory_bytes": 700_000_000,
        "versions": {"tensorflow": "2.16.2", "xla": {"proof_s": 0.5}},
        "gpu": {"utilisation_percent": {"mean": 97.0}, "process_memory_peak_bytes": 9_000_000_000},
    }
    return record(**{**told, **more})


#: What somebody's editor may leave where a record has something else.
NONSENSE = [
    *(None, "x", [], {}, [None], [[1]], -1, 10**400, [10**400], float("nan"), True, {"xla": 1}),
    {"utilisation_percent": {"mean": 10**400}},
    {"xla": {"proof_s": 10**400}},
]


def nonsensical(value: object) -> list[Record]:
    """A full record with this value in each key that it may have, one at a time."""
    return [changed(full(), **{key: value}) for key in sorted(KEYS - set(REQUIRED))]


def changed(given: Record, **more: Any) -> Record:
    """The record with these keys instead."""
    return Record.from_json({**given.as_json(), **more})
