"""Schedulers that a client brings, with workers here, on a host by SSH and in jobs of Slurm.

The server of SSH is asyncssh's, with keys of its own. In Slurm's place stands a program that runs
what is submitted on this machine at once; test_slurm.py has Slurm itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import dask
import distributed
import pytest

from vggbench import cli, machine_lock
from vggbench.fleet import LOOPBACK, TROUBLE, FleetError, clusters
from vggbench.fleet.engine import DaskEngine
from vggbench.fleet.hand_out import MOST_FAILURES
from vggbench.fleet.scheduler import QuietScheduler
from vggbench.machine_lock import RunInProgress

from ..tiny import MACHINE, PATIENCE_S, Tiny, until
from .boxes import workers_of
from .dying import LAST_WORDS, DyingWorker
from .test_plan import HISTORY

SSH_SERVER = """
import asyncio, subprocess, sys
import asyncssh

async def handle(process):
    child = subprocess.Popen(
        process.command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    await process.redirect(stdout=child.stdout, stderr=child.stderr)
    process.exit(await asyncio.to_thread(child.wait))

async def serve(folder):
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[f"{folder}/host"],
        authorized_client_keys=f"{folder}/user.pub",
        process_factory=handle,
    )
    print(server.get_port(), flush=True)
    await asyncio.Event().wait()

asyncio.run(serve(sys.argv[1]))
"""

#: A job's number is that of its process. $JOBS is a folder.
SBATCH = """#!/bin/sh
cp "$1" $JOBS/script
setsid bash $JOBS/script > $JOBS/out 2>&1 < /dev/null &
echo "Submitted batch job $!"
"""

REFUSING = """#!/bin/sh
echo 'sbatch: error: invalid partition specified: nowhere' >&2
echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2
exit 1
"""

SCANCEL = """#!/bin/sh
kill -- -$1
"""

SCONTROL = """#!/bin/sh
echo "   StdErr="
echo "   StdOut=$JOBS/out"
"""

#: Dask's setting of what a job does before it is a worker.
PROLOGUE = "jobqueue.slurm.job-script-prologue"


@pytest.fixture
def tiny(bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A tiny checkout, whose user is this process's."""
    monkeypatch.setenv("HOME", str(bare_tiny.home))
    return bare_tiny


def resources(client: distributed.Client) -> list[dict[str, float]]:
    """Those of the first worker that comes, and of all others that are there then."""
    client.wait_for_workers(1, timeout=PATIENCE_S)
    return [worker["resources"] for worker in workers_of(client).values()]


def is_free() -> bool:
    """Whether this machine has no worker."""
    try:
        with machine_lock.held_by_worker():
            return True
    except RunInProgress:
        return False


def test_all_on_this_machine_is_a_scheduler_and_this_machines_worker(tiny: Tiny) -> None:
    with clusters.local(tiny.checkout, None, print) as client:
        assert resources(client) == [{MACHINE: 1}]
        assert client.scheduler.address.startswith("tcp://127.0.0.1:")
        assert not is_free()
    assert is_free()


def test_where_this_machine_has_a_worker_it_gets_no_second_one(tiny: Tiny) -> None:
    with (
        machine_lock.held_by_worker(),
        pytest.raises(RunInProgress, match="has a worker already: process"),
        clusters.local(tiny.checkout, None, print),
    ):
        pass


def test_a_client_of_a_scheduler_that_runs_sees_its_workers(tiny: Tiny) -> None:
    with clusters.local(tiny.checkout, None, print) as first:
        with clusters.at(first.scheduler.address, None) as client:
            assert resources(client) == [{MACHINE: 1}]
        assert resources(first) == [{MACHINE: 1}], "another client's end ends nothing"


