"""The commands of a fleet: fleet scheduler, worker, plan, run.

Dask is of the extra ``fleet``, and imported where a command needs it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..campaigns import budget
from ..checkout import Checkout
from ..errors import VggbenchError
from ..fleet import HERE, LOOPBACK
from .common import (
    Subparsers,
    add_commands,
    add_history_limits,
    add_processes,
    add_threshold,
    complain,
    count_of,
    say,
    word,
)

if TYPE_CHECKING:
    from ..fleet.hand_out import Engine

#: The port of a scheduler: Dask's.
PORT = 8786

#: The modules of the extra.
EXTRA = ("distributed", "dask_jobqueue", "asyncssh")

_NAME = re.compile(r"[\w.-]+")
_ADDRESS = re.compile(r"(tcp|tls)://([\w.-]+|\[[\da-fA-F:.]+\]):(\d+)")


class FleetUsageError(VggbenchError):
    """A fleet is asked for in a way that there is not, or what it needs is not installed."""


def add(top: Subparsers) -> None:
    """Add these commands to those of vggbench."""
    parser = top.add_parser("fleet", help="measure a history on several machines at once")
    commands = add_commands(parser)

    parser = commands.add_parser("scheduler", help="be the scheduler, until Ctrl-C")
    _add_place(parser, PORT)
    parser.set_defaults(command=_scheduler, trouble=2)

    parser = commands.add_parser("worker", help="measure on this machine what a run hands out")
    parser.add_argument("address", type=address, help="the scheduler's, such as tcp://box1:8786")
    parser.add_argument("--machine", help="a name for this machine (default: asv's)")
    _add_place(parser, 0)
    parser.set_defaults(command=_worker, trouble=2)

    parser = commands.add_parser("plan", help="say what is left, by machine")
    add_processes(parser)
    add_threshold(parser)
    parser.set_defaults(command=_plan, trouble=2)

    _add_run(commands)


def _add_run(commands: Subparsers) -> None:
    parser = commands.add_parser("run", help="hand out what is left, and take the records in")
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument(
        "address",
        nargs="?",
        type=address,
        metavar="ADDRESS",
        help="of the scheduler, such as tcp://127.0.0.1:8786",
    )
    to.add_argument("--local", action="store_true", help="all on this machine")
    to.add_argument(
        "--slurm",
        metavar="OPTIONS",
        help="workers as jobs of Slurm, with these options of sbatch, such as '-p bench -C zen4'",
    )
    to.add_argument(
        "--ssh", nargs="+", action="extend", metavar="HOST", help="a worker on each host, by SSH"
    )
    parser.add_argument(
        "--workers",
        type=count_of("workers"),
        metavar="N",
        help="how many workers are to come before this may end; with --slurm: so many jobs "
        "(default: 1, or all of --ssh)",
    )
    parser.add_argument(
        "--ssh-folder",
        type=Path,
        metavar="FOLDER",
        help="with --ssh: where the checkout lies there (default: where it lies here)",
    )
    add_history_limits(parser)
    _add_place(parser, 0, "with --slurm and --ssh: ")
    parser.set_defaults(command=_run, trouble=2)


def _add_place(parser: argparse.ArgumentParser, port: int, when: str = "") -> None:
    """Add the options that say where it listens, and to whom."""
    parser.add_argument(
        "--host",
        type=_host,
        metavar="ADDRESS",
        help=f"{when}the address of this machine to listen on (default: {LOOPBACK}, which no other "
        "machine reaches)",
    )
    free = "any that is free"
    parser.add_argument("--port", type=_port, default=port, help=f"{when}default: {port or free}")
    add_connection(parser)


def add_connection(parser: argparse.ArgumentParser, when: str = "") -> None:
    """Add the options of any connection. ``when`` stands at the beginning of their helps."""
    parser.add_argument(
        "--tls",
        type=Path,
        metavar="FOLDER",
        help=f"{when}encrypt, and let in who has a certificate: ca.pem, cert.pem and key.pem in "
        "FOLDER",
    )
    parser.add_argument("--dask-log", action="store_true", help=f"{when}print Dask's own log too")


def address(text: str) -> str:
    """The type of an argument that is a scheduler's address."""
    found = _ADDRESS.fullmatch(word(text).strip())
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address of a scheduler; write tcp://HOST:{PORT}"
        )
    _port(found[3])
    return found[0]


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; write a number up to 65535")
    return int(text)


def _host(text: str) -> str:
    """The type of an argument that Dask listens on: one of IPv6 has brackets then."""
    host = word(text).strip().strip("[]")
    with contextlib.suppress(ValueError):
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    if not _NAME.fullmatch(host):
        raise argparse.ArgumentTypeError(
            f"{text!r} is nothing to listen on; write an address of this machine, such as 10.0.0.1"
        )
    return host


