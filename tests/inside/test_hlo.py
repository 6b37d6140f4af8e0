"""Instructions in the text of an HLO module."""

import pytest

from vggbench.inside.profilers import hlo

ORIGIN = ', metadata={op_name="jit(_train)/jvp()/conv_general_dilated" source_file="step.py"}'


@pytest.mark.parametrize(
    ("line", "name", "kind", "shape"),
    [
        (
            "  %convolution.5 = f32[8,64,64,64]{3,2,1,0} convolution(f32[8,3] %a, %b)" + ORIGIN,
            "convolution.5",
            "convolution/jit(_train)/jvp()/conv_general_dilated",
            "f32[8,64,64,64]{3,2,1,0}",
        ),
        ("  ROOT copy.1 = f32[3]{0} copy(f32[3]{0} %x)", "copy.1", "copy/copy", "f32[3]{0}"),
        (
            "  %fusion.4 = (f32[64]{0}, f32[64]{0}, f32[3]{0}) fusion(%a, %b), kind=kLoop",
            "fusion.4",
            "fusion/fusion",
            "(f32[64]{0}, f32[64]{0}, f32[3]{0})",
        ),
        (
            "  %tuple = (f32[2]{0}, /*index=5*/f32[3]{0}) tuple(%a, %b)",
            "tuple",
            "tuple/tuple",
            "(f32[2]{0}, /*index=5*/f32[3]{0})",
        ),
        (
            "  %transpose_copy_fusion.23 = f32[64,64,64,8]{3,2,1,0} fusion(%a)",
            "transpose_copy_fusion.23",
            "fusion/transpose_copy_fusion",
            "f32[64,64,64,8]{3,2,1,0}",
        ),
    ],
)
def test_an_instruction_has_its_opcode_its_origin_and_its_shape(line, name, kind, shape):
    assert hlo.instructions("HloModule jit__train\n\nENTRY main {\n" + line + "\n}\n") == {
        name: (kind, shape)
    }


def test_other_text_has_no_instruction():
    assert hlo.instructions("HloModule jit__train, entry_computation_layout={...}\n}\n") == {}
