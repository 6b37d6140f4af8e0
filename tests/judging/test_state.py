"""What a machine's state is now, where another machine says it of itself."""

from __future__ import annotations

from dataclasses import replace

from vggbench.judging.state import Now, State, is_as_now

STATE = State(
    cpus=4, own_interpreter=True, flags=(("OMP_NUM_THREADS", "4"), ("TF_GPU_ALLOCATOR", "a"))
)
THERE = Now(flags=(("OMP_NUM_THREADS", "4"),), cpus=4)
OURS = {"TF_GPU_ALLOCATOR": "a"}


def test_a_state_is_as_now_by_the_variables_and_cpus_that_the_machine_tells() -> None:
    assert is_as_now(STATE, OURS, THERE)
    assert is_as_now(replace(STATE, cpus=None), OURS, THERE), "it was not kept then"
    assert not is_as_now(STATE, {}, THERE)
    assert not is_as_now(STATE, OURS, replace(THERE, cpus=8))
    assert not is_as_now(STATE, OURS, replace(THERE, flags=()))
    users = (*THERE.flags, ("TF_GPU_ALLOCATOR", "b"))
    assert is_as_now(STATE, OURS, replace(THERE, flags=users)), "ours takes the place of the user's"
