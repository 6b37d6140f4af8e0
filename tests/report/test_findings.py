"""vggbench findings: what is said of a history, from records of real runs on the tiny track."""

from __future__ import annotations

import re
import shutil

import pytest

from vggbench.judging.differences import Difference
from vggbench.report.findings import cause, in_general
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import IMPROVED, NOT_SURE, UNCHANGED

from ..judging.literal import separation, verdict
from ..tiny import MACHINE, Tiny, python_of

pytestmark = pytest.mark.asv


def findings(tiny: Tiny, *options: str) -> dict[str, str]:
    """What the command prints, by heading."""
    done = tiny.vggbench("findings", *options)
    assert done.status == 0, done.output
    parts = re.split(r"^###? (.*)$", done.output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str, *texts: str) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in texts)]


def test_a_change_is_confirmed_by_a_session_that_measured_both(measured: Tiny) -> None:
    before = findings(measured)
    assert not rows(before["Confirmed changes between neighbouring releases"], "tinyframe-1.2")
    slower = ("tinyframe-1.2 | tinyframe-1.1 | plain | step time", "+200.0 %")
    assert rows(before["Not confirmed"], *slower)

    assert measured.vggbench("confirm", "tinyframe-1.2").status == 1
    after = findings(measured)
    (row,) = rows(after["Confirmed changes between neighbouring releases"], *slower)
    assert "10.0 ms | 30.0 ms" in row
    assert "not separated; also changed: Python" in row
    assert not rows(after["Not confirmed"], *slower)


def test_an_improvement_is_confirmed_where_that_is_asked_for(measured: Tiny) -> None:
    measured.add_release("2.1", seconds=0.010, python=python_of("2.0"))
    assert measured.asv("run", "tinyframe-2.1").status == 0
    faster = ("tinyframe-2.1 | tinyframe-2.0 | plain | step time", "-66.7 %")
    assert rows(findings(measured)["Not confirmed"], *faster)
    done = measured.vggbench("confirm", "tinyframe-2.1", "--improved")
    assert "tinyframe-2.1 plain against tinyframe-2.0: step time: improved, -66.7 %" in done
    (row,) = rows(findings(measured)["Confirmed changes between neighbouring releases"], *faster)
    assert "the framework: nothing else is known to have changed" in row


def test_what_could_not_be_is_counted_by_reason(measured: Tiny) -> None:
    done = measured.asv("run", "tinyframe-2.0", faults="2.0/fused:error")
    assert done.status == 2
    text = findings(measured)["What has no number"]
    assert rows(text, "tinyframe has no such mode | 5 | tinyframe-1.0 to tinyframe-2.0")
    assert rows(text, "ValueError: the kernel went astray | 1 | tinyframe-2.0")
    assert "| unmeasured | releases |" in text
    assert rows(text, "plain; fused; impossible | otherframe-7.0 |")


def test_what_releases_install_is_listed_of_each_major_version(measured: Tiny) -> None:
    text = findings(measured)["What releases install, cpu"]
    assert rows(text, "<summary>Tinyframe: ")
    listed = rows(text, "| tinyframe-")
    assert [row.split(" | ")[0] for row in listed] == [
        "| tinyframe-1.0",
        "| tinyframe-1.10",
        "| tinyframe-2.0",
    ]
    for row in listed:
        # A wheel that lies in a folder is no pin.
        assert re.search(r"\| cpu \| 0 \| \d+\.\d\d GB \|$", row)


def test_what_was_left_out_of_a_line_is_named(tiny: Tiny) -> None:
    assert tiny.asv("run", "--bench", "plain", "tinyframe>=1.2 otherframe").status == 0
    assert tiny.asv("run", "--bench", "fused", "tinyframe-1.0 tinyframe-1.10").status == 0
    text = findings(tiny)["What has no number"]
    assert rows(text, "| plain | tinyframe-1.0 to tinyframe-1.1 |")
    assert rows(text, "| fused |", "tinyframe-1.1 to tinyframe-1.2, tinyframe-2.0 |")


