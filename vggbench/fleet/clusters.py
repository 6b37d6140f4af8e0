"""Schedulers and their workers, as a client of them: one that runs already, or one that this
process starts, with workers here, in jobs of Slurm or on hosts by SSH. What this process started
ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import dask
import distributed
from distributed.core import Status
from distributed.deploy import ssh as dask_ssh
from tornado.ioloop import PeriodicCallback

from ..checkout import Checkout
from ..errors import Say, VggbenchError, of_system, one_line, some_of
from . import HERE, LOOPBACK, FleetError
from .hand_out import MOST_FAILURES, Awaited
from .scheduler import QuietScheduler
from .worker import CONFIG_VARIABLE, QUIET, MachineWorker, reason

_HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
try:
    from dask_jobqueue.slurm import SLURMCluster, SLURMJob
finally:
    # dask_jobqueue.runner has Ctrl-C end the process with 0 and without a word.
    for _number, _handler in _HANDLERS.items():
        signal.signal(_number, _handler)

#: The worker's class, as programs of Dask take it.
WORKER = f"{MachineWorker.__module__}.{MachineWorker.__qualname__}"

#: A name or an address of a host, as ssh takes it.
HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")

#: What dask-jobqueue would ask Slurm for. A machine is measured as a whole, for as long as its
#: partition or the user's own options allow.
NOT_ASKED = ("-n 1", "--cpus-per-task=", "--mem=", "-t ")

#: What is asked for instead: the whole node, and all of its memory. The user's options come after.
ASKED = ("--exclusive", "--mem=0")

#: Seconds between two messages of a cluster to its scheduler.
SYNC_S = 60.0

#: Seconds until a job that Slurm did not take is submitted again.
SUBMIT_AGAIN_S = 60.0

#: How often it is seen to that there are as many jobs as were asked for.
JOBS_AGAIN = "30s"

#: Seconds between two questions to Slurm about jobs whose workers have not come.
LOOK_S = 10.0

#: What prints the number, the state and its reason of each job of a user, ended ones included.
SQUEUE = ("squeue", "--noheader", "--states=all", "--format=%i %T %r")

#: The state of a job that waits for a node, and those of one that has ended (squeue(1)). Slurm
#: forgets a job a few minutes after its end: GONE is one that it has listed before.
PENDING, GONE = "PENDING", "no longer listed"
ENDED = frozenset(
    {
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
        *("OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT", GONE),
    }
)

#: The last line of every worker of Dask, which says nothing.
FAREWELL = "End worker"

#: Bytes at the end of a log in which its last words are looked for, and logs in one line, at most.
TAIL_BYTES, MOST_LOGS = 64 * 1024, 4


@contextlib.contextmanager
def at(address: str, security: distributed.Security | None) -> Iterator[distributed.Client]:
    """A client of the scheduler at ``address``. Raises FleetError where none answers."""
    dask.config.set(QUIET)
    try:
        client = distributed.Client(address, security=security, set_as_default=False)
    except Exception as err:  # what answers may be no scheduler, or one of another version
        raise FleetError(
            f"no scheduler answers at {address}: {reason(err)}; start it there: vggbench fleet "
            f"scheduler"
        ) from None
    try:
        yield client
    finally:
        _close(client)


@contextlib.contextmanager
def local(
    checkout: Checkout, security: distributed.Security | None, say: Say
) -> Iterator[distributed.Client]:
    """A scheduler and this machine's worker in this process. Raises VggbenchError where there can
    be no worker."""
    options = {
        "config": str(checkout.config_file),
        "security": security,
        "say": say,
        "host": LOOPBACK,
        # Dask's worker is called by its address then, as on other machines.
        "name": None,
    }
    workers = {"local": {"cls": MachineWorker, "options": options}}
    with _started(lambda: _cluster(workers, LOOPBACK, 0, security), "--local") as client:
        yield client


@contextlib.contextmanager
def on_slurm(
    checkout: Checkout,
    asked: str,
    workers: int,
    *,
    host: str,
    port: int,
    security: distributed.Security | None,
    say: Say,
) -> Iterator[distributed.Client]:
    """A scheduler at ``host`` and ``port`` in this process, and ``workers`` jobs of Slurm, each of
    which is the worker of the node that it has for itself.

    ``asked``: options of sbatch, as on its command line. A job that has ended after its worker had
    come is submitted again, unless MOST_FAILURES in a row ended before their workers had answered.
    Raises FleetError where sbatch is missing, or refuses the options.
    """
    require_options(asked)
    if shutil.which("sbatch") is None:
        raise FleetError(
            "--slurm: there is no sbatch on PATH; run this where jobs are submitted to Slurm"
        )
    own = dask.config.get("jobqueue.slurm.job-script-prologue", default=[])
    config = shlex.quote(str(checkout.config_file))

    def make() -> Any:
        return SLURMCluster(
            job_cls=_Job,
            # dask-jobqueue insists on these three. NOT_ASKED keeps them out of the job, and
            # MachineWorker out of the worker.
            cores=1,
            processes=1,
            memory="1GB",
            job_name="vggbench",
            job_directives_skip=NOT_ASKED,
            job_extra_directives=[*ASKED, asked],
            job_script_prologue=[*own, f"export {CONFIG_VARIABLE}={config}"],
            nanny=False,
            worker_extra_args=["--worker-class", WORKER],
            scheduler_cls=QuietScheduler,
            scheduler_options={"host": host, "port": port, "plugins": [_Heard()]},
            security=security,
        )

    with _started(make, "--slurm", lambda cluster: _submit(cluster, workers, say)) as client:
        yield client


class _Job(SLURMJob):
    """A job that says when it is closed, as Dask asserts of all that it closes. One that takes the
    place of an ended one is submitted until Slurm takes it: Dask would not try again. Where
    MOST_FAILURES in a row ended before their workers had answered, the next one is not submitted:
    Dask would go on for ever."""

    #: The last job in each place, by the name that Dask has for the place.
    last: ClassVar[dict[str, _Job]] = {}

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._again: asyncio.Task[None] | None = None
        #: Whether its worker has come, and whether it has answered, be it gone again.
        self.has_come = self.has_answered = False
        #: How many jobs before it, in its place and in a row, ended before their workers answered.
        self.unanswered = 0
        #: Slurm's state of it and the reason for that, once it has said so.
        self.state = self.why = ""
        #: How it ended, with its last words, and the file of all its words, once that is known.
        self.end = self.log = ""

    @property
    def has_ended(self) -> bool:
        """Whether it has ended for good: where its worker had come, Dask puts another job in its
        place."""
        return bool(self.end) and not self.has_come

    @property
    def how(self) -> str:
        """In which way it has ended for good."""
        if self.unanswered >= MOST_FAILURES:
            return f"ended {self.unanswered} times in a row before a worker answered"
        return "ended without a worker"

    async def start(self) -> None:
        # Dask puts a job in the place of another one only where the worker of that had come.
        before = _Job.last.get(self.name)
        _Job.last[self.name] = self
        if before is not None and not before.has_answered:
            self.unanswered = before.unanswered + 1
            if self.unanswered >= MOST_FAILURES:
                self.end, self.log = await _end_of(f"job {before.job_id}", before.job_id)
                self.status = Status.running
                return
        try:
            await super().start()
        except RuntimeError:
            # Of the first jobs, sbatch may find the options wrong.
            if before is None:
                raise
            self._again = asyncio.ensure_future(self._submit_again())
            self.status = Status.running

    async def _submit_again(self) -> None:
        while self.job_id is None:
            await asyncio.sleep(SUBMIT_AGAIN_S)
            with contextlib.suppress(RuntimeError):
                await super().start()

    async def close(self) -> None:
        if self._again is not None:
            self._again.cancel()
        await super().close()
        self.status = Status.closed


class _Heard(distributed.SchedulerPlugin):
    """Notes in a scheduler of which jobs a worker has come, and of which one has answered."""

    async def start(self, scheduler: distributed.Scheduler) -> None:
        self._scheduler = scheduler

    def add_worker(self, scheduler: distributed.Scheduler, worker: str) -> None:
        job = _Job.last.get(scheduler.workers[worker].name)
        if job is not None:
            job.has_come = True

    def transition(
        self, key: object, start: str, finish: str, *more: Any, worker: str = "", **options: Any
    ) -> None:
        """A task that was processed and is in the memory of its ``worker`` is a question that this
        one has answered."""
        if (start, finish) == ("processing", "memory") and worker in self._scheduler.workers:
            job = _Job.last.get(self._scheduler.workers[worker].name)
            if job is not None:
                job.has_answered = True


def _submit(cluster: Any, workers: int, say: Say) -> None:
    _Job.last.clear()
    for _ in range(workers):
        # With scale(), what sbatch says of the options would go to Dask's log alone.
        cluster.worker_spec.update(cluster.new_worker_spec())

    async def submitted() -> None:
        await cluster

    cluster.sync(submitted)
    jobs = sorted(str(job.job_id) for job in cluster.workers.values())
    say(f"Submitted to Slurm: {some_of(jobs, 8)}; what a job says is in slurm-JOB.out")
    cluster.adapt(minimum_jobs=workers, maximum_jobs=workers, interval=JOBS_AGAIN)
    look = PeriodicCallback(functools.partial(_look, cluster), LOOK_S * 1000)
    cluster.periodic_callbacks["jobs"] = look  # the cluster stops it
    cluster.loop.add_callback(look.start)


async def _look(cluster: Any) -> None:
    """Note what Slurm says of the jobs whose workers have not come."""
    jobs = [job for job in cluster.workers.values() if not job.has_come and not job.end]
    if not jobs:
        return
    # What Slurm does not answer is not known, and asked again.
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        answer = await _Job._call([*SQUEUE, f"--user={os.getuid()}"])
        lines = [line.split(maxsplit=2) for line in answer.splitlines()]
        listed = {line[0]: line[1:] for line in lines if len(line) == 3}
        for job in jobs:
            if job.job_id in listed:
                job.state, job.why = listed[job.job_id]
            elif job.state:
                job.state = GONE
            if job.state in ENDED:
                what = f"job {job.job_id} ({job.state})"
                job.end, job.log = await _end_of(what, job.job_id)


async def _end_of(what: str, number: str) -> tuple[str, str]:
    """How the job ``number`` ended, which is called ``what``, with its last words, and the file of
    all its words."""
    log = await _log_of(number)
    return f"{what}: {await asyncio.to_thread(_last_words, log)}", log


async def _log_of(number: str) -> str:
    """The path of what the job ``number`` said, on the node where it ran."""
    found = None
    # Slurm may have forgotten it meanwhile.
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        told = await _Job._call(["scontrol", "show", "job", number])
        # StdErr comes first; where it is empty, both go to StdOut.
        found = re.search(r"^\s*Std(?:Err|Out)=(\S.*)$", told, re.MULTILINE)
    return found[1] if found else os.path.abspath(f"slurm-{number}.out")


def _last_words(log: str) -> str:
    """What the last line of a ``log`` says."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as err:
        return f"what it said cannot be read here: {of_system(err)}"
    said = [line for line in lines if line.strip() and not line.endswith(FAREWELL)]
    return f"it said last: {one_line(said[-1], 200)}" if said else "it said nothing"


