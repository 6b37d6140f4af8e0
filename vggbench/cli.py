"""The vggbench command: what asv has no word for."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from asv import util
from rich.table import Table

from . import records, variables
from .checkout import Checkout
from .errors import VggbenchError
from .releases import interpreters, locks, spec
from .releases.catalogue import DEVICES, Catalogue, Release, Track
from .releases.uv import UvError
from .report import show
from .verdict import budget

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 where something failed (2 in commands
    whose 1 says that something regressed), 2 for words that are no command, 130 after Ctrl-C."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[Checkout, argparse.Namespace], int] = parsed.command
    trouble: int = getattr(parsed, "trouble", 1)
    try:
        return command(Checkout(parsed.config), parsed)
    except VggbenchError as err:
        _complain(str(err))
        return trouble if err.status is None else err.status
    except util.UserError as err:  # asv's configuration, or its benchmarks, are not right
        _complain(str(err))
        return trouble
    except KeyboardInterrupt:
        _complain("Interrupted; run the same command again to go on.")
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return trouble
    except OSError as err:
        _complain(f"{err.strerror}: {err.filename}")
        return trouble


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vggbench",
        description="Times the VGG16 training step in every release of a framework. "
        "Measuring and comparing is asv's: asv run 'tensorflow>=2.15'.",
    )
    parser.add_argument("--config", help="asv's configuration file (default: asv.conf.json)")
    top = parser.add_subparsers(required=True, metavar="COMMAND")

    first = top.add_parser("first-run", help="measure a release of each era, and publish")
    first.set_defaults(command=_first_run)

    one = top.add_parser("verify", help="hold what releases compute against the reference")
    one.add_argument("spec", nargs="+", help="which, in the words of asv run")
    one.add_argument("--json", action="store_true", help="as a JSON list of objects")
    one.add_argument(
        "--device", choices=DEVICES, help="default: gpu where one is visible, else cpu"
    )
    one.set_defaults(command=_verify)

    one = top.add_parser("run", help="run main.py in the environment of a release")
    one.add_argument("release", help="one release, such as tensorflow-2.21.0")
    one.add_argument(
        "options", nargs="*", metavar="-- OPTIONS", help="main.py's (-- --help lists them)"
    )
    one.set_defaults(command=_run, started_in=Path.cwd())

    one = top.add_parser("rates", help="images/s, FLOP/s and share of the peak, from records")
    one.add_argument("spec", nargs="*", help="which (default: all), in the words of asv run")
    one.add_argument("--machine", help="asv's name of another machine (default: this one)")
    one.add_argument("--json", action="store_true", help="as a JSON list of objects")
    one.set_defaults(command=_rates)

    one = top.add_parser("table", help="the tables of the comparison of 2017, from records")
    one.add_argument(
        "--machine", nargs="+", action="extend", help="asv's names of machines (default: this one)"
    )
    one.add_argument(
        "--release",
        nargs="+",
        action="extend",
        help="a column each (default: the newest measured of each track, in one)",
    )
    one.add_argument("--profile", nargs="+", action="extend", help="default: all on record")
    one.add_argument("--format", choices=("md", "html", "csv", "json"), default="md")
    one.add_argument(
        "--reference", action="store_true", help="beside the Titan X of 2017, and with ratios"
    )
    one.set_defaults(command=_table)

    one = top.add_parser("plot", help="the history of a track as SVG or PNG, from records")
    one.add_argument("track", help="such as tensorflow")
    one.add_argument("--machine", help="asv's name of another machine (default: this one)")
    one.add_argument("--profile", help="default: the one on record")
    one.add_argument("--measure", default="step", help="as in the URL of History (default: step)")
    one.add_argument(
        "--configuration",
        nargs="+",
        action="extend",
        default=[],
        metavar="WORDS",
        help="such as 'NHWC none off' (default: all)",
    )
    one.add_argument("--order", choices=("version", "date"), default="version")
    one.add_argument("--log", action="store_true", help="a logarithmic scale")
    one.add_argument("-o", "--output", required=True, type=Path, metavar="FILE")
    one.set_defaults(command=_plot, started_in=Path.cwd())

    one = top.add_parser("peak", help="measure the matrix product that rates are held against")
    one.add_argument("release", nargs="?", help="default: the newest TensorFlow that runs here")
    one.add_argument(
        "--device", choices=DEVICES, help="default: gpu where one is visible, else cpu"
    )
    one.set_defaults(command=_peak)

    one = top.add_parser("preview", help="serve the published pages on 127.0.0.1")
    one.add_argument("--port", type=int, help="default: 8080, or the next that is free")
    one.add_argument("--html-dir", metavar="FOLDER", help="default: html_dir of asv.conf.json")
    one.set_defaults(command=_preview, started_in=Path.cwd())

    one = top.add_parser("confirm", help="re-measure what is suspected of a release, in turns")
    one.add_argument("release", help="one release, such as tensorflow-2.16.2")
    one.add_argument("--against", metavar="RELEASE", help="default: the one before on the track")
    one.add_argument("--improved", action="store_true", help="confirm what is surely faster, too")
    _add_bench(one, "as asv run's")
    _add_limits(one, "10m")
    _add_threshold(one)
    one.set_defaults(command=_confirm, trouble=2)

    one = top.add_parser(
        "check", help="measure what is new, judge it, confirm what is suspected, publish"
    )
    _add_bench(one, "as asv run's")
    _add_limits(one, "30m")
    _add_threshold(one)
    one.set_defaults(command=_check, trouble=2)

    one = top.add_parser("verdict", help="was a release slower than the one before, from records")
    one.add_argument("spec", nargs="*", help="which (default: the newest measured of each track)")
    one.add_argument("--against", metavar="RELEASE", help="default: the one before on the track")
    one.add_argument("--track", nargs="+", action="extend", default=[], help="default: each")
    one.add_argument(
        "--all", action="store_true", help="every release against the one before, and whole lines"
    )
    one.add_argument("--machine", help="asv's name of another machine (default: this one)")
    one.add_argument("--profile", help="default: all on record, each by itself")
    one.add_argument("--format", choices=("text", "md", "json"), default="text")
    _add_threshold(one)
    one.set_defaults(command=_verdict, trouble=2)

    one = top.add_parser("calibrate", help="measure the machine's own noise, for verdicts")
    one.add_argument("release", nargs="?", help="default: the newest that was measured here")
    _add_bench(one, "as asv run's")
    one.add_argument(
        "--processes",
        type=_count,
        default=20,
        metavar="N",
        help="of each configuration, at most (default: %(default)s)",
    )
    _add_budget(one, "10m")
    _add_threshold(one)
    one.set_defaults(command=_calibrate, trouble=2)

    one = top.add_parser(
        "separate", help="measure a release with one thing changed back to the release before"
    )
    one.add_argument("release", help="one release, such as tensorflow-2.9.3")
    one.add_argument("--against", metavar="RELEASE", help="default: the one before on the track")
    one.add_argument(
        "--back",
        nargs="+",
        required=True,
        metavar="WHAT",
        help="python, onednn or a package such as numpy; each by itself",
    )
    _add_bench(one, "default: what changed")
    one.add_argument(
        "--processes",
        type=_count,
        default=12,
        metavar="N",
        help="of each configuration, of both sides together (default: %(default)s)",
    )
    _add_budget(one, "10m")
    _add_threshold(one)
    one.set_defaults(command=_separate, trouble=2)

    one = top.add_parser("findings", help="what a history came to, as Markdown, from records")
    one.add_argument(
        "--machine",
        action="append",
        dest="machines",
        metavar="MACHINE",
        help="asv's name of another machine; may be given again (default: this one)",
    )
    where = one.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    where.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="only the table in short, into this Markdown, between two lines that mark its place",
    )
    one.set_defaults(command=_findings, started_in=Path.cwd())

    one = top.add_parser("history", help="measure every release, over as many sessions as it takes")
    one.add_argument("--machine", help="a name for this machine (default: asv's)")
    one.add_argument("--dry-run", action="store_true", help="say what is left, and end")
    one.add_argument(
        "--stage",
        action="append",
        default=[],
        dest="stages",
        metavar="NAME",
        help="only this stage of history.toml; may be given again (default: all of them)",
    )
    one.add_argument(
        "--budget",
        type=budget.duration,
        default=math.inf,
        metavar="TIME",
        help="begin no release that is likely to end later than that (default: none)",
    )
    one.add_argument(
        "--environments",
        type=_size,
        default="40G",
        metavar="SIZE",
        help="that environments take at once, at most (default: %(default)s)",
    )
    _add_processes(one)
    _add_threshold(one)
    one.set_defaults(command=_history, trouble=2)

    releases = top.add_parser("releases", help="the releases on the tracks, and their environments")
    commands = releases.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("list", help="show the releases")
    one.add_argument("spec", nargs="*", help="which (default: all), in the words of asv run")
    one.add_argument("--json", action="store_true", help="as a JSON list of objects")
    one.set_defaults(command=_list)

    one = commands.add_parser("install", help="make the environments of releases")
    one.add_argument("spec", nargs="+")
    one.add_argument(
        "--device", choices=DEVICES, help="default: gpu where one is visible, else cpu"
    )
    one.set_defaults(command=_install)

    one = commands.add_parser("prune", help="free environments, longest unused first")
    how_far = one.add_mutually_exclusive_group(required=True)
    how_far.add_argument("--to", type=_size, metavar="SIZE", help="until SIZE is left, such as 10G")
    how_far.add_argument("--all", action="store_true", help="all of them")
    one.set_defaults(command=_prune)

    one = commands.add_parser(
        "lock", help="make the locks of releases, or check those that are there"
    )
    one.add_argument("spec", nargs="+")
    one.add_argument("--device", choices=DEVICES, help="default: each that the release has")
    one.add_argument(
        "--again",
        action="store_true",
        help="resolve again; a lock that comes out otherwise raises the build number",
    )
    one.set_defaults(command=_lock)

    one = commands.add_parser("add", help="put a release, or a wheel of your own, on a track")
    one.add_argument("release", help="TRACK==VERSION of the index; with --wheel: TRACK")
    one.add_argument("version", nargs="?", help="with --wheel: how to call it")
    one.add_argument("--wheel", type=Path, metavar="FILE", help="a build of your own")
    one.add_argument("--after", metavar="RELEASE", help="with --wheel: where on the track")
    one.add_argument(
        "--device", choices=DEVICES, default="cpu", help="with --wheel: what it is for"
    )
    one.add_argument("--python", metavar="X.Y", help="default: the newest that the wheels name")
    one.set_defaults(command=_add)
    return parser


def _add_bench(one: argparse.ArgumentParser, told: str) -> None:
    one.add_argument("--bench", nargs="+", action="extend", default=[], help=told)


def _add_limits(one: argparse.ArgumentParser, budget_by_default: str) -> None:
    """What confirming may take."""
    _add_budget(one, budget_by_default)
    _add_processes(one)


def _add_processes(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--processes",
        type=_count,
        default=40,  # judge.MOST, which scipy would have to be imported for
        metavar="N",
        help="to confirm one configuration, of both releases, at most (default: %(default)s)",
    )


def _add_budget(one: argparse.ArgumentParser, default: str) -> None:
    one.add_argument(
        "--budget",
        type=budget.duration,
        default=default,
        metavar="TIME",
        help="begin no process that is likely to end later than that (default: %(default)s)",
    )


def _add_threshold(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--threshold",
        type=budget.percentage,
        default="2%",
        metavar="PER CENT",
        help="smaller changes are not relevant (default: 2%%)",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; write 1 or more")
    return int(text)


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 10G, 500M or 0")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def _complain(line: str) -> None:
    print(f"vggbench: {line}", file=sys.stderr)


def _say(line: str) -> None:
    print(line, flush=True)


def _first_run(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import first_run

    return first_run.run(checkout)


def _verify(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import verify

    device = arguments.device or checkout.default_device()
    report = _complain if arguments.json else _say  # standard output is JSON alone
    results = []
    failed = 0
    _tell_flags(report)
    with checkout.no_run():
        for release in _selected(checkout, arguments.spec):
            try:
                framework = verify.framework_of(checkout.catalogue, release)
                python = checkout.environments.ensure(release, device, report)
            except VggbenchError as err:
                _complain(str(err))
                failed += 1
                continue
            forecast = verify.forecast(release)
            if forecast is not None:
                report(forecast)
            of_release = list(verify.verify(release, framework, device, python))
            results += of_release
            if not arguments.json:
                show(verify.table(of_release), wide=160)
            for one in of_release:
                if one.answer in (verify.DISAGREES, verify.FAILED):
                    _complain(verify.complaint(one))
                    failed += 1
    if arguments.json:
        print(json.dumps([one.as_json() for one in results], indent=2))
    return 1 if failed else 0


def _run(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import in_release
    from .trials.options import Refused

    try:
        return in_release.run(
            checkout, arguments.release, arguments.options, arguments.started_in, _complain
        )
    except Refused as refused:
        _complain(str(refused))
        return 2


def _rates(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import peak
    from .report import rates

    machine = arguments.machine or _this_machine(checkout)
    taken = _timed(checkout, machine)
    peaks = peak.read(checkout.results_dir, machine, _complain)
    chosen = _selected(checkout, arguments.spec)
    rows = rates.rates(machine, taken, [release.commit for release in chosen], peaks)
    unmeasured = [r.name for r in chosen if r.name not in {row.release for row in rows}]
    if arguments.json:
        print(json.dumps([row.as_json() for row in rows], indent=2))
    else:
        for profile in dict.fromkeys(row.profile for row in rows):
            of_profile = [row for row in rows if row.profile == profile]
            _say(f"{machine}, {profile}:")
            show(rates.table(of_profile), wide=160)
            for line in rates.peak_lines(of_profile, peaks):
                _say(line)
    if not rows:
        _complain(_nothing_on_record(checkout, machine))
        return 1
    if arguments.spec and unmeasured:
        _complain(f"unmeasured on {machine}: {', '.join(unmeasured)}")
    return 0


def _timed(checkout: Checkout, machine: str) -> list[records.Record]:
    """The records of timed processes on ``machine``; a line about those that are left out later."""
    from .report import rates

    taken = [r for r in records.read(checkout.results_dir, machine, _complain) if rates.is_timed(r)]
    left_out: dict[str, set[str]] = {}
    on_tracks = {release.commit for release in checkout.catalogue}
    for record in taken:
        why = rates.why_left_out(record, on_tracks)
        if why is not None:
            left_out.setdefault(why, set()).add(record["release"])
    for why, names in left_out.items():
        _complain(f"records {why} are left out: {', '.join(sorted(names))}")
    return taken


def _nothing_on_record(checkout: Checkout, machine: str) -> str:
    known = sorted(path.parent.name for path in checkout.results_dir.glob("*/records"))
    return (
        f"nothing of this is on record for {machine} (there are records of: "
        f"{', '.join(known) or 'no machine'}); measure it with: asv run RELEASE"
    )


def _table(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import workload
    from .report import rates, seed_formats, seed_table

    catalogue = checkout.catalogue
    for profile in arguments.profile or []:
        if profile not in workload.PROFILES:
            known = ", ".join(sorted(workload.PROFILES))
            raise VggbenchError(f"--profile {profile}: unknown profile; choose among {known}")
    chosen = _selected(checkout, arguments.release or [])
    named = [(catalogue.tracks[r.track].framework, r.name) for r in chosen]
    for framework, name in named:
        if arguments.release and framework not in seed_table.FRAMEWORKS:
            rows_of = " and ".join(sorted(seed_table.FRAMEWORKS))
            raise VggbenchError(f"{name} has no row in these tables: they are of {rows_of}")
    columns = []
    for machine in dict.fromkeys(arguments.machine or [_this_machine(checkout)]):
        rows = rates.rates(machine, _timed(checkout, machine), [r.commit for r in chosen], [])
        if arguments.profile:
            rows = [row for row in rows if row.profile in arguments.profile]
        if arguments.release:
            of_machine = seed_table.of_releases(rows, named)
        else:
            of_machine = seed_table.newest(rows)
        if not of_machine:
            _complain(_nothing_on_record(checkout, machine))
        columns += of_machine
    if arguments.reference:
        columns.append(seed_table.reference())
    if not columns:
        return 1
    sys.stdout.write(seed_formats.FORMATS[arguments.format](columns, arguments.reference))
    return 0


def _plot(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .report import plot
    from .report.pages.lines import lines

    track = spec.track(checkout.catalogue, arguments.track)
    machine = arguments.machine or _this_machine(checkout)
    taken = records.read(checkout.results_dir, machine, _complain)
    found, left_out = lines(machine, taken, checkout.catalogue)
    for one in left_out:
        _complain(f"{one.count} records of {one.release} are left out: {one.why}")
    chosen = plot.choose(
        found, track, machine, arguments.profile, arguments.measure, arguments.configuration
    )
    path = arguments.started_in / arguments.output
    plot.draw(chosen[0], track, *chosen[1:], arguments.log, arguments.order == "date", path)
    _say(f"{path}: {track.framework} on {machine}, {chosen[0].profile}: {chosen[1].title}")
    return 0


def _peak(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import peak

    machine = _this_machine(checkout)
    device = arguments.device or checkout.default_device()
    _tell_flags(_say)
    with checkout.no_run():
        release = (
            spec.one(checkout.catalogue, arguments.release)
            if arguments.release
            else peak.choose(checkout.catalogue, device)
        )
        python = checkout.environments.ensure(release, device, _say)
        measured = peak.measure(release, device, python, machine)
    records.append(peak.path(checkout.results_dir, machine), measured)
    _say(f"{machine}: {peak.words(measured)}")
    return 0


def _preview(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from . import preview

    if arguments.html_dir:
        html_dir = Path(arguments.started_in, arguments.html_dir)
    else:
        html_dir = Path(checkout.config.html_dir).absolute()
    return preview.run(html_dir, arguments.port, _say)


def _confirm(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .verdict import confirm, session

    session.use_config(arguments.config)
    asked = confirm.Asked(
        arguments.release,
        arguments.against,
        arguments.threshold,
        arguments.improved,
        arguments.bench,
    )
    limits = confirm.Limits(arguments.budget, arguments.processes)
    return confirm.run(checkout, _this_machine(checkout), asked, limits, _say)


def _check(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .verdict import check, confirm, session

    session.use_config(arguments.config)
    asked = check.Asked(arguments.bench, arguments.threshold, arguments.config)
    limits = confirm.Limits(arguments.budget, arguments.processes)
    return check.run(checkout, asked, limits, _say)


def _verdict(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .verdict import command

    asked = command.Asked(
        arguments.spec,
        arguments.against,
        list(dict.fromkeys(arguments.track)),
        arguments.all,
        arguments.profile,
        arguments.threshold,
        arguments.format,
    )
    machine = arguments.machine or _this_machine(checkout)
    return command.run(checkout, machine, asked, _complain)


def _calibrate(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .verdict import calibrate, session

    session.use_config(arguments.config)
    return calibrate.run(
        checkout,
        _this_machine(checkout),
        arguments.release,
        arguments.bench,
        budget.Budget(arguments.budget),
        arguments.processes,
        arguments.threshold,
        _say,
    )


def _separate(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .history import separate
    from .verdict import session

    session.use_config(arguments.config)
    asked = separate.Asked(
        arguments.release,
        arguments.against,
        arguments.back,
        arguments.bench,
        arguments.processes,
        arguments.threshold,
    )
    machine = _this_machine(checkout)
    return separate.run(checkout, machine, asked, budget.Budget(arguments.budget), _say)


def _findings(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .report import findings, milestones
    from .verdict import session

    session.use_config(arguments.config)
    machines = arguments.machines or [_this_machine(checkout)]
    found = [
        one
        for machine in dict.fromkeys(machines)
        for one in findings.find(checkout, machine, checkout.facts(machine))
    ]
    if arguments.into is not None:
        lines = findings.in_short(found, checkout.catalogue)
        milestones.put(arguments.started_in / arguments.into, lines)
        return 0
    text = findings.markdown(found, checkout.catalogue)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        (arguments.started_in / arguments.output).write_text(text, encoding="utf-8")
    return 0


def _history(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .history import command
    from .verdict import session

    session.use_config(arguments.config)
    asked = command.Asked(
        arguments.machine,
        arguments.stages,
        budget.Budget(arguments.budget),
        arguments.environments,
        arguments.processes,
        arguments.threshold,
        arguments.dry_run,
        arguments.config,
    )
    return command.run(checkout, asked, _say)


def _tell_flags(report: Callable[[str], None]) -> None:
    line = variables.flags_line(os.environ)
    if line is not None:
        report(line)


def _this_machine(checkout: Checkout) -> str:
    machine = checkout.machine()
    if machine is None:
        raise VggbenchError("asv does not know this machine yet; tell it with: asv machine --yes")
    return machine


def _selected(checkout: Checkout, words: list[str]) -> list[Release]:
    """Oldest first; all where there are no words."""
    catalogue = checkout.catalogue
    if not words:
        return list(catalogue)
    chosen = {r.commit for r in spec.select(catalogue, " ".join(words))}
    return [r for r in catalogue if r.commit in chosen]


@dataclass(frozen=True)
class _Listed:
    """A row of ``releases list``. size: bytes of its environments; interpreter, measured: whether
    its CPython is here, and whether asv has a result of it of this machine."""

    release: str
    track: str
    version: str
    date: str
    python: str
    interpreter: bool
    devices: list[str]
    installed: bool
    size: int
    measured: bool
    build: int


def _list(checkout: Checkout, arguments: argparse.Namespace) -> int:
    measured = checkout.measured_commits()
    rows = []
    for release in _selected(checkout, arguments.spec):
        markers = [checkout.environments.installed(release, device) for device in release.locks]
        rows.append(
            _Listed(
                release=release.name,
                track=release.track,
                version=release.version,
                date=release.date,
                python=release.python,
                interpreter=interpreters.find(release.python) is not None,
                devices=sorted(release.locks),
                installed=any(markers),
                size=sum(marker.size for marker in markers if marker is not None),
                measured=release.commit in measured,
                build=release.build,
            )
        )
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "date", "python", "devices", "installed", "measured here"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.release,
            row.date,
            row.python + ("" if row.interpreter else " (missing)"),
            " ".join(row.devices),
            f"{row.size / 1e9:.2f} GB" if row.installed else "-",
            "yes" if row.measured else "-",
        )
    show(table)
    absent = sorted({row.python for row in rows if not row.interpreter}, key=_by_minor)
    for version in absent:
        _say(f"CPython {version} is missing; get it with: {interpreters.how_to_get(version)}")
    return 0


def _by_minor(version: str) -> int:
    return int(version.split(".")[1])


def _install(checkout: Checkout, arguments: argparse.Namespace) -> int:
    device = arguments.device or checkout.default_device()
    failed = 0
    for release in _selected(checkout, arguments.spec):
        before = checkout.environments.installed(release, device)
        try:
            checkout.environments.ensure(release, device, _say)
        except VggbenchError as err:
            _complain(str(err))
            failed += 1
            continue
        if before is not None and before == checkout.environments.installed(release, device):
            _say(f"{release.name} ({device}): installed already, {before.size / 1e9:.2f} GB")
    return 1 if failed else 0


def _prune(checkout: Checkout, arguments: argparse.Namespace) -> int:
    freed = 0
    with checkout.no_run():
        for environment in checkout.environments.prune(0 if arguments.all else arguments.to):
            freed += environment.size
            _say(f"freed {environment.name}: {environment.size / 1e9:.2f} GB")
    left = sum(environment.size for environment in checkout.environments.all())
    _say(
        f"freed {freed / 1e9:.2f} GB in all, {left / 1e9:.2f} GB are left; "
        f"uv's cache shares files with environments: uv cache prune frees what nothing uses"
    )
    return 0


def _lock(checkout: Checkout, arguments: argparse.Namespace) -> int:
    failed = 0
    for release in _selected(checkout, arguments.spec):
        track = checkout.catalogue.tracks[release.track]
        devices = [arguments.device] if arguments.device else _lockable(checkout, release)
        for device in devices:
            try:
                if device in release.locks and not arguments.again:
                    locks.check(checkout.catalogue, release, device)
                    _say(f"{release.name} ({device}): its lock is as its release file says")
                    continue
                made = locks.lock(checkout.catalogue, release, device)
                path = checkout.catalogue.write(made)
            except VggbenchError as err:
                _complain(f"{release.name} ({device}): {err}")
                failed += 1
                continue
            news = "" if made.build == release.build else f"; build number {made.build} now"
            _say(f"{release.name} ({device}): locked on track {track.name} in {path}{news}")
            release = made
    return 1 if failed else 0


def _lockable(checkout: Checkout, release: Release) -> list[str]:
    own = [device for device, lock in release.locks.items() if lock.wheel is not None]
    return own or locks.devices(checkout.catalogue.tracks[release.track], release.version)


def _add(checkout: Checkout, arguments: argparse.Namespace) -> int:
    catalogue = checkout.catalogue
    if arguments.wheel is not None:
        if arguments.version is None or arguments.after is None:
            raise VggbenchError(
                "a wheel of your own needs a version and a place: "
                "vggbench releases add TRACK VERSION --wheel FILE --after RELEASE"
            )
        after = spec.one(catalogue, arguments.after)
        track = spec.track(catalogue, arguments.release)
        if after.track != track.name:
            raise VggbenchError(f"--after {after.name} is not on the track {track.name}")
        release = locks.own_release(
            track, arguments.version, arguments.wheel, after, arguments.device, arguments.python
        )
    else:
        name, separator, version = arguments.release.partition("==")
        if not separator or arguments.version is not None or arguments.after is not None:
            raise VggbenchError(
                f"{arguments.release!r}: write TRACK==VERSION, or TRACK VERSION --wheel FILE "
                f"--after RELEASE for a build of your own"
            )
        release = _of_the_index(spec.track(catalogue, name), version, arguments.python)
    if release.name in catalogue.by_name:
        _say(f"{release.name} is on the track already")
        return 0
    for device in _lockable(checkout, release):
        _say(f"{release.name}: resolving its packages for {device} as of {release.date}")
        release = _locked(catalogue, release, device)
    path = catalogue.write(release)
    _say(f"{release.name} is on the track: {path}; measure it with: asv run {release.name}")
    return 0


def _of_the_index(track: Track, version: str, python: str | None) -> Release:
    try:
        return locks.new_release(track, version, python)
    except UvError as err:
        raise VggbenchError(f"{track.name}=={version} cannot be looked up: {err}") from None


def _locked(catalogue: Catalogue, release: Release, device: str) -> Release:
    try:
        return locks.lock(catalogue, release, device)
    except UvError as err:
        raise VggbenchError(f"{release.name} ({device}) cannot be locked: {err}") from None


if __name__ == "__main__":
    sys.exit(main())
