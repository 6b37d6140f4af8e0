"""``vggbench explain``, with a profiler that the tests make, on the tiny track."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench.campaigns import explain
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.explain import ExplainRequest, NothingToExplain
from vggbench.records import EXPLAIN, Store
from vggbench.runs.local import CannotMeasure, Local

from ..asv_plugin.test_faults import ended, gone, started_process, the_line, until
from ..judging.test_explanations import sure
from ..judging.test_explanations import traced as traced_records
from ..tiny import MACHINE, TESTS, Ended, Tiny
from .here import local
from .test_confirm import NOISE

#: A benchmark of TensorFlow that steps in tinyframe, with a profiler that tells its operations:
#: 5 ms of a product, 1 ms in which nothing runs, and the rest in gradients of weights.
TRACED = """
import contextlib

from vggbench.inside import measure
from vggbench.inside.params import NotApplicable

from . import train_step


class Profiler:
    NAME = "the tests' profiler"

    def __init__(self, step, folder):
        if step.framework.__version__ == "1.0":
            raise NotApplicable("tinyframe 1.0 tells no operations")
        self.folder = folder
        self.steps = []

    def start(self):
        with open(self.folder + "/trace", "w") as file:
            file.write("what a profiler writes")

    @contextlib.contextmanager
    def tracing(self):
        begin = train_step.clock()
        yield
        self.steps.append((begin, train_step.clock()))

    def stop(self):
        return [
            (
                end - begin,
                [
                    ("", begin, begin + 0.005, "fc/MatMul", "MatMul", ""),
                    ("", begin + 0.006, end, "grad", "Conv2DBackpropFilter", "8x64"),
                ],
            )
            for begin, end in self.steps
        ]


class TensorFlow(train_step.Tiny):
    def setup(self, mode):
        def build():
            if mode == "impossible":
                raise NotApplicable("tinyframe has no such mode")
            import tinyframe

            return train_step.TinyStep(tinyframe, mode)

        self.step = measure.prepared(build, {"mode": mode}, Profiler)
"""


@pytest.fixture
def traced(tiny: Tiny) -> Tiny:
    """A tiny checkout whose releases are TensorFlow's."""
    (tiny.folder / "benchmarks" / "traced.py").write_text(TRACED)
    path = tiny.releases / "tinyframe" / "track.json"
    track = json.loads(path.read_text())
    path.write_text(json.dumps({**track, "framework": "TensorFlow"}))
    return tiny


PLAIN = ("--bench", r"TensorFlow\.time_train_step\('plain'\)")


def told(done: Ended) -> dict:
    found = json.loads(done.output[done.output.index("{\n") :])
    assert found["status"] == done.status
    return found


@pytest.mark.asv
def test_the_class_that_got_slower_is_named_first(traced: Tiny) -> None:
    done = traced.vggbench("explain", "tinyframe-1.2", *PLAIN, env=NOISE)
    assert done.status == 0, done.output
    line = the_line(done, "tinyframe-1.2 plain against tinyframe-1.1, cpu-quick on testbox: ")
    assert "ms are gradients of the convolutions' weights (+" in line
    the_line(done, "traced by the tests' profiler, which makes a step ")

    taken = traced.records()
    assert {record["purpose"] for record in taken} == {"explain"}
    store = Store(traced.results)
    assert store.all(MACHINE) == [], "they count for nothing else"
    assert len(store.apart(MACHINE, EXPLAIN)) == len(taken)


@pytest.mark.asv
def test_json_tells_every_class_and_a_second_call_measures_nothing(traced: Tiny) -> None:
    arguments = ("explain", "tinyframe-1.2", *PLAIN, "--json")
    done = traced.vggbench(*arguments, env=NOISE)
    found = told(done)
    assert (found["schema"], found["machine"], found["profile"]) == (1, "testbox", "cpu-quick")
    assert (found["release"], found["against"]) == ("tinyframe-1.2", "tinyframe-1.1")
    (own,) = found["explanations"]
    first = own["classes"][0]
    assert first["class"] == "conv_grad_weights"
    assert own["why"] is None
    assert first["low_s"] < 0.020 < first["high_s"]
    assert first["difference_s"] == pytest.approx(0.020, rel=0.05)
    assert first["operations"][0]["shapes"] == "8x64"
    assert {each["class"]: each["sure"] for each in own["classes"]} == {
        "conv_grad_weights": True,
        "matmul": False,
        "idle": False,
    }
    many = len(list(traced.machine_results.glob("records/*")))
    again = told(traced.vggbench(*arguments, env=NOISE))
    assert again == found
    assert len(list(traced.machine_results.glob("records/*"))) == many


