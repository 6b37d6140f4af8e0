"""What vggbench verify makes of the processes that it starts; real releases are in builders/."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from vggbench import cli
from vggbench.campaigns import verify
from vggbench.cli import measuring
from vggbench.inside.params import Configuration
from vggbench.inside.scripts import first_steps
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import EnvironmentUnusable

from ..real import ROOT
from ..tiny import PATIENCE_S, Tiny, until

CATALOGUE = Catalogue(ROOT / "releases")
HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"

REFERENCE = """
from vggbench.inside import builders, params
from vggbench.inside.builders import reference
from vggbench.inside.scripts import first_steps
builders.build = reference.build
first_steps.main(sys.argv[1:])
"""

pytestmark = pytest.mark.numerics


def one(tmp_path: Path, code: str) -> verify.Verified:
    script = tmp_path / "script.py"
    script.write_text(HERE + code)
    return verify.verify_one(sys.executable, Configuration("TensorFlow"), "cpu", script)


def test_a_process_that_computes_what_the_reference_computes_agrees(tmp_path: Path) -> None:
    found = one(tmp_path, REFERENCE)
    assert (found.answer, found.reason) == (verify.AGREES, None)
    row = found.as_json()
    assert len(row["losses_off"]) == first_steps.STEPS
    assert row["changes_off"]["3/fc8/bias"] < 1e-3
    json.dumps(row, allow_nan=False)


def test_a_process_that_computes_something_else_disagrees(tmp_path: Path) -> None:
    wrong = "from vggbench.inside.builders import reference\nreference.LEARNING_RATE *= 2\n"
    found = one(tmp_path, wrong + REFERENCE)
    assert found.answer == verify.DISAGREES
    assert "the loss of step 2" in verify.complaint(found)


def test_an_answer_of_the_framework_is_not_applicable(tmp_path: Path) -> None:
    refuse = """
def refuse(*args):
    raise params.NotApplicable("no such kernel")
