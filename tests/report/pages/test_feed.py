"""The feed of confirmed changes: what is in it, and that readers know an entry again."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from vggbench.releases.catalogue import Track
from vggbench.report import findings
from vggbench.report.pages import feed, site

from ...records.factory import CATALOGUE
from . import literal
from .literal import CHAINED, HISTORY, MACHINE, TWO_DAYS

ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return literal.checkout(tmp_path / "checkout")


def published(folder: Path) -> ET.Element:
    html_dir = folder.parent / "html"
    literal.write_pages(folder, html_dir)
    return ET.parse(html_dir / "changes.xml").getroot()


def texts(feed_: ET.Element, name: str) -> list[str]:
    return [each.findtext(f"a:{name}", "", ATOM) for each in feed_.findall("a:entry", ATOM)]


def test_the_feed_has_what_the_findings_call_confirmed_and_nothing_else(folder: Path) -> None:
    taken = [*CHAINED, *TWO_DAYS]
    literal.write_records(folder, taken)
    told = findings.find(MACHINE, taken, CATALOGUE, facts={}, sittings=[], configurations=[])
    confirmed = [verdict for each in told for verdict in each.confirmed]
    assert confirmed
    made = published(folder)
    assert len(texts(made, "id")) == len(confirmed)
    for verdict in confirmed:
        assert any(title.startswith(f"{verdict.release} (") for title in texts(made, "title"))


def test_an_entry_has_all_that_atom_asks_for(folder: Path) -> None:
    literal.write_records(folder, CHAINED)
    made = published(folder)
    assert made.tag == "{http://www.w3.org/2005/Atom}feed"
    for name in ("id", "title", "updated"):
        assert made.findtext(f"a:{name}", "", ATOM)
    assert made.findtext("a:author/a:name", "", ATOM) == "vggbench"
    ids = texts(made, "id")
    assert ids
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("tag:vggbench.invalid,2026-01-01:/") for one in ids)
    for when in [made.findtext("a:updated", "", ATOM), *texts(made, "updated")]:
        datetime.datetime.strptime(when, "%Y-%m-%dT%H:%M:%SZ")
    for entry in made.findall("a:entry", ATOM):
        link = entry.find("a:link", ATOM)
        assert link is not None
        assert link.attrib["href"].startswith("releases.html#tensorflow-2.")


def test_an_entry_that_evidence_is_added_to_is_updated_and_keeps_its_id(folder: Path) -> None:
    literal.write_records(folder, CHAINED)
    before = published(folder)
    assert set(texts(before, "updated")) == {"2024-06-01T12:00:00Z"}
    later = literal.link(literal.SHIPPED[1], literal.SHIPPED[2], -0.051, session=5)
    literal.write_records(folder, later)
    after = published(folder)
    assert set(texts(after, "id")) == set(texts(before, "id"))
    assert set(texts(after, "updated")) == {"2024-06-06T12:00:00Z"}


def test_the_same_records_make_the_same_feed(folder: Path) -> None:
    html_dir = folder.parent / "html"
    for taken in ([], CHAINED):
        literal.write_records(folder, taken)
        texts_ = set()
        for _ in range(2):
            literal.write_pages(folder, html_dir)
            texts_.add((html_dir / "changes.xml").read_text())
        assert len(texts_) == 1


def test_what_no_session_measured_both_of_is_not_in_it(folder: Path) -> None:
    literal.write_records(folder, HISTORY)
    assert texts(published(folder), "id") == []


def told(number: int, **more: Any) -> dict[str, Any]:
    when = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    return {
        "id": ["box", "cpu-quick", "key", f"tensorflow-2.{number}", "step"],
        "release": f"tensorflow-2.{number}",
        "title": f"tensorflow-2.{number}: a step takes 3 % more",
        "notes": [],
        "updated": (when + datetime.timedelta(days=number)).isoformat(),
        **more,
    }


def test_a_superseded_pre_release_is_not_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    literal.write_records(folder, CHAINED)
    name = texts(published(folder), "title")[0].partition(" (")[0]
    monkeypatch.setattr(Track, "superseded", frozenset({name}))
    literal.write_records(folder, CHAINED)
    again = folder.parent / "again"
    literal.write_pages(folder, again)
    made = ET.parse(again / "changes.xml").getroot()
    assert not any(title.startswith(f"{name} (") for title in texts(made, "title"))


def test_the_feed_is_bounded_and_keeps_the_newest() -> None:
    made = ET.fromstring(feed.write(map(told, range(feed.MOST + 20))))
    releases = [title.partition(":")[0] for title in texts(made, "title")]
    assert releases == [f"tensorflow-2.{n}" for n in range(feed.MOST + 19, 19, -1)]


def test_text_stays_text_and_what_xml_cannot_write_is_replaced() -> None:
    bad = "<b>&\"'\x00\x1b\ud800]]>"
    made = ET.fromstring(feed.write([told(1, title=bad, notes=[bad], id=[bad] * 5)]))
    assert texts(made, "title") == ["<b>&\"'\ufffd\ufffd\ufffd]]>"]
    assert "&lt;b&gt;&amp;" in texts(made, "content")[0]


def test_each_page_names_the_feed(folder: Path) -> None:
    published(folder)
    for name, _, _ in site.PAGES:
        page = (folder.parent / "html" / f"{name}.html").read_text()
        assert 'rel="alternate" type="application/atom+xml"' in page
        assert 'href="changes.xml"' in page
