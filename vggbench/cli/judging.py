"""The commands that ask whether a release was slower: verdict, confirm, check, duet, calibrate,
separate, bisect, explain.

The code of a command is imported when the command is given, because other commands start without
SciPy.
"""

from __future__ import annotations

import argparse
import shlex

from ..campaigns import budget
from ..checkout import Checkout
from ..errors import VggbenchError
from ..frameworks import SWITCHES
from ..judging.measures import JUDGED, STEP
from ..stats import policy
from .common import (
    NAMES,
    Subparsers,
    add_against,
    add_bench,
    add_budget,
    add_limits,
    add_machine,
    add_threshold,
    complain,
    count_of,
    here,
    path,
    say,
    this_machine,
)
from .fleet import add_connection, address, workers_at


class BisectUsageError(VggbenchError):
    """A bisection is asked for in a way that there is not."""


def add(top: Subparsers) -> None:
    """Add these commands to those of vggbench."""
    _add_verdict(top)
    _add_confirm(top)
    _add_check(top)
    _add_duet(top)
    _add_calibrate(top)
    _add_separate(top)
    _add_bisect(top)
    _add_explain(top)


def _add_verdict(top: Subparsers) -> None:
    parser = top.add_parser(
        "verdict", help="was a release slower than the one before, from records"
    )
    parser.add_argument(
        "spec", nargs="*", help=f"{NAMES} (default: the newest measured of each track)"
    )
    add_against(parser, "the newest earlier release of the track that was measured")
    parser.add_argument("--track", nargs="+", action="extend", default=[], help="default: each")
    parser.add_argument(
        "--all", action="store_true", help="every release against the one before, and whole lines"
    )
    add_machine(parser)
    parser.add_argument("--profile", help="default: all on record, each by itself")
    parser.add_argument("--format", choices=("text", "md", "json"), default="text")
    add_threshold(parser)
    parser.set_defaults(command=_verdict, trouble=2)


def _add_confirm(top: Subparsers) -> None:
    parser = top.add_parser(
        "confirm", help="measure a release and the one before in duets, until it is sure"
    )
    parser.add_argument("release", help="one release, such as tensorflow-2.16.2")
    add_against(
        parser,
        "the newest earlier release of the track that was measured, or the one before it on the "
        "track where this release was not",
    )
    parser.add_argument("--improved", action="store_true", help="confirm what looks faster, too")
    add_bench(parser)
    add_limits(parser, "10m")
    add_threshold(parser)
    parser.set_defaults(command=_confirm, trouble=2)


def _add_check(top: Subparsers) -> None:
    parser = top.add_parser(
        "check", help="measure what is new, judge it, answer it by duets, publish"
    )
    add_bench(parser)
    add_limits(parser, "1h")
    add_threshold(parser)
    parser.add_argument(
        "--update", action="store_true", help="put new releases on the tracks first"
    )
    parser.add_argument("--pre", action="store_true", help="with --update: release candidates, too")
    parser.add_argument(
        "--notify",
        metavar="COMMAND",
        help="a shell's command line that gets the verdicts in Markdown on its standard input when "
        "something regressed, was lost or failed, and once when that is over",
    )
    parser.set_defaults(command=_check, trouble=2)


def _add_duet(top: Subparsers) -> None:
    parser = top.add_parser("duet", help="measure any two releases or configurations in turns")
    parser.add_argument(
        "first", help="a release, with a configuration's words: 'theano-1.0.5 none'"
    )
    parser.add_argument("second", help="another one, which is compared with the first")
    add_bench(parser, ", where no words choose a configuration")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="RELEASE=PATH",
        help="measure this release with an interpreter of your own instead of its environment",
    )
    add_budget(parser, "10m")
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    add_threshold(parser)
    parser.set_defaults(command=_duet, trouble=2)


def _add_calibrate(top: Subparsers) -> None:
    parser = top.add_parser("calibrate", help="measure the machine's own noise, for verdicts")
    parser.add_argument("release", nargs="?", help="default: the newest that was measured here")
    add_bench(parser)
    parser.add_argument(
        "--processes",
        type=count_of("processes"),
        default=policy.CALIBRATED,
        metavar="N",
        help=f"the most processes of each configuration, {policy.A_BLOCK} a block, but at least "
        f"one block (default: %(default)s)",
    )
    add_budget(parser, "10m")
    add_threshold(parser)
    parser.set_defaults(command=_calibrate, trouble=2)


def _add_separate(top: Subparsers) -> None:
    parser = top.add_parser(
        "separate", help="measure a release with one thing changed back to the release before"
    )
    parser.add_argument("release", help="one release, such as tensorflow-2.9.3")
    add_against(parser)
    parser.add_argument(
        "--back",
        nargs="+",
        required=True,
        metavar="WHAT",
        help=f"{', '.join(('python', *SWITCHES))} or a package such as numpy, each by itself; or "
        f"python+numpy together",
    )
    add_bench(parser, " (default: what changed)")
    parser.add_argument(
        "--processes",
        type=count_of("processes"),
        default=policy.SEPARATED,
        metavar="N",
        help=f"the most processes of each configuration, of both subjects together, "
        f"{policy.A_BLOCK} a block, but at least {policy.LEAST_BLOCKS} blocks (default: "
        f"%(default)s)",
    )
    add_budget(parser, "10m")
    add_threshold(parser)
    parser.set_defaults(command=_separate, trouble=2)


