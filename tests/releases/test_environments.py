"""Environments are made whole or not at all, noticed when they were damaged, and freed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vggbench.releases import environments
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import (
    Environments,
    EnvironmentUnusable,
    Impossible,
    Marker,
    Postponed,
)
from vggbench.releases.interpreters import InterpreterMissing
from vggbench.releases.locks import LockError, sha256

from ..index import serving
from ..tiny import PATIENCE_S, Tiny, python_of, until, write_wheel

NAME = "tinyframe-1.1"
MODULE = "lib/python*/site-packages/tinyframe/__init__.py"
RECORD = "lib/python*/site-packages/tinyframe-1.1.dist-info/RECORD"


class House:
    """The environments of a tiny checkout, with a cache of uv's of its own."""

    def __init__(self, tiny: Tiny):
        self.tiny = tiny
        self.said: list[str] = []

    def environments(self) -> Environments:
        return Environments(self.tiny.environments, Catalogue(self.tiny.releases))

    def ensure(self, name: str = NAME) -> Path:
        """The folder of the environment of ``name``, made where need be; what is said is kept."""
        self.said = []
        release = self.tiny.release(name)
        folder = self.environments().ensure(release, "cpu", self.said.append).parent.parent
        self._let_the_file_systems_clock_pass()
        return folder

    def _let_the_file_systems_clock_pass(self) -> None:
        """What is written next is dated after now: that clock goes by ticks of the kernel."""
        now, tick = time.time(), self.tiny.folder / "tick"
        tick.touch()
        while tick.stat().st_mtime <= now:
            tick.touch()


