"""A machine's worker: Dask's, with settings that leave the machine quiet while it measures."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable
from typing import Any

import dask
import distributed
from distributed.comm import connect, get_address_host
from distributed.core import Server
from distributed.utils import get_ip

from .. import machine_lock
from ..checkout import Checkout
from ..errors import Say, one_line
from ..runs import machines
from . import LOOPBACK, FleetError
from .on_machine import OnMachine

#: The variable that names asv's configuration file to a worker that another program starts.
CONFIG_VARIABLE = "VGGBENCH_FLEET_CONFIG"

#: Dask's settings for all three: client, scheduler and workers (distributed.yaml of Dask
#: distributed). Whatever wakes a worker up, or has it read the machine's state, disturbs the step
#: that is timed beside it.
QUIET: dict[str, object] = {
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "30s",
    # It would wake the GPU.
    "distributed.diagnostics.nvml": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.work-stealing": False,
    # How often a unit is tried is the client's business.
    "distributed.scheduler.allowed-failures": 0,
    # A connection may be cut for a minute. Only its end tells that a worker is lost, and only a
    # worker that hangs is given up by the scheduler.
    "distributed.comm.timeouts.tcp": "5 minutes",
    "distributed.scheduler.worker-ttl": "10 minutes",
}

#: By what a server of Dask observes its own loop, every 20 ms and every second.
TICKS = ("tick", "ticks")

#: Seconds between two heartbeats of a worker. Dask has two a second.
HEARTBEAT_S = 30.0

#: Seconds after which a scheduler that answers no heartbeat is given up. Through a tunnel, a
#: connection looks alive whose other end is gone.
SILENT_S = 600.0

#: What is said of a scheduler that takes the connection and not the worker: one that still has a
#: worker of this address refuses another without a word.
NOT_TAKEN = (
    "it answers, but has not taken this worker yet; where another one has its address, give this "
    "one another --port"
)

#: Seconds between the end of a worker whose scheduler was lost and the next one's beginning.
AGAIN_S = 1.0

#: Seconds until the first message that no scheduler answers, and between two such messages.
FIRST_S, SAY_S = 5.0, 60.0

#: Seconds that the scheduler may take to answer where a message is to say why it does not.
ANSWER_S = 10.0


def without_ticks(server: Server) -> None:
    """Stop what a ``server`` observes its own loop by, before it is started."""
    for name in TICKS:
        server.periodic_callbacks.pop(name, None)


def hush() -> None:
    """Keep Dask's own log off the terminal: what a user is to know, messages say."""
    for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _print(line: str) -> None:
    print(line, flush=True)


class MachineWorker(distributed.Worker):
    """The worker of this machine, which holds the machine's worker lock until it is closed. Its one
    resource is asv's name of the machine.

    ``config`` names asv's configuration file; by default it is what CONFIG_VARIABLE names, or that
    of the current folder. ``machine`` is a name for a machine that asv does not know yet. ``say``
    gets lines for the user. The other arguments are those of Dask's Worker; it listens on the
    address by which this machine reaches the scheduler, unless ``host`` or ``interface`` is given.
    Raises VggbenchError where the machine has a worker already, asv knows the machine by another
    name, or the configuration cannot be read.
    """

    def __init__(
        self,
        scheduler: str | None = None,
        *arguments: Any,
        config: str | None = None,
        machine: str | None = None,
        say: Say = _print,
        **options: Any,
    ):
        dask.config.set(QUIET)
        self._held = contextlib.ExitStack()
        self._held.enter_context(machine_lock.held_by_worker())
        try:
            checkout = Checkout(config or os.environ.get(CONFIG_VARIABLE))
            name = machines.name_of(checkout, machine)
            machines.tell_asv(checkout, name, say)
            self.on_machine = OnMachine(checkout, name, say)
            if not any(options.get(key) for key in ("host", "interface", "contact_address")):
                options["host"] = _towards(scheduler)
            own: dict[str, Any] = {
                "nthreads": 1,
                "memory_limit": 0,
                "resources": {name: 1},
                "heartbeat_interval": f"{HEARTBEAT_S}s",
                "dashboard": False,
                "dashboard_address": None,
            }
            super().__init__(scheduler, *arguments, **{**options, **own})
        except BaseException:
            self._held.close()
            raise
        without_ticks(self)

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """Start none. Dask's would listen on a port of its own, without TLS."""

    async def heartbeat(self) -> None:
        try:
            await asyncio.wait_for(super().heartbeat(), SILENT_S)
        except asyncio.TimeoutError:
            await self.close(reason="scheduler-silent")
            return
        # The scheduler has just asked for the next one in half a second.
        self.periodic_callbacks["heartbeat"].callback_time = HEARTBEAT_S * 1000

    async def close(self, *arguments: Any, **options: Any) -> str | None:
        """End the unit's process, then close as Dask's worker does."""
        # Dask waits for the thread of the unit, which waits for the unit's process.
        await asyncio.to_thread(self.on_machine.end)
        try:
            closed: str | None = await super().close(*arguments, **options)
        except asyncio.CancelledError:
            # SIGTERM while the scheduler closes, as at the end of a job. Whoever else closes this
            # worker waits until it is finished, which Dask does not say of it any more.
            self._event_finished.set()
            raise
        finally:
            self._held.close()
        return closed


