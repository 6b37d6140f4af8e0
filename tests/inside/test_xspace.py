"""Reading what TensorFlow's and JAX's profilers write, on bytes that are written here."""

import gzip
import itertools
import json
import struct

import pytest

from vggbench.inside.profilers import xspace


def varint(value):
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number, value):
    if isinstance(value, float):
        return varint(number << 3 | xspace.FIXED_64) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3 | xspace.VARINT) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | xspace.BYTES) + varint(len(value)) + value


def named(number, id_, name):
    """An entry of a map from ids to messages that have a name."""
    return field(number, field(1, id_) + field(2, field(1, id_) + field(2, name)))


EVENT = (
    field(1, 3)
    + field(2, 5_000_000)
    + field(3, 2_000_000)
    + field(4, field(1, 7) + field(5, "8x64"))
    + field(4, field(1, 8) + field(7, 9))
    + field(4, field(1, 9) + field(2, 1.5))
    + field(4, field(1, 10) + field(4, 12))
)
PLANE = (
    field(1, 1)
    + field(2, "/host:CPU")
    + field(3, field(1, 11) + field(2, "worker") + field(3, 1_000) + field(4, EVENT))
    + named(4, 3, "conv1/Conv2D:Conv2D")
    + named(5, 7, "shape")
    + named(5, 8, "kind")
    + named(5, 9, "a name that is referred to")
    + named(5, 10, "count")
)


def test_an_event_has_its_plane_its_line_its_time_and_its_statistics():
    (event,) = xspace.events(field(1, PLANE) + field(4, "a host"))
    assert (event.plane, event.line) == ("/host:CPU", "11 worker")
    assert event.begin == pytest.approx(5e-6)
    assert event.end == pytest.approx(7e-6)
    assert event.name == "conv1/Conv2D:Conv2D"
    assert event.stats == {
        "shape": "8x64",
        "kind": "a name that is referred to",
        "a name that is referred to": 1.5,
        "count": 12,
    }


def test_neighbours_of_today_do_not_overlap():
    """A float of the seconds since 1970 tells only each 240th nanosecond."""
    own = b"".join(
        field(4, field(1, 3) + field(2, place * 10_097_000) + field(3, 10_037_000))
        for place in range(64)
    )
    line = field(1, 11) + field(2, "worker") + field(3, 1_780_000_000_123_456_789) + own
    found = xspace.events(field(1, field(2, "/host:CPU") + field(3, line)))
    assert [event.end - event.begin for event in found] == pytest.approx([10.037e-6] * 64, rel=1e-6)
    assert all(one.end < other.begin for one, other in itertools.pairwise(found))


def test_an_empty_file_has_no_events():
    assert xspace.events(b"") == []


@pytest.mark.parametrize("cut", [1, 10, 40, -1])
def test_a_file_that_is_cut_off_is_told(cut):
    with pytest.raises(ValueError, match="cut off"):
        xspace.events(field(1, PLANE)[:cut])


def test_a_profiler_that_left_no_file_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="left 0 files"):
        xspace.written_in(str(tmp_path))


def test_the_one_file_below_a_folder_is_read(tmp_path):
    folder = tmp_path / "plugins" / "profile" / "2026_11_30"
    folder.mkdir(parents=True)
    (folder / "box.xplane.pb").write_bytes(field(1, PLANE))
    assert len(xspace.written_in(str(tmp_path))) == 1


def test_a_folder_may_have_brackets_in_its_name(tmp_path):
    folder = tmp_path / "traces [1]" / "plugins" / "profile" / "now"
    folder.mkdir(parents=True)
    (folder / "box.xplane.pb").write_bytes(field(1, PLANE))
    assert len(xspace.written_in(str(tmp_path / "traces [1]"))) == 1


def test_a_trace_for_chrome_has_the_same_events(tmp_path):
    told = [
        {"ph": "M", "pid": 49, "name": "process_name", "args": {"name": "/host:CPU"}},
        {"ph": "M", "pid": 49, "tid": 7, "name": "thread_name", "args": {"name": "python"}},
        {"ph": "X", "pid": 49, "tid": 7, "ts": 2.5, "dur": 0.5, "name": "conv/Conv2D:Conv2D"},
        {"ph": "X", "pid": 50, "tid": 8, "ts": 4, "name": "kernel", "args": {"tf_op": "a:Relu"}},
        {},
    ]
    folder = tmp_path / "plugins" / "profile" / "now"
    folder.mkdir(parents=True)
    with gzip.open(folder / "box.trace.json.gz", "wt") as file:
        json.dump({"traceEvents": told}, file)
    operation, kernel = xspace.written_as_json(str(tmp_path))
    assert (operation.plane, operation.line, operation.name) == (
        "/host:CPU",
        "7",
        "conv/Conv2D:Conv2D",
    )
    assert (operation.begin, operation.end) == pytest.approx((2.5e-6, 3e-6))
    assert kernel.stats == {"tf_op": "a:Relu"}
    assert kernel.begin == kernel.end


def test_a_profiler_that_left_no_trace_for_chrome_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="left 0 files"):
        xspace.written_as_json(str(tmp_path))
