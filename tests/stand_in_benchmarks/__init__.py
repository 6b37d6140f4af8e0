"""The benchmarks of the checkout of tests/test_documented_commands.py; they run on CPython 3.6."""
