"""``vggbench history``: every release of every track, measured over as many sittings as it takes.

``plan`` reads what is to be measured (history.toml), ``machines`` sees that the processor stays the
same, ``sittings`` and ``anchors`` that the machine does, ``forecast`` says how long it takes;
``history`` has asv measure one release after the other.
"""
