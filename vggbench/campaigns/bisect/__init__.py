"""``vggbench bisect``: where between two releases of a track a change lies.

``line`` says which builds stand between the two ends, ``bisect`` has them measured where
``stats.bisection`` wants it, ``on_record`` knows what was measured before, ``report`` says what
came of it.
"""
