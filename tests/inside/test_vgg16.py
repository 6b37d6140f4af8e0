"""The network is VGG16: its published figures and the names that builders rely on."""

import pytest

from vggbench.inside import vgg16


def test_vgg16_at_224_has_138357544_parameters():
    assert vgg16.parameter_count(224, batch_norm=False) == 138357544


def test_batch_norm_adds_one_vector_for_each_of_4224_channels_of_convolutions():
    # gamma and beta replace the bias.
    without = vgg16.parameter_count(224, batch_norm=False)
    assert vgg16.parameter_count(224, batch_norm=True) - without == 4224


def test_forward_pass_at_224_has_15_47_giga_multiply_adds():
    assert forward_multiply_adds(224) == 15470264320


def forward_multiply_adds(image_size):
    total = 0
    for layer in vgg16.layers(image_size):
        if layer.kind == vgg16.CONVOLUTION:
            total += 9 * layer.inputs * layer.outputs * layer.image_size**2
        elif layer.kind == vgg16.DENSE:
            total += layer.inputs * layer.outputs
    return total


@pytest.mark.parametrize(("batch_size", "image_size"), [(1, 32), (16, 224)])
def test_step_flops_is_six_times_the_multiply_adds_less_the_gradient_of_the_images(
    batch_size, image_size
):
    gradient_of_images = 9 * 3 * 64 * image_size**2
    expected = batch_size * (6 * forward_multiply_adds(image_size) - 2 * gradient_of_images)
    assert vgg16.step_flops(batch_size, image_size) == expected


def test_convolution_followed_by_batch_norm_has_no_bias():
    names = [name for name, _ in vgg16.weight_shapes(32, batch_norm=True)]
    assert names[:4] == ["conv1_1/kernel", "conv1_1/gamma", "conv1_1/beta", "conv1_2/kernel"]
    assert names[-2:] == ["fc8/kernel", "fc8/bias"]
    assert not [name for name in names if name.startswith("conv") and name.endswith("bias")]


def test_convolution_without_batch_norm_has_kernel_and_bias():
    shapes = vgg16.weight_shapes(32, batch_norm=False)
    assert shapes[:3] == [
        ("conv1_1/kernel", (3, 3, 3, 64)),
        ("conv1_1/bias", (64,)),
        ("conv1_2/kernel", (3, 3, 64, 64)),
    ]
    assert len(shapes) == 2 * 16


@pytest.mark.parametrize(("image_size", "rows"), [(32, 512), (64, 4 * 512), (224, 25088)])
def test_fc6_takes_the_last_feature_map(image_size, rows):
    assert dict(vgg16.weight_shapes(image_size, False))["fc6/kernel"] == (rows, 4096)


def test_running_averages_are_no_trained_tensors():
    trained = {name for name, _ in vgg16.weight_shapes(32, batch_norm=True)}
    moving = vgg16.moving_average_shapes(batch_norm=True)
    assert moving[:2] == [("conv1_1/moving_mean", (64,)), ("conv1_1/moving_variance", (64,))]
    assert len(moving) == 2 * 13
    assert trained.isdisjoint(name for name, _ in moving)
    assert vgg16.moving_average_shapes(batch_norm=False) == []
