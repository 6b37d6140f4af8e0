"""Fixtures that tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

from .real import FIXED, rotating
from .tiny import Tiny


def pytest_report_header() -> str:
    return f"real releases: {', '.join(FIXED)}; rotating with the commit: {rotating()}"


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkout with every release installed. Only to be copied."""
    folder = tmp_path_factory.mktemp("tiny")
    template = Tiny.make(folder / "template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
        patch.setenv("UV_OFFLINE", "1")
        template.install()
    return template


@pytest.fixture
def tiny(tiny_template: Tiny, tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, every release installed, nothing measured."""
    return tiny_template.copy(tmp_path / "tiny")


@pytest.fixture
def bare_tiny(tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, nothing installed, nothing measured."""
    return Tiny.make(tmp_path / "tiny")


@pytest.fixture(scope="session")
def measured_template(tiny_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny checkout with every release of tinyframe measured, with samples. Only to be copied."""
    template = tiny_template.copy(tmp_path_factory.mktemp("tiny") / "measured")
    done = template.asv("run", "tinyframe", "--record-samples")
    assert done.status == 0, done.output
    return template


@pytest.fixture
def measured(measured_template: Tiny, tmp_path: Path) -> Tiny:
    """A tiny checkout of one's own, every release of tinyframe measured."""
    return measured_template.copy(tmp_path / "tiny")