def _note_come(cluster: Any) -> None:
    """Note of which hosts a worker has come. Of jobs, _Heard does."""
    # The cluster's thread may change what is copied here.
    come = {facts["name"] for facts in list(cluster.scheduler_info["workers"].values())}
    for one in list(cluster.workers.values()):
        if isinstance(one, _OverSsh) and one.name in come:
            one.has_come = True


def awaited(client: distributed.Client) -> Awaited:
    """What is known of the workers that were started for ``client``: nothing of those that somebody
    else starts."""
    if client.cluster is None:
        return Awaited()
    _note_come(client.cluster)
    started = [
        one for one in list(client.cluster.workers.values()) if isinstance(one, _Job | _OverSsh)
    ]
    ended = [one for one in started if one.has_ended]
    coming = [one for one in started if not (one.has_ended or one.has_come)]
    queued = [one for one in coming if isinstance(one, _Job) and one.state == PENDING]
    told = []
    for how in dict.fromkeys(one.how for one in ended):
        alike = [one for one in ended if one.how == how]
        first = alike[0]
        if isinstance(first, _Job):
            what = "job"
            see = some_of([one.log for one in alike if isinstance(one, _Job)], MOST_LOGS)
        else:
            what, see = "worker", f"what it says there: {first.by_hand}"
        told.append(f"{_share(len(alike), len(started), what)} {how}; {first.end}; see {see}")
    if queued:
        why = f" ({queued[0].why})" if queued[0].why != "None" else ""
        told.append(f"in Slurm's queue: {_share(len(queued), len(started), 'job')}{why}")
    return Awaited(len(ended), len(coming), "; ".join(told))


