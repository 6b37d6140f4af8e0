"""The machine's lock: of two that measure on one machine the second is refused, in one line."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from vggbench import machine_lock
from vggbench.campaigns.history.history import History
from vggbench.checkout import Checkout
from vggbench.machine_lock import MachineLockError, RunInProgress

from .asv_plugin.test_faults import ended, gone, started_process, the_line
from .campaigns.history.test_history import PLAN
from .tiny import PATIENCE_S, Tiny, until

NOBODY = 65534

#: Takes the lock, does what it is told, says so, and keeps the lock while it can read.
HOLD = """
import os, subprocess, sys, time
from vggbench import machine_lock
with machine_lock.held():
    {then}
    print("held", flush=True)
    sys.stdin.read()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")

Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold() -> Hold:
    """Starts a process that holds the machine's lock."""
    started = []

    def start(*arguments: str, then: str = "pass") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD.format(then=then), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def taken() -> bool:
    try:
        with machine_lock.held():
            return False
    except RunInProgress:
        return True


def refused() -> str:
    with pytest.raises(RunInProgress) as info, machine_lock.held():
        pass
    return str(info.value)


# -- who holds it


def test_the_file_says_who_holds_it_and_is_emptied_afterwards(lock_of_machine: Path) -> None:
    with machine_lock.held():
        told = json.loads(lock_of_machine.read_text())
    assert set(told) == {"pid", "command", "started"}
    assert told["pid"] == os.getpid()
    assert told["command"].startswith(sys.argv[0])
    started = datetime.datetime.fromisoformat(told["started"])
    assert started.utcoffset() == datetime.timedelta()
    assert lock_of_machine.read_text() == ""


SECRET = "curl -d @- https://here/?token=SECRET"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--notify", SECRET, "--pre"), "check --notify ... --pre"),
        (("--pre", "--notify", SECRET), "check --pre --notify ..."),
        ((f"--notify={SECRET}", "--pre"), "check --notify=... --pre"),
        (("--not", SECRET, "--notif", SECRET), "check --not ... --notif ..."),
        # The value is whatever stands behind it.
        (("--notify", "--notify", "--pre"), "check --notify ... --pre"),
        (("--notify",), "check --notify"),
        (("--", "--bench", "notify"), "check -- --bench notify"),
    ],
)
def test_what_notifies_is_told_to_no_other_user(
    lock_of_machine: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["vggbench", "check", *given])
    with machine_lock.held():
        assert json.loads(lock_of_machine.read_text())["command"] == f"vggbench {told}"


def test_the_second_is_told_who_measures_what_since_when(hold: Hold, lock_of_machine: Path) -> None:
    process = hold("the words")
    told = json.loads(lock_of_machine.read_text())
    assert refused() == (
        f"another process measures on this machine: process {process.pid}, -c 'the words', "
        f"since {told['started']}; wait until it has ended, or end it, then run this again; "
        "to measure beside it, which goes on record: VGGBENCH_BESIDE=1"
    )
    # Trying did not change what the file says.
    assert json.loads(lock_of_machine.read_text()) == told
    process.communicate("")
    assert not taken()


