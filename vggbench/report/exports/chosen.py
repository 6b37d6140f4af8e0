"""Which configurations of which releases an export has, and what is said of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from ...errors import one_line, some_of
from ...judging.state import other_state_messages, usual_of
from ...records import Record
from ...releases.catalogue import Catalogue, Release
from ..lines import lines
from . import ALL, FORMATS, LINE, RELEASE
from .exported import COLUMNS, Exported, ExportError

#: How many names a message has.
_MOST_NAMES = 5


def require_releases(name: str, specs: Sequence[str], releases: Sequence[Release]) -> None:
    """Raise ExportError where the format of this name is of one release, and ``specs`` name several
    ``releases``."""
    if FORMATS[name].of == RELEASE and len(releases) != 1:
        named = f"{' '.join(specs)!r} names {len(releases)}" if specs else "none is named"
        raise ExportError(
            f"{name} is of exactly one release, and {named}; give one, such as "
            f"{releases[-1].name if releases else 'tensorflow-2.16.2'}"
        )


def found(
    machine: str,
    taken: Sequence[Record],
    catalogue: Catalogue,
    releases: Sequence[Release],
    *,
    profile: str | None = None,
    keys: Collection[str] | None = None,
) -> tuple[list[Exported], list[str]]:
    """(what is on record of ``machine``, messages about records of it that are left out).

    ``taken``: all records of the machine, in the order in which they were written. ``profile`` and
    ``keys``, those of configurations (``Record.key``), choose among what is on record; all of it
    where they are None. The newest run that has a configuration counts, as on the pages. Raises
    ExportError for a profile that is not on record.
    """
    drawable, left_out = lines(machine, taken, catalogue)
    wanted = {release.name: release for release in releases}
    messages = [str(group) for group in left_out if group.release in wanted]
    on_record = [
        Exported(
            machine=machine,
            profile=line.profile,
            release=wanted[cell.release],
            benchmark=one_line(cell.taken[0].benchmark),
            words=" ".join(cell.words),
            cell=cell,
        )
        for line in drawable
        for cell in line.cells
        if cell.release in wanted and (keys is None or cell.taken[0].key in keys)
    ]
    profiles = list(dict.fromkeys(each.profile for each in on_record))
    if profile is not None and profiles and profile not in profiles:
        raise ExportError(f"--profile {profile}: on record are {', '.join(profiles)}")
    return [each for each in on_record if profile in (None, each.profile)], messages


def for_format(name: str, on_record: Sequence[Exported]) -> tuple[list[Exported], list[str]]:
    """(what a file of the format of this name has, messages about what of ``on_record`` it has not,
    and about what may not be compared in it).

    ``on_record`` has one configuration or more. What is n/a or failed is in csv alone. Of a line,
    what was measured in another state of the machine than most is left out. Raises ExportError
    where the file would mix profiles or lines, or would have nothing.
    """
    of = FORMATS[name].of
    if of == ALL:
        return list(on_record), []
    profiles = list(dict.fromkeys(each.profile for each in on_record))
    if len(profiles) > 1:
        raise ExportError(f"several profiles are on record: choose --profile {'|'.join(profiles)}")
    if of == LINE:
        _require_line(name, on_record)
    results = [each for each in on_record if each.is_ok]
    messages = _without_figures(on_record)
    if not results:
        raise ExportError(f"nothing can be exported as {name}: {messages[0]}")
    states = [(each.subject, str(each.cell.state)) for each in results]
    apart = other_state_messages(states)
    if of == LINE:
        usual = usual_of(state for _, state in states)
        results = [each for each in results if str(each.cell.state) == usual]
        apart = [*(f"left out: {message}" for message in apart), *_cuts(results)]
    return results, [*messages, *apart, *_lacking(results), *_busy(results)]


def _require_line(name: str, on_record: Sequence[Exported]) -> None:
    """Raise ExportError where ``on_record`` is of several lines."""
    tracks = sorted({each.release.track for each in on_record})
    if len(tracks) > 1:
        raise ExportError(
            f"{name} is of one track, and {len(tracks)} are chosen: {', '.join(tracks)}; "
            f"name one of them"
        )
    of_lines = {each.name(): each for each in on_record}
    if len(of_lines) > 1:
        first = next(iter(of_lines.values()))
        pattern = ", ".join(map(repr, first.cell.taken[0].configuration.values()))
        raise ExportError(
            f"{name} is of one configuration, and {len(of_lines)} are on record: "
            f'{some_of(list(of_lines), _MOST_NAMES)}; choose one, such as --bench "{pattern}"'
        )


def _without_figures(on_record: Sequence[Exported]) -> list[str]:
    """A message that counts what has no figures, by its outcome; none where all has."""
    outcomes = Counter(each.cell.outcome for each in on_record if not each.is_ok)
    if not outcomes:
        return []
    count = outcomes.total()
    what = (
        "1 configuration has no figures and is"
        if count == 1
        else (f"{count} configurations of releases have no figures and are")
    )
    parts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    return [f"{what} left out ({parts}); vggbench export csv has the reasons"]


def _lacking(results: Sequence[Exported]) -> list[str]:
    """A message for each measure that some of the results lack."""
    lacking = {
        column: [each.subject for each in results if measure.key not in each.cell.estimates]
        for measure, column in COLUMNS
    }
    return [
        f"{column} is not on record of {some_of(names, _MOST_NAMES)}"
        for column, names in lacking.items()
        if names
    ]


def _busy(results: Sequence[Exported]) -> list[str]:
    """A message for each reason why the machine was busy while results were measured."""
    busy: dict[str, list[str]] = {}
    for each in results:
        if each.cell.busy is not None:
            busy.setdefault(each.cell.busy, []).append(each.subject)
    return [
        f"measured on a busy machine ({why}): {some_of(names, _MOST_NAMES)}"
        for why, names in busy.items()
    ]


def _cuts(results: Sequence[Exported]) -> list[str]:
    """A message about the releases at which pages cut the line, which the file does not."""
    names = [each.release.name for each in results if each.cell.earlier]
    if not names:
        return []
    return [
        f"a change may be the machine's drift at {some_of(names, _MOST_NAMES)}: measured on "
        f"another day than the release before, where the pages cut the line"
    ]