"""
    found = one(tmp_path, refuse + REFERENCE.replace("reference.build", "refuse"))
    assert (found.answer, found.reason) == (verify.NOT_APPLICABLE, "no such kernel")
    assert found.as_json()["changes_off"] is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.kill(os.getpid(), 8)", "the process died with signal 8: it said nothing"),
        ("sys.exit('no room')", "the process died with exit status 1: no room"),
        (
            "open(sys.argv[1] + '/steps.npz', 'w').write('torn')\n"
            """open(sys.argv[1] + '/outcome.json', 'w').write('{"outcome": "ok"}')""",
            "what its steps left cannot be compared",
        ),
        (REFERENCE.replace("reference.build", "len"), "TypeError: len() takes exactly one"),
    ],
)
def test_everything_else_is_a_failure_with_its_reason(
    tmp_path: Path, code: str, reason: str
) -> None:
    found = one(tmp_path, code)
    assert found.answer == verify.FAILED
    assert reason in (found.reason or "")
    assert len(verify.complaint(found).splitlines()) == 1


def test_a_sigfpe_with_onednn_forced_on_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    found = one(tmp_path, "import os; os.kill(os.getpid(), 8)")
    assert found.answer == verify.FAILED
    assert (found.reason or "").endswith(
        "; TF_ENABLE_ONEDNN_OPTS=1 is set: oneDNN kills tensorflow 2.5 and 2.6 on some processors; "
        "unset it"
    )


def test_a_process_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "DEADLINE_S", 0.5)
    found = one(tmp_path, "import time; time.sleep(1000)")
    assert found.reason == "the process was ended after 0.5 s"


def test_every_configuration_is_verified_xla_last() -> None:
    in_order = verify.in_order("TensorFlow")
    assert len(set(in_order)) == 12
    assert [c.xla for c in in_order] == ["off"] * 6 + ["on"] * 6


def test_long_compilations_are_forecast() -> None:
    def said(name: str) -> str | None:
        return verify.forecast(CATALOGUE, CATALOGUE.by_name[name])

    assert "about 4 minutes" in (said("tensorflow-1.15.5") or "")
    assert "six configurations" in (said("keras-2.3.1") or "")
    assert said("keras-2.15.0") is None
    assert "torch.compile" in (said("keras-3.15.1") or "")
    assert said("torch-1.13.1") is None
    assert said("tensorflow-1.0.0") is None
    assert said("tensorflow-2.21.0") is None
    assert "about 3 minutes" in (said("theano-1.0.5") or "")


def vggbench(tiny: Tiny, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vggbench.cli", "verify", *arguments],
        cwd=tiny.folder,
        env=tiny.environ(PYTHONPATH=str(ROOT), **env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_a_framework_without_a_builder_is_refused_in_one_line(tiny: Tiny) -> None:
    done = vggbench(tiny, "tinyframe-1.0", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == []
    assert "tinyframe-1.0 cannot be verified: vggbench has no builder for" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_flags_of_the_user_are_said(tiny: Tiny) -> None:
    done = vggbench(tiny, "tinyframe-1.0", "--json", XLA_FLAGS="--a --b", OMP_NUM_THREADS="1")
    assert json.loads(done.stdout) == []
    said = "vggbench: OMP_NUM_THREADS=1 XLA_FLAGS=--a --b are set: used as they are"
    assert done.stderr.splitlines()[0] == said


def test_an_interrupt_ends_the_processes_that_run(tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text(f"#!/bin/sh\ntouch {tmp_path}/$$\nexec sleep 600\n")
    hanging.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from vggbench.campaigns import verify\n"
        "from vggbench.releases.catalogue import Catalogue\n"
        # No answer comes to be held against it, and it takes long.
        "verify.agreement.expected = lambda *_: None\n"
        "catalogue = Catalogue(Path('releases'))\n"
        "release = catalogue.by_name['tensorflow-2.21.0']\n"
        "list(verify.verify(catalogue, release, 'cpu', {'cpu': Path(sys.argv[1])}))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, hanging],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until(lambda: len(pids(tmp_path)) == verify.AT_ONCE["cpu"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids(tmp_path)))
    assert len(pids(tmp_path)) == verify.AT_ONCE["cpu"]


def test_what_is_being_started_when_the_others_are_ended_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, ended = threading.Event(), threading.Event()
    started: list[subprocess.Popen[bytes]] = []

    def late(*args: object, on_start: Callable[[int], None]) -> verify.Verified:
        process = subprocess.Popen(["sleep", "600"], start_new_session=True)
        started.append(process)
        began.set()
        ended.wait(PATIENCE_S)  # nobody knows of the process yet
        on_start(process.pid)
        process.wait(PATIENCE_S)
        raise AssertionError("it has no result")

    def interrupt() -> None:
        began.wait(PATIENCE_S)
        # By then the main thread waits for an answer. A signal that comes just before it begins to
        # wait is heard after that wait alone.
        time.sleep(1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(1)
        ended.set()

    monkeypatch.setattr(verify, "verify_one", late)
    release = CATALOGUE.by_name["tensorflow-2.21.0"]
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        list(verify.verify(CATALOGUE, release, "cpu", {"cpu": Path("python")}))
    thread.join(PATIENCE_S)
    assert started
    statuses = [process.wait(PATIENCE_S) for process in started]
    assert set(statuses) == {-signal.SIGKILL}


@pytest.mark.parametrize(("name", "backend"), [("theano-1.0.5", None), ("keras-2.3.1", "theano")])
def test_what_compiles_into_one_folder_runs_one_after_the_other(
    name: str, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Side by side Theano ended in "No such file or directory: .../key.pkl" now and then."""
    running: list[Configuration] = []
    beside: list[tuple[Configuration, ...]] = []
    two = threading.Event()

    def computed(
        python: Path, configuration: Configuration, device: str, on_start: Callable[[int], None]
    ) -> verify.Verified:
        running.append(configuration)
        beside.append(tuple(running))
        if len(running) > 1:
            two.set()
        two.wait(0.2)
        running.remove(configuration)
        return verify.Verified("", configuration, verify.AGREES)

    monkeypatch.setattr(verify, "verify_one", computed)
    interpreters = {"cpu": Path("python")}
    found = list(verify.verify(CATALOGUE, CATALOGUE.by_name[name], "cpu", interpreters))
    assert len(found) == len(beside) > 1
    assert all(sum(one.backend == backend for one in ran) <= 1 for ran in beside)
    assert two.is_set() == (backend is not None)  # those on TensorFlow run two at a time


