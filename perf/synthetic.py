"""Checkouts full of results that nobody measured: for the speed of pages, and to look at them.

    python perf/synthetic.py FOLDER [--releases 40] [--machines 1] [--tracks tensorflow keras]

The command makes FOLDER a checkout. It has the shipped releases of each track and, where these are
fewer, made-up releases after them. For each release and machine it has the records of an asv run,
and asv's own result made of the same samples. Numbers come from a seed: levels that shift at some
releases, noise between processes and between samples, configurations that are not applicable before
some release, a failure here and there. None of these numbers says anything about a framework.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import random
import shutil
import statistics
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from asv.results import Results
from asv.runner import BenchmarkResult
from asv.util import load_json
from packaging.version import Version

from vggbench import records
from vggbench.inside import measure, params
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import require_lock
from vggbench.runs.coverage import PYTHON, environment_name

ROOT = Path(__file__).resolve().parent.parent
SEED = 2017
PROFILE = "cpu-quick"
MACHINE = "synthetic"

PROCESSES, SAMPLES = 3, 10
#: Standard deviations of the logarithm of a level.
NOISE_OF_PROCESSES, NOISE_OF_SAMPLES = 0.02, 0.04

#: A configuration fails in about one of so many releases.
RARELY = 90


def checkout(
    folder: Path,
    tracks: Sequence[str] = ("tensorflow", "keras", "theano"),
    releases: int = 40,
    machines: int = 1,
    asv: bool = True,
) -> Path:
    """Make ``folder``, which must not exist, a checkout full of results, and return it.

    releases: the number of releases of each track. asv: whether it has asv's own results too.
    """
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")
    config = load_json(str(ROOT / "asv.conf.json"), js_comments=True)
    (folder / "asv.conf.json").write_text(json.dumps({**config, "branches": list(tracks)}))
    for track in tracks:
        shutil.copytree(ROOT / "releases" / track, folder / "releases" / track)
    shutil.copy(ROOT / "releases" / "build-constraints.txt", folder / "releases")
    for track in tracks:
        _make_as_many(folder / "releases", track, releases)
    catalogue = Catalogue(folder / "releases")
    if asv:
        _write_benchmarks(folder / "results", catalogue)
    for number in range(machines):
        machine = MACHINE if machines == 1 else f"{MACHINE}-{number + 1:02}"
        _write_machine(folder / "results", machine)
        for release in catalogue:
            _measure(folder / "results", catalogue, release, machine, asv)
    return folder


def _make_as_many(folder: Path, track: str, wanted: int) -> None:
    """Remove the oldest releases of a track, or add made-up releases like the newest after it."""
    catalogue = Catalogue(folder)
    line = list(catalogue.tracks[track].releases)
    for release in line[: max(0, len(line) - wanted)]:
        catalogue.file_of(release).unlink()
    newest = line[-1]
    day, minor = datetime.date.fromisoformat(newest.date), Version(newest.version).minor
    for more in range(1, wanted - len(line) + 1):
        version = f"{Version(newest.version).major}.{minor + more}.0"
        date = (day + datetime.timedelta(days=90 * more)).isoformat()
        catalogue.write(replace(newest, version=version, date=date))


def _write_machine(results: Path, machine: str) -> None:
    facts = {"machine": machine, "os": "Linux 6.1", "arch": "x86_64", "version": 1}
    facts.update(cpu="Made-up CPU @ 3.00GHz", num_cpu="8", ram="33554432")
    (results / machine).mkdir(parents=True, exist_ok=True)
    (results / machine / "machine.json").write_text(json.dumps(facts))


def _described(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Yield asv's descriptions of the benchmarks of benchmarks/train_step.py, of these tracks."""
    frameworks = {track.framework for track in catalogue.tracks.values()}
    units = {"time_train_step": "seconds", "track_first_step": "s", "track_peak_memory": "bytes"}
    for framework in sorted(frameworks):
        choices = params.choices_of(framework)
        for method in ("time_train_step", *measure.BY_PRODUCTS):
            kind = method.partition("_")[0]
            yield {
                "name": f"train_step.{framework}.{method}",
                "type": kind,
                "version": measure.PROTOCOL,
                "code": "",
                "param_names": list(choices),
                "params": [[repr(value) for value in values] for values in choices.values()],
                "unit": units.get(method, "1"),
                "timeout": measure.DEADLINE_S,
            }


