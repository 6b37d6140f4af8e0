"""Reaches workers by Dask. A question is a task that is pinned to one worker and takes the whole of
its machine's resource: two are never answered at once on a machine."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, get_worker
from distributed.client import ClosedClientError

from ..errors import one_line
from ..runs import machines
from . import FleetError
from .hand_out import LOST, Arrived, Awaited

#: What of a machine's resource a question takes: all.
WHOLE = 1

#: Seconds in which an answer that is ready comes over the wire, and the scheduler answers: longer
#: than a connection may be cut.
ANSWER_S = 300.0

#: What Dask raises where the scheduler is gone; the last three where it notices that meanwhile.
_GONE = (
    OSError,
    RuntimeError,
    ValueError,
    asyncio.TimeoutError,
    ClosedClientError,
    AttributeError,
    KeyError,
    NameError,
)


def answer(question: str, arguments: Sequence[Any]) -> Any:
    """Run on a worker, in the thread of its tasks: what its OnMachine answers."""
    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        # Dask calls a task cancelled that nobody waits for any more, but lets it run to its end.
        task = worker.state.tasks.get(key)
        return task is not None and task.state in ("executing", "long-running")

    own = worker.on_machine
    return own.hello() if question == "hello" else own.work(*arguments, is_wanted)


class DaskEngine:
    """The workers of the scheduler that ``client`` is connected to. ``awaited`` returns what is
    known of those that were started for it."""

    def __init__(self, client: Client, awaited: Callable[[], Awaited] = Awaited):
        # The records of a machine are sent to it with its first unit, and Dask warns of 10 MB.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
        self._client = client
        self._awaited = awaited
        self._address = client.scheduler.address
        self._asked: dict[str, Future] = {}
        self._arrived: queue.SimpleQueue[tuple[str, Future, Arrived]] = queue.SimpleQueue()

    def workers(self) -> Mapping[str, str]:
        """The names of the machines of all workers that are vggbench's, by address. Raises
        FleetError where the scheduler is gone."""
        try:
            if self._client.status != "running":
                raise OSError(f"the connection is {self._client.status}")
            # Client.scheduler_info() answers from a copy that Dask renews every two seconds: in
            # some versions with five workers at most, in others with none.
            asked = self._client.scheduler.identity
            told = self._client.sync(asked, callback_timeout=ANSWER_S)["workers"]
        except _GONE as err:
            raise self._lost(err) from None
        return {
            address: name
            for address, facts in told.items()
            if (name := next(iter(facts.get("resources") or {}), ""))
            and machines.NAME.fullmatch(name)
        }

    def ask(self, address: str, machine: str, question: str, *arguments: Any) -> None:
        """Ask the worker at an address; the answer arrives later. Raises FleetError where the
        scheduler is gone."""
        try:
            future = self._client.submit(
                answer,
                question,
                arguments,
                workers=[address],
                allow_other_workers=False,
                resources={machine: WHOLE},
                pure=False,
                retries=0,
            )
            self._asked[address] = future
            future.add_done_callback(functools.partial(self._is_ready, address))
        except _GONE as err:
            raise self._lost(err) from None

    def _is_ready(self, address: str, future: Future) -> None:
        # In a thread of its own, because Dask has one for all of these calls: an answer that is
        # slow to come over the wire holds up no other.
        threading.Thread(target=self._fetch, args=(address, future), daemon=True).start()

    def _fetch(self, address: str, future: Future) -> None:
        self._arrived.put((address, future, _as_arrived(address, future)))

    def arrived(self, wait_s: float) -> list[Arrived]:
        """What has arrived, or arrives within so many seconds."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._arrived.get(timeout=wait_s))
            while True:
                found.append(self._arrived.get_nowait())
        return [
            arrived
            for address, future, arrived in found
            if self._asked.get(address) is future and self._asked.pop(address)
        ]

    def forget(self, address: str) -> None:
        """Nobody waits any longer for what the worker at an address was asked."""
        future = self._asked.pop(address, None)
        if future is not None:
            with contextlib.suppress(*_GONE):
                future.cancel()

    def awaited(self) -> Awaited:
        """What is known of the workers that were started for this client."""
        return self._awaited()

    def _lost(self, error: BaseException) -> FleetError:
        return FleetError(
            f"the scheduler at {self._address} cannot be reached any more: "
            f"{one_line(str(error), 120)}; what came is here; start the scheduler where it has "
            f"ended, and run the same command again to go on"
        )


def _as_arrived(address: str, future: Future) -> Arrived:
    try:
        return Arrived(address, answer=future.result(timeout=ANSWER_S))
    except (KilledWorker, futures.CancelledError, asyncio.CancelledError):
        return Arrived(address, error=LOST)
    except (TimeoutError, asyncio.TimeoutError):
        return Arrived(
            address,
            error=f"its answer is ready, but does not come within {ANSWER_S:.0f} s: the scheduler "
            f"must reach the worker at {address}",
        )
    except Exception as error:  # whatever was raised there
        return Arrived(address, error=f"{type(error).__name__}: {one_line(str(error))}")
