"""`asv publish` with our publishers against asv alone, and how soon the first page is drawn.

3,060 result files (3 tracks of 34 releases, 30 machines) are made up, with the records beside them
(perf/synthetic.py). "asv alone" has our repository, without which there is nothing to publish, and
nothing else of the plugin. Both start fresh, in the order A B B A. Both have published once before:
what ours makes of the records is kept then, so nothing is judged while it is measured. Memory is
that of the largest process. The first page is that of another checkout, of 40 releases and 12
configurations. It is loaded into a fresh context of Chromium from `vggbench preview`.

    python perf/publish.py [--pairs 2] [--loads 5] [--only publish|page]

--against names another checkout, which was set up (make setup). Then this code and the code of that
checkout publish and judge the results that are shipped here, in the same order, and make every page
anew. What is printed is how ours compares with the other.

    git worktree add ../before REVISION && make -C ../before setup
    python perf/publish.py --against ../before
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synthetic
from asv.util import load_json
from shared import common

TRACKS, RELEASES, MACHINES = ("tensorflow", "keras", "theano"), 34, 30
FIGURE_RATIO = 1.3
#: The ratio for --against: what further questions to a record may cost.
FIGURE_AGAINST = 1.05

#: The file for a command's output, in the checkout where the command runs.
OUTPUT = "said.txt"

#: The machine whose history is the largest.
JUDGED = "epyc-zen4"

PAGE_RELEASES, PAGE_CONFIGURATIONS = 40, 12
FIGURE_DRAWN_S = 1.0
FIGURE_BYTES = 2_000_000

#: An asv plugin that has our repository and nothing else. The setup() of our plugin makes the mends
#: of asv, and asv does not call it here.
ASV_ALONE = """
from vggbench.asv_plugin import publish

