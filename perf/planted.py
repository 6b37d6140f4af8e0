"""A slow-down of 8 % that is planted in a real release's train step: is it found?

A track has copies of one release, as in false_alarms.py. Each round adds a copy, and then another
copy whose lock has one package more. At the interpreter's start, this package makes every call of a
tf.function take 8 % longer, by working on. Nothing in the product knows of it. `vggbench check`
must call that copy regressed in every configuration. The copy is taken off the track again. What
was done is kept in a folder: run this again to go on.

    python perf/planted.py [--times 10] [--state .asv/planted] [--release 2.21.0]
"""

import argparse
import base64
import hashlib
import sys
import zipfile
from pathlib import Path

from shared import common, copies

TIMES = 10
SLOW_DOWN = 0.08

#: Two configurations without XLA.
TWO = r"TensorFlow\.time_train_step\('NHWC', '(none|fused)', 'off'\)"

#: Seconds of a round where none was done yet.
GUESS_S = 300.0

NAME = "planted_slow_down"

#: The module of the package that slows tf.function down.
MODULE = """
import sys
import time
from importlib.machinery import PathFinder

WHERE = "tensorflow.python.eager.polymorphic_function.polymorphic_function"
SLOW_DOWN = {slow_down!r}


def slower(call):
    def longer(*args, **kwargs):
        started = time.perf_counter()
        result = call(*args, **kwargs)
        until = started + (time.perf_counter() - started) * (1 + SLOW_DOWN)
        while time.perf_counter() < until:
            pass
        return result

    return longer


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != WHERE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.Function.__call__ = slower(module.Function.__call__)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder)
"""


def wheel(folder: Path, slow_down: float = SLOW_DOWN) -> str:
    """Write the package that slows tf.function down into ``folder``.

    slow_down: a ratio less one; a folder can have the package of one slow-down only. Returns the
    line for a lock that has the package.
    """
    return package(folder, NAME, MODULE.format(slow_down=slow_down))


def package(folder: Path, name: str, module: str) -> str:
    """Write a package into ``folder`` whose one module is imported at the interpreter's start.

    name: of the package and its module. module: its text. Returns the line for a lock that has the
    package.
    """
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": module,
        f"{name}.pth": f"import {name}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: perf\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    file = folder / f"{name}-1.0-py3-none-any.whl"
    if not file.exists():
        with zipfile.ZipFile(file, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
    whole = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name.replace('_', '-')} @ {file.as_uri()} --hash=sha256:{whole}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=TIMES, help="rounds to have in all")
    parser.add_argument("--state", type=Path, default=common.ROOT / ".asv" / "planted")
    parser.add_argument("--release", default="2.21.0", help="a version of TensorFlow from 2.11 on")
    parser.add_argument("--bench", default=TWO)
    options = parser.parse_args()
    folder = options.state.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    planted = wheel(folder)
    state = copies.State(folder / "rounds.jsonl")
    copied = copies.CopiedTrack(folder / "checkout", options.release, folder / "env")
    copied.add(0)
    copied.run(options.bench)
    while len(state.read()) < options.times:
        done = state.read()
        place = 2 * len(done) + 1
        print(f"left: {copies.forecast(done, options.times - len(done), GUESS_S)}", flush=True)
        copied.add(place)
        copied.run(options.bench)
        name = copied.add(place + 1, [planted])
        checked = copied.check(options.bench, folder / f"{name}.log")
        round_ = {
            "release": name,
            "status": checked.status,
            "outcomes": copied.verdicts(name),
            "seconds": checked.seconds,
        }
        copied.remove(name)
        state.add(round_)
        print(f"{name}: {round_['outcomes']}, {round_['seconds']:.0f} s", flush=True)
    rounds = state.read()[: options.times]
    found = sum(set(round_["outcomes"].values()) == {"regressed"} for round_ in rounds)
    return common.report(
        f"a slow-down of {SLOW_DOWN:.0%} planted in tensorflow-{options.release}, "
        f"in all of {len(rounds[0]['outcomes'])} configurations",
        f"found {len(rounds)} times of {len(rounds)}",
        f"{found}",
        found == len(rounds),
    )


if __name__ == "__main__":
    sys.exit(main())
