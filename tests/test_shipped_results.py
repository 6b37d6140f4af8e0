"""The history that is shipped: whole, of releases on the tracks, published without a warning, and
judged as it was when it was committed.

The golden files have a row for every verdict of a machine. To write them anew after results (once
git has them: git add results) or the verdict changed, and look at the difference:

    VGGBENCH_WRITE_GOLDEN=1 .venv/bin/pytest tests/test_shipped_results.py; git diff tests
"""

from __future__ import annotations

import ast
import itertools
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from asv import results, util

from vggbench import records, web
from vggbench.inside.params import choices_of
from vggbench.judging import growth, verdicts
from vggbench.judging.phrases import change, growth_of
from vggbench.records import stretches
from vggbench.records.record import TIMED
from vggbench.releases.catalogue import Catalogue
from vggbench.stats.policy import UNCHANGED

from .browser import Surf
from .once import once

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
CATALOGUE = Catalogue(ROOT / "releases")

#: The command that writes the golden files.
WRITE = "VGGBENCH_WRITE_GOLDEN=1 .venv/bin/pytest tests/test_shipped_results.py; git diff tests"

#: How many rows of verdicts a failing test prints.
MOST_ROWS = 20

#: Bytes that results/ may take in the repository.
MOST_BYTES = 40_000_000

#: Prints what asv stores of each benchmark, as JSON: its source and its version, by its name.
DISCOVER = """
import json

from asv_runner.discovery import disc_benchmarks

found = disc_benchmarks("benchmarks")
print(json.dumps({each.name: [each.code, each.version] for each in found}))
"""

#: An asv that says which of its lines are warnings.
LOUD_ASV = """
import sys

from asv import main
from asv.console import log

warn = log.warning
log.warning = lambda text, *args, **more: warn(f"WARNED: {text}", *args, **more)
sys.exit(main.main())
"""


def shipped_files() -> list[Path]:
    """The files in results/ that git has, without what was measured here; all files in a copy
    without git."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode != 0:
        return [path.relative_to(ROOT) for path in (ROOT / "results").rglob("*") if path.is_file()]
    return [Path(name) for name in done.stdout.split("\0") if name]


MACHINES = sorted({path.parts[1] for path in shipped_files() if len(path.parts) > 2})


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the shipped results and nothing else. Only to be read, and published."""

    def fill(folder: Path) -> None:
        for file in shipped_files():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, folder / file)
        for name in ("releases", "benchmarks"):
            (folder / name).symlink_to(ROOT / name)
        conf = util.load_json(str(ROOT / "asv.conf.json"), js_comments=True)
        (folder / "asv.conf.json").write_text(json.dumps(conf))

    return once(tmp_path_factory, "shipped", fill)


def taken(folder: Path, machine: str) -> list[records.Record]:
    complaints: list[str] = []
    found = list(records.read(folder / "results", machine, complaints.append))
    assert not complaints
    return found


