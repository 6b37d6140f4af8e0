"""Bisections whose looks are taken on a machine of a real fleet of tiny checkouts, and what befalls
them. The step takes three times as long from 1.2 on."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter

import psutil
import pytest

from vggbench.fleet.units import BUILDS
from vggbench.releases.catalogue import Catalogue

from ..asv_plugin.test_faults import the_line
from ..campaigns.test_bisect import PLAIN, an_index, told
from ..campaigns.test_confirm import NOISE
from ..tiny import PATIENCE_S, Ended, until
from .boxes import Fleet, all_ended, kill, of_release

pytestmark = pytest.mark.asv

BISECT = ("bisect", "tinyframe-1.0", "tinyframe-2.0", *PLAIN)


def bisect(fleet: Fleet, *options: str) -> Ended:
    """The bisection to its end."""
    asked = (*BISECT, "--fleet", fleet.address, *options)
    return fleet.client.vggbench(*asked, env=fleet.environ("client"))


def start(fleet: Fleet) -> subprocess.Popen[str]:
    """The bisection on box-1 in the background."""
    return fleet.start(*BISECT, "--fleet", fleet.address, "--machine", "box-1")


def blocks_of(fleet: Fleet, machine: str) -> int:
    """How many whole blocks of bisections the client has on record of a machine."""
    found = Counter(
        record["duet"]["block"]
        for record in fleet.client.records(machine=machine)
        if record["purpose"] == "bisect" and record["outcome"] == "ok"
    )
    return sum(count == 4 for count in found.values())


def hanging(fleet: Fleet, worker: subprocess.Popen[str], process: int) -> list[psutil.Process]:
    """The processes of 2.0 below the worker of box-1, once the one with this number hangs."""
    counts = fleet.box("box-1").home / "counts"

    def hangs() -> bool:
        asked = [file.stat().st_size for file in counts.glob("*hang*")]
        return max(asked, default=0) >= process and bool(of_release(worker, "tinyframe-2.0"))

    until(hangs)
    return of_release(worker, "tinyframe-2.0")


def test_all_looks_are_taken_on_the_machine_that_is_named(fleet: Fleet) -> None:
    fleet.scheduler()
    for name in ("box-1", "box-2"):
        fleet.worker(name, **NOISE)
    done = bisect(fleet, "--machine", "box-2", "--json")
    assert done.status == 0, done.output + fleet.log("box-2")
    found = told(done)
    assert (found["machine"], found["outcome"]) == ("box-2", "named")
    assert (found["before"], found["after"]) == ("tinyframe-1.1", "tinyframe-1.2")
    assert found["ratio"] == pytest.approx(3, rel=0.05)
    assert found["blocks"] == blocks_of(fleet, "box-2") > 0
    assert (
        "to repeat it on box-2: VGGBENCH_PROFILE=cpu-quick vggbench duet 'tinyframe-1.1 plain' "
        "'tinyframe-1.2 plain'" in found["notes"]
    )
    taken = fleet.client.records(machine="box-2")
    assert {record["purpose"] for record in taken} == {"bisect"}
    assert fleet.client.records(machine="box-1") == []
    assert not list(fleet.boxes["box-2"].folder.glob("results/*/records")), "no other place"
    again = bisect(fleet, "--machine", "box-2", "--json")
    assert told(again)["blocks"] == found["blocks"], "what is known is not measured again"
    assert fleet.client.records(machine="box-2") == taken


def test_a_build_that_is_on_no_track_is_locked_here_and_installed_there(fleet: Fleet) -> None:
    fleet.client.add_release("4.0", seconds=0.090)
    with an_index(fleet.client, {"3.1": 0.030, "3.2": 0.090}) as env:
        fleet.scheduler()
        fleet.worker("box-1", **env)
        done = fleet.client.vggbench(
            *("bisect", "tinyframe-2.0", "tinyframe-4.0", *PLAIN, "--json"),
            *("--fleet", fleet.address, "--machine", "box-1"),
            env={**env, **fleet.environ("client")},
        )
    assert done.status == 0, done.output + fleet.log("box-1")
    found = told(done)
    assert (found["before"], found["after"]) == ("tinyframe-3.1", "tinyframe-3.2")
    taken = fleet.client.records(machine="box-1")
    of_builds = [record for record in taken if record["version"].startswith("3.")]
    assert {record["catalogue"] for record in of_builds} == {"bisect"}
    kept = Catalogue(fleet.client.checkout.builds_dir)
    assert {release.version for release in kept} == {"3.1", "3.2"}
    box = fleet.boxes["box-1"].checkout
    there = Catalogue(box.env_dir / "fleet" / "box-1" / BUILDS)
    for name in ("tinyframe-3.1", "tinyframe-3.2"):
        assert there.by_name[name] == kept.by_name[name]
        locks = [each.lock_path(each.by_name[name], "cpu") for each in (there, kept)]
        assert locks[0].read_text() == locks[1].read_text()
    assert not box.builds_dir.exists(), "the machine's own bisections have theirs"


def test_a_build_that_fails_there_is_stepped_over_with_its_reason(fleet: Fleet) -> None:
    fleet.scheduler()
    fleet.worker("box-1", faults="1.2/plain:segv", **NOISE)
    done = bisect(fleet, "--machine", "box-1", "--json")
    assert done.status == 0, done.output + fleet.log("box-1")
    found = told(done)
    assert (found["before"], found["after"]) == ("tinyframe-1.1", "tinyframe-1.10")
    (unknown,) = [build for build in found["builds"] if build["unknown"]]
    assert unknown["name"] == "tinyframe-1.2"
    assert "crashed with SIGSEGV" in unknown["unknown"]
    the_line(done, "tinyframe-1.2 is stepped over: ")


def test_an_end_that_fails_there_ends_it_with_2_and_says_why(fleet: Fleet) -> None:
    fleet.scheduler()
    fleet.worker("box-1", faults="2.0/plain:segv", **NOISE)
    done = bisect(fleet, "--machine", "box-1")
    assert done.status == 2, done.output
    the_line(done, "tinyframe-2.0 is an end and cannot be measured: ", "SIGSEGV")


def test_a_killed_client_ends_its_look_and_the_next_goes_on_from_the_records(fleet: Fleet) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="2.0/plain:hang@3", **NOISE)
    client = start(fleet)
    of_look = hanging(fleet, worker, process=3)
    assert client.poll() is None, fleet.log("client")
    kill(client)
    until(lambda: all_ended(of_look))
    assert blocks_of(fleet, "box-1") == 1
    done = bisect(fleet, "--machine", "box-1", "--json")
    assert done.status == 0, done.output + fleet.log("box-1")
    the_line(done, "1 block on record: the search goes on from there")
    found = told(done)
    assert found["after"] == "tinyframe-1.2"
    assert found["blocks"] == blocks_of(fleet, "box-1") > 1


def test_a_killed_worker_gets_its_look_again_when_it_is_back(fleet: Fleet) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="2.0/plain:hang@1", **NOISE)
    client = start(fleet)
    hanging(fleet, worker, process=1)
    below = psutil.Process(worker.pid).children(recursive=True)
    kill(worker)
    until(lambda: all_ended(below))
    until(lambda: "its worker was lost; it comes again" in fleet.log("client"))
    fleet.worker("box-1", **NOISE)
    assert client.wait(PATIENCE_S) == 0, fleet.log("client") + fleet.log("box-1")
    assert "tinyframe-1.2 is the first with the change" in fleet.log("client")
    assert "Traceback" not in fleet.log("client")


def test_ctrl_c_ends_the_search_and_the_look(fleet: Fleet) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="2.0/plain:hang@1", **NOISE)
    client = start(fleet)
    of_look = hanging(fleet, worker, process=1)
    client.send_signal(signal.SIGINT)
    assert client.wait(PATIENCE_S) == 130, fleet.log("client")
    assert "Traceback" not in fleet.log("client")
    until(lambda: all_ended(of_look))


def test_without_a_machine_there_must_be_one_worker(fleet: Fleet) -> None:
    fleet.scheduler()
    none_yet = bisect(fleet)
    assert none_yet.status == 2
    the_line(none_yet, f"--fleet {fleet.address}: no worker is there; start one")
    for name in ("box-1", "box-2"):
        fleet.worker(name)
        until(lambda name=name: f"{name}: works for" in fleet.log(name))
    done = bisect(fleet)
    assert done.status == 2
    the_line(done, "there are workers of box-1, box-2, and a bisection is measured on one machine")
    assert fleet.client.records(machine="box-1") == []
