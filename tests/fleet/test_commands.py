"""What vggbench fleet refuses, each in one line, before anything is started."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import dask
import pytest

from vggbench import cli

from ..tiny import Tiny
from .test_plan import HISTORY

WAITING = "tcp://127.0.0.1:1"

#: What is asked for, and a part of the line that answers it.
REFUSED = {
    "worker box1:8786": "'box1:8786' is no address of a scheduler; write tcp://HOST:8786",
    "worker tcp://box1": "'tcp://box1' is no address of a scheduler",
    "worker http://box1:8786": "is no address of a scheduler",
    "worker tcp://:8786": "is no address of a scheduler",
    "worker tcp://box1:99999": "'99999' is no port; write a number up to 65535",
    "worker tcp://10.0.0.1:8786": "does not reach a worker on 127.0.0.1; name the address",
    "worker tls://127.0.0.1:1": "tls://127.0.0.1:1 is encrypted: give your certificates: --tls",
    f"worker {WAITING} --tls .": "write tls:// instead of tcp://",
    f"worker {WAITING} --port x": "'x' is no port",
    "scheduler --port 70000": "'70000' is no port",
    "scheduler --tls nowhere": "has no ca.pem; it takes ca.pem, cert.pem, key.pem",
    "scheduler --host tcp://10.0.0.1": "'tcp://10.0.0.1' is nothing to listen on",
    "scheduler --host 10.0.0.1:8786": "'10.0.0.1:8786' is nothing to listen on",
    "run": "one of the arguments ADDRESS --local --slurm --ssh is required",
    "run --local --ssh box1": "not allowed with",
    "run --local --workers 0": "'0' is no number of workers; write 1 or more",
    "run --local --ssh-folder there": "--ssh-folder is an option of --ssh",
    f"run {WAITING} --host 127.0.0.1": "--host and --port are options of --slurm and --ssh",
    f"run {WAITING} --tls .": "write tls:// instead of tcp://",
    "run --ssh me@localhost": "--ssh me@localhost: this is no name of a host",
    "run --ssh tcp://box1:22": "this is no name of a host",
    "run --ssh box1 localhost": "--ssh: box1 cannot reach a scheduler that listens on 127.0.0.1",
    "run --ssh localhost localhost": "--ssh: localhost is there twice",
}

#: The same of --slurm, whose options are one word.
NO_OPTIONS = {
    "bench": "--slurm bench: these are no options of sbatch, such as '-p bench -C zen4'",
    "-C 'zen4": "No closing quotation; mend its quotes",
    "-p bench\nrm -r results": "these are no options of sbatch",
}


def said(tiny: Tiny, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """(exit status, the last line), of a command that prints no traceback."""
    config = str(tiny.folder / "asv.conf.json")
    # Dask tries for half a minute to connect.
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        try:
            status = cli.main(["--config", config, "fleet", *arguments])
        except SystemExit as err:
            status = int(str(err.code))
    told = capsys.readouterr()
    assert "Traceback" not in told.err + told.out
    return status, (told.err or told.out).splitlines()[-1]


@pytest.fixture
def tiny(bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    monkeypatch.setenv("HOME", str(bare_tiny.home))
    return bare_tiny


@pytest.mark.parametrize("asked", REFUSED)
def test_what_cannot_be_is_one_line(
    tiny: Tiny, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    status, line = said(tiny, capsys, *asked.split())
    assert status == 2
    assert REFUSED[asked] in line


def test_where_no_scheduler_answers_it_says_why_and_what_to_start(
    tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = said(tiny, capsys, "run", WAITING)
    assert status == 2
    # Dask tells of the last of its tries alone, and that one may run out of time.
    why = f"(Connection refused|Timed out trying to connect to {WAITING} after 1 s)"
    start = "start it there: vggbench fleet scheduler"
    assert re.search(f"no scheduler answers at {WAITING}: {why}; {start}$", line), line


@pytest.mark.parametrize("asked", NO_OPTIONS)
def test_words_that_are_no_options_of_sbatch_are_one_line(
    tiny: Tiny, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    status, line = said(tiny, capsys, "run", f"--slurm={asked}")
    assert status == 2
    assert NO_OPTIONS[asked] in line


def test_without_slurm_it_says_so(
    tiny: Tiny,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    status, line = said(tiny, capsys, "run", "--slurm", "-p bench")
    assert status == 2
    assert "--slurm: there is no sbatch on PATH" in line


@pytest.mark.parametrize("module", ["distributed", "dask_jobqueue", "asyncssh"])
@pytest.mark.parametrize("asked", ["scheduler", f"worker {WAITING}", "run --local"])
def test_without_the_extra_a_command_says_how_to_get_it(
    tiny: Tiny,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    module: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    status, line = said(tiny, capsys, *asked.split())
    assert (status, line) == (2, "vggbench: vggbench fleet needs Dask: pip install -e '.[fleet]'")


def test_what_is_left_is_said_without_dask(
    tiny: Tiny, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tiny.folder / "history.toml").write_text(HISTORY)
    (tiny.folder / "fleet.toml").write_text('[[machines]]\nname = "box-1"\n')
    status, line = said(tiny, capsys, "plan")
    assert status == 1
    assert line.startswith("box-1: ")
    assert " left, " in line
