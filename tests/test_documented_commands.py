"""Every command line of README and docs, run as it is written.

Most of them run in a checkout whose tracks, releases and configurations are called as the real
ones, but whose frameworks are packages that the tests make and whose steps do no work
(tests/stand_ins.py). What computes a real step runs in a real release, which may be another
than the page's, and a smaller step; the chain and `make shown` are of the shipped history. A word
that a page leaves to the reader is replaced (FOR). NOT_RUN has the few lines that no test runs, and
why; BRIEF what some of the others are given besides; ENDS those that do not end with 0. The
tutorial, whose commands need one another, has a test of its own (test_tutorial.py). Who changes a
command on a page may have to change these.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from vggbench.inside.params import configurations

from . import documented
from .documented import Command, arguments
from .index import serving
from .real import RealCheckout, find, python_of
from .stand_ins import StandIns, days_of, set_up
from .tiny import MACHINE, PATIENCE_S, ROOT, Ended, pythons, write_wheel

#: What a page calls otherwise than these checkouts, or leaves to the reader.
FOR = {
    "NAME": MACHINE,
    "M": MACHINE,
    "R": "tensorflow-2.16.2",
    "RELEASE": "tensorflow-2.9.3",
    "EARLIER": "tensorflow-2.8.4",
    "P": "cpu-quick",
    "N": "12",
    "PATTERN": "'off'",
    "WHAT": "onednn",
    "TRACK": "tensorflow",
    "GOOD": "tensorflow-2.8.4",
    "BAD": "tensorflow-2.10.1",
    "MEASURE": "step",
    "FILE": "file.svg",
    "FOLDER": ".asv/html",
    "FORMAT": "csv",
    "SPEC...": "tensorflow-2.16.2",
    "release:/path/to/python": "release:{python}",
    "release:/usr/bin/python3": "release:{python}",
    "dist/tensorflow-2.21.0-....whl": "dist/tensorflow-2.21.0-py3-none-any.whl",
}

#: By the beginning of the line, the longest that fits. Everything else is run.
NOT_RUN = {
    ". .venv/bin/activate": "it changes the reader's shell; the test of the tutorial types it",
    ". /opt/vggbench/bin/activate": "it changes the reader's shell, in a container",
    "make setup VENV=/opt/vggbench": "it sets up outside the checkout, in a container; "
    "test_setup.py has what it would do",
    "make lint": "a part of make test",
    "make test": "it is what runs this test",
    "make test-fast": "a part of make test",
    "make figures": "it measures for minutes, on an idle machine",
    "vggbench verify abacus": "Abacus would fail it, as the page says",
    "vggbench verify tensorflow-2.21.0 --python": "its interpreter is the reader's; "
    "test_own_interpreter.py gives one",
    "vggbench duet A B --python": "its releases and interpreter are the reader's; "
    "test_own_interpreter.py gives them",
    "pyperf compare_to": "its files are those of the two commands before it; test_exports.py has "
    "pyperf compare two",
    "vggbench fleet": "it wants several machines; tests/fleet has real schedulers and workers",
    "vggbench bisect tensorflow-2.8.4 tensorflow-2.10.1 --fleet": "it wants another machine; "
    "tests/fleet/test_bisecting.py has real workers",
    "ssh -fN": "it makes tunnels to the reader's machines",
    "openssl": "a test of its own types it, with what follows: tests/fleet/test_security.py",
    "docker run": "it asks for a machine with docker and a GPU",
    "python perf/environment.py": "it wants the packages of '.[perf]', and installs",
    "python perf/fleet.py": "it measures for minutes; test_perf_fleet.py has its rows",
    "python perf/duets.py ROW": "it measures for an hour; test_perf_duets.py has its rows",
}

#: What a script of perf/ is given besides, by its path, so that it takes seconds.
BRIEF = {"perf/tolerances.py": ("--trials", "1")}

#: How a command ends that is not to end with 0 here, by the beginning of the line, the longest that
#: fits: its exit status, and a part of its output.
ENDS = {
    "VGGBENCH_PROFILE=gpu-paper asv run": (1, "no GPU"),
    "asv run TAGS": (1, "ALL"),
    "python perf/duets.py": (1, "MISSED"),  # as long as a row misses its figure
    "vggbench verdict abacus-2.0": (1, "regressed"),
    "vggbench verdict": (1, "abacus-2.0"),
    "vggbench verdict tensorflow": (0, ""),
    "vggbench verdict --track keras --all": (1, "regressed"),
    "vggbench check": (1, "regressed"),
}


@dataclass(frozen=True)
class Places:
    """Where commands run, made when they are wanted."""

    request: pytest.FixtureRequest
    tmp_path: Path

    @property
    def stand_ins(self) -> StandIns:
        made: StandIns = self.request.getfixturevalue("stand_ins")
        return made


def asked(argv: list[str]) -> list[str]:
    return [FOR.get(word, word).replace("=NAME", f"={MACHINE}") for word in argv]


def run(command: Command, places: Places) -> Ended:
    """The command in the place that it belongs to."""
    variables, program, argv = arguments(command.line)
    argv = asked(argv)
    if program == "python main.py":
        return in_a_release(argv)
    if program.startswith("python perf/"):
        script = program.split()[1]
        return _ended([sys.executable, str(ROOT / script), *argv, *BRIEF.get(script, ())])
    if program == "vggbench" and argv[0] == "run":
        return in_the_environment_of_a_release(argv, places)
    if program == "vggbench" and argv[0] in ("verify", "peak"):
        return of_a_release(argv, places)
    if "--chain" in argv:
        return of_the_shipped_history(argv, places)
    if program == "make" and argv == ["shown"]:
        return shown(places)
    assert program in ("asv", "vggbench", "make"), "say in NOT_RUN why it is not run"
    made = places.stand_ins
    if program == "make":
        return made.make_target(*argv)
    if argv[:1] == ["releases"] and argv[1] in ("add", "lock", "update"):
        return with_an_index(made, argv)
    if argv[0] == "preview":
        return served(made, argv)
    if "-E" in argv:
        (folder,) = made.environments.glob(f"{argv[-1]}-*")
        argv = [word.format(python=folder / "bin" / "python") for word in argv]
    if argv[-1] == "NEW":
        shutil.rmtree(made.results)  # so that there is something new
    if argv[0] == "check":  # one new release, since each one takes long
        made.asv("rm", "commit_hash=abacus-2.0", f"machine={MACHINE}", stdin="y\n")
    if argv[0] == "separate" and "--bench" not in argv:
        made.vggbench("confirm", argv[1])  # what changed has to be known
    # asv asks before it removes results.
    stdin = "y\n" if argv[0] == "rm" else ""
    if program == "asv":
        return made.asv(*argv, env=variables, stdin=stdin)
    return made.vggbench(*argv, env=variables)


VGGBENCH = str(Path(sys.executable).parent / "vggbench")
SMALL = ("--batch_size", "2", "--image_size", "32", "--n_trials", "1")


def in_a_release(argv: list[str]) -> Ended:
    """main.py in the interpreter of a release that has what is asked for."""
    name = "keras-1.2.2" if "--run_keras" in argv else "tensorflow-2.21.0"
    return _ended([str(python_of(name)), str(ROOT / "main.py"), *argv, *SMALL])


def in_the_environment_of_a_release(argv: list[str], places: Places) -> Ended:
    find("tensorflow-2.21.0")
    made = RealCheckout.make(places.tmp_path / "real")
    return _ended([VGGBENCH, "run", "tensorflow-2.21.0", *argv[2:], *SMALL], made)


def of_a_release(argv: list[str], places: Places) -> Ended:
    """A release that is verified soon, or one that can tell the peak, where one is named."""
    name = "jax-0.4.13" if argv[0] == "verify" else "tensorflow-2.21.0"
    find(name)
    made = RealCheckout.make(places.tmp_path / "real")
    done = _ended([VGGBENCH, argv[0], *([name] if argv[1:] else []), *argv[2:]], made)
    if argv[0] == "verify":  # no other test verifies the oldest JAX
        for configuration in configurations("JAX"):
            assert f"{name} ({configuration}): agrees" in done
    return done


#: What a checkout is read from.
FROM_HERE = ("asv.conf.json", "history.toml", "releases", "results", "benchmarks")


def of_the_shipped_history(argv: list[str], places: Places) -> Ended:
    for name in FROM_HERE:
        (places.tmp_path / name).symlink_to(ROOT / name)
    shipped = re.search(r"^SHIPPED := (\S+)", (ROOT / "Makefile").read_text(), re.M)
    assert shipped is not None
    argv = [shipped[1] if word == MACHINE else word for word in argv]
    if "--machine" not in argv:
        argv += ["--machine", shipped[1]]
    argv = ["tensorflow-2.16.2" if word == FOR["RELEASE"] else word for word in argv]
    return _ended([VGGBENCH, *argv], RealCheckout(places.tmp_path))


def shown(places: Places) -> Ended:
    """What README and docs show is made of the shipped history, in a folder with copies of both."""
    for name in ("Makefile", "pyproject.toml", "setup.py", "README.md", "docs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, places.tmp_path / name)
    for name in FROM_HERE:
        (places.tmp_path / name).symlink_to(ROOT / name)
    set_up(places.tmp_path)
    return _ended(["make", "shown"], RealCheckout(places.tmp_path))


def _ended(argv: list[str], made: RealCheckout | None = None) -> Ended:
    env = dict(os.environ) if made is None else made.environ()
    done = subprocess.run(
        argv,
        cwd=None if made is None else made.folder,
        # Threads of several tests at a time would wait for each other.
        env={**env, "CUDA_VISIBLE_DEVICES": "", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Ended(done.returncode, done.stdout)


def with_an_index(made: StandIns, argv: list[str]) -> Ended:
    """The index has what is on the tracks, each from the day of its release on, and what is added,
    for an interpreter that is here."""
    index = made.folder / "index"
    shutil.copytree(made.wheels, index)
    for word in argv:
        track, separator, version = word.partition("==")
        if separator:
            (index / f"{track}-{version}-py3-none-any.whl").unlink(missing_ok=True)
            tag = f"cp{pythons()[1].replace('.', '')}-none-any"
            write_wheel(index, track, version, f"__version__ = {version!r}\n", tag=tag)
            for path in (made.releases / track).glob(f"{version}[.-]*"):
                path.unlink()
    if "--wheel" in argv:
        module = "__version__ = '2.21.0'\nSECONDS_A_STEP = 0.02\n"
        write_wheel(made.folder / "dist", "tensorflow", "2.21.0", module)
    with serving(index, days_of(index)) as url:
        env = {"UV_DEFAULT_INDEX": url, "UV_OFFLINE": "0", "UV_FIND_LINKS": ""}
        return made.vggbench(*argv, env=env)


def served(made: StandIns, argv: list[str]) -> Ended:
    """What the pages' server answers to a reader, until Ctrl-C."""
    argv = ["0" if word == FOR["N"] else word for word in argv]
    done = made.asv("publish")
    assert done.status == 0, done.output
    process = made.popen(*argv, program="vggbench")
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # which ends too where the server does not start
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found, line
        with urllib.request.urlopen(found[0], timeout=PATIENCE_S) as answer:
            assert b"<html" in answer.read()
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
    return Ended(process.returncode, line + output)


