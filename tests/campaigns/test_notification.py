"""What a check's command is told of, what is remembered of it, and what ends the trouble."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns import notification
from vggbench.campaigns.notification import (
    TOLD,
    News,
    Remembered,
    Trouble,
    _is_mended,
    news,
    notify,
    remember,
    remembered,
)
from vggbench.judging import growth, phrases, verdicts
from vggbench.judging.verdicts import OUTCOMES
from vggbench.releases.catalogue import Release, Track

from ..judging import literal
from ..records.factory import changed


def catalogue_of(*versions: str) -> Any:
    line = tuple(Release("demo", version, "2020-01-01", "3.11") for version in versions)
    track = Track(name="demo", framework="Demo", module="demo", requirements={}, releases=line)
    return SimpleNamespace(
        by_name={release.name: release for release in line}, tracks={"demo": track}
    )


CATALOGUE = catalogue_of("1.0", "2.0")


def told(outcome: str, release: str = "demo-1.0") -> Trouble:
    key = records.key_of("step", "plain")
    return Trouble("quick", release, key, "median", outcome, "plain")


def later(outcome: str) -> Any:
    return SimpleNamespace(
        release="demo-2.0",
        profile="quick",
        measure="median",
        benchmark="step",
        configuration="plain",
        outcome=outcome,
    )


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        ("regressed", {"improved"}),
        ("lost", {"new"}),
        ("failed", {"regressed", "not sure", "improved", "new", "unchanged"}),
    ],
)
def test_a_later_release_ends_trouble(outcome: str, ends: set[str]) -> None:
    assert outcome in TOLD
    found = {each for each in OUTCOMES if _is_mended(told(outcome), [later(each)], CATALOGUE)}
    assert found == ends


@pytest.mark.parametrize("outcome", TOLD)
def test_trouble_of_a_release_candidate_is_over_once_it_is_superseded(outcome: str) -> None:
    trouble = told(outcome, "demo-1.1rc0")
    assert not _is_mended(trouble, [], catalogue_of("1.0", "1.1rc0"))
    for newer in ("1.1rc1", "1.1"):
        assert _is_mended(trouble, [], catalogue_of("1.0", "1.1rc0", newer))


def test_an_unknown_outcome_of_a_file_is_ended_by_nothing() -> None:
    assert not any(_is_mended(told("odd"), [later(each)], CATALOGUE) for each in OUTCOMES)


# -- telling, and remembering it


@pytest.fixture
def checkout(tmp_path: Path) -> Any:
    return SimpleNamespace(root=tmp_path, env_dir=tmp_path / "env")


NOW = frozenset({told("regressed")})
BEFORE = frozenset({told("lost")})
NEWS = News(now=NOW, status=("regressed",), releases=("demo-1.0",), message="### demo-1.0\n")


def test_what_was_told_is_remembered_once_the_command_has_ended_well(checkout: Any) -> None:
    said: list[str] = []
    path = notification.path_of(checkout)
    assert notify("cat > told.txt", NEWS, BEFORE, checkout, said.append)
    assert remembered(path) == Remembered(NOW)
    assert (checkout.root / "told.txt").read_text() == NEWS.message
    assert said == ["notifying: regressed: demo-1.0"]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 3", 3),
        ("false; true", 1),
        ("cat > told.txt; exit 4", 4),
        ("kill -9 $$", -9),
        # What the docs tell to write where each part of a pipeline matters.
        ("echo 'set -e -o pipefail; exit 5 | cat' > tell.sh; bash tell.sh", 5),
    ],
)
def test_a_command_that_fails_or_partly_fails_is_said_and_what_was_told_before_stays(
    checkout: Any, command: str, status: int
) -> None:
    said: list[str] = []
    assert not notify(command, NEWS, BEFORE, checkout, said.append)
    assert remembered(notification.path_of(checkout)) == Remembered(BEFORE)
    assert said[1:] == [
        f"--notify: the command ended with {status}; it is tried again next time: {command}"
    ]


def test_of_a_pipeline_the_last_command_counts(checkout: Any) -> None:
    said: list[str] = []
    assert notify("exit 3 | cat", NEWS, BEFORE, checkout, said.append)
    assert said == ["notifying: regressed: demo-1.0"]


def test_a_command_that_cannot_be_started_is_said(checkout: Any) -> None:
    said: list[str] = []
    checkout.root = checkout.root / "nowhere"
    assert not notify("true", NEWS, (), checkout, said.append)
    assert said[1:] == [
        "--notify: the command cannot be started; it is tried again next time: "
        "No such file or directory"
    ]
    assert remembered(notification.path_of(checkout)) == Remembered()


def test_while_the_command_runs_it_is_noted_that_it_may_have_told(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notification.path_of(checkout)

    def ended_meanwhile(*asked: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(notification, "tell", ended_meanwhile)
    with pytest.raises(KeyboardInterrupt):
        notify("true", NEWS, BEFORE, checkout, lambda line: None)
    found = remembered(path)
    assert found == Remembered(NOW, is_sure=False)
    assert found.doubt is not None
    assert "it may have told of demo-1.0, which is not told again" in found.doubt
    # The next check has no news, and is sure from then on.
    assert notify("exit 3", News(now=found.told), found.told, checkout, lambda line: None)
    assert remembered(path).doubt is None


def test_that_it_is_over_may_have_been_told_too() -> None:
    doubt = Remembered(is_sure=False).doubt
    assert doubt is not None
    assert "it may have told of the end of all trouble, which is not told again" in doubt


def test_a_folder_that_cannot_be_written_keeps_nothing_from_being_told(checkout: Any) -> None:
    said: list[str] = []
    checkout.env_dir.write_text("no folder")
    assert not notify("cat > told.txt", NEWS, BEFORE, checkout, said.append)
    assert (checkout.root / "told.txt").read_text() == NEWS.message
    assert len([line for line in said if "cannot be written, so this is told again" in line]) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1, "told": [{}]}', "nonsense"])
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "told.json").write_text(text)
    assert remembered(tmp_path / "told.json") == Remembered()


def test_a_memory_without_a_word_on_that_is_sure(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    remember(path, Remembered(NOW))
    content = json.loads(path.read_text())
    del content["sure"]
    path.write_text(json.dumps(content))
    assert remembered(path) == Remembered(NOW)


def report(grown: dict[str, float]) -> phrases.Report:
    """Of the newest release, whose processes and those of the one before grow by so many bytes a
    step, and are as fast."""
    taken = [
        changed(process, memory_growth_per_step_bytes=grown[name])
        for name in literal.LINE[-2:]
        for process in literal.measured(name)
    ]
    found, release = literal.evidence(taken), literal.CATALOGUE.by_name[literal.LINE[-1]]
    return phrases.Report(
        machine=literal.MACHINE,
        threshold=0.02,
        status=1,
        verdicts=verdicts.of_release(found, release),
        growths=growth.of_release(found, release),
    )


def test_a_leak_is_told_once_and_is_over_when_it_is() -> None:
    before, newest = literal.LINE[-2:]
    leaks = report({before: 0.0, newest: 2e8})
    told = news(leaks, (), literal.CATALOGUE)
    assert (told.status, told.releases) == (("regressed",), (newest,))
    assert told.message is not None
    assert "**memory growth per step**: 1 regressed" in told.message
    (trouble,) = told.now
    assert str(trouble) == f"{newest} NHWC none off, memory growth per step, cpu-quick: regressed"
    assert news(leaks, told.now, literal.CATALOGUE).message is None
    over = news(report({before: 0.0, newest: 0.0}), told.now, literal.CATALOGUE)
    assert (over.now, over.status) == (frozenset(), ("over",))
