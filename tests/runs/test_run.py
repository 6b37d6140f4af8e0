"""A run is an object: two of them go on in one process and know nothing of each other."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from vggbench import machine_lock, records
from vggbench.checkout import Checkout
from vggbench.runs.local import Local
from vggbench.runs.run import CannotResume, Run, new_id, resumed_id
from vggbench.runs.suite import Suite

from ..records import factory
from ..tiny import MACHINE, ROOT, Tiny


def test_a_run_that_is_resumed_is_named_by_its_id() -> None:
    known = new_id()
    assert resumed_id(known) == known
    for word in ("../evil", "", known[:-1], f"{known}.jsonl"):
        with pytest.raises(CannotResume, match="is no run"):
            resumed_id(word)


@pytest.mark.parametrize(
    ("purpose", "answers"),
    [(None, True), ("confirm", False), ("duet", False), ("bisect", False)],
)
def test_what_processes_with_a_purpose_came_to_answers_no_run_of_asv(
    purpose: str | None, answers: bool, tmp_path: Path
) -> None:
    suite = Suite(ROOT / "benchmarks")
    run = Run(
        results_dir=tmp_path, machine=MACHINE, suite=suite, drafts=tmp_path / "open", resumes=True
    )
    release = factory.CATALOGUE.by_name["tensorflow-2.16.2"]
    lock = release.locks["cpu"]
    taken = factory.full(run=run.id, attributes={}, lock=lock.digest)
    of_purpose = {} if purpose is None else {"purpose": purpose}
    records.append(run.file, factory.changed(taken, **of_purpose))
    (one,) = (c for c in suite.configurations.values() if c.key == taken.key)
    found = run.answered(release, lock, "cpu-quick", one, "{}")
    assert (found is not None) == answers


def test_blocks_of_a_run_are_counted(tmp_path: Path) -> None:
    runs = [
        Run(results_dir=tmp_path, machine=MACHINE, suite=Suite(tmp_path), drafts=tmp_path)
        for _ in range(2)
    ]
    assert [run.next_block() for run in (*runs, runs[0])] == [1, 1, 2]


@pytest.mark.asv
def test_two_runs_in_two_threads_of_one_process_are_two(
    tiny: Tiny, tiny_template: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tiny_template.copy(tmp_path / "other")
    # The other checkout has benchmarks of its own, in a folder of the same name.
    benchmarks = other.folder / "benchmarks" / "train_step.py"
    benchmarks.write_text(benchmarks.read_text() + '\nTiny.version = "of the other"\n')
    for name, value in tiny.environ().items():
        monkeypatch.setenv(name, value)
    entering = threading.Lock()
    subjects = {"calibrate": (tiny, "tinyframe-1.1"), "confirm": (other, "tinyframe-1.2")}
    both_have_begun = threading.Barrier(2, timeout=60)
    ids: dict[str, str] = {}
    troubles: list[BaseException] = []

    def measure(purpose: str) -> None:
        try:
            checkout, name = subjects[purpose]
            root = Checkout(str(checkout.folder / "asv.conf.json"))
            here = Local.of(root, MACHINE, lambda line: None)
            (plain, *_) = here.suite.timed(["'plain'"])
            with contextlib.ExitStack() as stack:
                with entering:
                    # As on two machines: on one, the second would be refused.
                    monkeypatch.setenv(machine_lock.VARIABLE, str(tmp_path / f"{purpose}.lock"))
                    runner = stack.enter_context(here.runner(purpose))
                ids[purpose] = runner.run.id
                both_have_begun.wait()
                for _ in range(2):
                    runner.measure(here.catalogue.by_name[name], "cpu-quick", plain)
        except BaseException as trouble:
            troubles.append(trouble)
            both_have_begun.abort()

    threads = [threading.Thread(target=measure, args=(purpose,)) for purpose in subjects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert ids["calibrate"] != ids["confirm"]
    for purpose, (checkout, name) in subjects.items():
        (file,) = records.folder(checkout.results, MACHINE).iterdir()
        assert file.name == f"{ids[purpose]}.jsonl"
        taken = checkout.records()
        assert [(r["release"], r["purpose"], r["round"]) for r in taken] == [
            (name, purpose, 1),
            (name, purpose, 2),
        ]
        of_the_other = {r["benchmark_version"] == "of the other" for r in taken}
        assert of_the_other == {checkout is other}
