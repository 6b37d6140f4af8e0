"""What asv loads: releases as commits, their environments, and mends of asv for both."""

from . import environment, mends, repo

__all__ = ["environment", "repo", "setup"]


def setup() -> None:
    """Called by asv's plugin manager once the plugin is imported."""
    mends.install()
