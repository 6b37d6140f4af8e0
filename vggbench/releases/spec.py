"""How a user names releases, to asv and to vggbench alike.

=============================================  =====================================================
``tensorflow``                                 the whole track
``tensorflow>=2.15``, ``tensorflow>=2.10,<3``  a version specifier (PEP 440)
``tensorflow==1.15.5``, ``tensorflow-1.15.5``  one release
``A..B``                                       the releases after A up to B, on one track
``A^!``                                        A alone
``A^``, ``A~3``                                the release before A, the third before A
four or more characters of a commit id         the release with that id
=============================================  =====================================================

Several of these can stand side by side, with white space between them. They name all releases that
any of them names.

Which words mean a pre-release: its own name does. A specifier takes pre-releases where one of its
clauses names one, such as ``>=2.22.0rc0``, but for ``!=``; on a track that has pre-releases alone,
such as one of nightlies, every specifier takes them. The name of a track takes only those that are
current (``catalogue.Track``: the newest of a version that has no final yet), and so do ``ALL`` and
``NEW`` of asv run. A range takes these and its own end. ``A^`` and ``A~3`` count only current
releases before A. ``EXISTING`` of asv run takes whatever has results.

A build of a user's own, ``2.21.0+mine``, is another release than 2.21.0. ``==2.21.0`` and
``!=2.21.0`` are about 2.21.0 alone, and ``>=2.21.0+mine`` names that build and all releases after
it. To all other specifiers, as in PEP 440, the build counts as the version before its ``+``.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..errors import LONGEST_WORD, VggbenchError
from .catalogue import Catalogue, Release, Track

#: What ``asv run`` takes in place of a range.
OF_ASV_RUN = ("ALL", "NEW", "EXISTING", "HASHFILE")

#: What begins like ``tensorflow~3`` is none.
_SPECIFIER = re.compile(r"([A-Za-z_]+(?:-[A-Za-z_]+)*)\s*((?!~\d+(?:[\^~]|\Z))[<>=!~].*)\Z")
_COMMIT = re.compile(r"[0-9a-f]{4,40}\Z")
_EARLIER = re.compile(r"(.+?)(\^+|~\d+)\Z")


class SpecError(VggbenchError):
    """A text that names no release."""


def is_commit(word: str) -> bool:
    """Whether ``word`` is the beginning of a commit id, of whatever release."""
    return bool(_COMMIT.match(word))


def select(catalogue: Catalogue, text: str) -> list[Release]:
    """The releases that ``text`` names, each once, newest first within each word (asv's order).

    Raises SpecError for a word that names no release, with the nearest releases that exist.
    """
    selected: dict[str, Release] = {}
    for word in _split(text):
        _require_length(word)
        for found in _select_word(catalogue, word):
            selected.setdefault(found.commit, found)
    if not selected:
        raise SpecError(f"{text!r} names no release; give one such as {_example(catalogue)}")
    return list(selected.values())


def _require_length(word: str) -> None:
    """Raise SpecError for a word that is longer than any name, specifier or range."""
    if len(word) > LONGEST_WORD:
        raise SpecError(f"{word[:40]!r}... names no release: it has {len(word)} characters")


def _split(text: str) -> list[str]:
    """The names, specifiers and ranges that stand in ``text``."""
    # 'tensorflow >=2.10, <2.16' is one word: no white space after a comma or around an operator.
    joined = re.sub(r"\s*,\s*", ",", text)
    joined = re.sub(r"([A-Za-z_])\s+(?=[<>=!~])", r"\1", joined)
    # The ! of A^! is no operator: it ends a word.
    return re.sub(r"(?<!\^)([<>=!~]=?)\s+", r"\1", joined).split()


def _select_word(catalogue: Catalogue, word: str) -> list[Release]:
    if word.endswith("^!"):
        return [release(catalogue, word[:-2])]
    if ".." in word:
        return _between(catalogue, word)
    match = _SPECIFIER.match(word)
    if match:
        return _specified(track(catalogue, match[1]), word, match[2])
    if word in catalogue.tracks:
        return list(reversed(catalogue.tracks[word].current))
    return [release(catalogue, word)]


def _between(catalogue: Catalogue, word: str) -> list[Release]:
    """The releases of a range, newest first."""
    first, _, last = word.partition("..")
    last = last.lstrip(".")
    if not last:
        raise SpecError(
            f"{word!r}: a range needs its end: A..B, such as {_example_range(catalogue)}"
        )
    end = release(catalogue, last)
    on = catalogue.tracks[end.track]
    line = on.releases
    start = 0
    if first:
        begin = release(catalogue, first)
        if begin.track != end.track:
            raise SpecError(
                f"{word!r}: {begin.name} and {end.name} are on two tracks; "
                f"a range stays on one, several ranges can stand side by side"
            )
        start = line.index(begin) + 1
    chosen = [
        r for r in line[start : line.index(end) + 1] if r == end or r.name not in on.superseded
    ]
    if not chosen:
        raise SpecError(
            f"{word!r} is empty: the start is not part of a range, and {end.name} "
            f"is not after it; perhaps {last}..{first}"
        )
    return list(reversed(chosen))


def _specified(on: Track, word: str, specifier: str) -> list[Release]:
    """The releases on a track that a version specifier allows, newest first."""
    try:
        texts = [text.strip() for text in specifier.split(",") if text.strip()]
        clauses = [_clause(text) for text in texts]
    except InvalidSpecifier:
        raise SpecError(
            f"{word!r}: {specifier!r} is no version specifier; write {on.name}==2.16.2, "
            f"'{on.name}>=2.10,<2.16' or the like"
        ) from None
    fitting = [
        r for r in reversed(on.releases) if all(holds(Version(r.version)) for holds in clauses)
    ]
    takes_all = not on.has_final or any(map(_names_prerelease, texts))
    chosen = [r for r in fitting if takes_all or not r.is_prerelease]
    if fitting and not chosen:
        raise SpecError(
            f"{word!r}: only pre-releases fit, and a specifier takes them only where it names one, "
            f"such as '{on.name}>={fitting[-1].version}'"
        )
    if not chosen:
        wanted = re.match(r"===?([^,]+)\Z", specifier)
        raise SpecError(
            f"{word!r}: no such release on the track; {_nearest(on, wanted and wanted[1])}"
        )
    return chosen


#: The operators by which two whole versions are compared. In PEP 440, ``===`` compares texts; here
#: it is the same as ``==``.
_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    "===": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def _clause(text: str) -> Callable[[Version], bool]:
    """A function that says whether a clause of a specifier, such as ">=2.15", allows a version.
    Raises InvalidSpecifier."""
    sign = next((symbol for symbol in _OPERATORS if text.startswith(symbol)), "")
    try:
        wanted = Version(text[len(sign) :])
    except InvalidVersion:  # "2.1.*"
        wanted = None
    if sign and wanted is not None and (wanted.local or sign in ("===", "==", "!=")):
        compare, limit = _OPERATORS[sign], wanted
        return lambda version: compare(version, limit)
    allowed = SpecifierSet(text, prereleases=True)
    return lambda version: Version(version.public) in allowed


def _names_prerelease(clause: str) -> bool:
    """Whether a clause of a specifier, such as ">=2.22.0rc0", names a pre-release. One that is to
    be left out does not make the others wanted."""
    try:
        return not clause.startswith("!=") and Version(clause.lstrip("<>=!~")).is_prerelease
    except InvalidVersion:  # "2.1.*"
        return False


def release(catalogue: Catalogue, word: str) -> Release:
    """The single release that ``word`` names. The name of a track names its newest release that is
    current.

    Raises SpecError where ``word`` names no release, or more than one.
    """
    if word in catalogue.tracks:
        line = catalogue.tracks[word].current
        if not line:
            raise SpecError(
                f"the track {word} has no release yet: vggbench releases add {word}==..."
            )
        return line[-1]
    if word in catalogue.by_name:
        return catalogue.by_name[word]
    _require_length(word)
    if is_commit(word):
        hits = [found for commit, found in catalogue.by_commit.items() if commit.startswith(word)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            several = ", ".join(found.name for found in hits)
            raise SpecError(f"{word!r} begins the ids of {several}; give more of the id, or a name")
        raise SpecError(
            f"{word!r} is the beginning of no release's id; a name is {_example(catalogue)}"
        )
    earlier = _EARLIER.match(word)
    if earlier:
        return _earlier(catalogue, word, earlier[1], earlier[2])
    if ".." in word or _SPECIFIER.match(word) or len(word.split()) > 1:
        chosen = select(catalogue, word)
        if len(chosen) > 1:
            raise SpecError(
                f"{word!r} names {len(chosen)} releases; give one of them, such as {chosen[0].name}"
            )
        return chosen[0]
    # Of a track that there is none of, the name ends where a version can begin.
    name, version = catalogue.split(word) or (re.split(r"-(?=\d)", word, maxsplit=1)[0], "")
    on = track(catalogue, name)
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise SpecError(
            f"{word!r} is no release: {version!r} is no version; {_nearest(on, None)}"
        ) from None
    found = on.of_version(wanted)
    if found is None:
        raise SpecError(f"{word!r}: no such release on the track; {_nearest(on, version)}")
    return found


def _earlier(catalogue: Catalogue, word: str, base: str, distance: str) -> Release:
    """The release that stands ``distance``, such as "^" or "~3", before ``base`` on its track."""
    later = release(catalogue, base)
    on = catalogue.tracks[later.track]
    line = (*on.before(later), later)
    index = len(line) - 1 - (len(distance) if distance[0] == "^" else int(distance[1:]))
    if index < 0:
        first = on.releases[0].name
        raise SpecError(f"{word!r} is before the first release of the track, {first}")
    return line[index]


def track(catalogue: Catalogue, name: str) -> Track:
    """The track of that name. Raises SpecError, which names the existing tracks, where there is
    none."""
    if name in catalogue.tracks:
        return catalogue.tracks[name]
    if name in OF_ASV_RUN:
        raise SpecError(
            f"{name} is a word of asv run, for what it is to measure; here name releases, or a "
            f"track: {', '.join(sorted(catalogue.tracks))}"
        )
    close = difflib.get_close_matches(name.lower(), catalogue.tracks, n=1)
    close = close or _of_version(catalogue, name)
    known = ", ".join(sorted(catalogue.tracks))
    guess = f"perhaps {' or '.join(close)}; " if close else ""
    raise SpecError(f"unknown track {name!r}; {guess}the tracks are: {known}")


def _of_version(catalogue: Catalogue, text: str) -> list[str]:
    """The names of the releases with this version, on whatever track: a track was forgotten."""
    try:
        wanted = Version(text)
    except InvalidVersion:
        return []
    return [each.name for each in catalogue if Version(each.version) == wanted]


def _nearest(on: Track, version: str | None) -> str:
    """A phrase that names the releases nearest to a version that is not on the track, or the whole
    range of the track where the version is unknown."""
    line = [r.name for r in on.releases]
    if not line:
        return f"the track {on.name} is empty"
    try:
        wanted = Version(version or "")
    except InvalidVersion:
        return f"the track goes from {line[0]} to {line[-1]}"

    def place(each: Release) -> Version:
        known = Version(each.version)
        return known if wanted.local else Version(known.public)

    # A build of the user's own comes only where no release of the index is as near.
    older = sorted(
        (each for each in on.releases if Version(each.version) < wanted),
        key=lambda each: (place(each), each.after is None),
    )[-1:]
    newer = sorted(
        (each for each in on.releases if Version(each.version) > wanted),
        key=lambda each: (place(each), each.after is not None),
    )[:1]
    near = [each.name for each in older + newer]
    return (
        f"the nearest {'is' if len(near) == 1 else 'are'} {' and '.join(near)}; "
        f"to put it on: vggbench releases add {on.name}=={wanted}"
    )


def _example(catalogue: Catalogue) -> str:
    return next((r.name for r in catalogue), "tensorflow-2.16.2")


def _example_range(catalogue: Catalogue) -> str:
    for track in catalogue.tracks.values():
        if len(track.releases) > 1:
            return f"{track.releases[0].name}..{track.releases[-1].name}"
    return "tensorflow-2.15.1..tensorflow-2.16.2"
