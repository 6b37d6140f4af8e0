"""``vggbench history`` on the tiny track: what it measures, and how it goes on."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from vggbench.campaigns import causes
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.history.forecast import GUESS_BYTES, GUESS_WITH_TORCH_BYTES
from vggbench.campaigns.history.history import History, cost_of, lacks_room
from vggbench.campaigns.history.plan import Stage, Unit
from vggbench.campaigns.variants import ChangeBack
from vggbench.records import stretches
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.locks import sha256
from vggbench.runs import processor
from vggbench.stats.policy import LEAST_BLOCKS

from ...records.factory import CATALOGUE, sitting_line
from ...tiny import MACHINE, ROUNDS, Ended, Tiny, write_wheel

pytestmark = pytest.mark.asv

PLAN = """
anchors = ["tinyframe-1.0", "otherframe-7.0"]
anchor_processes = 2

[[stage]]
name = "plain"
releases = "tinyframe otherframe"
bench = ["plain"]

[[stage]]
name = "rest"
releases = "tinyframe>=1.2"
bench = ["fused", "impossible"]
"""

#: What is compared by duets; a step in 1.2 takes three times as long as in 1.1.
DUETS = """
[[duets]]
name = "neighbours"
releases = "tinyframe-1.1 tinyframe-1.2"
bench = ["plain"]
budget = "2m"
"""

#: Found, or excluded, in as few blocks as there may be.
ROUGH = ("--threshold", "10%")

#: What has to be measured: (release, mode).
WANTED = {
    *((f"tinyframe-{version}", "plain") for version in ("1.0", "1.1", "1.2", "1.10", "2.0")),
    *(
        (f"tinyframe-{version}", mode)
        for version in ("1.2", "1.10", "2.0")
        for mode in ("fused", "impossible")
    ),
    ("otherframe-7.0", "plain"),
}


@pytest.fixture
def planned(tiny: Tiny) -> Tiny:
    (tiny.folder / "history.toml").write_text(PLAN)
    return tiny


def history(tiny: Tiny, *options: str, status: int = 0, **kwargs) -> Ended:
    done = tiny.vggbench("history", *options, **kwargs)
    assert done.status == status, done.output
    return done


def of_asv(tiny: Tiny) -> list[dict]:
    return [record for record in tiny.records() if "purpose" not in record]


def of_the_plan(tiny: Tiny) -> list[dict]:
    """The records of what the stages ask for. How many duets compare and separate is a matter of
    chance: memory and first steps are real here."""
    return [record for record in tiny.records() if record.get("purpose") != "duet"]


def ended(tiny: Tiny) -> Counter:
    """How many processes of asv's runs have ended, by release, mode and round."""
    return Counter(
        (record["release"], record["configuration"]["mode"], record["round"])
        for record in of_asv(tiny)
        if record["outcome"] != "interrupted"
    )


def anchors(tiny: Tiny) -> Counter:
    """How many processes of anchors have ended, by release and sitting."""
    return Counter(
        (record["release"], record["run"])
        for record in tiny.records()
        if record.get("purpose") == "calibrate" and record["outcome"] == "ok"
    )


def a_day_passes(tiny: Tiny) -> None:
    """All that was measured was measured a day earlier."""
    files = [*tiny.machine_results.glob("records/*.jsonl"), stretches.path(tiny.results, MACHINE)]
    for file in files:
        lines = []
        for line in file.read_text().splitlines():
            told = json.loads(line)
            told["started"] = earlier(told["started"])
            told["run"] = run_earlier(told["run"])
            lines.append(json.dumps(told) + "\n")
        file.unlink()
        named = file.name if file.stem == "sessions" else f"{run_earlier(file.stem)}.jsonl"
        file.with_name(named).write_text("".join(lines))


def run_earlier(run: str) -> str:
    started, _, digits = run.partition("-")
    form = "%Y%m%dT%H%M%S.%fZ"
    return f"{datetime.strptime(started, form) - timedelta(days=1):{form}}-{digits}"