@pytest.fixture
def house(bare_tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    # What is edited here is edited sooner after it was made than anyone's hand could.
    monkeypatch.setattr(environments, "CLOCK_SLACK_S", 0.0)
    return House(bare_tiny)


def one(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


def speed(folder: Path, name: str = "tinyframe") -> str:
    """What the framework of the environment says, imported."""
    code = f"import {name}; print({name}.__version__, {name}.SECONDS_A_STEP)"
    return subprocess.run(
        [folder / "bin" / "python", "-I", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    ).stdout.strip()


def put_besides(house: House, version: str, files: dict[str, str]) -> None:
    """Have a release of tinyframe install ``files``, their texts by their paths, too."""
    module = f"__version__ = {version!r}\nSECONDS_A_STEP = 0.01\n"
    wheel = write_wheel(house.tiny.folder / "besides", "tinyframe", version, module, files)
    text = f"tinyframe @ {wheel.as_uri()} --hash=sha256:{sha256(wheel)}\n"
    house.tiny.relock(f"tinyframe-{version}", text)


def test_an_environment_brings_its_release_on_its_python(house: House):
    folder = house.ensure()
    assert speed(folder) == "1.1 0.01"
    version = subprocess.run(
        [folder / "bin" / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert version == python_of("1.1")
    assert len(house.said) == 2
    assert house.said[0].startswith(f"installing {NAME} (cpu) on CPython {version}")
    assert house.said[1].startswith(f"installed {NAME} (cpu): ")


def test_an_environment_is_byte_compiled(house: House):
    folder = house.ensure("tinyframe-1.0")
    assert list(folder.glob("lib/python*/site-packages/tinyframe/__pycache__/__init__.*.pyc"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_every_module_that_can_be_compiled_is(house: House, version: str):
    """The oldest and the newest CPython, some of whose modules are for another."""
    besides = {f"tinyframe/{'deep/' * depth}module.py": "" for depth in range(1, 13)}
    put_besides(house, version, {**besides, "tinyframe/template.py": "print '{{ text }}'\n"})
    folder = house.ensure(f"tinyframe-{version}")
    package = one(folder, MODULE).parent
    compiled = {path.parent.parent for path in package.rglob("__pycache__/module.*.pyc")}
    assert compiled == {path.parent for path in package.rglob("module.py")}
    assert len(compiled) == len(besides)
    assert not list(package.rglob("template.*.pyc"))


def test_a_whole_environment_is_used_again(house: House):
    folder = house.ensure()
    before = Marker.read(folder)
    assert house.ensure() == folder
    assert house.said == []
    assert Marker.read(folder) == before
    assert house.environments().installed(house.tiny.release(NAME), "cpu") == before


def test_the_environments_of_two_releases_stay_apart(house: House):
    first, second = house.ensure("tinyframe-1.1"), house.ensure("tinyframe-1.2")
    assert (speed(first), speed(second)) == ("1.1 0.01", "1.2 0.03")


def test_a_marker_has_the_keys_that_it_always_had(house: House):
    """Else every environment that is there would be made again."""
    folder = house.ensure()
    told = json.loads((folder / environments.MARKER).read_text())
    assert list(told) == ["release", "device", "digest", "python", "size", "made", "packages"]
    assert told["device"] == "cpu"
    # Earlier markers did not say how many packages there are.
    earlier = {key: value for key, value in told.items() if key != "packages"}
    (folder / environments.MARKER).write_text(json.dumps(earlier))
    assert house.ensure() == folder
    assert house.said == []


def test_a_lock_for_any_device_has_one_environment(house: House):
    release = house.tiny.add_release("3.0", names=("any",))
    made = house.environments()
    names = [lock.name for device in ("cpu", "gpu") for lock in release.locks_for(device)]
    pythons = {made.ensure(release, name, house.said.append) for name in names}
    assert [python.parent.parent.name for python in pythons] == ["tinyframe-3.0-b1-any"]
    assert len(house.said) == 2, "it was made once"
    assert house.said[0].startswith("installing tinyframe-3.0 (any) on CPython ")


def test_the_environments_of_two_locks_of_a_release_stay_apart(house: House):
    release = house.tiny.add_backends({"cpu": 0.01, "cpu-theano": 0.02})
    made = house.environments()
    folders = [made.ensure(release, name).parent.parent for name in ("cpu", "cpu-theano")]
    assert [folder.name for folder in folders] == ["keras-1.0-b1-cpu", "keras-1.0-b1-cpu-theano"]
    assert [speed(folder) for folder in folders] == ["1.0 0.01", "1.0 0.02"]


# -- damage


def delete_a_file(folder: Path) -> None:
    one(folder, MODULE).unlink()


def truncate_a_file(folder: Path) -> None:
    # Not in place: an editor writes another file.
    path = one(folder, MODULE)
    path.unlink()
    path.write_text("")


def edit_a_file_in_place(folder: Path) -> None:
    path = one(folder, MODULE)
    text = path.read_text().replace("0.01", "0.99")
    with path.open("r+") as file:
        file.write(text)


def truncate_a_file_in_place(folder: Path) -> None:
    os.truncate(one(folder, MODULE), 5)


def delete_a_package(folder: Path) -> None:
    shutil.rmtree(one(folder, MODULE).parent)
    shutil.rmtree(one(folder, RECORD).parent)


def add_a_package(folder: Path) -> None:
    wheel = write_wheel(folder.parent, "other", "1.0", "")
    shutil.unpack_archive(wheel, one(folder, RECORD).parent.parent, "zip")


def empty_the_list_of_files(folder: Path) -> None:
    one(folder, RECORD).write_text("")


def spoil_the_list_of_files(folder: Path) -> None:
    one(folder, RECORD).write_bytes(b"tinyframe/__init__.py,sha256=\xff,many\n")


def delete_the_interpreter(folder: Path) -> None:
    (folder / "bin" / "python").unlink()


def delete_the_marker(folder: Path) -> None:
    (folder / "vggbench.json").unlink()


def spoil_the_marker(folder: Path) -> None:
    (folder / "vggbench.json").write_text("[]")


@pytest.mark.parametrize(
    "hurt",
    [
        delete_a_file,
        truncate_a_file,
        edit_a_file_in_place,
        truncate_a_file_in_place,
        delete_a_package,
        add_a_package,
        empty_the_list_of_files,
        spoil_the_list_of_files,
        delete_the_interpreter,
        delete_the_marker,
        spoil_the_marker,
    ],
)
def test_a_damaged_environment_is_made_again(house: House, hurt):
    folder = house.ensure()
    hurt(folder)
    house.ensure()
    changed = [line for line in house.said if "its environment was changed (" in line]
    assert len(changed) == (0 if hurt in (delete_the_marker, spoil_the_marker) else 1)
    assert all(line.startswith(f"{NAME} (cpu): ") for line in changed)
    assert speed(folder) == "1.1 0.01"
    house.ensure()
    assert house.said == []


def test_a_damaged_file_that_uvs_cache_shares_is_renewed_there_too(house: House):
    """uv links files from its cache, so that an edit in place reaches all who share them."""
    folder = house.ensure()
    if os.stat(one(folder, MODULE)).st_nlink == 1:
        pytest.skip("uv does not link files from its cache on this file system")
    edit_a_file_in_place(folder)
    house.ensure()
    assert speed(folder) == "1.1 0.01"
    assert any("uv's cache was changed too (tinyframe)" in line for line in house.said)
    # The next environment from that cache must not bring the damage back.
    shutil.rmtree(folder)
    assert speed(house.ensure()) == "1.1 0.01"


@pytest.fixture
def sharing(house: House) -> House:
    """Two packages beside tinyframe both bring shared.txt, as TensorFlow 1.4 and its TensorBoard
    both bring bin/tensorboard."""
    put_beside(house, {name: {"shared.txt": f"of {name}"} for name in ("one", "another")})
    return house


def put_beside(house: House, packages: dict[str, dict[str, str]]) -> None:
    """Lock tinyframe with ``packages`` beside it: the texts of their files, by path, by name."""
    lines = [(house.tiny.releases / "tinyframe" / "1.1-cpu.txt").read_text()]
    for name, files in packages.items():
        wheel = write_wheel(house.tiny.folder / "wheels", name, "1.0", "", files)
        lines.append(f"{name} @ {wheel.as_uri()} --hash=sha256:{sha256(wheel)}\n")
    house.tiny.relock(NAME, "".join(lines))


def test_a_file_that_two_packages_bring_is_of_either(sharing: House):
    sharing.ensure()
    for _ in range(2):
        sharing.ensure()
        assert sharing.said == []


def test_a_file_of_two_packages_that_is_of_neither_is_noticed(sharing: House):
    shared = one(sharing.ensure(), "lib/python*/site-packages/shared.txt")
    shared.unlink()
    sharing.ensure()
    assert any("site-packages/shared.txt is gone)" in line for line in sharing.said)
    with shared.open("r+") as file:  # in place, and so in uv's cache
        file.write("by hand, and longer than both")
    sharing.ensure()
    assert any("has 29 bytes instead of 6 or 10)" in line for line in sharing.said)
    sharing.ensure()
    assert sharing.said == []


def test_a_script_that_an_entry_point_replaced_is_not_missed(house: House) -> None:
    """f2py of NumPy 1.15 is both; uv installs the entry point, and lists both in RECORD."""
    files = {
        "scripted-1.0.data/scripts/scripted": "#!python\n",
        "scripted-1.0.dist-info/entry_points.txt": "[console_scripts]\nscripted = scripted:main\n",
    }
    put_beside(house, {"scripted": files})
    assert one(house.ensure(), "bin/scripted").exists()
    house.ensure()
    assert house.said == []


# -- what cannot be made


def test_a_lock_that_was_edited_is_refused(house: House):
    path = house.tiny.releases / "tinyframe" / "1.1-cpu.txt"
    path.write_text(path.read_text() + "# edited\n")
    with pytest.raises(LockError, match=r"^tinyframe-1\.1.*vggbench releases lock tinyframe-1\.1"):
        house.ensure()


def test_another_lock_makes_another_environment(house: House):
    before = Marker.read(house.ensure())
    tiny = house.tiny
    locked = (tiny.releases / "tinyframe" / "1.1-cpu.txt").read_text()
    lock = tiny.relock(NAME, locked + "# made again\n").locks["cpu"]
    assert house.environments().installed(tiny.release(NAME), "cpu") is None
    after = Marker.read(house.ensure())
    assert before is not None
    assert after is not None
    assert after.digest == lock.digest != before.digest


def test_a_device_without_a_lock_is_one_line(house: House):
    with pytest.raises(EnvironmentUnusable) as caught:
        house.environments().ensure(house.tiny.release(NAME), "gpu")
    assert str(caught.value) == (
        f"{NAME} has no lock for gpu; it is locked for cpu; where its track has packages for that: "
        f"vggbench releases lock {NAME}"
    )


def test_a_missing_interpreter_is_one_line(house: House):
    house.tiny.add_release("3.0", python="3.99")
    with pytest.raises(InterpreterMissing, match=r"tinyframe-3\.0 needs CPython 3\.99"):
        house.ensure("tinyframe-3.0")
    assert not house.tiny.environments.exists()


def test_what_cannot_be_installed_leaves_nothing_behind(house: House):
    (house.tiny.folder / "wheels" / "tinyframe-1.1-py3-none-any.whl").unlink()
    with pytest.raises(EnvironmentUnusable) as caught:
        house.ensure()
    assert str(caught.value).startswith(f"{NAME} (cpu) cannot be installed: ")
    assert "\n" not in str(caught.value)
    assert not list(house.tiny.environments.glob("tinyframe*"))
    assert not list(house.tiny.environments.glob(".building/*"))


def test_an_environment_stays_when_it_cannot_be_made_again(house: House):
    """A damaged environment that cannot be replaced is neither used nor removed."""
    folder = house.ensure()
    delete_a_file(folder)
    house.tiny.folder.joinpath("wheels", "tinyframe-1.1-py3-none-any.whl").unlink()
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    with pytest.raises(EnvironmentUnusable):
        house.ensure()
    assert Marker.read(folder) is not None
    with pytest.raises(EnvironmentUnusable):
        house.ensure()


@pytest.fixture
def indexed(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an index with the releases of tinyframe; the lock of NAME is of it."""
    wheel = wheel_of_name(house)
    house.tiny.relock(NAME, f"tinyframe==1.1 --hash=sha256:{sha256(wheel)}\n")
    monkeypatch.setenv("UV_OFFLINE", "0")
    with serving(wheel.parent) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield url


def wheel_of_name(house: House) -> Path:
    return house.tiny.folder / "wheels" / "tinyframe-1.1-py3-none-any.whl"


def gone(house: House) -> str:
    """What is said of NAME, which is gone from the index."""
    with pytest.raises(EnvironmentUnusable) as caught:
        house.ensure()
    assert not isinstance(caught.value, (Impossible, Postponed)), "another index may still have it"
    line = str(caught.value)
    assert line.startswith(
        f"{NAME} (cpu) cannot be installed: tinyframe==1.1 is gone from the index ("
    )
    assert "uv's cache does not have all of the lock" in line
    assert "put a wheel of tinyframe==1.1 with the hash of the lock into a folder" in line
    assert "set UV_FIND_LINKS to that folder" in line
    assert "\n" not in line
    return line


def test_a_wheel_that_is_gone_from_the_index_is_said_by_name(house: House, indexed: str) -> None:
    wheel_of_name(house).unlink()
    assert indexed in gone(house)


def test_a_package_that_is_gone_from_the_index_is_said_too(house: House, indexed: str) -> None:
    for wheel in wheel_of_name(house).parent.glob("tinyframe-*"):
        wheel.unlink()
    gone(house)


def test_an_index_that_cannot_be_reached_has_lost_nothing(
    house: House, indexed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(Postponed, match="check the network and run it again") as caught:
        house.ensure()
    assert "gone" not in str(caught.value)


def test_a_full_disk_is_no_fault_of_the_release(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, kept: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(environments, "_byte_compile", refuse)
    with pytest.raises(Postponed, match="No space left on device; if the disk is full: vggbench"):
        house.ensure()
    assert not list(house.tiny.environments.glob("tinyframe*"))


def test_a_wheel_that_is_gone_from_the_index_comes_out_of_uvs_cache(
    house: House, indexed: str
) -> None:
    folder = house.ensure()
    assert not house.said[-1].endswith("uv's cache")
    wheel_of_name(house).unlink()
    shutil.rmtree(folder)
    assert speed(house.ensure()) == "1.1 0.01"
    assert house.said[-1].endswith(", out of uv's cache")


def test_a_folder_with_a_wheel_brings_back_what_is_gone(
    house: House, indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    wheel_of_name(house).rename(kept / wheel_of_name(house).name)
    gone(house)
    monkeypatch.setenv("UV_FIND_LINKS", str(kept))
    assert speed(house.ensure()) == "1.1 0.01"


# -- several processes

ENSURE = """
import sys
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments
catalogue = Catalogue(sys.argv[1])
release = catalogue.by_name[sys.argv[3]]
print(Environments(sys.argv[2], catalogue).ensure(release, "cpu", print))
"""


def ensure_elsewhere(house: House, name: str = NAME) -> subprocess.Popen[str]:
    tiny = house.tiny
    return subprocess.Popen(
        [sys.executable, "-u", "-c", ENSURE, str(tiny.releases), str(tiny.environments), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_installs_of_one_release_at_once_build_it_once(house: House):
    both = [ensure_elsewhere(house) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum(f"installed {NAME}" in output for output in outputs) == 1
    python = str(house.environments().python(house.tiny.release(NAME), "cpu"))
    assert [output.splitlines()[-1] for output in outputs] == [python, python]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_install_that_was_ended_at_any_moment_is_made_by_the_next(house: House, number: int):
    for delay in (0.0, 0.05, 0.2, 0.4, 0.8):
        process = ensure_elsewhere(house)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)
        folder = house.environments().path(house.tiny.release(NAME), "cpu")
        assert not folder.exists() or speed(folder) == "1.1 0.01"
        if folder.exists() and delay > 0.2:
            break
    assert speed(house.ensure()) == "1.1 0.01"
    assert not list(house.tiny.environments.glob(".building/*"))
    until(lambda: not command_lines(house.tiny.environments))


def command_lines(folder: Path) -> list[str]:
    """Those of the processes that were started with a path in ``folder``."""
    lines = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if str(folder) in line:
                lines.append(line)
    return lines


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_install_that_was_ended_while_it_compiled_leaves_no_process(
    house: House, version: str, number: int
):
    large = "".join(f"def f{count}(x):\n    return x + {count}\n" for count in range(10_000))
    put_besides(house, version, {f"tinyframe/part{count}.py": large for count in range(16)})
    process = ensure_elsewhere(house, f"tinyframe-{version}")

    def compiles() -> bool:
        return any("compileall" in line for line in command_lines(house.tiny.environments))

    until(lambda: compiles() or process.poll() is not None)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode != 0, "it was still compiling"
    until(lambda: not command_lines(house.tiny.environments))


# -- listing and freeing


def use_at(folder: Path, when: float) -> None:
    os.utime(folder / "vggbench-last-use", (when, when))


def test_prune_frees_what_was_unused_longest_down_to_a_size(house: House):
    names = ["tinyframe-1.0", "tinyframe-1.1", "tinyframe-1.2"]
    folders = {name: house.ensure(name) for name in names}
    for when, name in enumerate(("tinyframe-1.1", "tinyframe-1.2", "tinyframe-1.0")):
        use_at(folders[name], 1_000_000 + when)
    houses = house.environments()
    assert [env.folder for env in houses.all()] == [
        folders[name] for name in ("tinyframe-1.1", "tinyframe-1.2", "tinyframe-1.0")
    ]
    freed = list(houses.prune(houses.all()[-1].size))
    assert [env.folder for env in freed] == [folders["tinyframe-1.1"], folders["tinyframe-1.2"]]
    assert [env.folder for env in houses.all()] == [folders["tinyframe-1.0"]]
    assert speed(folders["tinyframe-1.0"]) == "1.0 0.01"
    assert len(list(houses.prune(0))) == 1
    assert houses.all() == []
    assert not list(house.tiny.environments.glob("*tinyframe*"))


def test_the_disk_gets_back_what_has_no_link_elsewhere(house: House) -> None:
    folder = house.ensure()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            contents = path.read_bytes()
            path.unlink()
            path.write_bytes(contents)
    cached = house.tiny.environments.parent / "cached"
    cached.write_bytes(bytes(20))
    os.link(cached, folder / "of the cache")
    os.link(folder / "vggbench.json", folder / "twice")
    (freed,) = house.environments().prune(keep_bytes=1)
    assert (freed.elsewhere, freed.on_disk) == (20, freed.size - 20)


def test_prune_frees_what_killed_builds_left(house: House):
    house.ensure()
    left = house.tiny.environments / ".building" / "tinyframe-1.2-b1-cpu"
    (left / "lib").mkdir(parents=True)
    list(house.environments().prune(10**12))
    assert not left.exists()
    assert len(house.environments().all()) == 1


def test_prune_frees_what_killed_removals_left(house: House):
    whole = house.ensure()
    left = [whole.with_name(f".tinyframe-1.2-b1-cpu.{number}.doomed") for number in (1, 2)]
    for folder in left:
        (folder / "lib").mkdir(parents=True)
    shutil.copy(whole / "vggbench.json", left[0])
    assert [each.folder for each in house.environments().all()] == [whole]
    assert list(house.environments().prune(10**12)) == []
    assert not any(folder.exists() for folder in left)
    assert house.environments().all()


def test_a_marker_says_what_an_environment_holds(house: House):
    folder = house.ensure()
    marker = json.loads((folder / "vggbench.json").read_text())
    assert marker["release"] == NAME
    assert marker["device"] == "cpu"
    assert marker["python"] == python_of("1.1")
    assert marker["packages"] == 1
    assert marker["size"] > 100


BYTECODE = "lib/python*/site-packages/tinyframe/__pycache__/__init__.*.pyc"


def test_what_was_compiled_is_kept_for_an_environment_that_is_made_again(house: House) -> None:
    first = one(house.ensure(), BYTECODE).stat()
    list(house.environments().prune(keep_bytes=1))
    again = one(house.ensure(), BYTECODE).stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_kept_bytecode_that_does_not_fit_its_source_is_compiled_anew(house: House) -> None:
    first = one(house.ensure(), BYTECODE)
    (stale,) = (house.tiny.environments / environments.BYTECODE).rglob(first.name)
    good = stale.read_bytes()
    stale.unlink()
    stale.write_bytes(good[:8] + bytes(8) + good[16:])  # another time and size of the source
    list(house.environments().prune(keep_bytes=1))
    assert one(house.ensure(), BYTECODE).read_bytes() == good


def test_pruning_all_frees_the_kept_bytecode_too(house: House) -> None:
    house.ensure()
    list(house.environments().prune())
    assert not (house.tiny.environments / environments.BYTECODE).exists()