def _share(count: int, total: int, what: str) -> str:
    """How many of all there are, in words: ``what`` is the name of one."""
    if total == 1:
        return f"the {what}"
    return f"all {total} {what}s" if count == total else f"{count} of {total} {what}s"


def require_options(asked: str) -> None:
    """Raise FleetError where ``asked`` cannot be options of sbatch on one line of a script."""
    try:
        words = shlex.split(asked)
    except ValueError as err:
        raise FleetError(f"--slurm {one_line(asked, 80)}: {err}; mend its quotes") from None
    if not words or not words[0].startswith("-") or not asked.isprintable():
        raise FleetError(
            f"--slurm {one_line(asked, 80)}: these are no options of sbatch, such as '-p bench -C "
            f"zen4'"
        )


@contextlib.contextmanager
def by_ssh(
    checkout: Checkout,
    hosts: Sequence[str],
    *,
    folder: Path | None,
    host: str,
    port: int,
    security: distributed.Security | None,
    say: Say,
) -> Iterator[distributed.Client]:
    """A scheduler at ``host`` and ``port`` in this process, and a worker on each of the ``hosts``,
    started by SSH as ``~/.ssh/config`` says.

    ``folder``: where the checkout lies there, with its ``.venv``, seen from the user's home; by
    default both are where they are here. Raises FleetError where a host cannot be reached, or no
    worker can be started there.
    """
    require_hosts(hosts, host)
    config, python = checkout.config_file, sys.executable
    if folder is not None:
        config, python = folder / config.name, str(folder / ".venv" / "bin" / "python")
    for path in (str(config), python):
        if shlex.quote(path) != path:
            raise FleetError(
                f"--ssh: {path} has characters that a shell would take for its own; have the "
                f"checkout in another folder, or name it: --ssh-folder"
            )
    workers = {
        address: {
            "cls": _OverSsh,
            "options": {
                "address": address,
                # Not the cluster's own key: under that Dask would end the process when its worker
                # is lost.
                "name": f"ssh-{address}",
                "connect_options": {},
                "kwargs": {"config": str(config), "name": f"ssh-{address}"},
                "worker_class": WORKER,
                "remote_python": python,
                "say": say,
            },
        }
        for address in hosts
    }
    with _started(lambda: _cluster(workers, host, port, security), "--ssh") as client:
        yield client


