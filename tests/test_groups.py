"""Tests that must not run side by side are a group, which one worker runs."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="no tests run side by side")
@pytest.mark.xdist_group("alone")
def test_what_hands_out_tests_knows_of_their_groups(request: pytest.FixtureRequest) -> None:
    """pytest-xdist knows a group by the end of an id alone, and hands out a test without it to
    whichever worker is free."""
    found: str = request.node.nodeid
    assert found.endswith("@alone"), "give --dist=loadgroup; newer pytests may hide groups from it"
