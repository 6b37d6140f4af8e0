"""vggbench export: files of literal records, as those read them for whom they are."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jsonschema
import pyperf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uv import find_uv_bin

from vggbench import cli
from vggbench.records import Record
from vggbench.records.record import PURPOSES
from vggbench.report.exports import ALL, FORMATS, ExportError, chosen
from vggbench.report.exports.processes import OF_PROCESS, OF_SAMPLE

from ..records.factory import NONSENSE, nonsensical
from ..tiny import PATIENCE_S, ROOT
from .pages import literal
from .pages.literal import CATALOGUE, HISTORY, SHIPPED, processes, record

RELEASE, PLAIN = SHIPPED[2], "NHWC none off"

#: Three processes of one configuration.
THREE = processes(RELEASE, PLAIN, 0.3, 0.306, 0.294)

NAME = f"train_step.TensorFlow.time_train_step ({PLAIN})"
FIRST_STEP = f"train_step.TensorFlow.track_first_step ({PLAIN})"
PEAK_MEMORY = f"train_step.TensorFlow.track_peak_memory ({PLAIN})"

#: Of one release, in figures alone.
OF_RELEASE = ("bmf", "github-action-benchmark", "pyperf")

#: Of what reads the files. Bencher publishes its schema, https://bencher.dev/bmf.json, which allows
#: more keys than it knows. The entries of github-action-benchmark are described in its README.
BMF = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"maxLength": 64},
        "additionalProperties": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "lower_value": {"type": "number"},
                "upper_value": {"type": "number"},
            },
            "required": ["value"],
            "additionalProperties": False,
        },
    },
    "propertyNames": {"maxLength": 1024},
}
ENTRIES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "unit": {"type": "string"},
            "value": {"type": "number"},
            "range": {"type": "string"},
            "extra": {"type": "string"},
        },
        "required": ["name", "unit", "value"],
        "additionalProperties": False,
    },
}
SCHEMAS = {"bmf": BMF, "github-action-benchmark": ENTRIES}


def export(
    name: str, taken: Sequence[Record], *specs: str, by_sample: bool = False
) -> tuple[str, list[str]]:
    """(the text of a file, messages). ``specs``: names of releases, the RELEASE where none is."""
    releases = [CATALOGUE.by_name[spec] for spec in specs or (RELEASE,)]
    chosen.require_releases(name, specs, releases)
    on_record, left_out = chosen.found("box", taken, CATALOGUE, releases)
    results, messages = chosen.for_format(name, on_record)
    text_of = FORMATS[name].by_sample if by_sample else FORMATS[name].text
    assert text_of is not None
    return text_of(results), [*left_out, *messages]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def numbers(value: object) -> Iterator[float]:
    """The numbers in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


# -- each format


def test_bencher_gets_the_median_and_the_interval_of_each_measure() -> None:
    text, messages = export("bmf", THREE)
    assert json.loads(text) == {
        NAME: {
            "step_s": {"value": 0.3, "lower_value": 0.294, "upper_value": 0.306},
            "first_step_s": {"value": 4.5, "lower_value": 4.5, "upper_value": 4.5},
            "peak_memory_bytes": {"value": 2e9, "lower_value": 2e9, "upper_value": 2e9},
        }
    }
    assert messages == []


def test_github_action_benchmark_gets_an_entry_for_each_measure_in_the_units_of_the_pages() -> None:
    entries = json.loads(export("github-action-benchmark", THREE)[0])
    extra = f"{RELEASE}, 3 processes\nbox, cpu-quick: 2 CPUs"
    assert entries == [
        {
            "name": NAME,
            "unit": "ms",
            "value": pytest.approx(300),
            "range": "294 to 306",
            "extra": extra,
        },
        {"name": FIRST_STEP, "unit": "s", "value": 4.5, "range": "4.5 to 4.5", "extra": extra},
        {
            "name": PEAK_MEMORY,
            "unit": "GB",
            "value": pytest.approx(2),
            "range": "2 to 2",
            "extra": extra,
        },
    ]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_is_what_its_reader_asks_for(name: str) -> None:
    for release in SHIPPED[:3]:
        jsonschema.validate(json.loads(export(name, HISTORY, release)[0]), SCHEMAS[name])