def names_only(command: Command) -> bool:
    """A mention in a sentence: of a command itself, not of what to type."""
    _, program, argv = arguments(command.line)
    least = 2 if argv[:1] in (["releases"], ["fleet"]) else 1
    return not command.whole and program in ("asv", "vggbench") and len(argv) <= least


T = TypeVar("T")


def of(command: Command, table: Mapping[str, T]) -> T | None:
    """What the table has for the command, by the longest beginning that fits."""
    fits = [argv for argv in table if command.line.startswith(argv)]
    return table[max(fits, key=len)] if fits else None


def marks_of(command: Command) -> list[pytest.MarkDecorator]:
    """Real releases have marks of their own; where Theano compiles, one worker runs its tests."""
    _, program, argv = arguments(command.line)
    if "--keras_backend" in argv:
        return [pytest.mark.theano, pytest.mark.xdist_group("theano of keras-1.2.2")]
    if argv[:1] == ["verify"]:
        return [pytest.mark.jax]
    if program == "python main.py" or (argv[:1] in (["run"], ["peak"]) and program == "vggbench"):
        return [pytest.mark.tensorflow]
    return [pytest.mark.numerics if program.startswith("python perf/") else pytest.mark.asv]


COMMANDS = documented.commands()
MENTIONS = [command for command in COMMANDS if names_only(command)]
TYPED = [
    pytest.param(command, id=f"{command.page}: {command.line}", marks=marks_of(command))
    for command in COMMANDS
    if not names_only(command)
]


