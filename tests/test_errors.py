"""How numbers of things are written in messages."""

import pytest

from vggbench.errors import how_many


@pytest.mark.parametrize(
    ("count", "word", "said"),
    [
        (0, "block", "0 blocks"),
        (1, "block", "1 block"),
        (2, "newer process", "2 newer processes"),
        (1.0, "CPU", "1 CPU"),
        (1.5, "CPU", "1.5 CPUs"),
        (4.0, "CPU", "4 CPUs"),
        (1_234_567, "record", "1234567 records"),
    ],
)
def test_a_number_of_things_is_written_in_the_singular_or_the_plural(
    count: float, word: str, said: str
) -> None:
    assert how_many(count, word) == said