def earlier(text: str) -> str:
    return (datetime.fromisoformat(text) - timedelta(days=1)).isoformat()


def test_all_is_measured_once_stage_by_stage_and_then_nothing(planned: Tiny) -> None:
    done = history(planned)
    assert "All is measured" in done
    assert {(release, mode) for release, mode, _ in ended(planned)} == WANTED
    assert set(ended(planned).values()) == {1}
    order = [(r["release"], r["configuration"]["mode"]) for r in of_asv(planned)]
    stages = [mode == "plain" for _, mode in dict.fromkeys(order)]
    assert stages == sorted(stages, reverse=True), "the first stage comes first"
    plain = [release for release, mode in dict.fromkeys(order) if mode == "plain"]
    assert plain[0] == "tinyframe-1.0"
    assert plain[-1] == "otherframe-7.0", "tracks come in the order of the stage"
    assert planned.values("tinyframe-2.0")["fused"] == pytest.approx(0.03)
    (sitting,) = stretches.sittings(planned.results, MACHINE)
    assert sitting["processor"] == processor.processor()
    assert anchors(planned) == {("tinyframe-1.0", sitting["run"]): 2}
    assert "anchor tinyframe-1.0 plain: measured for the first time" in done
    assert "anchor otherframe-7.0 plain: not measured, see above" in done, "it is n/a there"

    before = of_the_plan(planned)
    done = history(planned)
    assert "9 of 9 runs are done" in done
    assert of_the_plan(planned) == before


def test_what_is_left_is_forecast_and_a_dry_run_measures_nothing(planned: Tiny) -> None:
    done = history(planned, "--dry-run", status=1)
    assert "0 of 9 runs are done; the rest takes about" in done
    assert done.lines_with("  plain: 6 runs, about ")
    assert done.lines_with("  rest: 3 runs, about ")
    assert "tinyframe-1.10" not in done
    assert "With --verbose each run and each comparison is listed." in done
    done = history(planned, "--dry-run", "--verbose", status=1)
    assert done.lines_with("  rest: 3 runs, about ")
    assert done.lines_with("    tinyframe-1.10 (rest): about")
    assert "With --verbose" not in done
    assert not planned.records()
    assert not stretches.path(planned.results, MACHINE).exists()


def test_a_budget_ends_it_before_a_release_and_the_next_time_goes_on(planned: Tiny) -> None:
    done = history(planned, "--budget", "1s", status=1)
    assert "The budget is spent: 0 of 9 runs are done" in done
    assert not of_asv(planned)
    first = anchors(planned)
    history(planned)
    assert {(release, mode) for release, mode, _ in ended(planned)} == WANTED
    assert anchors(planned) == first, "the sitting went on: its anchors were measured"


def test_killed_at_random_moments_it_repeats_only_the_process_that_ran(planned: Tiny) -> None:
    draw = random.Random(7)
    kills = 0
    while kills < 5:
        process = planned.popen("history", program="vggbench")
        time.sleep(draw.uniform(0.7, 3))
        if process.poll() is not None:
            assert process.returncode == 0, process.communicate()[0]
            break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    before = planned.records()
    history(planned)
    assert kills >= 3, "it was over before it was killed: this test has seen nothing"
    lost = [record for record in before if record not in planned.records()]
    assert not lost
    assert {(release, mode) for release, mode, _ in ended(planned)} == WANTED
    assert set(ended(planned).values()) == {1}, "no process that had ended was run again"
    impossible = {
        (record["release"], record["configuration"]["mode"])
        for record in of_asv(planned)
        if record["outcome"] == "n/a"
    }
    for one in WANTED:
        rounds = sorted(number for *those, number in ended(planned) if tuple(those) == one)
        assert rounds == ([1] if one in impossible else list(range(1, ROUNDS + 1)))
    interrupted = [r for r in planned.records() if r["outcome"] == "interrupted"]
    assert len(interrupted) <= kills
    assert set(anchors(planned).values()) == {2}
    # asv's results have what the records have.
    for release, mode, _ in ended(planned):
        if mode != "impossible" and release.startswith("tinyframe"):
            samples = planned.result(release).get_result_samples(
                "train_step.Tiny.time_train_step", [[repr(mode)]]
            )
            assert len(samples[0]) == 5 * ROUNDS, (release, mode)


