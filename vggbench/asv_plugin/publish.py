"""What asv publish adds to asv's pages: their scripts, the names of releases, and our own pages.

asv's pages load their scripts from three hosts and show ids for commits. The publisher here runs
after asv's own: it moves asv's pages from index.html to asv.html, with all that they load beside
them, has them name releases (www/asv-names.js), names them in the feed, and writes our pages, the
first of which is index.html.
"""

from __future__ import annotations

import functools
import html
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asv import util
from asv.console import log
from asv.publishing import OutputPublisher

from .. import records, web
from ..checkout import Checkout
from ..errors import VggbenchError
from ..judging import acknowledged
from ..judging.acknowledged import Acknowledged
from . import invocation

# Every command of asv loads this plugin, and what makes pages takes a while to import: functions
# here import it where they need it.
if TYPE_CHECKING:
    from ..report import pages

WWW = Path(__file__).parent / "www"

#: Where npm packages' files go in the published folder.
VENDOR = "vendor"

#: Where what was made of a machine's records is kept, beside asv's environments.
KEPT = "pages"

#: What asv's page loads from elsewhere, by the name that its address ends in: the npm package's
#: file that is the same, of the same version (web/package-lock.json). Of flot npm has no minified
#: files; of stupid-table-plugin it has 1.1.3 instead of 1.0.1.
VENDORED = {
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
}

#: What else is copied: (file of an npm package, where it goes). The style sheet asks for the fonts
#: at ../fonts, our pages' charts are drawn by the last.
ALSO = (
    *(
        (f"bootstrap/dist/fonts/glyphicons-halflings-regular.{kind}", "fonts")
        for kind in ("eot", "svg", "ttf", "woff")
    ),
    ("echarts/dist/echarts.min.js", VENDOR),
)

#: asv's scripts set styles of elements in markup, which is inline style; none needs inline script.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)

#: A script or style of asv's page that is another host's: the whole element, and its address.
FOREIGN = re.compile(
    r"""<script [^>]*\bsrc="(?P<script>https?://[^"]*)"[^>]*></script>"""
    r"""|<link [^>]*\bhref="(?P<link>https?://[^"]*)"[^>]*>"""
)
#: What would still ask another host, whatever element it stands in.
ASKS = re.compile(r"""<(?!a\b)\w+ [^>]*\b(?:src|href)=["']?(?:https?:)?//""")

#: Its script for when they cannot be loaded, which is inline.
LOAD_FAILURE = re.compile(
    r"""\s*<script type="text/javascript">\s*function js_load_failure.*?</script>""", re.DOTALL
)
#: Before these something of ours goes.
IN_HEAD = re.compile("(?<=<head>)")
ASVS_PAGES = re.compile(r'<script[^>]*\bsrc="summarygrid\.js"')
STYLES = re.compile(r'<link href="summarylist\.css"')
FIRST_OF_NAVIGATION = re.compile('<li id="nav-li-"')


class PageChanged(VggbenchError):
    """asv's page is not the one that this was written for."""


