"""Literal records: what a test names, and ordinary values in every other key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vggbench import records
from vggbench.inside import measure
from vggbench.inside.params import choices_of
from vggbench.records import Record
from vggbench.records.record import KEYS, REQUIRED
from vggbench.releases.catalogue import Catalogue

#: The shipped releases.
CATALOGUE = Catalogue(Path(__file__).parent.parent.parent / "releases")

RUN = "20240501T120000Z-00000001"

FRAMEWORKS = {track.name: track.framework for track in CATALOGUE.tracks.values()}


def record(
    release: str = "tensorflow-2.16.2", words: str | Sequence[str] = "", **more: Any
) -> Record:
    """A process of ``release`` in the configuration with these ``words``, the first of each param
    where there are none. ``more``: the record's keys, and params by their names."""
    framework = FRAMEWORKS.get(release.rpartition("-")[0], "TensorFlow")
    of = CATALOGUE.by_name.get(release)
    params = choices_of(framework)
    values = words.split() if isinstance(words, str) else list(words)
    values = values or [choices[0] for choices in params.values()]
    chosen = dict(zip(params, values, strict=True))
    chosen.update({name: more.pop(name) for name in params if name in more})
    told = {
        "schema": records.SCHEMA,
        "run": RUN,
        "release": release,
        "commit": of.commit if of else "f" * 40,
        "profile": "cpu-quick",
        "benchmark": f"train_step.{framework}.time_train_step",
        "benchmark_version": measure.PROTOCOL,
        "configuration": chosen,
        "round": 1,
        "outcome": records.OK,
        "cpus": 2,
    }
    return Record.from_json({**told, **more})


def full(**more: Any) -> Record:
    """A record with everything that measures and by-products are computed from."""
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


def sitting_line(processor: Any) -> str:
    """The line of a sitting on this processor, as a history writes it."""
    told = {"schema": 1, "run": "r", "started": "2020-01-01T00:00:00+00:00"}
    return json.dumps({**told, "processor": processor}) + "\n"


def peak(flops_per_s: float = 400e9, **more: Any) -> dict[str, Any]:
    """A peak of a machine: what one product of two matrices came to. ``more``: its keys."""
    size = 1000
    return {
        "schema": 1,
        "measured": "2026-05-01T12:00:00+00:00",
        "release": "tensorflow-2.21.0",
        "device": "cpu",
        "cpus": 2,
        "products": [{"size": size, "seconds": [2 * size**3 / flops_per_s]}],
        **more,
    }


#: Values that somebody's editor may leave in any key of a record.
NONSENSE = [
    *(None, "x", [], {}, [None], [[1]], -1, 10**400, [10**400], float("nan"), True, {"xla": 1}),
    {"utilisation_percent": {"mean": 10**400}},
    {"xla": {"proof_s": 10**400}},
]


def nonsensical(value: object) -> list[Record]:
    """A full record for each key that a record may have, with this value in that key."""
    return [changed(full(), **{key: value}) for key in sorted(KEYS - set(REQUIRED))]


def changed(given: Record, **more: Any) -> Record:
    """The record with these keys instead."""
    return Record.from_json({**given.as_json(), **more})