def test_the_benchmarks_that_asv_quotes_are_those_of_today() -> None:
    """Else a first run would change the file, which git knows."""
    done = subprocess.run(
        [sys.executable, "-c", DISCOVER], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stored = json.loads((ROOT / "results" / "benchmarks.json").read_text())
    del stored["version"]
    told = {name: [each["code"], each["version"]] for name, each in stored.items()}
    assert told == json.loads(done.stdout), "asv run --bench just-discover, in a clone"


def test_a_history_is_shipped() -> None:
    assert MACHINES
    assert sum((ROOT / file).stat().st_size for file in shipped_files()) < MOST_BYTES


@pytest.mark.parametrize("machine", MACHINES)
def test_it_was_measured_in_sittings_on_one_processor(shipped: Path, machine: str) -> None:
    found = stretches.sittings(shipped / "results", machine)
    assert len({json.dumps(sitting["processor"], sort_keys=True) for sitting in found}) == 1
    runs = {r.run for r in taken(shipped, machine) if r.calibrates}
    assert runs <= {sitting["run"] for sitting in found}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_record_is_of_a_release_on_a_track(shipped: Path, machine: str) -> None:
    on_tracks = {release.commit: release for release in CATALOGUE}
    for record in taken(shipped, machine):
        release = on_tracks[record.commit]
        assert record.release == release.name
        if record.variant is not None:  # it has a lock of its own, and is evidence for nothing else
            assert record.separates
        else:
            assert record.lock in {lock.digest for lock in release.locks.values()}
        assert record.why_no_evidence(machine, CATALOGUE) is None
    assert {r.machine for r in taken(shipped, machine)} == {machine}


@pytest.mark.parametrize("machine", MACHINES)
def test_no_process_was_counted_twice(shipped: Path, machine: str) -> None:
    counted = Counter(
        (
            record.run,
            record.commit,
            record.profile,
            record.key,
            record.round,
        )
        for record in taken(shipped, machine)
        if record.outcome != records.INTERRUPTED and record.is_ordinary
    )
    assert set(counted.values()) == {1}


def stored(folder: Path, machine: str) -> Iterator[tuple[str, str, str, float | None]]:
    """What asv has of the train step: (commit, benchmark, configuration, seconds)."""
    for path in (folder / "results" / machine).glob("*-*.json"):
        result = results.Results.load(str(path), machine)
        for benchmark in result.get_all_result_keys():
            if not benchmark.endswith(TIMED):
                continue
            params = result.get_result_params(benchmark)
            names = list(choices_of(benchmark.split(".")[1]))
            values = result.get_result_value(benchmark, params)
            for words, value in zip(itertools.product(*params), values, strict=True):
                chosen = dict(zip(names, map(ast.literal_eval, words), strict=True))
                yield result.commit_hash, benchmark, records.canonical(chosen), value


@pytest.mark.parametrize("machine", MACHINES)
def test_records_and_asvs_results_agree(shipped: Path, machine: str) -> None:
    groups: dict[tuple[str, str, str], list[records.Record]] = {}
    for record in taken(shipped, machine):
        if record.is_timed:
            place = (record.commit, record.benchmark, records.canonical(record.configuration))
            groups.setdefault(place, []).append(record)
    of_asv = {(c, b, words): value for c, b, words, value in stored(shipped, machine)}
    answered = 0
    for place, group in groups.items():
        newest = records.newest_run(group)
        outcome = records.outcome_of(newest).outcome
        if outcome == records.INTERRUPTED or place not in of_asv:
            continue  # asv stores a release when all of it is measured
        value = of_asv[place]
        answered += 1
        if outcome == records.OK:
            samples = [sample for record in newest for sample in record.samples]
            assert value == pytest.approx(statistics.median(samples)), place
        elif outcome == records.NOT_APPLICABLE:
            assert value is not None
            assert math.isnan(value), place
        else:
            assert value is None, place
    numbers = {place for place, value in of_asv.items() if value and not math.isnan(value)}
    assert numbers <= set(groups)
    assert answered >= 0.9 * len(groups)


@pytest.fixture(scope="session")
def published(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the pages of the shipped results, and what asv said."""
    if not web.is_current():
        pytest.skip("the scripts of the pages are not here: make setup")

    def fill(folder: Path) -> None:
        program = folder / "asv"
        program.write_text(LOUD_ASV)
        done = subprocess.run(
            [sys.executable, str(program), "publish"],
            cwd=shipped,
            env={**os.environ, "HOME": str(shipped)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        (folder / "said").write_text(done.stdout)

    said = once(tmp_path_factory, "shipped-published", fill) / "said"
    return shipped / ".asv" / "html", said.read_text()


@pytest.mark.asv
def test_it_is_published_without_a_warning_and_without_an_environment(
    shipped: Path, published: tuple[Path, str]
) -> None:
    html, said = published
    assert not [line for line in said.splitlines() if "WARNED: " in line], said
    assert not (shipped / ".asv" / "env" / "releases").exists()
    index = json.loads((html / "data" / "index.json").read_text())
    assert {line["machine"] for line in index["lines"]} == set(MACHINES)


@pytest.mark.asv
@pytest.mark.browser
@pytest.mark.parametrize("machine", MACHINES)
def test_the_first_page_shows_it_and_its_machine(
    published: tuple[Path, str], surf: Surf, machine: str
) -> None:
    facts = json.loads((ROOT / "results" / machine / "machine.json").read_text())
    with surf(published[0]) as visit:
        visit.goto(f"index.html?machine={machine}")
        visit.page.wait_for_selector("html[data-drawn]", state="attached")
        text = visit.page.inner_text("main")
    gigabytes = round(int(facts["ram"]) / 1e9)
    assert f"{facts['cpu']} · {facts['num_cpu']} CPUs · {gigabytes} GB · {facts['os']}" in text


def by_subject(rows: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The outcome and the change of each row, by what the verdict is of."""
    cells = [row.rsplit(" | ", 2) for row in rows]
    found = {subject: (outcome, changed) for subject, outcome, changed in cells}
    assert len(found) == len(rows), "two rows have the same release, configuration and measure"
    return found


def what_changed(golden: Sequence[str], rows: Sequence[str]) -> str:
    """How many verdicts changed, and how, with the first rows; "" where all are the same."""
    before, now = by_subject(golden), by_subject(rows)
    both = [subject for subject in before if subject in now]
    flipped = [subject for subject in both if before[subject][0] != now[subject][0]]
    moved = [one for one in both if before[one][0] == now[one][0] and before[one][1] != now[one][1]]
    added = [subject for subject in now if subject not in before]
    gone = [subject for subject in before if subject not in now]
    changed = [*flipped, *added, *gone, *moved]
    if not changed:
        return "" if list(golden) == list(rows) else "the rows of the verdicts have another order"

    def told(row: tuple[str, str] | None) -> str:
        return "no verdict" if row is None else " | ".join(row)

    flips = Counter(f"{before[one][0]} -> {now[one][0]}" for one in flipped)
    kinds = ", ".join(f"{count} {flip}" for flip, count in flips.most_common())
    counted = [
        f"{len(flipped)} of {len(before)} verdicts flipped" + (f": {kinds}" if kinds else "")
    ]
    others = ((added, "new"), (gone, "gone"), (moved, "of another size"))
    counted += [f"{len(those)} {what}" for those, what in others if those]
    lines = ["; ".join(counted)]
    lines += [
        f"{one}: {told(before.get(one))} -> {told(now.get(one))}" for one in changed[:MOST_ROWS]
    ]
    if len(changed) > MOST_ROWS:
        lines.append(f"... and {len(changed) - MOST_ROWS} more")
    return "\n".join(lines)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_verdicts_are_those_of_the_golden_file(shipped: Path, machine: str) -> None:
    evidence = verdicts.gather(machine, taken(shipped, machine), CATALOGUE)
    rows = [
        f"{verdict.release} | {verdict.words} | {verdict.measure} | {verdict.outcome} | "
        f"{change(verdict)}"
        for track in CATALOGUE.tracks
        for verdict in verdicts.of_track(evidence, track)
    ]
    golden = GOLDEN / f"{machine}.txt"
    if os.environ.get("VGGBENCH_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text("".join(f"{row}\n" for row in rows))
    if not golden.exists():
        pytest.fail(f"{golden} is not there. To write it: {WRITE}", pytrace=False)
    changed = what_changed(golden.read_text().splitlines(), rows)
    if changed:
        pytest.fail(f"{machine}: {changed}\nTo write {golden.name} anew: {WRITE}", pytrace=False)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_settles_in_the_shipped_results_is_taken_for_no_leak(
    shipped: Path, machine: str
) -> None:
    """docs/method.md says that the threshold of memory growth follows from these."""
    evidence = verdicts.gather(machine, taken(shipped, machine), CATALOGUE)
    found = [verdict for track in CATALOGUE.tracks for verdict in growth.of_track(evidence, track)]
    leaks = [
        f"{verdict.release} | {verdict.words} | {verdict.outcome} | {growth_of(verdict.after)}"
        for verdict in found
        if growth.is_news(verdict)
    ]
    assert found
    assert leaks == []
    unchanged = sum(verdict.outcome == UNCHANGED for verdict in found)
    assert unchanged > 0.8 * len(found)


def test_a_golden_file_that_differs_says_what_flipped_and_how_often() -> None:
    def rows(*outcomes: str, size: str = "+1.0 % (-1.0 to +3.0)") -> list[str]:
        return [
            f"a-{number}.0 | NHWC | step | {one} | {size}" for number, one in enumerate(outcomes)
        ]

    golden = rows("unchanged", "unchanged", "regressed", "not sure")
    assert what_changed(golden, golden) == ""
    assert what_changed(golden, golden[::-1]) == "the rows of the verdicts have another order"
    found = rows("not sure", "not sure", "improved", "not sure", "new")
    counted, first, *_, last = what_changed(golden, found).splitlines()
    assert counted == (
        "3 of 4 verdicts flipped: 2 unchanged -> not sure, 1 regressed -> improved; 1 new"
    )
    assert first == (
        "a-0.0 | NHWC | step: unchanged | +1.0 % (-1.0 to +3.0) -> not sure | +1.0 % (-1.0 to +3.0)"
    )
    assert last == "a-4.0 | NHWC | step: no verdict -> new | +1.0 % (-1.0 to +3.0)"
    fewer = rows("unchanged", "unchanged", size="+2.0 % (-1.0 to +5.0)")
    counted, *_ = what_changed(golden, fewer).splitlines()
    assert counted == "0 of 4 verdicts flipped; 2 gone; 2 of another size"


def test_of_many_verdicts_that_flipped_only_the_first_are_printed() -> None:
    golden, found = (
        [f"a-{number}.0 | NHWC | step | {outcome} | -" for number in range(30)]
        for outcome in ("new", "failed")
    )
    counted, *shown, more = what_changed(golden, found).splitlines()
    assert counted == "30 of 30 verdicts flipped: 30 new -> failed"
    assert len(shown) == MOST_ROWS
    assert more == "... and 10 more"


def shown_machines() -> list[str]:
    """The machines that `make shown` shows, in the order of the Makefile."""
    found = re.search(r"^SHIPPED := (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert found
    return found[1].split()


def test_every_machine_that_is_shipped_is_shown() -> None:
    assert sorted(shown_machines()) == MACHINES


def test_the_docs_show_what_is_shipped(shipped: Path) -> None:
    """What `make shown` writes; run it where this fails, after new results or a new release."""
    shutil.copyfile(ROOT / "docs" / "README.md", shipped / "README.md")
    machines = [f"--machine={machine}" for machine in shown_machines()]
    command = [Path(sys.executable).parent / "vggbench", "findings"]
    for options in (
        [*machines, "--picture", "tensorflow.svg", "--output", "findings.md"],
        [machines[0], "--into", "README.md"],
    ):
        subprocess.run([*command, *options], cwd=shipped, check=True)
    assert (shipped / "findings.md").read_text() == (ROOT / "docs" / "findings.md").read_text()
    assert (shipped / "README.md").read_text() == (ROOT / "docs" / "README.md").read_text()
