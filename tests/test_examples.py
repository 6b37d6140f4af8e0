"""The files of examples/, as far as they can be tested without a runner of one's own."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from vggbench import cli

from .tiny import ROOT

EXAMPLES = ROOT / "examples"
SERVICE = EXAMPLES / "systemd" / "vggbench-check.service"


def helps(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main([argv[0], "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_workflow_runs_commands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    yaml = pytest.importorskip("yaml", reason="no parser of YAML is installed")
    content = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    lines = [step["run"] for step in content["jobs"]["check"]["steps"] if "run" in step]
    ours = [shlex.split(line) for line in lines if line.startswith(".venv/bin/vggbench")]
    assert ours
    for _, *argv in ours:
        told = helps(argv, capsys)
        assert all(word in told for word in argv if word.startswith("--"))
    assert "make setup" in lines
    assert re.search(r"^setup:", (ROOT / "Makefile").read_text(), re.M)


def test_the_service_runs_a_command_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SERVICE)
    program, *argv = shlex.split(parser["Service"]["ExecStart"])
    assert program == "%h/vggbench/.venv/bin/vggbench"
    told = helps(argv, capsys)
    assert all(word in told for word in argv if word.startswith("--"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in SERVICE.parent.iterdir():
        # The program of the service is the user's.
        text = re.sub("^ExecStart=.*", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    if "Failed to initialize manager" in done.stderr or "Failed to connect" in done.stderr:
        pytest.skip(f"systemd cannot verify here: {done.stderr.strip()[:100]}")
    assert done.returncode == 0, done.stderr
