"""Records as literals: of what a test says, and ordinary in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vggbench import records
from vggbench.inside import measure
from vggbench.inside.params import choices_of
from vggbench.records import Record
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


def changed(one: Record, **more: Any) -> Record:
    """The record with these keys instead."""
    return Record.from_json({**one.as_json(), **more})
