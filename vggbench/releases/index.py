"""Which versions of a package an index has: when each was uploaded, and whether it was withdrawn.

uv itself tells none of this. The pages of the simple repository API do: PEP 503 and 691 say what
they look like, PEP 700 has the upload times, PEP 592 what was withdrawn. The indexes are those that
uv asks, in its order, and the first that has the package counts, as it does for uv.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    ACCEPT_JSON_PREFERRED,
    PYPI_SIMPLE_ENDPOINT,
    DistributionPackage,
    ProjectPage,
    RepositoryPage,
    UnsupportedRepoVersionError,
)
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ..errors import VggbenchError, of_system, one_line
from ..moments import moment
from . import uv_settings
from .locks import SDISTS
from .uv_settings import Index

#: Seconds until an index has taken a connection, and between two parts of its answer.
TIMEOUT_S = (5.0, 20.0)

#: How often a page is asked for again after a fault of the network or of the index.
RETRIES = 1
PASSING_FAULTS = (429, 500, 502, 503, 504)

#: The platforms of wheels that uv takes for locks (locks.py: manylinux_2_28 on x86-64).
_PLATFORM = re.compile(r"any|linux_x86_64|manylinux(?:1|2010|2014|_2_(\d+))_x86_64")
_NEWEST_GLIBC_MINOR = 28


class IndexUnreachable(VggbenchError):
    """An index cannot be asked, or what it answers cannot be read."""


class NotListed(VggbenchError):
    """No index that uv asks has the package."""


@dataclass(frozen=True)
class Listed:
    """A version that an index has.

    ``uploaded`` is when its first file that fits appeared (UTC); None where the index does not tell
    it. ``yanked`` is the reason why the version was withdrawn, "" where none is given; None where
    it was not withdrawn.
    """

    version: Version
    uploaded: datetime.datetime | None
    yanked: str | None


@dataclass(frozen=True)
class _File:
    """A file of an index's page; the fields as those of Listed."""

    name: str
    uploaded: datetime.datetime | None
    yanked: str | None


def versions_of(package: str, index: str | None) -> list[Listed]:
    """The versions of ``package`` that have a wheel for x86-64 Linux and any CPython 3, or of
    packages in ``locks.SDISTS`` an sdist; oldest first.

    ``index`` is the index of a track, which is asked first. Raises IndexUnreachable, NotListed and
    SettingsError.
    """
    name = canonicalize_name(package)
    settings = uv_settings.settings(os.environ)
    offline = uv_settings.is_offline(os.environ, settings)
    with _session(settings) as session:
        for each in _indexes(index, settings):
            files = _files(session, each, name, offline)
            if files is not None:
                return _listed(name, files)
    places = uv_settings.places(os.environ, index)
    raise NotListed(
        f"{name} is on no index that uv asks ({places}); name one that has it: UV_INDEX=ADDRESS"
    )


def _indexes(first: str | None, settings: Mapping[str, Any]) -> list[Index]:
    """The indexes that uv asks, its own default one among them where no other is to be it."""
    found = uv_settings.asked(os.environ, first)
    has_default = any(index.is_default for index in found)
    if has_default or uv_settings.uses_no_index(os.environ, settings):
        return found
    return [*found, Index(PYPI_SIMPLE_ENDPOINT)]