@pytest.mark.asv
def test_what_profilers_write_is_kept_where_a_folder_is_given(traced: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    done = traced.vggbench("explain", "tinyframe-1.2", *PLAIN, "--profile", str(folder), env=NOISE)
    assert done.status == 0, done.output
    kept = sorted(path.parent.name for path in folder.rglob("trace"))
    assert set(kept) == {"tinyframe-1.1-plain", "tinyframe-1.2-plain"}
    assert len(kept) == 4 * told_blocks(done)
    assert len(list(folder.rglob("onednn.txt"))) == len(kept)


def told_blocks(done: Ended) -> int:
    return int(done.lines_with("traced by")[0].rpartition("; ")[2].split()[0])


@pytest.mark.asv
def test_a_release_that_tells_no_operations_is_na_once(traced: Tiny) -> None:
    done = traced.vggbench("explain", "tinyframe-1.1", "--against", "tinyframe-1.0", *PLAIN)
    assert done.status == 2
    the_line(done, "tinyframe-1.0 plain n/a: tinyframe 1.0 tells no operations")


@pytest.mark.asv
def test_a_benchmark_without_a_profiler_is_na(tiny: Tiny) -> None:
    done = tiny.vggbench("explain", "tinyframe-1.2", "--bench", "'plain'")
    assert done.status == 2
    assert done.lines_with("vggbench knows no profiler of this framework")


@pytest.mark.asv
def test_ctrl_c_ends_it_with_130_and_leaves_no_process(traced: Tiny) -> None:
    process = traced.popen(
        "explain", "tinyframe-1.2", *PLAIN, program="vggbench", faults="1.2/plain:hang"
    )
    children = started_process(traced, process, "1.2", "plain")
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130, done.output
    until(lambda: all(gone(child) for child in children))


@pytest.mark.asv
def test_markdown_is_all_of_standard_output(traced: Tiny) -> None:
    done = subprocess.run(
        [
            *(sys.executable, str(TESTS / "undisturbed.py")),
            *("explain", "tinyframe-1.2", *PLAIN, "--format", "md"),
        ],
        cwd=traced.folder,
        env=traced.environ(**NOISE),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("**tinyframe-1.2 plain against tinyframe-1.1, ")
    assert lines[2] == "| class | before, ms | after, ms | difference, ms | interval | share |"


# -- what cannot be asked


def asked(release: str, against: str | None = None, *patterns: str) -> ExplainRequest:
    return ExplainRequest(
        release=release,
        against=against,
        patterns=patterns,
        traces=None,
        threshold=0.02,
        format="text",
    )


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (
            asked("tensorflow-2.21.0", "tensorflow-2.21.0", "NHWC"),
            "tensorflow-2.21.0 is compared with itself; give --against another",
        ),
        (
            asked("tensorflow-2.21.0"),
            "no step surely changed in tensorflow-2.21.0 against tensorflow-2.20.0, as far as is "
            "known; make sure first: VGGBENCH_PROFILE=cpu-quick vggbench confirm tensorflow-2.21.0 "
            "--against tensorflow-2.20.0; or choose configurations with --bench",
        ),
        (
            asked("keras-3.15.1", "tensorflow-2.21.0", "NHWC"),
            "tensorflow-2.21.0 and keras-3.15.1 have no such configuration in common",
        ),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: ExplainRequest, line: str
) -> None:
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick")
    with pytest.raises(NothingToExplain) as raised:
        explain.run(local(tmp_path), request_, Budget(60), print)
    assert str(raised.value) == line
    assert raised.value.status == 2


def test_two_profiles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick cpu-paper")
    with pytest.raises(CannotMeasure, match="an explanation is of one profile; give one"):
        explain.run(local(tmp_path), asked("tensorflow-2.21.0"), Budget(60), print)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "cpu-paper",
            "--profile cpu-paper: it is a profile, and here the folder for what the profilers "
            "write; VGGBENCH_PROFILE=cpu-paper chooses the profile",
        ),
        ("/dev/null", "--profile /dev/null: it is no folder; name another"),
        ("/dev/null/traces", "--profile /dev/null/traces: it is no folder; name another"),
    ],
)
def test_what_is_no_folder_for_the_profilers_is_told_in_a_line(
    tmp_path: Path, name: str, line: str
) -> None:
    request_ = replace(asked("tensorflow-2.21.0", None, "NHWC"), traces=Path(name))
    with pytest.raises(NothingToExplain) as raised:
        explain.run(local(tmp_path), request_, Budget(60), print)
    assert str(raised.value) == line


@pytest.mark.parametrize("format_", ["text", "md", "json"])
def test_what_ended_the_measuring_too_early_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    format_: str,
) -> None:
    def spent(*given: object, answer: explain._Answer, budget: Budget) -> None:
        answer.explanation = sure(traced_records())
        answer.why = budget.why_over()

    monkeypatch.setattr(explain, "_explain", spent)
    monkeypatch.setattr(Local, "runner", lambda *given, **more: contextlib.nullcontext())
    request_ = asked("tensorflow-2.21.0", None, "TensorFlow.*'NHWC', 'none', 'off'")
    said: list[str] = []
    status = explain.run(
        local(tmp_path), replace(request_, format=format_), Budget(60), said.append
    )
    written = capsys.readouterr()
    assert status == 0
    assert said == ["tensorflow-2.21.0 NHWC none off: the budget of 60 s is spent"]
    if format_ == "json":
        (own,) = json.loads(written.out)["explanations"]
        assert own["why"] == "the budget of 60 s is spent"


def test_blocks_are_taken_until_the_widest_interval_is_narrow() -> None:
    def found(reach_s: float, blocks: int) -> SimpleNamespace:
        return SimpleNamespace(
            step=SimpleNamespace(before=0.3, after=0.4), reach_s=reach_s, blocks=blocks
        )

    assert not explain._is_enough(None)
    assert not explain._is_enough(found(0.02, 3))
    assert explain._is_enough(found(0.002, 3))
    assert explain._is_enough(found(0.02, 20))


def test_no_environment_is_made_where_the_budget_is_spent(tmp_path: Path) -> None:
    here = local(tmp_path)
    releases = [here.catalogue.by_name[f"tensorflow-2.{minor}.0"] for minor in (20, 21)]
    answer = explain._Answer(configured=here.suite.timed_of(releases[1], [], here.catalogue)[0])
    clock = iter((0.0, *[61.0] * 9))
    runner = SimpleNamespace(prepared=lambda *asked: pytest.fail("an environment was made"))
    explain._explain(
        here,
        runner,
        "cpu-quick",
        (releases[0], releases[1]),
        answer=answer,
        budget=Budget(60, lambda: next(clock)),
    )
    assert (answer.explanation, answer.why) == (None, "the budget of 60 s is spent")