def test_after_a_pause_the_anchors_and_the_neighbour_are_measured_again(planned: Tiny) -> None:
    plan = planned.folder / "history.toml"
    plan.write_text(PLAN.replace('"tinyframe otherframe"', '"tinyframe<1.2"'))
    history(planned, status=0)
    plan.write_text(PLAN)
    again = "    tinyframe-1.1 (plain): about"
    assert not history(planned, "--dry-run", "-v", status=1).lines_with(again)
    a_day_passes(planned)
    assert history(planned, "--dry-run", "-v", status=1).lines_with(again), "the forecast counts it"
    done = history(planned)
    first, second = stretches.sittings(planned.results, MACHINE)
    assert set(anchors(planned).values()) == {2}
    assert {run for _, run in anchors(planned)} == {first["run"], second["run"]}
    assert "within the machine's noise" in done
    plain = Counter(release for release, mode, _ in ended(planned).elements() if mode == "plain")
    assert plain["tinyframe-1.1"] == 2 * ROUNDS, "1.2 is held against it"
    assert plain["tinyframe-1.0"] == ROUNDS
    assert plain["tinyframe-1.2"] == ROUNDS


def test_a_machine_that_became_slower_is_reported(planned: Tiny) -> None:
    history(planned)
    (planned.folder / "history.toml").write_text(PLAN.replace(">=1.2", ">=1.1"))
    a_day_passes(planned)
    done = history(planned, env={"TINY_FACTORS": "1.0:1.5"})
    (line,) = done.lines_with("anchor tinyframe-1.0 plain: +50")
    assert "MORE THAN THE MACHINE'S NOISE" in line
    told = planned.vggbench("findings").output.partition("### Anchors")[2]
    rows = [line for line in told.splitlines() if line.endswith(" %) |")]
    assert len(rows) == len(stretches.sittings(planned.results, MACHINE))
    assert "10 ms (+0.0 %)" in rows[0]
    assert "15 ms (+50.0 %)" in rows[-1]


def test_another_processor_is_refused(planned: Tiny) -> None:
    file = stretches.path(planned.results, MACHINE)
    file.parent.mkdir(parents=True)
    other = {**processor.processor(), "model": "none such", "instruction sets": "sse2"}
    file.write_text(sitting_line(other))
    done = history(planned, status=2)
    (line,) = done.lines_with("this is not the processor")
    assert "model is" in line
    assert "was none such;" in line
    assert not planned.records()

    file.write_text("no sitting\n")
    done = history(planned, status=2)
    assert f"{file}:1 is no sitting: " in done


def test_environments_are_freed_before_they_take_more_than_is_allowed(bare_tiny: Tiny) -> None:
    (bare_tiny.folder / "history.toml").write_text(PLAN)
    done = history(bare_tiny, "--environments", "1M")
    assert done.lines_with("freed tinyframe-1.0-b1-cpu")
    assert {(release, mode) for release, mode, _ in ended(bare_tiny)} == WANTED


def test_a_unit_takes_the_environments_of_all_its_backends() -> None:
    release = CATALOGUE.tracks["keras"].releases[-1]
    own = replace(release.locks["cpu"], name="cpu-theano")
    release = replace(release, locks={**release.locks, "cpu-theano": own})
    for backends, names in (
        (["tensorflow"], {"cpu"}),
        (["theano"], {"cpu", "cpu-theano"}),
        (["tensorflow", "theano"], {"cpu", "cpu-theano"}),
    ):
        configurations = [SimpleNamespace(backend=backend) for backend in backends]
        of = SimpleNamespace(device="cpu", _own=lambda unit, own=configurations: own)
        unit = Unit(Stage("plain", (release,), ()), release, None)
        assert {lock.name for lock in History._locks(of, unit)} == names


