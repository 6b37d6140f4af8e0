"""Trees of good records, of which some are made nonsense: what reads them must say so in a line
each, and show all else.

    for number in range(200):
        trouble = fuzz.run(folder / str(number), random.Random(number))
        assert not trouble

The records are a hundred of the shipped history's; what may be damaged is any value of any key, the
text of a line, and the files beside the records.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vggbench import cli, records
from vggbench.asv_plugin.publish import source
from vggbench.checkout import Checkout
from vggbench.records.record import KEYS
from vggbench.report import pages

ROOT = Path(__file__).parent.parent
SHIPPED = "epyc-zen4"
MACHINE = "box"
COUNT = 100
PAGES = ("index", "verdicts", "table", "configurations", "releases", "machines")

#: What somebody's editor, a full disk or another program may leave for a value, as JSON has it.
NONSENSE = (
    *("null", "true", "-1", "0", "1e-320", "1e999", "-1e999", "NaN", "Infinity", "9" * 400),
    *('""', '"x"', '"\\ud800"', '"<script>alert(1)</script>"', '"\\u0000"', json.dumps("y" * 5000)),
    *("[]", "{}", "[null]", "[[1]]", '["x"]', "[1e999]", "[NaN]", f"[{'9' * 400}]", '{"x": {}}'),
    *('{"tensorflow": []}', '{"model": 1}', "[" * 50 + "]" * 50),
)

#: The text of a whole line.
DAMAGE: tuple[Callable[[str], str], ...] = (
    lambda line: line[: len(line) // 2],
    lambda line: line.replace(":", "", 1),
    lambda line: "\x00" * 20,
    lambda line: "",
    lambda line: "null",
    lambda line: "[" * 5000,
    lambda line: line + line,
)

Trouble = list[str]


def good() -> list[str]:
    """A hundred lines of the shipped history, all of the machine MACHINE: of the plain step by
    itself, and of blocks of duets."""
    found = []
    for record in records.read(ROOT / "results", SHIPPED):
        if record.track == "tensorflow" and record.words == "NHWC none off":
            found.append(json.dumps({**record.as_json(), "machine": MACHINE}))
    alone = [line for line in found if '"purpose": "duet"' not in line]
    duets = [line for line in found if '"purpose": "duet"' in line]
    return [*alone[: COUNT - 40], *duets[:40]]


def make(folder: Path, lines: list[str]) -> Path:
    """Make a checkout with these records; returns its folder of results."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "asv.conf.json", folder)
    for name in ("releases", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    results = folder / "results" / MACHINE
    (results / "records").mkdir(parents=True)
    (results / "machine.json").write_text(json.dumps({"machine": MACHINE, "version": 1}))
    (results / "records" / "20260101T000000.000000Z-00000000.jsonl").write_text(
        "".join(f"{line}\n" for line in lines)
    )
    return results


def value_of(line: str, key: str, nonsense: str) -> str:
    """A line with ``nonsense`` as the value of a key."""
    mark = "the place of the nonsense"
    return json.dumps({**json.loads(line), key: mark}).replace(f'"{mark}"', nonsense)


def spoil(results: Path, lines: list[str], draw: random.Random) -> list[str]:
    """Make nonsense of some of the tree; returns what was done."""
    done = []
    keys = sorted(KEYS | {"samples", "cpus", "configuration", "versions"})
    for place in draw.sample(range(len(lines)), draw.randint(1, 6)):
        if draw.random() < 0.2:
            which = draw.randrange(len(DAMAGE))
            lines[place] = DAMAGE[which](lines[place])
            done.append(f"damage {which} of line {place + 1}")
        else:
            key, nonsense = draw.choice(keys), draw.choice(NONSENSE)
            lines[place] = value_of(lines[place], key, nonsense)
            done.append(f"{key}: {nonsense[:40]} in line {place + 1}")
    (file,) = (results / "records").glob("*.jsonl")
    file.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    beside = draw.choice(("none", "folder", "link", "machine", "sessions", "product"))
    done.append(f"beside: {beside}")
    if beside == "folder":
        (results / "records" / "x.jsonl").mkdir()
    elif beside == "link":
        (results / "records" / "x.jsonl").symlink_to(results / "nowhere")
    elif beside == "machine":
        (results / "machine.json").write_text(draw.choice(("{", "[]", "null", '{"cpu": 1e999}')))
    elif beside == "sessions":
        told: dict[str, Any] = {
            "schema": 1,
            "run": draw.choice(("x", 3)),
            "started": "x",
            "processor": [],
        }
        (results / "sessions.jsonl").write_text(draw.choice(("{", "[]", json.dumps(told))) + "\n")
    elif beside == "product":
        told = {
            "schema": 1,
            "device": [],
            "products": draw.choice(([], {}, [{"s": "x"}])),
            "cpus": [],
        }
        (results / "matrix-product.jsonl").write_text(json.dumps(told) + "\n")
    return done


OF = ("--machine", MACHINE)

#: Characters that every command has to say of a hundred records, of which a few are damaged.
LEAST = 50

#: What reads records, and whether its output is JSON.
COMMANDS: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("verdict", "--all", *OF, "--format", "json"), True),
    (("verdict", "--all", *OF), False),
    (("rates", *OF, "--json"), True),
    (("rates", *OF), False),
    (("table", *OF, "--format", "json"), True),
    (("table", *OF), False),
    (("findings", *OF), False),
    (("export", "csv", *OF), False),
    (("export", "csv", "--samples", *OF), False),
)


