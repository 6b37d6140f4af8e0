"""The benchmarks as asv discovers them, read in this process: no release is needed for that."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asv_runner import discovery
from asv_runner._aux import update_sys_path

from . import invocation


@dataclass(frozen=True)
class Configured:
    """One configuration of one benchmark; ``index`` counts through the product of its params."""

    benchmark: str
    version: str
    index: int
    params: tuple[tuple[str, ...], ...]
    configuration: tuple[tuple[str, Any], ...]

    @property
    def words(self) -> str:
        return " ".join(str(value) for _, value in self.configuration)

    @property
    def asv_name(self) -> str:
        """What asv matches ``--bench`` against."""
        chosen = next(itertools.islice(itertools.product(*self.params), self.index, None))
        return self.benchmark + (f"({', '.join(chosen)})" if chosen else "")


@functools.lru_cache(maxsize=1)
def configurations() -> dict[str, Configured]:
    """Every configuration, by the id that asv runs it under: ``benchmark-index``, or the bare name
    of a benchmark without params."""
    root = str(Path(invocation.config().benchmark_dir).absolute())
    update_sys_path(root)
    found = {}
    for benchmark in discovery.disc_benchmarks(root):
        for index, words in enumerate(itertools.product(*benchmark.params)):
            identity = f"{benchmark.name}-{index}" if benchmark.params else benchmark.name
            found[identity] = Configured(
                benchmark=benchmark.name,
                version=benchmark.version,
                index=index,
                params=tuple(tuple(values) for values in benchmark.params),
                configuration=tuple(
                    (key, _value(word))
                    for key, word in zip(benchmark.param_names, words, strict=True)
                ),
            )
    return found


def selected(patterns: list[str]) -> list[Configured]:
    """Those that ``--bench`` selects by ``patterns``, all where there are none."""
    return [
        one
        for one in configurations().values()
        if not patterns or any(re.search(pattern, one.asv_name) for pattern in patterns)
    ]


def _value(word: str) -> Any:
    """asv keeps a param as its repr."""
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
