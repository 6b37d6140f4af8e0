"""One process from its start to its end: deadline, bounded output, signals, nothing left behind."""

import os
import signal
import sys
import threading
import time

import pytest

from vggbench.runs import process

from ..tiny import gone, until

#: Only guards against hanging.
PATIENCE_S = 60.0


def run(code, *arguments, deadline_s=PATIENCE_S, merge_streams=True, **more):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    env, cwd = dict(os.environ), more.get("cwd")
    return process.run(command, env, cwd, deadline_s, merge_streams=merge_streams)


def running(code, *arguments, handed=()):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return process.Running(command, dict(os.environ), None, merge_streams=True, handed=handed)


def overrun(code, begun):
    """What comes of a process whose deadline is over soon after it has made the file ``begun``, its
    argument. It starts as fast as the machine lets it."""
    child = running(code, begun)
    try:
        until(begun.exists)
    finally:
        done = child.wait(child.seconds + 0.3)
    return done


def test_a_process_has_its_output_status_and_time():
    done = run("import sys; print('said'); print('wrong', file=sys.stderr); sys.exit(3)")
    assert sorted(done.output.split()) == ["said", "wrong"]
    assert (done.errors, done.status, done.overran) == ("", 3, False)
    assert done.seconds > 0


def test_the_two_streams_may_be_kept_apart():
    code = "import sys; print('said'); print('wrong', file=sys.stderr)"
    done = run(code, merge_streams=False)
    assert (done.output, done.errors) == ("said\n", "wrong\n")


def test_it_has_no_standard_input():
    assert run("import sys; print(repr(sys.stdin.read()))").output == "''\n"


def test_it_runs_where_it_is_told(tmp_path):
    assert run("import os; print(os.getcwd())", cwd=str(tmp_path)).output.strip() == str(tmp_path)


def test_a_signal_is_a_negative_status():
    done = run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (done.status, done.overran) == (-signal.SIGSEGV, False)


def test_what_is_no_text_is_kept_nevertheless():
    done = run(r"import os; os.write(1, b'a\xff\x00z')")
    assert done.output == "a\ufffd\x00z"


def test_the_deadline_is_on_the_whole_time_of_a_process_that_never_is_silent(tmp_path):
    """asv's own limit is on silence: this one would run for ever."""
    code = (
        "import sys, time\n"
        "while True:\n"
        "    print('alive', flush=True)\n"
        "    open(sys.argv[1], 'w').close()\n"
        "    time.sleep(0.05)"
    )
    done = overrun(code, tmp_path / "begun")
    assert done.overran
    assert done.status == -signal.SIGTERM
    assert "alive" in done.output


def test_a_silent_process_is_ended_too():
    done = run("import time; time.sleep(3600)", deadline_s=0.5)
    assert done.overran
    assert done.status == -signal.SIGTERM


def test_one_that_ignores_the_first_signal_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "GRACE_S", 0.3)
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "open(sys.argv[1], 'w').close()\n"
        "time.sleep(3600)"
    )
    done = overrun(code, tmp_path / "begun")
    assert done.overran
    assert done.status == -signal.SIGKILL


def test_without_a_deadline_it_runs_to_its_end():
    assert run("print('done')", deadline_s=None).output == "done\n"


def test_output_without_end_is_kept_by_its_beginning_and_its_end():
    megabytes = 8
    code = (
        f"print('first')\nfor _ in range({megabytes * 1024}):\n    print('x' * 1023)\nprint('last')"
    )
    done = run(code)
    assert done.output.startswith("first\n")
    assert done.output.endswith("last\n")
    assert "bytes ...]" in done.output
    assert len(done.output) < 2 * (process.HEAD_BYTES + process.TAIL_BYTES)


def test_output_within_bounds_is_kept_whole():
    size = process.HEAD_BYTES + process.TAIL_BYTES // 2
    assert run(f"print('y' * {size}, end='')").output == "y" * size


