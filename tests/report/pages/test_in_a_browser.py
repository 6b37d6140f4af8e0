"""The pages in a real browser, which is cut off from everything but their server.

The figures that a page shows are held against the literal records.
"""

# ruff: noqa: RUF001  (the tables have multiplication signs)

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vggbench import web
from vggbench.records import Record
from vggbench.report.pages import site
from vggbench.report.pages.data import NO_DOWNLOAD

from ...browser import Surf, Visit
from ...judging.duets import block, blocks
from ...once import once
from ...records.factory import changed
from ...tiny import Tiny
from . import literal
from .literal import APART, CHAINED, HISTORY, LACKING, SHIPPED, SLOWER, TWO_DAYS, record

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
PAGES = [f"{name}.html" for name, _, _ in site.PAGES] + [f"releases.html#{SHIPPED[2]}"]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def fill(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            checkout = literal.checkout(folder / "checkout")
            literal.write_records(checkout, HISTORY)
            gpu = [
                changed(record, profile="gpu-paper", gpu={"utilisation_percent": {"mean": 97.0}})
                for record in HISTORY
            ]
            literal.write_records(checkout, gpu, "gpubox")
            literal.write_pages(checkout, folder / "html", scripts=True)

    return once(tmp_path_factory, "literal-pages", fill) / "html"


def published_anew(
    folder: Path,
    taken: list[Record],
    machine: str = literal.MACHINE,
    *,
    releases: tuple[str, ...] = (),
) -> Path:
    """Pages of these records alone, with these ``releases`` too; the current folder changes."""
    checkout = literal.checkout(folder / "checkout", *releases)
    literal.write_records(checkout, taken, machine)
    literal.write_pages(checkout, folder / "html", scripts=True)
    return folder / "html"


def points(visit: Visit) -> list[list[Any]]:
    """The points of each line of the chart: the place of the release, and the figure."""
    found: list[list[Any]] = visit.page.evaluate(
        """() => echarts.getInstanceByDom(document.getElementById('chart')).getOption()
            .series.filter((one) => one.id.startsWith('line '))
            .map((line) => line.data.map((one) => one.value))"""
    )
    return found


def drawn(visit: Visit, path: str) -> None:
    visit.goto(path)
    visit.page.wait_for_selector("html[data-drawn]", state="attached")


def again(visit: Visit, act: Any) -> None:
    """Do what makes the page draw itself again, and wait until it has."""
    count = visit.page.evaluate("Number(document.documentElement.dataset.drawn)")
    act()
    visit.page.wait_for_selector(f"html[data-drawn]:not([data-drawn='{count}'])", state="attached")


def on_a_phone(visit: Visit) -> None:
    """Make the window as narrow as a phone, and wait until a chart is drawn again for it."""

    def narrow() -> None:
        visit.page.set_viewport_size(PHONE)

    if visit.page.locator("#chart").count():
        again(visit, narrow)
    else:
        narrow()


def violations(visit: Visit) -> list[str]:
    """What axe-core finds, a line each."""
    source = (web.packages() / "axe-core" / "axe.min.js").read_text()
    visit.page.evaluate(source)
    found = visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:150]} {node.get('failureSummary', '')}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def hover(visit: Visit, series: str, release: int) -> str:
    """The tooltip over a point of the chart: the text of ``series`` (its id) at ``release``."""
    at = visit.page.evaluate(
        """([id, i]) => {
            const holder = document.getElementById('chart');
            const chart = echarts.getInstanceByDom(holder);
            const option = chart.getOption();
            const place = option.series.findIndex((one) => one.id === id);
            const one = option.series[place];
            const datum = one.data.findLast((datum) => datum.value[0] === i);
            const spot = chart.convertToPixel({seriesIndex: place}, datum.value);
            (one.symbolOffset ?? [0, 0]).forEach((by, axis) => { spot[axis] += by; });
            // The mouse reaches only what is in the window.
            const { top } = holder.getBoundingClientRect();
            window.scrollBy(0, top + spot[1] - window.innerHeight / 2);
            const box = holder.getBoundingClientRect();
            return [box.left + spot[0], box.top + spot[1]];
        }""",
        [series, release],
    )
    visit.page.mouse.move(5, 5)
    visit.page.mouse.move(*at)
    visit.page.wait_for_selector("#chart .tip", state="visible")
    return visit.page.inner_text("#chart .tip")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_clean_accessible_and_fits_a_phone_in_both_colour_schemes(
    surf: Surf, published: Path, path: str, scheme: str
) -> None:
    with surf(published, color_scheme=scheme) as visit:
        drawn(visit, path)
        assert violations(visit) == []
        dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(15, 19, 24)") == (scheme == "dark")
        on_a_phone(visit)
        for details in visit.page.query_selector_all("details"):
            details.evaluate("one => { one.open = true; }")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(visit) == []


def test_the_navigation_leads_to_every_page_with_the_same_machine(
    surf: Surf, published: Path
) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=gpubox&track=tensorflow")
        for name, title, _ in site.PAGES:
            visit.page.click(f"nav a[data-page={name}]")
            visit.page.wait_for_selector("html[data-drawn]", state="attached")
            assert visit.page.inner_text("h1") == title
            if name == "machines":  # it shows all of them
                assert "machine=gpubox" in visit.page.url
            else:
                assert visit.page.input_value("#choose-machine") == "gpubox"
        assert visit.page.get_attribute("nav a[data-page=asv]", "href") == "asv.html"


def test_the_colours_can_be_chosen_and_stay_chosen(surf: Surf, published: Path) -> None:
    with surf(published, color_scheme="light") as visit:
        drawn(visit, "index.html")
        for wanted in ("light", "dark"):
            again(visit, lambda: visit.page.click("#theme"))
            assert visit.page.get_attribute("html", "data-theme") == wanted
        visit.page.click("nav a[data-page=table]")
        visit.page.wait_for_selector("html[data-drawn]", state="attached")
        assert visit.page.get_attribute("html", "data-theme") == "dark"
        visit.page.click("#theme")
        assert visit.page.get_attribute("html", "data-theme") is None


