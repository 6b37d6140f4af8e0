"""What is typed in the user's terminal."""

from __future__ import annotations

import shlex

import pytest

from vggbench.terminal import quoted


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("off", "off"),
        ("'NHWC', 'none', 'off'", "\"'NHWC', 'none', 'off'\""),
        (r"\('NHWC'\)", "\"\\('NHWC'\\)\""),
        ("a b", "'a b'"),
    ],
)
def test_a_text_is_quoted_as_it_is_read_most_easily(text: str, typed: str) -> None:
    assert quoted(text) == typed


@pytest.mark.parametrize(
    "text", ["'off'$", "'\"'", "`'`", "it's!", r"'\\'", "'off\\", "", "'a'\nb", r"\(''\)"]
)
def test_a_shell_reads_a_quoted_text_as_it_was(text: str) -> None:
    assert shlex.split(quoted(text)) == [text]
