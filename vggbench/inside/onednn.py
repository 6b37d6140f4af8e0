"""oneDNN's own account of its primitives: which implementation each had, and how long it took.

oneDNN prints a line a primitive to the standard output of its process where ONEDNN_VERBOSE is set;
before version 2 the variable was DNNL_VERBOSE, and before version 1 MKLDNN_VERBOSE. The lines are
described in its documentation under "Verbose mode":

    onednn_verbose,exec,cpu,convolution,jit:avx512_core,backward_weights,src_f32:...,ALG,SHAPE,MS

Newer versions put "v1" and a time stamp, and the version of oneDNN, before "exec" or behind it.
"""

import os

# All three, because nothing of this process says which version its framework has.
VARIABLES = ("ONEDNN_VERBOSE", "DNNL_VERBOSE", "MKLDNN_VERBOSE")

MARKERS = ("onednn_verbose", "dnnl_verbose", "mkldnn_verbose")

# Of oneDNN's names for the direction of a primitive, those that are told otherwise. To a train step
# all ways to compute forward are one. What has no direction, such as a reorder, is "undef".
DIRECTIONS = {
    "forward_training": "forward",
    "forward_inference": "forward",
    "forward_scoring": "forward",
    "undef": "",
}


class Account:
    """Keeps what this process prints from ``open`` to ``close``, and reads oneDNN's lines in it.

    folder: where the file with the lines goes.
    """

    def __init__(self, folder):
        self._path = os.path.join(folder, "onednn.txt")
        self._stdout = None
        self._ends = []

    def open(self):
        """From now on, standard output is a file."""
        _flush()
        self._stdout = os.dup(1)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, 1)
        os.close(file)

    def step_ended(self):
        """Note that what was printed until now belongs to the steps until now."""
        if self._stdout is not None:
            _flush()
            end = os.path.getsize(self._path)
            if end > (self._ends[-1] if self._ends else 0):
                self._ends.append(end)

    def close(self):
        """Standard output is what it was. Return the primitives, None where oneDNN told none.

        They are a list of dicts, largest first: "kind", "direction", "implementation", "shapes",
        "count" a step, and "seconds", a value for each step.
        """
        if self._stdout is None:
            return None
        _flush()
        os.dup2(self._stdout, 1)
        os.close(self._stdout)
        self._stdout = None
        with open(self._path, "rb") as file:
            steps, begin = [], 0
            for end in self._ends:
                steps.append(file.read(end - begin).decode("utf-8", "replace").splitlines())
                begin = end
        return primitives(steps)


def _flush():
    """Write what the C library still holds of standard output."""
    try:
        import ctypes

        ctypes.CDLL(None).fflush(None)
    except (ImportError, OSError, AttributeError):  # this Python cannot call the system
        pass


def primitives(steps):
    """Return the primitives that lines of text tell of, as Account.close() does.

    steps: a list with the lines of each step.
    """
    found = {}
    for number, lines in enumerate(steps):
        for line in lines:
            told = executed(line)
            if told is not None:
                key, seconds = told
                own = found.setdefault(key, {"count": 0, "seconds": [0.0] * len(steps)})
                own["count"] += 1
                own["seconds"][number] = round(own["seconds"][number] + seconds, 7)
    if not found:
        return None
    return [
        {
            "kind": kind,
            "direction": direction,
            "implementation": implementation,
            "shapes": shapes,
            "count": own["count"] / float(len(steps)),
            "seconds": own["seconds"],
        }
        for (kind, direction, implementation, shapes), own in sorted(
            found.items(), key=lambda item: (-sum(item[1]["seconds"]), item[0])
        )
    ]


def executed(line):
    """Return ((kind, direction, implementation, shapes), seconds) that a text tells of, else None.

    Returns None for a line of another program, for the header, and for a line about the creation of
    a primitive.
    """
    words = line.strip().split(",")
    if words[0] not in MARKERS or "exec" not in words:
        return None
    words = words[words.index("exec") + 1 :]
    # Up to version 1.1 no engine stands before the kind.
    if words and words[0] in ("cpu", "gpu"):
        del words[0]
    if len(words) < 5:
        return None
    kind, implementation, direction = words[:3]
    try:
        milliseconds = float(words[-1])
    except ValueError:
        return None
    shapes = words[-2]
    return (kind, DIRECTIONS.get(direction, direction), implementation, shapes), milliseconds / 1e3