def run(folder: Path, draw: random.Random, lines: list[str]) -> Trouble:
    """What went wrong with one tree, as texts; there are none where all is well. ``lines``: what
    ``good`` returns."""
    results = make(folder, lines)
    done = spoil(results, list(lines), draw)
    return [f"{', '.join(done)}: {one}" for one in look(folder)]


def look(folder: Path) -> Trouble:
    """What is wrong with what is shown of a tree."""
    commands = [*COMMANDS, (("plot", "tensorflow", *OF, "-o", str(folder / "plot.svg")), False)]
    trouble = [
        one for arguments, is_json in commands for one in _command(folder, arguments, is_json)
    ]
    return [*trouble, *_published(folder)]


def _command(folder: Path, arguments: tuple[str, ...], is_json: bool) -> Iterator[str]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            cli.main(["--config", str(folder / "asv.conf.json"), *arguments])
    except Exception:  # whatever a command ends in is what is looked for
        yield f"{arguments[0]}: {traceback.format_exc().strip().splitlines()[-1]}"
        return
    if is_json:
        yield from _invalid(arguments[0], said.getvalue() or "nothing")
    elif len(said.getvalue()) < LEAST:
        yield f"{arguments[0]}: hardly anything is shown"


def _invalid(what: str, text: str) -> Iterator[str]:
    try:
        json.loads(text, parse_constant=_no_constant)
        text.encode("utf-8")
    except ValueError as err:
        yield f"{what}: invalid JSON: {err}"


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is none of JSON's")


def _published(folder: Path) -> Iterator[str]:
    html = folder / "html"
    html.mkdir()
    try:
        pages.write(html, source(Checkout(str(folder / "asv.conf.json"))), lambda line: None)
    except Exception:  # ... and a publish
        yield f"publish: {traceback.format_exc().strip().splitlines()[-1]}"
        return
    for name in PAGES:
        if not (html / f"{name}.html").is_file():
            yield f"publish: the page {name} is lost"
    for file in sorted((html / "data").glob("*.json")):
        yield from _invalid(file.name, file.read_bytes().decode("utf-8", "surrogateescape"))
    index = json.loads((html / "data" / "index.json").read_text(encoding="utf-8"))
    if not index["lines"]:
        yield "publish: the machine has no line"
