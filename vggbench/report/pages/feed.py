"""Writes the feed of confirmed changes, in Atom (RFC 4287).

asv's own feed is of what asv takes for regressions; the code that writes it writes this one too.
"""

from __future__ import annotations

import datetime
import html
import io
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from asv import feed as atom

#: The file among the published pages.
FILE = "changes.xml"

#: The feed has so many entries, the newest.
MOST = 100

#: What ids begin with: tag:OWNER,DATE. Readers know entries by their ids, so both stay for good.
OWNER = "vggbench.invalid"
OWNED = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)

#: When something was updated whose records tell no time.
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

#: What XML has no way to write.
_UNFIT = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]")


def write(told: Iterable[dict[str, Any]]) -> str:
    """The feed of what confirmed.py told of all machines, the newest first."""
    made = [_entry(each) for each in told]
    made.sort(key=lambda entry: (entry.updated, entry.id_context), reverse=True)
    into = io.BytesIO()
    atom.write_atom(
        into,
        made[:MOST],
        author="vggbench",
        title="vggbench: confirmed changes",
        address=OWNER,
        # Without entries asv would take the time at which this is written.
        updated=made[0].updated if made else EPOCH,
        link="index.html",
    )
    return into.getvalue().decode()


def _entry(told: dict[str, Any]) -> atom.FeedEntry:
    notes = "".join(f"<li>{html.escape(_fit(note))}</li>" for note in told["notes"])
    return atom.FeedEntry(
        title=_fit(told["title"]),
        updated=datetime.datetime.fromisoformat(told["updated"]),
        link=f"releases.html#{quote(_fit(told['release']))}",
        content=f"<ul>{notes}</ul>",
        id_context=[_fit(word) for word in told["id"]],
        id_date=OWNED,
    )


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