def test_what_counts_nowhere_beside_another_one_is_refused_whatever_is_allowed(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(machine_lock.BESIDE_VARIABLE, "1")
    process = hold()
    with pytest.raises(RunInProgress) as info, machine_lock.held(may_be_beside=False):
        pass
    line = str(info.value)
    assert line.startswith(f"another process measures on this machine: process {process.pid}, -c, ")
    assert line.endswith(
        "what this command measures would not count beside it, whatever VGGBENCH_BESIDE is"
    )
    assert not taken()


def test_who_was_killed_holds_it_no_more(hold: Hold, lock_of_machine: Path) -> None:
    process = hold()
    process.kill()
    process.wait(PATIENCE_S)
    assert json.loads(lock_of_machine.read_text())["pid"] == process.pid
    assert not taken()


def test_the_holder_knows_who_goes_on_beside_it(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine_lock.held():
        before = time.time()
        assert machine_lock.beside(since=before) is None
        monkeypatch.setenv(machine_lock.BESIDE_VARIABLE, "1")
        guest = hold("a guest")
        assert str(machine_lock.beside()).startswith(f"process {guest.pid}, -c 'a guest', since ")
        guest.communicate("")
        assert machine_lock.beside() is None
        assert f"process {guest.pid}, " in str(machine_lock.beside(since=before))
        assert machine_lock.beside(since=time.time() + 1) is None
        # What a clock that was set back leaves is nobody.
        guests = machine_lock.path().with_name(f"{machine_lock.path().name}.beside")
        os.utime(guests, (before + 1e9, before + 1e9))
        assert machine_lock.beside(since=before) is None


def test_a_guest_that_outlives_the_holder_keeps_others_out(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine_lock.held():
        monkeypatch.setenv(machine_lock.BESIDE_VARIABLE, "1")
        guest = hold("a guest")
        monkeypatch.delenv(machine_lock.BESIDE_VARIABLE)
    assert f"process {guest.pid}, -c 'a guest'" in refused()
    monkeypatch.setenv(machine_lock.BESIDE_VARIABLE, "1")
    with machine_lock.held():
        assert f"process {guest.pid}, " in str(machine_lock.beside())
    monkeypatch.delenv(machine_lock.BESIDE_VARIABLE)
    guest.communicate("")
    assert not taken()


OUTLIVES = {
    "forked": "child = os.fork()\n    if child == 0: time.sleep(3600)",
    "started": "child = subprocess.Popen(['sleep', '3600'], stdout=2, close_fds=False).pid",
    "of a pool": "import multiprocessing\n"
    "    one = multiprocessing.get_context('fork').Process(target=time.sleep, args=(3600,))\n"
    "    one.start(); child = one.pid",
}


@pytest.mark.parametrize("kind", OUTLIVES)
def test_a_child_that_outlives_its_holder_does_not_hold_it(
    hold: Hold, tmp_path: Path, kind: str
) -> None:
    note = tmp_path / "child"
    process = hold(
        str(note), then=f"{OUTLIVES[kind]}\n    open(sys.argv[1], 'w').write(str(child))"
    )
    child = psutil.Process(int(note.read_text()))
    try:
        assert taken()  # the parent's, also after the child has let go of it
        process.kill()
        process.wait(PATIENCE_S)
        assert child.is_running()
        # A forked one lets go when it first runs, which may be after its parent's end.
        until(lambda: not taken())
    finally:
        child.kill()


def test_a_forked_process_that_ends_takes_it_from_nobody(hold: Hold, lock_of_machine: Path) -> None:
    hold(then="child = os.fork()\n    if child == 0: sys.exit()\n    os.waitpid(child, 0)")
    assert taken()
    assert lock_of_machine.read_text() != ""


# -- what the file may be


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\0", b"[]", b"7", b"null", b'{"pid": 7}', b"[" * 60000, b"x" * 100000],
    ids=lambda content: f"{len(content)} {content[:10]!r}",
)
def test_what_it_holds_is_of_no_account(hold: Hold, lock_of_machine: Path, content: bytes) -> None:
    lock_of_machine.write_bytes(content)
    assert not taken()
    process = hold()
    lock_of_machine.write_bytes(content)
    line = (
        f"another process measures on this machine: a process that {lock_of_machine} does not name;"
    )
    assert refused().startswith(line)
    process.communicate("")


def test_what_another_user_wrote_is_one_line_that_steers_no_terminal(
    hold: Hold, lock_of_machine: Path
) -> None:
    hold()
    told = {"pid": 7, "command": "asv\nrun \x1b[2J\udcff" + "x" * 9999, "started": ["today"]}
    lock_of_machine.write_text(json.dumps(told))
    line = refused()
    assert line.startswith("another process measures on this machine: process 7, asv run ?[2J?xxx")
    assert line.isprintable()
    assert len(line) < 600


def nowhere(folder: Path) -> Path:
    return folder / "nowhere" / "lock"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "lock"


def a_folder(folder: Path) -> Path:
    return folder


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def a_link(folder: Path) -> Path:
    (folder / "precious").write_text("kept")
    (folder / "link").symlink_to(folder / "precious")
    return folder / "link"


def another_name_of_a_file(folder: Path) -> Path:
    (folder / "precious").write_text("kept")
    (folder / "name").hardlink_to(folder / "precious")
    return folder / "name"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (nowhere, "cannot be opened: No such file or directory"),
        (below_a_file, "cannot be opened: Not a directory"),
        (a_folder, "cannot be opened: Is a directory"),
        (a_pipe, "is no regular file, or has a second name"),
        (a_link, "cannot be opened: Too many levels of symbolic links"),
        (another_name_of_a_file, "is no regular file, or has a second name"),
    ],
)
def test_a_file_that_is_of_no_use_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    made: Callable[[Path], Path],
    why: str,
) -> None:
    file = made(tmp_path)
    monkeypatch.setenv(machine_lock.VARIABLE, str(file))
    with pytest.raises(MachineLockError) as info, machine_lock.held():
        pass
    assert str(info.value) == (
        f"{file}, the machine's lock, {why}; name another file: VGGBENCH_MACHINE_LOCK=/path/to/file"
    )
    precious = tmp_path / "precious"
    assert not precious.exists() or precious.read_text() == "kept"


