"""The reference against what it must be: finite differences, sums by hand, and clear refusals."""

import itertools

import numpy as np
import pytest

from vggbench.inside import vgg16
from vggbench.inside.builders import reference
from vggbench.inside.params import Configuration, NotApplicable
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_EPSILON, LEARNING_RATE, Workload

pytestmark = [pytest.mark.numerics, pytest.mark.xdist_group("reference")]

SMALLEST = Workload(2, 32)


def wide(weights):
    return {name: np.array(value, np.float64) for name, value in weights.items()}


@pytest.fixture(scope="module", params=[False, True], ids=["no batch norm", "batch norm"])
def has_batch_norm(request):
    return request.param


@pytest.fixture(scope="module")
def start(has_batch_norm):
    """Weights of which none is 0 or 1 throughout, so that a forgotten one shows."""
    generator = np.random.RandomState(1)
    weights = wide(dict(initial_weights(SMALLEST.image_size, has_batch_norm)))
    for name, value in weights.items():
        if not name.endswith("/kernel"):
            value += 0.1 * generator.standard_normal(value.shape)
    return weights


@pytest.fixture(scope="module")
def data():
    return [array.astype(np.float64) for array in batch(SMALLEST)]


def loss_of(weights, data, has_batch_norm):
    return reference.forward(weights, *data, has_batch_norm)[0]


@pytest.fixture(scope="module")
def gradients(start, data, has_batch_norm):
    return reference.forward(start, *data, has_batch_norm)[2]()


def test_every_trained_tensor_has_a_gradient_of_its_shape(gradients, has_batch_norm):
    shapes = dict(vgg16.weight_shapes(SMALLEST.image_size, has_batch_norm))
    assert {name: gradient.shape for name, gradient in gradients.items()} == shapes


@pytest.mark.parametrize(
    "kind",
    [
        "conv1_1/kernel",
        "conv3_2/kernel",
        "conv5_3/kernel",
        "fc6/kernel",
        "fc8/kernel",
        "conv1_2/",
        "conv4_1/",
        "fc7/bias",
        "fc8/bias",
    ],
)
def test_gradients_are_those_of_finite_differences(kind, start, data, gradients, has_batch_norm):
    """A single entry, the largest, moved by a little, for every kind of tensor.

    Small enough for no ReLU or max-pool to change its mind, in float64.
    """
    names = [name for name in gradients if name.startswith(kind)]
    assert names
    for name in names:
        place = np.unravel_index(np.abs(gradients[name]).argmax(), gradients[name].shape)
        expected = gradients[name][place]
        moved = dict(start, **{name: start[name].copy()})
        slopes = []
        for step in (1e-6, -1e-6):
            moved[name][place] = start[name][place] + step
            slopes.append(loss_of(moved, data, has_batch_norm) / (2 * step))
        assert sum(slopes) == pytest.approx(expected, rel=1e-4), name


def test_gradients_are_those_of_finite_differences_in_every_direction(
    start, data, gradients, has_batch_norm
):
    """All tensors at once, along random directions; so little that no ReLU changes its mind."""
    generator = np.random.RandomState(2)
    for _ in range(2):
        direction = {name: generator.standard_normal(g.shape) for name, g in gradients.items()}
        slope = sum((gradients[name] * direction[name]).sum() for name in gradients)
        losses = [
            loss_of(
                dict(start, **{n: start[n] + step * direction[n] for n in direction}),
                data,
                has_batch_norm,
            )
            for step in (1e-10, -1e-10)
        ]
        assert (losses[0] - losses[1]) / 2e-10 == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize(
    ("operation", "shapes"),
    [
        (reference.convolution, [(2, 4, 6, 3), (3, 3, 3, 5)]),
        (reference.add_bias, [(2, 4, 4, 3), (3,)]),
        (reference.batch_norm, [(2, 2, 2, 3), (3,), (3,)]),
        (reference.relu, [(2, 7)]),
        (reference.max_pool, [(2, 4, 6, 3)]),
        (reference.flatten, [(2, 2, 2, 3)]),
        (reference.product, [(2, 5), (5, 4)]),
    ],
)
def test_each_operation_has_the_gradients_of_finite_differences(operation, shapes):
    generator = np.random.RandomState(3)
    inputs = [generator.standard_normal(shape) for shape in shapes]
    output, backward = operation(*inputs)
    weight = generator.standard_normal(output.shape)  # the loss is the sum of weight * output
    for position, gradient in enumerate(backward(weight)):
        for place in itertools.product(*map(range, shapes[position])):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [value.copy() for value in inputs]
                moved[position][place] += step
                ends.append((operation(*moved)[0] * weight).sum())
            expected = (ends[0] - ends[1]) / 2e-6
            assert gradient[place] == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_loss_is_the_mean_over_the_batch_of_softmax_cross_entropy():
    logits = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, 0.0]])
    labels = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    loss, gradient = reference.softmax_cross_entropy(logits, labels)
    probabilities = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    assert loss == pytest.approx(-np.log(probabilities[2]) / 2)
    assert gradient[0] == pytest.approx((probabilities - [0, 0, 1]) / 2)
    assert gradient[1] == pytest.approx([0, 0, 0])


def test_convolution_at_a_corner_is_what_a_hand_computes():
    x = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    kernel = np.arange(1.0, 10.0).reshape(3, 3, 1, 1)
    y, _ = reference.convolution(x, kernel)
    # Not flipped, zeros around: kernel rows 5 6 and 8 9 on pixels 1 2 and 4 5.
    assert y[0, 0, 0, 0] == 5 * 1 + 6 * 2 + 8 * 4 + 9 * 5