def test_the_engine_sees_all_workers_however_many_there_are() -> None:
    count = 7
    options = {
        "nthreads": 1,
        "resources": {"box-1": 1},
        "host": LOOPBACK,
        "dashboard_address": f"{LOOPBACK}:0",
    }
    worker = {"cls": distributed.Worker, "options": options}
    scheduler = {"cls": QuietScheduler, "options": {"host": LOOPBACK, "port": 0}}
    with (
        distributed.SpecCluster(dict.fromkeys(range(count), worker), scheduler) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(count, timeout=PATIENCE_S)
        assert list(DaskEngine(client).workers().values()) == ["box-1"] * count


# -- by SSH


@pytest.fixture
def ssh_port(tiny: Tiny, tmp_path: Path) -> Iterator[int]:
    """The port of a server of SSH on this machine, which lets the user of ``tiny`` in."""
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("host", "user"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(keys / name))
        key.write_public_key(str(keys / f"{name}.pub"))
        (keys / name).chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-c", SSH_SERVER, str(keys)],
        env=tiny.environ(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    public = " ".join((keys / "host.pub").read_text().split()[:2])
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port},[localhost]:{port} {public}\n")
    _configure(tiny, port, f"IdentityFile {keys}/user", f"UserKnownHostsFile {keys}/known_hosts")
    yield port
    process.kill()
    process.communicate(timeout=PATIENCE_S)


def _configure(tiny: Tiny, port: int, *more: str) -> None:
    (tiny.home / ".ssh").mkdir(exist_ok=True)
    lines = ["Host localhost", "HostName 127.0.0.1", f"Port {port}", *more]
    (tiny.home / ".ssh" / "config").write_text("\n".join([*lines, ""]))


def test_a_worker_is_started_on_a_host_as_the_users_ssh_knows_it(tiny: Tiny, ssh_port: int) -> None:
    with clusters.by_ssh(
        tiny.checkout,
        ["localhost"],
        folder=None,
        host=LOOPBACK,
        port=0,
        security=None,
        say=print,
    ) as client:
        assert resources(client) == [{MACHINE: 1}]
    until(is_free)


def test_a_host_that_cannot_be_reached_is_one_line_with_what_to_try(
    tiny: Tiny, free_port: int
) -> None:
    _configure(tiny, free_port)
    with (
        pytest.raises(FleetError, match="--ssh localhost: no worker could be started: ") as info,
        clusters.by_ssh(
            tiny.checkout,
            ["localhost"],
            folder=None,
            host=LOOPBACK,
            port=0,
            security=None,
            say=print,
        ),
    ):
        pass
    assert "see what it says there: ssh localhost " in str(info.value)
    assert "\n" not in str(info.value)


def test_a_host_without_the_checkout_is_one_line(tiny: Tiny, ssh_port: int) -> None:
    with (
        pytest.raises(FleetError, match="--ssh localhost: no worker could be started: "),
        clusters.by_ssh(
            tiny.checkout,
            ["localhost"],
            folder=Path("nowhere"),
            host=LOOPBACK,
            port=0,
            security=None,
            say=print,
        ),
    ):
        pass


#: A Python whose worker ends between its first words and the scheduler.
ENDING = """#!/bin/sh
echo 'Start worker at: tcp://127.0.0.1:1' >&2
echo 'OSError: no room on this disk' >&2
exit 1
"""


def test_where_all_hosts_workers_have_ended_the_client_ends_with_the_last_words_of_one(
    tiny: Tiny, ssh_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.folder / "history.toml").write_text(HISTORY)
    python = tmp_path / "there" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    write(python, ENDING)
    asked = ["--ssh", "localhost", "--ssh-folder", str(tmp_path / "there")]
    config = str(tiny.folder / "asv.conf.json")
    assert cli.main(["--config", config, "fleet", "run", *asked]) == TROUBLE
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    assert told.err.splitlines()[-1].startswith(
        "vggbench: no worker answered: the worker ended; localhost: it said last: OSError: no room "
        f"on this disk; see what it says there: ssh localhost {python} -m vggbench.cli "
    )


# -- by what stands in Slurm's place


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def jobs(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is submitted to Slurm, and begins at once."""
    monkeypatch.setenv("JOBS", str(tmp_path))
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL), ("scontrol", SCONTROL)):
        write(programs / name, text)
    return tmp_path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that has ended is submitted again at once."""
    monkeypatch.setattr(clusters, "JOBS_AGAIN", "100ms")
    dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"})


def test_a_job_has_a_node_for_itself_with_the_users_options_and_is_its_worker(
    tiny: Tiny, jobs: Path
) -> None:
    dask.config.set({PROLOGUE: ["echo of the user"]})
    said: list[str] = []
    with clusters.on_slurm(
        tiny.checkout,
        "-p bench -C zen4",
        1,
        host=LOOPBACK,
        port=0,
        security=None,
        say=said.append,
    ) as client:
        assert resources(client) == [{MACHINE: 1}], (jobs / "out").read_text()
    until(is_free)
    script = (jobs / "script").read_text().splitlines()
    asked = [line.removeprefix("#SBATCH ") for line in script if line.startswith("#SBATCH")]
    assert asked == ["-J vggbench", "--exclusive", "--mem=0", "-p bench -C zen4"]
    assert "echo of the user" in script
    assert said[0].startswith("Submitted to Slurm: ")


def test_a_job_that_has_ended_is_submitted_again(tiny: Tiny, jobs: Path, at_once: None) -> None:
    with clusters.on_slurm(
        tiny.checkout, "-p bench", 1, host=LOOPBACK, port=0, security=None, say=print
    ) as client:
        assert resources(client) == [{MACHINE: 1}]
        (first,) = workers_of(client)
        client.retire_workers([first], close_workers=True)
        until(lambda: set(workers_of(client)) - {first})


def test_where_all_jobs_workers_end_before_they_answer_the_client_ends_with_their_last_words(
    tiny: Tiny,
    jobs: Path,
    at_once: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tiny.folder / "history.toml").write_text(HISTORY)
    worker = f"{DyingWorker.__module__}.{DyingWorker.__qualname__}"
    monkeypatch.setattr(clusters, "WORKER", worker)
    root = Path(__file__).parents[2]
    dask.config.set({PROLOGUE: [f"export PYTHONPATH={root}", f"echo $$ >> {jobs}/begun"]})
    config = str(tiny.folder / "asv.conf.json")
    # With a budget, a job that came again for ever would fail this test.
    asked = ["--slurm", "-p bench", "--budget", "5m"]
    assert cli.main(["--config", config, "fleet", "run", *asked]) == TROUBLE
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    begun = (jobs / "begun").read_text().split()
    assert len(begun) == MOST_FAILURES
    assert told.err.splitlines()[-1] == (
        f"vggbench: no worker answered: the job ended 3 times in a row before a worker answered; "
        f"job {begun[-1]}: it said last: {LAST_WORDS}; see {jobs}/out; mend that, and run the same "
        f"command again"
    )


def test_a_worker_that_has_answered_is_no_failure_of_its_job(
    tiny: Tiny, jobs: Path, at_once: None
) -> None:
    seen: set[str] = set()
    with clusters.on_slurm(
        tiny.checkout, "-p bench", 1, host=LOOPBACK, port=0, security=None, say=print
    ) as client:

        def new() -> set[str]:
            return set(workers_of(client)) - seen

        # The third in a row would be the last one.
        for answers in (False, False, True):
            until(new)
            (address,) = new()
            seen.add(address)
            if answers:
                task = client.submit(abs, -1, workers=[address])
                assert task.result(timeout=PATIENCE_S) == 1
            (process,) = client.run(os.getpid, workers=[address]).values()
            os.kill(process, signal.SIGKILL)
        until(new)
        assert clusters.awaited(client).ended == 0


def test_what_sbatch_refuses_is_told_in_its_own_words(
    tiny: Tiny, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(programs / "sbatch", REFUSING)
    config = str(tiny.folder / "asv.conf.json")
    assert cli.main(["--config", config, "fleet", "run", "--slurm", "-p nowhere"]) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith(
        "vggbench: --slurm: sbatch: error: invalid partition specified: nowhere "
    )
