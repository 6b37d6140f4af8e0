"""What of the user's settings of uv reaches it: where files come from, and how they are got.

All else would change what a lock holds, or how an environment is made, without a word in either.
uv's variables and its user's and system's uv.toml are read; a project's are not, since neither a
lock nor an environment is of a project. uv's reference names all of them: "Settings", "Environment
variables", "Configuration files".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import platformdirs
import tomli

from ..errors import VggbenchError, one_line

#: uv's name for the file that is read instead of all others.
CONFIG_FILE = "UV_CONFIG_FILE"

#: In a uv.toml, and in its table "pip" where the same stands there.
KEYS = frozenset(
    {
        "allow-insecure-host",
        "cache-dir",
        "concurrent-downloads",
        "extra-index-url",
        "find-links",
        "http-proxy",
        "https-proxy",
        "index",
        "index-strategy",
        "index-url",
        "keyring-provider",
        "native-tls",
        "no-index",
        "no-proxy",
        "offline",
        "python-downloads-json-url",
        "python-install-mirror",
        "system-certs",
    }
)

#: Of the variables that begin with UV_.
VARIABLES = frozenset(
    {
        "UV_CACHE_DIR",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_CREDENTIALS_DIR",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_FIND_LINKS",
        "UV_HTTP_CONNECT_TIMEOUT",
        "UV_HTTP_RETRIES",
        "UV_HTTP_TIMEOUT",
        "UV_INDEX",
        "UV_INDEX_STRATEGY",
        "UV_INDEX_URL",
        "UV_INSECURE_HOST",
        "UV_KEYRING_PROVIDER",
        "UV_LOCK_TIMEOUT",
        "UV_NATIVE_TLS",
        "UV_NO_INDEX",
        "UV_OFFLINE",
        "UV_PYTHON_CACHE_DIR",
        "UV_PYTHON_DOWNLOADS_JSON_URL",
        "UV_PYTHON_INSTALL_DIR",
        "UV_PYTHON_INSTALL_MIRROR",
        "UV_REQUEST_TIMEOUT",
        "UV_SYSTEM_CERTS",
    }
)
#: ... and those with the credentials of an index, which its name is part of.
_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")

#: Of KEYS, those with addresses, or paths that are relative to where they are written.
_PLACES = frozenset({"extra-index-url", "find-links", "index", "index-url", "url"})

#: How a variable of uv says no.
_NO = frozenset({"", "0", "n", "no", "f", "false", "off"})


class SettingsError(VggbenchError):
    """A file of uv's settings cannot be read."""


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of uv: without what would have it act on another project or environment than
    asked, or disturb the interpreters that it runs."""
    return {
        name: value
        for name, value in environ.items()
        if name != "VIRTUAL_ENV"
        and not name.startswith("PYTHON")
        and (not name.startswith("UV_") or name in VARIABLES or _CREDENTIALS.fullmatch(name))
    }


def settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """What of uv's own files reaches it, as a uv.toml says it. The user's file counts before the
    system's; uv adds lists up, and so are they here. Raises SettingsError."""
    found: dict[str, Any] = {}
    for path in _files(environ):
        found = _under(found, _kept(_read(path), path.parent))
    return found


def indexes(environ: Mapping[str, str]) -> list[str]:
    """The indexes that uv is told to look in, first things first, without credentials; none where
    it looks where it always does. Raises SettingsError."""
    told = settings(environ)
    pip = told.get("pip", {})
    listed = [index.get("url") for index in told.get("index", []) if isinstance(index, dict)]
    # uv takes "name=url" as well as the address alone.
    named = [environ.get(name, "") for name in ("UV_INDEX", "UV_DEFAULT_INDEX")]
    own: list[Any] = [word.rpartition("=")[2] for text in named for word in text.split()]
    own += environ.get("UV_EXTRA_INDEX_URL", "").split()
    own += environ.get("UV_INDEX_URL", "").split()
    for table in (told, pip):
        more = table.get("extra-index-url", [])
        own += [*(more if isinstance(more, list) else []), table.get("index-url")]
    addresses = [
        _bare(address) for address in (*own, *listed) if isinstance(address, str) and address
    ]
    return list(dict.fromkeys(filter(None, addresses)))


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    if _says_yes(environ.get("UV_NO_CONFIG", "")):
        return
    if environ.get(CONFIG_FILE):
        yield Path(environ[CONFIG_FILE])
        return
    folders = [platformdirs.user_config_path()]
    if not _says_yes(environ.get("UV_NO_SYSTEM_CONFIG", "")):
        listed = platformdirs.site_config_dir(multipath=True).split(os.pathsep)
        folders += [next(filter(_has_one, map(Path, listed)), Path("/etc"))]
    yield from (folder / "uv" / "uv.toml" for folder in folders if _has_one(folder))


def _has_one(folder: Path) -> bool:
    return (folder / "uv" / "uv.toml").is_file()


def _says_yes(value: str) -> bool:
    return value.lower() not in _NO


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise SettingsError(
            f"uv's settings in {path} cannot be read: {one_line(reason or '', 160)}; mend the file"
        ) from None


def _kept(told: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What of a file in ``folder`` counts, as it would read in any other folder."""
    kept = {
        key: _in_full(value, folder) if key in _PLACES else value
        for key, value in told.items()
        if key in KEYS
    }
    pip = told.get("pip")
    own = _kept(pip, folder) if isinstance(pip, dict) else {}
    return {**kept, "pip": own} if own else kept


def _in_full(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_in_full(one, folder) for one in value]
    if isinstance(value, dict):
        return {key: _in_full(one, folder) if key in _PLACES else one for key, one in value.items()}
    is_a_path = isinstance(value, str) and "://" not in value
    return str(folder / value) if is_a_path else value


def _under(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both; ``first`` counts before ``second``."""
    both = {**second, **first}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if isinstance(one, list) and isinstance(other, list):
            both[key] = [*one, *other]
        elif isinstance(one, dict) and isinstance(other, dict):
            both[key] = _under(one, other)
    return both


def _bare(address: str) -> str:
    """An address without credentials, which are nobody's to read in a message."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
