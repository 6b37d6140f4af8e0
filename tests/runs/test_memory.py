"""How much memory may still be taken: of literal files in the kernel's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggbench.runs import cgroups, memory

MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1000 kB\nMemAvailable:    8000000 kB\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which ``meminfo``, and ``memory.max``, ``memory.current`` and ``memory.stat`` of
    this process's group, are what the kernel tells."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


def test_it_is_what_the_machine_has_left(kernel: Path) -> None:
    assert memory.available_bytes() == 8_000_000 * 1024


@pytest.mark.parametrize(
    ("limit", "left"),
    [("5000000000", 2_000_000_000), ("1000000000", 0), ("max", 8_192_000_000)],
)
def test_a_control_group_may_allow_less(kernel: Path, limit: str, left: int) -> None:
    (kernel / "memory.max").write_text(f"{limit}\n")
    (kernel / "memory.current").write_text("3000000000\n")
    assert memory.available_bytes() == left


def test_cache_that_a_control_group_gives_back_is_left(kernel: Path) -> None:
    (kernel / "memory.max").write_text("5000000000\n")
    (kernel / "memory.current").write_text("3000000000\n")
    (kernel / "memory.stat").write_text("anon 1000000000\ninactive_file 1500000000\n")
    assert memory.available_bytes() == 3_500_000_000


@pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: lots kB\n"])
def test_where_the_system_does_not_tell_it_is_not_known(kernel: Path, text: str) -> None:
    (kernel / "meminfo").write_text(text)
    assert memory.available_bytes() is None
    (kernel / "meminfo").unlink()
    assert memory.available_bytes() is None


def test_this_system_tells_how_much_memory_is_left() -> None:
    assert (memory.available_bytes() or 0) > 0
