"""``vggbench separate``: variants of releases, and what comes of measuring them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench import records
from vggbench.campaigns import separate, taking, variants
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.taking import BlockResult
from vggbench.judging import separations, verdicts
from vggbench.judging.duets import gather
from vggbench.judging.separations import Separation
from vggbench.records import Record, Store
from vggbench.releases.catalogue import Catalogue, pins
from vggbench.runs.local import CannotMeasure, Local
from vggbench.stats.blocks import BlockJudgement
from vggbench.stats.policy import LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, UNCHANGED

from .. import two_locks
from ..judging.duets import block_by_log, blocks_by_log
from ..judging.literal import LINE, MACHINE
from ..judging.literal import record as literal_record
from ..judging.literal import separation as literal_separation
from ..judging.literal import verdict as judged
from ..tiny import Tiny
from .here import local

ROOT = Path(__file__).parent.parent.parent
CATALOGUE = Catalogue(ROOT / "releases")
ONEDNN_OFF, ONEDNN_ON = {"tensorflow": "2.8.4"}, {"tensorflow": "2.9.3"}


NO_FACTS: tuple[dict, dict] = ({}, {})


def variant(folder: Path, release: str, before: str, what: str, facts=NO_FACTS):
    now, earlier = CATALOGUE.by_name[release], CATALOGUE.by_name[before]
    change = variants.change(CATALOGUE, now, earlier, "cpu", what, facts=facts)
    return variants.make(folder, CATALOGUE, change)


def test_one_package_is_as_in_the_earlier_lock_and_nothing_else(tmp_path: Path) -> None:
    made = variant(tmp_path, "tensorflow-2.14.1", "tensorflow-2.13.1", "NumPy")
    now = CATALOGUE.pins(CATALOGUE.by_name["tensorflow-2.14.1"], "cpu")
    before = CATALOGUE.pins(CATALOGUE.by_name["tensorflow-2.13.1"], "cpu")
    written = Catalogue(tmp_path / "releases")
    release = made.release
    text = written.lock_path(release, "cpu").read_text()
    old = (CATALOGUE.lock_path(CATALOGUE.by_name["tensorflow-2.13.1"], "cpu")).read_text()
    assert now["numpy"] != before["numpy"], "choose two releases with another numpy"
    assert pins(text) == {**now, "numpy": before["numpy"]}
    assert made.name == f"numpy {before['numpy']}"
    start = text.index("numpy==")
    hashes = text[start : text.index("# via", start)]
    assert hashes in old
    assert made.release.commit == CATALOGUE.by_name["tensorflow-2.14.1"].commit
    assert made.release.locks["cpu"].digest == written.digest(release, "cpu")


def test_python_and_onednn_are_changed_back_without_another_pin(tmp_path: Path) -> None:
    release = CATALOGUE.by_name["tensorflow-2.16.2"]
    made = variant(tmp_path / "a", release.name, "tensorflow-2.15.1", "python")
    assert made.name == "python 3.11"
    assert made.release.python == "3.11"
    assert made.variables == {}
    facts = (ONEDNN_OFF, ONEDNN_ON)
    made = variant(tmp_path / "b", "tensorflow-2.9.3", "tensorflow-2.8.4", "oneDNN", facts)
    assert made.name == "oneDNN off"
    assert made.variables == {"TF_ENABLE_ONEDNN_OPTS": "0"}


def test_several_things_are_changed_back_together(tmp_path: Path) -> None:
    made = variant(tmp_path, "keras-3.0.5", "keras-2.15.0", "python+tensorflow-cpu")
    before = CATALOGUE.pins(CATALOGUE.by_name["keras-2.15.0"], "cpu")["tensorflow-cpu"]
    assert made.name == f"python 3.11 and tensorflow-cpu {before}"
    assert made.release.python == "3.11"
    lock = Catalogue(tmp_path / "releases").lock_path(made.release, "cpu")
    assert pins(lock.read_text())["tensorflow-cpu"] == before
    assert separations.things(made.name) == ["python", "tensorflow-cpu"]


@pytest.mark.parametrize("what", ["tensorflow", "tensorflow-cpu"])
def test_a_package_that_had_another_name_is_changed_back(tmp_path: Path, what: str) -> None:
    made = variant(tmp_path, "keras-2.4.3", "keras-2.3.1", what)
    assert made.name == "tensorflow 2.0.0"
    found = pins(Catalogue(tmp_path / "releases").lock_path(made.release, "cpu").read_text())
    assert found["tensorflow"] == "2.0.0"
    assert "tensorflow-cpu" not in found


@pytest.mark.parametrize(
    ("what", "facts", "said"),
    [
        ("torch", ({}, {}), "torch is not pinned by the locks of both"),
        ("python", ({}, {}), "python 3.10 is what tensorflow-2.8.4 and tensorflow-2.9.3 both have"),
        ("onednn", ({}, ONEDNN_ON), "whether it uses oneDNN is not on record"),
        ("onednn", (ONEDNN_ON, ONEDNN_ON), "oneDNN on is what"),
    ],
)
def test_what_cannot_be_changed_back_is_said(tmp_path: Path, what, facts, said) -> None:
    with pytest.raises(variants.NoVariant, match=said):
        variant(tmp_path, "tensorflow-2.9.3", "tensorflow-2.8.4", what, facts)


def works(
    tmp_path: Path, *back: str, backends: tuple[str, ...] = ("tensorflow", "theano")
) -> tuple[list[separate.Work], list[str]]:
    """What is to be measured of keras-2.1 on these backends, and what is said."""
    said: list[str] = []
    catalogue = two_locks.make(tmp_path / "releases")
    here = local(tmp_path, said.append)
    here = replace(here, checkout=SimpleNamespace(results_dir=tmp_path, catalogue=catalogue))
    asked = separate.SeparateRequest(
        release="keras-2.1", against=None, back=back, patterns=[], processes=8, threshold=0.02
    )
    before, release = catalogue.tracks["keras"].releases
    chosen = [f"{backend} NHWC none off" for backend in backends]
    questions = [
        separate.Question(configured=configured)
        for configured in here.suite.timed([])
        if configured.words in chosen
    ]
    assert len(questions) == len(backends)
    found = separate._works(here, release, before, questions, asked, profile="cpu-quick")
    return found, said


def test_what_is_changed_back_is_changed_in_the_lock_of_the_configuration(tmp_path: Path) -> None:
    for number, (what, lock, name, backend) in enumerate(
        (
            ("numpy", "cpu", "numpy 1.0", "tensorflow"),
            ("theano", "cpu-theano", "theano 0.9", "theano"),
        )
    ):
        (work,), (said,) = works(tmp_path / str(number), what)
        assert (work.change.lock, work.change.name) == (lock, name)
        assert [question.configured.backend for question in work.questions] == [backend]
        assert said.startswith(f"{name.partition(' ')[0]} ")
        catalogue = Catalogue(tmp_path / str(number) / "releases")
        made = variants.make(tmp_path / f"variant-{number}", catalogue, work.change)
        assert list(made.release.locks) == [made.lock.name] == [lock]
        text = made.environments.catalogue.lock_path(made.release, lock).read_text()
        assert name.replace(" ", "==") in text


def test_questions_of_one_lock_are_asked_together(tmp_path: Path) -> None:
    found, said = works(tmp_path, "numpy", "numpy+keras", backends=("tensorflow",))
    assert [work.change.name for work in found] == ["numpy 1.0", "numpy 1.0 and keras 2.0"]
    assert {len(work.questions) for work in found} == {1}
    assert said == []


def test_what_no_lock_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(variants.NoVariant, match="torch is not pinned by the locks of both"):
        works(tmp_path, "torch")


@pytest.mark.asv
def test_a_change_that_is_not_pythons_is_said_not_to_be(measured: Tiny) -> None:
    before = verdicts_of(measured)
    (measured.folder / ".asv" / "env" / "variants-killed" / "releases").mkdir(parents=True)
    asked = ("separate", "tinyframe-1.2", "--back", "python", "--bench", "'plain'")
    done = measured.vggbench(*asked)
    assert done.status == 0, done.output
    (line,) = done.lines_with("tinyframe-1.2 plain, step time: ")
    assert "not python; the whole change is +200.0 %" in line
    taken = separating(measured)
    changed = [r.get("variant") for r in taken]
    python = next(word for word in changed if word)
    assert changed == [python, None, None, python] * (len(taken) // 4)
    assert LEAST_BLOCKS <= len(taken) // 4 < MOST_BLOCKS, "it ends when the answer is sure"
    assert len(done.lines_with(f"tinyframe-1.2 plain with {python}, block ")) == len(taken) // 4
    assert {r["python"].startswith(python.split()[1]) for r in taken if "variant" in r} == {True}
    assert len({r["lock"] for r in taken}) == 1, "the packages are the same"
    assert {r["configuration"]["mode"] for r in taken} == {"plain"}
    assert verdicts_of(measured) == before, "it is evidence for no verdict"
    assert not list((measured.folder / ".asv" / "env").glob("variants-*"))
    done = measured.vggbench("findings")
    assert done.lines_with("not python (+0.0 % by it alone); therefore mostly the framework; also")
    # What is sure is not asked once more.
    (again,) = measured.vggbench(*asked).lines_with("tinyframe-1.2 plain, step time: ")
    assert again == line
    assert separating(measured) == taken


@pytest.mark.asv
def test_fewer_processes_than_an_answer_takes_are_as_many_as_it_takes(measured: Tiny) -> None:
    asked = ("separate", "tinyframe-1.2", "--back", "python", "--processes", "8")
    done = measured.vggbench(*asked, "--bench", "'plain'")
    assert len(separating(measured)) == 4 * LEAST_BLOCKS
    (line,) = done.lines_with("tinyframe-1.2 plain, step time: ")
    assert "at most 4 % of it is by python; the whole change is +200.0 %" in line


@pytest.mark.asv
def test_a_budget_ends_it_between_blocks(measured: Tiny) -> None:
    asked = ("separate", "tinyframe-1.2", "--back", "python", "--bench", "'plain'")
    done = measured.vggbench(*asked, "--budget", "1s")
    (line,) = done.lines_with("the budget is spent: ")
    blocks = len(separating(measured)) // 4
    assert f"the budget is spent: {blocks} of {MOST_BLOCKS} blocks of tinyframe-1.2 plain" in line
    assert blocks < LEAST_BLOCKS
    assert done.status == (0 if blocks else 2)


@pytest.mark.asv
def test_where_nothing_was_compared_it_does_not_end_as_if_all_were_well(measured: Tiny) -> None:
    asked = ("separate", "tinyframe-1.2", "--back", "python", "--bench", "'plain'")
    in_no_time = ("--budget", "0.001s")
    done = measured.vggbench(*asked, *in_no_time)
    assert f"the budget is spent: 0 of {MOST_BLOCKS} blocks of tinyframe-1.2 plain" in done
    assert separating(measured) == []
    assert done.status == 2
    # Blocks of earlier times answer what they are of, and nothing else.
    measured.vggbench(*asked)
    assert measured.vggbench(*asked, *in_no_time).status == 0
    another = measured.vggbench(*asked[:-1], "'fused'", *in_no_time)
    assert another.lines_with("tinyframe-1.2 plain, step time: ")
    assert another.status == 2


@pytest.mark.asv
def test_a_variant_that_does_not_run_answers_once(measured: Tiny) -> None:
    asked = ("separate", "tinyframe-1.2", "--back", "python", "--bench", "plain", "impossible")
    done = measured.vggbench(*asked, faults="1.2/plain:segv")
    assert done.status == 0, done.output
    assert [(r["configuration"]["mode"], r["outcome"]) for r in separating(measured)] == [
        ("plain", "failed"),
        ("impossible", "n/a"),
    ]
    assert all("variant" in r for r in separating(measured)), "it is started first"
    assert len(done.lines_with("is not separated: ")) == 2
    assert "crashed with SIGSEGV" in done


VARIANT = "numpy 1.0"


def the_work(here: Local) -> separate.Work:
    """What a package makes of one configuration of a release, by five blocks."""
    release = CATALOGUE.by_name[LINE[-1]]
    known = literal_record(release.name)
    question = separate.Question(
        configured=here.configured(known.benchmark, known.configuration), most=5
    )
    return separate.Work(
        release=release,
        change=variants.ChangeBack(VARIANT, release, "cpu", ""),
        profile="cpu-quick",
        questions=(question,),
        threshold=0.02,
    )


def asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *comes: BlockResult
) -> tuple[bool, list[str], int]:
    """(whether the budget ended it, what was said, how many blocks were taken) of separating a
    release and a variant of it. ``comes``: what each block comes to; the last one is repeated."""
    said: list[str] = []
    here = local(tmp_path, said.append)
    work = the_work(here)
    coming = [*comes]
    count = [0]

    def take(*told) -> BlockResult:
        count[0] += 1
        return coming.pop(0) if len(coming) > 1 else coming[0]

    monkeypatch.setattr(taking, "take", take)
    asking = separate._Asking(here, None, work, Budget(60))
    over = asking.answer(work.questions[0], (SimpleNamespace(name="it"), None))
    return over, said, count[0]


def came(number: float) -> BlockResult:
    variant = {"release": LINE[-1], "variant": VARIANT}
    ((found,), _) = gather(MACHINE, block_by_log(variant, LINE[-1], number), CATALOGUE)
    return BlockResult(block=found)


BUSY = BlockResult(why="the machine was busy")


def test_blocks_that_do_not_count_use_up_nothing_and_three_in_a_row_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes = [came(0.2), BUSY, BUSY, came(-0.2), BUSY]
    over, said, taken = asked(tmp_path, monkeypatch, *comes)
    assert (over, taken) == (False, 7)
    assert sum(line.startswith("it, block ") for line in said) == 2
    assert said.count("it: the block does not count: the machine was busy") == 5
    assert said[-1] == "it is not separated: the machine was busy"


def test_as_many_blocks_are_taken_as_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes = [came(0.2 * (-1) ** place) for place in range(6)]
    over, said, taken = asked(tmp_path, monkeypatch, *comes)
    assert (over, taken) == (False, 5)
    assert said[-1].startswith("it, block 5: ")


def test_waiting_in_vain_is_told_as_the_budgets_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_vain = BlockResult(why="the machine is busy", outcome="interrupted", waited_in_vain=True)
    over, said, taken = asked(tmp_path, monkeypatch, came(0.2), in_vain)
    assert (over, taken) == (True, 2)
    told = f"the budget is spent: 1 of 5 blocks of {LINE[-1]} NHWC none off with {VARIANT}; the "
    assert said[-1].startswith(f"{told}machine was busy: end what computes")


def measured_without_a_checkout(
    tmp_path: Path, budget: Budget, *taken: Record
) -> tuple[bool, list[str]]:
    """(whether the budget ended it, what was said), with these records, where nothing can be
    installed."""
    for one in taken:
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    said: list[str] = []
    here = local(tmp_path, said.append)
    return separate.measure(here, None, the_work(here), budget), said


def test_no_variant_is_installed_where_the_budget_has_no_room_for_a_block(tmp_path: Path) -> None:
    told = f"the budget is spent: 0 of 5 blocks of {LINE[-1]} NHWC none off with {VARIANT}"
    clock = iter([0.0] + [60.0] * 99)
    spent = Budget(60, lambda: next(clock))
    assert measured_without_a_checkout(tmp_path / "a", spent) == (True, [told])
    too_long = [literal_record(LINE[-1], process_s=100.0)]
    budget = Budget(60, lambda: 0.0)
    assert measured_without_a_checkout(tmp_path / "b", budget, *too_long) == (True, [told])


def test_no_variant_is_installed_where_all_is_answered(tmp_path: Path) -> None:
    variant = {"release": LINE[-1], "variant": VARIANT}
    taken = blocks_by_log(variant, LINE[-1], *[0.5] * LEAST_BLOCKS)
    budget = Budget(60, lambda: 0.0)
    assert measured_without_a_checkout(tmp_path, budget, *taken) == (False, [])


def separating(tiny: Tiny) -> list[dict]:
    """The records of what was measured to separate something."""
    return [record for record in tiny.records() if record.get("purpose") == "duet"]


def sure_or_not(measure: str, outcome: str, blocks: int, needed: int | None = None) -> Separation:
    found = BlockJudgement(outcome, 1.0, 0.9, 1.1, suspected=False, blocks_needed=needed)
    of = judged(1.0, 0.9, 1.1, measure=measure)
    return literal_separation(of, "python 3.9", found, processes=2 * blocks, blocks=blocks)


@pytest.mark.parametrize(
    ("found", "left", "is_answered"),
    [
        ([], 20, False),
        ([sure_or_not("step", NOT_SURE, 3, 9)], 17, False),
        ([sure_or_not("step", NOT_SURE, 3, 90)], 17, False),
        ([sure_or_not("step", UNCHANGED, 3)], 17, True),
        # Nobody asked about the first step.
        ([sure_or_not("step", UNCHANGED, 3), sure_or_not("first_step", NOT_SURE, 3, 9)], 17, True),
        (
            [sure_or_not("step", UNCHANGED, 3), sure_or_not("peak_memory", NOT_SURE, 3, 9)],
            17,
            False,
        ),
        # A by-product is followed while an answer is in reach.
        (
            [sure_or_not("step", UNCHANGED, 3), sure_or_not("peak_memory", NOT_SURE, 3, 90)],
            17,
            True,
        ),
        (
            [sure_or_not("step", UNCHANGED, 2), sure_or_not("peak_memory", NOT_SURE, 2, 90)],
            18,
            False,
        ),
    ],
)
def test_blocks_are_taken_until_what_is_asked_about_is_sure(
    found: list[Separation], left: int, is_answered: bool
) -> None:
    assert separate.is_answered(found, ("step", "peak_memory"), left) is is_answered


def verdicts_of(tiny: Tiny) -> list[tuple[str, float | None]]:
    catalogue = Catalogue(tiny.releases)
    taken = Store(tiny.results).all("testbox")
    evidence = verdicts.gather("testbox", taken, catalogue)
    return [
        (verdict.outcome, verdict.ratio) for verdict in verdicts.of_track(evidence, "tinyframe")
    ]


@pytest.mark.asv
def test_what_the_locks_of_both_do_not_hold_is_not_changed_back(measured: Tiny) -> None:
    done = measured.vggbench("separate", "tinyframe-1.2", "--back", "numpy")
    assert done.status == 2
    assert "numpy is not pinned by the locks of both tinyframe-1.1 and tinyframe-1.2" in done


@pytest.mark.asv
def test_what_is_not_measured_has_no_change_to_separate(tiny: Tiny) -> None:
    alike = ("separate", "tinyframe-1.1", "--back", "python", "--against", "tinyframe-1.0")
    done = tiny.vggbench(*alike)
    assert done.status == 2
    assert "nothing surely changed in tinyframe-1.1 against tinyframe-1.0" in done
    done = tiny.vggbench(*alike, "--bench", "x")
    assert done.status == 2
    assert "x selects no benchmark of tinyframe-1.1 that is timed; it has: " in done


@pytest.mark.asv
@pytest.mark.parametrize("against", ["tinyframe-1.2", "tinyframe-2.0", "otherframe-7.0"])
def test_what_is_not_before_the_release_is_refused(measured: Tiny, against: str) -> None:
    asked = ("tinyframe-1.2", "--back", "python", "--against", against)
    done = measured.vggbench("separate", *asked)
    assert done.status == 2
    (line,) = done.lines_with("tinyframe-1.2")
    assert against in line


def test_two_profiles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick cpu-paper")
    asked = separate.SeparateRequest(
        release=LINE[-1], against=None, back=["python"], patterns=[], processes=8, threshold=0.02
    )
    with pytest.raises(CannotMeasure, match="a separation is of one profile; give one"):
        separate.run(local(tmp_path), asked, Budget(60))
