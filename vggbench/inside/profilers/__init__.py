"""What a step is made of, in a process that is traced: the seconds of each of its operations.

A framework's own profiler tells when each operation ran, and in which thread. This package turns
that into seconds: every moment of a step belongs to the operations that run then, an equal share to
each. So the operations of a step and the time in which none of them ran (``idle_s``) add up to the
step. Where operations contain each other, the moment belongs to the innermost.

A package of vggbench.inside.builders may offer `profiler(configuration, device)`. It returns what
makes a profiler of (step, folder): a train step that is warm, and an empty folder in
which the profiler's own files may stay. Making one raises NotApplicable where this release has
nothing that tells operations. An object has

- `NAME`: what tells the operations, as people know it;
- `start()`: begin to profile;
- `tracing()`: a context in which one step runs, and is traced;
- `stop()`: stop, and return a list with a (seconds, events) for each step that was traced.

An event is a tuple (lane, begin, end, name, kind, shapes). lane: what tells one thread from the
others. begin, end: seconds of one clock. name: the operation's name. kind: the framework's name for
operations of its kind, by which vggbench/frameworks puts it into a class. shapes: a text, "" where
the profiler does not tell them.
"""

import bisect
import os
import time

from vggbench.inside import onednn
from vggbench.inside.params import NotApplicable

# The environment variable with the folder of a process that is to be traced. It is not set in a
# process that is timed.
VARIABLE = "VGGBENCH_TRACE"

# So many steps run before the profiler starts. They show what tracing costs.
PLAIN_STEPS = 4

# The name of the event that a traced step is, among those that frameworks' profilers tell.
MARKER = "vggbench step"

# Operations that take a smaller share of the steps do not stand by themselves.
SMALL = 1e-3

# What stands between the kinds of operations that contain each other, the outermost first.
WITHIN = " > "


class TracedStep:
    """A train step whose operations are noted down, from its call PLAIN_STEPS on.

    step: the train step, which is warm. profiler: an object as the module's docstring describes it.
    folder: where the files of this process go.
    """

    def __init__(self, step, profiler, folder):
        self._step = step
        self._profiler = profiler
        self._calls = 0
        self._started = False
        self._primitives = onednn.Account(folder)

    def prepare(self):
        """Start the profiler where the next call is to be traced. Called outside of the clock."""
        self._primitives.step_ended()
        if self._calls >= PLAIN_STEPS and not self._started:
            self._started = True
            self._primitives.open()
            self._profiler.start()

    def __call__(self):
        self._calls += 1
        if not self._started:
            self._step()
            return
        with self._profiler.tracing():
            self._step()

    def finish(self):
        """Return what was seen, a JSON-able dict for the notes; None where nothing was traced.

        Raises NotApplicable where the profiler told of no operation in any step, and RuntimeError
        where it told of more or fewer steps than were traced.
        """
        if not self._started:
            return None
        self._primitives.step_ended()
        start = time.perf_counter()
        steps = self._profiler.stop()
        if not any(events for _, events in steps):
            raise NotApplicable("%s of this release tells no operations" % self._profiler.NAME)
        wanted = self._calls - PLAIN_STEPS
        if len(steps) != wanted:
            raise RuntimeError("the profiler tells %d steps of %d" % (len(steps), wanted))
        trace = dict(summary(steps), profiler=self._profiler.NAME, plain_steps=PLAIN_STEPS)
        primitives = self._primitives.close()
        if primitives is not None:
            trace["onednn"] = primitives
        trace["read_s"] = time.perf_counter() - start
        return trace


def folder():
    """Return the folder of a process that is to be traced; None where this one is not."""
    return os.environ.get(VARIABLE) or None


def unknown(framework):
    """Return the NotApplicable of a framework whose builder offers no profiler."""
    return NotApplicable("vggbench knows no profiler of %s" % framework)


