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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

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


@dataclass(frozen=True)
class Index:
    """An index as uv asks it: its address without credentials, and the user and password that it is
    asked with, which no message may show. ``is_default``: it stands in place of uv's default
    index, and is asked last."""

    address: str
    login: tuple[str, str] | None = field(default=None, repr=False)
    is_default: bool = False


def asked(environ: Mapping[str, str], first: str | None = None) -> list[Index]:
    """The indexes that the user's settings name, in the order in which uv asks them; ``first``, the
    index of a track, before them.

    uv asks its own default index after them where none ``is_default``. There are none where uv is
    to use no index at all. Raises SettingsError.
    """
    from_files = settings(environ)
    if uses_no_index(environ, from_files):
        return []
    found = [index for index in _named(environ, from_files) if index.address]
    # Of several that are to be uv's default, the first is.
    default = [index for index in found if index.is_default][:1]
    ahead = [] if first is None else [_index(first, environ)]
    return [*ahead, *(index for index in found if not index.is_default), *default]


def uses_no_index(environ: Mapping[str, str], of_files: Mapping[str, Any]) -> bool:
    """Whether the user has uv ask no index at all. ``of_files``: the settings of uv's files."""
    tables = (of_files, of_files.get("pip", {}))
    told = any(table.get("no-index") is True for table in tables)
    return told or _says_yes(environ.get("UV_NO_INDEX", ""))


def uses_system_certificates(environ: Mapping[str, str], of_files: Mapping[str, Any]) -> bool:
    """Whether the user has uv trust the certificates of the system, or of a file of their own.
    ``of_files``: the settings of uv's files."""
    names = ("system-certs", "native-tls")
    values = [environ.get(f"UV_{name.upper().replace('-', '_')}", "") for name in names]
    told = any(of_files.get(name) is True for name in names)
    return told or any(map(_says_yes, values)) or bool(environ.get("SSL_CERT_FILE"))


def _named(environ: Mapping[str, str], from_files: Mapping[str, Any]) -> Iterator[Index]:
    """The indexes in variables, then those in files, as uv reads the one and the other."""
    for variable, is_default in (
        ("UV_DEFAULT_INDEX", True),
        ("UV_INDEX", False),
        ("UV_EXTRA_INDEX_URL", False),
        ("UV_INDEX_URL", True),
    ):
        for entry in environ.get(variable, "").split():
            name, _, url = entry.partition("=")  # "name=url", or the address alone
            if variable.endswith("_URL") or not url or ":" in name:
                name, url = "", entry
            yield _index(url, environ, name, is_default=is_default)
    for table in (from_files.get("pip", {}), from_files):
        for entry in _list(table.get("index")):
            if isinstance(entry, dict) and not entry.get("explicit"):
                name, is_default = str(entry.get("name", "")), entry.get("default") is True
                yield _index(entry.get("url"), environ, name, is_default=is_default)
        for url in _list(table.get("extra-index-url")):
            yield _index(url, environ)
        yield _index(table.get("index-url"), environ, is_default=True)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _index(
    url: Any, environ: Mapping[str, str], name: str = "", *, is_default: bool = False
) -> Index:
    """The index at ``url``; its address is empty where that is none. Variables have the credentials
    of an index with a ``name``."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return Index("")
    stem = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
    user = environ.get(f"{stem}_USERNAME") if name else None
    password = environ.get(f"{stem}_PASSWORD") if name else None
    user = user or unquote(parts.username or "")
    password = password or unquote(parts.password or "")
    login = (user, password) if user or password else None
    return Index(_bare(urlunsplit(parts)), login, is_default)


def indexes(environ: Mapping[str, str]) -> list[str]:
    """The addresses, without credentials, of the indexes that the user's settings name, in uv's
    order. There are none where uv uses its default index. Raises SettingsError."""
    return list(dict.fromkeys(index.address for index in asked(environ)))


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
    try:
        parts.port  # noqa: B018  # it is parsed when it is asked for
    except ValueError:
        # An unquoted / ? or # in a password ends the host for urlsplit.
        return re.sub(r"//.*@", "//", address, count=1, flags=re.DOTALL)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
