"""Our pages beside asv's (docs/pages.md): History, Table, Configurations, Verdicts, Releases,
Machines.

Pure functions lead from records and releases to the JSON that the pages read: ``choices`` on the
lines of ``report.lines``, ``verdicts``, ``headlines`` of both, ``changes`` of locks, what there is
to say ``about`` a machine, and ``data``, which makes it JSON. ``machine`` is all that a machine's
records add, and ``kept`` keeps that; ``beside`` lays the verdicts of all machines side by side.
``confirmed`` is what the ``feed`` says. ``source`` is what all is made of. ``site`` writes it, and
the pages themselves. What shows it lies in ``templates`` and ``static``.
"""

from .site import PagesError, write
from .source import Source

__all__ = ["PagesError", "Source", "write"]
