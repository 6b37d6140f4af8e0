"""What asv stored below ``results/`` and reads again on trust, checked as it is read: files that
somebody edited, a full disk cut, or another program wrote.

``require_whole`` says of a result whether asv can use it, ``machine_of`` of a machine.json. The two
iterators stand in the place of asv's own, which end in a traceback at what is no object or has no
number for a version (util.py:742), and say the same line once for each look at a folder.
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

#: Files of asv beside results that are none.
NO_RESULTS = ("machine.json", "benchmarks.json")

#: No measurement is larger. asv's step detection adds up differences, each by its weight, and
#: never ends once they are beyond a float's range.
LARGEST = 1e100

#: What asv reads of each combination of params that has statistics.
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
        for drawn in samples or ():
            for value in drawn or ():
                _require_number(name, value)
        for told in stats or ():
            if told:
                _require_statistics(name, told)


def are_params(params: Any) -> bool:
    """Whether it is a list of the values of each param, as texts."""
    return isinstance(params, list) and all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in params
    )


def _require_number(name: str, value: Any) -> None:
    # None is failed, NaN is n/a.
    if value is None or (is_number(value) and (math.isnan(value) or abs(value) <= LARGEST)):
        return
    raise ValueError(f"{name} has {one_line(str(value), 40)!r} for a number")


def _require_statistics(name: str, told: Mapping[str, Any]) -> None:
    for key in STATISTICS:
        value = told[key]
        # Of few samples asv stores an interval without an end.
        if not (key.startswith("ci_") and is_number(value) and abs(value) == math.inf):
            _require_number(name, value)
        if value is None:
            raise ValueError(f"{name} has no number for {key}")
    width = abs(told["ci_99_b"] - told["ci_99_a"])
    if 0 < width < 1 / LARGEST:
        raise ValueError(f"{name} has an interval of {width}")


def machine_of(path: str) -> str:
    """The name in a machine.json. Raises UserError, whose text is the line about the file."""
    try:
        told = util.load_json(path, api_version=Machine.api_version)
        machine = told.get("machine") if isinstance(told, dict) else None
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
    """In place of asv's: without what is no machine's file, with a line about each."""
    for root, _, files in os.walk(results_dir):
        path = os.path.join(root, "machine.json")
        if "machine.json" in files and _machine_or_none(path) is not None:
            yield path


def iter_results_paths(results_dir: str) -> Iterator[tuple[str, str, str]]:
    """In place of asv's: folder, file and machine of each result, with one line about a folder
    whose machine is not known, however often it is looked at."""
    for root, _, files in os.walk(results_dir):
        found = [name for name in files if name.endswith(".json") and name not in NO_RESULTS]
        path = os.path.join(root, "machine.json")
        machine = _machine_or_none(path) if found else None
        if machine is not None:
            yield from ((root, name, machine) for name in found)


def _machine_or_none(path: str) -> str | None:
    try:
        return machine_of(path)
    except util.UserError as err:
        invocation.warn_once(str(err))
        return None