def _session(settings: Mapping[str, Any]) -> requests.Session:
    """What pages are fetched with, through the proxies and with the certificates that uv uses.
    ``settings``: those of uv's files."""
    session = requests.Session()
    session.headers["Accept"] = ACCEPT_JSON_PREFERRED
    # Where the fault stays, its status is the answer.
    again = Retry(
        RETRIES,
        backoff_factor=0.5,
        status_forcelist=PASSING_FAULTS,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may ask for hours
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    for scheme in ("http", "https"):
        if isinstance(settings.get(f"{scheme}-proxy"), str):
            session.proxies[scheme] = settings[f"{scheme}-proxy"]
    if uv_settings.uses_system_certificates(os.environ, settings):
        # The file that SSL_CERT_FILE names, where it is set.
        session.verify = ssl.get_default_verify_paths().cafile or True
    return session


def _files(
    session: requests.Session, index: Index, package: str, offline: bool
) -> list[_File] | None:
    """The files of ``package`` on an index; None where it has not got the package."""
    if not index.address.startswith(("http://", "https://")):
        return _files_on_disk(index, package)
    if offline:
        raise IndexUnreachable(
            f"{package}: the index {index.address} is not asked, since uv is kept from the network "
            f"(UV_OFFLINE, or offline in uv.toml); run it again with a network"
        )
    url = f"{index.address.rstrip('/')}/{package}/"
    try:
        answer = session.get(url, auth=index.login, timeout=TIMEOUT_S)
    except requests.Timeout:
        raise _unreachable(index, package, f"no answer within {sum(TIMEOUT_S):.0f} s") from None
    except requests.exceptions.InvalidURL:
        # What cannot be parsed may have a password in it.
        raise IndexUnreachable(
            f"{package}: the address of an index in uv's settings is none; quote what is special "
            f"in its user and password, such as %2F for /, and run it again"
        ) from None
    except OSError as err:  # those of requests, and a file of certificates that is gone
        raise _unreachable(index, package, one_line(of_system(err), 160)) from None
    if answer.status_code == 404:
        return None
    if answer.status_code in (401, 403):
        raise IndexUnreachable(
            f"{package}: the index {index.address} answers with {answer.status_code}; give uv the "
            f"credentials of the index, in ~/.netrc or in its address"
        )
    if not answer.ok:
        raise _unreachable(index, package, f"it answers with {answer.status_code}")
    is_json = "json" in answer.headers.get("Content-Type", "")
    return _read(index, package, answer.content, is_json=is_json)


def _files_on_disk(index: Index, package: str) -> list[_File] | None:
    """As ``_files``, of an index of files: a folder with a page for each package."""
    parts = urlsplit(index.address)
    folder = Path(url2pathname(parts.path))
    if not folder.is_dir():
        raise IndexUnreachable(
            f"{package}: the index {index.address} is no folder on this machine; correct its "
            f"address in uv's settings, or in the track's track.json"
        )
    page = folder / package / "index.html"
    try:
        text = page.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise _unreachable(index, package, of_system(err)) from None
    return _read(index, package, text, is_json=False)


def _unreachable(index: Index, package: str, why: str) -> IndexUnreachable:
    return IndexUnreachable(
        f"{package}: the index {index.address} cannot be asked: {why}; check the network and the "
        f"address, and run it again"
    )


def _read(index: Index, package: str, page: bytes, *, is_json: bool) -> list[_File]:
    """The files on the page of a package."""
    try:
        with warnings.catch_warnings():
            # A page of a later minor version of the API can be read all the same.
            warnings.simplefilter("ignore")
            if is_json:
                told = ProjectPage.from_json_data(json.loads(page)).packages
                return [
                    _File(each.filename, _time(each.upload_time), _yanked(each)) for each in told
                ]
            links = RepositoryPage.from_html(page).links
            return [
                _File(link.text, _time(link.attrs.get("data-upload-time")), _yanked(each))
                for link in links
                for each in [DistributionPackage.from_link(link, package)]
            ]
    except (ValueError, TypeError, AssertionError, UnsupportedRepoVersionError) as err:
        raise IndexUnreachable(
            f"{package}: the page of the index {index.address} cannot be read: "
            f"{one_line(str(err), 160)}; name another index that has it: UV_INDEX=ADDRESS"
        ) from None


def _yanked(told: DistributionPackage) -> str | None:
    return (told.yanked_reason or "") if told.is_yanked else None


def _time(text: object) -> datetime.datetime | None:
    """A time such as 2020-03-01T12:00:00Z, in UTC, which one without a zone is in; None where it is
    none."""
    try:
        utc = datetime.timezone.utc
        return moment(text, utc).astimezone(utc)
    except (ValueError, OverflowError):
        return None


def _listed(package: str, files: Iterable[_File]) -> list[Listed]:
    """The versions of those files that fit, oldest first."""
    by_version: dict[Version, list[_File]] = {}
    for file in files:
        version = _version_of(package, file.name)
        if version is not None:
            by_version.setdefault(version, []).append(file)
    return [
        Listed(
            version,
            min(_times(own), default=None),
            # The version is there as long as one of its files is.
            None if any(file.yanked is None for file in own) else own[0].yanked,
        )
        for version, own in sorted(by_version.items())
    ]


def _times(files: Iterable[_File]) -> Iterator[datetime.datetime]:
    return (file.uploaded for file in files if file.uploaded is not None)


def _version_of(package: str, file: str) -> Version | None:
    """The version of a file that fits; None of any other file."""
    if file.endswith(".whl"):
        try:
            name, version, _, tags = parse_wheel_filename(file)
        except (InvalidWheelFilename, InvalidVersion):
            return None
        fits = any(
            tag.interpreter.startswith(("cp3", "py3")) and _fits(tag.platform) for tag in tags
        )
        return version if name == package and fits else None
    if package not in SDISTS:
        return None
    # An sdist's name has the package's in any spelling, and the version behind the last hyphen.
    match = re.fullmatch(r"(.+)-([^-]+)\.(?:tar\.gz|zip)", file)
    if match is None or canonicalize_name(match[1]) != package:
        return None
    try:
        return Version(match[2])
    except InvalidVersion:
        return None


def _fits(platform: str) -> bool:
    match = _PLATFORM.fullmatch(platform)
    return match is not None and int(match[1] or 0) <= _NEWEST_GLIBC_MINOR
