"""The JSON that the pages read: pure functions from lines, releases and verdicts to plain values.

docs/pages.md describes the files. Figures are rounded to seven digits, which is more than any page
shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ... import records
from ...inside import builders, params, workload
from ...inside.params import Param
from ...judging.measures import MEASURES
from ...releases.catalogue import Catalogue, Release, Track
from .. import tables_2017
from ..estimates import Estimate
from ..lines import LACKING, Cell, LeftOut, PageGraph, words_in
from .changes import Changes
from .choices import Choice
from .headlines import Headlines, headlines, plain

if TYPE_CHECKING:  # it imports what judges: what is kept is published without that
    from ...judging.chains import LineChain
    from ...judging.line_changes import LineChange
    from ...stats.chain import Loop
    from .asides import Aside
    from .beside import Beside, BriefVerdict
    from .verdicts import PageVerdict

SCHEMA = 1

#: Why nothing says how many bytes are downloaded.
NO_DOWNLOAD = "n/a: a lock has hashes, and no sizes"


def file_name(*parts: str) -> str:
    """A name for a file that is made of ``parts``, whatever is in them: distinct parts have
    distinct names, and none leads out of a folder."""
    readable = "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", word)[:40].strip(".-") for word in parts)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{readable.lower()}-{digest}"


def line_id(line: PageGraph) -> str:
    return file_name(line.track, line.machine, line.profile, line.family)


def index(
    catalogue: Catalogue,
    tracks: Sequence[str],
    machines: Mapping[str, Mapping[str, str]],
    lines: Sequence[Mapping[str, Any]],
    left_out: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What every page reads first.

    tracks, machines, lines: in the order in which they are offered. machines: what asv knows of
    each. lines: as ``described``. left_out: as ``of_left_out``.
    """
    return {
        "schema": SCHEMA,
        "tracks": [
            {
                "name": track.name,
                "framework": track.framework,
                "title": track.title,
                "releases": [_release_in_index(release, track) for release in track.releases],
            }
            for track in (catalogue.tracks[name] for name in tracks)
        ],
        "machines": [{"name": name, "facts": dict(facts)} for name, facts in machines.items()],
        "profiles": {
            name: {
                "device": profile.device,
                "batch_size": profile.workload.batch_size,
                "image_size": profile.workload.image_size,
            }
            for name, profile in workload.PROFILES.items()
        },
        "measures": [
            {
                "key": measure.key,
                "title": measure.title,
                "unit": measure.unit,
                "scale": measure.scale,
                "better": measure.better,
                "takes_time": measure.takes_time,
                "benchmark": measure.benchmark,
            }
            for measure in MEASURES
        ],
        "lines": list(lines),
        "left_out": list(left_out),
    }


#: What a page says of a param with a role.
_ABOUT = {
    params.LAYOUT: "The order of an image's axes: {values}.",
    params.NORMALISATION: "How a convolution's batch normalisation is computed, and what it costs "
    "to have one.",
    params.COMPILER: "All of the step compiled, against none of it.",
    params.BACKEND: "What {framework} computes with.",
}


def of_params() -> dict[str, Any]:
    """The params of each framework that has a builder, in the order of a configuration's words.

    ``lacking``: the value of one that a record lacks, which is at its default."""
    return {
        "schema": SCHEMA,
        "lacking": LACKING,
        "frameworks": {
            framework: [_param(framework, param) for param in params.of(framework)]
            for framework in builders.packages()
        },
    }


def _param(framework: str, param: Param) -> dict[str, Any]:
    about = _ABOUT.get(param.role)
    return {
        "name": param.name,
        "role": param.role,
        "title": param.title,
        "about": about and about.format(values=" or ".join(param.values), framework=framework),
        "words": list(param.values),
        "shown": param.shown,
    }


def _release_in_index(release: Release, track: Track) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": release.name,
        "version": release.version,
        "date": release.date,
        "python": release.python,
        "commit": release.commit,
    }
    if release.note:
        told["note"] = release.note
    if release.name in track.superseded:
        told["superseded"] = True
    if release.gone:
        told["gone"] = release.gone
    return told


