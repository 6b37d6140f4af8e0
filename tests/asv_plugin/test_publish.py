"""The real asv publish on the tiny track: whole without a network, releases by name, bad input."""

from __future__ import annotations

import html
import json
import math
import os
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from vggbench import web
from vggbench.asv_plugin import publish

from ..browser import Surf, Visit
from ..once import once
from ..tiny import BENCHMARK, Tiny

pytestmark = pytest.mark.asv

in_a_browser = pytest.mark.browser

NAMES = {f"tinyframe-{version}" for version in ("1.0", "1.1", "1.2", "1.10", "2.0")}

#: What asv's pages show, and something that is there once they have it.
ASVS_PAGES = {
    "": "#summarygrid-display canvas",
    "#/summarylist": "#summarylist-body td a",
    "#/regressions": "#regressions-body td a",
    "#/regressions?grouped=true": "#regressions-body td a",
    f"#{BENCHMARK}": "#main-graph canvas",
    f"#{BENCHMARK}?x-axis-scale=date": "#main-graph canvas",
    f"#{BENCHMARK}?x-axis-scale=even&y-axis-scale=log": "#main-graph canvas",
    f"#{BENCHMARK}?x-axis=mode": "#main-graph canvas",
    f"#{BENCHMARK}?commits=tinyframe-1.1-tinyframe-1.2": "#main-graph canvas",
}

HOSTILE = "<img src=x onerror=\"document.title='taken'\">../../../../outside'\u2028&amp;"


def html_of(tiny: Tiny) -> Path:
    return tiny.folder / ".asv" / "html"


