"""Our pages beside asv's: History, Table, Configurations, Verdicts, Releases (docs/pages.md).

Pure functions lead from records and releases to the JSON that the pages read: ``lines``, whose
figures are those of ``estimates``, ``choices`` on them, ``verdicts``, ``changes`` of locks, and
``data``, which makes it JSON. ``machine`` is all that a machine's records add, and ``kept`` keeps
that; ``source`` is what all is made of. ``site`` writes it, and the pages themselves. What shows it
lies in ``templates`` and ``static``.
"""

from .site import PagesError, write
from .source import Source

__all__ = ["PagesError", "Source", "write"]
