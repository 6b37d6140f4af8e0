"""The files of records of all machines: ``results/<machine>/records/``, one file a run.

Files are appended to and never rewritten. A store that is asked again therefore reads only what was
appended since.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from . import files
from .excluded import FILE, Exclusion, mark
from .record import APART, Record


def folder(results_dir: Path | str, machine: str) -> Path:
    """The folder of a machine's files of records."""
    return Path(results_dir) / machine / "records"


def machines(results_dir: Path | str) -> list[str]:
    """The machines that have records, in the order of their names."""
    return sorted(path.parent.name for path in Path(results_dir).glob("*/records"))


def append(path: Path, record: Record) -> None:
    """Append ``record`` as one line, which is on the disk when this returns. Raises RecordError
    where that is not possible; nothing is appended then."""
    files.append(path, record.as_json(), record.release)


def read(
    results_dir: Path | str,
    machine: str,
    complain: Callable[[str], None] = lambda line: None,
    exclusions: Sequence[Exclusion] = (),
) -> Iterator[Record]:
    """The records of a machine, file by file in the order of their names, which begin with a date.
    No record is kept in memory, unlike in a Store.

    A line that is no record is left out, and so is a file that cannot be read. A record that stands
    in several files, or several times in one, counts once. ``complain`` gets a message about each
    such case.
    """
    seen: set[Hashable] = set()
    for path in map(Path, _files(results_dir, machine)):
        try:
            for record in _once(path, read_file(path, complain), seen, complain):
                mark(machine, record, exclusions)
                yield record
        except OSError as err:
            complain(_unreadable(path, err))


def read_file(path: Path, complain: Callable[[str], None] = lambda line: None) -> Iterator[Record]:
    """The records in the file of one run. A line that is no record is left out, and ``complain``
    gets a message about it."""
    return files.read(path, Record.from_json, complain)


def _once(
    path: Path,
    of_file: Iterable[Record],
    seen: set[Hashable],
    complain: Callable[[str], None],
) -> Iterator[Record]:
    """The records of a file whose identities were not ``seen`` before. ``complain`` gets a message
    with the number of the others."""
    again = 0
    for record in of_file:
        identity = record.identity
        if identity in seen:
            again += 1
            continue
        seen.add(identity)
        yield record
    if again:
        repeated = (
            "a record that is there already is"
            if again == 1
            else f"{again} records that are there already are"
        )
        complain(f"{path}: {repeated} counted once")


