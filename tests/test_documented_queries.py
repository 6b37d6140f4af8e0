"""The SQL of docs/data.md, as it is written, on the shipped results as they lie.

The answers on the page are the beginnings of those of one day: what is added to the results may
change them. So the columns are compared, and that there is as much as the page shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb
import pytest

from vggbench import records

from .documented import BLOCK, ROOT

PAGE = ROOT / "docs" / "data.md"

#: A table in Markdown right after a block, and the heading before it.
TABLE = re.compile(r"\n\n((?:\|.*\n)+)")
HEADING = re.compile(r"^### (.*)$", re.M)


@dataclass(frozen=True)
class Query:
    """``columns`` and ``rows``: of the answer that the page shows; none of a view."""

    question: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def queries() -> list[Query]:
    """The queries of the page, in their order."""
    text = PAGE.read_text(encoding="utf-8")
    found = []
    for block in BLOCK.finditer(text):
        if block[1] == "sql":
            table = TABLE.match(text, block.end())
            head, _, *rows = map(cells, table[1].splitlines()) if table else ((), ())
            questions = HEADING.findall(text[: block.start()])
            found.append(Query(questions[-1], block[2], head, tuple(rows)))
    return found


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


QUERIES = queries()
VIEWS = [query for query in QUERIES if query.sql.startswith("CREATE")]
ASKED = [query for query in QUERIES if query not in VIEWS]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """A database with the views of the page, in the folder of the checkout."""
    monkeypatch.chdir(ROOT)
    connection = duckdb.connect()
    for view in VIEWS:
        connection.execute(view.sql)
    return connection


@pytest.mark.parametrize("query", ASKED, ids=lambda query: query.question)
def test_a_query_has_the_columns_of_the_page_and_as_many_rows(
    database: duckdb.DuckDBPyConnection, query: Query
) -> None:
    answer = database.sql(query.sql)
    assert tuple(answer.columns) == query.columns
    rows = answer.fetchall()
    assert query.rows
    assert len(rows) >= len(query.rows)
    for place in range(len(query.columns)):
        assert any(row[place] is not None for row in rows), query.columns[place]


def test_the_page_asks_as_many_questions_as_it_says() -> None:
    assert len(ASKED) == 10
    assert len({query.question for query in ASKED}) == 10


def test_the_view_has_each_process_with_the_words_that_vggbench_has(
    database: duckdb.DuckDBPyConnection,
) -> None:
    asked = "SELECT run, release, words, outcome FROM records WHERE machine = 'epyc-zen5'"
    told = database.sql(asked).fetchall()
    own = records.read(ROOT / "results", "epyc-zen5")
    assert sorted(told) == sorted(
        (record.run, record.release, record.words, record.outcome) for record in own
    )
