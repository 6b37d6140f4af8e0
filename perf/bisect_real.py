"""Real bisections: is the build named, within an hour, from a warm cache?

    python perf/bisect_real.py keras        # goes on with a case
    python perf/bisect_real.py              # prints all cases

The cases are Keras on Theano, TensorFlow with XLA over its release candidates and patch releases,
and ten nightlies of TensorFlow, which all have a slow-down planted from one date on (planted.py).
Before its first search, a case gets what it needs into uv's cache; that is not timed. What was done
is kept in a folder, with the records of the blocks: run a case again to go on. The hour is that of
all calls of `vggbench bisect` together, whatever came of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any

import planted
from shared import common, copies

from vggbench.campaigns.bisect import line
from vggbench.checkout import Checkout
from vggbench.errors import VggbenchError
from vggbench.releases import builds, index, locks
from vggbench.releases.builds import BuildCatalogue
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments, remove

DEVICE = "cpu"

#: Seconds within which a build must be named.
WITHIN_S = 3600.0

#: The nightlies that are searched, how many, and the first with the slow-down.
NIGHTLY, MANY, FIRST_PLANTED = "tensorflow-nightly", 10, 6


@dataclass(frozen=True)
class Case:
    """A search. ``ends`` takes its folder, makes what it needs, and returns the releases, the good
    end and the bad end. ``backend``: that of the configuration that ``bench`` selects.
    ``named``: takes the folder, and returns the build that must be named; None where any may."""

    what: str
    bench: str
    _: KW_ONLY
    ends: Callable[[Path], tuple[Path, str, str]]
    backend: str | None = None
    named: Callable[[Path], str | None] = lambda folder: None
    offline: bool = False


def _shipped(good: str, bad: str) -> Callable[[Path], tuple[Path, str, str]]:
    return lambda folder: (common.ROOT / "releases", good, bad)


def _nightlies(folder: Path) -> tuple[Path, str, str]:
    """A track of MANY nightlies, of which those from FIRST_PLANTED on are slowed down."""
    releases = folder / "releases"
    names = folder / "nightlies.json"
    if not names.exists():
        shutil.rmtree(releases, ignore_errors=True)
        for track in ("tensorflow", NIGHTLY):
            shutil.copytree(common.ROOT / "releases" / track, releases / track)
        for path in (releases / NIGHTLY).glob("*"):
            if path.name != "track.json":
                path.unlink()
        slower = planted.wheel(folder)
        found = _newest_nightlies(releases)
        added = [
            _add(releases, each, [slower] if place >= FIRST_PLANTED else [])
            for place, each in enumerate(found)
        ]
        names.write_text(json.dumps(added))
    added = json.loads(names.read_text())
    return releases, added[0], added[-1]


def _newest_nightlies(releases: Path) -> list[index.Listed]:
    """The newest nightlies that the index has, oldest first, all of one version to come."""
    track = Catalogue(releases).tracks[NIGHTLY]
    (package,) = line.packages(track)[:1]
    dated = [
        each
        for each in index.versions_of(package, track.index)
        if each.version.is_devrelease and each.uploaded is not None and each.yanked is None
    ]
    newest = [each for each in dated if each.version.release == dated[-1].version.release][-MANY:]
    if len(newest) < MANY:
        raise SystemExit(
            f"the index has only {len(newest)} nightlies of one version; {MANY} wanted"
        )
    return newest


def _add(releases: Path, listed: index.Listed, more: Sequence[str]) -> str:
    """Put a nightly on its track, with ``more`` lines in its lock. Returns its name."""
    catalogue = Catalogue(releases)
    track = catalogue.tracks[NIGHTLY]
    assert listed.uploaded is not None
    date = listed.uploaded.date().isoformat()
    release = locks.new_release(catalogue, track, str(listed.version), date=date)
    release = locks.lock(catalogue, release, DEVICE)
    path = catalogue.lock_path(release, DEVICE)
    with path.open("a") as file:
        file.writelines(f"{text}\n" for text in more)
    digest = catalogue.digest_of(release, path)
    lock = replace(release.locks[DEVICE], digest=digest)
    catalogue.write(replace(release, locks={DEVICE: lock}))
    print(f"{release.name}: locked{', with the slow-down' if more else ''}", flush=True)
    return release.name


def _planted(folder: Path) -> str:
    added: list[str] = json.loads((folder / "nightlies.json").read_text())
    return added[FIRST_PLANTED]


CASES = {
    "keras": Case(
        "Keras 2.0.6 to 2.1.0 on Theano",
        r"Keras\.time_train_step\('theano', 'NCHW', 'none', 'off'\)",
        ends=_shipped("keras-2.0.6", "keras-2.1.0"),
        backend="theano",
    ),
    "tensorflow": Case(
        "TensorFlow 2.17.1 to 2.18.1 with XLA",
        r"TensorFlow\.time_train_step\('NHWC', 'none', 'on'\)",
        ends=_shipped("tensorflow-2.17.1", "tensorflow-2.18.1"),
    ),
    "nightlies": Case(
        f"{MANY} nightlies of TensorFlow, {planted.SLOW_DOWN:.0%} planted from one date on",
        r"TensorFlow\.time_train_step\('NHWC', 'none', 'off'\)",
        ends=_nightlies,
        named=_planted,
        # The index has other nightlies between these, without the slow-down.
        offline=True,
    ),
}


def go_on(name: str, case: Case, folder: Path) -> None:
    """Search until the case is answered or its time is spent."""
    folder.mkdir(parents=True, exist_ok=True)
    releases, good, bad = case.ends(folder)
    checkout = folder / "checkout"
    if not (checkout / "whole").exists():
        shutil.rmtree(checkout, ignore_errors=True)
        common.checkout(
            checkout,
            releases=releases,
            env_dir=folder / "env",
            benchmarks=common.ROOT / "benchmarks",
        )
        (checkout / "whole").touch()
    if not (folder / "warm").exists():
        _warm(case, checkout, folder, good, bad)
        (folder / "warm").touch()
    state = copies.State(folder / "calls.jsonl")
    left_s = WITHIN_S - sum(call["seconds"] for call in state.read())
    if _answer(state.read()) is not None or left_s < 1:
        return
    env = common.surroundings(checkout)
    if case.offline:
        env["UV_OFFLINE"] = "1"
    found = None
    began = time.monotonic()
    try:
        done = subprocess.run(
            [
                *(str(common.VGGBENCH), "bisect", good, bad),
                *("--bench", case.bench, "--budget", f"{left_s:.0f}s", "--json"),
            ],
            cwd=checkout,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = _told(done.stdout)
    finally:
        # What a call took counts, however it ended.
        state.add({"seconds": time.monotonic() - began, "found": found})
    if found is None:
        raise SystemExit(f"vggbench bisect ended with {done.returncode}; run {name} again")


def _told(output: str) -> dict[str, Any] | None:
    """The JSON of `vggbench bisect`; None where it was ended before it had printed all of it."""
    try:
        told: dict[str, Any] = json.loads(output)
    except ValueError:
        return None
    return told


def _warm(case: Case, checkout: Path, folder: Path, good: str, bad: str) -> None:
    """Have uv's cache hold what the builds between both ends need. Locks and environments are made
    aside and removed, so that the search makes its own."""
    main = Checkout(str(checkout / "asv.conf.json")).catalogue
    tracks = line.tracks_of(main, line.track_of(main, good))
    own = BuildCatalogue(main, folder / "warm-builds", tracks)
    environments = Environments(folder / "warm-env", own)
    for build in line.between(main, own, good, bad).builds:
        if case.offline and not own.is_on_track(build.name):
            continue
        try:
            release = own.locked(build.track, build.version, DEVICE, case.backend, date=build.date)
            name = builds.lock_name(build.track, build.version, DEVICE, case.backend)
            environments.ensure(release, str(name), lambda text: print(text, flush=True))
            remove(environments.path(release, str(name)))
        except VggbenchError as err:
            print(f"{build.name}: {err}", flush=True)


def _found(calls: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What the last call found that told anything."""
    told: list[dict[str, Any]] = [call["found"] for call in calls if call["found"] is not None]
    return told[-1] if told else None


