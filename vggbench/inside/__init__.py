"""What runs in a release's interpreter.

CPython 3.6 on, the standard library, NumPy and the framework: nothing here imports from outside.
"""
