"""TLS between client, scheduler and workers: ``--tls FOLDER``."""

from __future__ import annotations

from pathlib import Path

import dask
import distributed

from . import FleetError
from .worker import reason

#: The files of FOLDER, in PEM: the certificate of the authority that signed all certificates of the
#: fleet, and this machine's own certificate and private key, without a passphrase.
FILES = ("ca.pem", "cert.pem", "key.pem")

#: What Dask distinguishes. One certificate serves all of it.
ROLES = ("client", "scheduler", "worker")


def read(folder: Path) -> distributed.Security:
    """The certificates in ``folder``, with which every connection is encrypted and both of its ends
    must be certified by the same authority.

    They become Dask's settings, because a worker that SSH starts on another machine gets these.
    There the folder must lie at the same place. Raises FleetError where a file is missing, or is
    not what it should be.
    """
    folder = folder.absolute()
    for name in FILES:
        if not (folder / name).is_file():
            raise FleetError(
                f"--tls {folder} has no {name}; it takes {', '.join(FILES)}, and docs/fleet.md "
                f"says how they are made"
            )
    authority, certificate, key = (str(folder / name) for name in FILES)
    settings: dict[str, object] = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": authority,
    }
    for role in ROLES:
        settings[f"distributed.comm.tls.{role}.cert"] = certificate
        settings[f"distributed.comm.tls.{role}.key"] = key
    dask.config.set(settings)
    security = distributed.Security()
    try:
        security.get_connection_args("worker")
    except (OSError, ValueError) as err:
        raise FleetError(
            f"--tls {folder}: these certificates cannot be used: {reason(err)}; docs/fleet.md says "
            f"how they are made"
        ) from None
    return security
