"""The publisher that adds to asv's pages: copies of their scripts, the names of releases, and our
own pages.

asv's page loads its scripts from three hosts and shows ids for commits. The publisher runs after
those of asv. It moves asv's page from index.html to asv.html, puts the files that the page loads
beside it, and has the page name releases (www/asv-names.js). It also names releases in the feed. It
then writes our pages, the first of which is index.html.
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
from ..errors import VggbenchError, one_line
from ..judging import acknowledged
from ..judging.acknowledged import Acknowledged
from ..runs import processor
from . import invocation

# The functions below import the code that makes pages where they need it: every command of asv
# loads this plugin, and the import takes a while.
if TYPE_CHECKING:
    from ..report import pages

WWW = Path(__file__).parent / "www"

#: The folder of the published pages that gets the files of npm packages.
VENDOR = "vendor"

#: The folder, beside asv's environments, that keeps the data of pages that were made of records.
KEPT = "pages"

#: The files that asv's page loads from other hosts, by the last part of their address, and the same
#: file of the same version in an npm package (web/package-lock.json). Two packages differ: npm has
#: no minified files of flot, and 1.1.3 of stupid-table-plugin instead of 1.0.1.
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

#: The other files that are copied: (file of an npm package, folder). The style sheet loads the
#: fonts from ../fonts. The last file draws the charts of our pages.
ALSO = (
    *(
        (f"bootstrap/dist/fonts/glyphicons-halflings-regular.{kind}", "fonts")
        for kind in ("eot", "svg", "ttf", "woff")
    ),
    ("echarts/dist/echarts.min.js", VENDOR),
)

#: The pages' Content-Security-Policy. asv's scripts set styles in markup, which are inline styles.
#: No page needs an inline script.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)

#: An element of asv's page that loads a script or style from another host, and its address.
FOREIGN = re.compile(
    r"""<script [^>]*\bsrc="(?P<script>https?://[^"]*)"[^>]*></script>"""
    r"""|<link [^>]*\bhref="(?P<link>https?://[^"]*)"[^>]*>"""
)
#: Any element, except a link for the reader (``a``), that loads from another host.
ASKS = re.compile(r"""<(?!a\b)\w+ [^>]*\b(?:src|href)=["']?(?:https?:)?//""")

#: The inline script with which asv's page says that its scripts cannot be loaded.
LOAD_FAILURE = re.compile(
    r"""\s*<script type="text/javascript">\s*function js_load_failure.*?</script>""", re.DOTALL
)
#: The places in asv's page before which an element of ours is put.
IN_HEAD = re.compile("(?<=<head>)")
ASVS_PAGES = re.compile(r'<script[^>]*\bsrc="summarygrid\.js"')
STYLES = re.compile(r'<link href="summarylist\.css"')
FIRST_OF_NAVIGATION = re.compile('<li id="nav-li-"')


class PageChanged(VggbenchError):
    """asv's page is not that of asv 0.6.6, for which this module was written."""