def freeing(*installed: str) -> tuple[SimpleNamespace, list[tuple[str, int]]]:
    """A history where these releases are installed, and for what it frees how many bytes."""
    freed: list[tuple[str, int]] = []
    environments = SimpleNamespace(
        installed=lambda release, lock: "a marker" if release.name in installed else None
    )
    checkout = SimpleNamespace(environments=environments)
    of = SimpleNamespace(
        _checkout=checkout, _free=lambda name, coming: freed.append((name, coming))
    )
    return of, freed


TORCH = CATALOGUE.tracks["torch"].releases[-2:]
TENSORFLOW = CATALOGUE.tracks["tensorflow"].releases[-2:]


@pytest.mark.parametrize("installed", [0, 1, 2])
@pytest.mark.parametrize(
    ("releases", "each"), [(TENSORFLOW, GUESS_BYTES), (TORCH, GUESS_WITH_TORCH_BYTES)]
)
def test_room_is_made_for_what_two_releases_take_unless_both_are_there(
    releases: Sequence[Release], each: int, installed: int
) -> None:
    of, freed = freeing(*[release.name for release in releases[:installed]])
    both = [(release, release.lock_for("cpu")) for release in releases]
    History._make_room_for_two(of, "a comparison", both)
    assert freed == ([] if installed == 2 else [("a comparison", 2 * each)])


@pytest.mark.parametrize("is_there", [True, False])
def test_room_is_made_for_a_variant_each_time_it_is_made(is_there: bool) -> None:
    release = TENSORFLOW[-1]
    of, freed = freeing(*[release.name] * is_there)
    wanted = causes.Wanted(release, ChangeBack("numpy 1.0", release, "cpu", ""), (), (), ())
    History._make_room_for_variant(of, wanted)
    assert freed == [(f"{release.name} with numpy 1.0", (2 - is_there) * GUESS_BYTES)]


@pytest.mark.parametrize(("spent", "left"), [(40.0, 20.0), (63.0, 0.0)])
def test_comparing_has_what_is_left_of_the_budget_and_never_less_than_nothing(
    spent: float, left: float
) -> None:
    clock = iter([0.0, spent])
    asked = SimpleNamespace(budget=Budget(60, clock.__next__), processes=80)
    of = SimpleNamespace(_asked=asked, _make_room_for_two=None)
    limits = History._limits.fget(of)
    assert (limits.seconds, limits.is_rest) == (left, True)


def test_a_release_that_cannot_be_installed_is_named_at_the_end(planned: Tiny) -> None:
    lock = planned.releases / "tinyframe" / "1.1-cpu.txt"
    lock.write_text(lock.read_text() + "# edited\n")
    done = history(planned, status=2)
    assert "Not all measured: tinyframe-1.1 (plain)" in done
    assert {(release, mode) for release, mode, _ in ended(planned)} == WANTED - {
        ("tinyframe-1.1", "plain")
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[stage", "cannot be read"),
        ("", "it has no [[stage]]"),
        (PLAN.replace("anchor_processes = 2", "anchor_processes = 0"), "anchor_processes is no"),
        (PLAN.replace('name = "rest"', ""), "stage 2 has no name, or no releases"),
        (PLAN.replace('name = "rest"', 'name = "plain"'), "two stages have one name"),
        (PLAN.replace('bench = ["plain"]', "bench = []"), "stage 1 (plain) has no bench"),
        ("anchor_proceses = 5\n" + PLAN, "it has an unknown anchor_proceses; the keys are anchors"),
        (PLAN.replace("bench =", 'benhc = "x"\nbench ='), "stage 1 (plain) has an unknown benhc"),
        (PLAN.replace('["plain"]', '["("]'), "( selects no benchmark: it is no regular expression"),
        (PLAN.replace("tinyframe-1.0", "tinyframe-9"), "no such release on the track"),
        (PLAN.replace('["tinyframe-1.0", "otherframe-7.0"]', "3"), "anchors is no list"),
    ],
)
def test_a_plan_that_is_none_is_refused_in_one_line(planned: Tiny, text: str, said: str) -> None:
    (planned.folder / "history.toml").write_text(text)
    done = history(planned, status=2)
    (line,) = done.output.strip().splitlines()
    assert said in line


