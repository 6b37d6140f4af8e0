"""Time VGG16's training step in the frameworks of the interpreter at hand.

    python main.py --run_tensorflow --data_format NHWC --use_XLA

python main.py --help shows all options, docs/command-line.md says what they mean.
"""

import os
import sys

if __name__ == "__main__":
    # Only vggbench is imported from this folder: its tests and benchmarks must shadow nothing.
    root = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, root)
    from vggbench.inside.trials import program

    sys.path = [folder for folder in sys.path if os.path.abspath(folder) != root]
    sys.exit(program.main(sys.argv[1:]))
