"""What the command line makes of the arguments that it is given, before any command sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vggbench import cli
from vggbench.errors import shortened

from ..tiny import ROOT

LONG = "x" * 5000

CHECKOUT = ["--config", str(ROOT / "asv.conf.json")]
MEASURED = ["--machine", "epyc-zen5"]

#: What a command needs beside the word that is looked at.
NEEDED = {
    "confirm": ["tensorflow-2.16.2"],
    "separate": ["tensorflow-2.16.2", "--back", "python"],
    "plot": ["tensorflow", "-o", "plot.svg"],
}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """(exit status, the line about it)"""
    try:
        status = cli.main(list(arguments))
    except SystemExit as err:
        status = int(str(err.code))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) < 600
    return status, lines[-1]


def empty() -> Iterator[list[str]]:
    for name in ("verdict", "confirm", "separate"):
        yield [name, *NEEDED.get(name, []), "--against"]
    for name in ("verdict", "history", "rates", "table", "plot", "findings"):
        yield [name, *NEEDED.get(name, []), "--machine"]
    for name in ("calibrate", "peak", "confirm", "plot", "verdict", "rates"):
        yield [name]
    yield ["releases", "list"]
    yield ["findings", "-o"]
    for option in ([], ["--machine"], ["--profile"], ["-o"]):
        yield ["export", "csv", *option]
    yield ["verdict", "--track"]


@pytest.mark.parametrize("arguments", list(empty()), ids=" ".join)
@pytest.mark.parametrize("word", ["", " "])
def test_an_empty_argument_is_refused_and_not_taken_for_none(
    capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    status, line = said(capsys, *arguments, word)
    assert status == 2
    assert f"{word!r} is empty; write a word, or leave it out" in line
    assert arguments[-1] in line or not arguments[-1].startswith("-")


def test_an_empty_argument_is_refused_where_it_names_the_configuration_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, line = said(capsys, "--config", "", "rates")
    assert (status, line) == (
        2,
        "vggbench: argument --config: '' is empty; write a word, or leave it out; "
        "see vggbench --help",
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["confirm", "tensorflow", "--bugdet", "3m"],
            "vggbench confirm: unrecognized arguments: --bugdet 3m; perhaps --budget; "
            "see vggbench confirm --help",
        ),
        (
            ["verdict", "tensorflow", "--agianst=tensorflow-2.16.2"],
            "vggbench verdict: unrecognized arguments: --agianst=tensorflow-2.16.2; perhaps "
            "--against; see vggbench verdict --help",
        ),
        (
            ["releases", "list", "--jsno"],
            "vggbench releases list: unrecognized arguments: --jsno; perhaps --json; "
            "see vggbench releases list --help",
        ),
        (
            ["verdict", "tensorflow", "--no-such"],
            "vggbench verdict: unrecognized arguments: --no-such; see vggbench verdict --help",
        ),
        (
            ["--no-such", "verdict"],
            "vggbench: unrecognized arguments: --no-such; see vggbench --help",
        ),
        (
            ["confirm", "tensorflow", "--budget", "soon"],
            "vggbench confirm: argument --budget: 'soon' is no time; write 10m, 90s or 1h30m; "
            "see vggbench confirm --help",
        ),
        (
            ["duet", "tensorflow"],
            "vggbench duet: the following arguments are required: second; see vggbench duet --help",
        ),
        (
            ["plot", "tensorflow"],
            "vggbench plot: the following arguments are required: -o/--output; "
            "see vggbench plot --help",
        ),
        (
            ["vrdict"],
            "vggbench: argument COMMAND: invalid choice: 'vrdict'; perhaps verdict; "
            "see vggbench --help",
        ),
        ([], "vggbench: the following arguments are required: COMMAND; see vggbench --help"),
    ],
    ids=lambda told: " ".join(told) if isinstance(told, list) else "",
)
def test_arguments_that_no_command_takes_get_one_line_of_that_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(arguments)
    assert refused.value.code == 2
    assert capsys.readouterr().err.splitlines() == [line]


@pytest.mark.parametrize("word", ["python3.10", "3", "3.10.4", "3.13t", "3.", "foo"])
def test_a_release_is_added_for_a_minor_version_of_cpython_alone(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    adding = ("releases", "add", "tensorflow==2.99.0", "--python", word)
    status, line = said(capsys, *CHECKOUT, *adding)
    assert status == 2
    assert f"{word!r} is no minor version of CPython; write 3.12" in line


@pytest.mark.parametrize(
    "arguments",
    [
        [*CHECKOUT, "verdict", "--track", LONG, *MEASURED],
        [*CHECKOUT, "verdict", "--profile", LONG, *MEASURED],
        [*CHECKOUT, "plot", LONG, "-o", "plot.svg", *MEASURED],
        [*CHECKOUT, "plot", "tensorflow", "--profile", LONG, "-o", "plot.svg", *MEASURED],
        [*CHECKOUT, "plot", "tensorflow", "--measure", LONG, "-o", "plot.svg", *MEASURED],
        [*CHECKOUT, "plot", "tensorflow", "--configuration", LONG, "-o", "plot.svg", *MEASURED],
        [*CHECKOUT, "plot", "tensorflow", "-o", LONG, *MEASURED],
        [*CHECKOUT, "table", "--profile", LONG, *MEASURED],
        [*CHECKOUT, "findings", "--into", LONG, *MEASURED],
        [*CHECKOUT, "export", LONG],
        [*CHECKOUT, "export", "bmf", LONG, *MEASURED],
        [*CHECKOUT, "check", "--budget", LONG],
        [*CHECKOUT, "check", "--processes", LONG],
        ["--config", LONG, "rates"],
        [*CHECKOUT, LONG],
        [*CHECKOUT, "rates", "--" + LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG").replace(str(ROOT), ""),
)
def test_a_long_argument_does_not_stand_whole_in_a_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    status, line = said(capsys, *arguments)
    assert status in (1, 2)
    assert line.startswith("vggbench")


def test_arguments_are_cut_in_the_middle_each_by_itself() -> None:
    name = "release-" + "a" * 300 + "-end"
    cut = shortened(f"--track {name}: unknown; choose another")
    assert cut.startswith("--track release-aaa")
    assert cut.endswith("aaa-end: unknown; choose another")
    assert " ... " in cut
    many = " ".join(["word"] * 300)
    assert shortened(many) == many