def test_the_first_page_says_what_changed_most_and_leads_to_the_verdict(
    surf: Surf, published: Path
) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box")
        title = "TensorFlow: the largest sure changes of the train step"
        assert page.inner_text("#headlines h2") == title
        link = page.locator("#headlines li a").first
        percent = slower(published).removeprefix("+")
        assert f"2.16.2: a step takes {percent} more than in 2.15.1 (" in link.inner_text()
        # It opens on the plain configuration alone.
        assert page.inner_text("#configuration") == "NHWC, no BN, no XLA"
        assert len(points(visit)) == 1
        link.click()
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.inner_text("#count").startswith("1 of ")
        name = "Evidence on tensorflow-2.16.2, NHWC, no BN, no XLA, Train step"
        button = page.get_by_role("button", name=name)
        assert button.get_attribute("aria-expanded") == "true"
        assert "210 ms, the median of 3 processes" in page.inner_text("#verdicts")
        assert page.input_value("#choose-configuration") == "NHWC none off"
        again(visit, lambda: page.select_option("#choose-configuration", ""))
        assert not page.inner_text("#count").startswith("1 of ")


def test_the_sentences_are_of_the_measure_that_is_chosen_where_it_is_judged(
    surf: Surf, published: Path
) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box&measure=peak_memory")
        assert page.inner_text("#headlines h2").endswith("of the peak memory")
        drawn(visit, "index.html?machine=box&measure=loss")
        assert page.inner_text("#headlines h2").endswith("of the train step")
        drawn(visit, "index.html?track=theano")
        assert page.is_hidden("#headlines")


