"""What control groups allow: of literal files in the kernel's place, and of a real group."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vggbench.runs import cgroups

#: Of version 1, the tree of the processors' time.
REAL = Path("/sys/fs/cgroup/cpu")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the trees begin; the file "own" there says which group this process is in."""
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    return tmp_path


def write(root: Path, own: str, **files: str) -> None:
    """``files``: their text, by their path with "__" for "/"."""
    (root / "own").write_text(own)
    for name, text in files.items():
        # A file of the kernel's has a dot in its name, which no argument has.
        *folders, file = name.split("__")
        path = root.joinpath(*folders, file.replace("_", ".", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def test_the_tightest_group_of_version_2_counts(root: Path) -> None:
    write(root, "0::/a/b\n", a__cpu_max="150000 100000", a__b__cpu_max="max 100000")
    assert cgroups.cpu_quota() == 1.5
    write(root, "0::/a/b\n", a__b__cpu_max="50000 100000")
    assert cgroups.cpu_quota() == 0.5
    write(root, "0::/a/b\n", memory_max="max", a__memory_max="1000000")
    assert cgroups.memory_limit_bytes() == 1_000_000


def test_version_1_has_a_tree_for_each_controller(root: Path) -> None:
    own = "4:memory:/m\n2:cpu,cpuacct:/c\n1:name=systemd:/\n0::/\n"
    write(
        root,
        own,
        cpu__c__cpu_cfs_quota_us="100000",
        cpu__c__cpu_cfs_period_us="100000",
        cpu__cpu_cfs_quota_us="-1",
        cpu__cpu_cfs_period_us="100000",
        memory__m__memory_limit_in_bytes="2000000",
        memory__memory_limit_in_bytes=str(2**63 - 4096),
    )
    assert cgroups.cpu_quota() == 1.0
    assert cgroups.memory_limit_bytes() == 2_000_000


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("", {}),
        ("0::/\n", {"cpu_max": "max 100000", "memory_max": "max"}),
        ("2:cpu:/\n", {"cpu__cpu_cfs_quota_us": "-1", "cpu__cpu_cfs_period_us": "100000"}),
        ("0::/\n", {"cpu_max": "nonsense", "memory_max": "nonsense"}),
        ("0::/\n", {"cpu_max": "0 0"}),
        ("nonsense\n", {}),
        ("0::/../../etc\n", {}),
    ],
    ids=["nothing", "max", "version 1", "nonsense", "zeros", "no group", "outside"],
)
def test_without_a_limit_there_is_none(root: Path, own: str, files: dict[str, str]) -> None:
    write(root, own, **files)
    assert cgroups.cpu_quota() is None
    assert cgroups.memory_limit_bytes() is None


def test_in_a_container_the_path_may_be_the_hosts(root: Path) -> None:
    write(root, "0::/machine/of/the/host\n", cpu_max="200000 100000")
    assert cgroups.cpu_quota() == 2.0


def test_without_the_kernels_file_there_is_no_limit(root: Path) -> None:
    assert cgroups.folders("cpu") == []


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(REAL / "cgroup.procs", os.W_OK),
    reason="needs root's rights and control groups of version 1",
)
def test_a_real_quota_is_seen() -> None:
    group = REAL / f"vggbench-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text("100000")
        said = subprocess.run(
            [
                *("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "-"),
                *(sys.executable, "-c"),
                "from vggbench.runs import cgroups; print(cgroups.cpu_quota())",
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        assert said == "1.0\n"
    finally:
        group.rmdir()
