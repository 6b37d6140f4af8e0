"""A checkout that was copied, moved or cloned otherwise is one of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vggbench.releases.catalogue import Catalogue

ROOT = Path(__file__).parent.parent


def planned(folder: Path, *variables: str) -> str:
    """What make would do to set a checkout up, with these variables of its own."""
    return subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "setup", *variables],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_a_copied_checkout_is_set_up_anew(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, own)
    assert "-m venv --clear" in planned(own), "nothing is there yet"
    (own / ".venv" / "made").write_text(f"{own}\n")
    assert "-m venv" not in planned(own)
    copy = tmp_path / "copy"
    shutil.copytree(own, copy)
    assert "-m venv --clear" in planned(copy), "it would run the code of the other"


def test_a_checkout_may_be_set_up_outside_its_folder(tmp_path: Path) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    (own / ".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, own)
    (own / ".venv" / "made").write_text(f"{own}\n")
    plan = planned(own, f"VENV={elsewhere}", "PYTHON=python3.12")
    assert f"python3.12 -m venv --clear {elsewhere}\n" in plan
    assert ".venv" not in plan, "it is another machine's"


@pytest.mark.parametrize("crlf", ["true", "false"])
def test_line_ends_of_a_clone_change_no_lock(tmp_path: Path, crlf: str) -> None:
    """Of all releases: what was committed is what their files vouch for."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("releases", ".gitattributes"):
        one = ROOT / name
        (shutil.copytree if one.is_dir() else shutil.copy)(one, source / name)
    author = ("-c", "user.name=t", "-c", "user.email=t@t")
    for arguments in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *arguments], cwd=source, check=True)
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "-c", f"core.autocrlf={crlf}", str(source), str(clone)], check=True
    )
    catalogue = Catalogue(clone / "releases")
    locks = [
        (release, device, lock) for release in catalogue for device, lock in release.locks.items()
    ]
    assert len(locks) > 100
    for release, device, lock in locks:
        assert catalogue.digest(release, device) == lock.digest


def test_a_lock_whose_lines_end_otherwise_is_the_same(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "releases", tmp_path / "releases")
    catalogue = Catalogue(tmp_path / "releases")
    release = catalogue.by_name["tensorflow-2.16.2"]
    path = catalogue.lock_path(release, "cpu")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert catalogue.digest(release, "cpu") == release.locks["cpu"].digest
