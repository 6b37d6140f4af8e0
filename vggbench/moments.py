"""Reads times as they stand in our own files, in files of users and on pages of indexes."""

from __future__ import annotations

import datetime


def moment(text: object, zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """The time that ``text`` says in ISO 8601, such as 2026-05-01T12:00:00Z; a date alone is its
    midnight.

    ``zone``: the time zone of a text that names none. Raises ValueError for a text that is no time,
    and without ``zone`` for one that names no time zone.
    """
    # CPython 3.10 does not know the Z.
    time = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    if time.tzinfo is not None:
        return time
    if zone is None:
        raise ValueError(f"{text} has no time zone")
    return time.replace(tzinfo=zone)
