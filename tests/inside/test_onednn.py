"""oneDNN's own account, on lines as its versions print them."""

import subprocess
import sys

import pytest

from vggbench.inside import onednn

SHAPE = "mb8_ic64oc128_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1"


@pytest.mark.parametrize(
    "line",
    [
        # 0.x
        "mkldnn_verbose,exec,convolution,jit:avx512_common,backward_weights,fsrc:nChw16c "
        "fwei:gOIhw16i16o,alg:convolution_direct,%s,1.5",
        # 1.x
        "dnnl_verbose,exec,cpu,convolution,jit:avx512_common,backward_weights,src_f32::blocked:"
        "aBcd16b:f0 wei_f32::blocked:ABcd16b16a:f0,,alg:convolution_direct,%s,1.5",
        # 3.x
        "onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_common,backward_weights,"
        "src:f32::blocked:acdb::f0 wei:f32:ap:blocked:ABcd16b16a::f0,attr-scratchpad:user,"
        "alg:convolution_direct,%s,1.5",
    ],
)
def test_each_version_tells_which_implementation_a_primitive_had(line):
    key, seconds = onednn.executed(line % SHAPE)
    assert key == ("convolution", "backward_weights", "jit:avx512_common", SHAPE)
    assert seconds == 0.0015


@pytest.mark.parametrize(
    "line",
    [
        "",
        "step 1",
        "onednn_verbose,v1,info,oneDNN v3.7.3 (commit abc)",
        "onednn_verbose,v1,info,cpu,isa:Intel AVX-512 with Intel DL Boost",
        "onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,brg,forward,a,b,c,d,0.2",
        "onednn_verbose,v1,primitive,exec,cpu,convolution,brg,forward,a,b,c,d,soon",
        "onednn_verbose,exec,cpu",
    ],
)
def test_other_lines_tell_of_no_primitive(line):
    assert onednn.executed(line) is None


def test_primitives_are_added_up_step_by_step():
    line = "onednn_verbose,exec,cpu,convolution,%s,%s,src,,alg,%s,%s"
    steps = [
        [
            line % ("brg", "forward_training", "s1", 2),
            "something else",
            line % ("brg", "forward_training", "s1", 1),
            line % ("brg", "backward_data", "s1", 5),
        ],
        [line % ("brg", "forward_training", "s1", 4)],
    ]
    told = onednn.primitives(steps)
    assert told == [
        {
            "kind": "convolution",
            "direction": "forward",
            "implementation": "brg",
            "shapes": "s1",
            "count": 1.5,
            "seconds": [0.003, 0.004],
        },
        {
            "kind": "convolution",
            "direction": "backward_data",
            "implementation": "brg",
            "shapes": "s1",
            "count": 0.5,
            "seconds": [0.005, 0.0],
        },
    ]


def test_a_process_without_onednn_has_no_account():
    assert onednn.primitives([["a line"], []]) is None


PRINTS = """
import ctypes, sys
from vggbench.inside import onednn
account = onednn.Account(sys.argv[1])
print("before", flush=True)
account.open()
line = b"onednn_verbose,exec,cpu,matmul,gemm,undef,src,,,8x8:8x8,%d\\n"
for number in (1, 2):
    ctypes.CDLL(None).printf(line, ctypes.c_int(number))
    account.step_ended()
told = account.close()
print("after", flush=True)
print([each["seconds"] for each in told], flush=True)
"""


def test_what_the_c_library_prints_between_is_kept_from_standard_output(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PRINTS, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["before", "after", "[[0.001, 0.002]]"], done.stderr
