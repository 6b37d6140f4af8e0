"""Writes the pages and their data into the folder that asv publishes."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from ... import records
from ...checkout import Checkout
from ...errors import VggbenchError, one_line
from . import changes, data, verdicts
from .choices import choices
from .lines import LeftOut, Line, lines
from .verdicts import Judged

HERE = Path(__file__).parent

#: File, title in the navigation, and what the page is for.
PAGES = (
    ("index", "History", "The training step of VGG16 over the releases of a framework"),
    ("table", "Table", "The tables of the comparison of 2017, for releases measured here"),
    ("configurations", "Configurations", "What each choice buys within one release"),
    ("verdicts", "Verdicts", "Which release made it slower, and the evidence"),
    ("releases", "Releases", "What each release is, installs and came to"),
)

#: Our own folders below asv's: scripts and styles, and data.
STATIC, DATA = "pages", "data"

#: Scripts and styles that pages may load are the server's own. Charts and bars set styles of
#: elements from scripts, which this allows; there are no inline scripts and no inline styles.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'"
)


class PagesError(VggbenchError):
    """The pages cannot be written."""


def write(html_dir: Path, checkout: Checkout, complain: Callable[[str], None]) -> None:
    """Write our pages into ``html_dir``, beside what asv has published there.

    ``complain`` gets a line about whatever is left out. Raises PagesError where the folder cannot
    be written to.
    """
    try:
        _write_static(html_dir)
        _write_data(html_dir / DATA, checkout, complain)
    except OSError as err:
        raise PagesError(
            f"the pages cannot be written: {err.strerror}: {err.filename or html_dir}; "
            f"make room or mend the folder, and run asv publish again"
        ) from None


def _write_static(html_dir: Path) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    for name, title, about in PAGES:
        text = environment.get_template(f"{name}.html").render(
            name=name, title=title, about=about, pages=PAGES, policy=POLICY
        )
        _put(html_dir / f"{name}.html", text)
    target = html_dir / STATIC
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((HERE / "static").iterdir()):
        shutil.copyfile(path, target / path.name)


def _write_data(folder: Path, checkout: Checkout, complain: Callable[[str], None]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = checkout.catalogue
    for track in catalogue.tracks:
        locks = changes.of_track(catalogue, track, complain)
        _put_json(folder / f"releases-{track}.json", data.of_releases(catalogue, track, locks))
    _put_json(folder / "seed.json", data.seed_tables())
    machines: dict[str, dict[str, str]] = {}
    described: list[dict[str, Any]] = []
    left_out: list[tuple[str, LeftOut]] = []
    for results in sorted(path.parent for path in checkout.results_dir.glob("*/records")):
        machine = results.name
        taken = list(records.read(checkout.results_dir, machine, complain))
        found, without = lines(machine, taken, catalogue)
        for one in without:
            left_out.append((machine, one))
            complain(f"{machine}: {one.count} records of {one.release} are on no page: {one.why}")
        judged = verdicts.cached(machine, checkout, taken)
        for line_of_words in [*judged.complaints, *filter(None, [judged.why_none])]:
            if not any(one.why in line_of_words for one in without):  # told above
                complain(f"{machine}: verdicts: {line_of_words}")
        if found:
            machines[machine] = _facts(results / "machine.json")
        for line in found:
            described.append(data.described(line))
            _write_line(folder, line, judged)
    configured = [name for name in checkout.config.branches if name in catalogue.tracks]
    tracks = list(dict.fromkeys([*configured, *catalogue.tracks]))
    index = data.index(catalogue, tracks, machines, described, left_out)
    _put_json(folder / "index.json", index)


def _write_line(folder: Path, line: Line, judged: Judged) -> None:
    name = data.line_id(line)
    place = (line.profile, line.track, line.family)
    told = [one for one in judged.told if (one.profile, one.track, one.family) == place]
    changed = [one for one in judged.changes if (one.profile, one.track, one.family) == place]
    _put_json(folder / f"{name}.json", data.of_line(line, told))
    _put_json(folder / f"{name}-choices.json", data.of_choices(line, choices(line)))
    evidence = data.of_verdicts(line, told, changed, judged.why_none)
    _put_json(folder / f"{name}-verdicts.json", evidence)


def _facts(path: Path) -> dict[str, str]:
    """What asv wrote down about a machine; nothing where it cannot be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    shown = ("cpu", "num_cpu", "ram", "gpu", "os", "arch")
    return {key: one_line(str(told[key]), 100) for key in shown if told.get(key)}


def _put_json(path: Path, value: Any) -> None:
    _put(path, json.dumps(value, allow_nan=False, separators=(",", ":")))


def _put(path: Path, text: str) -> None:
    """Write a file so that a reader, or a second publish, sees the old one or the new, no half."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