def test_pyperf_reads_processes_as_runs_and_samples_as_their_values() -> None:
    taken = [
        record(RELEASE, PLAIN, samples=[0.3, 0.31, 0.32], process_s=9.5, load_before=[0.25, 0, 0]),
        record(RELEASE, PLAIN, samples=[0.4, 0.41, 0.42], process_s=9.75),
    ]
    suite = pyperf.BenchmarkSuite.loads(export("pyperf", taken)[0])
    assert suite.get_benchmark_names() == [NAME, FIRST_STEP, PEAK_MEMORY]
    assert suite.get_metadata()["release"] == RELEASE
    step, first_step, memory = suite.get_benchmarks()
    assert [run.values for run in step.get_runs()] == [(0.3, 0.31, 0.32), (0.4, 0.41, 0.42)]
    assert step.get_runs()[0].warmups == ((1, 1.5), (1, 0.3), (1, 0.3))
    assert step.get_total_duration() == 9.5 + 9.75
    assert step.get_runs()[0].get_metadata()["load_avg_1min"] == 0.25
    assert step.get_metadata()["python_version"] == "3.12"
    assert [run.values for run in first_step.get_runs()] == [(4.5,), (4.5,)]
    assert [run.values for run in memory.get_runs()] == [(2e9,), (2e9,)]
    assert [each.get_unit() for each in suite] == ["second", "second", "byte"]
    began, ended = step.get_dates()
    assert began.isoformat() == "2026-05-01T12:00:00+00:00"
    assert ended > began


def test_pyperf_compares_two_exports(tmp_path: Path) -> None:
    for name in SHIPPED[1:3]:
        (tmp_path / f"{name}.json").write_text(export("pyperf", HISTORY, name)[0])
    done = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", *(f"{name}.json" for name in SHIPPED[1:3])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert NAME in done.stdout
    assert "1.43x slower" in done.stdout


def test_otava_gets_a_row_for_each_release_of_a_line() -> None:
    taken = [record for record in HISTORY if record.words == PLAIN]
    text, messages = export("otava", taken, *SHIPPED[:3])
    assert text.splitlines() == [
        "time,release,run,step_s,first_step_s,peak_memory_bytes",
        *(
            f"{CATALOGUE.by_name[name].date}T00:00:00+00:00,{name},{THREE[0].run},"
            f"{seconds},4.5,2000000000.0"
            for name, seconds in zip(SHIPPED[:3], (0.2, 0.21, 0.3), strict=True)
        ),
    ]
    assert messages == []


def test_releases_of_one_date_follow_each_other_in_the_order_of_the_track() -> None:
    names = ("tensorflow-2.10.1", "tensorflow-2.8.4", "tensorflow-2.9.3")
    dates = {CATALOGUE.by_name[name].date for name in names}
    assert len(dates) == 1
    taken = [record for name in names for record in processes(name, PLAIN, 0.3)]
    told = rows(export("otava", taken, *names)[0])
    assert [(row["time"][-14:], row["release"]) for row in told] == [
        ("00:00:00+00:00", "tensorflow-2.8.4"),
        ("00:00:01+00:00", "tensorflow-2.9.3"),
        ("00:00:02+00:00", "tensorflow-2.10.1"),
    ]


