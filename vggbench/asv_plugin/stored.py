"""Checks of the files below ``results/`` that asv stored and reads again on trust.

Somebody may have edited such a file, a full disk may have cut it, or another program may have
written it. ``require_whole`` tells whether asv can use a result, and ``machine_of`` whether it can
use a machine.json. The two iterators replace asv's own, which end in a traceback at a file that is
no object or has no number for a version (util.py:742), and print the same line again each time that
a folder is read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from asv import util
from asv.machine import Machine

from ..errors import of_system, one_line
from ..records.record import is_number
from . import invocation

#: The files that asv keeps beside results.
NO_RESULTS = ("machine.json", "benchmarks.json")

#: The largest value of a result: no measurement is larger. asv's step detection adds up weighted
#: differences, and never ends once the sum is beyond a float's range.
LARGEST = 1e100

#: The keys of the statistics of a combination of params that asv reads.
STATISTICS = ("ci_99_a", "ci_99_b", "q_25", "q_75")


def require_whole(result: Any) -> None:
    """Raise ValueError, or another error of damaged data, for a result that asv cannot use."""
    if not isinstance(result.commit_hash, str):
        raise ValueError("its commit_hash is no text")
    for name, values in result._results.items():
        params = result._benchmark_params[name]
        if not are_params(params):
            raise ValueError(f"{name} has params that are no lists of texts")
        count = math.prod(len(choices) for choices in params)
        stats, samples = result._stats[name], result._samples[name]
        for column in (values, stats, samples):
            if column is not None and len(column) != count:
                raise ValueError(f"{name} has {len(column)} values instead of {count}")
        for value in values or ():
            _require_number(name, value)
        for of_combination in samples or ():
            for value in of_combination or ():
                _require_number(name, value)
        for statistics in stats or ():
            if statistics:
                _require_statistics(name, statistics)


def are_params(params: Any) -> bool:
    """Whether ``params`` is a list that has, for each param, a list of its values as texts."""
    return isinstance(params, list) and all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in params
    )


def _require_number(name: str, value: Any) -> None:
    # None is failed, NaN is n/a.
    if value is None or (is_number(value) and (math.isnan(value) or abs(value) <= LARGEST)):
        return
    raise ValueError(f"{name} has {one_line(str(value), 40)!r} for a number")


def _require_statistics(name: str, statistics: Mapping[str, Any]) -> None:
    for key in STATISTICS:
        value = statistics[key]
        # For few samples asv stores an interval without an end.
        if not (key.startswith("ci_") and is_number(value) and abs(value) == math.inf):
            _require_number(name, value)
        if value is None:
            raise ValueError(f"{name} has no number for {key}")
    width = abs(statistics["ci_99_b"] - statistics["ci_99_a"])
    if 0 < width < 1 / LARGEST:
        raise ValueError(f"{name} has an interval of {width}")


def machine_of(path: str) -> str:
    """The machine's name in a machine.json. Raises UserError with a line about the file where it
    cannot be used."""
    try:
        content = util.load_json(path, api_version=Machine.api_version)
        machine = content.get("machine") if isinstance(content, dict) else None
        if not isinstance(machine, str):
            raise ValueError("it names no machine")
    except OSError as err:
        why = of_system(err)
    except util.UserError as err:
        why = str(err)
    except RecursionError:
        why = "it is nested too deeply"
    except TypeError:
        why = "its version is no number"
    except ValueError as err:
        why = str(err)
    else:
        return machine
    raise util.UserError(
        f"{path} is left out: {one_line(why)}; no result beside it is read: restore it "
        f"(git checkout -- {path}), or have asv run write it anew on that machine"
    )


def iter_machine_files(results_dir: str) -> Iterator[str]:
    """The path of each machine.json, in place of asv's function. A line is printed about each file
    that cannot be used, which is left out."""
    for root, _, files in os.walk(results_dir):
        path = os.path.join(root, "machine.json")
        if "machine.json" in files and _machine_or_none(path) is not None:
            yield path


def iter_results_paths(results_dir: str) -> Iterator[tuple[str, str, str]]:
    """(folder, file, machine) of each result, in place of asv's function. One line is printed about
    a folder whose machine is not known, however often the folder is read."""
    for root, _, files in os.walk(results_dir):
        names = [name for name in files if name.endswith(".json") and name not in NO_RESULTS]
        path = os.path.join(root, "machine.json")
        machine = _machine_or_none(path) if names else None
        if machine is not None:
            yield from ((root, name, machine) for name in names)


def _machine_or_none(path: str) -> str | None:
    """The machine's name in a machine.json; None, and one line, where the file cannot be used."""
    try:
        return machine_of(path)
    except util.UserError as err:
        invocation.warn_once(str(err))
        return None
