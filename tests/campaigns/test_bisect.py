"""``vggbench bisect``: which builds stand between two releases, and searches on the tiny track."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.version import Version

from vggbench import records
from vggbench.campaigns.bisect import line, report
from vggbench.campaigns.bisect.line import NothingToBisect
from vggbench.campaigns.bisect.report import BisectFinding, headline
from vggbench.checkout import Checkout
from vggbench.judging.measures import JUDGED
from vggbench.releases import index
from vggbench.releases.builds import BuildCatalogue
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.index import IndexUnreachable, Listed, NotListed
from vggbench.releases.spec import SpecError
from vggbench.stats.policy import THRESHOLD

from ..asv_plugin.test_faults import ended, the_line, until
from ..index import OUT_OF_ORDER, serving
from ..tiny import MACHINE, Ended, Tiny, pythons, write_wheel
from .here import ROOT
from .test_confirm import NOISE, ROUGH

#: What scripts read.
KEYS = {
    *("schema", "machine", "profile", "configuration", "measure", "good", "bad", "outcome"),
    *("before", "after", "probability", "ratio", "low", "high", "builds", "blocks", "notes"),
    "status",
}
OF_A_BUILD = {"name", "date", "commit", "log_ratio", "blocks", "unknown"}

PLAIN = ("--bench", "'plain'")


def test_the_keys_that_scripts_read_are_described() -> None:
    page = (ROOT / "docs" / "bisecting.md").read_text()
    tables = page.partition("## For scripts")[2].split("| key |")[1:]
    described = [
        {
            key
            for row in table.partition("\n\n")[0].splitlines()
            if row.startswith("| `")
            for key in re.findall(r"`(\w+)`", row.split("|")[1])
        }
        for table in tables
    ]
    assert described == [KEYS, OF_A_BUILD]


def test_each_measure_that_is_judged_can_be_asked_for() -> None:
    assert set(JUDGED) == {"step", "first_step", "peak_memory"}


# -- which builds stand between two releases


def listed(version: str, day: str | None = "2020-03-01", yanked: str | None = None) -> Listed:
    when = None if day is None else datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    return Listed(Version(version), when, yanked)


def add_nightlies(tiny: Tiny) -> None:
    tiny._write_track("tinyframe-nightly")
    path = tiny.releases / "tinyframe-nightly" / "track.json"
    content = json.loads(path.read_text())
    content["framework"] = "Tinyframe"
    content["nightly_of"] = "tinyframe"
    content["requirements"] = {"cpu": [[">=0", "tinyframe-nightly=={version}"]]}
    path.write_text(json.dumps(content))


def between(tiny: Tiny, good: str, bad: str) -> line.BuildsBetween:
    main = Catalogue(tiny.releases)
    tracks = line.tracks_of(main, line.track_of(main, good))
    own = BuildCatalogue(main, tiny.folder / "builds", tracks)
    return line.between(main, own, good, bad)


@pytest.fixture
def on_index(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Listed]]:
    """By package, what the index lists; a package that is not there is on no index."""
    known: dict[str, list[Listed]] = {}

    def versions_of(package: str, address: str | None) -> list[Listed]:
        if package not in known:
            raise NotListed(f"{package} is on no index")
        return known[package]

    monkeypatch.setattr(index, "versions_of", versions_of)
    return known


def test_builds_of_the_track_of_the_index_and_nightlies_stand_in_the_order_of_versions(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    add_nightlies(bare_tiny)
    versions = ("1.1", "1.1.1", "1.2", "1.3rc1", "1.3rc0", "1.10", "1.10.1", "2.0rc0", "2.0", "2.1")
    on_index["tinyframe"] = [listed(version) for version in versions]
    nightlies = ("1.1.dev20130101", "1.3.dev20130103", "1.3.dev20130102", "2.0.dev20130104")
    on_index["tinyframe-nightly"] = [listed(version, "2013-01-05") for version in nightlies]
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.10")
    assert [build.name for build in found.builds] == [
        "tinyframe-1.1",
        "tinyframe-1.1.1",
        "tinyframe-1.2",
        "tinyframe-nightly-1.3.dev20130102",
        "tinyframe-nightly-1.3.dev20130103",
        "tinyframe-1.3rc0",
        "tinyframe-1.3rc1",
        "tinyframe-1.10",
    ]
    assert [build.unknown for build in found.builds] == [None] * 8
    assert found.notes == ()


def test_a_nightly_from_after_the_bad_end_is_not_between(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    add_nightlies(bare_tiny)
    on_index["tinyframe-nightly"] = [
        listed("1.3.dev20121001", "2012-10-01"),
        listed("1.3.dev20210101", "2021-01-01"),
    ]
    assert bare_tiny.release("tinyframe-2.0").date == "2013-02-03"
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-2.0")
    assert [build.version for build in found.builds] == [
        *("1.1", "1.2", "1.3.dev20121001", "1.10", "2.0"),
    ]


def test_a_build_of_ones_own_stands_behind_the_release_that_it_follows(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    bare_tiny.add_release("1.2+mine")
    path = bare_tiny.releases / "tinyframe" / "1.2+mine.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "after": "1.2"}))
    on_index["tinyframe"] = [listed("1.2.1")]
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.10")
    assert [build.version for build in found.builds] == ["1.1", "1.2", "1.2+mine", "1.2.1", "1.10"]


def test_what_was_withdrawn_or_has_no_date_is_unknown_and_says_so(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    on_index["tinyframe"] = [
        listed("1.1.1", yanked="it deleted files"),
        listed("1.1.2", yanked=""),
        listed("1.1.3", day=None),
    ]
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.2")
    assert [build.unknown for build in found.builds] == [
        None,
        "withdrawn from the index: it deleted files",
        "withdrawn from the index",
        "the index tells no upload time of it, so that it cannot be locked as of its date",
        None,
    ]


def test_an_index_out_of_reach_leaves_what_is_here(
    bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def versions_of(package: str, address: str | None) -> list[Listed]:
        raise IndexUnreachable("the index cannot be asked: check the network")

    monkeypatch.setattr(index, "versions_of", versions_of)
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.10")
    assert [build.version for build in found.builds] == ["1.1", "1.2", "1.10"]
    assert found.notes == (
        "only builds that are here are searched: the index cannot be asked: check the network",
    )


def test_an_end_need_not_be_on_the_track(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    on_index["tinyframe"] = [listed("1.1.1"), listed("1.1.2"), listed("1.1.3")]
    found = between(bare_tiny, "tinyframe-1.1.1", "tinyframe==1.2.0")
    assert [build.version for build in found.builds] == ["1.1.1", "1.1.2", "1.1.3", "1.2"]
    with pytest.raises(SpecError, match=r"no such release on the track"):
        between(bare_tiny, "tinyframe-1.1.9", "tinyframe-1.2")


def test_a_version_that_the_index_has_for_a_device_counts_without_its_label(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    versions = ("1.1+cpu", "1.1.1+cpu", "1.1.1+cu12", "1.2+cpu", "1.10+cpu")
    on_index["tinyframe"] = [listed(version) for version in versions]
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.10")
    assert [build.version for build in found.builds] == ["1.1", "1.1.1", "1.2", "1.10"]
    found = between(bare_tiny, "tinyframe-1.1.1", "tinyframe-1.10")
    assert [build.version for build in found.builds] == ["1.1.1", "1.2", "1.10"]


def test_a_release_stands_in_the_line_once_however_many_zeros_the_index_has(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]]
) -> None:
    on_index["tinyframe"] = [listed(f"{version}.0") for version in ("1.1", "1.2", "1.10")]
    found = between(bare_tiny, "tinyframe-1.1", "tinyframe-1.10")
    assert [build.version for build in found.builds] == ["1.1", "1.2", "1.10"]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        (
            "tinyframe-2.0",
            "tinyframe-1.0",
            "tinyframe-2.0 is newer than tinyframe-1.0; the earlier one comes first: vggbench "
            "bisect tinyframe-1.0 tinyframe-2.0",
        ),
        ("tinyframe-1.0", "otherframe-7.0", "tinyframe-1.0 and otherframe-7.0 are on two tracks; "),
        ("tinyframe-2.0", "tinyframe", "both ends are tinyframe-2.0; give an earlier release"),
        (
            "tinyframe-1.0",
            "tinyframe-1.1",
            "nothing lies between tinyframe-1.0 and tinyframe-1.1: no release of the track, and no "
            "build that the index has; compare the two: vggbench duet tinyframe-1.0 tinyframe-1.1",
        ),
    ],
)
def test_ends_between_which_nothing_can_be_searched_are_one_line(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]], good: str, bad: str, told: str
) -> None:
    with pytest.raises(NothingToBisect) as raised:
        between(bare_tiny, good, bad)
    assert str(raised.value).startswith(told)
    assert "\n" not in str(raised.value)
    assert raised.value.status == 2


def test_a_headline_says_what_came_of_it() -> None:
    found = BisectFinding(
        machine="box",
        profile="cpu-quick",
        configuration={},
        measure="step",
        good="A-1",
        bad="A-9",
        before="A-3",
        after="A-4",
        probability=0.97,
        ratio=1.05,
        low=1.04,
        high=1.06,
        blocks=12,
    )
    assert headline(found) == (
        "step time: not named: a change lies after A-3 and up to A-4 (97 %): +5.0 % (+4.0 to "
        "+6.0), 12 blocks"
    )
    assert headline(replace(found, blocks=0)) == (
        "step time: not named: no block between A-1 and A-9 is on record"
    )
    found.outcome = "named"
    assert headline(found).startswith("step time: A-4 is the first with the change, A-3 the last ")
    found.outcome, found.before, found.after = "no change", None, None
    assert headline(found).startswith("step time: no change between A-1 and A-9: +5.0 %")


@pytest.mark.parametrize(("threshold", "option"), [(THRESHOLD, ""), (0.005, " --threshold 0.5%")])
def test_the_commands_that_are_proposed_have_the_threshold_that_was_asked_for(
    bare_tiny: Tiny, on_index: dict[str, list[Listed]], threshold: float, option: str
) -> None:
    searched = between(bare_tiny, "tinyframe-1.0", "tinyframe-2.0")
    configured: Any = SimpleNamespace(words="plain")
    asked = report.Asked(
        profile="cpu-quick",
        configured=configured,
        measure="first_step",
        patterns=[],
        threshold=threshold,
        options="--machine box",
    )
    assert report._again(searched, asked, (0, 2)) == (
        "VGGBENCH_PROFILE=cpu-quick vggbench bisect tinyframe-1.0 tinyframe-1.2 "
        f"--measure first_step{option} --machine box"
    )
    assert report._commands(searched, asked, (1, 2), "") == [
        "to repeat it: VGGBENCH_PROFILE=cpu-quick vggbench duet 'tinyframe-1.1 plain' "
        f"'tinyframe-1.2 plain'{option}"
    ]


# -- real searches: the step takes three times as long from 1.2 on


def told(done: Ended) -> dict:
    """The JSON at the end of the output."""
    found = json.loads(done.output[done.output.index("{\n") :])
    assert set(found) == KEYS
    assert all(set(build) == OF_A_BUILD for build in found["builds"])
    assert found["status"] == done.status
    return found


def blocks_on_record(tiny: Tiny) -> int:
    """How many whole blocks bisections have left; a line that is being written is not there yet."""
    found = Counter(
        one.duet["block"]
        for one in records.read(tiny.results, MACHINE)
        if one.purpose == records.BISECT and one.outcome == records.OK
    )
    return sum(count == 4 for count in found.values())


BISECT = ("bisect", "tinyframe-1.0", "tinyframe-2.0", *PLAIN)


@pytest.mark.asv
def test_the_release_that_brought_a_change_is_named(tiny: Tiny) -> None:
    done = tiny.vggbench(*BISECT, "--json", env=NOISE)
    assert done.status == 0, done.output
    found = told(done)
    assert (found["schema"], found["machine"], found["profile"]) == (1, "testbox", "cpu-quick")
    assert (found["configuration"], found["measure"]) == ({"mode": "plain"}, "step")
    assert (found["good"], found["bad"]) == ("tinyframe-1.0", "tinyframe-2.0")
    assert (found["outcome"], found["before"], found["after"]) == (
        "named",
        "tinyframe-1.1",
        "tinyframe-1.2",
    )
    assert found["probability"] >= 0.95
    assert found["low"] <= found["ratio"] <= found["high"]
    assert found["ratio"] == pytest.approx(3, rel=0.05)
    assert found["blocks"] == blocks_on_record(tiny)
    assert [build["name"] for build in found["builds"]] == [
        f"tinyframe-{version}" for version in ("1.0", "1.1", "1.2", "1.10", "2.0")
    ]
    assert found["builds"][0]["log_ratio"] is None
    assert (
        "to repeat it: VGGBENCH_PROFILE=cpu-quick vggbench duet 'tinyframe-1.1 plain' "
        "'tinyframe-1.2 plain'" in found["notes"]
    )
    assert any(note.startswith("what else changed between them: Python") for note in found["notes"])
    assert "the change lies after tinyframe-1.1, up to tinyframe-1.2 (" in done
    assert {one["purpose"] for one in tiny.records()} == {"bisect"}
    assert all("catalogue" not in one for one in tiny.records()), "all are on the track"


@pytest.mark.asv
def test_what_it_measured_is_no_result_no_evidence_and_still_new(tiny: Tiny) -> None:
    assert tiny.vggbench(*BISECT, env=NOISE).status == 0
    assert tiny.measured() == set()
    verdict = tiny.vggbench("verdict", "tinyframe-1.2")
    assert verdict.status != 1
    assert "regressed" not in verdict
    rates = tiny.vggbench("rates")
    assert (rates.status, "nothing of this is on record for testbox" in rates) == (1, True)
    done = tiny.asv("run", "--bench", "'plain'", "NEW", env=NOISE)
    assert done.status == 0, done.output
    assert "tinyframe-1.2" in tiny.measured()


@pytest.mark.asv
def test_the_first_step_is_searched_where_it_is_asked_for(tiny: Tiny) -> None:
    done = tiny.vggbench(*BISECT, "--measure", "first_step", "--json", env=NOISE)
    assert done.status == 0, done.output
    found = told(done)
    assert (found["measure"], found["after"]) == ("first_step", "tinyframe-1.2")


@pytest.mark.asv
def test_no_change_between_the_ends_ends_with_1(tiny: Tiny) -> None:
    asked = ("bisect", "tinyframe-1.2", "tinyframe-2.0", *PLAIN, *ROUGH)
    done = tiny.vggbench(*asked, "--json", env=NOISE)
    assert done.status == 1, done.output
    found = told(done)
    assert (found["outcome"], found["before"], found["after"]) == ("no change", None, None)
    assert found["low"] < 1 < found["high"] or found["ratio"] == pytest.approx(1, abs=0.02)
    # Nothing between the ends was looked at.
    assert {one["version"] for one in tiny.records()} == {"1.2", "2.0"}


@pytest.mark.asv
def test_a_build_that_fails_is_stepped_over_with_its_reason(tiny: Tiny) -> None:
    done = tiny.vggbench(*BISECT, "--json", faults="1.2/plain:segv", env=NOISE)
    assert done.status == 0, done.output
    found = told(done)
    assert (found["before"], found["after"]) == ("tinyframe-1.1", "tinyframe-1.10")
    (unknown,) = [build for build in found["builds"] if build["unknown"]]
    assert unknown["name"] == "tinyframe-1.2"
    assert "crashed with SIGSEGV" in unknown["unknown"]
    assert any("tinyframe-1.2 lies between them and is unknown: " in n for n in found["notes"])
    the_line(done, "tinyframe-1.2 is stepped over: ")


@pytest.mark.asv
def test_an_end_that_fails_ends_it_with_2_in_one_line(tiny: Tiny) -> None:
    done = tiny.vggbench(*BISECT, faults="2.0/plain:segv", env=NOISE)
    assert done.status == 2
    the_line(done, "tinyframe-2.0 is an end and cannot be measured: ", "SIGSEGV")


@pytest.mark.asv
def test_killed_it_goes_on_from_the_blocks_that_are_whole(tiny: Tiny) -> None:
    process = tiny.popen(*BISECT, program="vggbench", **NOISE)
    until(lambda: blocks_on_record(tiny) >= 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = blocks_on_record(tiny)
    done = tiny.vggbench(*BISECT, "--json", env=NOISE)
    assert done.status == 0, done.output
    found = told(done)
    assert found["after"] == "tinyframe-1.2"
    the_line(done, f"{before} blocks on record: the search goes on from there")
    assert found["blocks"] == blocks_on_record(tiny) > before
    again = tiny.vggbench(*BISECT, "--json", env=NOISE)
    assert told(again)["blocks"] == found["blocks"], "what is known is not measured again"
    assert blocks_on_record(tiny) == found["blocks"]


@pytest.mark.asv
def test_ctrl_c_ends_it_with_130(tiny: Tiny) -> None:
    process = tiny.popen(*BISECT, program="vggbench", **NOISE)
    until(lambda: blocks_on_record(tiny) >= 1)
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130, done.output
    assert "run the same command again to go on." in done


@pytest.mark.asv
def test_where_the_budget_is_spent_the_shortest_span_is_told(tiny: Tiny) -> None:
    done = tiny.vggbench(*BISECT, "--budget", "1s", "--json", env=NOISE)
    assert done.status == 2
    found = told(done)
    assert (found["outcome"], found["blocks"]) == ("not named", 0)
    assert (found["before"], found["after"]) == ("tinyframe-1.0", "tinyframe-2.0")
    assert (found["probability"], found["ratio"]) == (None, None)
    assert "the budget of 1 s is spent; the same command goes on from here" in found["notes"]


@pytest.mark.asv
@pytest.mark.parametrize(
    ("arguments", "line_told"),
    [
        (("tinyframe-1.0", "tinyframe-2.0", "--bench", "Tiny"), "--bench selects 3 configurations"),
        (("tinyframe-1.0", "tinyframe-2.0", "--bench", "odd"), "odd selects no benchmark"),
        (("tinyframe-2.0", "tinyframe-1.0"), "tinyframe-2.0 is newer than tinyframe-1.0"),
        (("tinyframe-1.0", "tinyframe-9.9"), "no such release on the track"),
        (("tinyframe-1.0", "otherframe-7.0"), "are on two tracks"),
        (("tinyframe-1.0", "tinyframe-2.0", "--machine", "box"), "are options of --fleet: give "),
        (
            ("tinyframe-1.0", "tinyframe-2.0", "--fleet", "tls://127.0.0.1:1"),
            "tls://127.0.0.1:1 is encrypted: give your certificates: --tls",
        ),
    ],
)
def test_bad_input_is_one_line_and_ends_with_2(
    tiny: Tiny, arguments: tuple[str, ...], line_told: str
) -> None:
    done = tiny.vggbench("bisect", *arguments)
    assert done.status == 2
    the_line(done, line_told)
    assert len(done.output.splitlines()) == 1
    assert tiny.records() == []


# -- builds that are on no track


@contextmanager
def an_index(tiny: Tiny, steps: dict[str, float]) -> Iterator[dict[str, str]]:
    """The variables with which uv asks an index that has builds with these seconds of a step, a
    month after one another."""
    folder = tiny.folder / "index"
    tag = f"cp{pythons()[1].replace('.', '')}-none-any"
    days = {}
    for month, (version, seconds) in enumerate(steps.items(), start=1):
        module = f"__version__ = {version!r}\nSECONDS_A_STEP = {seconds}\n"
        write_wheel(folder, "tinyframe", version, module, tag=tag)
        days[f"tinyframe-{version}"] = f"2019-{month:02d}-01"
    with serving(folder, days) as url:
        yield {**NOISE, "UV_DEFAULT_INDEX": url, "UV_OFFLINE": "0"}


#: Ten builds between 2.0 and 4.0; from the sixth on a step takes a fifth longer.
STEPS = {f"3.{place}": 0.030 if place < 6 else 0.036 for place in range(1, 11)}


@pytest.mark.asv
def test_a_slow_down_among_ten_builds_of_the_index_is_named(tiny: Tiny) -> None:
    tiny.add_release("4.0", seconds=0.036)
    with an_index(tiny, STEPS) as env:
        asked = ("bisect", "tinyframe-2.0", "tinyframe-4.0", *PLAIN, "--json")
        done = tiny.vggbench(*asked, env=env)
        assert done.status == 0, done.output
        found = told(done)
        again = tiny.vggbench(*asked, env=env)
    assert len(found["builds"]) == 12
    assert (found["before"], found["after"]) == ("tinyframe-3.5", "tinyframe-3.6")
    assert found["ratio"] == pytest.approx(1.2, rel=0.03)
    (after,) = [build for build in found["builds"] if build["name"] == "tinyframe-3.6"]
    assert after["date"] == "2019-06-01"
    assert after["log_ratio"] == pytest.approx(0.182, abs=0.03)
    assert "to repeat it: vggbench releases add tinyframe==3.6" in found["notes"]
    looked_at = {one["version"] for one in tiny.records()}
    assert {"3.5", "3.6"} <= looked_at
    assert len(looked_at) < 10, "a search visits few"
    of_builds = [one for one in tiny.records() if one["version"].startswith("3.")]
    assert {one["catalogue"] for one in of_builds} == {"bisect"}
    # They are on no track, and stay for the next call, which installs and measures nothing.
    assert "tinyframe-3.6" not in Catalogue(tiny.releases).by_name
    kept = Catalogue(Checkout(str(tiny.folder / "asv.conf.json")).builds_dir)
    assert {release.version for release in kept} == looked_at - {"2.0", "4.0"}
    assert kept.by_name["tinyframe-3.6"].locks["cpu"].as_of == "2019-06-15"
    assert told(again)["blocks"] == found["blocks"] == blocks_on_record(tiny)
    assert "installing" not in again
    # Builds that are on no track break no reader.
    for command in (("verdict",), ("rates",), ("history", "--dry-run")):
        tiny.vggbench(*command)
    assert tiny.asv("run", "--bench", "just-discover").status == 0
    assert tiny.asv("publish").status == 0


@pytest.mark.asv
def test_a_build_that_has_vanished_from_the_index_is_stepped_over(tiny: Tiny) -> None:
    """Between the list and its installation."""
    tiny.add_release("4.0", seconds=0.090)
    steps = {"3.1": 0.030, "3.2": 0.030, "3.3": 0.090}
    with an_index(tiny, steps) as env:
        wheel = next((tiny.folder / "index").glob("tinyframe-3.2-*"))
        page = wheel.read_bytes()
        wheel.write_bytes(page[:-50])  # what the index serves is no wheel
        done = tiny.vggbench("bisect", "tinyframe-2.0", "tinyframe-4.0", *PLAIN, "--json", env=env)
    assert done.status == 0, done.output
    found = told(done)
    assert (found["before"], found["after"]) == ("tinyframe-3.1", "tinyframe-3.3")
    (unknown,) = [build for build in found["builds"] if build["unknown"]]
    assert unknown["name"] == "tinyframe-3.2"


@pytest.mark.asv
def test_an_index_that_is_out_of_order_pauses_it_and_makes_no_build_unknown(tiny: Tiny) -> None:
    tiny.add_release("4.0", seconds=0.090)
    asked = ("bisect", "tinyframe-2.0", "tinyframe-4.0", *PLAIN, "--json")
    with an_index(tiny, {"3.1": 0.030, "3.2": 0.090}) as env:
        fault = tiny.folder / "index" / OUT_OF_ORDER
        fault.touch()
        done = tiny.vggbench(*asked, env={**env, "UV_HTTP_RETRIES": "0"})
        assert done.status == 2, done.output
        found = told(done)
        fault.unlink()
        again = tiny.vggbench(*asked, env=env)
    assert found["outcome"] == "not named"
    assert [build["unknown"] for build in found["builds"]] == [None] * 4
    (note,) = [note for note in found["notes"] if " cannot be had now: " in note]
    assert note.startswith("tinyframe-3.")
    assert note.endswith("; the same command goes on from here")
    assert "503" in note
    assert again.status == 0, again.output
    assert (told(again)["before"], told(again)["after"]) == ("tinyframe-3.1", "tinyframe-3.2")