def test_benchmarks_that_cannot_be_imported_end_it_in_one_line(tiny: Tiny) -> None:
    assert tiny.asv("run", "--bench", "plain", "tinyframe-1.0").status == 0
    (tiny.folder / "benchmarks" / "broken.py").write_text("import no_such_module\n")
    done = tiny.vggbench("findings")
    assert done.status == 1
    (line,) = done.output.strip().splitlines()
    assert "ModuleNotFoundError: No module named 'no_such_module'; correct that" in line


def test_the_first_and_the_last_release_of_each_major_version_are_shown_in_short(
    measured: Tiny,
) -> None:
    shown = rows(findings(measured)["In short"], "| tinyframe-")
    assert [row.split(" | ")[0] for row in shown] == [
        "| tinyframe-1.0",
        "| tinyframe-1.10",
        "| tinyframe-2.0",
    ]
    assert re.search(r"\| fused \| 10 ms \(10 to 10\) \| [\d.]+ \| [\d.]+ s \|", shown[0])


PAGE = """# Of mine

<!-- vggbench findings -->
what stood here before
<!-- end of vggbench findings -->

The end.
"""


def test_the_table_in_short_is_put_into_a_page_again_and_again(measured: Tiny) -> None:
    page = measured.folder / "page.md"
    page.write_text(PAGE)
    for _ in range(2):
        done = measured.vggbench("findings", "--into", "page.md")
        assert (done.status, done.output) == (0, "")
        text = page.read_text()
    assert text.startswith("# Of mine\n\n<!-- vggbench findings -->\n")
    assert text.endswith("<!-- end of vggbench findings -->\n\nThe end.\n")
    assert text.count("| tinyframe-1.10 |") == 1
    assert "what stood here before" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- vggbench findings -->\n",
        "<!-- end of vggbench findings -->\n<!-- vggbench findings -->\n",
        PAGE + PAGE,
    ],
)
def test_a_page_without_room_for_it_stays_as_it_is(measured: Tiny, text: str) -> None:
    page = measured.folder / "page.md"
    page.write_text(text)
    done = measured.vggbench("findings", "--into", "page.md")
    assert done.status == 1
    assert "page.md has no room for the table; put these two lines" in done.output
    assert page.read_text() == text


def test_it_is_written_to_a_file(measured: Tiny) -> None:
    done = measured.vggbench("findings", "-o", "found.md")
    assert done.status == 0, done.output
    assert (measured.folder / "found.md").read_text().startswith("# Findings\n")


def test_several_machines_stand_beside_each_other_then_alone_in_the_order_asked_for(
    measured: Tiny,
) -> None:
    other = measured.results / "otherbox"
    shutil.copytree(measured.machine_results, other)
    for path in other.glob("records/*.jsonl"):
        path.write_text(path.read_text().replace(f'"{MACHINE}"', '"otherbox"'))
    told = findings(measured, f"--machine={MACHINE}", "--machine=otherbox")
    beside = "Machine beside machine, cpu-quick"
    headings = [heading for heading in told if heading.endswith(", cpu-quick")]
    assert headings == [
        "The largest changes, cpu-quick",
        "What surprises, cpu-quick",
        beside,
        f"{MACHINE}, cpu-quick",
        "otherbox, cpu-quick",
    ]
    assert rows(told[beside], "| release | against |", f"| {MACHINE} | otherbox |")
    (row,) = rows(told[beside], "tinyframe-1.2 | tinyframe-1.1 | plain | step time")
    assert row.endswith("| +200.0 % | +200.0 % |")
    assert beside not in findings(measured)


@pytest.mark.parametrize(
    ("why", "general"),
    [
        (
            "tensorflow 1.4.1 on the cpu: Default MaxPoolingOp only supports NHWC.",
            "tensorflow on the cpu: Default MaxPoolingOp only supports NHWC",
        ),
        ("no XLA in this build of tensorflow 1.0.1", "no XLA in this build of tensorflow"),
        ("keras 1.2.2 has no switch for XLA", "keras has no switch for XLA"),
        ("out of memory (2 of 3 processes)", "out of memory"),
        ("no XLA before 1.12", "no XLA before 1.12"),
    ],
)
def test_a_reason_is_one_for_all_releases_that_gave_it(why: str, general: str) -> None:
    assert in_general(why) == general


