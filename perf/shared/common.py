"""What the scripts of perf/ share: throw-away checkouts, comparing ours with theirs, figures."""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vggbench.inside.launch import die_with_parent
from vggbench.judging.measures import STEP

T = TypeVar("T")

#: The share of the processors' time that others may use while a process is measured. The kernel
#: counts ticks for all processes together and exact times for one process. On an idle machine the
#: two counts were seen to differ by up to 7 %.
MOST_FOREIGN = 0.1

#: For so many seconds a measurement waits for a machine that others leave alone.
PATIENCE_S = 600.0

ROOT = Path(__file__).resolve().parents[2]
ASV = Path(sys.executable).parent / "asv"
VGGBENCH = Path(sys.executable).parent / "vggbench"

#: The module of a benchmark whose step does nothing.
NOTHING = """
import os
import time

from vggbench.inside import measure


class Step:
    def __call__(self):
        if not os.path.exists(os.environ["VGGBENCH_FIRST_SAMPLE"]) and self.warm:
            with open(os.environ["VGGBENCH_FIRST_SAMPLE"], "w") as file:
                file.write(repr(time.time()))
        self.calls += 1

    calls = 0

    @property
    def warm(self):
        return self.calls >= measure.WARM_UP_STEPS

    def loss(self):
        return 0.0

    def describe(self):
        return {}


class Nothing:
    params = [["a", "b"]]
    param_names = ["configuration"]
    version = measure.PROTOCOL
    timeout = 60.0
    rounds = 1
    repeat = 3
    number = 1
    warmup_time = 0
    min_run_count = 1

    def setup(self, configuration):
        self.step = measure.prepared(Step, {"configuration": configuration})

    def time_nothing(self, configuration):
        self.step()
"""


#: The quantile 0.975 of Student's t for 1, 2, ... degrees of freedom. For more degrees the last
#: quantile is used, which makes an interval a little too wide.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


#: The quantile of the normal distribution for 95 % intervals.
Z = 1.959964


@dataclass(frozen=True)
class Ratio:
    """The ratio of ours by theirs, and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


def abba(
    ours: Callable[[], T], theirs: Callable[[], T], pairs: int, progress: Callable[[T], str]
) -> list[tuple[T, T]]:
    """Call ``ours`` and ``theirs`` ``pairs`` times each, in the order A B B A A B B A.

    Returns a list of what they returned, (ours, theirs) a pair. Neighbours make a pair, so that a
    machine that grows faster or slower favours neither. For each pair, what ``progress`` says about
    the two results is printed.
    """
    results = []
    for pair in range(pairs):
        if pair % 2 == 0:
            a = undisturbed(ours)
            b = undisturbed(theirs)
        else:
            b = undisturbed(theirs)
            a = undisturbed(ours)
        results.append((a, b))
        print(f"pair {pair + 1}: ours {progress(a)}, theirs {progress(b)}", flush=True)
    return results


def undisturbed(measure: Callable[[], T], more_s: Callable[[], float] = lambda: 0.0) -> T:
    """What ``measure`` returns when others use no more than MOST_FOREIGN of the processors.

    It is called when the machine is quiet. It is called again where others used more during the
    call, whatever it returned. ``more_s``: the CPU seconds so far of processes that measure for
    this one and have not ended, which are no others. Raises SystemExit where that takes longer than
    PATIENCE_S.
    """
    given_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < given_up:
        if _and_foreign_share(lambda: time.sleep(1), more_s)[1] > MOST_FOREIGN:
            continue
        result, foreign = _and_foreign_share(measure, more_s)
        if foreign <= MOST_FOREIGN:
            return result
        print(f"taken again: others used {foreign:.0%} of the processors", flush=True)
    raise SystemExit("others use this machine: run this again when it is idle")


def _and_foreign_share(measure: Callable[[], T], more_s: Callable[[], float]) -> tuple[T, float]:
    """What ``measure`` returns, and the share of the processors that others used meanwhile."""
    busy_s, own_s, started = _busy_s(), _own_s() + more_s(), time.monotonic()
    result = measure()
    foreign_s = (_busy_s() - busy_s) - (_own_s() + more_s() - own_s)
    return result, foreign_s / (time.monotonic() - started) / (os.cpu_count() or 1)


def _busy_s() -> float:
    """Seconds that the processors have worked for anyone, interrupts and stolen time included."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Seconds that the processors have worked for this process and those that it has waited for."""
    return sum(os.times()[:4])


