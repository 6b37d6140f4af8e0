"""The benchmarks as asv discovers them. They are read in this process, which needs no release."""

from __future__ import annotations

import ast
import functools
import io
import itertools
import json
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv import util
from asv_runner import discovery

from .. import records
from ..errors import one_line, some_of
from ..inside.measure import BY_PRODUCTS
from ..releases.catalogue import Catalogue, Release


@dataclass(frozen=True, kw_only=True)
class Configured:
    """One configuration of one benchmark. ``index`` is its place in the product of the benchmark's
    ``params``."""

    benchmark: str
    version: str
    index: int
    params: tuple[tuple[str, ...], ...]
    configuration: tuple[tuple[str, Any], ...]

    @property
    def by_product(self) -> str | None:
        """The by-product of a timed process that the benchmark reports; None where it times the
        step."""
        method = records.method_of(self.benchmark)
        return method if method in BY_PRODUCTS else None

    @property
    def family(self) -> str:
        """The class that the benchmark is a method of. Its benchmarks share their processes."""
        return records.family_of(self.benchmark)

    @property
    def backend(self) -> str | None:
        """The backend that it computes with; None where its framework has none."""
        return records.backend_of(self.benchmark, dict(self.configuration))

    @property
    def words(self) -> str:
        return records.words_of(dict(self.configuration))

    @property
    def key(self) -> str:
        """The key of this configuration's records."""
        return records.key_of(self.benchmark, dict(self.configuration))

    @property
    def identity(self) -> str:
        """The id by which asv runs this configuration: ``benchmark-index``, or the bare name of a
        benchmark without params."""
        return f"{self.benchmark}-{self.index}" if self.params else self.benchmark

    @functools.cached_property
    def asv_name(self) -> str:
        """The text that asv matches ``--bench`` against."""
        chosen = next(itertools.islice(itertools.product(*self.params), self.index, None))
        return self.benchmark + (f"({', '.join(chosen)})" if chosen else "")


class Suite:
    """The benchmarks in the folder ``benchmark_dir``, discovered when they are first asked for."""

    def __init__(self, benchmark_dir: Path):
        self.folder = benchmark_dir
        self._selected: dict[tuple[str, ...], list[Configured]] = {}

    @functools.cached_property
    def discovered(self) -> list[dict[str, Any]]:
        """The benchmarks as asv describes them in benchmarks.json. Raises UserError where they
        cannot be imported."""
        return _discovered(self.folder)

    @functools.cached_property
    def configurations(self) -> dict[str, Configured]:
        """Every configuration, by the id by which asv runs it."""
        configurations = [
            Configured(
                benchmark=benchmark["name"],
                version=benchmark["version"],
                index=index,
                params=tuple(tuple(values) for values in benchmark["params"]),
                configuration=tuple(
                    (key, _value(text))
                    for key, text in zip(benchmark["param_names"], texts, strict=True)
                ),
            )
            for benchmark in self.discovered
            for index, texts in enumerate(itertools.product(*benchmark["params"]))
        ]
        return {configured.identity: configured for configured in configurations}

    def rounds(self, benchmark: str) -> int:
        """How many processes asv takes of each configuration of ``benchmark``; 1 where it is in
        records but no longer in the suite."""
        return next(
            (
                int(description.get("rounds", 1))
                for description in self.discovered
                if description["name"] == benchmark
            ),
            1,
        )

    def selected(self, patterns: Sequence[str]) -> list[Configured]:
        """The configurations that ``--bench`` or a plan selects by ``patterns``; all of them where
        there are no patterns.

        Raises UserError for a pattern that is no regular expression, where asv would end in a
        traceback.
        """
        asked = tuple(patterns)
        if asked not in self._selected:  # a plan asks for the same ones for each release
            expressions = [expression(pattern) for pattern in asked]
            self._selected[asked] = [
                configured
                for configured in self.configurations.values()
                if not asked or any(each.search(configured.asv_name) for each in expressions)
            ]
        return list(self._selected[asked])

    def timed(self, patterns: Sequence[str]) -> list[Configured]:
        """The configurations that ``patterns`` select, without those of by-products. Raises
        UserError for a pattern that is no regular expression."""
        return [
            configured for configured in self.selected(patterns) if configured.by_product is None
        ]

    def timed_of(
        self, release: Release, patterns: Sequence[str], catalogue: Catalogue
    ) -> list[Configured]:
        """The timed configurations that ``patterns`` select and ``release`` runs. Raises UserError
        for a pattern that is no regular expression."""
        return [
            configured
            for configured in self.timed(patterns)
            if is_of_track(configured.benchmark, release, catalogue)
        ]

    def chosen(
        self, release: Release, patterns: Sequence[str], catalogue: Catalogue
    ) -> list[Configured]:
        """The timed configurations that ``patterns`` select and ``release`` runs, for a user who
        named this release. Raises UserError where there are none."""
        timed = self.timed_of(release, patterns, catalogue)
        if not timed:
            own = [each.asv_name for each in self.timed_of(release, [], catalogue)]
            if not own:
                raise util.UserError(
                    f"{release.name} has no timed benchmark: none is for the track {release.track}"
                )
            raise util.UserError(
                f"{' '.join(patterns)} selects no benchmark of {release.name} that is timed; it "
                f"has: {some_of(own, 5)}"
            )
        return timed


def is_of_track(benchmark: str, release: Release, catalogue: Catalogue) -> bool:
    """Whether ``release`` runs ``benchmark``. A class that is named after a framework runs only on
    the tracks of that framework."""
    class_name = records.class_of(benchmark)
    frameworks = {track.framework for track in catalogue.tracks.values()}
    return class_name not in frameworks or class_name == catalogue.tracks[release.track].framework


#: Held while benchmarks are imported, because all threads of a process share its modules.
_importing = threading.Lock()


def _discovered(folder: Path) -> list[dict[str, Any]]:
    listed = io.StringIO()
    with _importing:
        # asv_runner imports the folder as a package of the folder's name. Folders of two checkouts
        # have the same name, and the modules of one must not be taken for those of the other.
        finders = list(sys.meta_path)
        _forget(folder.name)
        try:
            discovery.list_benchmarks(str(folder), listed)
        except Exception as err:
            raise util.UserError(
                f"the benchmarks in {folder} cannot be imported: "
                f"{type(err).__name__}: {one_line(str(err))}; correct that and run this again"
            ) from None
        finally:
            _forget(folder.name)
            sys.meta_path[:] = finders
    descriptions: list[dict[str, Any]] = json.loads(listed.getvalue())
    return descriptions


def _forget(package: str) -> None:
    """Forget that ``package`` and its modules were imported."""
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            del sys.modules[name]


def expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern for ``--bench``. Raises UserError where ``pattern`` is
    no regular expression."""
    try:
        return re.compile(pattern)
    except re.error as err:
        raise util.UserError(
            f"{one_line(pattern)} selects no benchmark: it is no regular expression: {err}"
        ) from None


def _value(text: str) -> Any:
    """The value of a param, which asv keeps as its repr."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
