"""Was this release slower? Statistics, then words.

``judge`` and ``noise`` are statistics alone: they read and write nothing. ``evidence`` takes what
they need from the records; ``verdicts`` asks them and says the answer of one configuration in one
release.
"""