def _answer(calls: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What was found, where it needs no further call."""
    found = _found(calls)
    return found if found is not None and found["outcome"] != "not named" else None


def unknown_between(found: dict[str, Any]) -> list[str]:
    """The unknown builds between the two that are named."""
    names = [build["name"] for build in found["builds"]]
    if found["outcome"] != "named":
        return []
    between = found["builds"][names.index(found["before"]) + 1 : names.index(found["after"])]
    return [build["name"] for build in between if build["unknown"] is not None]


def report(case: Case, folder: Path) -> int:
    calls = copies.State(folder / "calls.jsonl").read()
    wanted = f"named within {WITHIN_S / 60:.0f} min, no unknown build between the two"
    if not calls:
        common.keep(case.what, wanted, "nothing", "not run")
        print(f"{case.what}: not run")
        return 0
    found = _found(calls)
    seconds = sum(call["seconds"] for call in calls)
    if found is None:
        return common.report(case.what, wanted, f"no answer in {seconds / 60:.0f} min", False)
    visited = sum(build["blocks"] > 0 for build in found["builds"])
    reached = (
        f"{found['outcome']}: {found['before']} to {found['after']}, "
        f"{_percent(found['ratio'])} ({found['blocks']} blocks, {visited} of "
        f"{len(found['builds'])} builds, {seconds / 60:.0f} min)"
    )
    unknown = unknown_between(found)
    reached += "".join(f", {name} between them unknown" for name in unknown)
    right = case.named(folder)
    good = found["outcome"] == "named" and seconds <= WITHIN_S and not unknown
    if right is not None:
        wanted += f", as {right}"
        good = good and found["after"] == right
    return common.report(case.what, wanted, reached, good)


def _percent(ratio: float | None) -> str:
    return "no ratio" if ratio is None else f"{ratio - 1:+.1%}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="?", choices=tuple(CASES))
    parser.add_argument("--state", type=Path, default=common.ROOT / ".asv" / "bisect-real")
    options = parser.parse_args()
    folder = options.state.absolute()
    if options.case is not None:
        go_on(options.case, CASES[options.case], folder / options.case)
        return report(CASES[options.case], folder / options.case)
    return max(report(case, folder / name) for name, case in CASES.items())


if __name__ == "__main__":
    sys.exit(main())
