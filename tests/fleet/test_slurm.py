"""Workers as jobs of a real Slurm: two nodes with features, both on this machine.

Debian's packages slurmctld, slurmd and munge are enough. They run as root, without systemd.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest

from vggbench import cli, machine_lock
from vggbench.fleet import LOOPBACK, TROUBLE, clusters

from ..tiny import PATIENCE_S, Tiny, until
from .boxes import free_ports, workers_of
from .test_plan import HISTORY

#: What a Slurm is made of.
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "sinfo", "squeue")

#: Dask's setting of what a job does before it is a worker.
PROLOGUE = "jobqueue.slurm.job-script-prologue"

#: The nodes, and the feature that each has.
NODES = {"node1": "zen4", "node2": "zen3"}

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
"""

NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 Feature={feature}"
PARTITION = "PartitionName=bench Nodes=ALL Default=YES State=UP OverSubscribe=EXCLUSIVE"

LACKING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"Slurm is not here: no {', '.join(LACKING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Slurm's daemons need root's rights"),
]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Slurm that runs."""
    # The daemons make their sockets in this folder, and the path of a socket has 108 characters at
    # most (unix(7)). pytest's own folder is too deep for that, from its tenth run on a machine on.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    ports = free_ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    nodes = [
        NODE.format(name=name, host=host, port=port, feature=feature)
        for (name, feature), port in zip(NODES.items(), ports[1:], strict=True)
    ]
    settings = CONFIGURATION.format(host=host, port=ports[0], folder=folder)
    (folder / "slurm.conf").write_text("\n".join([settings, *nodes, PARTITION, ""]))
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    daemons = [
        [
            *("munged", "--foreground", "--force", "--socket", f"{folder}/munge.socket"),
            *("--key-file", str(key), "--pid-file", f"{folder}/munged.pid"),
            *("--log-file", f"{folder}/munged.log", "--seed-file", f"{folder}/munged.seed"),
        ],
        ["slurmctld", "-D", "-i"],
        *(["slurmd", "-D", "-N", name] for name in NODES),
    ]
    running = []
    try:
        for number, command in enumerate(daemons):
            log = (folder / f"daemon.{number}").open("wb")
            running.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )
            if command[0] == "munged":
                until((folder / "munge.socket").exists)
        until(_are_idle)
        yield
    finally:
        # pytest shows it where the test failed.
        for log in [*sorted(folder.glob("*.log")), *sorted(tmp_path.glob("slurm-*.out"))]:
            print(f"== {log.name}", _tail(log, 25), sep="\n")
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(PATIENCE_S)
        shutil.rmtree(folder)


def _tail(log: Path, lines: int) -> str:
    return "\n".join(log.read_text(errors="replace").rstrip().split("\n")[-lines:])


def _are_idle() -> bool:
    done = subprocess.run(
        ["sinfo", "--noheader", "--Node", "--format=%N %t"], capture_output=True, text=True
    )
    return sorted(done.stdout.split("\n")[:-1]) == [f"{name} idle" for name in sorted(NODES)]


@pytest.fixture
def homes(slurm: None, tmp_path: Path, bare_tiny: Tiny) -> Path:
    """A folder with a home for each node, in which asv knows the machine by the node's name."""
    for name in NODES:
        home = tmp_path / "homes" / name
        home.mkdir(parents=True)
        (known,) = [
            facts
            for key, facts in json.loads((bare_tiny.home / ".asv-machine.json").read_text()).items()
            if key != "version"
        ]
        content = {name: {**known, "machine": name}, "version": 1}
        (home / ".asv-machine.json").write_text(json.dumps(content))
    # Both nodes are this machine, and machines of their own all the same.
    dask.config.set(
        {
            PROLOGUE: [
                f"export HOME={tmp_path}/homes/$SLURMD_NODENAME",
                f"export {machine_lock.VARIABLE}={tmp_path}/$SLURMD_NODENAME.lock",
            ]
        }
    )
    return tmp_path / "homes"


