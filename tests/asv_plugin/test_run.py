"""asv run, with releases wherever asv says commit."""

import pytest

from tests.tiny import MODES, Tiny

pytestmark = pytest.mark.asv


def test_smoke(tiny: Tiny):
    done = tiny.asv("run", "tinyframe>=1.10", "--record-samples", faults="1.10/fused:segv@2")
    print(done.output)
    print(
        tiny.values("tinyframe-2.0"), tiny.values("tinyframe-1.10"), tiny.outcomes("tinyframe-1.10")
    )
    print(tiny.measured())
    print(tiny.records("tinyframe-2.0")[0])
    assert done.status == 2
    assert 0
