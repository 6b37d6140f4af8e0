"""The vggbench command on a tiny checkout, as a user starts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vggbench.cli import main
from vggbench.releases.catalogue import Catalogue

from ..index import serving
from ..records.factory import peak
from ..tiny import (
    MACHINE,
    MODES,
    PATIENCE_S,
    ROUNDS,
    STEPS,
    Ended,
    Tiny,
    python_of,
    write_wheel,
)


def vggbench(tiny: Tiny, *args: str, **env: str) -> Ended:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "vggbench"), *args],
        cwd=tiny.folder,
        env=tiny.environ(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return Ended(done.returncode, done.stdout)


def listed(tiny: Tiny, *spec: str) -> dict[str, dict]:
    done = vggbench(tiny, "releases", "list", "--json", *spec)
    assert done.status == 0, done.output
    rows = json.loads(done.output)
    return {f"{row['track']}-{row['version']}": row for row in rows}


def test_a_command_line_is_read_without_what_computes() -> None:
    """NumPy, SciPy and Matplotlib take longer to import than most commands run."""
    script = "import sys, vggbench.cli; print({'numpy', 'scipy', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_list_as_json_has_the_keys_that_scripts_read(tiny: Tiny) -> None:
    rows = listed(tiny)
    assert len(rows) == 6
    row = rows["tinyframe-1.1"]
    assert row["date"] == "2011-02-03"
    assert (row["devices"], row["locks"]) == (["cpu"], ["cpu"])
    assert row["installed"] is True
    assert row["size"] > 0
    assert row["measured"] is False
    assert row["interpreter"] is True
    assert row["python"].startswith("3.")


def test_list_takes_the_arguments_of_asv_run(bare_tiny: Tiny) -> None:
    rows = listed(bare_tiny, "tinyframe>=1.2", "otherframe")
    assert list(rows) == ["otherframe-7.0", "tinyframe-1.2", "tinyframe-1.10", "tinyframe-2.0"]
    assert not any(row["installed"] for row in rows.values())


@pytest.mark.asv
def test_list_knows_what_was_measured_on_this_machine_alone(tiny: Tiny) -> None:
    assert tiny.asv("run", "tinyframe-1.1").status == 0
    assert [name for name, row in listed(tiny).items() if row["measured"]] == ["tinyframe-1.1"]
    tiny.machine_results.rename(tiny.results / "another")
    assert not any(row["measured"] for row in listed(tiny).values())


def test_list_for_people_names_missing_interpreters_and_how_to_get_them(tiny: Tiny) -> None:
    tiny.add_release("3.0", python="3.99")
    done = vggbench(tiny, "releases", "list")
    assert done.lines_with("tinyframe-3.0")[0].endswith("-")
    assert "CPython 3.99 is missing; get it with: uv python install 3.99" in done


def test_install_makes_environments_once(bare_tiny: Tiny) -> None:
    first = vggbench(bare_tiny, "releases", "install", "tinyframe-1.0", "tinyframe-1.1")
    assert first.status == 0, first.output
    assert len(first.lines_with("installed tinyframe-1.")) == 2
    again = vggbench(bare_tiny, "releases", "install", "tinyframe-1.0")
    assert "tinyframe-1.0 (cpu): installed already" in again


def test_install_makes_all_that_asv_run_uses_or_what_one_backend_does(bare_tiny: Tiny) -> None:
    bare_tiny.add_backends({"any": 0.01, "cpu-theano": 0.02, "gpu-theano": 0.03})
    row = listed(bare_tiny, "keras-1.0")["keras-1.0"]
    assert row["devices"] == ["cpu", "gpu"]
    assert row["locks"] == ["any", "cpu-theano", "gpu-theano"]
    install = ("releases", "install", "keras-1.0")
    one = vggbench(bare_tiny, *install, "--backend", "theano")
    assert one.status == 0, one.output
    assert environments(bare_tiny) == {"keras-1.0-b1-cpu-theano"}
    done = vggbench(bare_tiny, *install)
    assert "keras-1.0 (cpu-theano): installed already" in done
    assert environments(bare_tiny) == {"keras-1.0-b1-cpu-theano", "keras-1.0-b1-any"}
    on_gpu = vggbench(bare_tiny, *install, "--device", "gpu")
    assert "keras-1.0 (any): installed already" in on_gpu
    assert environments(bare_tiny) == {
        *("keras-1.0-b1-cpu-theano", "keras-1.0-b1-any", "keras-1.0-b1-gpu-theano")
    }


def environments(tiny: Tiny) -> set[str]:
    return {path.name for path in tiny.environments.glob("*-*")}


def test_install_refuses_a_backend_that_the_framework_has_not(bare_tiny: Tiny) -> None:
    done = vggbench(bare_tiny, "releases", "install", "tinyframe-1.0", "--backend", "theano")
    assert done.status == 1
    line = "tinyframe-1.0 is not installed: Tinyframe has no backend theano"
    assert len(done.lines_with(line)) == 1
    assert environments(bare_tiny) == set()


def test_lock_looks_at_the_locks_that_serve_a_device(bare_tiny: Tiny) -> None:
    bare_tiny.add_backends({"any": 0.01, "cpu-theano": 0.02, "gpu-theano": 0.03})
    for device, names in (
        (None, ["any", "cpu-theano", "gpu-theano"]),
        ("cpu", ["any", "cpu-theano"]),
        ("gpu", ["any", "gpu-theano"]),
    ):
        options = () if device is None else ("--device", device)
        done = vggbench(bare_tiny, "releases", "lock", "keras-1.0", *options)
        assert done.status == 0, done.output
        assert done.lines_with("its lock is as its release file says") == [
            f"keras-1.0 ({name}): its lock is as its release file says" for name in names
        ]


def test_install_goes_on_after_a_release_that_cannot_be_installed(bare_tiny: Tiny) -> None:
    bare_tiny.add_release("3.0", python="3.99")
    done = vggbench(bare_tiny, "releases", "install", "tinyframe-3.0", "tinyframe-1.0")
    assert done.status == 1
    assert len(done.lines_with("tinyframe-3.0 needs CPython 3.99")) == 1
    assert listed(bare_tiny)["tinyframe-1.0"]["installed"]


def test_update_as_json_has_the_keys_that_scripts_read(bare_tiny: Tiny) -> None:
    wheels = bare_tiny.folder / "wheels"
    write_wheel(wheels, "tinyframe", "3.0", "")
    before = sorted(bare_tiny.releases.rglob("*"))
    with serving(wheels, {"tinyframe-3.0": "2026-01-02"}) as url:
        asked = {"UV_DEFAULT_INDEX": url, "UV_OFFLINE": "0"}
        done = vggbench(
            bare_tiny, "releases", "update", "tinyframe", "--dry-run", "--json", **asked
        )
    assert done.status == 0, done.output
    assert json.loads(done.output) == {
        "schema": 1,
        "dry_run": True,
        "added": [{"release": "tinyframe-3.0"}],
        "not_locked": [],
        "passed_over": [],
        "gone": [],
    }
    assert sorted(bare_tiny.releases.rglob("*")) == before


def test_update_without_an_index_says_so_and_fails(bare_tiny: Tiny) -> None:
    done = vggbench(bare_tiny, "releases", "update", "tinyframe", UV_NO_INDEX="1")
    assert done.status == 1
    assert done.lines_with("tinyframe: tinyframe is on no index that uv asks")
    assert "0 added, 1 could not be locked, 0 passed over" in done


def test_prune_frees_the_longest_unused_first_down_to_a_size(tiny: Tiny) -> None:
    sizes = {name: row["size"] for name, row in listed(tiny).items()}
    vggbench(tiny, "releases", "install", "tinyframe-1.2")  # the last that was used
    done = vggbench(tiny, "releases", "prune", "--to", str(sizes["tinyframe-1.2"]))
    assert done.status == 0, done.output
    assert len(done.lines_with("freed tinyframe-")) == 4
    assert [n for n, row in listed(tiny).items() if row["installed"]] == ["tinyframe-1.2"]


def test_prune_all_frees_all_and_says_how_much(tiny: Tiny) -> None:
    done = vggbench(tiny, "releases", "prune", "--all")
    assert "GB in all, 0.00 GB are left" in done
    assert "the disk got back" not in done
    assert not any(row["installed"] for row in listed(tiny).values())


def test_prune_says_that_the_disk_keeps_what_has_links_elsewhere(tiny: Tiny) -> None:
    environment = next(tiny.environments.glob("tinyframe-1.1-*"))
    (environment / "large").write_bytes(bytes(10**7))
    os.link(environment / "large", tiny.environments.parent / "cached")
    done = vggbench(tiny, "releases", "prune", "--all")
    assert "the disk got back 0.00 GB: the other files have links elsewhere" in done
    assert "releases prune --cache frees those that no environment needs; what is installed" in done


def test_prune_must_be_told_how_far(tiny: Tiny) -> None:
    asked_nothing = vggbench(tiny, "releases", "prune")
    assert asked_nothing.status == 2
    assert "say what to free: --to SIZE or --all, --cache, or both" in asked_nothing
    assert vggbench(tiny, "releases", "prune", "--all", "--to", "0", "--cache").status == 2
    assert "is no size" in vggbench(tiny, "releases", "prune", "--to", "lots")


def test_prune_frees_the_cache_alone_and_leaves_environments(tiny: Tiny) -> None:
    before = listed(tiny)
    done = vggbench(tiny, "releases", "prune", "--cache")
    assert done.status == 0, done.output
    assert len(done.output.splitlines()) == 1
    assert done.output.startswith("uv's cache: freed 0.00 GB of 0 packages that only releases")
    assert done.output.rstrip().endswith(" GB are left")
    assert listed(tiny) == before


def test_prune_frees_environments_first_and_then_the_cache_of_them(tiny: Tiny) -> None:
    environment = next(tiny.environments.glob("tinyframe-1.1-*"))
    (environment / "large").write_bytes(bytes(10**7))
    os.link(environment / "large", tiny.environments.parent / "cached")
    done = vggbench(tiny, "releases", "prune", "--all", "--cache")
    assert done.status == 0, done.output
    lines = done.output.splitlines()
    assert lines[-1].startswith("uv's cache: freed 0.00 GB of 2 packages that only releases")
    assert len(done.lines_with("freed tinyframe-")) == 5
    assert "the disk got back" in lines[-2]
    assert "prune --cache frees those" not in done, "it is being done"


def test_prune_says_what_of_the_cache_is_left_for_an_environment(tiny: Tiny) -> None:
    shutil.rmtree(next(tiny.environments.glob("tinyframe-1.1-*")))
    done = vggbench(tiny, "releases", "prune", "--cache")
    said = "are left, with all versions of tinyframe, which a release with an environment pins"
    assert len(done.lines_with(said)) == 1


def test_lock_tells_a_lock_that_was_edited_by_hand(tiny: Tiny) -> None:
    good = vggbench(tiny, "releases", "lock", "tinyframe-1.1")
    assert (good.status, good.lines_with("tinyframe-1.1 (cpu)")) == (
        0,
        ["tinyframe-1.1 (cpu): its lock is as its release file says"],
    )
    lock = tiny.releases / "tinyframe" / "1.1-cpu.txt"
    lock.write_text(lock.read_text() + "# edited\n")
    edited = vggbench(tiny, "releases", "lock", "tinyframe-1.1")
    assert edited.status == 1
    assert len(edited.lines_with("vggbench releases lock tinyframe-1.1 --again")) == 1


def test_a_release_that_fails_at_its_second_lock_is_not_added(bare_tiny: Tiny) -> None:
    path = bare_tiny.releases / "tinyframe" / "track.json"
    content = json.loads(path.read_text())
    content["requirements"]["gpu"] = [[">=3", ["tinyframe=={version}", "nowhere"]]]
    path.write_text(json.dumps(content))
    wheels = bare_tiny.folder / "wheels"
    write_wheel(wheels, "tinyframe", "3.0", "")
    before = sorted(bare_tiny.releases.rglob("*"))
    with serving(wheels, {"tinyframe-3.0": "2026-01-02"}) as url:
        asked = {"UV_DEFAULT_INDEX": url, "UV_OFFLINE": "0"}
        adding = ("releases", "add", "tinyframe==3.0", "--python", python_of("2.0"))
        done = vggbench(bare_tiny, *adding, **asked)
    assert done.status == 1, done.output
    begun = done.lines_with("tinyframe-3.0: resolving its packages for ")
    assert [line.split()[5] for line in begun] == ["cpu", "gpu"]
    assert len(done.lines_with("tinyframe-3.0 cannot be locked: ")) == 1
    assert sorted(bare_tiny.releases.rglob("*")) == before


@pytest.mark.parametrize("version", ["2.0", "2", "2.0.0"])
def test_a_version_that_is_on_the_track_is_not_added_again(bare_tiny: Tiny, version: str) -> None:
    before = sorted(bare_tiny.releases.rglob("*"))
    done = vggbench(bare_tiny, "releases", "add", f"tinyframe=={version}")
    assert (done.status, done.output) == (0, "tinyframe-2.0 is on the track already\n")
    assert sorted(bare_tiny.releases.rglob("*")) == before


def test_a_wheel_of_ones_own_is_locked_by_hash_installed_and_placed(bare_tiny: Tiny) -> None:
    module = "__version__ = '1.1+mine'\nSECONDS_A_STEP = 0.01\n"
    wheel = write_wheel(bare_tiny.folder / "mine", "tinyframe", "1.1+mine", module)
    place = ("--wheel", str(wheel), "--after", "tinyframe-1.1")
    done = vggbench(bare_tiny, "releases", "add", "tinyframe", "1.1+mine", *place)
    assert done.status == 0, done.output
    names = [r.name for r in Catalogue(bare_tiny.releases).tracks["tinyframe"].releases]
    assert names[1:3] == ["tinyframe-1.1", "tinyframe-1.1+mine"]
    lock = (bare_tiny.releases / "tinyframe" / "1.1+mine-cpu.txt").read_text()
    assert "--hash=sha256:" in lock
    installed = vggbench(bare_tiny, "releases", "install", "tinyframe-1.1+mine")
    assert installed.status == 0, installed.output


def test_a_wheel_whose_contents_changed_is_refused(bare_tiny: Tiny) -> None:
    wheel = write_wheel(bare_tiny.folder / "mine", "tinyframe", "1.1+mine", "__version__ = '1'\n")
    place = ("--wheel", str(wheel), "--after", "tinyframe-1.1")
    vggbench(bare_tiny, "releases", "add", "tinyframe", "1.1+mine", *place)
    write_wheel(bare_tiny.folder / "mine", "tinyframe", "1.1+mine", "__version__ = '2'\n")
    done = vggbench(bare_tiny, "releases", "install", "tinyframe-1.1+mine")
    assert done.status == 1
    assert len(done.lines_with("tinyframe-1.1+mine")) == 2  # begun, and refused
    assert "hash" in done.output.lower()


def test_a_wheel_is_not_taken_for_another_that_is_on_the_track(bare_tiny: Tiny) -> None:
    def add(version: str, wheel: Path, *options: str) -> Ended:
        place = ("--wheel", str(wheel), "--after", "tinyframe-1.1")
        return vggbench(bare_tiny, "releases", "add", "tinyframe", version, *place, *options)

    mine = ("tinyframe", "1.1+mine", "__version__ = '1.1+mine'\n")
    wheel = write_wheel(bare_tiny.folder / "mine", *mine)
    assert add("1.1+mine", wheel).status == 0
    before = sorted(bare_tiny.releases.rglob("*"))
    again = add("1.1+mine", wheel)
    assert (again.status, again.output) == (0, "tinyframe-1.1+mine is on the track already\n")

    refused = [
        add("1.1+mine", write_wheel(bare_tiny.folder / "elsewhere", *mine)),
        add("1.1+mine", wheel, "--device", "gpu"),
        *(
            add(version, write_wheel(bare_tiny.folder / "mine", "tinyframe", version, ""))
            for version in ("1.1", "1.1.0")  # the track has 1.1 of the index
        ),
    ]
    write_wheel(bare_tiny.folder / "mine", "tinyframe", "1.1+mine", "__version__ = 'other'\n")
    refused.append(add("1.1+mine", wheel))
    for done in refused:
        assert done.status == 1, done.output
        assert len(done.output.splitlines()) == 1
        assert "call this one by another version, such as 1.1" in done
    assert sorted(bare_tiny.releases.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "tinyfame"), "perhaps tinyframe"),
        (("list", "tinyframe-1.3"), "the nearest are tinyframe-1.2 and tinyframe-1.10"),
        (("add", "tinyframe-1.3"), "write TRACK==VERSION"),
        (("update", "tinyfame"), "perhaps tinyframe"),
        (("add", "tinyframe==one"), "'one' is no version"),
        (("add", "nothing==1.0"), "unknown track 'nothing'"),
        (("add", "tinyframe", "9", "--wheel", "x.whl", "--after", "tinyframe-1.0"), "no wheel"),
        (("add", "tinyframe", "--wheel", "x.whl"), "needs a version and a place"),
    ],
)
def test_arguments_that_name_nothing_get_one_line(
    bare_tiny: Tiny, arguments: tuple[str, ...], said: str
) -> None:
    done = vggbench(bare_tiny, "releases", *arguments)
    assert done.status == 1
    assert len(done.output.splitlines()) == 1
    assert said in done


@pytest.mark.asv
def test_rates_are_those_of_the_records(measured: Tiny) -> None:
    done = vggbench(measured, "rates", "--json", "--machine", MACHINE)
    assert done.status == 0, done.output
    rows = json.loads(done.output)
    assert len(rows) == len(STEPS) * len(MODES)
    row = next(r for r in rows if r["release"] == "tinyframe-1.1" and r["outcome"] == "ok")
    assert row["step_s"] == pytest.approx(STEPS["1.1"])
    assert row["images_per_s"] == pytest.approx(8 / STEPS["1.1"])
    assert row["processes"] == ROUNDS
    assert (row["machine"], row["profile"]) == (MACHINE, "cpu-quick")
    assert row["share_of_peak"] is None
    impossible = [r["why"] for r in rows if r["configuration"] == {"mode": "impossible"}]
    assert impossible == ["tinyframe has no such mode"] * 5

    shown = vggbench(measured, "rates", "tinyframe-1.1", "otherframe-7.0")
    assert shown.status == 0, shown.output
    assert len(shown.lines_with("tinyframe-1.1")) == len(MODES)
    assert "tinyframe-1.2" not in shown
    assert f"{MACHINE}, cpu-quick:" in shown
    assert f"unmeasured on {MACHINE}: otherframe-7.0" in shown
    assert len(shown.lines_with("peak: not measured on")) == 1


@pytest.mark.asv
def test_rates_of_copied_records_have_the_peak_that_came_with_them(measured: Tiny) -> None:
    found = peak(2e12, cpus=measured.records()[0]["cpus"])
    (measured.machine_results / "matrix-product.jsonl").write_text(json.dumps(found) + "\n")
    another = measured.results / "another"
    measured.machine_results.rename(another)
    for file in another.glob("records/*.jsonl"):
        text = file.read_text()
        file.write_text(text.replace(f'"machine": "{MACHINE}"', '"machine": "another"'))
    here = vggbench(measured, "rates")
    assert here.status == 1
    said = f"nothing of this is on record for {MACHINE} (there are records of: another); measure"
    assert len(here.lines_with(said)) == 1
    there = vggbench(measured, "rates", "--machine", "another", "--json")
    rows = [row for row in json.loads(there.output) if row["outcome"] == "ok"]
    assert {row["machine"] for row in rows} == {"another"}
    assert {row["peak_flops_per_s"] for row in rows} == {2e12}
    for row in rows:
        assert row["share_of_peak"] == pytest.approx(row["flops_per_s"] / 2e12)


@pytest.mark.asv
def test_rates_leave_out_what_is_off_the_track_with_a_line(measured: Tiny) -> None:
    (measured.releases / "tinyframe" / "1.2.json").unlink()
    done = vggbench(measured, "rates")
    assert done.status == 0, done.output
    said = "records not on a track, or of another build number are left out: tinyframe-1.2"
    assert len(done.lines_with(said)) == 1


def test_a_peak_needs_a_tensorflow(tiny: Tiny) -> None:
    done = vggbench(tiny, "peak")
    assert (done.status, len(done.output.splitlines())) == (1, 1)
    assert "no TensorFlow release with a lock for cpu has its CPython on this machine" in done
    other = vggbench(tiny, "peak", "tinyframe-1.1")
    assert other.status == 1
    assert "vggbench multiplies no matrices with Tinyframe; give a release of TensorFlow" in other
    assert not list(tiny.results.rglob("matrix-product.jsonl"))


def test_a_peak_tells_asv_of_a_machine_that_it_does_not_know(bare_tiny: Tiny) -> None:
    (bare_tiny.home / ".asv-machine.json").unlink()
    done = vggbench(bare_tiny, "peak")
    assert len(done.lines_with("asv is told that this machine is ")) == 1
    assert "no TensorFlow release with a lock for cpu" in done
    assert (bare_tiny.home / ".asv-machine.json").exists()


def test_a_folder_that_is_no_checkout_gets_one_line(tiny: Tiny) -> None:
    tiny.folder.joinpath("asv.conf.json").unlink()
    done = vggbench(tiny, "releases", "list")
    assert done.status == 1
    assert "run this in a checkout of vggbench" in done


def test_an_argument_that_is_no_choice_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, nearest in (
        (["verdicts"], "verdict"),
        (["releases", "lst"], "list"),
        (["table", "--format", "cvs"], "csv"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        (line,) = capsys.readouterr().err.splitlines()
        assert f"; perhaps {nearest}; see vggbench " in line
    with pytest.raises(SystemExit):
        main(["bananas"])
    assert "perhaps" not in capsys.readouterr().err