@pytest.mark.parametrize("command", TYPED)
def test_what_a_page_shows_can_be_typed(
    command: Command, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    why = of(command, NOT_RUN)
    if why is not None:
        pytest.skip(f"{command.line}: {why}")
    done = run(command, Places(request, tmp_path))
    status, says = of(command, ENDS) or (0, "")
    assert done.status == status, done.output
    assert says in done
    assert "Traceback" not in done


@pytest.mark.asv
def test_a_command_that_a_page_mentions_exists(stand_ins: StandIns) -> None:
    for command in MENTIONS:
        _, program, argv = arguments(command.line)
        run_it = stand_ins.asv if program == "asv" else stand_ins.vggbench
        done = run_it(*argv, "--help")
        assert done.status == 0, f"{command.page}: {command.line}"
        assert "usage" in done


@pytest.mark.parametrize("page", documented.PAGES, ids=lambda page: page.name)
def test_each_code_block_says_what_it_is_in(page: Path) -> None:
    assert "" not in documented.languages(page.read_text(encoding="utf-8"))


def test_nothing_is_listed_that_no_page_shows() -> None:
    for table in (NOT_RUN, ENDS):
        assert {of(command, table) for command in COMMANDS} - {None} == set(table.values())
    assert set(FOR) <= {word for command in COMMANDS for word in arguments(command.line)[2]}
    assert {f"python {script}" for script in BRIEF} <= {arguments(c.line)[1] for c in COMMANDS}


def test_of_a_usage_line_all_is_given_that_may_be() -> None:
    line = "vggbench x R ... [--a B ...] [--c html|md] 'd e' [--f [--g 2%]]"
    argv = ["x", "R", "--a", "B", "--c", "html", "d e", "--f", "--g", "2%"]
    assert arguments(line) == ({}, "vggbench", argv)
