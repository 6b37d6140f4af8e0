"""asv run, with releases wherever asv says commit."""

from __future__ import annotations

import math

import pytest

from vggbench.inside import gpu

from ..tiny import BENCHMARK, MODES, REPEAT, ROUNDS, Tiny

pytestmark = pytest.mark.asv

#: One process a release, for tests of which releases are run.
BRIEFLY = ("--bench", r"\('plain'\)", "-a", "rounds=1")

NEWEST_FIRST = [f"tinyframe-{version}" for version in ("2.0", "1.10", "1.2", "1.1", "1.0")]


def in_order_of_measuring(tiny: Tiny) -> list[str]:
    return list(dict.fromkeys(record["release"] for record in tiny.records()))


# -- which releases


@pytest.mark.parametrize(
    ("asked", "releases"),
    [
        ("tinyframe>=1.1", NEWEST_FIRST[:4]),
        ("tinyframe>=1.0,<1.2", ["tinyframe-1.1", "tinyframe-1.0"]),
        ("tinyframe==1.1", ["tinyframe-1.1"]),
        ("tinyframe-1.1", ["tinyframe-1.1"]),
        ("tinyframe-1.0..tinyframe-1.10", ["tinyframe-1.10", "tinyframe-1.2", "tinyframe-1.1"]),
        ("tinyframe-1.2^!", ["tinyframe-1.2"]),
        ("tinyframe", NEWEST_FIRST),
        (
            "tinyframe-1.0 otherframe tinyframe==2.0",
            ["tinyframe-1.0", "otherframe-7.0", "tinyframe-2.0"],
        ),
        ("ALL", [*NEWEST_FIRST, "otherframe-7.0"]),
        ("HEAD", ["tinyframe-2.0"]),
    ],
)
def test_arguments_name_the_releases_that_are_run(tiny: Tiny, asked: str, releases: list[str]):
    done = tiny.asv("run", asked, *BRIEFLY)
    assert done.status == 0, done.output
    assert in_order_of_measuring(tiny) == releases
    assert tiny.measured() == set(releases)


def test_no_arguments_run_the_newest_release_of_every_track(tiny: Tiny):
    done = tiny.asv("run", *BRIEFLY)
    assert done.status == 0, done.output
    assert tiny.measured() == {"tinyframe-2.0", "otherframe-7.0"}


def test_steps_spreads_the_releases_that_are_run_over_the_range(tiny: Tiny):
    done = tiny.asv("run", "tinyframe", "--steps", "3", *BRIEFLY)
    assert done.status == 0, done.output
    ran = in_order_of_measuring(tiny)
    assert len(ran) == 3
    assert ran == [name for name in NEWEST_FIRST if name in ran]


def test_hashfile_lists_names_or_ids_in_a_file_or_on_standard_input(tiny: Tiny):
    listed = tiny.folder / "releases.txt"
    listed.write_text(f"tinyframe-1.2\n\n{tiny.release('tinyframe-1.0').commit}\n")
    done = tiny.asv("run", f"HASHFILE:{listed}", *BRIEFLY)
    assert done.status == 0, done.output
    assert in_order_of_measuring(tiny) == ["tinyframe-1.2", "tinyframe-1.0"]

    done = tiny.asv("run", "HASHFILE:-", *BRIEFLY, stdin="tinyframe==2.0\n")
    assert done.status == 0, done.output
    assert tiny.measured() == {"tinyframe-1.2", "tinyframe-1.0", "tinyframe-2.0"}


