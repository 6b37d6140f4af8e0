"""By-products of timed processes: reported without processes of their own."""

from __future__ import annotations

import json
import math

import pytest

from vggbench.releases import environments

from ..tiny import Tiny

pytestmark = pytest.mark.asv

FAMILY = "by_products.Family"
BENCHMARKS = """
from vggbench.inside import measure

from . import train_step


class Family(train_step.Tiny):
    def track_first_step(self, mode):
        return measure.by_product("track_first_step")

    def track_peak_memory(self, mode):
        return measure.by_product("track_peak_memory")

    def track_loss(self, mode):
        return measure.by_product("track_loss")
"""


@pytest.fixture
def family(tiny: Tiny) -> Tiny:
    """A tiny checkout whose benchmarks report by-products."""
    (tiny.folder / "benchmarks" / "by_products.py").write_text(BENCHMARKS)
    return tiny


def value(tiny: Tiny, method: str, release: str = "tinyframe-1.1") -> dict[str, float | None]:
    result = tiny.result(release)
    assert result is not None
    name = f"{FAMILY}.{method}"
    values = result.get_result_value(name, result.get_result_params(name))
    return dict(zip(("plain", "fused", "impossible"), values, strict=True))


def test_by_products_come_from_the_records_of_the_timed_processes(family: Tiny) -> None:
    done = family.asv("run", "tinyframe-1.1", "--bench", "Family")
    assert done.status == 0, done.output
    records = family.records("tinyframe-1.1")
    # Two processes a mode, one for that which is n/a, and none for the by-products.
    assert {r["benchmark"] for r in records} == {f"{FAMILY}.time_train_step"}
    assert len(records) == 5
    plain = [r for r in records if r["configuration"]["mode"] == "plain"]
    peaks = [r["peak_memory_bytes"] for r in plain]
    assert value(family, "track_peak_memory")["plain"] == sum(peaks) / 2
    assert value(family, "track_loss")["plain"] == pytest.approx(1 / 3)
    firsts = [r["build_s"] + r["warm_up_s"][0] for r in plain]
    assert value(family, "track_first_step")["plain"] == pytest.approx(sum(firsts) / 2)
    assert math.isnan(value(family, "track_loss")["impossible"])


def test_a_by_product_that_is_run_alone_measures_for_itself(family: Tiny) -> None:
    done = family.asv("run", "tinyframe-1.1", "--bench", "Family.track_loss")
    assert done.status == 0, done.output
    assert value(family, "track_loss")["plain"] == pytest.approx(1 / 3)
    (plain,) = [r for r in family.records() if r["configuration"]["mode"] == "plain"]
    assert plain["value"] == pytest.approx(1 / 3)


def test_by_products_of_a_configuration_that_failed_are_failed(family: Tiny) -> None:
    done = family.asv("run", "tinyframe-1.1", "--bench", "Family", faults="1.1/fused:error@2")
    assert done.status == 2
    assert value(family, "track_loss")["fused"] is None
    assert value(family, "track_loss")["plain"] == pytest.approx(1 / 3)


def test_new_takes_what_has_by_products_for_complete(family: Tiny) -> None:
    arguments = ("--bench", "Family")
    assert family.asv("run", "tinyframe otherframe", *arguments).status == 0
    assert "there is nothing new to measure" in family.asv("run", "NEW", *arguments)


def test_growth_of_memory_is_recorded(family: Tiny) -> None:
    family.asv("run", "tinyframe-1.1", "--bench", "Family.time.*plain")
    record = family.records()[0]
    grown = record["resident_bytes_at_end"] - record["resident_bytes"]
    assert record["memory_growth_per_step_bytes"] == grown / len(record["samples"])


def test_what_a_step_costs_besides_its_time_is_recorded(family: Tiny) -> None:
    family.asv("run", "tinyframe-1.1", "--bench", "Family.time.*plain")
    counted = family.records()[0]["counters"]
    for name in ("cpu_s", "minor_faults", "major_faults", "voluntary_switches"):
        assert counted[name] >= 0
    for name in ("instructions", "cycles"):
        told = counted[name]
        assert told["reason"] if isinstance(told, dict) else told > 0


def test_the_size_of_the_environment_is_recorded(family: Tiny) -> None:
    family.asv("run", "tinyframe-1.1", "--bench", "Family.time.*plain")
    (marker,) = [
        found
        for file in family.environments.glob(f"*/{environments.MARKER}")
        for found in [environments.Marker.read(file.parent)]
        if found is not None and found.release == "tinyframe-1.1"
    ]
    assert family.records()[0]["installed_bytes"] == marker.size > 0


def test_what_is_not_better_when_lower_is_kept_out_of_asvs_regressions(family: Tiny) -> None:
    conf = json.loads((family.folder / "asv.conf.json").read_text())
    assert conf["regressions_first_commits"] == {
        ".*track_loss.*": None,
        ".*track_gpu_utilisation.*": None,
    }