@pytest.fixture(scope="session")
def published(measured_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a tiny checkout of which tinyframe is measured. Only to be read."""
    if not web.is_current():
        pytest.skip("the scripts of the pages are not here: make setup")

    def fill(folder: Path) -> None:
        done = measured_template.copy(folder / "tiny").asv("publish")
        assert done.status == 0, done.output

    return html_of(Tiny(once(tmp_path_factory, "published", fill) / "tiny"))


def open_asvs(visit: Visit, hash_: str) -> None:
    visit.goto(f"asv.html{hash_}")
    visit.page.wait_for_selector(ASVS_PAGES.get(hash_, "body"))
    visit.settle()


# -- offline


@in_a_browser
@pytest.mark.parametrize("hash_", ASVS_PAGES)
def test_asvs_pages_ask_no_other_host_and_show_what_they_have(
    published: Path, surf: Surf, hash_: str
) -> None:
    with surf(published) as visit:
        open_asvs(visit, hash_)
        assert visit.page.locator("#error").is_hidden()
        assert all(re.match(r"[a-z_]", asked) for asked in visit.requested)


@in_a_browser
def test_nothing_is_lost_by_going_from_page_to_page(published: Path, surf: Surf) -> None:
    with surf(published) as visit:
        open_asvs(visit, "")
        page = visit.page
        page.click("text=Benchmark list")
        page.click("#summarylist-body td a >> nth=0")
        page.wait_for_selector("#main-graph canvas")
        for control in ("log-scale", "zoom-y-axis", "even-spacing", "date-scale", "show-legend"):
            page.click(f"#{control}")
            visit.settle()
        page.click("text=Regressions")
        page.wait_for_selector("#regressions-body td a")
        page.click("text=Benchmark grid")
        page.wait_for_selector("#summarygrid-display canvas")


@in_a_browser
def test_old_addresses_of_asvs_pages_lead_to_them(published: Path, surf: Surf) -> None:
    with surf(published) as visit:
        visit.goto(f"index.html#{BENCHMARK}?p-mode=%27plain%27")
        visit.page.wait_for_selector("#main-graph canvas")
        visit.settle()
        visit.goto("index.html#/regressions")
        visit.page.wait_for_selector("#regressions-body td a")


def test_everything_that_asvs_page_names_is_in_the_folder(published: Path) -> None:
    page = (published / "asv.html").read_text()
    own = re.findall(r'<(?:script|link|img)[^>]*\b(?:src|href)="([^"]+)"', page)
    assert len(own) > 20
    assert [name for name in own if not (published / name).is_file()] == []
    fonts = re.findall(
        r"url\(['\"]?(\.\./[^'\")?#]+)", (published / "vendor/bootstrap.min.css").read_text()
    )
    assert fonts
    assert all((published / "vendor" / font).is_file() for font in fonts)


def test_scripts_that_are_in_the_text_of_a_page_may_not_run(published: Path) -> None:
    page = (published / "asv.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "script-src 'self';" in html.unescape(policy[1])
    assert "//" not in policy[1]
    assert "onerror" not in page
    assert "integrity" not in page


def test_without_the_scripts_publish_says_so_and_the_pages_are_as_asv_makes_them(
    measured: Tiny, tmp_path: Path
) -> None:
    done = measured.asv("publish", env={web.VARIABLE: str(tmp_path / "nowhere")})
    assert done.status == 0
    assert "nowhere is missing" in done.output
    assert "make setup" in done.output
    import asv

    original = Path(asv.__file__).parent / "www" / "index.html"
    assert (html_of(measured) / "index.html").read_bytes() == original.read_bytes()
    assert not (html_of(measured) / "asv.html").exists()
    assert json.loads((html_of(measured) / "index.json").read_text())["show_commit_url"] == "#"


def test_a_package_that_is_not_whole_is_one_line(measured: Tiny, tmp_path: Path) -> None:
    packages = tmp_path / "node_modules"
    shutil.copytree(web.packages(), packages, ignore=shutil.ignore_patterns("echarts", "zrender"))
    done = measured.asv("publish", env={web.VARIABLE: str(packages)})
    assert done.status == 0
    assert "echarts.min.js is missing" in done.output
    assert "make setup" in done.output


def test_a_page_of_another_asv_is_refused_by_what_is_not_known_in_it() -> None:
    known = '<html><head></head><script src="summarygrid.js"><link href="summarylist.css"'
    with pytest.raises(publish.PageChanged, match="nav-li-"):
        publish.with_names(known, {})
    known += '><li id="nav-li-">'
    assert "asv-names.js" in publish.with_names(known, {})
    with pytest.raises(publish.PageChanged, match=r"elsewhere\.example/new\.js"):
        publish.with_names(known + '<script src="https://elsewhere.example/new.js"></script>', {})
    with pytest.raises(publish.PageChanged, match="<img src=//"):
        publish.with_names(known + "<img src=//elsewhere.example/a.png>", {})


# -- names


@in_a_browser
def test_the_list_names_the_release_that_changed_and_leads_to_its_page(
    published: Path, surf: Surf
) -> None:
    with surf(published) as visit:
        open_asvs(visit, "#/summarylist")
        links = visit.page.locator("td.change-date a")
        assert links.all_inner_texts() == ["tinyframe-1.2"] * 2
        assert links.first.get_attribute("href") == "releases.html#tinyframe-1.2"
        change = visit.page.locator("td.change a").first.get_attribute("href")
        assert change is not None
        assert change.endswith("commits=tinyframe-1.2")


@in_a_browser
@pytest.mark.parametrize("grouped", ["", "?grouped=true"])
def test_regressions_name_releases(published: Path, surf: Surf, grouped: str) -> None:
    with surf(published) as visit:
        open_asvs(visit, f"#/regressions{grouped}")
        visit.page.click("text=Branches")
        visit.page.click(".dropdown-menu >> text=tinyframe")
        links = visit.page.locator("#regression-div-0 td a[href^='releases.html']")
        assert links.all_inner_texts() == ["tinyframe-1.2"] * 2
        assert links.first.get_attribute("href") == "releases.html#tinyframe-1.2"


@in_a_browser
def test_a_range_of_releases_in_the_list_of_regressions_is_two_links(
    measured: Tiny, surf: Surf
) -> None:
    measured.result_path("tinyframe-1.2").unlink()
    assert measured.asv("publish").status == 0
    with surf(html_of(measured)) as visit:
        open_asvs(visit, "#/regressions")
        links = visit.page.locator("td a[href^='releases.html']")
        assert links.all_inner_texts()[:2] == ["tinyframe-1.1", "tinyframe-1.10"]
        visit.page.locator("#regressions-body td a").first.click()
        visit.page.wait_for_selector("#main-graph canvas")
        assert "commits=tinyframe-1.1-tinyframe-1.10" in visit.page.url
        assert highlighted(visit) == [2, 4]


def highlighted(visit: Visit) -> list[float]:
    """The revisions that asv's graph marks as those of its address."""
    markings: list[dict[str, Any]] = visit.page.evaluate(
        "$('#main-graph').data('plot').getOptions().grid.markings"
    )
    return [float(m["xaxis"]["from"]) for m in markings if m["color"] == "#d00"]


@in_a_browser
@pytest.mark.parametrize("by", ["name", "id"])
def test_an_address_marks_releases_by_name_and_as_before_by_id(
    published: Path, measured: Tiny, surf: Surf, by: str
) -> None:
    first, second = (measured.release(f"tinyframe-{v}") for v in ("1.1", "1.2"))
    commits = {"name": f"{first.name}-{second.name}", "id": f"{first.commit[:8]}-{second.commit}"}
    with surf(published) as visit:
        visit.goto(f"asv.html#{BENCHMARK}?commits={commits[by]}")
        visit.page.wait_for_selector("#main-graph canvas")
        visit.settle()
        index = json.loads((published / "index.json").read_text())
        revisions = [index["tags"][release.name] for release in (first, second)]
        assert highlighted(visit) == revisions


@in_a_browser
def test_a_point_tells_its_figure_and_release_and_leads_to_its_page(
    published: Path, surf: Surf
) -> None:
    with surf(published) as visit:
        open_asvs(visit, f"#{BENCHMARK}")
        page = visit.page
        box = page.locator("#main-graph").bounding_box()
        at = page.evaluate(
            "(() => { const plot = $('#main-graph').data('plot');"
            " const [x, y] = plot.getData()[0].data[1]; return plot.pointOffset({x, y}); })()"
        )
        assert box is not None
        where = (box["x"] + at["left"], box["y"] + at["top"])
        page.mouse.move(where[0] - 30, where[1] - 30)
        page.mouse.move(*where)
        page.wait_for_selector(".tooltip-inner")
        assert page.inner_text(".tooltip-inner") == "10.000ms @ tinyframe-1.1"
        with page.expect_popup() as opened:
            page.mouse.click(*where)
        assert opened.value.url.endswith("/releases.html#tinyframe-1.1")
        assert page.input_value("#range") == "tinyframe-1.0..tinyframe-2.0"


@in_a_browser
@pytest.mark.parametrize("scale", ["", "?x-axis-scale=date"])
def test_a_graph_is_labelled_with_the_releases_of_its_track_alone(
    published: Path, surf: Surf, scale: str
) -> None:
    with surf(published) as visit:
        open_asvs(visit, f"#{BENCHMARK}{scale}")
        labels = visit.page.locator('#main-graph > div[style*="top: -2ex"]').all_inner_texts()
        assert sorted(labels) == ["1.0", "1.1", "1.10", "1.2", "2.0"]


@in_a_browser
def test_a_graph_opens_on_the_track_of_which_there_are_results(measured: Tiny, surf: Surf) -> None:
    config = json.loads((measured.folder / "asv.conf.json").read_text())
    config["branches"].reverse()
    (measured.folder / "asv.conf.json").write_text(json.dumps(config))
    assert measured.asv("publish").status == 0
    with surf(html_of(measured)) as visit:
        open_asvs(visit, f"#{BENCHMARK}")
        assert visit.page.locator("#graphdisplay-state-params .active").all_inner_texts() == [
            "testbox",
            "tinyframe",
        ]
        assert visit.page.evaluate("$('#main-graph').data('plot').getData().length") == 3
        visit.goto(f"asv.html#{BENCHMARK}?branch=otherframe")
        assert "No graphs to load" in visit.page.inner_text("#main-graph")


def test_the_feed_names_releases_and_keeps_its_entries_ids(published: Path) -> None:
    text = (published / "regressions.xml").read_text()
    assert not re.search(r"\b[0-9a-f]{40}\b", text)
    atom = "{http://www.w3.org/2005/Atom}"
    entries = ElementTree.fromstring(text).findall(f"{atom}entry")
    assert len(entries) == 2
    for entry in entries:
        link = entry.find(f"{atom}link")
        content = entry.findtext(f"{atom}content") or ""
        assert link is not None
        assert link.get("href", "").startswith(f"asv.html#{BENCHMARK}?")
        assert "commits=tinyframe-1.2" in link.get("href", "")
        assert '<a href="releases.html#tinyframe-1.2">tinyframe-1.2</a>' in content
        assert re.search(r"/[0-9a-f]{64}$", entry.findtext(f"{atom}id") or "")


def test_a_range_in_the_feed_is_named_by_both_its_releases(measured: Tiny) -> None:
    measured.result_path("tinyframe-1.2").unlink()
    assert measured.asv("publish").status == 0
    feed = (html_of(measured) / "regressions.xml").read_text()
    assert "&gt;tinyframe-1.1...tinyframe-1.10&lt;/a&gt;" in feed
    assert "commits=tinyframe-1.1-tinyframe-1.10" in feed


# -- bad input


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def files_outside(tiny: Tiny) -> set[Path]:
    around = tiny.folder.parent
    inside = html_of(tiny)
    return {path for path in around.rglob("*") if inside not in (path, *path.parents)}


@pytest.fixture
def hostile(measured: Tiny) -> Tiny:
    """A tiny checkout whose results have markup and parts of paths in all their texts."""
    rewrite(measured.machine_results / "machine.json", lambda told: told.update(
        machine=HOSTILE, cpu=HOSTILE
    ))  # fmt: skip
    for name in NAMES:

        def change(content: dict[str, Any]) -> None:
            content["params"].update(machine=HOSTILE, cpu=HOSTILE, **{HOSTILE: HOSTILE})
            content["env_vars"]["../../../" + HOSTILE] = HOSTILE

        rewrite(measured.result_path(name), change)
    return measured


def test_hostile_texts_write_no_file_outside_the_folder(hostile: Tiny) -> None:
    assert hostile.asv("publish").status == 0  # makes the lock, and what Python compiles
    before = files_outside(hostile)
    done = hostile.asv("publish")
    assert done.status == 0, done.output
    assert files_outside(hostile) == before
    assert list(html_of(hostile).glob("graphs/**/train_step*.json"))


@in_a_browser
def test_hostile_texts_show_as_text(hostile: Tiny, surf: Surf) -> None:
    assert hostile.asv("publish").status == 0
    with surf(html_of(hostile)) as visit:
        for hash_ in ("#/summarylist", f"#{BENCHMARK}"):
            open_asvs(visit, hash_)
            page = visit.page
            machine = page.locator(".panel:visible a", has_text="onerror").first
            assert machine.inner_text().startswith("<img src=x")
            machine.hover()
            page.wait_for_selector(".tooltip-inner")
            assert "cpu: <img src=x" in page.inner_text(".tooltip-inner")
            assert page.locator("img[src=x]").count() == 0
            assert page.title() != "taken"


@in_a_browser
def test_hostile_names_of_benchmarks_are_left_out_with_a_line(measured: Tiny, surf: Surf) -> None:
    def change(benchmarks: dict[str, Any]) -> None:
        one = dict(benchmarks[BENCHMARK], name=HOSTILE)
        benchmarks[HOSTILE] = one
        benchmarks[BENCHMARK]["pretty_name"] = HOSTILE
        benchmarks[BENCHMARK]["code"] = HOSTILE

    rewrite(measured.results / "benchmarks.json", change)
    done = measured.asv("publish")
    assert done.status == 0, done.output
    assert "is no benchmark's name and is left out" in done.output
    with surf(html_of(measured)) as visit:
        open_asvs(visit, "")
        assert visit.page.inner_text(".benchmark-text").startswith("<img src=x")
        visit.page.hover(".benchmark-plot")
        visit.page.wait_for_selector(".tooltip-inner")
        assert visit.page.locator("img[src=x]").count() == 0


def start(content: dict[str, Any], at: object) -> None:
    """Have all benchmarks of a result be started then."""
    column = content["result_columns"].index("started_at")
    for row in content["results"].values():
        row[column] = at


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c["params"].update(cpu="x" * 300), "has 3.. bytes, a folder's name at most 255"),
        (lambda c: c["params"].update(cpu="\ud800"), "is no text in UTF-8"),
        (lambda c: c["params"].update(cpu=["x"]), "is no text"),
        (lambda c: c["params"].update({"..": ""}), "is no name"),
        (lambda c: c.update(date="yesterday"), "its date is no number"),
        (lambda c: c.update(date=10**400), "its date is in no calendar"),
        (lambda c: start(c, math.inf), "it has times that are in no calendar"),
        (lambda c: start(c, "now"), "it has times that are no numbers"),
    ],
    ids=["long", "surrogate", "list", "dots", "date", "far date", "endless time", "time"],
)
def test_a_result_that_asv_cannot_publish_is_left_out_with_a_line(
    measured: Tiny, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    path = measured.result_path("tinyframe-1.1")
    rewrite(path, change)
    done = measured.asv("publish")
    assert done.status == 0, done.output
    assert len(re.findall(f"{path.name} is left out: .*{why}", done.output)) == 1
    graph = next(html_of(measured).glob(f"graphs/**/branch-tinyframe/**/{BENCHMARK}.json"))
    assert len(json.loads(graph.read_text())) == 4


def test_a_machine_without_a_name_is_left_out_with_a_line(measured: Tiny) -> None:
    (measured.results / "nameless").mkdir()
    (measured.results / "nameless" / "machine.json").write_text('{"cpu": "x", "version": 1}')
    (measured.results / "broken").mkdir()
    (measured.results / "broken" / "machine.json").write_text("{")
    done = measured.asv("publish")
    assert done.status == 0, done.output
    assert "nameless/machine.json is left out: it names no machine" in done.output
    assert "broken/machine.json is left out" in done.output


def test_results_of_a_release_that_is_on_no_track_any_more_are_one_line(measured: Tiny) -> None:
    release = measured.release("tinyframe-1.1")
    (measured.releases / "tinyframe" / "1.1.json").unlink()
    done = measured.asv("publish")
    assert done.status == 0, done.output
    line = f"results of tinyframe-1.1 ({release.commit[:8]}) are on no page"
    assert done.output.count(line) == 1
    assert f"asv rm commit_hash={release.commit}" in done.output
    assert "Couldn't find" not in done.output


def test_results_without_samples_are_published(measured: Tiny) -> None:
    def change(content: dict[str, Any]) -> None:
        at = content["result_columns"].index("samples")
        for values in content["results"].values():
            del values[at:]

    for name in NAMES:
        rewrite(measured.result_path(name), change)
    done = measured.asv("publish")
    assert done.status == 0, done.output
    graph = next(html_of(measured).glob(f"graphs/**/branch-tinyframe/**/{BENCHMARK}.json"))
    assert len(json.loads(graph.read_text())) == len(NAMES)


@in_a_browser
def test_without_any_result_the_pages_are_empty(measured: Tiny, surf: Surf) -> None:
    for name in NAMES:
        measured.result_path(name).unlink()
    done = measured.asv("publish")
    assert done.status == 0, done.output
    with surf(html_of(measured)) as visit:
        visit.goto("asv.html#/regressions")
        visit.goto(f"asv.html#{BENCHMARK}")
        assert "No graphs to load" in visit.page.inner_text("#main-graph")


def test_a_second_publish_at_the_same_time_is_refused(measured: Tiny) -> None:
    assert measured.asv("publish").status == 0
    index = html_of(measured) / "index.json"
    with FileLock(html_of(measured).with_name(".html.lock")):
        done = measured.asv("publish")
        assert done.status == 1
        assert "another asv publish writes into" in done.output
        assert "--html-dir" in done.output
        assert index.is_file()
    assert measured.asv("publish").status == 0


def test_a_folder_of_something_else_is_not_removed(measured: Tiny, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    done = measured.asv("publish", "--html-dir", str(mine))
    assert done.status == 1
    assert "it holds other files than pages" in done.output
    assert (mine / "thesis.tex").read_text() == "years of work"
    (mine / "thesis.tex").unlink()
    assert measured.asv("publish", "--html-dir", str(mine)).status == 0
    assert measured.asv("publish", "--html-dir", str(mine)).status == 0


def test_a_folder_that_cannot_be_written_to_is_one_line(measured: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for where in ("/proc/pages", str(tmp_path / "file"), str(tmp_path / "file" / "html")):
        done = measured.asv("publish", "--html-dir", where)
        assert done.status == 1, done.output
        assert f"{where} " in done.output
        assert "--html-dir" in done.output


@pytest.mark.skipif(os.getuid() == 0, reason="root may write to every folder")
def test_a_folder_of_another_user_keeps_its_pages(measured: Tiny) -> None:
    assert measured.asv("publish").status == 0
    html_of(measured).chmod(0o500)
    try:
        done = measured.asv("publish")
    finally:
        html_of(measured).chmod(0o700)
    assert done.status == 1
    assert "this user may not write to it" in done.output
    assert (html_of(measured) / "index.html").is_file()