def test_existing_runs_what_has_results_again(tiny: Tiny):
    assert tiny.asv("run", "tinyframe-1.0 tinyframe-1.2", *BRIEFLY).status == 0
    done = tiny.asv("run", "EXISTING", *BRIEFLY)
    assert done.status == 0, done.output
    run = [record["release"] for record in tiny.records()]
    assert sorted(run) == ["tinyframe-1.0"] * 2 + ["tinyframe-1.2"] * 2


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("tinyfram>=1", "unknown track 'tinyfram'; perhaps tinyframe"),
        ("tinyframe-1.5", "the nearest are tinyframe-1.2 and tinyframe-1.10"),
        ("tinyframe-1.0..otherframe-7.0", "are on two tracks"),
        ("tinyframe>>1", "is no version specifier; write tinyframe=="),
        ("tinyframe-2.0..tinyframe-1.0", "perhaps tinyframe-1.0..tinyframe-2.0"),
        ("TAGS", "every release is a tag, so ask for ALL, or for a track by its name"),
        ("HASHFILE:nowhere", '"nowhere" is not a file'),
    ],
)
def test_arguments_that_name_no_release_get_one_line(tiny: Tiny, asked: str, answer: str):
    done = tiny.asv("run", asked)
    assert done.status == 1
    assert answer in done.output.splitlines()[-1]
    assert not tiny.measured()
    assert not tiny.records()


# -- what is run and what is kept