def _write_benchmarks(results: Path, catalogue: Catalogue) -> None:
    results.mkdir(exist_ok=True)
    benchmarks: dict[str, Any] = {
        described["name"]: described for described in _described(catalogue)
    }
    (results / "benchmarks.json").write_text(json.dumps({**benchmarks, "version": 2}))


def _generator(*seed: object) -> random.Random:
    return random.Random(zlib.crc32(repr((SEED, *seed)).encode()))


def _measure(
    results: Path, catalogue: Catalogue, release: Release, machine: str, asv: bool
) -> None:
    """Write the records of a run on a release, and asv's result of it where ``asv`` is true."""
    framework = catalogue.tracks[release.track].framework
    started = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    place = [r.name for r in catalogue].index(release.name)
    started += datetime.timedelta(hours=place)
    run = f"{started:%Y%m%dT%H%M%S.%fZ}-{zlib.crc32(f'{machine} {release.name}'.encode()):08x}"
    taken = [
        record
        for configuration in params.configurations(framework)
        for record in _processes(
            catalogue, release, configuration, machine=machine, run=run, started=started
        )
    ]
    folder = records.folder(results, machine)
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(record.as_json()) + "\n" for record in taken)
    (folder / f"{run}.jsonl").write_text(lines, encoding="utf-8")
    if asv:
        _asv_result(results, catalogue, release, machine, taken)


def _cannot(release: Release, configuration: params.Configuration) -> str | None:
    """Why a made-up release cannot do a configuration, None where it can."""
    version, is_compiled = Version(release.version), configuration.is_compiled
    if configuration.backend == "theano" and version >= Version("2.4"):
        return "this Keras has no backend theano"
    if release.track == "keras" and is_compiled and version < Version("2.4"):
        return "this Keras cannot compile a step by XLA"
    if configuration.batch_norm == "mode 2" and version >= Version("2.0"):
        return "batch normalisation without running averages ended with Keras 1"
    if release.track == "tensorflow" and is_compiled and version < Version("1.12"):
        return "the wheel has no XLA"
    native = version >= Version("2.9") or is_compiled or release.track == "theano"
    if configuration.layout == "NCHW" and not native:
        return "NCHW on a CPU needs oneDNN or XLA: the framework says that it has NHWC only"
    return None


def _level_s(release: Release, configuration: params.Configuration, line: Sequence[str]) -> float:
    """Seconds of a step of a made-up release: the product of the shifts up to this release.

    line: the names of the releases of the track.
    """
    seconds = 0.42 * {"none": 1.0, "fused": 1.15, "mode 0": 1.2}.get(configuration.batch_norm, 1.45)
    seconds *= 0.8 if configuration.is_compiled else 1.0
    seconds *= 1.08 if configuration.layout == "NCHW" else 1.0
    for name in line[: line.index(release.name) + 1]:
        shared, own = _generator(name), _generator(name, str(configuration))
        if shared.random() < 0.12:
            seconds *= shared.choice((0.75, 0.85, 0.92, 1.06))
        if own.random() < 0.05:
            seconds *= own.choice((0.9, 1.08, 1.2))
    return seconds


def _processes(
    catalogue: Catalogue,
    release: Release,
    configuration: params.Configuration,
    *,
    machine: str,
    run: str,
    started: datetime.datetime,
) -> Iterator[records.Record]:
    """Yield the records of the processes of a configuration."""
    draw = _generator(machine, release.name, str(configuration))
    line = [of_track.name for of_track in catalogue.tracks[release.track].releases]
    facts = _facts_of_run(release, configuration, machine=machine, run=run, started=started)
    why = _cannot(release, configuration)
    if why is not None:
        outcome = {"round": 1, "outcome": records.NOT_APPLICABLE, "reason": why}
        yield records.Record.from_json({**facts, **outcome})
        return
    fails = draw.randrange(RARELY) == 0
    level = _level_s(release, configuration, line) * (1 + zlib.crc32(machine.encode()) % 7 / 10)
    for number in range(1, PROCESSES + 1):
        if fails and number == 2:
            error = "it was ended by SIGSEGV after 12.3 s"
            outcome = {"round": number, "outcome": records.FAILED, "error": error}
        else:
            outcome = {"round": number, **_outcome(release, configuration, level, draw)}
        yield records.Record.from_json({**facts, **outcome})