def test_what_was_set_while_a_machine_measured_stands_with_it(tiny: Tiny) -> None:
    brief = ("--bench", r"\('plain'\)", "-a", "rounds=1")
    assert tiny.asv("run", "tinyframe-1.0", *brief, env={"OMP_NUM_THREADS": "1"}).status == 0
    told = tiny.vggbench("findings").output
    assert "releases. Measured with OMP\\_NUM\\_THREADS=1 set (in all of the processes)." in told
    assert tiny.asv("run", "tinyframe-1.1", *brief).status == 0
    assert "Measured with OMP\\_NUM\\_THREADS=1 set (in 1 of the processes)." in tiny.vggbench(
        "findings"
    )


def test_a_line_that_is_no_record_is_said(tiny: Tiny) -> None:
    brief = ("--bench", r"\('plain'\)", "-a", "rounds=1")
    assert tiny.asv("run", "tinyframe-1.0", *brief).status == 0
    (file,) = tiny.machine_results.glob("records/*.jsonl")
    with file.open("a") as more:
        more.write("half a rec\n")
    done = tiny.vggbench("findings")
    assert done.status == 0
    assert done.lines_with(f"{file.name}:2 is no record and is left out")


def test_nothing_on_record_is_said(tiny: Tiny) -> None:
    done = tiny.vggbench("findings")
    assert done.status == 1
    assert done.output.strip() == (
        "vggbench: nothing is on record for testbox; measure it there with: vggbench history"
    )


MOVED = (Difference("Python", "3.7", "3.8"), Difference("NumPy", "1.17", "1.19"))
NOTHING = (UNCHANGED, 1.0, 0.99, 1.01)
#: Of a change to a half in the worst case, in logarithms: a fifth, and two thirds.
A_FIFTH, TWO_THIRDS = (NOT_SURE, 0.95, 0.87, 1.02), (NOT_SURE, 0.9, 0.63, 1.02)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({}, "not separated; also changed"),
        ({"python 3.7 and numpy 1.17": NOTHING}, "by them alone); therefore mostly the framework"),
        ({"python 3.7 and numpy 1.17": A_FIFTH}, "by them alone); therefore mostly the framework"),
        ({"python 3.7 and numpy 1.17": TWO_THIRDS}, "not sure about python and numpy"),
        ({"python 3.7": NOTHING, "numpy 1.17": A_FIFTH}, "therefore mostly the framework"),
        ({"python 3.7": NOTHING}, "not python (+0.0 % by it alone); also changed"),
        (
            {"python 3.7": None, "numpy 1.17": NOTHING},
            "python 3.7 cannot be changed back: no wheel",
        ),
        (
            {"python 3.7": None, "python 3.7 and numpy 1.17": None},
            "not separated; python 3.7 cannot",
        ),
        (
            {"numpy 1.17": None, "python 3.7 and numpy 1.17": NOTHING},
            "by them alone); therefore mostly the fr",
        ),
        (
            {"python 3.7 and x 1": A_FIFTH, "python 3.7 and numpy 1.17": NOTHING},
            "therefore mostly the fram",
        ),
    ],
)
def test_a_change_is_the_frameworks_where_all_that_moved_makes_little(parts, told: str) -> None:
    one = verdict(0.5, 0.45, 0.5, outcome=IMPROVED, differences=MOVED)
    own = [
        separation(one, variant, part and judgement(*part), processes=4, error="no wheel")
        for variant, part in parts.items()
    ]
    assert told in cause(one, own)
    assert ("therefore mostly the fr" in cause(one, own)) == ("therefore mostly the fr" in told)
    assert cause(one, own).count("no wheel") <= 1


def judgement(outcome: str, ratio: float, low: float, high: float) -> Judgement:
    return Judgement(outcome, ratio, low, high, suspected=False, processes_needed=None)