def test_one_stage_alone_is_measured_where_that_is_asked_for(planned: Tiny) -> None:
    done = history(planned, "--stage", "rest")
    assert "0 of 3 runs are done" in done
    assert {(release, mode) for release, mode, _ in ended(planned)} == {
        (release, mode) for release, mode in WANTED if mode != "plain"
    }
    assert set(anchors(planned).values()) == {2}, "they are measured as in any sitting"
    assert "3 of 9 runs are done" in history(planned, "--dry-run", status=1)


def test_a_stage_that_is_none_is_refused_with_those_there_are(planned: Tiny) -> None:
    done = history(planned, "--stage", "XLA", status=2)
    assert done.output.strip() == (
        "vggbench: --stage XLA: history.toml has no such stage; it has: plain; rest"
    )
    assert not (planned.machine_results / "records").exists()


def blocks(tiny: Tiny) -> Counter:
    """How many whole blocks there are of what was compared with what, by the later release."""
    ids: dict[str, set[str]] = {}
    found: Counter = Counter()
    for record in tiny.records():
        if record.get("purpose") == "duet":
            assert record["outcome"] == "ok"
            found[record["duet"]["block"]] += 1
            ids.setdefault(record["duet"]["block"], set()).add(record["release"])
    assert set(found.values()) <= {4}
    return Counter(tuple(sorted(releases)) for releases in ids.values())


PAIR = ("tinyframe-1.1", "tinyframe-1.2")


def test_what_is_listed_is_compared_by_duets_once_though_nothing_else_was_measured(
    planned: Tiny,
) -> None:
    (planned.folder / "history.toml").write_text(PLAN + DUETS)
    alone = ("--stage", "neighbours", *ROUGH)
    done = history(planned, *alone, "--dry-run", status=1)
    told = "To compare by duets, neighbours: 1 comparison, nothing is on record of it"
    assert done.lines_with(told)
    assert "tinyframe-1.2 plain" not in done
    done = history(planned, *alone, "--dry-run", "-v", status=1)
    assert done.lines_with("    tinyframe-1.2 plain")
    done = history(planned, *alone)
    assert "0 of 0 runs are done" in done
    assert done.lines_with("Duets, neighbours: 1 comparison")
    (line,) = done.lines_with("tinyframe-1.2 plain against tinyframe-1.1: step time: regressed")
    assert "+200.0 % (" in line
    assert done.lines_with(
        "All of 'neighbours' is measured. Not answered of 1 comparison made now: 0."
    )
    taken = blocks(planned)
    assert set(taken) == {PAIR}
    assert taken[PAIR] >= 3
    assert not of_asv(planned)
    assert "To compare" not in history(planned, *alone, "--dry-run")
    assert "Not answered of 0 comparisons made now: 0." in history(planned, *alone)
    assert blocks(planned) == taken


def test_a_link_of_a_chain_has_six_blocks_at_least(planned: Tiny) -> None:
    (planned.folder / "history.toml").write_text(PLAN + DUETS + "chain = true\n")
    history(planned, "--stage", "neighbours", *ROUGH)
    assert blocks(planned)[PAIR] >= 6


def test_a_comparison_that_crashes_ends_with_2_and_is_tried_again(planned: Tiny) -> None:
    (planned.folder / "history.toml").write_text(PLAN + DUETS)
    alone = ("--stage", "neighbours", *ROUGH)
    done = history(planned, *alone, faults="1.2/plain:segv", status=2)
    assert "tinyframe-1.2 plain failed: crashed with SIGSEGV" in done
    told = "Not compared: tinyframe-1.2 plain. Run the same command again to try once more."
    assert told in done
    assert "Not answered of 1 comparison made now: 0." in history(planned, *alone)