def in_steps(markers, events):
    """Return a list of (seconds, events) of steps, as ``stop`` does.

    markers: (begin, end) of each step. events: those of all of them; what begins outside of each
    step is left out.
    """
    markers = sorted(markers)
    begins = [begin for begin, _ in markers]
    found = [[] for _ in markers]
    for event in events:
        place = bisect.bisect_right(begins, event[1]) - 1
        if place >= 0 and event[1] < markers[place][1]:
            found[place].append(event)
    return [(end - begin, own) for (begin, end), own in zip(markers, found)]


def summary(steps):
    """Return the seconds of each operation in each step, a JSON-able dict.

    steps: a list of (seconds, events). The dict has "steps_s" and "idle_s", the seconds of each
    step and those in which no operation ran, and "operations": a list of dicts with "name", "kinds"
    (the kinds of the operation and of all that contain it, see WITHIN), "shapes", and "seconds", a
    value for each step. Operations that take less than SMALL of the steps are added up by their
    kinds and shapes, under the name "": there are hundreds of them, and nobody looks for one.
    """
    seconds, idle, operations = [], [], {}
    for number, (step_s, events) in enumerate(steps):
        of_step, busy_s = shared_out(events)
        seconds.append(_rounded(step_s))
        idle.append(_rounded(max(0.0, step_s - busy_s)))
        for key, own_s in of_step.items():
            operations.setdefault(key, [0.0] * len(steps))[number] = _rounded(own_s)
    for key in [key for key, own in operations.items() if sum(own) < SMALL * sum(seconds)]:
        small = operations.pop(key)
        together = ("", *key[1:])
        so_far = operations.get(together, [0.0] * len(steps))
        operations[together] = [_rounded(a + b) for a, b in zip(so_far, small)]
    largest_first = sorted(operations.items(), key=lambda item: (-sum(item[1]), item[0]))
    return {
        "steps_s": seconds,
        "idle_s": idle,
        "operations": [
            {"name": name, "kinds": kinds, "shapes": shapes, "seconds": own}
            for (name, kinds, shapes), own in largest_first
        ],
    }


def shared_out(events):
    """Return (seconds, busy_s) of one step.

    seconds: a dict of (name, kinds, shapes) to the seconds that belong to these operations. busy_s:
    the seconds in which any operation ran, the sum of all of them.
    """
    stretches = []
    for lane in sorted({event[0] for event in events}):
        stretches += _innermost([event for event in events if event[0] == lane])
    moments = sorted({moment for begin, end, _ in stretches for moment in (begin, end)})
    beginning, ending = {}, {}
    for stretch in stretches:
        beginning.setdefault(stretch[0], []).append(stretch)
        ending.setdefault(stretch[1], []).append(stretch)
    seconds, busy_s, running = {}, 0.0, []
    for moment, following in zip(moments, moments[1:]):
        over = ending.get(moment, ())
        if over:
            running = [stretch for stretch in running if stretch not in over]
        running += beginning.get(moment, ())
        if running:
            busy_s += following - moment
            share = (following - moment) / len(running)
            for _, _, key in running:
                seconds[key] = seconds.get(key, 0.0) + share
    return seconds, busy_s


def _innermost(events):
    """Return the stretches of one lane, a list of (begin, end, key of the innermost operation)."""
    stretches, open_ = [], []  # open_: [event, kinds, from when on it has nothing inside it]

    def close(until):
        while open_ and open_[-1][0][2] <= until:
            event, kinds, since = open_.pop()
            if event[2] > since:
                stretches.append((since, event[2], (event[3], kinds, event[5])))
            if open_:
                open_[-1][2] = max(open_[-1][2], event[2])

    for event in sorted(events, key=lambda each: (each[1], -each[2])):
        if event[2] <= event[1]:
            continue
        close(event[1])
        kinds = event[4]
        if open_:
            outer, outer_kinds, since = open_[-1]
            if event[1] > since:
                stretches.append((since, event[1], (outer[3], outer_kinds, outer[5])))
            kinds = outer_kinds + WITHIN + kinds
            # Clocks of a profiler may let an event end a moment after what contains it.
            event = (*event[:2], min(event[2], outer[2]), *event[3:])
        open_.append([event, kinds, event[1]])
    close(float("inf"))
    return stretches


def _rounded(seconds):
    return round(seconds, 6)  # a profiler's clock tells microseconds