CHILD_THAT_STAYS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
print(child.pid, flush=True)
{then}
"""


def test_at_the_deadline_the_children_of_the_process_end_too(tmp_path):
    then = "open(sys.argv[1], 'w').close(); time.sleep(3600)"
    done = overrun(CHILD_THAT_STAYS.format(then=then), tmp_path / "begun")
    assert done.overran
    until(lambda: gone(int(done.output)))


@pytest.mark.parametrize(
    "then", ["", "import os; os.kill(os.getpid(), 11)"], ids=["normal", "crash"]
)
def test_children_that_outlive_the_process_are_ended(then):
    """They would go on using the machine that the next process is timed on."""
    done = run(CHILD_THAT_STAYS.format(then=then))
    assert not done.overran
    until(lambda: gone(int(done.output)))


def test_an_interrupt_ends_the_process_and_is_passed_on(tmp_path):
    pid_file = tmp_path / "pid"
    code = (
        "import os, sys, time\n"
        "open(sys.argv[1] + '.new', 'w').write(str(os.getpid()))\n"
        "os.rename(sys.argv[1] + '.new', sys.argv[1])\n"
        "time.sleep(3600)"
    )

    def interrupt():
        while not pid_file.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(code, pid_file)
    until(lambda: gone(int(pid_file.read_text())))


# -- one that is watched while it runs


def test_a_process_runs_until_it_is_waited_for():
    heard, word = os.pipe()
    code = "import os, sys, time; print('said'); os.read(int(sys.argv[1]), 1); time.sleep(0.2)"
    child = running(code, heard, handed=(heard,))
    try:
        assert not child.has_ended
        assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
    finally:
        for end in (heard, word):
            os.close(end)
    done = child.wait(PATIENCE_S)
    assert (done.output, done.status, done.overran) == ("said\n", 0, False)
    assert child.has_ended
    assert 0.2 < done.seconds <= child.seconds


def test_a_process_is_ended_once(monkeypatch):
    """Its id may be another's afterwards."""
    child = running("import time; time.sleep(3600)")
    killed = []
    kill = os.killpg
    monkeypatch.setattr(os, "killpg", lambda *which: (killed.append(which), kill(*which)))
    child.end()
    assert killed[0] == (child.pid, signal.SIGTERM)
    assert child.has_ended
    before = list(killed)
    child.end()
    assert child.wait(PATIENCE_S).status == -signal.SIGTERM
    assert killed == before


def test_the_deadline_counts_from_the_start():
    child = running("import time; time.sleep(3600)")
    time.sleep(0.3)
    assert child.wait(0.1).overran


def test_a_process_is_given_the_descriptors_that_are_handed_to_it_and_no_others():
    reading, writing = os.pipe()
    other_reading, other_writing = os.pipe()
    os.set_inheritable(other_writing, True)
    code = (
        "import os, sys\n"
        "os.write(int(sys.argv[1]), b'heard')\n"
        "try:\n"
        "    os.fstat(int(sys.argv[2]))\n"
        "except OSError:\n"
        "    print('not given')"
    )
    try:
        done = running(code, writing, other_writing, handed=(writing,)).wait(PATIENCE_S)
        assert done.output == "not given\n"
        assert os.read(reading, 99) == b"heard"
    finally:
        for end in (reading, writing, other_reading, other_writing):
            os.close(end)


def test_a_process_whose_output_cannot_be_read_is_ended(monkeypatch):
    """As where there can be no further thread, or Ctrl-C comes at that moment."""
    started = []

    def no_thread(self):
        raise RuntimeError("can't start new thread")

    popen = process.subprocess.Popen

    def note(*arguments, **more):
        started.append(popen(*arguments, **more))
        return started[-1]

    monkeypatch.setattr(process.subprocess, "Popen", note)
    monkeypatch.setattr(process.threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        running("import time; time.sleep(3600)")
    until(lambda: gone(started[0].pid))
    started[0].stdout.close()