def test_a_budget_ends_comparing_and_the_next_time_goes_on(planned: Tiny) -> None:
    (planned.folder / "history.toml").write_text(PLAN + DUETS)
    alone = ("--stage", "neighbours", *ROUGH)
    done = history(planned, *alone, "--budget", "1s", status=1)
    assert "Open, as the budget allows no more blocks: tinyframe-1.2 plain" in done
    assert "The budget is spent while comparing: run the same command again to go on." in done
    taken = blocks(planned)[PAIR]
    assert taken < 3
    history(planned, *alone)
    assert blocks(planned)[PAIR] >= 3


def test_the_causes_of_what_is_confirmed_are_looked_for_once(planned: Tiny) -> None:
    (planned.folder / "history.toml").write_text(PLAN + DUETS)
    done = history(planned, "--stage", "plain", "--stage", "neighbours")
    (line,) = done.lines_with("All of 'plain' and of 'neighbours' is measured.")
    assert int(re.search(r"its share is measured for (\d+) of them", line)[1]) >= 1
    python = f"python {planned.release('tinyframe-1.1').python}"
    taken = variants_of(planned, "tinyframe-1.2", "plain")
    assert taken == [python, None, None, python] * (len(taken) // 4)
    assert len(taken) // 4 >= LEAST_BLOCKS
    (row,) = planned.vggbench("findings").lines_with("tinyframe-1.1 | plain | step time | +200.0")
    assert "not python (+0.0 % by it alone); therefore mostly the framework; also" in row
    history(planned, "--stage", "plain")
    assert variants_of(planned, "tinyframe-1.2", "plain") == taken


def variants_of(tiny: Tiny, release: str, mode: str) -> list[str | None]:
    """What was changed back in each process that was to separate causes, in order."""
    return [
        record.get("variant")
        for record in tiny.records(release)
        if record.get("purpose") == "duet"
        and record["configuration"]["mode"] == mode
        # Else it is of a duet with another release.
        and record["duet"]["partner"].startswith(release)
    ]


def test_what_cannot_be_put_together_is_on_record_and_tried_with_the_earlier_python(
    planned: Tiny,
) -> None:
    index = planned.folder / "index"
    old = write_wheel(index, "theano", "1.0", "")
    newest = planned.release("tinyframe-1.1").python.replace(".", "")
    old = old.rename(index / f"theano-1.0-cp{newest}-none-any.whl")
    new = write_wheel(index, "theano", "2.0", "")
    for name, version, wheel in (("tinyframe-1.1", "1.0", old), ("tinyframe-1.2", "2.0", new)):
        lock = Catalogue(planned.releases).lock_path(planned.release(name), "cpu").read_text()
        planned.relock(name, f"{lock}theano=={version} --hash=sha256:{sha256(wheel)}\n")
    (planned.folder / "history.toml").write_text(
        'anchors = []\n[[stage]]\nname = "two"\nreleases = "tinyframe-1.1 tinyframe-1.2"\n'
        f'bench = ["plain"]\n{DUETS}'
    )
    offline = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(index)}
    history(planned, env=offline)
    own = [r for r in planned.records("tinyframe-1.2") if r.get("purpose") == "duet"]
    refused, *measured = [r for r in own if "variant" in r]
    assert (refused["variant"], refused["outcome"]) == ("theano 1.0", "failed")
    assert "theano==1.0 has no wheels with a matching Python" in refused["error"]
    assert "process_s" not in refused, "there was no process"
    together = f"python {planned.release('tinyframe-1.1').python} and theano 1.0"
    assert [r["variant"] for r in measured[:4]] == [together] * 4
    (row,) = planned.vggbench("findings").lines_with("tinyframe-1.1 | plain | step time | +200.0")
    assert "cannot be changed back" not in row, "it was, with the earlier Python"
    assert "neither python nor theano (+0.0 % by them alone); therefore mostly the framework" in row


def test_benchmarks_that_cannot_be_imported_end_it_in_one_line(planned: Tiny) -> None:
    (planned.folder / "benchmarks" / "broken.py").write_text("import no_such_module\n")
    (line,) = history(planned, status=2).output.strip().splitlines()
    assert "ModuleNotFoundError: No module named 'no_such_module'; correct that" in line