def test_dry_run_keeps_nothing(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--dry-run", *BRIEFLY)
    assert done.status == 0, done.output
    assert "tinyframe-1.1 plain, process 1: 10.0ms, median of 5 samples" in done
    assert not tiny.measured()
    assert not tiny.records()


def test_bench_runs_the_configurations_that_it_matches(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--bench", "fused|impossible")
    assert done.status == 0, done.output
    assert tiny.outcomes("tinyframe-1.1") == {
        "fused": ["ok"] * ROUNDS,
        "impossible": ["n/a"],
    }
    assert tiny.values("tinyframe-1.1")["fused"] == pytest.approx(0.010)


def test_a_pattern_that_is_no_regular_expression_is_refused_with_its_error(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--bench", "(")
    assert done.status != 0
    assert "( selects no benchmark: it is no regular expression: missing )" in done
    assert "Traceback" not in done
    assert not tiny.records()


def test_what_a_release_cannot_do_is_asked_and_told_once_in_a_run(tiny: Tiny):
    for runs in (1, 2):
        done = tiny.asv("run", "tinyframe-1.1", "--bench", "'impossible'", "-a", "rounds=4")
        assert done.status == 0, done.output
        assert len(done.lines_with("tinyframe-1.1 impossible, process")) == 1, done.output
        assert tiny.outcomes("tinyframe-1.1") == {"impossible": ["n/a"] * runs}


def test_what_failed_is_asked_in_each_round(tiny: Tiny):
    tiny.asv("run", "tinyframe-1.1", "--bench", "'plain'", faults="1.1/plain:exit")
    assert tiny.outcomes("tinyframe-1.1") == {"plain": ["failed"] * ROUNDS}


def test_samples_of_asv_and_of_the_records_are_the_same(measured: Tiny):
    for name in NEWEST_FIRST:
        result = measured.result(name)
        assert result is not None
        samples = result.get_result_samples(BENCHMARK, result.get_result_params(BENCHMARK))
        for mode, of_asv in zip(MODES, samples, strict=True):
            ours = [
                sample
                for record in measured.records(name)
                if record["configuration"] == {"mode": mode}
                for sample in record.get("samples", [])
            ]
            assert ours == (of_asv or [])
            assert len(ours) == (0 if mode == "impossible" else ROUNDS * REPEAT)
        values = measured.values(name)
        assert math.isnan(values.pop("impossible"))
        step = 0.010 if name in ("tinyframe-1.0", "tinyframe-1.1") else 0.030
        assert list(values.values()) == pytest.approx([step, step])


def test_records_say_where_a_number_comes_from(measured: Tiny):
    releases = {record["release"]: record for record in measured.records()}
    assert set(releases) == set(NEWEST_FIRST)
    for name, record in releases.items():
        release = measured.release(name)
        assert record["commit"] == release.commit
        assert record["lock"] == release.locks["cpu"].digest
        assert record["python"].startswith(release.python + ".")
        assert record["profile"] == "cpu-quick"
    assert {r["round"] for r in measured.records()} == {1, 2}
    assert len({r["run"] for r in measured.records()}) == 1
    built = [record for record in measured.records() if record["outcome"] == "ok"]
    assert all(record["versions"] == {"tinyframe": record["version"]} for record in built)


def test_without_record_samples_the_records_alone_have_samples(tiny: Tiny):
    assert tiny.asv("run", "tinyframe-1.1", "--bench", "plain").status == 0
    result = tiny.result("tinyframe-1.1")
    assert result is not None
    samples = result.get_result_samples(BENCHMARK, result.get_result_params(BENCHMARK))
    assert samples == [None] * len(MODES)
    assert [len(record["samples"]) for record in tiny.records()] == [REPEAT] * ROUNDS


def test_interleaved_rounds_take_turns_over_the_releases(tiny: Tiny):
    done = tiny.asv(
        "run", "tinyframe>=1.10", "--interleave-rounds", "--record-samples", "--bench", "plain"
    )
    assert done.status == 0, done.output
    turns = [(record["round"], record["release"]) for record in tiny.records()]
    assert [number for number, _ in turns] == [1, 1, 2, 2]
    assert set(turns[:2]) == {(1, "tinyframe-1.10"), (1, "tinyframe-2.0")}
    assert set(turns[2:]) == {(2, "tinyframe-1.10"), (2, "tinyframe-2.0")}
    result = tiny.result("tinyframe-2.0")
    assert result is not None
    plain = result.get_result_samples(BENCHMARK, result.get_result_params(BENCHMARK))[0]
    assert len(plain) == ROUNDS * REPEAT


def test_append_samples_adds_to_what_is_there(tiny: Tiny):
    for _ in range(2):
        done = tiny.asv("run", "tinyframe-1.1", "--append-samples", "--bench", "plain")
        assert done.status == 0, done.output
    result = tiny.result("tinyframe-1.1")
    assert result is not None
    plain = result.get_result_samples(BENCHMARK, result.get_result_params(BENCHMARK))[0]
    assert len(plain) == 2 * ROUNDS * REPEAT


def test_skip_existing_leaves_out_what_has_results(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", faults="1.1/fused:error")
    assert done.status == 2
    assert tiny.values("tinyframe-1.1")["fused"] is None
    count = len(tiny.records())
    for option in ("--skip-existing", "--skip-existing-commits", "--skip-existing-failed"):
        done = tiny.asv("run", "tinyframe-1.1", option)
        assert done.status == 0, done.output
        assert len(tiny.records()) == count, option
    done = tiny.asv("run", "tinyframe-1.1", "--skip-existing-successful")
    assert done.status == 0, done.output
    assert tiny.values("tinyframe-1.1")["fused"] == pytest.approx(0.010)
    count = len(tiny.records())
    assert tiny.asv("run", "tinyframe-1.1", "--skip-existing-successful").status == 0
    assert len(tiny.records()) == count
    done = tiny.asv("run", "tinyframe-1.1 tinyframe-1.0", "--skip-existing-commits", *BRIEFLY)
    assert done.status == 0, done.output
    assert [record["release"] for record in tiny.records()[count:]] == ["tinyframe-1.0"]


def test_two_profiles_stay_apart_and_parallel_installs_them(bare_tiny: Tiny):
    done = bare_tiny.asv(
        "run",
        "tinyframe>=1.10",
        "--parallel=2",
        "--interleave-rounds",
        "--bench",
        "plain|impossible",
        env={"VGGBENCH_PROFILE": "cpu-quick cpu-paper"},
    )
    assert done.status == 0, done.output
    for profile in ("cpu-quick", "cpu-paper"):
        assert bare_tiny.measured(profile) == {"tinyframe-1.10", "tinyframe-2.0"}
        assert bare_tiny.values("tinyframe-2.0", profile)["plain"] == pytest.approx(0.030)
    count = {}
    for record in bare_tiny.records():
        count[record["profile"]] = count.get(record["profile"], 0) + 1
        if record["outcome"] == "ok":
            # Under --parallel a child process of asv installs: it must be this very release.
            assert record["versions"] == {"tinyframe": record["version"]}
    each = 2 * (ROUNDS + 1)  # n/a is asked once
    assert count == {"cpu-quick": each, "cpu-paper": each}


def test_the_configuration_file_that_asv_finds_is_ours_too(tiny: Tiny):
    conf = tiny.folder / "asv.conf.json"
    conf.rename(conf.with_suffix(".jsonc"))
    for command in (tiny.asv("run", "tinyframe-1.1", *BRIEFLY), tiny.vggbench("rates")):
        assert command.status == 0, command.output
    assert tiny.measured() == {"tinyframe-1.1"}
    assert len(tiny.records()) > 0


def test_an_unknown_profile_gets_one_line(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", env={"VGGBENCH_PROFILE": "cpu-fast"})
    assert done.status == 1
    assert "unknown profile; choose among gpu-paper, cpu-quick" in done.output.splitlines()[-1]


def test_a_gpu_profile_without_a_gpu_measures_nothing(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", env={"VGGBENCH_PROFILE": "gpu-paper"})
    assert done.status == 1
    assert "gpu-paper is not measured: no GPU is visible here" in done
    assert not tiny.records()


def test_a_pattern_that_selects_nothing_is_told_with_what_there_is(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--bench", "nonsense")
    assert done.status == 1
    assert f"--bench nonsense selects no benchmark; there are: {BENCHMARK}('plain')" in done
    assert "No benchmarks selected" not in done
    done = tiny.asv("run", "tinyframe-1.1", "--bench", "just-discover")
    assert done.status == 0, done.output
    assert not tiny.records()


def test_a_profile_that_nobody_asked_for_gets_a_line_unless_it_is_of_a_gpu_that_is_not_there(
    tiny: Tiny,
):
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, env={"VGGBENCH_PROFILE": "cpu-quick"})
    assert done.status == 0, done.output
    assert "cpu-paper is not measured: not asked for (VGGBENCH_PROFILE=cpu-paper asks" in done
    assert ("gpu-paper" in done) is gpu.is_visible()


def test_benchmarks_that_cannot_be_imported_get_one_line(tiny: Tiny):
    (tiny.folder / "benchmarks" / "broken.py").write_text("import no_such_module\n")
    for asked in ("tinyframe-1.1", "NEW"):
        done = tiny.asv("run", asked)
        assert done.status == 1
        assert (
            "ModuleNotFoundError: No module named 'no_such_module'"
            in (done.output.strip().splitlines()[-1])
        )


def test_forkserver_is_refused(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--launch-method", "forkserver")
    assert done.status == 1
    assert "use spawn" in done.output.splitlines()[-1]
    assert not tiny.measured()
    assert not tiny.records()


FLAGS = {
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "XLA_FLAGS": "--xla_dump_to=/tmp/never",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "OMP_NUM_THREADS": "1",
}


@pytest.mark.parametrize("names", [["TF_XLA_FLAGS"], list(FLAGS)])
def test_flags_of_the_user_are_used_recorded_and_said_once(tiny: Tiny, names: list[str]):
    env = {name: FLAGS[name] for name in names}
    arguments = ("--bench", "plain", "tinyframe-1.1 tinyframe-1.2")
    done = tiny.asv("run", *arguments, env={**env, "VGGBENCH_PROFILE": "cpu-quick cpu-paper"})
    assert done.status == 0, done.output
    how = "is set: used as it is" if len(names) == 1 else "are set: used as they are"
    said = " ".join(f"{name}={value}" for name, value in sorted(env.items()))
    assert len(done.lines_with(f"{said} {how}, and recorded")) == 1
    assert len(done.lines_with("TF_XLA_FLAGS")) == 1
    assert len(tiny.records()) == 2 * 2 * ROUNDS
    for record in tiny.records():
        assert {name: record["variables"].get(name) for name in FLAGS} == {
            **dict.fromkeys(FLAGS),
            **env,
        }


def test_without_flags_nothing_is_said_of_them(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", "--bench", "plain")
    assert "used as" not in done
