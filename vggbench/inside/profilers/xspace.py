"""Reads an XSpace: what TensorFlow's and JAX's profilers write (*.xplane.pb). The trace for Chrome,
which TensorFlow 2.2 writes in its place, is read into the same events.

An XSpace is a protobuf: planes (the host, each GPU) of lines (threads, streams) of events. Releases
bring its class in different places, or not at all, so it is read here by protobuf's wire format
(protobuf.dev, "Encoding"). The numbers of the fields are those of xplane.proto in TensorFlow's
tsl/profiler/protobuf.
"""

import collections
import glob
import gzip
import json
import os
import struct

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5

PICOSECOND = 1e-12
MICROSECOND = 1e-6

# begin, end: seconds on one clock. plane, line: names that tell threads apart. name: of the event.
# stats: a dict of name to value, a text or a number.
Event = collections.namedtuple("Event", "plane line begin end name stats")


def written_in(folder):
    """Return the events of the one XSpace that a profiler has written below ``folder``.

    Raises RuntimeError where there is not exactly one.
    """
    with open(_the_one(folder, "*.xplane.pb"), "rb") as file:
        return events(file.read())


def written_as_json(folder):
    """Return the same of the one trace for Chrome ("Trace Event Format", ts and dur in us), which
    TensorFlow 2.2 writes instead.

    Raises RuntimeError where there is not exactly one.
    """
    with gzip.open(_the_one(folder, "*.trace.json.gz"), "rt", encoding="utf-8") as file:
        told = json.load(file)["traceEvents"]
    planes = {
        each["pid"]: each["args"]["name"] for each in told if each.get("name") == "process_name"
    }
    found = []
    for each in told:
        if each.get("ph") == "X":
            begin, end = each["ts"], each["ts"] + each.get("dur", 0)
            lane = planes.get(each["pid"], ""), str(each["tid"])
            stats = each.get("args", {})
            found.append(Event(*lane, begin * MICROSECOND, end * MICROSECOND, each["name"], stats))
    return found


def _the_one(folder, name):
    paths = glob.glob(os.path.join(glob.escape(folder), "plugins", "profile", "*", name))
    if len(paths) != 1:
        raise RuntimeError("the profiler left %d files, where one was expected" % len(paths))
    return paths[0]


def events(data):
    """Return a list of the Events of an XSpace, the bytes ``data``.

    Raises ValueError where they are no protobuf.
    """
    try:
        planes = [_fields(plane) for plane in _all(data, 1)]
        lines = [_fields(line) for plane in planes for line in plane.get(3, ())]
        # Nanoseconds since 1970, of which a float would tell only each 240th.
        origin_ns = min([_first(line, 3, 0) for line in lines] or [0])
        return [event for plane in planes for event in _of_plane(plane, origin_ns)]
    except (IndexError, struct.error):
        raise ValueError("the profiler's file is cut off, or no XSpace")


def _of_plane(fields, origin_ns):
    plane = _text(fields, 2)
    names = _names(fields.get(4, ()))
    stat_names = _names(fields.get(5, ()))
    found = []
    for line in fields.get(3, ()):
        of_line = _fields(line)
        lane = "%d %s" % (_first(of_line, 1, 0), _text(of_line, 2))
        line_ps = (_first(of_line, 3, 0) - origin_ns) * 1000
        for event in of_line.get(4, ()):
            told = _fields(event)
            begin_ps = line_ps + _first(told, 2, 0)
            end_ps = begin_ps + _first(told, 3, 0)
            begin, end = begin_ps * PICOSECOND, end_ps * PICOSECOND
            stats = dict(_stat(stat, stat_names) for stat in told.get(4, ()))
            name = names.get(_first(told, 1, 0), "")
            found.append(Event(plane, lane, begin, end, name=name, stats=stats))
    return found


def _names(entries):
    """Return a dict of id to name, of a map of messages whose second field is the name."""
    found = {}
    for entry in entries:
        fields = _fields(entry)
        found[_first(fields, 1, 0)] = _text(_fields(_first(fields, 2, b"")), 2)
    return found


def _stat(data, names):
    """Return (name, value) of a statistic."""
    fields = _fields(data)
    name = names.get(_first(fields, 1, 0), "")
    for number in (5, 6):
        if number in fields:
            return name, fields[number][0].decode("utf-8", "replace")
    if 7 in fields:
        return name, names.get(fields[7][0], "")
    if 2 in fields:
        return name, struct.unpack("<d", struct.pack("<Q", fields[2][0]))[0]
    return name, _first(fields, 3, _first(fields, 4, 0))


def _all(data, number):
    return _fields(data).get(number, ())


def _first(fields, number, default):
    return fields[number][0] if number in fields else default


def _text(fields, number):
    return _first(fields, number, b"").decode("utf-8", "replace")


def _fields(data):
    """Return a dict of number to the values of a message: integers, and bytes."""
    found, place, end = {}, 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(data, place)
        elif kind == BYTES:
            size, place = _varint(data, place)
            value = data[place : place + size]
            place += size
            if place > end:
                raise IndexError("a field is longer than its message")
        elif kind == FIXED_64:
            (value,) = struct.unpack_from("<Q", data, place)
            place += 8
        elif kind == FIXED_32:
            (value,) = struct.unpack_from("<I", data, place)
            place += 4
        else:
            raise IndexError("a field of the unknown kind %d" % kind)
        found.setdefault(number, []).append(value)
    return found


def _varint(data, place):
    """Return (value, place behind it)."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