def test_without_the_variable_it_is_one_file_whatever_tmpdir_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv(machine_lock.VARIABLE, "")
    assert machine_lock.path() == Path("/tmp/vggbench-machine.lock")
    monkeypatch.delenv(machine_lock.VARIABLE)
    assert machine_lock.path() == Path("/tmp/vggbench-machine.lock")


def test_it_is_made_for_all_users_whatever_the_umask(
    lock_of_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # From the first moment on: nothing changes its mode later.
    monkeypatch.delattr(os, "fchmod")
    before = os.umask(0o077)
    try:
        assert not taken()
    finally:
        umask = os.umask(before)
    assert umask == 0o077, "it is left as it was"
    assert lock_of_machine.stat().st_mode & 0o777 == 0o666


@as_root
def test_a_file_that_another_user_made_in_a_shared_folder_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Hold
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    file = shared / "lock"
    file.write_text("")
    file.chmod(0o666)
    os.chown(file, NOBODY, NOBODY)
    monkeypatch.setenv(machine_lock.VARIABLE, str(file))
    process = hold()
    assert f"process {process.pid}" in refused()


@as_root
def test_a_file_that_may_not_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    imports = "import os; from vggbench.machine_lock import held"
    script = f"{imports}\nos.setuid({NOBODY})\nwith held(): pass"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "there").touch(0o644)
        for file in (folder / "there", folder / "new"):
            monkeypatch.setenv(machine_lock.VARIABLE, str(file))
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
            assert done.stderr.endswith(
                f"MachineLockError: {file}, the machine's lock, cannot be opened: Permission "
                f"denied; name another file: VGGBENCH_MACHINE_LOCK=/path/to/file\n"
            )


# -- checkouts


def checkout(folder: Path) -> Checkout:
    folder.mkdir()
    conf = {"version": 1, "repo": "releases", "results_dir": "results", "env_dir": ".asv/env"}
    (folder / "asv.conf.json").write_text(json.dumps(conf))
    return Checkout(str(folder / "asv.conf.json"))


def test_two_checkouts_do_not_measure_at_once(tmp_path: Path) -> None:
    one, other = checkout(tmp_path / "one"), checkout(tmp_path / "other")
    with one.measuring():
        with pytest.raises(RunInProgress, match="on this machine"), other.measuring():
            pass
        with other.holding_run_lock():  # it measures nothing; and who was refused has let go of it
            pass
        who = rf"works in this checkout: process {os.getpid()}, .*, since .*; wait until"
        with pytest.raises(RunInProgress, match=who), one.measuring():
            pass
    with other.measuring():
        pass


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("calibrate", "tinyframe-1.1"), 2),
        (("check",), 2),
        (("history",), 2),
        (("peak", "tinyframe-1.1"), 1),
        (("run", "tinyframe-1.1", "--", "--run_theano"), 1),
        (("verify", "tinyframe-1.1"), 1),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_a_command_that_measures_is_refused_while_another_checkout_does(
    bare_tiny: Tiny, hold: Hold, arguments: tuple[str, ...], status: int
) -> None:
    (bare_tiny.folder / "history.toml").write_text(PLAN)
    process = hold()
    done = bare_tiny.vggbench(*arguments)
    assert (done.status, len(done.output.splitlines())) == (status, 1)
    the_line(done, f"another process measures on this machine: process {process.pid}, -c, since")
    assert not list(bare_tiny.environments.glob("tinyframe-*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("calibrate", "tinyframe-1.1"),
        ("check",),
        ("confirm", "tinyframe-1.1", "--against", "tinyframe-1.0"),
        ("duet", "tinyframe-1.1", "tinyframe-1.0"),
    ],
    ids=lambda one: one[0],
)
def test_what_takes_blocks_is_refused_at_once_where_others_may_measure_beside(
    bare_tiny: Tiny, hold: Hold, arguments: tuple[str, ...]
) -> None:
    process = hold()
    done = bare_tiny.vggbench(*arguments, env={machine_lock.BESIDE_VARIABLE: "1"})
    assert done.status == 2
    the_line(done, f"another process measures on this machine: process {process.pid}, -c, since")
    assert not bare_tiny.records()