def require_hosts(hosts: Sequence[str], host: str) -> None:
    """Raise FleetError where a worker on one of the ``hosts`` could not be started, or could not
    reach a scheduler at ``host``."""
    for name in hosts:
        if not HOST.fullmatch(name):
            raise FleetError(
                f"--ssh {one_line(name, 80)}: this is no name of a host; a user, a port or a key "
                f"belongs into ~/.ssh/config"
            )
    twice = sorted({name for name in hosts if list(hosts).count(name) > 1})
    if twice:
        raise FleetError(
            f"--ssh: {some_of(twice, 3)} is there twice; a machine has one worker, so name it once"
        )
    elsewhere = [name for name in hosts if name not in HERE]
    if elsewhere and host in HERE:
        raise FleetError(
            f"--ssh: {some_of(elsewhere, 3)} cannot reach a scheduler that listens on {host}; name "
            f"an address of this machine: --host ADDRESS"
        )


class _OverSsh(dask_ssh.Worker):
    """A worker on a host. What it says there is said here, after the name of the host."""

    #: In which way it has ended for good.
    how = "ended"

    def __init__(self, *arguments: Any, say: Say, **options: Any):
        super().__init__(*arguments, **options)
        self._say = say
        self._read: list[asyncio.Task[None]] = []
        self._last = ""
        #: Whether its worker has come, be it gone again.
        self.has_come = False

    async def start(self) -> None:
        try:
            await super().start()
        except Exception as err:
            # asyncssh has errors of its own, and Dask raises a bare Exception.
            raise FleetError(
                f"--ssh {self.address}: no worker could be started: {reason(err)}; see what it "
                f"says there: {self.by_hand}"
            ) from None
        # A stream that nobody reads would hold its writer up one day.
        self._read = [
            asyncio.ensure_future(_lines(self.proc.stdout, self._tell)),
            asyncio.ensure_future(_lines(self.proc.stderr, self._keep)),
        ]

    @property
    def by_hand(self) -> str:
        """The command that starts a worker there by hand."""
        return (
            f"ssh {self.address} {self.remote_python} -m vggbench.cli --config "
            f"{self.kwargs['config']} fleet worker tcp://{LOOPBACK}:8786"
        )

    @property
    def has_ended(self) -> bool:
        """Whether the process there has ended, or nothing of it can be heard any more."""
        return bool(self._read) and all(task.done() for task in self._read)

    @property
    def end(self) -> str:
        """How it ended, with its last words."""
        said = f"it said last: {self._last}" if self._last else "it said nothing"
        return f"{self.address}: {said}"

    def _tell(self, line: str) -> None:
        self._say(f"{self.address}: {line}")

    def _keep(self, line: str) -> None:
        self._last = line or self._last

    async def close(self) -> None:
        for task in self._read:
            task.cancel()
        await super().close()