def _require_extra() -> None:
    """Raise FleetUsageError where one of the extra's modules is not installed."""
    if any(importlib.util.find_spec(module) is None for module in EXTRA):
        raise FleetUsageError("vggbench fleet needs Dask: pip install -e '.[fleet]'")


def _prepared(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments ``host``, ``port`` and ``security`` of what listens; Dask is set up for it."""
    return {
        "host": arguments.host or LOOPBACK,
        "port": arguments.port,
        "security": _security(arguments),
    }


def _security(arguments: argparse.Namespace) -> Any:
    """What Dask takes for the certificates of --tls; Dask's log is hushed unless it is asked for.
    Raises VggbenchError where they cannot be read."""
    from ..fleet import security, worker

    if not arguments.dask_log:
        worker.hush()
    return None if arguments.tls is None else security.read(arguments.tls)


def _require_scheme(scheduler: str, tls: Path | None) -> None:
    """Raise FleetUsageError where the address of a scheduler and --tls do not go together."""
    is_tls = scheduler.startswith("tls://")
    if is_tls and tls is None:
        raise FleetUsageError(f"{scheduler} is encrypted: give your certificates: --tls")
    if tls is not None and not is_tls:
        raise FleetUsageError(
            f"--tls encrypts, and {scheduler} does not; write tls:// instead of tcp://, as "
            f"the scheduler says"
        )


@contextlib.contextmanager
def workers_at(scheduler: str, arguments: argparse.Namespace) -> Iterator[Engine]:
    """The workers of the scheduler at an address, for a command with ``add_connection``. Raises
    VggbenchError where Dask is missing, or no scheduler answers."""
    _require_extra()
    _require_scheme(scheduler, arguments.tls)
    from ..fleet import clusters
    from ..fleet.engine import DaskEngine

    with clusters.at(scheduler, _security(arguments)) as client:
        yield DaskEngine(client)


def _scheduler(checkout: Checkout, arguments: argparse.Namespace) -> int:
    _require_extra()
    from ..fleet import scheduler

    return scheduler.serve(**_prepared(arguments), say=say)


def _worker(checkout: Checkout, arguments: argparse.Namespace) -> int:
    _require_extra()
    _require_scheme(arguments.address, arguments.tls)
    host = arguments.address.partition("://")[2].rpartition(":")[0]
    if arguments.host is None and host not in HERE:
        raise FleetUsageError(
            f"{arguments.address} may be another machine, which does not reach a worker on "
            f"{LOOPBACK}; name the address at which it reaches this one, --host ADDRESS, or make a "
            f"tunnel (docs/fleet.md)"
        )
    from ..fleet import worker

    return worker.serve(
        checkout, arguments.address, machine=arguments.machine, **_prepared(arguments), say=say
    )


def _plan(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..fleet import plan

    return plan.show(checkout, say, processes=arguments.processes, threshold=arguments.threshold)


def _run(checkout: Checkout, arguments: argparse.Namespace) -> int:
    _require_extra()
    if arguments.address is not None:
        _require_scheme(arguments.address, arguments.tls)
    if arguments.ssh_folder is not None and not arguments.ssh:
        raise FleetUsageError("--ssh-folder is an option of --ssh: give --ssh too")
    if (arguments.host or arguments.port) and not (arguments.slurm or arguments.ssh):
        raise FleetUsageError("--host and --port are options of --slurm and --ssh: leave them out")
    from ..fleet import clusters, hand_out
    from ..fleet.engine import DaskEngine

    place = _prepared(arguments)
    workers = arguments.workers or len(arguments.ssh or [None])
    with contextlib.ExitStack() as stack:
        if arguments.address is not None:
            client = stack.enter_context(clusters.at(arguments.address, place["security"]))
        elif arguments.local:
            client = stack.enter_context(clusters.local(checkout, place["security"], say))
        elif arguments.ssh:
            started = clusters.by_ssh(
                checkout, arguments.ssh, folder=arguments.ssh_folder, **place, say=say
            )
            client = stack.enter_context(started)
        else:
            if arguments.host is None:
                complain(
                    f"the scheduler listens on {LOOPBACK}, which jobs on other machines do not "
                    f"reach; for them, name an address of this machine: --host"
                )
            started = clusters.on_slurm(checkout, arguments.slurm, workers, **place, say=say)
            client = stack.enter_context(started)
        asked = hand_out.FleetRequest(
            budget=budget.Budget(arguments.budget),
            processes=arguments.processes,
            threshold=arguments.threshold,
            environments=arguments.environments,
            workers=workers,
        )
        engine = DaskEngine(client, functools.partial(clusters.awaited, client))
        return hand_out.run(checkout, asked, engine, say)