class ReleasePages(OutputPublisher):
    """The publisher. It runs last, because it changes what asv's publishers have written."""

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
            # asv's links to releases would lead to our pages, which are not written.
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
    """The catalogue, records, exclusions and settings of which our pages are made. Raises UserError
    where the exclusions cannot be read."""
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
    machines = records.machines(checkout.results_dir)
    return pages.Source(
        catalogue=checkout.catalogue,
        facts={name: checkout.facts(name) for name in machines},
        processors={
            name: one_line(processor.described(facts), 120)
            for name in machines
            for facts in [processor.of_last_sitting(checkout.results_dir, name)]
            if facts is not None
        },
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
    """Put a script into the first page that leads old addresses of asv's page, which was
    index.html, to asv.html."""
    page = first_page.read_text(encoding="utf-8")
    script = '\n<script src="asv-forward.js"></script>'
    first_page.write_text(page.replace("</title>", "</title>" + script, 1), encoding="utf-8")


def vendor(packages: Path, html_dir: Path) -> None:
    """Copy the files that pages load from the folder of npm's ``packages``. Raises WebError where a
    file is missing."""
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
    """For each benchmark, the tracks that have results of it in asv."""
    by_benchmark: dict[str, list[str]] = {}
    for _, graph in graphs:
        tracks = by_benchmark.setdefault(graph.benchmark_name, [])
        track = graph.params.get("branch")
        if track is not None and track not in tracks:
            tracks.append(track)
    return by_benchmark


def with_names(page: str, tracks: Mapping[str, list[str]]) -> str:
    """asv's page, changed to load nothing from other hosts, to name releases and to lead to our
    pages. ``tracks``: by benchmark.

    Raises PageChanged where asv's page is not that of asv 0.6.6.
    """
    page = LOAD_FAILURE.sub("", page)
    page = FOREIGN.sub(_local, page)
    for place, text in (
        (IN_HEAD, _meta("http-equiv", "Content-Security-Policy", POLICY)),
        (IN_HEAD, _meta("name", "tracks-of-benchmarks", json.dumps(tracks))),
        (ASVS_PAGES, '<script src="asv-names.js"></script>\n    '),
        (STYLES, '<link href="asv-names.css" rel="stylesheet">\n    '),
        (FIRST_OF_NAVIGATION, _navigation()),
    ):
        match = place.search(page)
        if match is None:
            raise PageChanged(
                f"asv's page is not that of asv 0.6.6 (it has no {place.pattern}); install the asv "
                f"that is pinned: make setup"
            )
        page = page[: match.start()] + text + page[match.start() :]
    left = ASKS.search(page)
    if left:
        raise PageChanged(f"asv's page loads a file of which vggbench has no copy: {left[0]}")
    return page


def _meta(kind: str, name: str, content: str) -> str:
    return f'\n    <meta {kind}="{name}" content="{html.escape(content)}">'


def _navigation() -> str:
    """The items of asv's navigation that lead to our pages."""
    from ..report.pages.site import PAGES

    items = (
        f'<li><a href="{name}.html" title="{html.escape(about)}">{html.escape(title)}</a></li>'
        for name, title, about in PAGES
    )
    return "\n        ".join((*items, ""))


def _local(element: re.Match[str]) -> str:
    """The element that loads our copy of the file that ``element`` loads from another host. Raises
    PageChanged where there is no copy."""
    address = element["script"] or element["link"]
    file = VENDORED.get(address.rpartition("/")[2])
    if file is None:
        raise PageChanged(f"asv's page loads a file of which vggbench has no copy: {address}")
    copy = f"{VENDOR}/{Path(file).name}"
    if element["script"]:
        return f'<script src="{copy}"></script>'
    return f'<link rel="stylesheet" href="{copy}">'


def name_releases_in_feed(path: Path, name_of: Callable[[str], str | None]) -> None:
    """Replace the ids of releases by their names in asv's feed: in links to releases, in addresses
    of graphs and in texts.

    The id of an entry, by which feed readers know it, is a hash of the ids and stays as it is.
    """
    feed = path.read_text(encoding="utf-8")
    names = {
        id_: name for id_ in set(re.findall(r"\b[0-9a-f]{40}\b", feed)) if (name := name_of(id_))
    }
    path.write_text(_named(feed, names), encoding="utf-8")


def _named(feed: str, names: Mapping[str, str]) -> str:
    short = {id_[:8]: name for id_, name in names.items()}
    feed = re.sub(r"\b[0-9a-f]{40}\b", lambda id_: names.get(id_[0], id_[0]), feed)
    # The texts of links still have the first eight characters of ids: &gt;ID...ID&lt;
    feed = re.sub(
        r"(?<=&gt;)([0-9a-f]{8})(\.\.\.)?([0-9a-f]{8})?(?=&lt;/a&gt;)",
        lambda ids: "".join(short.get(part, part) for part in ids.groups() if part),
        feed,
    )
    return feed.replace("index.html#", "asv.html#")