def of_left_out(machine: str, left_out: LeftOut) -> dict[str, Any]:
    return {
        "machine": machine,
        "release": left_out.release,
        "why": left_out.why,
        "records": left_out.count,
    }


def described(
    line: PageGraph, chains: Sequence[LineChain] = (), asides: Sequence[Aside] = ()
) -> dict[str, Any]:
    """A line's place in the index. ``measures``: those that any cell has, or any of its ``chains``
    is of; ``numbers``: how many cells have some. ``newest``: the newest release of a cell; where
    there are no cells, of what else measured the line."""
    found = {key for cell in line.cells for key in cell.estimates}
    found |= {line_chain.measure for line_chain in chains}
    names = [each.release for each in line.cells or asides]
    return {
        "id": line_id(line),
        "machine": line.machine,
        "profile": line.profile,
        "track": line.track,
        "family": line.family,
        "params": list(line.params),
        "measures": [measure.key for measure in MEASURES if measure.key in found],
        "numbers": sum(cell.outcome == records.OK for cell in line.cells),
        "newest": names[-1],
    }


def of_line(
    line: PageGraph,
    told: Sequence[PageVerdict] = (),
    chains: Sequence[LineChain] = (),
    asides: Sequence[Aside] = (),
) -> dict[str, Any]:
    """The cells of a line, and the ``asides`` of what has none, with the verdicts on them in short.

    ``c`` is the place of the configuration, ``why`` that of the text in ``whys``; an estimate is
    value, low, high, processes. ``earlier`` are estimates too, where the line is cut; where that is
    for another state of the machine, ``otherwise`` says which (lines.Cell). ``busy`` says why the
    machine was busy, where it was; ``idle`` that a step leaves CPUs idle, where it does. ``state``
    is the place of that of the machine in ``states``. ``plain`` is the place of the configuration
    in which the first page opens, ``headlines`` what it says. ``chains`` are there where there are
    any.
    """
    place = {words: i for i, words in enumerate(line.configurations)}
    whys: dict[str, int] = {}
    states: dict[str, int] = {}
    verdicts: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for verdict in told:
        verdicts.setdefault((verdict.release, _words(line, verdict.configuration)), {})[
            verdict.measure
        ] = _brief(verdict)
    cells = [
        _cell(cell, place[cell.words], whys, states, verdicts.get((cell.release, cell.words)))
        for cell in line.cells
    ]
    others: list[dict[str, Any]] = [
        {
            "release": aside.release,
            "c": place[words],
            "outcome": aside.outcome,
            **({} if aside.why is None else {"why": whys.setdefault(aside.why, len(whys))}),
            "in_duets": aside.in_duets,
            "in_turns": aside.in_turns,
            **({"verdicts": found} if found else {}),
        }
        for aside in asides
        for words in [_words(line, aside.line.configuration)]
        for found in [verdicts.get((aside.release, words))]
    ]
    usual = plain(line, [_words(line, chain.line.configuration) for chain in chains])
    said = headlines(line, told, usual)
    return {
        **described(line, chains, asides),
        "schema": SCHEMA,
        "configurations": [list(words) for words in line.configurations],
        "whys": list(whys),
        "states": list(states),
        "cells": cells,
        "asides": others,
        "plain": None if usual is None else place[usual],
        "headlines": {each.measure: _of_headlines(place, each) for each in said},
        **({"chains": [_chain(place, line, chain) for chain in chains]} if chains else {}),
    }


def _cell(
    cell: Cell,
    c: int,
    whys: dict[str, int],
    states: dict[str, int],
    verdicts: dict[str, Any] | None,
) -> dict[str, Any]:
    """Its texts of ``whys`` and ``states`` are noted there with their places."""
    made: dict[str, Any] = {
        "release": cell.release,
        "c": c,
        "outcome": cell.outcome,
        "run": cell.run,
        "started": cell.started,
        "processes": cell.processes,
    }
    if cell.why is not None:
        made["why"] = whys.setdefault(cell.why, len(whys))
    if cell.estimates:
        made["samples"] = cell.samples
        made["estimates"] = {key: _estimate(estimate) for key, estimate in cell.estimates.items()}
    if cell.earlier:
        made["earlier"] = {key: _estimate(estimate) for key, estimate in cell.earlier.items()}
    if cell.otherwise is not None:
        made["otherwise"] = cell.otherwise
    if cell.busy is not None:
        made["busy"] = cell.busy
    if cell.idle is not None:
        made["idle"] = cell.idle
    if cell.state is not None:
        made["state"] = states.setdefault(str(cell.state), len(states))
    if verdicts:
        made["verdicts"] = verdicts
    return made


