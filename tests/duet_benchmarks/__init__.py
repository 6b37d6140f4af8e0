"""The benchmark of the tests of duets (tests/runs/duets.py)."""