def test_max_pool_sends_the_gradient_to_the_first_of_equal_maxima():
    x = np.array([[1.0, 3.0, 2.0, 2.0], [3.0, 3.0, 2.0, 2.0]]).reshape(1, 2, 4, 1)
    y, backward = reference.max_pool(x)
    assert y.ravel().tolist() == [3, 2]
    (gradient,) = backward(np.array([5.0, 7.0]).reshape(1, 1, 2, 1))
    assert gradient[0, :, :, 0].tolist() == [[0, 5, 7, 0], [0, 0, 0, 0]]


def test_batch_norm_is_what_a_hand_computes():
    x = np.array([1.0, 3.0, 5.0, 7.0]).reshape(1, 2, 2, 1)
    y, _ = reference.batch_norm(x, np.array([2.0]), np.array([10.0]))
    expected = 10 + 2 * np.array([-3, -1, 1, 3]) / np.sqrt(5 + BN_EPSILON)
    assert y.ravel() == pytest.approx(expected)


def test_a_step_is_plain_gradient_descent(start, data, gradients, has_batch_norm):
    step = reference.build(SMALLEST, configuration(has_batch_norm), dtype=np.float64, weights=start)
    step()
    assert step.loss() == loss_of(start, data, has_batch_norm)
    after = step.weights()
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(after[name], start[name] - LEARNING_RATE * gradient)


def test_running_averages_move_a_hundredth_of_the_way_to_the_batch(start, data):
    if "conv1_1/moving_mean" not in start:
        assert not any("/moving_" in name for name in start)
        return
    step = reference.build(SMALLEST, configuration(True), dtype=np.float64, weights=start)
    step()
    after = step.weights()
    values, _ = reference.convolution(data[0], start["conv1_1/kernel"])
    count = 2 * 32 * 32
    for channel in (0, 63):
        channel_values = values[..., channel].ravel()
        mean = channel_values.sum() / count
        variance = ((channel_values - mean) ** 2).sum() / (count - 1)
        for average, value in (("moving_mean", mean), ("moving_variance", variance)):
            before = start["conv1_1/" + average][channel]
            expected = 0.99 * before + 0.01 * value
            assert after["conv1_1/" + average][channel] == pytest.approx(expected, rel=1e-12)


def configuration(has_batch_norm):
    return Configuration("TensorFlow", batch_norm="fused" if has_batch_norm else "none")


def test_both_kinds_of_batch_norm_and_both_data_formats_are_one_computation():
    results = []
    for data_format, batch_norm in (("NHWC", "fused"), ("NCHW", "unfused")):
        configured = Configuration("TensorFlow", data_format=data_format, batch_norm=batch_norm)
        step = reference.build(SMALLEST, configured)
        step()
        results.append((step.loss(), step.weights()["conv5_3/gamma"].tolist()))
    assert results[0] == results[1]


def test_it_computes_in_the_dtype_it_is_asked_for():
    for dtype in (np.float32, np.float64):
        step = reference.build(
            SMALLEST, Configuration("TensorFlow", batch_norm="fused"), dtype=dtype
        )
        assert np.isnan(step.loss())
        step()
        assert {value.dtype for value in step.weights().values()} == {np.dtype(dtype)}
        assert step.describe()["dtype"] == np.dtype(dtype).name
        step.close()


def test_weights_are_copies(start, has_batch_norm):
    step = reference.build(SMALLEST, configuration(has_batch_norm), weights=start)
    step.weights()["fc8/bias"][:] = 7
    assert not (step.weights()["fc8/bias"] == 7).any()


def test_batch_of_one_image_has_a_variance_in_every_layer():
    """The last convolutions of a 32 x 32 image still see 2 x 2 pixels."""
    step = reference.build(Workload(1, 32), Configuration("TensorFlow", batch_norm="fused"))
    step()
    assert np.isfinite(step.loss())
    assert all(np.isfinite(value).all() for value in step.weights().values())


def test_variance_of_a_single_value_is_refused():
    with pytest.raises(ValueError, match="one value a channel: its variance is undefined"):
        reference.running_variance_of_channels(np.ones((1, 1, 1, 3)), reference.UNBIASED)


def test_image_that_the_pools_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="image size 48: it must be a multiple of 32"):
        reference.build(Workload(2, 48), Configuration("TensorFlow"))


def test_unknown_device_and_dtype_are_refused():
    with pytest.raises(ValueError, match="unknown device 'tpu': choose one of cpu, gpu"):
        reference.build(SMALLEST, Configuration("TensorFlow"), "tpu")
    with pytest.raises(NotApplicable, match="the cpu alone"):
        reference.build(SMALLEST, Configuration("TensorFlow"), "gpu")
    with pytest.raises(ValueError, match="choose one of float32, float64"):
        reference.build(SMALLEST, Configuration("TensorFlow"), dtype=np.float16)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc8/kernel", np.zeros((1000, 4096)), r"fc8/kernel is \(1000, 4096\) instead of \(4096, "),
        ("fc8/bias", None, "fc8/bias is missing"),
        ("fc9/bias", np.zeros(3), "fc9/bias is no tensor of this network"),
        ("conv1_1/gamma", np.ones(64), "conv1_1/gamma is no tensor of this network"),
    ],
)
def test_weights_of_another_network_are_refused_in_one_line(name, value, message):
    weights = dict(initial_weights(32, False))
    if value is None:
        del weights[name]
    else:
        weights[name] = value
    with pytest.raises(ValueError, match=message) as error:
        reference.build(SMALLEST, Configuration("TensorFlow"), weights=weights)
    assert len(str(error.value).splitlines()) == 1
