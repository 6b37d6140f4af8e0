"""vggbench plot: pictures from literal records."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from vggbench import cli
from vggbench.judging.evidence import gather
from vggbench.records import Record
from vggbench.report import chained, plot
from vggbench.report.lines import PageGraph, lines

from ..judging.duets import block_by_log, link
from ..judging.literal import NHWC
from .pages import literal
from .pages.literal import (
    APART,
    CATALOGUE,
    CHAINED,
    HISTORY,
    LACKING,
    SHIPPED,
    TWO_DAYS,
    processes,
    record,
)

TENSORFLOW = CATALOGUE.tracks["tensorflow"]


def found(*taken: Record) -> list[PageGraph]:
    return lines("box", taken or HISTORY, CATALOGUE)[0]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    literal.write_records(folder, HISTORY)
    return folder


def paths(svg: Path, drawn: str) -> list[str]:
    """The lines of the chart that move (M) and draw (L) like ``drawn``; intervals and the grid are
    upright or level, so they are none."""
    found = []
    for path in ElementTree.parse(svg).iter():
        path_parts = path.get("d", "").split()
        if path.get("clip-path") and "".join(one for one in path_parts if one.isalpha()) == drawn:
            numbers = [float(one) for one in path_parts if not one.isalpha()]
            if len(set(numbers[::2])) > 1 and len(set(numbers[1::2])) > 1:
                found.append(drawn)
    return found


def vggbench(checkout: Path, *arguments: str) -> int:
    return cli.main(["--config", str(checkout / "asv.conf.json"), "plot", *arguments])


@pytest.mark.parametrize(
    ("variable", "text"),
    [("MPLBACKEND", "nonsense"), ("MATPLOTLIBRC", "text.usetex: True\nfont.size: 30\n")],
)
def test_what_the_user_has_set_for_matplotlib_changes_no_picture(
    tmp_path: Path, variable: str, text: str
) -> None:
    """In a process of its own, since Matplotlib reads that when it is imported."""
    file = tmp_path / "matplotlibrc"
    file.write_text(text)
    pictures = []
    for number, env in enumerate(({}, {variable: text if variable == "MPLBACKEND" else str(file)})):
        picture = tmp_path / f"{number}.svg"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "vggbench.cli", "plot", "tensorflow"),
                *("--machine", "epyc-zen4", "--configuration", "NHWC none off"),
                *("-o", str(picture)),
            ],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        pictures.append(picture.read_bytes())
    assert pictures[0] == pictures[1]


def test_a_track_of_nightlies_is_called_one() -> None:
    said = (
        "^nothing of TensorFlow nightly is on record for box; measure it there with: asv run "
        "tensorflow-nightly$"
    )
    with pytest.raises(plot.PlotError, match=said):
        plot.choose(found(), CATALOGUE.tracks["tensorflow-nightly"], "box")


def test_an_svg_is_an_svg_with_all_releases_and_configurations(
    checkout: Path, tmp_path: Path
) -> None:
    path = tmp_path / "history.svg"
    assert vggbench(checkout, "tensorflow", "--machine", "box", "-o", str(path)) == 0
    text = path.read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for shown in (
        "2.14.1",
        "2.15.1",
        "2.16.2",
        "NHWC, fused BN, no XLA",
        "failed",
        "Train step, ms",
    ):
        assert f"<!-- {shown} -->" in text


def test_a_png_is_a_png_sharp_enough_for_paper(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "history.png"
    options = ("--log", "--order", "date", "--measure", "peak_memory")
    assert vggbench(checkout, "tensorflow", "--machine", "box", *options, "-o", str(path)) == 0
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (2000, 1040)


def test_the_file_lies_where_the_command_was_given(checkout: Path, tmp_path: Path) -> None:
    assert vggbench(checkout, "keras", "--machine", "box", "-o", "here.svg") == 0
    assert (tmp_path / "here.svg").is_file()


def test_a_param_that_a_record_lacks_is_drawn_as_its_default() -> None:
    (line,) = found(LACKING, record(SHIPPED[1]), record(SHIPPED[2], "NCHW none on"))
    looks = {" ".join(words): look for words, look in plot.looks(line).items()}
    assert {words: (look.dashed, look.hollow) for words, look in looks.items()} == {
        "NHWC none off": (False, False),
        "NCHW none on": (True, True),
        "- none -": (False, False),
    }


def test_a_figure_without_a_place_on_a_logarithmic_scale_is_left_out_and_said(
    tmp_path: Path,
) -> None:
    taken = [record(SHIPPED[1]), record(SHIPPED[2], losses=[2.3, 1.0, 0.0]), record(SHIPPED[3])]
    line, measure, wanted = plot.choose(found(*taken), TENSORFLOW, "box", measure="loss")
    path = tmp_path / "loss.svg"
    assert plot.draw(line, TENSORFLOW, measure, wanted, path) == []
    (said,) = plot.draw(line, TENSORFLOW, measure, wanted, path, log=True)
    assert said.endswith(f"since 0 has no place on a logarithmic scale: {SHIPPED[2]}")


def test_the_axis_of_memory_that_shrank_reaches_below_0(tmp_path: Path) -> None:
    taken = [
        record(name, memory_growth_per_step_bytes=grown)
        for name, grown in ((SHIPPED[1], -7e6), (SHIPPED[2], 3e6))
    ]
    line, measure, wanted = plot.choose(found(*taken), TENSORFLOW, "box", measure="memory_growth")
    path = tmp_path / "growth.svg"
    assert plot.draw(line, TENSORFLOW, measure, wanted, path) == []
    text = path.read_text()
    assert "Memory growth per step, MB" in text
    assert "\N{MINUS SIGN}" in text


def test_the_same_records_make_the_same_file(tmp_path: Path) -> None:
    texts = []
    for name in ("one.svg", "other.svg"):
        line, measure, wanted = plot.choose(
            found(), TENSORFLOW, "box", configurations=["NHWC none off"]
        )
        plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / name)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert "NHWC, no BN, XLA" not in texts[0]


def test_a_line_is_cut_where_a_release_was_measured_again_on_another_day(tmp_path: Path) -> None:
    line, measure, wanted = plot.choose(found(*TWO_DAYS), TENSORFLOW, "box")
    plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "cut.svg")
    # From the first to the second, and from the second to the third.
    assert paths(tmp_path / "cut.svg", "MLML") == ["MLML"]


def test_a_line_is_cut_where_a_release_was_measured_in_another_state(tmp_path: Path) -> None:
    slower = {"samples": [0.4, 0.4, 0.4]}
    taken = [record(SHIPPED[0]), record(SHIPPED[1], **slower)]
    taken += [record(SHIPPED[2], cpus=4), record("tensorflow-2.17.1", cpus=4, **slower)]
    line, measure, wanted = plot.choose(found(*taken), TENSORFLOW, "box")
    said = plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "cut.svg")
    assert said == [
        f"NHWC, no BN, no XLA: cut at {SHIPPED[2]}, which is not compared with the release before "
        f"it: CPUs: 2 CPUs before, 4 CPUs after"
    ]
    assert paths(tmp_path / "cut.svg", "MLML") == ["MLML"]


def test_what_a_busy_machine_measured_is_named(tmp_path: Path) -> None:
    loads = ([9.0, 5.0, 3.0], [9.0, 6.0, 3.0], [0.5, 0.5, 0.5])
    taken = [
        record(release, load_before=load) for release, load in zip(SHIPPED, loads, strict=False)
    ]
    line, measure, wanted = plot.choose(found(*taken), TENSORFLOW, "box")
    assert plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "busy.svg") == [
        "measured on a busy machine (a load of 9.0 where the process may use 2 CPUs): "
        f"{SHIPPED[0]} NHWC none off, {SHIPPED[1]} NHWC none off"
    ]
    _, memory, _ = plot.choose(found(*taken), TENSORFLOW, "box", measure="peak_memory")
    assert plot.draw(line, TENSORFLOW, memory, wanted, tmp_path / "busy.svg") == []


def test_by_date_a_line_is_cut_where_its_neighbours_by_date_are_in_other_states(
    tmp_path: Path,
) -> None:
    """1.6.0 came before 1.5.1."""
    taken = [
        record(f"tensorflow-{version}", cpus=cpus, samples=[seconds] * 3)
        for version, cpus, seconds in (
            *(("1.4.1", 2, 0.2), ("1.5.1", 2, 0.4)),
            *(("1.6.0", 4, 0.3), ("1.8.0", 4, 0.5)),
        )
    ]
    line, measure, wanted = plot.choose(found(*taken), TENSORFLOW, "box")
    for by_date, drawn in ((False, ["MLML"]), (True, [])):
        plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "cut.svg", by_date=by_date)
        assert paths(tmp_path / "cut.svg", "MLML") == drawn


@pytest.mark.parametrize(("between", "drawn"), [("nothing", "ML"), ("failed", "")])
def test_a_line_passes_over_what_is_unmeasured_and_ends_at_a_failure(
    tmp_path: Path, between: str, drawn: str
) -> None:
    taken = [
        record(SHIPPED[0]),
        record(SHIPPED[1], "NHWC none on"),
        record(SHIPPED[2], samples=[0.4, 0.4, 0.4]),
    ]
    if between == "failed":
        taken.append(record(SHIPPED[1], outcome="failed", error="SIGSEGV"))
    wanted = ["NHWC none off"]
    line, measure, chosen = plot.choose(found(*taken), TENSORFLOW, "box", configurations=wanted)
    plot.draw(line, TENSORFLOW, measure, chosen, tmp_path / "one.svg")
    assert paths(tmp_path / "one.svg", "ML") == ([drawn] if drawn else [])


def chain_of(
    folder: Path, capsys: pytest.CaptureFixture[str], taken: list[Record], *arguments: str
) -> tuple[str, list[str], str]:
    """What vggbench plot --chain draws of these records (an SVG), and what it says: on standard
    output, and on the other."""
    checkout = literal.checkout(folder / "of-chains")
    literal.write_records(checkout, taken)
    options = ("--machine", "box", "--chain", "-o", str(folder / "chain.svg"))
    assert vggbench(checkout, "tensorflow", *options, *arguments) == 0
    said = capsys.readouterr()
    return (folder / "chain.svg").read_text(), said.out.splitlines(), said.err


def test_a_chain_is_drawn_against_its_base_and_its_loops_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, said, err = chain_of(tmp_path, capsys, CHAINED)
    for shown in (
        "2.14.1",
        "2.16.2",
        "NHWC, no BN, no XLA",
        f"Train step, relative to {SHIPPED[0]}",
    ):
        assert f"<!-- {shown} -->" in text
    assert paths(tmp_path / "chain.svg", "MLL") == ["MLL"]
    assert said[0].endswith("TensorFlow on box, cpu-quick: Train step, levels")
    assert said[1] == f"3 releases, {SHIPPED[0]} to {SHIPPED[2]}: relative to {SHIPPED[0]}"
    assert said[2].startswith(f"loop {SHIPPED[0]} to {SHIPPED[2]}: -3.0 % directly, -3.0 % by")
    assert said[3].startswith("1 loop together")
    assert (len(said), err) == (4, "")


def test_a_chain_is_drawn_against_the_base_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--base", SHIPPED[2], "--measure", "peak_memory", "--log", "--order", "date")
    text, said, _ = chain_of(tmp_path, capsys, CHAINED, *options)
    assert f"<!-- Peak memory, relative to {SHIPPED[2]} -->" in text
    assert f"relative to {SHIPPED[2]}" in said[1]


def test_components_of_a_chain_are_drawn_apart_with_a_base_each(tmp_path: Path) -> None:
    evidence = gather("box", APART, CATALOGUE)
    found = chained.choose(evidence, TENSORFLOW)
    (line,) = lines("box", APART, CATALOGUE, also=[chain.line for chain in found])[0]
    plot.draw_chains(line, TENSORFLOW, found, tmp_path / "apart.svg")
    # Two releases, and apart from them other two; and the line of another configuration.
    assert paths(tmp_path / "apart.svg", "MLML") == ["MLML"]
    assert paths(tmp_path / "apart.svg", "ML") == ["ML"]
    text = (tmp_path / "apart.svg").read_text()
    for shown in (
        "NHWC, no BN, no XLA (base 2.10.1, then 2.15.1)",
        "NHWC, no BN, XLA (base 2.14.1)",
        "Train step, relative to its base",
    ):
        assert f"<!-- {shown} -->" in text
    said = chained.remarks(found)
    assert said[1] == (
        f"NHWC none off: 2 releases, {SHIPPED[1]} to {SHIPPED[2]}, no link connects them with "
        f"those before: relative to {SHIPPED[1]}"
    )
    assert said[2].startswith("NHWC none on: 2 releases")


def test_the_same_blocks_make_the_same_picture_beside_whatever_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "beside").mkdir()
    alone, _, _ = chain_of(tmp_path / "alone", capsys, CHAINED)
    beside, _, _ = chain_of(
        tmp_path / "beside", capsys, [*HISTORY, *CHAINED], "--configuration", "NHWC none off"
    )
    assert alone == beside


@pytest.mark.parametrize(
    ("taken", "arguments", "told"),
    [
        ([], (), "a link takes 6 blocks of duets of two releases, and there are none"),
        ([], (), "vggbench history, once history.toml has [duets]"),
        (block_by_log(SHIPPED[0], SHIPPED[1]), (), "no two releases have more than 1 block"),
        (CHAINED, ("--base", SHIPPED[3]), "is no release of TensorFlow"),
        (CHAINED, ("--base", "pytorch-1"), "unknown track 'pytorch'"),
        (
            link(SHIPPED[0], SHIPPED[1]),
            ("--base", SHIPPED[2]),
            f"no level; choose among {SHIPPED[0]}, {SHIPPED[1]}",
        ),
        (CHAINED, ("--measure", "loss"), "there are chains of step, first_step, peak_memory"),
        (CHAINED, ("--profile", "gpu-paper"), "chained are cpu-quick"),
        (CHAINED, ("--configuration", "NHWC none on"), "'NHWC none off'"),
        (CHAINED, ("-o", "x.gif"), ".svg or .png"),
        (
            [*CHAINED, *link(SHIPPED[0], SHIPPED[1], words=NHWC, profile="cpu-paper")],
            (),
            "--profile cpu-paper|cpu-quick",
        ),
    ],
)
def test_a_chain_that_cannot_be_drawn_is_told_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    taken: list[Record],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    checkout = literal.checkout(tmp_path / "checkout")
    literal.write_records(checkout, taken)
    options = ("--machine", "box", "--chain", "-o", "x.svg")
    assert vggbench(checkout, "tensorflow", *options, *arguments) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_a_base_is_refused_without_a_chain(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--machine", "box", "--base", SHIPPED[0], "-o", "x.svg")
    assert vggbench(checkout, "tensorflow", *options) == 1
    assert "--chain" in capsys.readouterr().err


def test_hostile_names_are_drawn_as_text(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> $\\frac{$ $x$"
    (line,) = lines(hostile, processes(SHIPPED[2], "NHWC none off", 0.2), CATALOGUE)[0]
    line, measure, wanted = plot.choose([line], TENSORFLOW, hostile)
    plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "hostile.svg")
    text = (tmp_path / "hostile.svg").read_text()
    assert not [
        element for element in ElementTree.fromstring(text).iter() if element.tag.endswith("script")
    ]


def test_nothing_but_failures_is_drawn_too(tmp_path: Path) -> None:
    ok = record(SHIPPED[1], samples=[0.1])
    failed = record(SHIPPED[2], outcome="failed", error="SIGSEGV")
    line, measure, wanted = plot.choose(found(ok, failed), TENSORFLOW, "box")
    plot.draw(line, TENSORFLOW, measure, wanted, tmp_path / "one.svg", log=True, by_date=True)
    assert (tmp_path / "one.svg").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pytorch", "-o", "x.svg"), "unknown track"),
        (("theano", "-o", "x.svg"), "asv run theano"),
        (("tensorflow", "-o", "x.gif"), ".svg or .png"),
        (("tensorflow", "-o", "x"), ".svg or .png"),
        (("tensorflow", "-o", "nowhere/x.svg"), "cannot be written"),
        (("tensorflow", "--profile", "gpu-paper", "-o", "x.svg"), "cpu-quick"),
        (("tensorflow", "--measure", "gpu_memory", "-o", "x.svg"), "on record of TensorFlow are"),
        (("tensorflow", "--configuration", "NHWC", "-o", "x.svg"), "'NHWC none off'"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_line(
    checkout: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert vggbench(checkout, *arguments, "--machine", "box") == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_several_profiles_need_a_choice(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    literal.write_records(checkout, [*HISTORY, record(profile="cpu-paper")])
    assert vggbench(checkout, "tensorflow", "--machine", "box", "-o", "x.svg") == 1
    assert "--profile cpu-paper|cpu-quick" in capsys.readouterr().err


def test_matplotlib_is_imported_for_drawing_alone() -> None:
    script = "import sys, vggbench.cli, vggbench.report.plot; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
