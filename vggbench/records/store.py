"""Where the records of all machines lie: ``results/<machine>/records/``, one file a run.

Files are appended to and never rewritten, so a store that is asked again reads what came since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from . import files
from .excluded import FILE, Exclusion, mark
from .record import Record


def folder(results_dir: Path | str, machine: str) -> Path:
    return Path(results_dir) / machine / "records"


def machines(results_dir: Path | str) -> list[str]:
    """The machines that have records, in the order of their names."""
    return sorted(path.parent.name for path in Path(results_dir).glob("*/records"))


def append(path: Path, record: Record) -> None:
    """Append ``record`` as one line, on the disk when this returns, or not at all. Raises
    RecordError."""
    files.append(path, record.as_json(), record.release)


def read(
    results_dir: Path | str,
    machine: str,
    complain: Callable[[str], None] = lambda line: None,
    exclusions: Sequence[Exclusion] = (),
) -> Iterator[Record]:
    """The records of a machine, file by file in the order of their names, which begin with a date.
    None is kept: for what is asked once.

    A line that is no record is left out, and so are a file that cannot be read, and a record that
    is there already, in another file or further up; ``complain`` gets a line about it.
    """
    seen: set[Hashable] = set()
    for path in _files(results_dir, machine):
        try:
            for record in _once(path, read_file(path, complain), seen, complain):
                mark(machine, record, exclusions)
                yield record
        except OSError as err:
            complain(_unreadable(path, err))


def read_file(path: Path, complain: Callable[[str], None] = lambda line: None) -> Iterator[Record]:
    """The records of one run."""
    return files.read(path, Record.from_json, complain)


def _once(
    path: Path,
    found: Iterable[Record],
    seen: set[Hashable],
    complain: Callable[[str], None],
) -> Iterator[Record]:
    """Those of a file's records that were not ``seen`` before; a line about how many were."""
    again = 0
    for record in found:
        identity = record.identity
        if identity in seen:
            again += 1
            continue
        seen.add(identity)
        yield record
    if again:
        them = (
            "a record that is there already is"
            if again == 1
            else (f"{again} records that are there already are")
        )
        complain(f"{path}: {them} counted once")