def test_otava_reads_the_line_and_finds_the_change_in_it(tmp_path: Path) -> None:
    names = [release.name for release in CATALOGUE.tracks["tensorflow"].current][:24]
    ordered = sorted(names, key=lambda name: CATALOGUE.by_name[name].date)
    taken = [
        record
        for place, name in enumerate(ordered)
        for record in processes(name, PLAIN, (0.2 if place < 12 else 0.3) + place % 3 / 1000)
    ]
    (tmp_path / "line.csv").write_text(export("otava", taken, *names)[0])
    page = (Path(__file__).parent.parent.parent / "docs" / "data.md").read_text()
    told = page.partition("### Otava")[2].partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "otava.yaml").write_text(told)
    # In an environment of its own: it asks for an older NumPy than vggbench has.
    done = subprocess.run(
        [
            *(find_uv_bin(), "tool", "run", "--from", "apache-otava>=0.8"),
            *("otava", "analyze", "train_step", "--since", "2015-01-01"),
        ],
        env={**os.environ, "OTAVA_CONFIG": "otava.yaml"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (mark,) = [place for place, line in enumerate(lines) if "%" in line]
    assert lines[mark].strip() == "+49.8%"
    # The row below the mark is the first with the change.
    below = next(line for line in lines[mark:] if "tensorflow-" in line)
    assert ordered[12] in below


def test_csv_has_a_row_for_each_process_and_no_number_of_what_has_none() -> None:
    told = rows(export("csv", HISTORY, *SHIPPED)[0])
    assert len(told) == len(HISTORY)
    assert tuple(told[0]) == OF_PROCESS
    slow = [row for row in told if (row["release"], row["configuration"]) == (RELEASE, PLAIN)]
    assert [row["step_s"] for row in slow] == ["0.3", "0.306", "0.294"]
    assert {row["samples"] for row in slow} == {"3"}
    assert {(row["first_step_s"], row["peak_memory_bytes"]) for row in slow} == {
        ("4.5", "2000000000.0")
    }
    not_ok = [row for row in told if row["outcome"] != "ok"]
    assert [(row["release"], row["outcome"], row["reason"]) for row in not_ok] == [
        (SHIPPED[0], "n/a", "the wheel has no XLA"),
        (SHIPPED[1], "failed", "SIGSEGV after 2 s"),
    ]
    for row in not_ok:
        assert {row[column] for column in OF_PROCESS[OF_PROCESS.index("reason") + 1 :]} == {""}


def test_csv_has_a_row_for_each_sample() -> None:
    refused = record(RELEASE, "NHWC none on", outcome="n/a", reason="no XLA")
    told = rows(export("csv", [*THREE, refused], by_sample=True)[0])
    assert tuple(told[0]) == OF_SAMPLE
    assert [(row["sample"], float(row["seconds"])) for row in told[:-1]] == [
        (str(place), seconds)
        for process in THREE
        for place, seconds in enumerate(process.samples, 1)
    ]
    assert (told[-1]["outcome"], told[-1]["sample"], told[-1]["seconds"]) == ("n/a", "", "")


def test_a_process_without_samples_is_failed_in_csv_too() -> None:
    (row,) = rows(export("csv", [record(RELEASE, PLAIN, samples=None)])[0])
    assert (row["outcome"], row["reason"]) == ("failed", "its record has no samples")
    assert row["step_s"] == ""


# -- what counts


@pytest.mark.parametrize("name", OF_RELEASE)
def test_what_has_no_figures_is_counted_in_a_message(name: str) -> None:
    text, messages = export(name, HISTORY, SHIPPED[1])
    assert "NCHW" not in text
    assert messages == [
        "1 configuration has no figures and is left out (1 failed); "
        "vggbench export csv has the reasons"
    ]


@pytest.mark.parametrize("name", OF_RELEASE)
def test_a_release_without_any_figures_is_an_error(name: str) -> None:
    taken = [record(RELEASE, PLAIN, outcome="n/a", reason="no")]
    with pytest.raises(ExportError, match=r"nothing can be exported as .*\(1 n/a\)"):
        export(name, taken)


@pytest.mark.parametrize("purpose", [purpose for purpose in PURPOSES if purpose is not None])
def test_records_of_another_purpose_are_in_no_export(purpose: str) -> None:
    of_purpose = record(RELEASE, PLAIN, samples=[7.0] * 3, purpose=purpose, run="later", duet={})
    for name in FORMATS:
        assert export(name, [*THREE, of_purpose]) == export(name, THREE)


def test_the_newest_run_counts_alone() -> None:
    older = processes(RELEASE, PLAIN, 0.9, run="20240101T120000Z-00000000")
    for name in FORMATS:
        assert export(name, [*older, *THREE]) == export(name, THREE)


def test_what_does_not_count_is_left_out_with_a_message() -> None:
    protocol = record(RELEASE, PLAIN, samples=[7.0] * 3, benchmark_version="1")
    excluded = record(RELEASE, PLAIN, samples=[8.0] * 3)
    excluded.exclude("the fan had failed")
    for name in FORMATS:
        text, messages = export(name, [*THREE, protocol, protocol, excluded])
        assert text == export(name, THREE)[0]
        assert len(messages) == 2
        assert messages[0].startswith(f"1 record of {RELEASE} is left out: ")
        assert "excluded (the fan had failed)" in messages[0]
        assert messages[1].startswith(f"2 records of {RELEASE} are left out: ")
        assert "of another measuring protocol" in messages[1]


def test_a_process_that_other_work_disturbed_counts_where_there_is_no_other() -> None:
    busy = processes(RELEASE, PLAIN, 0.9, load_before=[9.0, 9.0, 9.0])
    text, messages = export("bmf", [*THREE, *busy])
    assert json.loads(text)[NAME]["step_s"]["upper_value"] == 0.306
    assert messages == []
    suite = pyperf.BenchmarkSuite.loads(export("pyperf", [*THREE, *busy])[0])
    assert [bench.get_nrun() for bench in suite] == [3, 3, 4]
    told = rows(export("csv", [*THREE, *busy])[0])
    assert [bool(row["busy"]) for row in told] == [False, False, False, True]
    text, messages = export("bmf", busy)
    assert json.loads(text)[NAME]["step_s"]["value"] == 0.9
    assert messages == [
        "measured on a busy machine (a load of 9.0 where the process may use 2 CPUs): "
        f"{RELEASE} {PLAIN}"
    ]


def test_what_was_measured_in_another_state_is_named_and_left_out_of_a_line() -> None:
    taken = [record for record in HISTORY if record.words == PLAIN]
    other = processes(SHIPPED[2], PLAIN, 0.1, cpus=4, run="later")
    text, messages = export("otava", [*taken, *other], *SHIPPED[:3])
    assert [row["release"] for row in rows(text)] == list(SHIPPED[:2])
    assert messages == [
        f"left out: {SHIPPED[2]} {PLAIN}: measured with 4 CPUs, the others with 2 CPUs: not to be "
        "compared with them"
    ]
    others = processes(SHIPPED[2], "NCHW none off", 0.1, cpus=4)
    text, messages = export("bmf", [*THREE, *others])
    assert len(json.loads(text)) == 2
    assert messages == [
        f"{SHIPPED[2]} NCHW none off: measured with 4 CPUs, the others with 2 CPUs: not to be "
        "compared with them"
    ]


def test_a_line_that_the_pages_cut_is_said_to_be() -> None:
    _, messages = export("otava", literal.TWO_DAYS, *SHIPPED[:3])
    (message,) = messages
    assert message.startswith("a change may be the machine's drift at tensorflow-2.15.1:")


def test_a_measure_that_is_not_on_record_is_said() -> None:
    text, messages = export("bmf", processes(RELEASE, PLAIN, 0.3, peak_memory_bytes=None))
    assert list(json.loads(text)[NAME]) == ["step_s", "first_step_s"]
    assert messages == [f"peak_memory_bytes is not on record of {RELEASE} {PLAIN}"]
    lacking = processes(SHIPPED[1], PLAIN, 0.2, peak_memory_bytes=None)
    text, _ = export("otava", [*THREE, *lacking], RELEASE, SHIPPED[1])
    assert text.startswith("time,release,run,step_s,first_step_s\n")


@pytest.mark.parametrize("name", ["bmf", "github-action-benchmark", "otava", "pyperf"])
def test_profiles_are_not_mixed(name: str) -> None:
    taken = [*THREE, *processes(RELEASE, PLAIN, 3.0, profile="cpu-paper")]
    with pytest.raises(ExportError, match=r"choose --profile cpu-paper\|cpu-quick"):
        export(name, taken)
    assert {row["profile"] for row in rows(export("csv", taken)[0])} == {"cpu-quick", "cpu-paper"}


def test_a_line_is_of_one_track_and_one_configuration() -> None:
    with pytest.raises(ExportError, match="is of one track, and 2 are chosen: keras, tensorflow"):
        export("otava", HISTORY, *SHIPPED)
    with pytest.raises(ExportError, match="""such as --bench "'NHWC', 'none', 'off'\""""):
        export("otava", HISTORY, *SHIPPED[:3])


# -- whatever is on record

SECONDS = st.floats(min_value=1e-4, max_value=1e4)


@given(st.lists(st.lists(SECONDS, min_size=1, max_size=6), min_size=1, max_size=7))
def test_each_number_is_one_of_the_records_or_a_median_of_them(drawn: list[list[float]]) -> None:
    taken = [
        record(RELEASE, PLAIN, samples=samples, round=place)
        for place, samples in enumerate(drawn, 1)
    ]
    medians = sorted(map(statistics.median, drawn))
    figures = json.loads(export("bmf", taken)[0])[NAME]
    step = figures["step_s"]
    assert step["value"] == statistics.median(medians)
    assert {step["lower_value"], step["upper_value"]} <= set(medians)
    assert set(numbers([figures["first_step_s"], figures["peak_memory_bytes"]])) == {4.5, 2e9}
    entry = json.loads(export("github-action-benchmark", taken)[0])[0]
    assert entry["value"] == pytest.approx(1e3 * step["value"])
    runs = pyperf.BenchmarkSuite.loads(export("pyperf", taken)[0]).get_benchmark(NAME).get_runs()
    assert [list(run.values) for run in runs] == drawn
    told = rows(export("csv", taken)[0])
    assert [float(row["step_s"]) for row in told] == [statistics.median(one) for one in drawn]
    told = rows(export("csv", taken, by_sample=True)[0])
    assert [float(row["seconds"]) for row in told] == [sample for one in drawn for sample in one]
    (row,) = rows(export("otava", taken)[0])
    assert float(row["step_s"]) == step["value"]


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: str(value)[:30])
def test_no_export_ends_in_a_traceback_whatever_a_key_holds(value: object) -> None:
    releases = [CATALOGUE.by_name[RELEASE]]
    seen = set()
    for one in nonsensical(value):
        on_record, _ = chosen.found("box", [one], CATALOGUE, releases)
        for name, written in FORMATS.items():
            if not on_record or (written.of != ALL and not on_record[0].is_ok):
                continue
            seen.add(name)
            text = written.text(chosen.for_format(name, on_record)[0])
            if name == "pyperf":
                pyperf.BenchmarkSuite.loads(text)
            elif name in SCHEMAS:
                content = json.loads(text)
                jsonschema.validate(content, SCHEMAS[name])
                assert all(map(math.isfinite, numbers(content)))
            else:
                figures = ("step_s", "first_step_s", "peak_memory_bytes")
                cells = [row.get(column) for row in rows(text) for column in figures]
                assert all(math.isfinite(float(cell)) for cell in cells if cell)
    assert seen == set(FORMATS)


# -- the command


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    literal.write_records(folder, HISTORY)
    return folder


def argv(checkout: Path, *arguments: str) -> list[str]:
    config = ["--config", str(checkout / "asv.conf.json")]
    return [*config, "export", *arguments, "--machine", literal.MACHINE]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_same_records_make_the_same_file(
    checkout: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    bench = ["--bench", "'NHWC', 'none', 'off'"]
    for file in ("one", "two"):
        assert cli.main(argv(checkout, name, RELEASE, *bench, "-o", file)) == 0
        assert f"{Path(file).absolute()}: {name} of box" in capsys.readouterr().out
    assert Path("one").read_bytes() == Path("two").read_bytes()
    assert cli.main(argv(checkout, name, RELEASE, *bench)) == 0
    assert capsys.readouterr().out == Path("one").read_text()
    assert sorted(os.listdir()) == ["checkout", "one", "two"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bmf", "theano-1.0.5"), "nothing of this is on record for box"),
        (("bmf",), "bmf is of exactly one release, and none is named; give one, such as"),
        (("pyperf", "tensorflow"), "pyperf is of exactly one release, and 'tensorflow' names 3"),
        (("bmf", *SHIPPED[:2]), f"and '{SHIPPED[0]} {SHIPPED[1]}' names 2; give one"),
        (("bmf", "tensorflow-9"), "no such release on the track"),
        (("bmf", RELEASE, "--profile", "tpu"), "--profile tpu: on record are cpu-quick"),
        (("bmf", RELEASE, "--bench", "nobody"), "--bench nobody selects no benchmark"),
        (("bmf", RELEASE, "--bench", "("), "it is no regular expression"),
        (("bmf", RELEASE, "-o", "no/file"), "-o no/file cannot be written: No such file"),
        (("bmf", RELEASE, "-o", "checkout"), "-o checkout: it is no file"),
        (("bmf", RELEASE, "-o", "x" * 300), "cannot be written: File name too long"),
    ],
)
def test_what_cannot_be_exported_is_told_in_a_line(
    checkout: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert cli.main(argv(checkout, *arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err
    assert os.listdir() == ["checkout"]


def test_an_unknown_format_gets_the_nearest(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(argv(checkout, "cvs", RELEASE))
    assert refused.value.code == 2
    assert "perhaps csv" in capsys.readouterr().err


def test_only_csv_has_samples(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(argv(checkout, "bmf", RELEASE, "--samples"))
    assert refused.value.code == 2
    capsys.readouterr()
    assert cli.main(argv(checkout, "csv", "--samples", RELEASE)) == 0
    assert capsys.readouterr().out.splitlines()[0] == ",".join(OF_SAMPLE)


def test_what_is_unmeasured_is_named(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(argv(checkout, "csv", RELEASE, "theano-1.0.5")) == 0
    assert "unmeasured on box: theano-1.0.5" in capsys.readouterr().err


def test_a_pipe_is_not_replaced_by_a_file(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")
    assert cli.main(argv(checkout, "bmf", RELEASE, "-o", "pipe")) == 1
    assert "-o pipe: it is no file" in capsys.readouterr().err
    assert Path("pipe").is_fifo()


def test_a_link_stays_a_link(checkout: Path) -> None:
    Path("link").symlink_to("file")
    assert cli.main(argv(checkout, "bmf", RELEASE, "-o", "link")) == 0
    assert Path("link").is_symlink()
    assert NAME in json.loads(Path("file").read_text())


def test_half_a_character_in_a_record_is_written_as_its_number(checkout: Path) -> None:
    refused = record(RELEASE, "NCHW none on", outcome="n/a", reason="no \ud800 here")
    literal.write_records(checkout, [refused])
    assert cli.main(argv(checkout, "csv", RELEASE, "-o", "file")) == 0
    (row,) = rows(Path("file").read_text(encoding="utf-8"))
    assert row["reason"] == r"no \ud800 here"


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(checkout: Path) -> None:
    """The system lets the process write a part of the file, as where a disk is full."""
    Path("file").write_text("old")
    done = subprocess.run(
        [sys.executable, "-m", "vggbench.cli", *argv(checkout, "bmf", RELEASE, "-o", "file")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert done.stderr == "vggbench: -o file cannot be written: File too large\n"
    assert Path("file").read_text() == "old"
    assert sorted(os.listdir()) == ["checkout", "file"]
