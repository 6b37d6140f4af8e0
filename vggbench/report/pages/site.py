"""Writes the pages and their data into the folder that asv publishes."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from ...errors import VggbenchError, one_line
from . import beside, changes, data, feed, kept
from .kept import OfMachine
from .source import Source

HERE = Path(__file__).parent

#: File, title in the navigation, and what the page is for.
PAGES = (
    ("index", "History", "The training step of VGG16 over the releases of a framework"),
    ("table", "Table", "The tables of the comparison of 2017, for releases measured here"),
    ("configurations", "Configurations", "What each choice buys within one release"),
    ("verdicts", "Verdicts", "Which release made it slower, and the evidence"),
    ("releases", "Releases", "What each release is, installs and came to"),
    ("machines", "Machines", "What each machine is, how noisy, and what it has measured"),
)

#: Our own folders below asv's: scripts and styles, and data.
STATIC, DATA = "pages", "data"

#: How one of our scripts names another that it imports.
IMPORTED = re.compile(r'\bfrom "\./(\w+)\.js"')

#: Scripts and styles that pages may load are the server's own. Charts and bars set styles of
#: elements from scripts, which this allows; there are no inline scripts and no inline styles.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'"
)


class PagesError(VggbenchError):
    """The pages cannot be written."""


def write(html_dir: Path, source: Source, complain: Callable[[str], None]) -> None:
    """Write our pages into ``html_dir``, beside what asv has published there.

    ``complain`` gets a line about whatever is left out. Raises PagesError where the folder cannot
    be written to.
    """
    try:
        _write_static(html_dir)
        of_machines = _write_data(html_dir / DATA, source, complain)
        _write_feed(html_dir / feed.FILE, of_machines.values())
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
            name=name,
            title=title,
            about=about,
            pages=PAGES,
            policy=POLICY,
            feed=feed.FILE,
            modules=modules_of(name),
        )
        _put(html_dir / f"{name}.html", text)
    target = html_dir / STATIC
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((HERE / "static").iterdir()):
        shutil.copyfile(path, target / path.name)


def modules_of(page: str) -> list[str]:
    """The scripts that a page's own imports, and those import: the page asks for all at once."""
    found: set[str] = set()
    waiting = {page}
    while waiting:
        text = (HERE / "static" / f"{waiting.pop()}.js").read_text(encoding="utf-8")
        imported = set(IMPORTED.findall(text))
        waiting |= imported - found
        found |= imported
    return sorted(found)


def _write_data(
    folder: Path, source: Source, complain: Callable[[str], None]
) -> dict[str, OfMachine]:
    """Returns what was made of each machine, but for its files, which are written."""
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = source.catalogue
    locks = {track: changes.of_track(catalogue, track, complain) for track in catalogue.tracks}
    _put(folder / "params.json", data.as_json(data.of_params()))
    _put(folder / "seed.json", data.as_json(data.seed_tables()))
    of_machines: dict[str, OfMachine] = {}
    code = kept.digest_of_code()
    for machine in source.facts:
        made = of_machines[machine] = _of_machine(machine, source, code)
        for line in made.complaints:
            complain(line)
        for name, text in made.files.items():
            _put(folder / name, text)
        made.files.clear()  # the texts of all machines together would take most of the memory
    order = _best_first(of_machines, source.here)
    _write_beside(folder, of_machines, order)
    _put(folder / "machines.json", data.as_json(_about(source, of_machines, order)))
    installed: dict[str, float] = {}
    for name in reversed(order):  # what the first machine says counts
        installed.update(of_machines[name].installed)
    for track, of_track in locks.items():
        _put(
            folder / f"releases-{track}.json",
            data.as_json(data.of_releases(catalogue, track, of_track, installed)),
        )
    described = [line for name in order for line in of_machines[name].described]
    left_out = [left for name in order for left in of_machines[name].left_out]
    machines = {name: _facts(source, name) for name in order if of_machines[name].described}
    configured = [name for name in source.branches if name in catalogue.tracks]
    tracks = list(dict.fromkeys([*configured, *catalogue.tracks]))
    index = data.index(catalogue, tracks, machines, described, left_out)
    _put(folder / "index.json", data.as_json(index))
    return of_machines


def _write_beside(folder: Path, of_machines: Mapping[str, OfMachine], order: Iterable[str]) -> None:
    """Write beside each line what all machines say of its verdicts."""
    told = {name: of_machines[name].briefs for name in order}
    found = beside.by_line(beside.of_changes(told))
    for made in of_machines.values():
        for line in made.described:
            own = data.of_across(found.get(line["id"], ()))
            _put(folder / f"{line['id']}-across.json", data.as_json(own))


def _about(
    source: Source, of_machines: Mapping[str, OfMachine], order: Iterable[str]
) -> dict[str, Any]:
    """What the page Machines shows. A processor that no record names is that of the machine's last
    sitting, where it has one."""
    told = []
    for name in order:
        about = of_machines[name].about
        if about is not None:
            of_sitting = [source.processors[name]] if name in source.processors else []
            named = {**about, "processor": about["processor"] or of_sitting}
            told.append({"name": name, "asv": _facts(source, name), **named})
    return data.of_machines(told)


def _write_feed(path: Path, of_machines: Iterable[OfMachine]) -> None:
    _put(path, feed.write(entry for made in of_machines for entry in made.entries))


def _best_first(of_machines: Mapping[str, OfMachine], here: str | None) -> list[str]:
    """The machines in the order in which they are offered: ``here``, whose results somebody came
    for, then the others, those first that have most numbers."""

    def rank(name: str) -> tuple[bool, int]:
        return name != here, -sum(line["numbers"] for line in of_machines[name].described)

    return sorted(of_machines, key=rank)


def _of_machine(machine: str, source: Source, code: str) -> OfMachine:
    """What a machine adds to the pages, as kept or made anew."""
    key = kept.key(source, machine, code)
    found = kept.load(source.kept_dir, machine, key)
    if found is not None:
        return found
    # Judging imports SciPy: asv's process has its 40 MB only where there is something to judge.
    from .machine import of_machine

    made = of_machine(machine, source)
    kept.save(source.kept_dir, machine, key, made)
    return made


def _facts(source: Source, machine: str) -> dict[str, str]:
    told = source.facts[machine]
    shown = ("cpu", "num_cpu", "ram", "gpu", "os", "arch")
    return {key: one_line(told[key], 100) for key in shown if told.get(key)}


def _put(path: Path, text: str) -> None:
    """Write a file so that a reader, or a second publish, sees the old one or the new, no half."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
