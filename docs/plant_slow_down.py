"""Copy a wheel of TensorFlow 2.11 or later, and have the copy's train step take longer.

    python docs/plant_slow_down.py WHEEL FOLDER [--by 10]

The copy lies in FOLDER and has the same name. After each call of a tf.function it waits for so many
per cent of the time that the call took. The tutorial (docs/tutorial.md) has vggbench find that.
"""

import argparse
import base64
import hashlib
import sys
import zipfile
from pathlib import Path

#: The module that calls a tf.function.
MODULE = "tensorflow/python/eager/polymorphic_function/polymorphic_function.py"

PLANTED = """

def _slower(call):
    import time

    def longer(*args, **kwargs):
        began = time.perf_counter()
        result = call(*args, **kwargs)
        time.sleep({share!r} * (time.perf_counter() - began))
        return result

    return longer


Function.__call__ = _slower(Function.__call__)
"""


def plant(wheel: Path, folder: Path, share: float) -> Path:
    """Write the slower copy of ``wheel`` into ``folder``. Raises KeyError where the wheel has no
    MODULE, FileExistsError where the copy is there already."""
    made = folder / wheel.name
    with zipfile.ZipFile(wheel) as whole:
        slower = whole.read(MODULE) + PLANTED.format(share=share).encode()
        folder.mkdir(parents=True, exist_ok=True)
        # The least compression: the copy is installed once, from this disk.
        with zipfile.ZipFile(made, "x") as copy:
            for item in whole.infolist():
                content = whole.read(item)
                if item.filename == MODULE:
                    content = slower
                elif item.filename.endswith(".dist-info/RECORD"):
                    content = _record(content.decode(), slower).encode()
                copy.writestr(item, content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return made


def _record(text: str, content: bytes) -> str:
    """A wheel's list of files, with the digest and the size of MODULE's new content."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    row = f"{MODULE},sha256={digest},{len(content)}"
    lines = [row if line.startswith(f"{MODULE},") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--by", type=float, default=10.0, metavar="PERCENT")
    given = parser.parse_args()
    try:
        made = plant(given.wheel, given.folder, given.by / 100)
    except FileExistsError as err:
        raise SystemExit(f"{err.filename} is there already; remove it first") from None
    except (OSError, zipfile.BadZipFile) as err:
        raise SystemExit(f"{given.wheel} cannot be read: {err}") from None
    except KeyError:
        raise SystemExit(f"{given.wheel} is no wheel of TensorFlow 2.11 or later") from None
    print(f"{made}: each call of a tf.function takes {given.by:g} % longer")
    return 0


if __name__ == "__main__":
    sys.exit(main())
