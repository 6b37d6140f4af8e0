"""What is made once a run of pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

from .once import once


def test_what_could_not_be_made_is_made_again_and_tells_its_own_error(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ValueError("no room")

    for _ in range(2):
        with pytest.raises(ValueError, match="no room"):
            once(tmp_path_factory, "made-again", fail)
    made = once(tmp_path_factory, "made-again", lambda folder: (folder / "whole").touch())
    assert [path.name for path in made.iterdir()] == ["whole"]
    assert once(tmp_path_factory, "made-again", fail) == made