def ratio_with_interval(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """The geometric mean of ours by theirs over two or more pairs, and its 95 % interval.

    pairs: for each pair a number of ours and a number of theirs. Each number is what one process
    came to, because processes vary independently and the samples of a process do not. The interval
    is Student's on the logarithms of the pairs' ratios.
    """
    logs = [math.log(a / b) for a, b in pairs]
    middle = statistics.fmean(logs)
    quantile = T_975[min(len(logs) - 1, len(T_975)) - 1]
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(math.exp(middle), math.exp(middle - half), math.exp(middle + half))


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, square = hits / trials, Z**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return centre - half, centre + half


def share(hits: Iterable[bool]) -> str:
    """The share of hits and its interval, for people."""
    all_hits = list(hits)
    low, high = wilson(sum(all_hits), len(all_hits))
    return f"{sum(all_hits) / len(all_hits):.1%} ({low:.1%} to {high:.1%})"


def checkout(
    folder: Path,
    releases: Path | None = None,
    env_dir: Path | None = None,
    benchmarks: Path | None = None,
) -> Path:
    """Make ``folder`` a checkout, and return it.

    releases, env_dir: the folders of its releases and of its environments, those of this checkout
    unless given. benchmarks: the folder of its benchmarks; unless given, the only benchmark does
    nothing.
    """
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "benchmarks" / "__init__.py").write_text("")
    (folder / "benchmarks" / "nothing.py").write_text(textwrap.dedent(NOTHING))
    (folder / "asv.conf.json").write_text(
        json.dumps(
            {
                "version": 1,
                "project": "perf",
                "plugins": [".vggbench.asv_plugin"],
                "repo": str(releases or ROOT / "releases"),
                "dvcs": "releases",
                "branches": ["tensorflow"],
                "environment_type": "release",
                "pythons": ["locked"],
                "matrix": {"env_nobuild": {"VGGBENCH_PROFILE": ["cpu-quick"]}},
                "benchmark_dir": str(benchmarks or folder / "benchmarks"),
                "env_dir": str(env_dir or ROOT / ".asv" / "env"),
                "results_dir": "results",
                "html_dir": "html",
            }
        )
    )
    home = folder / "home"
    home.mkdir()
    run([str(ASV), "machine", "--yes"], folder)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """The environment variables of a process in a checkout that checkout() made.

    The process gets a home of its own, the CPU, and the user's cache of packages.
    """
    cache = subprocess.run(
        [Path(sys.executable).parent / "uv", "cache", "dir"], capture_output=True, text=True
    ).stdout.strip()
    return {
        **os.environ,
        "HOME": str(folder / "home"),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
        "UV_CACHE_DIR": cache,
        "UV_PYTHON_INSTALL_DIR": os.environ.get(
            "UV_PYTHON_INSTALL_DIR", str(Path.home() / ".local" / "share" / "uv" / "python")
        ),
        "VGGBENCH_PROFILE": "cpu-quick",
        "VGGBENCH_FIRST_SAMPLE": str(folder / "first-sample"),
    }


def run(command: list[str], folder: Path) -> str:
    """Run ``command`` in a checkout and return its output. Raises SystemExit where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def step_verdicts(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """The verdicts on the step's time that `vggbench verdict` gives in a checkout.

    arguments: those of `vggbench verdict`. The list is empty where it prints no verdicts; it then
    says why on standard error.
    """
    done = subprocess.run(
        [str(VGGBENCH), "verdict", *arguments, "--format", "json"],
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    if not done.stdout.strip():
        return []
    verdicts = json.loads(done.stdout)["verdicts"]
    return [verdict for verdict in verdicts if verdict["measure"] == STEP.key]


#: Names the file in which figures.py looks for the figures of the script that it runs.
FIGURES_VARIABLE = "VGGBENCH_FIGURES"


@contextlib.contextmanager
def beside(*options: str, **variables: str) -> Iterator[None]:
    """Have burst.py work meanwhile, with these options and environment variables. It is ended in
    any case."""
    command = [sys.executable, str(Path(__file__).parent / "burst.py"), *options]
    other = subprocess.Popen(command, env={**os.environ, **variables}, preexec_fn=die_with_parent)
    try:
        time.sleep(2.0)  # By then it has begun.
        if other.poll() is not None:
            raise SystemExit(f"the other work ended with {other.returncode}")
        yield
    finally:
        other.terminate()
        other.wait()


def report(what: str, figure: str, reached: str, good: bool) -> int:
    """Print a figure beside what was reached, and return the exit status."""
    print(f"{what}\n  figure:  {figure}\n  reached: {reached}\n  {'met' if good else 'MISSED'}")
    keep(what, figure, reached, "met" if good else "MISSED")
    return 0 if good else 1


def keep(what: str, figure: str, reached: str, outcome: str) -> None:
    """Write a figure down for figures.py, where figures.py runs this script.

    outcome: "met", "MISSED", or why it is neither.
    """
    path = os.environ.get(FIGURES_VARIABLE)
    if path:
        with open(path, "a") as file:
            file.write(json.dumps([what, figure, reached, outcome]) + "\n")


def install(release: str) -> None:
    """Install a release for the CPU in this checkout, where it is not installed yet."""
    run([str(VGGBENCH), "releases", "install", "--device", "cpu", release], ROOT)