def _of_headlines(place: Mapping[tuple[str, ...], int], said: Headlines) -> dict[str, Any]:
    """``not_sure`` has a number for each configuration."""
    return {
        "largest": [
            {
                "release": each.release,
                "c": place[each.words],
                "outcome": each.outcome,
                "text": each.text,
            }
            for each in said.largest
        ],
        "changes": said.changes,
        "not_sure": [said.not_sure.get(words, 0) for words in place],
    }


def _chain(
    place: Mapping[tuple[str, ...], int], line: PageGraph, line_chain: LineChain
) -> dict[str, Any]:
    """A level is ratio, low, high; the base's own is 1 without a width. A loop that ``misfits``
    does so by more than chance allows."""
    return {
        "c": place[_words(line, line_chain.line.configuration)],
        "measure": line_chain.measure,
        "parts": [
            {
                "base": component.base.name,
                "levels": {
                    release.name: [rounded(level.ratio), rounded(level.low), rounded(level.high)]
                    for release, level in component.levels
                },
            }
            for component in line_chain.components
        ],
        "loops": [_loop(line_chain, loop) for loop in line_chain.chain.loops],
        "between_links": rounded(line_chain.chain.between_links),
        "left_out": [
            {
                "before": line_chain.name(link.before),
                "after": line_chain.name(link.after),
                "blocks": len(link.numbers),
            }
            for link in line_chain.chain.left_out
        ],
        "elsewhere": line_chain.elsewhere,
    }


def _loop(of: LineChain, loop: Loop) -> dict[str, Any]:
    return {
        "through": [of.name(place) for place in loop.through],
        "direct": rounded(loop.direct),
        "around": rounded(loop.around),
        "misfit": [rounded(loop.misfit), rounded(loop.low), rounded(loop.high)],
        "misfits": loop.misfits,
    }


def of_verdicts(
    line: PageGraph,
    told: Sequence[PageVerdict],
    changes: Sequence[LineChange],
    why_none: str | None,
) -> dict[str, Any]:
    """The verdicts on a line with their evidence, and the changes over the whole of it."""
    place = {words: i for i, words in enumerate(line.configurations)}
    return {
        "schema": SCHEMA,
        "why_none": why_none,
        "verdicts": [
            {
                "release": verdict.release,
                "c": place[_words(line, verdict.configuration)],
                "measure": verdict.measure,
                **_brief(verdict),
                "notes": list(verdict.notes),
                "next": verdict.next_step,
            }
            for verdict in told
            if _words(line, verdict.configuration) in place
        ],
        "changes": [
            {
                "c": place[_words(line, change.configuration)],
                "measure": change.measure,
                "kind": change.kind,
                "before": change.before,
                "first": change.first,
                "last": change.last,
                "ratio": [rounded(change.ratio), rounded(change.low), rounded(change.high)],
            }
            for change in changes
            if _words(line, change.configuration) in place
        ],
    }


def _words(line: PageGraph, configuration: Mapping[str, Any]) -> tuple[str, ...]:
    return words_in(configuration, line.params)


def of_across(own: Iterable[Beside]) -> dict[str, Any]:
    """What all machines say of the verdicts of a line that are sure. ``same``: how many machines
    say the same, ``of`` how many that have an answer. ``machines`` have numbers of both releases;
    one that is not sure is there, and not counted."""
    return {
        "schema": SCHEMA,
        "verdicts": [
            {
                "release": verdict.release,
                "c": verdict.c,
                "measure": verdict.measure,
                "same": change.same(verdict.outcome),
                "of": len(change.answers),
                "machines": [_of_one(each) for each in change.verdicts.values()],
            }
            for verdict, change in own
        ],
    }


