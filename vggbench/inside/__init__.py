"""The code that runs in a release's interpreter.

It needs CPython 3.6 or later, the standard library, NumPy and the framework. Nothing here imports
from the rest of vggbench.
"""
