"""The table at the end of ``make run``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench import records
from vggbench.cli import first_run

from ..records import factory

RELEASE = factory.CATALOGUE.by_name["tensorflow-2.21.0"]


def record(method: str, **more: object) -> records.Record:
    """A process of the release that ran this method of the benchmark."""
    told = {"benchmark": f"train_step.TensorFlow.{method}", "versions": {}}
    return factory.record(RELEASE.name, **{**told, **more})


def shown(
    taken: list[records.Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines of the table that name the release."""
    for record in taken:
        records.append(records.folder(tmp_path, "box") / "r.jsonl", record)
    first_run._table(records.Store(tmp_path), "box", ["cpu-quick"], [RELEASE])
    return [line for line in capsys.readouterr().out.splitlines() if RELEASE.name in line]


def test_the_newest_process_of_a_configuration_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = record("time_train_step", samples=[9.0], build_s=1.0, warm_up_s=[2.0])
    new = record("time_train_step", samples=[0.25, 0.5, 0.75], build_s=1.0, warm_up_s=[2.5])
    (line,) = shown([old, new], tmp_path, capsys)
    assert line.split()[1:] == ["NHWC", "none", "off", "500", "ms", "3", "3.5", "s"]


def test_the_seconds_of_xlas_proof_are_in_no_first_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proven = {"xla": {"mode": "function", "proof_s": 1.25}}
    took = {"samples": [0.5], "build_s": 1.0, "warm_up_s": [2.5]}
    (line,) = shown([record("time_train_step", **took, versions=proven)], tmp_path, capsys)
    assert line.split()[-2:] == ["2.2", "s"]


def test_a_by_product_that_was_measured_alone_is_no_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timed = record("time_train_step", samples=[0.5], build_s=1.0, warm_up_s=[2.0])
    (line,) = shown([timed, record("track_loss", value=6.2)], tmp_path, capsys)
    assert "500 ms" in line


def test_a_process_of_a_duet_is_not_what_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    took = {"build_s": 1.0, "warm_up_s": [2.0]}
    asked = record("time_train_step", samples=[0.5], **took)
    later = record("time_train_step", samples=[0.25], purpose=records.DUET, **took)
    (line,) = shown([asked, later], tmp_path, capsys)
    assert "500 ms" in line


def test_failed_and_not_applicable_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = record("time_train_step", outcome=records.FAILED, error="it crashed")
    (line,) = shown([failed], tmp_path, capsys)
    assert "failed" in line
    assert "it crashed" in line


# -- what it has asv do


def asked_of_asv(
    results_dir: Path, monkeypatch: pytest.MonkeyPatch, status: int, *measures: records.Record
) -> tuple[int, list[str]]:
    """The exit status of a first run, and the commands that asv was given. Its asv run leaves the
    records ``measures``, and ends with ``status``."""
    commands = []

    class Asv:
        interrupted = False

        def __init__(self, checkout: object):
            pass

        def __call__(self, command: str, *args: str, **more: object) -> int:
            commands.append(command)
            if command == "publish":
                return 0
            for process in measures:
                records.append(records.folder(results_dir, "box") / "r.jsonl", process)
            return status

    store = records.Store(results_dir)
    checkout = SimpleNamespace(
        config=None,
        benchmark_dir=results_dir,
        html_dir=results_dir,
        machine=lambda: "box",
        store=lambda: store,
    )
    covered = SimpleNamespace(incomplete=lambda releases, patterns: releases)
    chosen = [first_run.Chosen("the newest", RELEASE)]
    monkeypatch.setattr(first_run, "Asv", Asv)
    monkeypatch.setattr(first_run, "Suite", lambda folder: None)
    monkeypatch.setattr(first_run.Coverage, "of", lambda *of: covered)
    monkeypatch.setattr(first_run.profiles, "asked", lambda config: ["cpu-quick"])
    monkeypatch.setattr(first_run, "_choose", lambda checkout, device: (chosen, []))
    return first_run.run(checkout), commands


def test_where_asv_run_is_refused_nothing_is_published_or_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_of_asv(tmp_path, monkeypatch, 1) == (1, ["run"])
    assert "What was measured" not in capsys.readouterr().out


def test_what_was_measured_is_published_though_something_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = record("time_train_step", outcome=records.FAILED, error="it crashed")
    assert asked_of_asv(tmp_path, monkeypatch, 2, failed) == (2, ["run", "publish"])


def test_what_is_measured_is_said_before_and_how_to_get_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked_of_asv(tmp_path, monkeypatch, 1)
    assert (
        "Measured is NHWC with no and with fused batch normalisation, without XLA, by 1 process of "
        "5 samples each. Everything else: asv run tensorflow"
    ) in capsys.readouterr().out.splitlines()
