"""The commands that show what is on record: rates, table, plot, findings, export, preview.

The code of a command is imported when the command is given, because other commands start without
SciPy.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import Any

from .. import records
from ..checkout import Checkout
from ..errors import VggbenchError
from ..records import stretches
from ..releases import spec
from ..releases.catalogue import Track
from ..report import exports, show
from .common import (
    NAMES,
    Subparsers,
    add_bench,
    add_commands,
    add_json,
    add_machine,
    complain,
    say,
    selected,
    this_machine,
)

#: By what the file of a format is of: what SPEC has to name, and which profiles it has.
_SPECS = {
    exports.RELEASE: "exactly one",
    exports.LINE: "all of one track (default: all)",
    exports.ALL: "default: all",
}
_PROFILES = {
    exports.RELEASE: "the one on record",
    exports.LINE: "the one on record",
    exports.ALL: "all on record",
}


def add(top: Subparsers) -> None:
    """Add these commands to those of vggbench."""
    _add_rates(top)
    _add_table(top)
    _add_plot(top)
    _add_findings(top)
    _add_export(top)
    _add_preview(top)


def _add_rates(top: Subparsers) -> None:
    parser = top.add_parser("rates", help="images/s, FLOP/s and share of the peak, from records")
    parser.add_argument("spec", nargs="*", help=f"{NAMES} (default: all)")
    add_machine(parser)
    add_json(parser)
    parser.set_defaults(command=_rates)


def _add_table(top: Subparsers) -> None:
    parser = top.add_parser("table", help="the tables of the comparison of 2017, from records")
    parser.add_argument(
        "--machine", nargs="+", action="extend", help="asv's names of machines (default: this one)"
    )
    parser.add_argument(
        "--release",
        nargs="+",
        action="extend",
        help="releases, a column each (default: the newest measured of each track, in one column)",
    )
    parser.add_argument("--profile", nargs="+", action="extend", help="default: all on record")
    parser.add_argument("--format", choices=("md", "html", "csv", "json"), default="md")
    parser.add_argument(
        "--reference", action="store_true", help="beside the Titan X of 2017, and with ratios"
    )
    parser.set_defaults(command=_table)


def _add_plot(top: Subparsers) -> None:
    parser = top.add_parser("plot", help="the history of a track as SVG or PNG, from records")
    parser.add_argument("track", help="such as tensorflow")
    add_machine(parser)
    parser.add_argument("--profile", help="default: the one on record")
    parser.add_argument(
        "--measure", default="step", help="as in the URL of History (default: step)"
    )
    parser.add_argument(
        "--configuration",
        nargs="+",
        action="extend",
        default=[],
        metavar="WORDS",
        help="such as 'NHWC none off' (default: all)",
    )
    parser.add_argument("--order", choices=("version", "date"), default="version")
    parser.add_argument("--log", action="store_true", help="a logarithmic scale")
    parser.add_argument(
        "--chain",
        action="store_true",
        help="levels of releases against a base, by blocks of duets, and how well these agree",
    )
    parser.add_argument(
        "--base",
        metavar="RELEASE",
        help="with --chain: the base (default: the first release that has a level)",
    )
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE")
    parser.set_defaults(command=_plot)


def _add_findings(top: Subparsers) -> None:
    parser = top.add_parser("findings", help="what a history came to, as Markdown, from records")
    parser.add_argument(
        "--machine",
        action="append",
        dest="machines",
        metavar="MACHINE",
        help="asv's name of another machine; may be given again (default: this one)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    where.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="only the short table, into this Markdown file, between two lines that mark its place",
    )
    parser.add_argument(
        "--picture",
        metavar="ADDRESS",
        help="the address of a picture for the top of the page, as the page names it",
    )
    parser.set_defaults(command=_findings)


def _add_export(top: Subparsers) -> None:
    parser = top.add_parser("export", help="what is on record, in formats that other tools read")
    formats = add_commands(parser, "FORMAT")
    for name, written in exports.FORMATS.items():
        of_format = formats.add_parser(name, help=written.help)
        of_format.add_argument("spec", nargs="*", help=f"{NAMES}; {_SPECS[written.of]}")
        add_machine(of_format)
        of_format.add_argument("--profile", help=f"default: {_PROFILES[written.of]}")
        add_bench(of_format)
        if written.by_sample is not None:
            of_format.add_argument(
                "--samples", action="store_true", help="a row for each sample, not each process"
            )
        else:
            of_format.set_defaults(samples=False)
        of_format.add_argument(
            "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
        )
        of_format.set_defaults(command=_export, format=name)


def _add_preview(top: Subparsers) -> None:
    parser = top.add_parser("preview", help="serve the published pages on 127.0.0.1")
    parser.add_argument("--port", type=int, help="default: 8080, or the next that is free")
    parser.add_argument(
        "--html-dir", type=Path, metavar="FOLDER", help="default: html_dir of asv.conf.json"
    )
    parser.set_defaults(command=_preview)


def _rates(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..campaigns import peak
    from ..report import rates

    machine = arguments.machine or this_machine(checkout)
    taken = _taken(checkout, checkout.store(), machine)
    peaks = peak.read(checkout.results_dir, machine, complain)
    chosen = selected(checkout, arguments.spec)
    rows = rates.rates(machine, taken, chosen, peaks)
    measured = {row.release for row in rows}
    unmeasured = [release.name for release in chosen if release.name not in measured]
    if arguments.json:
        print(json.dumps([row.as_json() for row in rows], indent=2, allow_nan=False))
    else:
        for profile in dict.fromkeys(row.profile for row in rows):
            of_profile = [row for row in rows if row.profile == profile]
            say(f"{machine}, {profile}:")
            show(rates.table(of_profile), wide=160)
            for line in (
                *rates.state_messages(of_profile),
                *rates.peak_messages(of_profile, peaks),
            ):
                say(line)
    if not rows:
        complain(_nothing_on_record(checkout, machine))
        return 1
    if arguments.spec and unmeasured:
        complain(f"unmeasured on {machine}: {', '.join(unmeasured)}")
    return 0


def _taken(checkout: Checkout, store: records.Store, machine: str) -> list[records.Record]:
    """The records of ``machine``. A line is printed about the records of timed processes that the
    tables leave out, and about exclusions that no record meets."""
    taken = store.all(machine, complain)
    left_out: dict[str, set[str]] = {}
    for record in taken:
        why = record.why_left_out(machine, checkout.catalogue.by_commit)
        if record.is_timed and why is not None:
            left_out.setdefault(why, set()).add(record.release)
    for why, names in left_out.items():
        complain(f"records {why} are left out: {', '.join(sorted(names))}")
    for line in store.of_idle_exclusions(machine):
        complain(line)
    return taken


def _nothing_on_record(checkout: Checkout, machine: str) -> str:
    known = records.machines(checkout.results_dir)
    return (
        f"nothing of this is on record for {machine} (there are records of: "
        f"{', '.join(known) or 'no machine'}); measure it there with: asv run RELEASE"
    )


def _table(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..report import formats_2017, rates, tables_2017
    from ..runs import profiles

    catalogue = checkout.catalogue
    for profile in arguments.profile or []:
        profiles.require(profile)
    chosen = selected(checkout, arguments.release or [])
    named = [(catalogue.tracks[release.track].framework, release.name) for release in chosen]
    for framework, name in named:
        if arguments.release and framework not in tables_2017.FRAMEWORKS:
            rows_of = ", ".join(sorted(tables_2017.FRAMEWORKS))
            raise VggbenchError(f"{name} has no row in these tables: they are of {rows_of}")
    columns = []
    store = checkout.store()
    for machine in dict.fromkeys(arguments.machine or [this_machine(checkout)]):
        rows = rates.rates(machine, _taken(checkout, store, machine), chosen, [])
        if arguments.profile:
            rows = [row for row in rows if row.profile in arguments.profile]
        if arguments.release:
            of_machine = tables_2017.of_releases(rows, named)
        else:
            of_machine = tables_2017.newest(rows)
        if not of_machine:
            complain(_nothing_on_record(checkout, machine))
        columns += of_machine
    if arguments.reference:
        columns.append(tables_2017.reference())
    if not columns:
        return 1
    if arguments.format == "html" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="xmlcharrefreplace")
    sys.stdout.write(formats_2017.FORMATS[arguments.format](columns, arguments.reference))
    return 0


def _plot(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..report import plot
    from ..report.lines import lines

    track = spec.track(checkout.catalogue, arguments.track)
    if arguments.chain:
        return _plot_chains(checkout, arguments, track)
    if arguments.base is not None:
        raise VggbenchError("--base is an option of --chain: give --chain too")
    machine = arguments.machine or this_machine(checkout)
    taken = checkout.store().all(machine, complain)
    drawable, left_out = lines(machine, taken, checkout.catalogue)
    for group in left_out:
        complain(str(group))
    line, measure, wanted = plot.choose(
        drawable,
        track,
        machine,
        profile=arguments.profile,
        measure=arguments.measure,
        configurations=arguments.configuration,
    )
    path = arguments.output.absolute()
    by_date = arguments.order == "date"
    for message in plot.draw(
        line, track, measure, wanted, path, log=arguments.log, by_date=by_date
    ):
        complain(message)
    say(f"{path}: {track.title} on {machine}, {line.profile}: {measure.title}")
    return 0


def _plot_chains(checkout: Checkout, arguments: argparse.Namespace, track: Track) -> int:
    from ..judging.evidence import gather
    from ..report import chained, plot
    from ..report.lines import lines

    base = None
    if arguments.base is not None:
        base = spec.release(checkout.catalogue, arguments.base)
        if base.track != track.name:
            raise VggbenchError(f"--base {base.name} is no release of {track.title}")
    machine = arguments.machine or this_machine(checkout)
    taken = checkout.store().all(machine, complain)
    evidence = gather(machine, taken, checkout.catalogue)
    for message in evidence.left_out:
        complain(message)
    chains = chained.choose(
        evidence,
        track,
        profile=arguments.profile,
        measure=arguments.measure,
        configurations=arguments.configuration,
        base=base,
    )
    of_chains = [chain.line for chain in chains]
    drawable, _ = lines(machine, taken, checkout.catalogue, also=of_chains)
    line = plot.line_of(drawable, chains[0])
    path = arguments.output.absolute()
    by_date = arguments.order == "date"
    plot.draw_chains(line, track, chains, path, log=arguments.log, by_date=by_date)
    title = plot.title_of(arguments.measure)
    say(f"{path}: {track.title} on {machine}, {line.profile}: {title}, levels")
    for message in chained.remarks(chains):
        say(message)
    return 0


def _findings(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..report import findings, milestones
    from ..runs.suite import Suite

    machines = arguments.machines or [this_machine(checkout)]
    timed = Suite(checkout.benchmark_dir).timed([])
    store = checkout.store()
    of_machines = []
    for machine in dict.fromkeys(machines):
        of_machines += findings.find(
            machine,
            store.all(machine, complain),
            checkout.catalogue,
            facts=checkout.facts(machine),
            sittings=_sittings(checkout, machine),
            configurations=timed,
        )
    if arguments.into is not None:
        lines = findings.in_short(of_machines, checkout.catalogue)
        milestones.put(arguments.into, lines)
        return 0
    text = findings.markdown(of_machines, checkout.catalogue, arguments.picture)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def _sittings(checkout: Checkout, machine: str) -> list[dict[str, Any]]:
    """The sittings of the machine's history; none, and a line that says why, where their file is
    damaged."""
    try:
        return stretches.sittings(checkout.results_dir, machine)
    except VggbenchError as err:
        complain(str(err))
        return []


def _export(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from ..report.exports import chosen, files

    name = arguments.format
    releases = selected(checkout, arguments.spec)
    chosen.require_releases(name, arguments.spec, releases)
    machine = arguments.machine or this_machine(checkout)
    on_record, messages = chosen.found(
        machine,
        checkout.store().all(machine, complain),
        checkout.catalogue,
        releases,
        profile=arguments.profile,
        keys=_keys(checkout, arguments.bench),
    )
    for message in messages:
        complain(message)
    if not on_record:
        complain(_nothing_on_record(checkout, machine))
        return 1
    results, messages = chosen.for_format(name, on_record)
    for message in messages:
        complain(message)
    measured = {result.release.name for result in on_record}
    unmeasured = [release.name for release in releases if release.name not in measured]
    if arguments.spec and unmeasured:
        complain(f"unmeasured on {machine}: {', '.join(unmeasured)}")
    written = exports.FORMATS[name]
    by_sample = written.by_sample if arguments.samples else None
    text = (by_sample or written.text)(results)
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        files.write(arguments.output, text)
        say(f"{arguments.output.absolute()}: {name} of {machine}")
    return 0


def _keys(checkout: Checkout, patterns: list[str]) -> set[str] | None:
    """The keys of the configurations that the patterns of --bench select; None where there are no
    patterns. Raises ExportError where they select nothing that is timed."""
    if not patterns:
        return None
    from ..runs.suite import Suite

    keys = {configured.key for configured in Suite(checkout.benchmark_dir).timed(patterns)}
    if not keys:
        raise exports.ExportError(
            f"--bench {' '.join(patterns)} selects no benchmark that is timed; export takes "
            f"patterns of these alone, and has their first step and memory too"
        )
    return keys


def _preview(checkout: Checkout, arguments: argparse.Namespace) -> int:
    from .. import preview

    html_dir = arguments.html_dir.absolute() if arguments.html_dir else checkout.html_dir
    return preview.run(html_dir, arguments.port, say)
