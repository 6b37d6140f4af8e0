"""excluded.toml: what is not to count, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.records import Store, excluded
from vggbench.records.excluded import ExcludedError

from .factory import CATALOGUE, record

REASON = "the fan had failed"


def written(root: Path, text: str) -> Path:
    (root / excluded.FILE).write_text(text)
    return root


def entry(text: str) -> str:
    return f'[[excluded]]\nreason = "{REASON}"\n{text}\n'


RECORDS = [
    {"run": "a", "started": "2026-05-01T11:00:00+00:00"},
    {"run": "b", "started": "2026-05-01T12:00:00+00:00"},
    {"run": "c"},
]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('machine = "box"', []),
        ('machine = "another"', ["a", "b", "c"]),
        ('run = "a"', ["b", "c"]),
        ('release = "tensorflow-2.16.2"', []),
        ('release = "tensorflow-2.15.1"', ["a", "b", "c"]),
        ('configuration = "NHWC none off"', []),
        ('configuration = "NCHW none off"', ["a", "b", "c"]),
        ('after = "2026-05-01T12:00:00Z"', ["a", "c"]),
        ("after = 2026-05-01T12:00:00Z", ["a", "c"]),
        ('before = "2026-05-01T12:00:00+00:00"', ["b", "c"]),
        ("after = 2026-05-01\nbefore = 2026-05-02", ["c"]),
        ('run = "a"\nbefore = "2026-05-01"', ["a", "b", "c"]),
    ],
)
def test_what_an_entry_names_does_not_count(tmp_path: Path, text: str, left: list[str]) -> None:
    exclusions = excluded.read(written(tmp_path, entry(text)), CATALOGUE)
    path = records.folder(tmp_path, "box") / "run.jsonl"
    for more in RECORDS:
        records.append(path, record(words="NHWC none off", **more))
    for found in (
        Store(tmp_path, exclusions).all("box"),
        list(records.read(tmp_path, "box", exclusions=exclusions)),
    ):
        counted = [
            process for process in found if process.why_left_out("box", CATALOGUE.by_commit) is None
        ]
        assert [process.run for process in counted] == left
        for process in found:
            if process not in counted:
                assert process.why_left_out("box", CATALOGUE.by_commit) == f"excluded ({REASON})"
                assert process.why_no_evidence("box", CATALOGUE) == f"excluded ({REASON})"
            assert "excluded" not in process.as_json()


def test_an_entry_that_goes_has_them_count_again(tmp_path: Path) -> None:
    one = record()
    for reason, text in ((REASON, 'run = "x"'), (None, 'run = "y"')):
        excluded.mark(
            "box",
            one,
            excluded.read(written(tmp_path, entry(text.replace("x", one.run))), CATALOGUE),
        )
        assert one.excluded == reason


def test_without_a_file_nothing_is_excluded(tmp_path: Path) -> None:
    assert excluded.read(tmp_path, CATALOGUE) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[excluded", "Expected"),
        ("[excluded]\nreason = 'x'", "each entry begins with"),
        ("[[exclude]]\nreason = 'x'", "it holds exclude"),
        ("[[excluded]]\nrun = 'x'", "its reason is no text"),
        ("[[excluded]]\nreason = 'x'", "names no records"),
        (entry("relese = 'x'"), "has an unknown relese; the keys are reason, machine"),
        (entry("run = 3"), "its run is no text"),
        (entry("before = 'soon'"), "its before is no date and no time"),
        (entry("after = true"), "its after is no date and no time"),
        (entry("after = 20260501"), "its after is no date and no time"),
        (entry("before = 12:00:00"), "its before is no date and no time"),
        (
            entry("after = 2026-05-02\nbefore = 2026-05-01"),
            "entry 1: its after is not earlier than its before",
        ),
        (entry("after = 2026-05-01\nbefore = 2026-05-01"), "its after is not earlier"),
        (entry("release = '2.16.2'"), "entry 1: its release: unknown track '2.16.2'"),
        (entry("release = 'tensorflow-9.9'"), "no such release on the track"),
        (entry("release = 'tensorflow'"), "its release tensorflow is no whole name, such as ten"),
        (
            entry("release = 'tensorflow==2.16.2'"),
            "tensorflow==2.16.2 is no whole name, such as tensorflow-2.16.2;",
        ),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExcludedError) as caught:
        excluded.read(written(tmp_path, text), CATALOGUE)
    assert said in str(caught.value)
    assert str(caught.value).startswith("excluded.toml: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / excluded.FILE).write_bytes(b"\xff")
    with pytest.raises(ExcludedError):
        excluded.read(tmp_path, CATALOGUE)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / excluded.FILE).write_text(entry("run = 'a'"), encoding="utf-8-sig")
    assert excluded.read(tmp_path, CATALOGUE) == (of(run="a"),)


@pytest.mark.parametrize("kind", ["dead link", "link to itself", "pipe", "folder"])
def test_what_is_there_and_is_no_file_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / excluded.FILE
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere" if kind == "dead link" else path)
    with pytest.raises(ExcludedError) as caught:
        excluded.read(tmp_path, CATALOGUE)
    assert str(caught.value).startswith("excluded.toml: ")
    assert "\n" not in str(caught.value)


def of(**more: Any) -> excluded.Exclusion:
    return excluded.Exclusion(reason=REASON, **more)


def test_of_several_entries_the_first_gives_the_reason() -> None:
    one = record(run="a")
    other = excluded.Exclusion(reason="another", run="a")
    excluded.mark("box", one, [of(run="b"), other, of(run="a")])
    assert one.excluded == "another"
