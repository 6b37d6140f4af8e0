"""Which class an operation is of, by the names that frameworks give their operations."""

from __future__ import annotations

import pytest

from vggbench import frameworks
from vggbench.frameworks import (
    BATCH_NORM,
    CONV_FORWARD,
    CONV_GRAD_INPUTS,
    CONV_GRAD_WEIGHTS,
    CONV_GRADS,
    ELEMENTWISE,
    LAYOUT,
    MATMUL,
    OTHER,
    POOL,
    UPDATE,
    operation_class,
)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("Conv2D", CONV_FORWARD),
        ("_FusedConv2D", CONV_FORWARD),
        ("_MklNativeFusedConv2D", CONV_FORWARD),
        ("Conv2DBackpropFilter", CONV_GRAD_WEIGHTS),
        ("_MklNativeConv2DBackpropFilter", CONV_GRAD_WEIGHTS),
        ("Conv2DBackpropInput", CONV_GRAD_INPUTS),
        ("_MklFusedMatMul", MATMUL),
        ("MaxPoolGrad", POOL),
        ("FusedBatchNormGradV3", BATCH_NORM),
        ("BiasAddGrad", ELEMENTWISE),
        ("SparseSoftmaxCrossEntropyWithLogits", ELEMENTWISE),
        ("_MklToTf", LAYOUT),
        ("Transpose", LAYOUT),
        ("ResourceApplyGradientDescent", UPDATE),
        ("ApplyGradientDescent", UPDATE),
        ("AssignSubVariableOp", UPDATE),
        ("XlaLaunch", OTHER),
        ("Convolve", OTHER),
    ],
)
def test_an_operation_of_tensorflow_has_its_class(kind: str, found: str) -> None:
    assert operation_class("tensorflow", kind, "8x64x64x3") == found


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ("aten::conv2d > aten::convolution > aten::mkldnn_convolution", CONV_FORWARD),
        # What an operation does inside is its own, where it has no class of its own.
        ("aten::convolution_backward > c10::something", CONV_GRADS),
        ("autograd::engine::evaluate_function: MmBackward0 > MmBackward0 > aten::mm", MATMUL),
        ("aten::linear > aten::addmm", MATMUL),
        ("aten::max_pool2d_with_indices_backward", POOL),
        ("aten::native_batch_norm", BATCH_NORM),
        ("aten::threshold_backward", ELEMENTWISE),
        ("aten::relu_", ELEMENTWISE),
        ("aten::copy_", LAYOUT),
        # All that an optimiser does is the update.
        ("Optimizer.step#SGD.step > aten::_foreach_add_", UPDATE),
        ("Optimizer.zero_grad#SGD.zero_grad > aten::zero_", UPDATE),
        ("aten::_foreach_add_ > aten::add_", UPDATE),
        ("aten::mkldnn_convolution_backward_weights", CONV_GRAD_WEIGHTS),
        ("aten::mkldnn_convolution_backward_input", CONV_GRAD_INPUTS),
        ("autograd::engine::evaluate_function: X", OTHER),
    ],
)
def test_an_operation_of_pytorch_has_its_class(kinds: str, found: str) -> None:
    assert operation_class("torch", kinds, "") == found


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("CorrMM", CONV_FORWARD),
        ("CorrMM_gradWeights", CONV_GRAD_WEIGHTS),
        ("GpuDnnConvGradI", CONV_GRAD_INPUTS),
        ("Dot22", MATMUL),
        ("Gemm", MATMUL),
        ("MaxPoolGrad", POOL),
        ("Elemwise", ELEMENTWISE),
        ("Elemwise (update)", UPDATE),
        ("GpuElemwise (update)", UPDATE),
        # Records of earlier versions name the product and the update at once so.
        ("Gemm (update)", MATMUL),
        ("GpuDnnConvGradW (update)", CONV_GRAD_WEIGHTS),
        ("InplaceDimShuffle", LAYOUT),
        ("Scan", OTHER),
    ],
)
def test_an_operation_of_theano_has_its_class(kind: str, found: str) -> None:
    assert operation_class("theano", kind, "") == found


BACKWARD = "jit(_train)/transpose(jvp(_loss))/conv_general_dilated"


@pytest.mark.parametrize(
    ("kind", "shape", "found"),
    [
        (
            "convolution/jit(_train)/jvp(_loss)/conv_general_dilated",
            "f32[8,64,64,64]",
            CONV_FORWARD,
        ),
        # Both gradients are convolutions; the one of the weights has the shape of a kernel.
        (f"convolution/{BACKWARD}", "f32[3,3,64,128]{3,2,1,0}", CONV_GRAD_WEIGHTS),
        (f"convolution/{BACKWARD}", "f32[128,64,3,3]{3,2,1,0}", CONV_GRAD_WEIGHTS),
        (f"convolution/{BACKWARD}", "f32[8,64,64,64]{3,2,1,0}", CONV_GRAD_INPUTS),
        ("dot/jit(_train)/dot_general", "f32[8,4096]", MATMUL),
        ("select-and-scatter/jit(_train)/select_and_scatter_add", "f32[8,2,2,8]", POOL),
        ("fusion/jit(_train)/sub", "f32[3,3,64,64]", UPDATE),
        # As in 0.4.31 (issue 23251 of jax-ml/jax).
        ("fusion/jit(_train)/jit(main)/sub", "f32[3,3,64,64]", UPDATE),
        ("fusion/jit(_train)/jit(main)/jvp(_loss)/sub", "f32[8,1000]", ELEMENTWISE),
        (
            "convolution/jit(_train)/jit(main)/transpose(jvp(_loss))/conv_general_dilated",
            "f32[3,3,64,128]{3,2,1,0}",
            CONV_GRAD_WEIGHTS,
        ),
        ("fusion/jit(train_step)/sgd/sub", "f32[4096,4096]", UPDATE),
        ("fusion/jit(_train)/jvp()/max", "f32[8,64,64,64]", ELEMENTWISE),
        ("copy/copy", "f32[8,64,64,64]", LAYOUT),
        ("fusion/transpose_copy_fusion", "f32[3,3,512,512]", LAYOUT),
        ("fusion/wrapped_transpose", "f32[3,3,512,512]", LAYOUT),
        ("fusion/broadcast_add_fusion", "f32[3,3,512,512]", ELEMENTWISE),
        ("dot/jit(_train)/transpose(jvp())/transpose", "f32[4096,4096]", MATMUL),
        ("fusion/wrapped_iota", "s32[8,32,32,128]", ELEMENTWISE),
        ("fusion/concatenate_bitcast_fusion", "f32[8,32,32,128]", LAYOUT),
        ("fusion/jit(_train)/transpose(jvp())/select_n", "f32[8,32,32,128]", ELEMENTWISE),
        ("add/add", "f32[8]", ELEMENTWISE),
        ("fusion/jit(_train)/fft", "f32[8]", OTHER),
        ("custom-call/custom-call", "f32[8]", OTHER),
    ],
)
def test_an_operation_of_jax_has_its_class(kind: str, shape: str, found: str) -> None:
    assert operation_class("jax", kind, shape) == found


def test_operations_of_a_framework_without_a_table_are_other() -> None:
    assert operation_class("keras", "Conv2D", "") == OTHER
    assert operation_class("nobody", "Conv2D", "") == OTHER


def test_only_classes_stand_in_tables() -> None:
    classes = {
        value
        for name, value in vars(frameworks).items()
        if name.isupper() and isinstance(value, str)
    }
    told = {
        found
        for framework in frameworks.KNOWN
        for _, found in (*framework.operations, *framework.containers)
    }
    assert told <= classes