publish.ReleasePages.publish = classmethod(lambda cls, *args: None)
"""


@dataclass(frozen=True)
class Published:
    """What a command cost. ``memory``: bytes of the largest of its processes."""

    wall_s: float
    cpu_s: float
    memory: int

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s ({self.cpu_s:.1f} s of CPU), {self.memory / 1e6:.0f} MB"


def publish(folder: Path, config: str, asv: Path = common.ASV) -> Published:
    """Run asv publish in the checkout ``folder``. Raises SystemExit where it fails."""
    took = timed(folder, [str(asv), "--config", config, "publish"])
    html = json.loads((folder / config).read_text())["html_dir"]
    if not (folder / html / "info.json").is_file():
        raise SystemExit(f"asv publish wrote no pages into {html}")
    return took


def timed(folder: Path, command: Sequence[str], good: Sequence[int] = (0,)) -> Published:
    """Run a ``command`` in the checkout ``folder``; its output goes to OUTPUT there.

    Raises SystemExit where its exit status is none of the ``good`` ones.
    """
    with (folder / OUTPUT).open("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "HOME": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode not in good:
            raise SystemExit(f"{command} ended with {process.returncode}:\n{output.read()}")
    return Published(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def two_configs(folder: Path) -> None:
    """Write ours.json (with our publishers) and alone.json (asv alone) beside asv.conf.json."""
    config = load_json(str(folder / "asv.conf.json"), js_comments=True)
    (folder / "ours.json").write_text(json.dumps({**config, "html_dir": "html/ours"}))
    alone = {**config, "html_dir": "html/alone", "plugins": [".asv_alone"]}
    (folder / "alone.json").write_text(json.dumps(alone))
    (folder / "asv_alone.py").write_text(ASV_ALONE)


def measure_publish(folder: Path, pairs: int) -> int:
    """Report what publishing costs in a checkout, which is made in ``folder``; the exit status."""
    synthetic.checkout(folder, TRACKS, RELEASES, MACHINES)
    two_configs(folder)
    results = len(list(folder.glob("results/*/*-*.json")))
    for config in ("ours.json", "alone.json"):
        publish(folder, config)  # From now on, both read from memory what the disk has.
    assert (folder / "html/ours/asv.html").is_file()
    assert not (folder / "html/alone/asv.html").exists()
    taken = common.abba(
        lambda: publish(folder, "ours.json"),
        lambda: publish(folder, "alone.json"),
        pairs,
        str,
    )
    what = f"asv publish, {results} result files: our publishers by asv alone"
    return reported(what, taken, FIGURE_RATIO)


def measure_against(before: Path, pairs: int) -> int:
    """Report how this checkout compares with the checkout in the folder ``before``.

    Both publish and judge the results that are shipped here. Returns the exit status.
    """

    def compared(what: str, measure: Callable[[Path], Published]) -> int:
        folders = (common.ROOT, before.absolute())
        for folder in folders:
            measure(folder)  # From now on, both read from memory what the disk has.
        taken = common.abba(lambda: measure(folders[0]), lambda: measure(folders[1]), pairs, str)
        of = f"{what} of the shipped results, this code by that of {before.name}"
        return reported(of, taken, FIGURE_AGAINST)

    return compared("asv publish", _published) | compared("vggbench verdict --all", _judged)


@contextlib.contextmanager
def _shipped_results(folder: Path) -> Iterator[dict[str, Any]]:
    """Have perf.json in a checkout: its asv.conf.json, with the results of this checkout."""
    config = load_json(str(folder / "asv.conf.json"), js_comments=True)
    config["html_dir"] = ".asv/html-of-perf"
    config["results_dir"] = str(common.ROOT / "results")
    (folder / ".asv").mkdir(exist_ok=True)
    (folder / "perf.json").write_text(json.dumps(config))
    try:
        yield config
    finally:
        (folder / "perf.json").unlink()
        (folder / OUTPUT).unlink(missing_ok=True)


def _published(folder: Path) -> Published:
    """Publish the shipped results with the code of a checkout, every page anew."""
    with _shipped_results(folder) as config:
        shutil.rmtree(folder / config["env_dir"] / "pages", ignore_errors=True)
        shutil.rmtree(folder / config["html_dir"], ignore_errors=True)
        return publish(folder, "perf.json", folder / ".venv" / "bin" / "asv")


def _judged(folder: Path) -> Published:
    """Judge the shipped results of TensorFlow with the code of a checkout."""
    vggbench = str(folder / ".venv" / "bin" / "vggbench")
    arguments = ("verdict", "--all", "--track", "tensorflow", "--machine", JUDGED)
    with _shipped_results(folder):
        took = timed(folder, [vggbench, "--config", "perf.json", *arguments], good=(0, 1, 2))
        if "tensorflow-2.16.2 against" not in (folder / OUTPUT).read_text():
            raise SystemExit(f"{folder}: vggbench verdict judged nothing")
        return took


def reported(what: str, taken: Sequence[tuple[Published, Published]], most: float) -> int:
    """Report the ratios of time and memory. Returns 1 where a ratio is more than ``most``."""
    failed = 0
    for name, figures in (
        ("time", [(a.wall_s, b.wall_s) for a, b in taken]),
        ("memory of the largest process", [(a.memory, b.memory) for a, b in taken]),
    ):
        if len(figures) > 1:
            ratio = common.ratio_with_interval(figures)
            value, reached = ratio.value, str(ratio)
        else:
            value = figures[0][0] / figures[0][1]
            reached = f"{value:.3f} (one pair)"
        limit = f"at most {most:g}"
        failed |= common.report(f"{what}, {name}", limit, reached, value <= most)
    return failed


def measure_page(folder: Path, loads: int) -> int:
    """Report how soon the first page of a checkout is drawn, which is made in ``folder``."""
    sys.path.insert(0, str(common.ROOT))
    from playwright.sync_api import sync_playwright

    from tests import browser

    program = browser.find()
    if program is None:
        raise SystemExit(browser.NONE_FOUND)
    synthetic.checkout(folder, TRACKS[:1], PAGE_RELEASES)
    two_configs(folder)
    publish(folder, "ours.json")
    drawn_s, bytes_ = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(loads):
            with browser.visiting(chromium, folder / "html/ours") as visit:
                visit.page.goto(visit.address, wait_until="commit")
                visit.page.wait_for_selector("html[data-drawn]")
                ms = visit.page.evaluate("performance.getEntriesByName('drawn')[0].startTime")
                visit.settle()
                drawn_s.append(ms / 1000)
                bytes_.append(visit.bytes_received)
                checks = visit.page.locator("#series input[type=checkbox]").count()
                if checks != PAGE_CONFIGURATIONS:
                    raise SystemExit(f"the page shows {checks} configurations")
        chromium.close()
    what = f"first page, {PAGE_RELEASES} releases x {PAGE_CONFIGURATIONS} configurations"
    failed = common.report(
        f"{what}: load to drawn, {loads} times",
        f"under {FIGURE_DRAWN_S:g} s",
        f"median {statistics.median(drawn_s):.2f} s, worst {max(drawn_s):.2f} s",
        statistics.median(drawn_s) < FIGURE_DRAWN_S,
    )
    return failed | common.report(
        f"{what}: what is transferred, uncompressed",
        f"under {FIGURE_BYTES / 1e6:g} MB",
        f"{max(bytes_) / 1e6:.2f} MB",
        max(bytes_) < FIGURE_BYTES,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--loads", type=int, default=5)
    parser.add_argument("--only", choices=("publish", "page"))
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    options = parser.parse_args()
    if options.against is not None:
        return measure_against(options.against, options.pairs)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "page":
            failed |= measure_publish(Path(folder) / "publish", options.pairs)
        if options.only != "publish":
            failed |= measure_page(Path(folder) / "page", options.loads)
    return failed


if __name__ == "__main__":
    sys.exit(main())
