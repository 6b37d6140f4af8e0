"""The commands that measure, besides asv: first-run, verify, run, peak, history.

The code of a command is imported when the command is given, because other commands start without
SciPy.
"""

from __future__ import annotations

import argparse
import collections
import json
from collections.abc import Callable
from pathlib import Path

from ..campaigns import budget
from ..checkout import Checkout
from ..errors import VggbenchError
from ..records import files
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import require_lock
from ..report import show
from ..runs import machines
from .common import (
    NAMES,
    Subparsers,
    add_device,
    add_history_limits,
    add_json,
    complain,
    say,
    selected,
    tell_flags,
)


def add(top: Subparsers) -> None:
    """Add these commands to those of vggbench."""
    parser = top.add_parser("first-run", help="measure a release of each era, and publish")
    parser.set_defaults(command=_first_run)

    parser = top.add_parser("verify", help="compare what releases compute with the reference")
    parser.add_argument("spec", nargs="+", help=NAMES)
    add_json(parser)
    add_device(parser)
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="an interpreter of your own instead of the release's environment",
    )
    parser.set_defaults(command=_verify)

    parser = top.add_parser("run", help="run main.py in the environment of a release")
    parser.add_argument("release", help="one release, such as tensorflow-2.21.0")
    parser.add_argument(
        "options", nargs="*", metavar="-- OPTIONS", help="main.py's (-- --help lists them)"
    )
    parser.set_defaults(command=_run)

    parser = top.add_parser("peak", help="measure the matrix product that rates are compared with")
    parser.add_argument("release", nargs="?", help="default: the newest that can, and runs here")
    add_device(parser)
    parser.set_defaults(command=_peak)

    _add_history(top)


def _add_history(top: Subparsers) -> None:
    parser = top.add_parser(
        "history", help="measure every release, over as many sittings as it takes"
    )
    parser.add_argument("--machine", help="a name for this machine (default: asv's)")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what is left, stage by stage, and end"
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="with --dry-run: list each run and each comparison",
    )
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        dest="stages",
        metavar="NAME",
        help="only this stage, or these duets, of history.toml; may be given again (default: all)",
    )
    add_history_limits(parser)
    parser.set_defaults(command=_history, trouble=2)


def _first_run(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import first_run

    return first_run.run(checkout)


def _verify(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import verify

    device = arguments.device or checkout.default_device()
    report = complain if arguments.json else say  # with --json, standard output is JSON alone
    results = []
    failed = 0
    tell_flags(report)
    with checkout.measuring():
        releases = selected(checkout, arguments.spec)
        if arguments.python is not None and len(releases) != 1:
            raise VggbenchError(
                f"--python {arguments.python}: an interpreter is of one release; name that release"
            )
        for release in releases:
            try:
                interpreters = _interpreters(
                    checkout, release, device, report, own=arguments.python
                )
            except VggbenchError as err:
                complain(str(err))
                failed += 1
                continue
            forecast = verify.forecast(checkout.catalogue, release)
            if forecast is not None:
                report(forecast)
            of_release = []
            for result in verify.verify(checkout.catalogue, release, device, interpreters):
                of_release.append(result)
                # A release takes minutes. What has answered is known when somebody cuts it off.
                report(f"{result.release} ({result.configuration}): {result.answer}")
            results += of_release
            if not arguments.json:
                show(verify.table(of_release), wide=160)
            for result in of_release:
                if result.answer in (verify.DISAGREES, verify.FAILED):
                    complain(verify.complaint(result))
                    failed += 1
    if arguments.json:
        print(json.dumps([result.as_json() for result in results], indent=2))
    return 1 if failed else 0


def _interpreters(
    checkout: Checkout,
    release: Release,
    device: str,
    report: Callable[[str], None],
    *,
    own: str | None,
) -> dict[str, Path | VggbenchError]:
    """By the name of each lock that configurations of ``release`` use on ``device``: the
    interpreter, or why its environment cannot be made. ``own``: an interpreter that the user gave
    for all of them. Raises VggbenchError where no environment can be made, and where the user's
    interpreter brings another version."""
    from ..campaigns import verify
    from ..runs import own_interpreter

    if own is not None:
        python = own_interpreter.path_of(own)
        own_interpreter.check_version(python, release, checkout.catalogue)
        return collections.defaultdict(lambda: Path(python))
    found: dict[str, Path | VggbenchError] = {}
    for lock in verify.locks_of(checkout.catalogue, release, device):
        try:
            found[lock.name] = checkout.environments.ensure(release, lock.name, report)
        except VggbenchError as err:
            found[lock.name] = err
    errors = [each for each in found.values() if isinstance(each, VggbenchError)]
    if len(errors) == len(found):
        raise errors[0]
    return found


def _run(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..inside.trials.options import Refused
    from . import in_release

    try:
        return in_release.run(checkout, arguments.release, arguments.options, complain)
    except Refused as refused:
        complain(str(refused))
        return 2


def _peak(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import peak

    machine = machines.named(checkout, say)
    device = arguments.device or checkout.default_device()
    tell_flags(say)
    with checkout.measuring():
        release = (
            spec.release(checkout.catalogue, arguments.release)
            if arguments.release
            else peak.choose(checkout.catalogue, device)
        )
        lock = require_lock(release, device)
        python = checkout.environments.ensure(release, lock.name, say)
        framework = checkout.catalogue.tracks[release.track].framework
        measured = peak.measure(release, device, python, machine, framework=framework)
    files.append(peak.path(checkout.results_dir, machine), measured, release.name)
    say(f"{machine}: {peak.described(measured)}")
    return 0


def _history(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns.history import history

    request = history.HistoryRequest(
        machine=arguments.machine,
        stages=arguments.stages,
        budget=budget.Budget(arguments.budget),
        environments=arguments.environments,
        processes=arguments.processes,
        threshold=arguments.threshold,
        dry_run=arguments.dry_run,
        verbose=arguments.verbose,
    )
    return history.run(checkout, request, say)