def _of_one(verdict: BriefVerdict) -> dict[str, Any]:
    made: dict[str, Any] = {"machine": verdict.machine, "outcome": verdict.outcome}
    for key, figures in (("ratio", verdict.ratio), ("difference", verdict.difference)):
        if figures is not None:
            made[key] = list(figures)
    return made


def of_machines(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the page Machines reads: of each machine, in the order in which they are offered, its
    name, what asv knows of it, and what ``about`` tells."""
    return {"schema": SCHEMA, "machines": [dict(one) for one in told]}


def of_choices(line: PageGraph, found: Sequence[Choice]) -> dict[str, Any]:
    place = {words: i for i, words in enumerate(line.configurations)}
    releases: dict[str, list[dict[str, Any]]] = {}
    for choice in found:
        releases.setdefault(choice.release, []).append(
            {
                "param": choice.param,
                "one": place[choice.one],
                "other": place[choice.other],
                "ratio": None if choice.ratio is None else rounded(choice.ratio),
                "clear": choice.clear,
                "payback": choice.payback,
                **({} if choice.unclear is None else {"unclear": choice.unclear}),
                **({} if choice.otherwise is None else {"otherwise": choice.otherwise}),
            }
        )
    return {"schema": SCHEMA, "releases": releases}


def of_releases(
    catalogue: Catalogue,
    track: str,
    locks: Mapping[str, Mapping[str, tuple[Mapping[str, str], Changes | None]]],
    installed: Mapping[str, float],
) -> dict[str, Any]:
    """What the page of each release of a track says of its locks. ``installed``: bytes of an
    environment, by the digest of its lock; null where no record says so. ``lock_of`` names the lock
    of the configurations without a backend, for each device."""
    made = {}
    for release in catalogue.tracks[track].releases:
        told = {}
        for name, (pinned, difference) in locks[release.name].items():
            lock = release.locks[name]
            told[name] = {
                "file": lock.file,
                "requirement": lock.requirement,
                "as_of": lock.as_of,
                "digest": lock.digest,
                "packages": dict(pinned),
                "installed_bytes": installed.get(lock.digest),
                "since": None if difference is None else difference.since,
                "changes": {}
                if difference is None
                else {package: list(versions) for package, versions in difference.packages.items()},
            }
        made[release.name] = {
            "build": release.build,
            "locks": told,
            "lock_of": {
                device: lock.name
                for device in release.devices
                for lock in [release.lock_for(device)]
                if lock is not None and lock.name in told
            },
        }
    return {"schema": SCHEMA, "downloaded": NO_DOWNLOAD, "releases": made}


def seed_tables() -> dict[str, Any]:
    """The rows of the tables of 2017, and the figures that were reported."""
    reference = tables_2017.reference()
    return {
        "schema": SCHEMA,
        "reference": {
            "machine": reference.machine,
            "mark": tables_2017.REPORTED,
            "later": tables_2017.LATER_TITLE,
            "about": reference.about,
        },
        "tables": [
            {
                "title": title,
                "rows": [
                    {
                        "name": name,
                        "framework": configuration.framework,
                        "configuration": configuration.values,
                        "reported_ms": reference.cells[name].ms,
                    }
                    for name, configuration in rows.items()
                ],
                "later": [
                    {
                        "name": name,
                        "framework": configuration.framework,
                        "configuration": configuration.values,
                    }
                    for name, configuration in tables_2017.LATER[title].items()
                ],
            }
            for title, rows in tables_2017.TABLES.items()
        ],
    }


def _estimate(estimate: Estimate) -> list[float]:
    return [
        rounded(estimate.value),
        rounded(estimate.low),
        rounded(estimate.high),
        estimate.processes,
    ]


def _brief(verdict: PageVerdict) -> dict[str, Any]:
    made: dict[str, Any] = {"outcome": verdict.outcome, "against": verdict.against}
    if verdict.ratio is not None and verdict.low is not None and verdict.high is not None:
        made["ratio"] = [rounded(verdict.ratio), rounded(verdict.low), rounded(verdict.high)]
    if verdict.difference is not None:
        made["difference"] = list(map(rounded, verdict.difference))
    if verdict.acknowledged is not None:
        made["acknowledged"] = verdict.acknowledged
    return made


def rounded(value: float) -> float:
    return float(f"{value:.7g}")


def as_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
