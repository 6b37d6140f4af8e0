"""What asv loads: releases as commits, their environments and pages, and mends of asv for these."""

from . import environment, invocation, mends, publish, publish_input, repo

__all__ = ["environment", "publish", "repo", "setup"]


def setup() -> None:
    """Called by asv's plugin manager once the plugin is imported."""
    invocation.refuse_asvs_own_python()
    mends.install()
    publish_input.install()
