"""Our pages beside asv's: History, Table, Configurations, Verdicts, Releases (docs/pages.md).

``lines``, ``measures``, ``choices``, ``changes`` and ``data`` are pure functions from records and
releases to the JSON that the pages read; ``site`` writes it, and the pages themselves. What shows
it lies in ``templates`` and ``static``.
"""

from .site import PagesError, write
from .source import Source

__all__ = ["PagesError", "Source", "write"]