class ReleasePages(OutputPublisher):
    """Runs last, because it takes what asv's publishers have written."""

    name = "releases"
    button_label = "Releases"
    description = "Show releases"

    @classmethod
    def publish(cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        html_dir = Path(conf.html_dir)
        try:
            vendor(web.packages(), html_dir)
            asvs_page = with_names(
                (html_dir / "index.html").read_text(encoding="utf-8"), tracks_of(graphs)
            )
        except VggbenchError as err:
            log.warning(f"{err}; the pages are asv's own, which load their scripts from elsewhere")
            # The pages that releases would be shown on are not written.
            conf.show_commit_url = "#"
            return
        (html_dir / "asv.html").write_text(asvs_page, encoding="utf-8")
        name_releases_in_feed(html_dir / "regressions.xml", repo.get_name_from_hash)
        for path in WWW.iterdir():
            shutil.copyfile(path, html_dir / path.name)
        from ..report import pages

        try:
            pages.write(html_dir, source(invocation.checkout()), log.warning)
        except VggbenchError as err:
            raise util.UserError(str(err)) from None
        forward_old_addresses(html_dir / "index.html")


def source(checkout: Checkout) -> pages.Source:
    """What our pages are made of."""
    from ..report import pages

    accepted: Sequence[Acknowledged] = ()
    why_none = None
    try:
        accepted = acknowledged.read(checkout.root, checkout.catalogue)
    except VggbenchError as err:
        why_none = str(err)
    try:
        exclusions = checkout.exclusions
    except VggbenchError as err:
        raise util.UserError(str(err)) from None
    return pages.Source(
        catalogue=checkout.catalogue,
        facts={name: checkout.facts(name) for name in records.machines(checkout.results_dir)},
        records_of=functools.partial(records.read, checkout.results_dir, exclusions=exclusions),
        exclusions=exclusions,
        digest_of=functools.partial(records.digest, checkout.results_dir),
        here=checkout.machine(),
        branches=checkout.config.branches,
        kept_dir=checkout.env_dir / KEPT,
        accepted=accepted,
        why_none=why_none,
    )


def forward_old_addresses(first_page: Path) -> None:
    """Have the first page lead addresses of asv's pages, which were index.html, to asv.html."""
    page = first_page.read_text(encoding="utf-8")
    script = '\n<script src="asv-forward.js"></script>'
    first_page.write_text(page.replace("</title>", "</title>" + script, 1), encoding="utf-8")


def vendor(packages: Path, html_dir: Path) -> None:
    """Copy what pages load from npm's ``packages``. Raises WebError where something is missing."""
    for file, folder in (*((file, VENDOR) for file in VENDORED.values()), *ALSO):
        target = html_dir / folder
        target.mkdir(exist_ok=True)
        try:
            shutil.copyfile(packages / file, target / Path(file).name)
        except FileNotFoundError:
            raise web.WebError(
                f"the scripts of the pages are not complete ({packages / file} is missing); "
                f"fetch them: make setup"
            ) from None


def tracks_of(graphs: Any) -> dict[str, list[str]]:
    """For each benchmark the tracks of which asv has results."""
    found: dict[str, list[str]] = {}
    for _, graph in graphs:
        tracks = found.setdefault(graph.benchmark_name, [])
        track = graph.params.get("branch")
        if track is not None and track not in tracks:
            tracks.append(track)
    return found


def with_names(page: str, tracks: Mapping[str, list[str]]) -> str:
    """asv's page, loading nothing from elsewhere, naming releases, leading to our pages.

    Raises PageChanged where asv's page is not the one of 0.6.6.
    """
    page = LOAD_FAILURE.sub("", page)
    page = FOREIGN.sub(_own, page)
    for place, text in (
        (IN_HEAD, _meta("http-equiv", "Content-Security-Policy", POLICY)),
        (IN_HEAD, _meta("name", "tracks-of-benchmarks", json.dumps(tracks))),
        (ASVS_PAGES, '<script src="asv-names.js"></script>\n    '),
        (STYLES, '<link href="asv-names.css" rel="stylesheet">\n    '),
        (FIRST_OF_NAVIGATION, _navigation()),
    ):
        found = place.search(page)
        if found is None:
            raise PageChanged(f"asv's page has no {place.pattern} any more")
        page = page[: found.start()] + text + page[found.start() :]
    left = ASKS.search(page)
    if left:
        raise PageChanged(f"asv's page loads what is not known here: {left[0]}")
    return page


def _meta(kind: str, name: str, content: str) -> str:
    return f'\n    <meta {kind}="{name}" content="{html.escape(content)}">'


def _navigation() -> str:
    """Items that lead to our pages."""
    from ..report.pages.site import PAGES

    items = (
        f'<li><a href="{name}.html" title="{html.escape(about)}">{html.escape(title)}</a></li>'
        for name, title, about in PAGES
    )
    return "\n        ".join((*items, ""))


def _own(element: re.Match[str]) -> str:
    """The element that loads our copy of what ``element`` loads from elsewhere."""
    address = element["script"] or element["link"]
    file = VENDORED.get(address.rpartition("/")[2])
    if file is None:
        raise PageChanged(f"asv's page loads what is not known here: {address}")
    own = f"{VENDOR}/{Path(file).name}"
    if element["script"]:
        return f'<script src="{own}"></script>'
    return f'<link rel="stylesheet" href="{own}">'


def name_releases_in_feed(path: Path, name_of: Callable[[str], str | None]) -> None:
    """Put names for ids into asv's feed: in links to releases, in addresses of graphs, in texts.

    An entry's own id, by which feed readers know it, is a hash of the ids and stays as it is.
    """
    feed = path.read_text(encoding="utf-8")
    names = {
        id_: name for id_ in set(re.findall(r"\b[0-9a-f]{40}\b", feed)) if (name := name_of(id_))
    }
    path.write_text(_named(feed, names), encoding="utf-8")


def _named(feed: str, names: Mapping[str, str]) -> str:
    short = {id_[:8]: name for id_, name in names.items()}
    feed = re.sub(r"\b[0-9a-f]{40}\b", lambda id_: names.get(id_[0], id_[0]), feed)
    # What is left are the first eight characters of ids, as text of a link: &gt;ID...ID&lt;
    feed = re.sub(
        r"(?<=&gt;)([0-9a-f]{8})(\.\.\.)?([0-9a-f]{8})?(?=&lt;/a&gt;)",
        lambda ids: "".join(short.get(part, part) for part in ids.groups() if part),
        feed,
    )
    return feed.replace("index.html#", "asv.html#")
