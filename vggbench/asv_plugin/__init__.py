"""What asv loads: releases as commits, their environments, and mends of asv for both."""

from . import environment, invocation, mends, repo

__all__ = ["environment", "repo", "setup"]


def setup() -> None:
    """Called by asv's plugin manager once the plugin is imported."""
    invocation.refuse_asvs_own_python()
    mends.install()
