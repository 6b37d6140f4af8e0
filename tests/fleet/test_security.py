"""--tls: the page's commands make certificates, and nobody gets in without one."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from vggbench.fleet import FleetError, security

from ..documented import BLOCK
from ..tiny import PATIENCE_S, ROOT
from .conftest import Start

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates, and is not here"
)


def certified(folder: Path) -> Path:
    """A folder with what the commands of docs/fleet.md make: an authority and a certificate."""
    page = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    (commands,) = [found[2] for found in BLOCK.finditer(page) if found[2].startswith("openssl")]
    folder.mkdir()
    subprocess.run(["sh", "-e", "-c", commands], cwd=folder, check=True, capture_output=True)
    return folder


def context(trusted: Path, own: Path | None) -> ssl.SSLContext:
    """Trusts the authority of one folder, and shows the certificate of another."""
    made = ssl.create_default_context(cafile=str(trusted / "ca.pem"))
    made.check_hostname = False
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as Dask has it
    if own is not None:
        made.load_cert_chain(str(own / "cert.pem"), str(own / "key.pem"))
    return made


def greeting(address: str, of: ssl.SSLContext) -> bytes:
    """The first byte that a scheduler says to who connects to it; none where it refuses him."""
    host, _, port = address.partition("://")[2].rpartition(":")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=PATIENCE_S) as plain,
            of.wrap_socket(plain) as encrypted,
        ):
            return encrypted.recv(1)
    except (ssl.SSLError, ConnectionError):
        return b""


def test_with_certificates_a_worker_gets_in_and_without_one_nobody(
    start: Start, tmp_path: Path
) -> None:
    own, other = certified(tmp_path / "own"), certified(tmp_path / "other")
    address = start("scheduler", "--port", "0", "--tls", str(own)).address()
    assert address.startswith("tls://127.0.0.1:")
    worker = start("worker", address, "--tls", str(own))
    worker.says(f"works for {address}, and listens on tls://127.0.0.1:")

    assert greeting(address, context(own, own)) != b""
    assert greeting(address, context(own, None)) == b"", "it has no certificate"
    assert greeting(address, context(own, other)) == b"", "another authority signed it"


def test_a_worker_of_another_authority_is_not_let_in_and_says_that_it_waits(
    start: Start, tmp_path: Path
) -> None:
    own, other = certified(tmp_path / "own"), certified(tmp_path / "other")
    address = start("scheduler", "--port", "0", "--tls", str(own)).address()
    worker = start("worker", address, "--tls", str(other))
    worker.says("waits for the scheduler")
    assert not [line for line in worker.lines if "works for" in line]


def test_files_that_do_not_belong_together_are_one_line(tmp_path: Path) -> None:
    folder = certified(tmp_path / "own")
    shutil.copy(certified(tmp_path / "other") / "key.pem", folder / "key.pem")
    with pytest.raises(FleetError, match="these certificates cannot be used: ") as info:
        security.read(folder)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("name", security.FILES)
def test_a_file_that_is_missing_or_empty_is_named_or_told(tmp_path: Path, name: str) -> None:
    folder = certified(tmp_path / "own")
    (folder / name).write_text("")
    with pytest.raises(FleetError, match="cannot be used"):
        security.read(folder)
    (folder / name).unlink()
    with pytest.raises(FleetError, match=f"has no {name}; "):
        security.read(folder)
