"""The user's settings of uv that reach it: where files come from, and how they are fetched.

Any other setting would change what a lock holds, or how an environment is made, and neither would
show it. uv's environment variables are read, and the uv.toml of the user and of the system. The
uv.toml of a project is not, since no lock and no environment belongs to a project. uv's reference
describes all of these: "Settings", "Environment variables", "Configuration files".
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

#: The variable of uv that names a file to be read instead of all others.
CONFIG_FILE = "UV_CONFIG_FILE"

#: The settings of a uv.toml that reach uv, also those that stand in its table "pip".
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

#: The environment variables that reach uv, of those that begin with UV_.
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
#: The variables with the credentials of an index, whose name is part of theirs, reach uv too.
_CREDENTIALS = re.compile(r"UV_INDEX_\w+_(USERNAME|PASSWORD)")

#: The settings that have addresses, or paths that are relative to the file's folder.
_PLACES = frozenset({"extra-index-url", "find-links", "index", "index-url", "url"})

#: The values with which a variable of uv says no.
_NO = frozenset({"", "0", "n", "no", "f", "false", "off"})


class SettingsError(VggbenchError):
    """A file of uv's settings cannot be read."""


def variables(environ: Mapping[str, str], index: str | None = None) -> dict[str, str]:
    """The environment variables of uv: those of ``environ`` without the ones that would make uv act
    on another project or environment, or disturb the interpreters that it runs.

    uv asks ``index`` before all other indexes. An option of uv's command line would replace those
    of the user's variable instead of coming before them.
    """
    passed_on = {
        name: value
        for name, value in environ.items()
        if name != "VIRTUAL_ENV"
        and not name.startswith("PYTHON")
        and (not name.startswith("UV_") or name in VARIABLES or _CREDENTIALS.fullmatch(name))
    }
    if index is not None:
        passed_on["UV_INDEX"] = f"{index} {environ.get('UV_INDEX', '')}".strip()
    return passed_on


def settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings of uv's files that reach uv, in the form of a uv.toml.

    The user's file counts before that of the system; lists of the two are added up, as uv does.
    Raises SettingsError.
    """
    merged: dict[str, Any] = {}
    for path in _files(environ):
        merged = _merged(merged, _passed_on(_read(path), path.parent))
    return merged


def is_offline(environ: Mapping[str, str], of_files: Mapping[str, Any]) -> bool:
    """Whether the user keeps uv from the network. ``of_files``: the settings of uv's files."""
    return _says_yes(environ.get("UV_OFFLINE", "")) or of_files.get("offline") is True


def indexes(environ: Mapping[str, str]) -> list[str]:
    """The addresses, without credentials, of the indexes that the user's settings name.

    Those of environment variables come before those of files. There are none where uv uses its
    default index. Raises SettingsError.
    """
    from_files = settings(environ)
    pip = from_files.get("pip", {})
    listed = [index.get("url") for index in from_files.get("index", []) if isinstance(index, dict)]
    # uv takes "name=url" as well as the address alone.
    named = [environ.get(name, "") for name in ("UV_INDEX", "UV_DEFAULT_INDEX")]
    urls: list[Any] = [entry.rpartition("=")[2] for text in named for entry in text.split()]
    urls += environ.get("UV_EXTRA_INDEX_URL", "").split()
    urls += environ.get("UV_INDEX_URL", "").split()
    for table in (from_files, pip):
        more = table.get("extra-index-url", [])
        urls += [*(more if isinstance(more, list) else []), table.get("index-url")]
    addresses = [_bare(url) for url in (*urls, *listed) if isinstance(url, str) and url]
    return list(dict.fromkeys(filter(None, addresses)))


def places(environ: Mapping[str, str], index: str | None) -> str:
    """The indexes that uv asks, ``index`` first, as a text for a message, without credentials.
    Raises SettingsError."""
    first = [] if index is None else [_bare(index)]
    return ", ".join(first + (indexes(environ) or ["uv's default index"]))


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The files of settings that uv reads, the user's first."""
    if _says_yes(environ.get("UV_NO_CONFIG", "")):
        return
    if environ.get(CONFIG_FILE):
        yield Path(environ[CONFIG_FILE])
        return
    folders = [platformdirs.user_config_path()]
    if not _says_yes(environ.get("UV_NO_SYSTEM_CONFIG", "")):
        listed = platformdirs.site_config_dir(multipath=True).split(os.pathsep)
        folders += [next(filter(_has_settings, map(Path, listed)), Path("/etc"))]
    yield from (folder / "uv" / "uv.toml" for folder in folders if _has_settings(folder))


def _has_settings(folder: Path) -> bool:
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


def _passed_on(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The settings that reach uv out of a file's ``content``, with the paths in full: ``folder`` is
    that of the file."""
    passed_on = {
        key: _in_full(value, folder) if key in _PLACES else value
        for key, value in content.items()
        if key in KEYS
    }
    pip = content.get("pip")
    pip_passed_on = _passed_on(pip, folder) if isinstance(pip, dict) else {}
    return {**passed_on, "pip": pip_passed_on} if pip_passed_on else passed_on


def _in_full(value: Any, folder: Path) -> Any:
    """A value of a setting with its relative paths, which are relative to ``folder``, in full."""
    if isinstance(value, list):
        return [_in_full(item, folder) for item in value]
    if isinstance(value, dict):
        return {
            key: _in_full(item, folder) if key in _PLACES else item for key, item in value.items()
        }
    is_a_path = isinstance(value, str) and "://" not in value
    return str(folder / value) if is_a_path else value


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of ``first`` and of ``second``. Where both have a setting, ``first`` counts, but
    lists are added up."""
    merged = {**second, **first}
    for key in first.keys() & second.keys():
        value, other = first[key], second[key]
        if isinstance(value, list) and isinstance(other, list):
            merged[key] = [*value, *other]
        elif isinstance(value, dict) and isinstance(other, dict):
            merged[key] = _merged(value, other)
    return merged


def _bare(address: str) -> str:
    """An address without its credentials, which must not be shown in a message."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