def test_what_is_not_sure_is_counted_and_not_listed(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    """A single process of a release makes nothing sure."""
    monkeypatch.chdir(tmp_path)
    both = ("NHWC none off", "NHWC none on")
    taken = [record(name, words) for name in SHIPPED[:3] for words in both]
    with surf(published_anew(tmp_path, taken)) as visit:
        page = visit.page
        drawn(visit, "index.html")
        assert "No change from one release to the next is sure." in page.inner_text("#headlines")
        count = page.locator("#headlines .unsure")
        assert count.inner_text() == "2 comparisons in NHWC, no BN, no XLA are not sure"
        assert page.locator("#release .badge").count() == 0
        assert page.inner_text("#release .unsure") == "1 comparison is not sure"
        again(visit, lambda: page.click("#only-all"))
        assert count.inner_text() == "4 comparisons are not sure"
        assert page.inner_text("#release .unsure") == "2 comparisons are not sure"
        page.click("#headlines .unsure a")
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.inner_text("#count").startswith("4 of ")


def test_the_release_below_the_chart_shows_what_the_chart_shows(
    surf: Surf, published: Path
) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box")
        rows = page.locator("#release tbody tr")
        assert [row.split("\t")[0].strip() for row in rows.all_inner_texts()] == [
            "NHWC, no BN, no XLA"
        ]
        again(visit, lambda: page.click("#only-all"))
        assert rows.count() == 5
        drawn(visit, f"index.html?machine=box&configuration=NCHW+none+off&release={SHIPPED[0]}")
        assert "Nothing of this release is on record in what the chart" in page.inner_text(
            "#release"
        )
        page.click(f"text=All configurations of {SHIPPED[0]}")
        page.wait_for_url("**/configurations.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.input_value("#choose-release") == SHIPPED[0]


def test_a_hover_shows_the_figures_of_the_records(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box")
        said = hover(visit, "line 0", 2)
        assert f"{SHIPPED[2]} · 2024-06-28" in said
        assert "NHWC, no BN, no XLA" in said
        assert "300.0 ms" in said
        assert "294.0 to 306.0, 3 processes, 9 samples" in said
        again(visit, lambda: visit.page.select_option("#choose-measure", "images"))
        assert "26.67 images/s" in hover(visit, "line 0", 2)
        again(visit, lambda: visit.page.select_option("#choose-measure", "first_step"))
        assert "4.500 s" in hover(visit, "line 0", 2)
        again(visit, lambda: visit.page.select_option("#choose-measure", "loss"))
        assert "6.891235" in hover(visit, "line 0", 2)


def test_na_and_failed_are_marked_apart_with_their_reasons(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box&configuration=all")
        assert "n/a: the wheel has no XLA" in hover(visit, "lane n/a", 0)
        assert "failed: SIGSEGV after 2 s" in hover(visit, "lane failed", 1)
        key = visit.page.inner_text("#key")
        assert "n/a" in key
        assert "failed" in key


def test_a_line_of_failures_alone_is_drawn_with_their_reasons(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = record(SHIPPED[1], outcome="failed", error="SIGSEGV after 2 s")
    with surf(published_anew(tmp_path, [failed])) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow")
        assert page.is_visible("#chart-card")
        assert "failed: SIGSEGV after 2 s" in hover(visit, "lane failed", 1)
        assert "SIGSEGV after 2 s" in page.inner_text("#release tbody")
        # There is no figure whose measure could be chosen, and nothing is said of duets.
        assert page.locator("#choose-measure").count() == 0
        assert page.inner_text("#problem") == ""


def test_the_chart_answers_the_keyboard(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box&configuration=all")
        visit.page.focus("#chart")
        visit.page.keyboard.press("ArrowLeft")
        assert "300.0 ms" in visit.page.inner_text("#chart-live")
        visit.page.keyboard.press("ArrowLeft")
        assert "210.0 ms" in visit.page.inner_text("#chart-live")
        visit.page.keyboard.press("ArrowDown")
        assert "115.0 ms" in visit.page.inner_text("#chart-live")
        visit.page.keyboard.press("Enter")
        assert SHIPPED[1] in visit.page.inner_text("#release h2")
        assert "release=tensorflow-2.15.1" in visit.page.url


def test_every_control_of_the_history_is_kept_by_the_url(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "index.html")
        again(visit, lambda: page.select_option("#choose-machine", "gpubox"))
        again(visit, lambda: page.select_option("#choose-measure", "gpu_utilisation"))
        again(visit, lambda: page.select_option("#choose-order", "date"))
        again(visit, lambda: page.check("#choose-log"))
        again(visit, lambda: page.uncheck("#choose-intervals"))
        again(visit, lambda: page.check("#configuration-1"))
        address = page.url.removeprefix(visit.address)
        title = page.inner_text("#chart-title")
        assert "GPU utilisation, %, on gpubox, gpu-paper" in title
        drawn(visit, address)
        assert page.inner_text("#chart-title") == title
        assert page.input_value("#choose-order") == "date"
        assert page.is_checked("#choose-log")
        assert not page.is_checked("#choose-intervals")
        assert page.is_checked("#configuration-1")
        assert page.is_checked("#configuration-0")
        assert page.locator("#series input:checked").count() == 2

        def configurations() -> Any:
            return page.evaluate("new URLSearchParams(location.search).getAll('configuration')")

        again(visit, lambda: page.click("#only-all"))
        assert configurations() == ["all"]
        assert page.locator("#series input:checked").count() == 5
        again(visit, lambda: page.click("#only-2-1"))
        assert configurations() == ["NHWC none on"]
        again(visit, lambda: page.uncheck("#configuration-1"))
        assert page.locator("#series input:checked").count() == 0
        again(visit, lambda: page.click("#only-plain"))
        assert configurations() == []
        assert page.is_checked("#configuration-0")
        assert page.locator("#series input:checked").count() == 1
        again(visit, lambda: page.select_option("#choose-track", "keras"))
        assert page.locator("#series input:checked").count() == 1


def test_the_history_leads_to_asvs_graph_of_the_same_line(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box&configuration=NHWC+none+off")
        href = str(visit.page.get_attribute("#asv-link a", "href"))
        assert href == (
            "asv.html#train_step.TensorFlow.time_train_step?machine=box"
            "&env-VGGBENCH_PROFILE=cpu-quick&branch=tensorflow"
            "&p-data_format='NHWC'&p-batch_norm='none'&p-xla='off'"
        )


def test_a_line_is_cut_where_a_release_was_measured_again_on_another_day(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with surf(published_anew(tmp_path, TWO_DAYS)) as visit:
        drawn(visit, f"index.html?release={SHIPPED[1]}")
        assert points(visit) == [[[0, 201], [1, 211], [1, None], [1, 316], [2, 319]]]
        said = hover(visit, "line 0", 1)
        assert "316.0 ms" in said
        assert "measured again on another day (211.0 ms the first time)" in said
        assert "a cut: measured again on another day" in visit.page.inner_text("#key")
        # Of the release that was measured twice, what changed since the one before.
        assert "+5.0 %" in visit.page.inner_text("#release")
        visit.page.focus("#chart")
        for _ in range(2):
            visit.page.keyboard.press("ArrowLeft")
        assert "211.0 ms the first time" in visit.page.inner_text("#chart-live")


def test_by_date_a_line_is_cut_where_its_neighbours_by_date_are_in_other_states(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    """1.6.0 came before 1.5.1."""
    monkeypatch.chdir(tmp_path)
    cpus = {"tensorflow-1.4.1": 2, "tensorflow-1.5.1": 2, "tensorflow-1.6.0": 4}
    taken = [record(name, cpus=count) for name, count in cpus.items()]
    with surf(published_anew(tmp_path, taken, releases=tuple(cpus))) as visit:
        for order, gaps in (("version", 1), ("date", 2)):
            drawn(visit, f"index.html?track=tensorflow&order={order}")
            (line,) = points(visit)
            assert [value for _, value in line].count(None) == gaps


def test_a_param_that_a_record_lacks_is_drawn_as_its_default(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = [LACKING, record(SHIPPED[1]), record(SHIPPED[2], "NCHW none on")]
    with surf(published_anew(tmp_path, taken)) as visit:
        drawn(visit, "index.html?track=tensorflow")
        ticks = visit.page.locator("#series .series-tick")
        for look in (".dashed", ".hollow"):
            chosen = ticks.filter(has=visit.page.locator(look))
            assert [text.strip() for text in chosen.all_inner_texts()] == ["NCHW, no BN, XLA"]
        assert "-, no BN, -" in ticks.all_inner_texts()[-1]


def test_a_line_passes_over_what_is_unmeasured_and_ends_at_a_failure(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = [
        record(SHIPPED[place], words)
        for words in ("NHWC none off", "NHWC none on")
        for place in (0, 2)
    ]
    failed = record(SHIPPED[1], "NHWC none on", outcome="failed", error="SIGSEGV")
    with surf(published_anew(tmp_path, [*taken, failed])) as visit:
        drawn(visit, "index.html?configuration=all")
        assert points(visit) == [[[0, 250], [2, 250]], [[0, 250], [1, None], [2, 250]]]


def test_a_chain_of_as_many_releases_comes_first_and_absolute_figures_are_the_other_choice(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with surf(published_anew(tmp_path, [*HISTORY, *CHAINED])) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow")
        title = f"TensorFlow: train step relative to {SHIPPED[0]}, on box, cpu-quick"
        assert page.inner_text("#chart-title") == title
        (levels,) = points(visit)
        assert [round(value, 2) for _, value in levels] == [1, 1.02, 0.97]
        said = hover(visit, "line 0", 2)
        assert f"0.970 × {SHIPPED[0]}" in said
        assert re.search(r"−3.0 % \(−3.\d % to −2.\d %, with 95 %\)", said)
        assert "the base" in hover(visit, "line 0", 0)
        assert "95 % interval of a level" in page.inner_text("#key")
        assert "0.970\t" in page.inner_text("#release tbody")
        assert f"{SHIPPED[0]} to {SHIPPED[2]}\t−3.0 %\t−3.0 %" in page.inner_text("#chain tbody")
        assert "no chain" not in page.inner_text("#series")
        assert violations(visit) == []
        on_a_phone(visit)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        # By the keyboard alone: the other choice, which the URL keeps.
        page.focus("#choose-figures")
        again(visit, lambda: page.keyboard.press("ArrowDown"))
        assert page.evaluate("document.activeElement.id") == "choose-figures"
        assert page.inner_text("#chart-title") == "TensorFlow: train step, ms, on box, cpu-quick"
        assert points(visit)[0] == [[0, 200], [1, 210], [2, 300]]
        assert page.is_hidden("#chain")
        assert "no chain" not in page.inner_text("#series")
        address = page.url.removeprefix(visit.address)
        drawn(visit, address)
        assert page.input_value("#choose-figures") == "absolute"
        again(visit, lambda: page.select_option("#choose-figures", "chain"))
        assert page.inner_text("#chart-title") == title
        assert "figures" not in page.url


def test_a_chain_of_fewer_releases_hides_no_figures_and_is_the_other_choice(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    other = block(SHIPPED[1], SHIPPED[2], 1.0, ("NCHW", "none", "on"))
    with surf(published_anew(tmp_path, [*HISTORY, *SLOWER, *other])) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow")
        assert page.inner_text("#chart-title") == "TensorFlow: train step, ms, on box, cpu-quick"
        assert points(visit) == [[[0, 200], [1, 210], [2, 300]]]
        assert page.input_value("#choose-figures") == "absolute"
        assert "NCHW, no BN, XLA (no run of asv)" in page.inner_text("#series")
        again(visit, lambda: page.select_option("#choose-figures", "chain"))
        assert f"relative to {SHIPPED[1]}" in page.inner_text("#chart-title")
        assert [place for place, _ in points(visit)[0]] == [1, 2]
        assert "figures=chain" in page.url
        # What is asked for stays, also where the chart would open on something else.
        address = page.url.removeprefix(visit.address)
        drawn(visit, address)
        assert page.input_value("#choose-figures") == "chain"
        again(visit, lambda: page.select_option("#choose-figures", "absolute"))
        assert "figures" not in page.url
        assert len(points(visit)[0]) == 3


def test_a_chain_of_one_configuration_hides_no_figures_of_the_others(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    """The chain has as many releases as HISTORY, of one of its five configurations."""
    monkeypatch.chdir(tmp_path)
    with surf(published_anew(tmp_path, [*HISTORY, *CHAINED])) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow")
        assert "relative to" in page.inner_text("#chart-title")
        again(visit, lambda: page.click("#only-all"))
        assert page.inner_text("#chart-title") == "TensorFlow: train step, ms, on box, cpu-quick"
        assert len(points(visit)) == 5
        again(visit, lambda: page.select_option("#choose-figures", "chain"))
        assert "figures=chain" in page.url
        assert len(points(visit)) == 1
        assert "NCHW, no BN, no XLA (no chain)" in page.inner_text("#series")
        again(visit, lambda: page.click("#only-plain"))
        assert "no chain" not in page.inner_text("#series")


def test_a_release_that_only_duets_have_measured_has_its_verdict_on_every_page(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    older = [one for one in HISTORY if one.release != SHIPPED[2]]
    with surf(published_anew(tmp_path, [*older, *SLOWER])) as visit:
        page = visit.page
        drawn(visit, f"releases.html?track=tensorflow#{SHIPPED[2]}")
        one = page.inner_text("#one")
        assert "Nothing of it is on record" not in one
        assert "Measured on box, cpu-quick, in duets alone" in one
        table = page.get_by_role("region", name=f"Measured of {SHIPPED[2]} in duets alone")
        step = table.locator("tbody tr", has=page.locator("td:text-is('Train step')"))
        said = step.inner_text()
        assert "NHWC, no BN, no XLA\t12 processes in duets" in said
        assert "regressed\t+22 % (" in said
        assert f"against {SHIPPED[1]}" in said
        rows = page.locator("#all tbody tr").all_inner_texts()
        (row,) = (row for row in rows if row.startswith(SHIPPED[2]))
        assert [text.strip() for text in row.split("\t")[3:7]] == [
            "1 in duets",
            "",
            "",
            "1 regressed",
        ]
        assert violations(visit) == []
        step.locator("a:text-is('evidence')").click()
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.inner_text("#count").startswith("1 of ")
        assert "decided by 6 blocks of duets" in page.inner_text("#verdicts .evidence")
        # Both lines have two releases: the chart opens on levels, and marks the verdict on one.
        drawn(visit, "index.html?track=tensorflow")
        assert "regressed +22 % (" in hover(visit, "regressed", 2)
        assert "regressed" in page.inner_text("#release tbody")
        drawn(visit, f"index.html?track=tensorflow&figures=absolute&release={SHIPPED[2]}")
        assert [place for place, _ in points(visit)[0]] == [0, 1]
        assert "measured in duets alone" in page.inner_text("#release")
        drawn(visit, f"releases.html?track=tensorflow#{SHIPPED[0]}")
        assert "in duets alone" not in page.inner_text("#one")


def test_blocks_that_are_too_few_for_a_level_are_no_chart_and_have_their_verdict(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    few = blocks(SHIPPED[1], SHIPPED[2], 1.2, count=4)
    with surf(published_anew(tmp_path, few)) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow")
        assert page.is_hidden("#chart-card")
        assert "2.16.2: a step takes" in page.inner_text("#headlines")
        assert "No run of asv has measured TensorFlow on box" in page.inner_text("#problem")
        page.click("#problem a")
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert "regressed" in page.inner_text("#verdicts")
        for path in PAGES:
            drawn(visit, path)
        # These two have no figure to show, nor a release for another column.
        for path in ("configurations.html", "table.html"):
            drawn(visit, path)
            assert "No run of asv has measured TensorFlow on box" in page.inner_text("#problem")
        assert page.is_disabled("#add-column")
        # It was held against, and nothing before it was measured.
        drawn(visit, f"releases.html?track=tensorflow#{SHIPPED[1]}")
        one = page.inner_text("#one")
        assert "8 processes in duets\tno verdict on it" in one
        assert "No run of asv has measured this, so it has no figures of its own." in one


def test_the_card_of_a_release_without_figures_leads_to_verdicts_only_where_there_are_some(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    few = blocks(SHIPPED[0], SHIPPED[1], 1.2, count=4)
    with surf(published_anew(tmp_path, [*few, record(SHIPPED[2])])) as visit:
        page = visit.page
        link = page.locator("#release a", has_text="All verdicts on")
        for name, count in ((SHIPPED[0], 0), (SHIPPED[1], 1)):
            drawn(visit, f"index.html?track=tensorflow&release={name}")
            assert "measured in duets alone, so it has no figure" in page.inner_text("#release")
            assert link.count() == count
        link.click()
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert "regressed" in page.inner_text("#verdicts")


def test_the_card_says_why_a_release_did_not_run_in_a_duet(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    older = [one for one in HISTORY if one.release != SHIPPED[2]]
    failed = record(SHIPPED[2], purpose="duet", outcome="failed", error="SIGSEGV after 2 s")
    with surf(published_anew(tmp_path, [*older, failed])) as visit:
        page = visit.page
        drawn(visit, f"index.html?track=tensorflow&release={SHIPPED[2]}")
        card = page.inner_text("#release")
        assert "failed NHWC, no BN, no XLA, in duets: SIGSEGV after 2 s" in card
        assert "measured in duets alone" not in card


#: Too few blocks for a level: they make a line without figures.
FEW = blocks(SHIPPED[1], SHIPPED[2], 1.2, count=2)


def test_pages_open_on_a_profile_with_figures_where_there_is_one(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    figures = [changed(one, profile="gpu-paper") for one in HISTORY if one.release != SHIPPED[3]]
    with surf(published_anew(tmp_path, [*FEW, *figures])) as visit:
        page = visit.page
        lines = literal.read(tmp_path / "html", "index")["lines"]
        assert [line["profile"] for line in lines] == ["cpu-quick", "gpu-paper"]
        for path in ("index.html", "configurations.html", "table.html"):
            drawn(visit, path)
            assert page.input_value("#choose-profile") == "gpu-paper"
            assert page.inner_text("#problem") == ""
        # The other can be asked for.
        drawn(visit, "index.html?profile=cpu-quick")
        assert "No run of asv has measured TensorFlow on box" in page.inner_text("#problem")


def test_pages_open_on_a_track_with_figures_where_there_is_one(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    figures = [one for one in HISTORY if one.release == SHIPPED[3]]
    with surf(published_anew(tmp_path, [*FEW, *figures])) as visit:
        page = visit.page
        index = literal.read(tmp_path / "html", "index")
        has_figures = {line["track"]: line["measures"] != [] for line in index["lines"]}
        assert has_figures == {"tensorflow": False, "keras": True}
        assert [track["name"] for track in index["tracks"]][:2] == ["tensorflow", "keras"]
        for path in ("index.html", "configurations.html"):
            drawn(visit, path)
            assert page.input_value("#choose-track") == "keras"
            assert page.inner_text("#problem") == ""


def test_what_has_no_chain_shows_absolute_figures(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with surf(published_anew(tmp_path, [*HISTORY, *CHAINED])) as visit:
        page = visit.page
        for which in (
            "track=keras",
            "track=tensorflow&measure=loss",
            "track=tensorflow&configuration=NHWC+none+on",
        ):
            drawn(visit, f"index.html?{which}")
            assert page.locator("#choose-figures").count() == 0
            assert "relative to" not in page.inner_text("#chart-title")
            assert page.is_hidden("#chain")


def test_components_of_a_chain_stay_apart_and_need_no_other_processes(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    older = ("tensorflow-2.10.1", "tensorflow-2.11.1")
    with surf(published_anew(tmp_path, APART, releases=older)) as visit:
        page = visit.page
        drawn(visit, "index.html?track=tensorflow&configuration=all")
        assert "train step relative to its base" in page.inner_text("#chart-title")
        first, second = points(visit)
        assert [place for place, _ in first] == [0, 1, 3, 3, 4]
        assert [value for _, value in first].index(None) == 2
        assert [place for place, _ in second] == [2, 3]
        assert "a gap: no link connects the components" in page.inner_text("#key")
        said = page.inner_text("#chain")
        assert f"2 releases, {SHIPPED[1]} to {SHIPPED[2]}, relative to {SHIPPED[1]}" in said
        page.focus("#chart")
        page.keyboard.press("ArrowLeft")
        assert f"× {SHIPPED[1]}" in page.inner_text("#chart-live")
        page.click("#figures summary")
        rows = page.locator("#figures tbody tr").all_inner_texts()
        assert [row.split("\t")[2] for row in rows] == ["1.000", "1.105", "–", "1.000", "1.221"]
        # There are no absolute figures to choose.
        assert page.locator("#choose-figures").count() == 0
        for path in PAGES:
            drawn(visit, path)


def test_the_figures_are_a_table_too(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box&configuration=all")
        visit.page.click("#figures summary")
        rows = visit.page.locator("#figures tbody tr").all_inner_texts()
        assert [row.split("\t")[:4] for row in rows] == [
            ["2.14.1", "2023-11-14", "200.0", "n/a"],
            ["2.15.1", "2024-03-08", "210.0", "115.0"],
            ["2.16.2", "2024-06-28", "300.0", "102.0"],
        ]


def test_a_track_without_results_says_how_to_measure_it(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        for page in ("index", "configurations", "verdicts"):
            drawn(visit, f"{page}.html?track=theano")
            assert "asv run theano" in visit.page.inner_text("#problem")


def test_the_tables_are_those_of_the_command(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "table.html?machine=box")
        first = page.locator("#tables table").first

        def row(name: str) -> list[str]:
            cells = first.locator("tr", has=page.locator(f"th:text-is('{name}')")).locator("td")
            return [re.sub(r"\s+", " ", text) for text in cells.all_inner_texts()]

        assert row("TensorFlow NHWC, no XLA") == ["300.0 × 0.60", "365.122 × 1.01"]
        assert row("TensorFlow NHWC, XLA") == ["102.0 × 0.20", "300.424 × 0.83"]
        assert row("Keras (TensorFlow backend), NHWC") == ["502.0 × 1.00", "362.206 × 1.00"]
        assert row("Keras (Theano backend)")[0] == "unmeasured"
        again(visit, lambda: page.click("#add-column"))
        assert row("TensorFlow NHWC, no XLA")[:2] == ["300.0 × 0.60", "210.0 × 0.42"]
        assert row("TensorFlow NCHW, no XLA")[1] == "failed SIGSEGV after 2 s"
        again(visit, lambda: page.select_option("#choose-tensorflow-1", SHIPPED[0]))
        assert row("TensorFlow NHWC, XLA")[1] == "n/a the wheel has no XLA"
        address = page.url.removeprefix(visit.address)
        again(visit, lambda: page.uncheck("#choose-reference"))
        assert len(row("TensorFlow NHWC, XLA")) == 2
        drawn(visit, address)
        assert row("TensorFlow NHWC, XLA")[1] == "n/a the wheel has no XLA"
        again(visit, lambda: page.click("#remove-0"))
        assert row("TensorFlow NHWC, no XLA")[0].startswith("200.0")


def test_choices_are_said_with_their_costs(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "configurations.html?machine=box")
        base = "× is the ratio of the step to that of “NHWC, no BN, XLA”"
        assert base in page.inner_text("#choices")
        xla = page.get_by_role("region", name="XLA against no XLA")
        # 24.5 s against 4.5 s for the first step, 0.198 s saved a step.
        assert xla.locator("tbody tr").all_inner_texts() == [
            "NHWC, no BN\t300.0\t102.0\t66 % faster\t+20.00 s\t+0.000 GB\tafter 103 steps"
        ]
        nchw = page.get_by_role("region", name="NCHW against NHWC")
        assert "37 % slower" in nchw.inner_text()
        assert "never" not in nchw.inner_text()
        fused = page.get_by_role("region", name="fused BN against unfused BN")
        assert "22 % faster" in fused.locator("tbody tr").last.inner_text()
        again(visit, lambda: page.select_option("#choose-release", SHIPPED[1]))
        assert "release=tensorflow-2.15.1" in page.url
        assert "failed" in page.inner_text("#choices")


def slower(published: Path) -> str:
    """By how much HISTORY's last release is slower, as a text, as the data beside the page says."""
    (line,) = (
        line
        for line in literal.read(published, "index")["lines"]
        if (line["machine"], line["track"]) == ("box", "tensorflow")
    )
    (ratio,) = (
        verdict["ratio"][0]
        for verdict in literal.read(published, f"{line['id']}-verdicts")["verdicts"]
        if (verdict["release"], verdict["c"], verdict["measure"]) == (SHIPPED[2], 0, "step")
    )
    assert ratio > 1.3
    return f"+{(ratio - 1) * 100:.0f} %"


def test_verdicts_are_listed_filtered_and_shown_with_their_evidence(
    surf: Surf, published: Path
) -> None:
    with surf(published) as visit:
        page = visit.page
        drawn(visit, "verdicts.html?machine=box")
        rows = page.locator("#verdicts tbody tr:not(.group):not(.evidence)")
        shown = rows.all_inner_texts()
        row_text = f"NHWC, no BN, no XLA\tTrain step\t▲ regressed\t{slower(published)}"
        assert any(row_text in row for row in shown)
        assert any("+ new" in row for row in shown)
        assert not any("unchanged" in row or "not sure" in row for row in shown)
        name = "Evidence on tensorflow-2.16.2, NHWC, no BN, no XLA, Train step"
        button = page.get_by_role("button", name=name)
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        assert "210 ms, the median of 3 processes" in page.inner_text("#verdicts")
        button.click()
        assert "210 ms, the median of 3 processes" not in page.inner_text("#verdicts")
        again(visit, lambda: page.select_option("#choose-outcome", "all"))
        assert rows.count() > len(shown)
        again(visit, lambda: page.select_option("#choose-measure", "step"))
        again(visit, lambda: page.select_option("#choose-release", SHIPPED[1]))
        assert {row.split("\t")[1] for row in rows.all_inner_texts()} == {"Train step"}
        count, address = rows.count(), page.url.removeprefix(visit.address)
        drawn(visit, address)
        assert rows.count() == count


#: A release that HISTORY has not measured.
OLDER = "tensorflow-2.13.1"

#: What machines have of HISTORY's slow-down: its own records, other figures, and too few processes
#: to be sure. The other two hold no release against the first of HISTORY.
BESIDE = {
    "box": HISTORY,
    "likewise": [
        *literal.processes(OLDER, "NHWC none off", 0.110, 0.111, 0.109),
        *literal.processes(SHIPPED[1], "NHWC none off", 0.110, 0.111, 0.109),
        *literal.processes(SHIPPED[2], "NHWC none off", 0.170, 0.171, 0.169),
    ],
    "unsure": [record(SHIPPED[1]), record(SHIPPED[2])],
}


def published_beside(folder: Path) -> Path:
    checkout = literal.checkout(folder / "checkout", OLDER)
    for machine, taken in BESIDE.items():
        literal.write_records(checkout, taken, machine)
    literal.write_pages(checkout, folder / "html", scripts=True)
    return folder / "html"


def test_a_change_says_on_how_many_machines_it_was_seen_and_what_each_says(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with surf(published_beside(tmp_path)) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box&track=tensorflow")
        seen = page.locator("#headlines li .seen")
        assert seen.all_inner_texts() == ["seen on 2 of 2 machines"]
        told = str(seen.get_attribute("title"))
        assert "box: regressed, +" in told
        assert "likewise: regressed, +" in told
        assert "unsure: not sure, " in told
        assert "which is no answer" in told
        page.locator("#headlines li", has=page.locator(".seen")).locator("a").click()
        page.wait_for_url("**/verdicts.html?*")
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.locator("#verdicts td .seen").inner_text() == "seen on 2 of 2 machines"
        machines = page.locator("#verdicts .evidence li li").all_inner_texts()
        assert [text.split(":")[0] for text in machines] == ["box", "likewise", "unsure"]
        assert all("%" in text for text in machines)
        assert violations(visit) == []
        # What no other machine has measured is not counted, nor what is not sure.
        drawn(visit, "verdicts.html?machine=box&track=tensorflow&outcome=all")
        assert page.locator("#verdicts td .seen").count() == 1
        drawn(visit, "verdicts.html?machine=unsure&track=tensorflow&outcome=all")
        assert page.locator("#verdicts td .seen").count() == 0


def test_the_page_of_machines_shows_what_is_on_record_and_says_what_is_not(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    facts: dict[str, Any] = {
        "kernel": "6.1.0",
        "governor": None,
        "memory_limit_bytes": 8_000_000_000,
    }
    taken = [changed(one, process_s=3600.0) for one in HISTORY]
    checkout = literal.checkout(tmp_path / "checkout")
    literal.write_records(checkout, [*taken, record(**facts, process_s=36.0)])
    literal.write_records(checkout, HISTORY[:1], "bare")
    asv = {"cpu": "A CPU", "num_cpu": "2", "ram": "25000000000", "os": "Linux 6.0"}
    (checkout / "results" / "box" / "machine.json").write_text(json.dumps(asv))
    literal.write_pages(checkout, tmp_path / "html", scripts=True)
    with surf(tmp_path / "html") as visit:
        drawn(visit, "machines.html")

        def values(machine: str) -> dict[str, str]:
            card = visit.page.get_by_role("region", name=machine, exact=True)
            names = card.locator("dt").all_inner_texts()
            return dict(zip(names, card.locator("dd").all_inner_texts(), strict=True))

        told = values("box")
        assert told["processor"] == "not recorded"
        assert told["memory"] == "25.0 GB, of which a process may use 8.0 GB"
        assert (told["kernel"], told["governor"]) == ("6.1.0", "cannot be seen")
        assert told["as asv describes it"] == "A CPU · 2 CPUs · Linux 6.0"
        assert told["noise of blocks"] == "cpu-quick: not calibrated"
        assert told["last heard of"] == "2026-05-01 13:00 UTC"
        bare = values("bare")
        missing = ("processor", "memory", "kernel", "governor", "GPU", "as asv describes it")
        assert {bare[name] for name in missing} == {"not recorded"}
        table = visit.page.get_by_role("region", name="What box has measured")
        rows = [row.split("\t") for row in table.locator("tbody tr").all_inner_texts()]
        assert [row[:3] for row in rows] == [
            ["cpu-quick", "keras", "1 of 1"],
            ["cpu-quick", "tensorflow", "3 of 3"],
        ]
        assert rows[1][3].endswith(" of 3")
        # All processes began at once.
        assert [row[5] for row in rows] == ["1.0", "1.0"]


def test_the_history_marks_what_regressed(surf: Surf, published: Path) -> None:
    with surf(published) as visit:
        drawn(visit, "index.html?machine=box")
        assert "regressed" in visit.page.inner_text("#key")
        said = hover(visit, "regressed", 2)
        assert "300.0 ms" in said
        assert f"regressed {slower(published)}" in said
        assert f"against {SHIPPED[1]}" in said


def test_memory_growth_has_a_chart_and_differences_and_no_graph_of_asv(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = [
        changed(
            process, memory_growth_per_step_bytes=1e9 if process.release == SHIPPED[2] else -5e6
        )
        for process in HISTORY
        if process.outcome == "ok"
    ]
    with surf(published_anew(tmp_path, taken)) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box&measure=memory_growth&configuration=NHWC+none+off")
        assert "memory growth per step, MB" in page.inner_text("#chart-title")
        assert page.locator("#asv-link a").count() == 0
        assert "+1005 MB" in page.inner_text("#release")
        assert "regressed +1005 (+1005 to +1005) MB" in hover(visit, "regressed", 2)
        drawn(visit, "verdicts.html?machine=box&measure=memory_growth")
        assert "+1005 (+1005 to +1005) MB" in page.inner_text("#verdicts")


def test_a_release_has_a_page_under_its_name_and_asvs_id(surf: Surf, published: Path) -> None:
    commit = literal.CATALOGUE.by_name[SHIPPED[2]].commit
    with surf(published) as visit:
        for anchor in (SHIPPED[2], commit, commit[:8]):
            drawn(visit, f"releases.html#{anchor}")
            text = visit.page.inner_text("#one")
            assert "TensorFlow 2.16.2" in text
            assert "2024-06-28" in text
            assert "tensorflow-cpu==2.16.2" in text
            assert "keras 2.15.0 → 3.4.1" in text
            assert NO_DOWNLOAD in text
        visit.page.click("text=tensorflow-2.15.1 >> nth=0")
        visit.page.wait_for_selector("#one >> text=TensorFlow 2.15.1")
        assert "SIGSEGV after 2 s" in visit.page.inner_text("#one")
        drawn(visit, "releases.html#tensorflow-%3Cb%3E0.1")
        assert "No track has a release tensorflow-<b>0.1" in visit.page.inner_text("#problem")
        assert visit.page.locator("#problem b").count() == 0


def test_a_release_says_how_many_packages_and_bytes_it_installs(
    surf: Surf, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    lock = literal.CATALOGUE.by_name[SHIPPED[2]].locks["cpu"]
    pinned = literal.CATALOGUE.pins(literal.CATALOGUE.by_name[SHIPPED[2]], "cpu")
    taken = [*HISTORY, record(SHIPPED[2], lock=lock.digest, installed_bytes=1_490_000_000)]
    with surf(published_anew(tmp_path, taken)) as visit:
        drawn(visit, f"releases.html?track=tensorflow#{SHIPPED[2]}")
        one = visit.page.inner_text("#one")
        assert f"packages\n{len(pinned)}\n" in one
        assert "installed\n1.49 GB\n" in one
        drawn(visit, f"releases.html?track=tensorflow#{SHIPPED[1]}")
        assert "no process was measured since" in visit.page.inner_text("#one")
        rows = visit.page.locator("#all tbody tr").all_inner_texts()
        (row,) = [row for row in rows if row.startswith(SHIPPED[2])]
        assert row.split("\t")[-2:] == [str(len(pinned)), "1.49 GB"]


def test_hostile_text_is_shown_as_text(surf: Surf, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    machine = hostile.replace("/", "_")
    taken = [
        *HISTORY,
        record("tensorflow-" + hostile),
        record(outcome="failed", error=hostile, words="NCHW none on"),
        record(configuration={"data_format": hostile, hostile: hostile}),
    ]
    with surf(published_anew(tmp_path, taken, machine)) as visit:
        visit.page.on("dialog", lambda dialog: visit.faults.append(f"dialog: {dialog.message}"))
        for path in PAGES:
            drawn(visit, path)
            assert visit.page.locator("main img, main script").count() == 0
            assert "<img" in visit.page.inner_text("body")
        drawn(visit, "index.html?configuration=all")
        assert "<img" in hover(visit, "lane failed", 2)


def test_without_the_charts_library_the_figures_are_there(
    surf: Surf, published: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(published, tmp_path / "html")
    (tmp_path / "html" / "vendor" / "echarts.min.js").unlink()
    with surf(tmp_path / "html", clean=False) as visit:
        drawn(visit, "index.html?machine=box")
        assert "make setup" in visit.page.inner_text("#problem")
        assert "300.0" in visit.page.inner_text("#figures")


def test_data_that_is_missing_is_said_on_the_page(
    surf: Surf, published: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(published, tmp_path / "html")
    shutil.rmtree(tmp_path / "html" / "data")
    with surf(tmp_path / "html", clean=False) as visit:
        visit.goto("index.html")
        visit.page.wait_for_selector("#problem .notice")
        assert "asv publish" in visit.page.inner_text("#problem")


@pytest.mark.parametrize("path", ["index.html", "verdicts.html", "configurations.html"])
def test_data_that_go_missing_later_are_said_and_looked_for_again(
    path: str, surf: Surf, published: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(published, tmp_path / "html")
    data = tmp_path / "html" / "data"
    with surf(tmp_path / "html", clean=False) as visit:
        page = visit.page
        drawn(visit, f"{path}?machine=box")
        data.rename(tmp_path / "aside")
        page.select_option("#choose-machine", "gpubox")
        page.wait_for_selector("#problem .notice")
        assert "asv publish" in page.inner_text("#problem")
        (tmp_path / "aside").rename(data)
        again(visit, lambda: page.select_option("#choose-machine", "box"))
        again(visit, lambda: page.select_option("#choose-machine", "gpubox"))
        assert page.locator("#problem .notice").count() == 0


def test_pages_that_are_opened_as_files_say_how_to_see_them(surf: Surf, published: Path) -> None:
    with surf(published, clean=False) as visit:
        drawn(visit, "index.html?machine=box")
        assert not visit.page.locator(".unserved").is_visible()
        # The visit lets nothing through but what is served: this is a page of its own.
        page = visit.page.context.browser.new_page()
        page.goto((published / "index.html").as_uri())
        assert page.locator(".unserved").is_visible()
        assert "vggbench preview" in page.inner_text(".unserved")
        page.close()


@pytest.mark.asv
def test_pages_of_a_real_run_show_what_its_records_say(surf: Surf, measured: Tiny) -> None:
    done = measured.asv("publish", env={"VGGBENCH_WEB": str(web.packages())})
    assert done.status == 0, done.output
    html_dir = measured.folder / ".asv" / "html"
    with surf(html_dir) as visit:
        page = visit.page
        drawn(visit, "index.html")
        assert page.inner_text("#chart-title") == "Tinyframe: train step, ms, on testbox, cpu-quick"
        releases = [
            release["version"]
            for release in json.loads((html_dir / "data" / "index.json").read_text())["tracks"][0][
                "releases"
            ]
        ]
        for i, version in enumerate(releases):
            of = [r for r in measured.records(f"tinyframe-{version}") if "samples" in r]
            of = [r for r in of if r["configuration"]["mode"] == "plain"]
            medians = sorted(sorted(r["samples"])[len(r["samples"]) // 2] for r in of)
            expected = (medians[0] + medians[-1]) / 2 * 1000
            assert f"{expected:.2f} ms" in hover(visit, "line 0", i)
        for name, title, _ in site.PAGES:
            drawn(visit, f"{name}.html")
            assert page.inner_text("h1") == title
        drawn(visit, "index.html")
        page.click("#asv-link a")
        page.wait_for_selector("#graphdisplay-state-params")
        assert "time_train_step" in page.url


def test_what_a_busy_machine_measured_is_marked(surf: Surf, tmp_path: Path) -> None:
    load = {"load_before": [9.0, 5.0, 3.0]}
    taken = [
        *literal.processes(SHIPPED[2], "NHWC none off", 0.199, 0.2, 0.201),
        *literal.processes(SHIPPED[2], "NHWC none on", 0.1, **load),
    ]
    message = "measured on a busy machine (a load of 9.0 where the process may use 2 CPUs)"
    key = "! measured on a busy machine; hover for its load"
    with surf(published_anew(tmp_path, taken)) as visit:
        page = visit.page
        drawn(visit, "index.html?machine=box&configuration=all")
        assert key in page.inner_text("#key")
        assert page.locator("#chart text:text-is('!')").count() == 1
        row = page.locator("#release tbody tr")
        assert ["!" in text for text in row.all_inner_texts()] == [False, True]
        assert page.locator("#release .sign.bad").get_attribute("title") == message
        page.focus("#chart")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
        assert message in page.inner_text("#chart-live")
        drawn(visit, "index.html?machine=box&configuration=all&measure=peak_memory")
        assert key not in page.inner_text("#key")
        assert page.locator("#chart text:text-is('!')").count() == 0
        for path in ("configurations.html?machine=box", f"releases.html?machine=box#{SHIPPED[2]}"):
            drawn(visit, path)
            assert key in page.inner_text("main")
            assert page.locator("td .sign.bad").first.get_attribute("title") == message
        drawn(visit, "table.html?machine=box&reference=no")
        marks = page.locator("#tables td .sign.bad")
        assert [mark.get_attribute("title") for mark in marks.all()] == [message]
        assert "!: measured on a busy machine" in page.inner_text("#tables")


def test_what_was_measured_in_another_state_is_shown_and_not_compared(
    surf: Surf, tmp_path: Path
) -> None:
    taken = [
        *literal.processes(SHIPPED[2], "NHWC none off", 0.199, 0.2, 0.201),
        *literal.processes(SHIPPED[2], "NHWC none on", 0.099, 0.1, 0.101),
        *literal.processes(SHIPPED[2], "NHWC fused off", 0.8, variables={"OMP_NUM_THREADS": "1"}),
    ]
    with surf(published_anew(tmp_path, taken)) as visit:
        drawn(visit, "table.html?machine=box&reference=no")
        name = visit.page.locator("th:text-is('TensorFlow NHWC, fused BN, no XLA')")
        cell = visit.page.locator("tr", has=name)
        told = " ".join(cell.locator("td").inner_text().split())
        assert told.startswith("800.0 not compared: measured with 2 CPUs")
        assert "OMP_NUM_THREADS=1" in told
        drawn(visit, "configurations.html?machine=box")
        fused = visit.page.get_by_role("region", name="fused BN against no BN")
        assert "not compared: OMP_NUM_THREADS: none with none, 1 with fused" in fused.inner_text()
        assert "faster" not in fused.inner_text()
        xla = visit.page.get_by_role("region", name="XLA against no XLA")
        assert "50 % faster" in xla.inner_text()
