"""The benchmarks of the tests' tiny checkouts (tests/tiny.py); they run on CPython 3.6 too."""