def digest(results_dir: Path | str, machine: str) -> str:
    """A digest that is another one whenever the files of a machine's records have changed."""
    states: list[tuple[str, int, int]] = []
    for entry in _files(results_dir, machine):
        try:
            stat = entry.stat()
        except OSError:  # a link that leads nowhere
            states.append((entry.name, -1, -1))
        else:
            states.append((entry.name, stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()


def _unreadable(path: Path, err: OSError) -> str:
    return f"{path} cannot be read and is left out: {err.strerror}"


def _files(results_dir: Path | str, machine: str) -> list[os.DirEntry[str]]:
    # Each question about records looks at them all: Path.glob() takes five times as long.
    try:
        with os.scandir(folder(results_dir, machine)) as entries:
            found = [entry for entry in entries if entry.name.endswith(".jsonl")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted(found, key=lambda entry: entry.name)


@dataclass
class _File:
    """What was read of a file.

    ``identity`` is its device and inode, ``seen`` its size and time of change when it was read. Its
    first ``lines`` lines are whole and are ``size`` bytes together; ``last`` is the last of them.
    ``records`` and ``complaints`` are from these lines. ``tail`` and ``tail_complaints`` are the
    record and the complaint from a line after them that has no end yet.
    """

    identity: tuple[int, int]
    seen: tuple[int, int] = (0, 0)
    size: int = 0
    lines: int = 0
    last: bytes = b""
    records: list[Record] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    tail: list[Record] = field(default_factory=list)
    tail_complaints: list[str] = field(default_factory=list)

    def goes_on_in(self, file: BinaryIO, identity: tuple[int, int], size: int) -> bool:
        """Whether ``file``, with this identity and size, is the file that was read, with more at
        its end."""
        if self.identity != identity or size < self.size:
            return False
        file.seek(self.size - len(self.last))
        return file.read(len(self.last)) == self.last


@dataclass(frozen=True)
class _OnDisk:
    """What a machine's files held when they were read last: ``records`` without those that are
    ``apart``, by their purpose."""

    paths: list[str]
    records: list[Record]
    apart: dict[str, list[Record]]
    complaints: list[str]


class Store:
    """The records of the machines below ``results_dir``, kept in memory to be asked for again.

    This process and others may append meanwhile: each answer has what is on the disk. A file that
    shrank or was replaced is read anew. ``exclusions`` say which records are not to count.
    ``lines_read`` counts the lines that were read.
    """

    def __init__(self, results_dir: Path | str, exclusions: Sequence[Exclusion] = ()):
        self.results_dir = Path(results_dir)
        self.exclusions = exclusions
        self.lines_read = 0
        self._files: dict[str, _File] = {}
        self._taken: dict[str, _OnDisk] = {}

    def machines(self) -> list[str]:
        """The machines that have records, in the order of their names."""
        return machines(self.results_dir)

    def all(
        self, machine: str, complain: Callable[[str], None] = lambda line: None
    ) -> list[Record]:
        """All records of a machine but those that are apart (APART), in the order in which they
        were written. It is the same list as before where nothing has changed since.

        A record that is there twice counts once. ``complain`` gets a message about that, and about
        each line that is no record, at every call.
        """
        return self._read(machine, complain).records

    def apart(self, machine: str, purpose: str) -> list[Record]:
        """A machine's records of a purpose that is one of APART, in the order in which they were
        written. Whoever asks for records does not count them."""
        return self._read(machine).apart[purpose]

    def _apart(self, machine: str) -> Iterator[Record]:
        for purpose in APART:
            yield from self.apart(machine, purpose)

    def _read(self, machine: str, complain: Callable[[str], None] = lambda line: None) -> _OnDisk:
        """What is on the disk of a machine's records."""
        entries = _files(self.results_dir, machine)
        paths = [entry.path for entry in entries]
        changed = [entry for entry in entries if self._read_on(entry)]
        files_read = [self._files[path] for path in paths]
        for file in files_read:
            for message in (*file.complaints, *file.tail_complaints):
                complain(message)
        before = self._taken.get(machine)
        if before is None or changed or before.paths != paths:
            complaints: list[str] = []
            seen: set[Hashable] = set()
            taken = [
                record
                for path, file in zip(paths, files_read, strict=True)
                for record in _once(
                    Path(path), (*file.records, *file.tail), seen, complaints.append
                )
            ]
            for record in taken if self.exclusions else ():
                mark(machine, record, self.exclusions)
            before = self._taken[machine] = _OnDisk(
                paths,
                [record for record in taken if not record.is_apart],
                {
                    purpose: [record for record in taken if record.purpose == purpose]
                    for purpose in APART
                },
                complaints,
            )
        for message in before.complaints:
            complain(message)
        return before

    def where(
        self,
        machine: str,
        *,
        commits: Collection[str] | None = None,
        profile: str | None = None,
        keys: Collection[str] | None = None,
        purposes: Sequence[str | None] | None = None,
    ) -> list[Record]:
        """The records of a machine, without those that are apart, that agree with all that is
        given: ids of releases, a profile, keys of configurations (``Record.key``), purposes (None
        among them: runs of asv)."""
        return [
            record
            for record in self.all(machine)
            if (commits is None or record.commit in commits)
            and (profile is None or record.profile == profile)
            and (purposes is None or record.purpose in purposes)
            and (keys is None or record.key in keys)
        ]

    def of_idle_exclusions(self, machine: str) -> list[str]:
        """A message about each exclusion that covers no record, for whoever reads the records of
        ``machine``: whoever wrote the exclusion believes that it leaves something out."""
        known = self.machines()

        def leaves_out(exclusion: Exclusion) -> bool:
            if exclusion.machine not in (None, machine):
                # The records of another known machine are not read here: whoever reads those gets
                # the message.
                return exclusion.machine in known
            here_first = sorted(known, key=lambda name: name != machine)
            among = here_first if exclusion.machine is None else [machine]
            return any(
                exclusion.covers(name, record)
                for name in among
                for record in (*self.all(name), *self._apart(name))
            )

        return [
            f"{FILE}: the entry of {exclusion} covers no record; correct it, or take it out "
            f"(docs/records.md)"
            for exclusion in self.exclusions
            if not leaves_out(exclusion)
        ]

    def _read_on(self, entry: os.DirEntry[str]) -> bool:
        """Read what was appended to a file since it was read last. Returns whether anything
        changed."""
        try:
            return self._read_what_came(entry)
        except OSError as err:
            complaints = [_unreadable(Path(entry), err)]
            self._files[entry.path] = _File((0, 0), complaints=complaints)
            return True

    def _read_what_came(self, entry: os.DirEntry[str]) -> bool:
        stat = entry.stat()
        identity, seen = (stat.st_dev, stat.st_ino), (stat.st_size, stat.st_mtime_ns)
        known = self._files.get(entry.path)
        if known is not None and (known.identity, known.seen) == (identity, seen):
            return False
        path = Path(entry)
        with path.open("rb") as file:
            grew = known is not None and seen[0] > known.seen[0]
            if known is None or not (grew and known.goes_on_in(file, identity, seen[0])):
                known = self._files[entry.path] = _File(identity)
                file.seek(0)
            known.seen = seen
            known.tail, known.tail_complaints = [], []
            for line in file:
                self._add(known, path, line)
        return True

    def _add(self, known: _File, path: Path, line: bytes) -> None:
        """Add what the next line of a file holds. A line without an end is read again the next
        time, because it may not be written completely yet."""
        self.lines_read += 1
        of_line, complaints = [], []
        try:
            of_line = [files.parsed(line, Record.from_json)]
        except ValueError as err:
            complaints = [files.left_out(path, known.lines + 1, err)]
        if not line.endswith(b"\n"):
            known.tail, known.tail_complaints = of_line, complaints
            return
        known.records += of_line
        known.complaints += complaints
        known.lines += 1
        known.size += len(line)
        known.last = line