def machines_of(tiny: Tiny, options: str, workers: int) -> set[str]:
    """The machines of so many workers in jobs with these options. Their processes have ended."""
    with clusters.on_slurm(
        tiny.checkout,
        options,
        workers,
        host=LOOPBACK,
        port=0,
        security=None,
        say=print,
    ) as client:
        client.wait_for_workers(workers, timeout=PATIENCE_S)
        told = workers_of(client).values()
        processes = client.run(os.getpid).values()
    until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))
    return {machine for worker in told for machine in worker["resources"]}


def test_a_job_runs_on_a_node_with_the_feature_that_is_asked_for(
    homes: Path, bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # what a job says is put there
    for name, feature in NODES.items():
        assert machines_of(bare_tiny, f"-p bench -C {feature}", 1) == {name}
        until(_are_idle)


def test_each_job_has_a_node_for_itself_and_is_gone_with_the_client(
    homes: Path, bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert machines_of(bare_tiny, "-p bench", len(NODES)) == set(NODES)
    until(_are_idle)


# -- jobs whose workers do not come


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Slurm is asked often what became of jobs, which leave what they say in ``tmp_path``."""
    monkeypatch.setattr(clusters, "LOOK_S", 0.2)
    monkeypatch.chdir(tmp_path)


def test_where_all_jobs_have_ended_the_client_ends_with_the_last_words_of_one(
    slurm: None,
    looks_often: None,
    bare_tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(bare_tiny.home))
    (bare_tiny.folder / "history.toml").write_text(HISTORY)
    dask.config.set({PROLOGUE: ["echo 'the common disk is away'", "exit 3"]})
    config = ["--config", str(bare_tiny.folder / "asv.conf.json")]
    asked = ["--slurm", "-p bench", "--workers", str(len(NODES))]
    assert cli.main([*config, "fleet", "run", *asked]) == TROUBLE
    told = capsys.readouterr()
    assert "Traceback" not in told.out + told.err
    line = told.err.splitlines()[-1]
    assert line.startswith(
        "vggbench: no worker answered: all 2 jobs ended without a worker; job "
    ), line
    assert " (FAILED): it said last: the common disk is away; see " in line
    logs = sorted(tmp_path.glob("slurm-*.out"))
    assert len(logs) == len(NODES)
    assert all(str(log) in line for log in logs)


def test_a_job_without_a_worker_does_not_keep_the_others_waiting(
    homes: Path, looks_often: None, bare_tiny: Tiny
) -> None:
    only = "[ $SLURMD_NODENAME = node1 ] || { echo 'no such disk'; exit 3; }"
    dask.config.set({PROLOGUE: [*dask.config.get(PROLOGUE), only]})
    with clusters.on_slurm(
        bare_tiny.checkout,
        "-p bench",
        len(NODES),
        host=LOOPBACK,
        port=0,
        security=None,
        say=print,
    ) as client:
        until(lambda: clusters.awaited(client).ended and not clusters.awaited(client).coming)
        known = clusters.awaited(client)
        (worker,) = workers_of(client).values()
        processes = client.run(os.getpid).values()
    assert list(worker["resources"]) == ["node1"]
    assert known.ended == 1
    assert known.line.startswith("1 of 2 jobs ended without a worker; job ")
    assert " (FAILED): it said last: no such disk; see " in known.line
    until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes))
    until(_are_idle)


def test_a_job_that_waits_in_the_queue_is_awaited_until_it_is_cancelled(
    slurm: None, looks_often: None, bare_tiny: Tiny
) -> None:
    with clusters.on_slurm(
        bare_tiny.checkout,
        "-p bench --begin=now+1hour",
        1,
        host=LOOPBACK,
        port=0,
        security=None,
        say=print,
    ) as client:
        until(lambda: clusters.awaited(client).line == "in Slurm's queue: the job (BeginTime)")
        known = clusters.awaited(client)
        assert (known.ended, known.coming) == (0, 1)
        subprocess.run(["scancel", "--name=vggbench"], check=True)
        until(lambda: clusters.awaited(client).ended)
        known = clusters.awaited(client)
    assert known.coming == 0
    assert " (CANCELLED): what it said cannot be read here: No such file" in known.line
