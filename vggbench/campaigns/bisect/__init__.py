"""``vggbench bisect``: where between two releases of a track a change lies.

``line`` says which builds stand between the two ends, ``bisect`` has them measured where
``stats.bisection`` wants it, ``look`` takes a block of two of them, ``standing`` knows what is
searched and what came of it so far, ``on_record`` what was measured before, ``report`` says what
came of it in the end.
"""