def test_what_verbose_would_list_is_told_by_a_dry_run_alone(planned: Tiny) -> None:
    done = history(planned, "--verbose", status=2)
    assert done.output.strip() == (
        "vggbench: --verbose is for --dry-run, which says what is left; give both"
    )


GB = 10**9


@pytest.mark.parametrize(
    ("held", "most", "free", "said"),
    [
        (7 * GB, 40 * GB, 38 * GB, None),
        (7 * GB, 40 * GB, 18 * GB, "it has room for 20 GB of environments, since 5 GB are kept "),
        (7 * GB, 40 * GB, 18 * GB, "less at once: --environments 20G"),
        (0, 40 * GB, 4 * GB, "it has room for 0 GB of environments, since 5 GB are kept free; "),
        (7 * GB, 7 * GB, 4 * GB, None),
    ],
)
def test_environments_that_may_not_fit_on_the_disk_are_said(
    held: int, most: int, free: int, said: str | None
) -> None:
    told = lacks_room(held, most, free)
    assert told is None if said is None else said in str(told)


@pytest.mark.parametrize(
    ("known", "count", "said"),
    [
        ([], 1, "nothing is on record of it"),
        ([], 4, "nothing is on record of them"),
        ([3600.0, 1920.0], 2, "about 1 h 32 min"),
        (
            [3600.0, 1920.0],
            289,
            "about 1 h 32 min for 2 of them; nothing is on record of the other 287",
        ),
    ],
)
def test_what_comparisons_take_is_told_with_how_many_of_them_nothing_is_known(
    known: list[float], count: int, said: str
) -> None:
    assert cost_of(known, count) == said


def test_no_plan_is_said(tiny: Tiny) -> None:
    done = history(tiny, status=2)
    assert "history.toml cannot be read: No such file" in done


def test_two_profiles_are_refused(planned: Tiny) -> None:
    done = history(planned, status=2, env={"VGGBENCH_PROFILE": "cpu-quick cpu-paper"})
    assert "a history is of one profile; give one" in done


def test_a_run_that_is_none_is_not_resumed(planned: Tiny) -> None:
    done = planned.asv("run", "tinyframe-1.0", env={"VGGBENCH_RESUME": "../evil"})
    assert done.status != 0
    assert "VGGBENCH_RESUME=../evil is no run" in done
    assert not planned.records()


def test_a_dry_run_gives_the_machine_no_name(planned: Tiny) -> None:
    assert planned.asv("run", "tinyframe-1.1", "--bench", "plain").status == 0
    (planned.home / ".asv-machine.json").unlink()
    done = history(planned, "--machine", "new-box", "--dry-run", status=1)
    assert "The history of new-box, cpu-quick: 0 of 9 runs are done" in done
    done = history(planned, "--machine", MACHINE, "--dry-run", status=1)
    assert f"The history of {MACHINE}, cpu-quick: 1 of 9 runs are done" in done
    assert "asv is told" not in done
    assert not (planned.home / ".asv-machine.json").exists()


def test_a_machine_that_asv_knows_gets_no_other_name(planned: Tiny) -> None:
    done = history(planned, "--machine", "new-box", "--dry-run", status=2)
    assert f"asv knows this machine as {MACHINE}, not as new-box" in done


def test_a_history_of_another_processor_is_not_taken_for_this_machines(planned: Tiny) -> None:
    (planned.home / ".asv-machine.json").unlink()
    file = stretches.path(planned.results, "shipped")
    file.parent.mkdir(parents=True)
    file.write_text(sitting_line({"model": "1"}))
    done = history(planned, "--machine", "shipped", status=2)
    assert "this is not the processor that shipped was measured on" in done
    assert not (planned.home / ".asv-machine.json").exists()


def test_a_name_that_is_no_folder_is_refused(planned: Tiny) -> None:
    (planned.home / ".asv-machine.json").unlink()
    done = history(planned, "--machine", "../elsewhere", status=2)
    assert "--machine ../elsewhere: its results would have no folder" in done