def _towards(scheduler: str | None) -> str:
    """The address of this machine by which it reaches the ``scheduler``."""
    if not scheduler:
        return LOOPBACK
    address: str = get_ip(get_address_host(scheduler))
    return f"[{address}]" if ":" in address else address


def serve(
    checkout: Checkout,
    address: str,
    *,
    machine: str | None,
    host: str,
    port: int,
    security: distributed.Security | None,
    say: Say,
) -> int:
    """Be this machine's worker for the scheduler at ``address`` until Ctrl-C or SIGTERM. Returns
    the exit status, 0.

    ``host`` and ``port`` are where the worker listens, and any free port where ``port`` is 0.
    Where the scheduler is lost, the unit's process is ended, and the worker begins again. Raises
    VggbenchError where there can be no worker.
    """
    options = {
        "config": str(checkout.config_file),
        "machine": machine,
        "say": say,
        "host": host,
        "port": port,
        "security": security,
    }
    asyncio.run(_serve(address, options, say))
    return 0


async def _serve(address: str, options: dict[str, Any], say: Say) -> None:
    stop = asyncio.ensure_future(stopped())
    while not stop.done():
        worker = MachineWorker(address, **options)
        name = worker.on_machine.machine
        is_taken = False
        try:
            say(f"{name}: looks for the scheduler at {address}; Ctrl-C ends it")
            is_taken = await _registered(worker, address, stop, say)
            if is_taken:
                say(f"{name}: works for {address}, and listens on {worker.listen_address}")
                await until_first(worker.finished(), stop)
        finally:
            await worker.close()
        if not stop.done():
            if is_taken:
                say(
                    f"{name}: the scheduler at {address} is lost; what was measured for it was "
                    f"stopped"
                )
            await until_first(asyncio.sleep(AGAIN_S), stop)
    say(f"{name}: ended")


async def stopped() -> None:
    """Wait for Ctrl-C or SIGTERM. A second Ctrl-C ends the process whatever it waits for."""
    heard = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, heard.set)
    await heard.wait()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


async def until_first(
    one: Awaitable[Any], other: asyncio.Future[None], timeout_s: float | None = None
) -> None:
    """Wait until ``one`` or ``other`` is done, for ``timeout_s`` seconds at most."""
    await asyncio.wait(
        {asyncio.ensure_future(one), other},
        timeout=timeout_s,
        return_when=asyncio.FIRST_COMPLETED,
    )


async def _registered(
    worker: MachineWorker, address: str, stop: asyncio.Future[None], say: Say
) -> bool:
    """Start the worker, and wait until the scheduler has taken it; returns False where it is told
    to stop before, or must begin again. Raises FleetError where it cannot listen, or the scheduler
    refuses it."""
    starting = asyncio.ensure_future(worker.start())
    patience_s = FIRST_S
    while True:
        await until_first(starting, stop, patience_s)
        if starting.done():
            break
        if stop.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return False
        asked = asyncio.ensure_future(_why_silent(address, worker.connection_args))
        await until_first(asked, stop)
        if asked.done():
            name = worker.on_machine.machine
            say(f"{name}: waits for the scheduler at {address}: {asked.result()}")
            if asked.result() == NOT_TAKEN and patience_s == SAY_S:
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await starting
                return False
        patience_s = SAY_S
    try:
        starting.result()
    except RuntimeError as err:
        raise FleetError(
            f"the worker of {worker.on_machine.machine} cannot start: {reason(err)}; see --host, "
            f"--port and --tls"
        ) from None
    return True


async def _why_silent(address: str, connection_args: dict[str, Any]) -> str:
    """Why the scheduler at ``address`` has not taken a worker yet."""
    try:
        asked = connect(address, timeout=ANSWER_S / 2, **connection_args)
        # What is no scheduler may take the connection and never say a word.
        comm = await asyncio.wait_for(asked, ANSWER_S)
    except Exception as err:  # what answers may be no scheduler
        return reason(err)
    comm.abort()
    return NOT_TAKEN


def reason(error: BaseException) -> str:
    """Why an ``error`` of Dask came about, on one line: the first error with a text that it was
    caused by, without the names of classes before it. What ran out of time was cancelled, and has
    none."""
    text = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        text = getattr(cause, "strerror", None) or str(cause) or text
        cause = cause.__cause__
    return one_line(text.rpartition("Error: ")[2], 160)