def digest(results_dir: Path | str, machine: str) -> str:
    """Another one whenever a machine's records have changed."""
    told: list[tuple[str, int, int]] = []
    for path in _files(results_dir, machine):
        try:
            stat = path.stat()
        except OSError:  # a link that leads nowhere
            told.append((path.name, -1, -1))
        else:
            told.append((path.name, stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _unreadable(path: Path, err: OSError) -> str:
    return f"{path} cannot be read and is left out: {err.strerror}"


def _files(results_dir: Path | str, machine: str) -> list[Path]:
    return sorted(folder(results_dir, machine).glob("*.jsonl"))


@dataclass
class _File:
    """What was read of a file: up to the byte ``size``, where its line ``lines``, the ``last``,
    ended. ``tail``: what the line after that, which has no end yet, holds."""

    identity: tuple[int, int]
    seen: tuple[int, int] = (0, 0)
    size: int = 0
    lines: int = 0
    last: bytes = b""
    records: list[Record] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    tail: list[Record] = field(default_factory=list)
    of_tail: list[str] = field(default_factory=list)

    def goes_on_in(self, file: BinaryIO, identity: tuple[int, int], size: int) -> bool:
        """Whether ``file`` is this one, with more at its end."""
        if self.identity != identity or size < self.size:
            return False
        file.seek(self.size - len(self.last))
        return file.read(len(self.last)) == self.last


class Store:
    """The records of the machines below ``results_dir``, kept while they are asked for again.

    Others may append meanwhile, this process too: each answer has what is on the disk. A file that
    shrank or was replaced is read anew. ``lines_read`` counts the lines that were read.
    ``exclusions``: what of them is not to count.
    """

    def __init__(self, results_dir: Path | str, exclusions: Sequence[Exclusion] = ()):
        self.results_dir = Path(results_dir)
        self.exclusions = exclusions
        self.lines_read = 0
        self._files: dict[Path, _File] = {}
        self._taken: dict[str, tuple[list[Path], list[Record], list[str]]] = {}

    def machines(self) -> list[str]:
        """Those that have records, in the order of their names."""
        return machines(self.results_dir)

    def all(
        self, machine: str, complain: Callable[[str], None] = lambda line: None
    ) -> list[Record]:
        """All records of a machine, in the order in which they were written; the same list as
        before where nothing has changed since. A record that is there twice counts once.
        ``complain`` gets a line about that, and about each line that is no record, whenever it is
        asked."""
        paths = _files(self.results_dir, machine)
        changed = [path for path in paths if self._read_on(path)]
        found = [self._files[path] for path in paths]
        for line in (line for one in found for line in (*one.complaints, *one.of_tail)):
            complain(line)
        before = self._taken.get(machine)
        if before is None or changed or before[0] != paths:
            said: list[str] = []
            seen: set[Hashable] = set()
            taken = [
                record
                for path, one in zip(paths, found, strict=True)
                for record in _once(path, (*one.records, *one.tail), seen, said.append)
            ]
            for record in taken if self.exclusions else ():
                mark(machine, record, self.exclusions)
            before = self._taken[machine] = paths, taken, said
        for line in before[2]:
            complain(line)
        return before[1]

    def where(
        self,
        machine: str,
        *,
        commits: Collection[str] | None = None,
        profile: str | None = None,
        keys: Collection[str] | None = None,
        purposes: Sequence[str | None] | None = None,
    ) -> list[Record]:
        """Those of the releases with these ids, in this profile, of the configurations with these
        keys (``Record.key``), and of these purposes (None: of runs of asv); of all where what could
        be named is None."""
        return [
            one
            for one in self.all(machine)
            if (commits is None or one.commit in commits)
            and (profile is None or one.profile == profile)
            and (purposes is None or one.purpose in purposes)
            and (keys is None or one.key in keys)
        ]

    def of_idle_exclusions(self, machine: str) -> list[str]:
        """A line for each exclusion that leaves nothing out, for whoever reads the records of
        ``machine``: the one who wrote it believes that it does."""
        known = self.machines()

        def leaves_out(exclusion: Exclusion) -> bool:
            if exclusion.machine not in (None, machine):
                # Of another machine that has records it is said where that one's are read.
                return exclusion.machine in known
            here_first = sorted(known, key=lambda each: each != machine)
            among = here_first if exclusion.machine is None else [machine]
            return any(
                exclusion.covers(each, record) for each in among for record in self.all(each)
            )

        return [
            f"{FILE}: the entry of {exclusion} covers no record; correct it, or take it out "
            f"(docs/records.md)"
            for exclusion in self.exclusions
            if not leaves_out(exclusion)
        ]

    def _read_on(self, path: Path) -> bool:
        """Read what came since a file was read last; whether anything did."""
        try:
            return self._read_what_came(path)
        except OSError as err:
            self._files[path] = _File((0, 0), complaints=[_unreadable(path, err)])
            return True

    def _read_what_came(self, path: Path) -> bool:
        stat = path.stat()
        identity, seen = (stat.st_dev, stat.st_ino), (stat.st_size, stat.st_mtime_ns)
        known = self._files.get(path)
        if known is not None and (known.identity, known.seen) == (identity, seen):
            return False
        with path.open("rb") as file:
            grew = known is not None and seen[0] > known.seen[0]
            if known is None or not (grew and known.goes_on_in(file, identity, seen[0])):
                known = self._files[path] = _File(identity)
                file.seek(0)
            known.seen = seen
            known.tail, known.of_tail = [], []
            for line in file:
                self._add(known, path, line)
        return True

    def _add(self, known: _File, path: Path, line: bytes) -> None:
        """What the next line of a file holds. One without an end is looked at again the next time:
        whoever writes it may not be done."""
        self.lines_read += 1
        of_line, said = [], []
        try:
            of_line = [files.parsed(line, Record.from_json)]
        except ValueError as err:
            said = [files.left_out(path, known.lines + 1, err)]
        if not line.endswith(b"\n"):
            known.tail, known.of_tail = of_line, said
            return
        known.records += of_line
        known.complaints += said
        known.lines += 1
        known.size += len(line)
        known.last = line
