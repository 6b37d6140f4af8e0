"""asv's name of this machine, which commands that measure tell it."""

from __future__ import annotations

import json
import platform

import pytest

from vggbench.cli.common import here
from vggbench.runs import machines

from ..tiny import MACHINE, Tiny


@pytest.fixture
def at_home(bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A tiny checkout whose user's home is that of this process."""
    monkeypatch.setenv("HOME", str(bare_tiny.home))
    return bare_tiny


def test_asv_is_told_once_and_the_line_goes_where_lines_are_to_go(
    at_home: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    (at_home.home / ".asv-machine.json").unlink()
    said: list[str] = []
    assert here(at_home.checkout, said.append).machine == platform.node()
    (line,) = said
    assert line.startswith(f"asv is told that this machine is {platform.node()}: ")
    assert here(at_home.checkout, said.append).machine == platform.node()
    assert said == [line]
    assert capsys.readouterr().out == "", "with --json, standard output has nothing but JSON"


def test_a_machine_of_which_there_are_results_keeps_its_facts(at_home: Tiny) -> None:
    (at_home.home / ".asv-machine.json").unlink()
    facts = {"machine": "old-box", "cpu": "an old one", "os": "Linux 4", "ram": "1", "version": 1}
    stored = at_home.results / "old-box" / "machine.json"
    stored.parent.mkdir(parents=True)
    stored.write_text(json.dumps(facts))
    said: list[str] = []
    machines.tell_asv(at_home.checkout, "old-box", said.append)
    assert said == ["asv is told that this machine is old-box: an old one, Linux 4"]
    told = json.loads((at_home.home / ".asv-machine.json").read_text())
    assert told["old-box"]["os"] == "Linux 4"
    with pytest.raises(machines.OtherMachine, match="asv knows this machine as old-box, not as "):
        machines.name_of(at_home.checkout, "new-box")


def test_a_name_that_asv_has_stays_whatever_it_is(at_home: Tiny) -> None:
    file = at_home.home / ".asv-machine.json"
    file.write_text(file.read_text().replace(MACHINE, "a box of mine"))
    assert here(at_home.checkout).machine == "a box of mine"


def test_a_host_whose_name_is_no_folder_is_told_how_to_get_another(
    at_home: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at_home.home / ".asv-machine.json").unlink()
    here_it_is = platform.uname()
    monkeypatch.setattr(platform, "uname", lambda: here_it_is._replace(node="a box"))
    with pytest.raises(machines.OtherMachine) as caught:
        here(at_home.checkout)
    line = str(caught.value)
    assert line.startswith("a box: its results would have no folder; give letters")
    assert line.endswith(": asv machine --machine NAME")