async def _lines(stream: AsyncIterable[str], tell: Callable[[str], None]) -> None:
    # The connection may end in the middle of a line; that the worker is gone is told elsewhere.
    with contextlib.suppress(OSError):
        async for line in stream:
            tell(one_line(line))


def _cluster(
    workers: dict[str, Any], host: str, port: int, security: distributed.Security | None
) -> Any:
    options = {"host": host, "port": port, "security": security}
    return distributed.SpecCluster(
        workers=workers,
        scheduler={"cls": QuietScheduler, "options": options},
        security=security,
        name="vggbench",
        # Dask's cluster tells the scheduler what it is each second, also where that is measured.
        scheduler_sync_interval=SYNC_S,
    )


@contextlib.contextmanager
def _started(
    make: Callable[[], Any], option: str, then: Callable[[Any], None] = lambda cluster: None
) -> Iterator[distributed.Client]:
    """A client of the cluster that ``make`` makes, after ``then``. Raises FleetError where it does
    not come about, with the ``option`` that asked for it."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(contextlib.closing(make()))
            then(cluster)
            client = distributed.Client(cluster, set_as_default=False)
        except VggbenchError:
            raise
        except (OSError, RuntimeError, ValueError, asyncio.TimeoutError) as err:
            raise FleetError(f"{option}: {_told(err)}; nothing was measured") from None
        stack.callback(_close, client)
        yield client


def _close(client: distributed.Client) -> None:
    # Its scheduler may be gone.
    with contextlib.suppress(OSError, RuntimeError, AssertionError, asyncio.TimeoutError):
        client.close()


def _told(error: BaseException) -> str:
    """What went wrong; of a command that dask-jobqueue ran, what that command said."""
    _, is_command, said = str(error).partition("stderr:\n")
    return one_line(said, 300) if is_command else reason(error)