def _add_bisect(top: Subparsers) -> None:
    parser = top.add_parser("bisect", help="find the build between two releases that changed")
    parser.add_argument("good", help="the earlier release, such as tensorflow-2.17.1")
    parser.add_argument("bad", help="a later release of its track")
    add_bench(parser, "; of one configuration (default: the first)")
    parser.add_argument(
        "--measure",
        choices=tuple(JUDGED),
        default=STEP.key,
        help="what changed (default: %(default)s)",
    )
    add_budget(parser, "1h")
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    add_threshold(parser)
    parser.add_argument(
        "--fleet",
        type=address,
        metavar="ADDRESS",
        help="measure on a machine of a fleet, whose scheduler is there: tcp://127.0.0.1:8786",
    )
    when = "with --fleet: "
    parser.add_argument(
        "--machine", help=f"{when}the machine to measure on (default: the only one with a worker)"
    )
    add_connection(parser, when)
    parser.set_defaults(command=_bisect, trouble=2)


def _add_explain(top: Subparsers) -> None:
    parser = top.add_parser("explain", help="which operations of the step got slower")
    parser.add_argument("release", help="one release, such as tensorflow-2.18.1")
    add_against(parser)
    add_bench(parser, " (default: what changed)")
    add_budget(parser, "10m")
    parser.add_argument(
        "--profile",
        type=path,
        metavar="FOLDER",
        help="a folder, and no profile: keep there what the profilers write, for TensorBoard and "
        "Perfetto",
    )
    format_ = parser.add_mutually_exclusive_group()
    format_.add_argument("--format", choices=("text", "md", "json"), default="text")
    format_.add_argument(
        "--json", action="store_const", dest="format", const="json", help="as a JSON object"
    )
    add_threshold(parser)
    parser.set_defaults(command=_explain, trouble=2)


def _verdict(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..judging import verdict_command

    request = verdict_command.VerdictRequest(
        releases=arguments.spec,
        against=arguments.against,
        tracks=list(dict.fromkeys(arguments.track)),
        whole=arguments.all,
        profile=arguments.profile,
        threshold=arguments.threshold,
        format=arguments.format,
    )
    store = checkout.store()
    if arguments.machine is not None:
        verdict_command.require_records(store, arguments.machine)
    return verdict_command.run(
        store,
        arguments.machine or this_machine(checkout),
        request,
        complain,
        catalogue=checkout.catalogue,
        root=checkout.root,
    )


def _confirm(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import confirm

    request = confirm.ConfirmRequest(
        release=arguments.release,
        against=arguments.against,
        threshold=arguments.threshold,
        improved=arguments.improved,
        patterns=arguments.bench,
    )
    limits = confirm.Limits(seconds=arguments.budget, processes=arguments.processes, again=True)
    return confirm.run(here(checkout), request, limits)


def _check(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import check, confirm

    request = check.CheckRequest(
        bench=arguments.bench,
        threshold=arguments.threshold,
        update=arguments.update,
        pre=arguments.pre,
        notify=arguments.notify,
    )
    limits = confirm.Limits(seconds=arguments.budget, processes=arguments.processes)
    return check.run(checkout, request, limits, say)


def _duet(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import duet

    request = duet.DuetRequest(
        first=arguments.first,
        second=arguments.second,
        pythons=arguments.python,
        patterns=arguments.bench,
        threshold=arguments.threshold,
        as_json=arguments.json,
    )
    # With --json, standard output has nothing but JSON.
    local = here(checkout, complain if arguments.json else say)
    return duet.run(local, request, budget.Budget(arguments.budget))


def _calibrate(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import calibrate

    request = calibrate.CalibrateRequest(
        release=arguments.release,
        patterns=arguments.bench,
        processes=arguments.processes,
        threshold=arguments.threshold,
    )
    return calibrate.run(here(checkout), request, budget.Budget(arguments.budget))


def _separate(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import separate

    request = separate.SeparateRequest(
        release=arguments.release,
        against=arguments.against,
        back=arguments.back,
        patterns=arguments.bench,
        processes=arguments.processes,
        threshold=arguments.threshold,
    )
    return separate.run(here(checkout), request, budget.Budget(arguments.budget))


def _bisect(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns.bisect import bisect, standing

    request = standing.BisectRequest(
        good=arguments.good,
        bad=arguments.bad,
        patterns=arguments.bench,
        measure=arguments.measure,
        threshold=arguments.threshold,
        as_json=arguments.json,
    )
    # With --json, standard output has nothing but JSON.
    report = complain if arguments.json else say
    limit = budget.Budget(arguments.budget)
    if arguments.fleet is None:
        if arguments.machine or arguments.tls or arguments.dask_log:
            raise BisectUsageError(
                "--machine, --tls and --dask-log are options of --fleet: give --fleet ADDRESS too, "
                "or leave them out"
            )
        return bisect.run(here(checkout, report), request, limit)
    options = ["--fleet", arguments.fleet]
    if arguments.tls is not None:
        options += ["--tls", str(arguments.tls)]
    with workers_at(arguments.fleet, arguments) as engine:
        from ..fleet import bisecting

        return bisecting.run(
            checkout,
            request,
            engine,
            limit,
            machine=arguments.machine,
            options=shlex.join(options),
            say=report,
        )


def _explain(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import explain

    request = explain.ExplainRequest(
        release=arguments.release,
        against=arguments.against,
        patterns=arguments.bench,
        traces=arguments.profile,
        threshold=arguments.threshold,
        format=arguments.format,
    )
    # With --json and --format md, standard output has nothing else.
    local = here(checkout, say if arguments.format == "text" else complain)
    return explain.run(local, request, budget.Budget(arguments.budget), complain)