def test_each_configuration_runs_in_the_environment_of_its_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def computed(python: Path, configuration: Configuration, *args, **more) -> verify.Verified:
        return verify.Verified("", configuration, verify.AGREES, reason=str(python))

    monkeypatch.setattr(verify, "verify_one", computed)
    release = CATALOGUE.by_name["keras-2.3.1"]
    own = replace(release.locks["cpu"], name="cpu-theano")
    release = replace(release, locks={**release.locks, "cpu-theano": own})
    assert [lock.name for lock in verify.locks_of(CATALOGUE, release, "cpu")] == [
        "cpu",
        "cpu-theano",
    ]
    why = EnvironmentUnusable("keras-2.3.1 (cpu-theano) cannot be installed: no wheel")
    for theano, answer in ((Path("theano"), verify.AGREES), (why, verify.FAILED)):
        interpreters = {"cpu": Path("python"), "cpu-theano": theano}
        found = list(verify.verify(CATALOGUE, release, "cpu", interpreters))
        answers = {(one.configuration.backend, one.answer, one.reason) for one in found}
        assert answers == {
            ("tensorflow", verify.AGREES, "python"),
            ("theano", answer, str(theano)),
            ("jax", verify.AGREES, "python"),
            ("torch", verify.AGREES, "python"),
        }


def test_a_backend_whose_environment_cannot_be_made_keeps_no_other_from_being_verified() -> None:
    def ensure(release: Release, name: str, say: Callable[[str], None]) -> Path:
        if name in missing:
            raise EnvironmentUnusable(f"no {name}")
        return Path(name)

    release = CATALOGUE.by_name["keras-2.3.1"]
    own = replace(release.locks["cpu"], name="cpu-theano")
    release = replace(release, locks={**release.locks, "cpu-theano": own})
    checkout = SimpleNamespace(catalogue=CATALOGUE, environments=SimpleNamespace(ensure=ensure))
    missing = ["cpu-theano"]
    found = measuring._interpreters(checkout, release, "cpu", print, own=None)
    assert found["cpu"] == Path("cpu")
    assert str(found["cpu-theano"]) == "no cpu-theano"
    missing.append("cpu")
    with pytest.raises(EnvironmentUnusable, match=r"^no cpu$"):
        measuring._interpreters(checkout, release, "cpu", print, own=None)


def test_each_answer_is_said_as_it_comes(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answers(*_: object) -> Iterator[verify.Verified]:
        yield verify.Verified("tinyframe-1.1", Configuration("Theano"), verify.AGREES)
        said.append(capsys.readouterr().out.splitlines()[-1])
        yield verify.Verified("tinyframe-1.1", Configuration("Theano"), verify.FAILED, "it died")

    said: list[str] = []
    monkeypatch.setattr(verify, "verify", answers)
    monkeypatch.setattr(verify, "forecast", lambda *_: None)
    monkeypatch.setattr(measuring, "_interpreters", lambda *_, **__: {})
    config = str(tiny.folder / "asv.conf.json")
    assert cli.main(["--config", config, "verify", "tinyframe-1.1"]) == 1
    assert said == ["tinyframe-1.1 (none): agrees"]


def pids(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