def test_a_lock_of_no_use_is_one_line_of_a_command(bare_tiny: Tiny, tmp_path: Path) -> None:
    lock = tmp_path / "nowhere" / "lock"
    done = bare_tiny.vggbench("check", env={machine_lock.VARIABLE: str(lock)})
    assert done.status == 2
    assert len(done.output.splitlines()) == 1
    the_line(done, f"{lock}, the machine's lock, cannot be opened: No such file or directory; ")


@pytest.mark.parametrize(
    "arguments",
    ["releases prune --all", "releases list", "releases install tinyframe-1.1"],
)
def test_a_command_that_measures_nothing_goes_on_meanwhile(
    tiny: Tiny, hold: Hold, arguments: str
) -> None:
    hold()
    assert tiny.vggbench(*arguments.split()).status == 0


def test_a_history_is_planned_meanwhile(bare_tiny: Tiny, hold: Hold) -> None:
    (bare_tiny.folder / "history.toml").write_text(PLAN)
    hold()
    assert "The history of testbox" in bare_tiny.vggbench("history", "--dry-run")


class RefusedAsv:
    interrupted = False

    def __call__(self, *arguments: str, **more: object) -> int:
        return 1


def test_a_history_ends_where_another_one_has_begun_to_measure_meanwhile(
    tmp_path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else asv would be refused once for each release that is left."""
    process = hold()
    history = object.__new__(History)
    monkeypatch.setattr(History, "_make_room", lambda self, unit: None)
    monkeypatch.setattr(History, "_own", lambda self, unit: [])
    monkeypatch.setattr(History, "_of_sitting", lambda self: [])
    history.profile, history._say = "cpu-quick", [].append
    history._asv = RefusedAsv()
    history._checkout = checkout(tmp_path / "one")
    stage, release = SimpleNamespace(bench=[]), SimpleNamespace(name="tinyframe-1.1")
    unit = SimpleNamespace(name="tinyframe-1.1", stage=stage, release=release)
    with pytest.raises(RunInProgress, match=f"on this machine: process {process.pid}, "):
        history._measure(unit)


@pytest.mark.asv
def test_asv_in_another_checkout_is_refused_while_the_first_measures(
    tiny: Tiny, tiny_template: Tiny, tmp_path: Path
) -> None:
    other = tiny_template.copy(tmp_path / "other")
    process = tiny.popen("run", "tinyframe-1.1", "--bench", "plain", faults="1.1:hang")
    children = started_process(tiny, process)
    texts = (f"process {process.pid}, ", "asv run tinyframe-1.1 --bench plain, since ")
    done = other.asv("run", "tinyframe-1.1", "--bench", "plain")
    assert done.status == 1
    the_line(done, "another process measures on this machine: ", *texts)
    done = other.vggbench("calibrate", "tinyframe-1.1", "--processes", "2")
    assert done.status == 2
    the_line(done, "another process measures on this machine: ", *texts)
    assert not other.records()
    assert "measures on this machine" not in other.asv("setup")
    assert process.poll() is None

    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    until(lambda: all(gone(child) for child in children))
    done = other.asv("run", "tinyframe-1.1", "--bench", "plain")
    assert done.status == 0, done.output


@pytest.mark.asv
def test_asv_lets_go_of_it_when_it_has_ended(tiny: Tiny, lock_of_machine: Path) -> None:
    process = tiny.popen("run", "tinyframe-1.1", "--bench", "plain", faults="1.1:hang")
    started_process(tiny, process)
    assert json.loads(lock_of_machine.read_text())["pid"] == process.pid
    os.kill(process.pid, signal.SIGINT)
    ended(process)
    assert lock_of_machine.read_text() == ""
