"""The scheduler: Dask's, which knows the workers, and passes on what the client asks them."""

from __future__ import annotations

import asyncio
from typing import Any

import dask
import distributed

from ..errors import Say
from . import FleetError
from .worker import QUIET, reason, stopped, until_first, without_ticks


class QuietScheduler(distributed.Scheduler):
    """Dask's scheduler with QUIET settings. It listens on one port, and serves no pages."""

    def __init__(self, **options: Any):
        dask.config.set(QUIET)
        super().__init__(**{**options, "dashboard": False})
        without_ticks(self)

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """Start none. Dask's would listen on a port of its own, without TLS."""


def serve(*, host: str, port: int, security: distributed.Security | None, say: Say) -> int:
    """Be the scheduler at ``host`` and ``port``, any free one where it is 0, until Ctrl-C or
    SIGTERM. Returns the exit status, 0. Raises FleetError where it cannot listen there."""
    asyncio.run(_serve(host, port, security, say))
    return 0


async def _serve(host: str, port: int, security: distributed.Security | None, say: Say) -> None:
    stop = asyncio.ensure_future(stopped())
    scheduler = QuietScheduler(host=host, port=port, security=security)
    try:
        await scheduler
    except RuntimeError as err:
        raise FleetError(
            f"the scheduler cannot listen on {host}, port {port}: {reason(err)}; choose others: "
            f"--host, --port"
        ) from None
    try:
        say(
            f"The scheduler listens on {scheduler.address}; on each machine: vggbench fleet worker "
            f"{scheduler.address}; then: vggbench fleet run {scheduler.address}; Ctrl-C ends it"
        )
        await until_first(scheduler.finished(), stop)
    finally:
        await scheduler.close()
