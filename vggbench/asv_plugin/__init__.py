"""asv's plugin: releases as commits, their environments, their pages, and mends of asv itself."""

from . import environment, invocation, mends, publish, publish_input, repo

__all__ = ["environment", "publish", "repo", "setup"]


def setup() -> None:
    """Install the mends. asv's plugin manager calls this once the plugin is imported."""
    invocation.refuse_asvs_own_python()
    mends.install()
    publish_input.install()
