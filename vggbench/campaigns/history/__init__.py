"""``vggbench history``: every release of every track, measured over as many sittings as it takes.

``plan`` reads what is to be measured (history.toml), ``sittings`` and ``anchors`` see that the
machine stays the same, ``forecast`` says how long it takes; ``history`` has asv measure one release
after the other.
"""