def _facts_of_run(
    release: Release,
    configuration: params.Configuration,
    *,
    machine: str,
    run: str,
    started: datetime.datetime,
) -> dict[str, Any]:
    """What the records of all processes of a configuration in a run have alike."""
    return {
        "schema": records.SCHEMA,
        "run": run,
        "started": started.isoformat(timespec="seconds"),
        "machine": machine,
        "track": release.track,
        "version": release.version,
        "release": release.name,
        "build": release.build,
        "commit": release.commit,
        "lock": require_lock(release, "cpu").digest,
        "interpreter": "the release's own",
        "profile": PROFILE,
        "device": "cpu",
        "workload": "quick",
        "benchmark": f"train_step.{configuration.framework}.time_train_step",
        "benchmark_version": measure.PROTOCOL,
        "configuration": configuration.values,
        "attributes": {},
        "cpus": 8,
        "load_before": [0.1, 0.1, 0.1],
        "variables": {},
    }


def _outcome(
    release: Release, configuration: params.Configuration, level: float, draw: random.Random
) -> dict[str, Any]:
    """What the record of a process that ends well has besides. level: the seconds of its step."""
    of_process = level * math.exp(draw.gauss(0, NOISE_OF_PROCESSES))
    samples = [of_process * math.exp(draw.gauss(0, NOISE_OF_SAMPLES)) for _ in range(SAMPLES)]
    first = of_process * (40 if configuration.is_compiled else 2)
    memory = int(1.6e9 * (1.25 if configuration.has_batch_norm else 1) * draw.uniform(1, 1.03))
    return {
        "outcome": records.OK,
        "samples": samples,
        "number": 1,
        "protocol": measure.PROTOCOL,
        "python": release.python,
        "build_s": 4.0 + draw.random(),
        "warm_up_s": [first, of_process, of_process],
        "losses": [6.912, 6.911, 6.910 + draw.randrange(3) * 1e-6],
        "last_loss": 6.9,
        "versions": {release.track: release.version},
        "peak_memory_bytes": memory,
        "exit_status": 0,
        "process_s": 30.0,
    }


def _asv_result(
    results: Path,
    catalogue: Catalogue,
    release: Release,
    machine: str,
    taken: Sequence[records.Record],
) -> None:
    """Store what asv would have stored after a run that left the records ``taken``."""
    facts = json.loads((results / machine / "machine.json").read_text())
    facts.pop("version")
    framework = catalogue.tracks[release.track].framework
    stored = Results(
        params={**facts, "python": PYTHON},
        requirements={},
        commit_hash=release.commit,
        date=release.timestamp_ms,
        python=PYTHON,
        env_name=environment_name(PROFILE),
        env_vars={"VGGBENCH_PROFILE": PROFILE},
    )
    groups = [
        [record for record in taken if record.configuration == configuration.values]
        for configuration in params.configurations(framework)
    ]
    for benchmark in _described(catalogue):
        if records.class_of(benchmark["name"]) != framework:
            continue
        method = records.method_of(benchmark["name"])
        answers = [_answer(group, method) for group in groups]
        stored.add_result(
            benchmark,
            BenchmarkResult(
                result=[value for value, _ in answers],
                samples=[samples for _, samples in answers],
                number=[samples and 1 for _, samples in answers],
                errcode=0,
                stderr="",
                profile=None,
            ),
        )
    stored.save(str(results))


def _answer(
    group: Sequence[records.Record], method: str
) -> tuple[float | None, list[float] | None]:
    """(what asv keeps of a configuration, its samples).

    group: the records of the configuration. method: that of the benchmark.
    """
    outcomes = {record.outcome for record in group}
    if records.FAILED in outcomes:
        return None, None
    if records.NOT_APPLICABLE in outcomes or method in measure.SAMPLED:
        return math.nan, None
    if method in measure.BY_PRODUCTS:
        return statistics.median(record.by_product(method) for record in group), None
    samples = [sample for record in group for sample in record.samples]
    return statistics.median(samples), samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tracks", nargs="+", default=["tensorflow", "keras", "theano"])
    parser.add_argument("--releases", type=int, default=40)
    parser.add_argument("--machines", type=int, default=1)
    options = parser.parse_args()
    print(checkout(options.folder, options.tracks, options.releases, options.machines))


if __name__ == "__main__":
    main()
