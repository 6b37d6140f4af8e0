"""What client and worker must have in common."""

from __future__ import annotations

from vggbench.fleet import identity

from ..tiny import Tiny


def test_two_clones_are_the_same(tiny: Tiny, tmp_path) -> None:
    ours = identity.of(tiny.checkout)
    assert identity.differing(ours, identity.of(tiny.copy(tmp_path / "clone").checkout)) == []


def test_another_lock_or_benchmark_is_told_with_both_digests(tiny: Tiny, tmp_path) -> None:
    other = tiny.copy(tmp_path / "clone")
    lock = next((other.releases / "tinyframe").glob("1.1-*.txt"))
    lock.write_text(lock.read_text() + "# other\n")
    (other.folder / "benchmarks" / "train_step.py").write_text("")
    ours, theirs = identity.of(tiny.checkout), identity.of(other.checkout)
    told = identity.differing(ours, theirs)
    assert [line.partition(" (")[0] for line in told] == [
        "the benchmarks",
        "the releases and their locks",
    ]
    assert all(ours[line.partition(" (")[0]] in line for line in told)


def test_a_worker_that_tells_nothing_differs_in_everything(tiny: Tiny) -> None:
    assert len(identity.differing(identity.of(tiny.checkout), {})) == len(identity.PARTS)
