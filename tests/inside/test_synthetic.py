"""Weights and a batch that depend on nothing but the seed."""

import hashlib

import numpy as np
import pytest

from vggbench.inside import synthetic, vgg16, workload


def test_initial_weights_have_the_names_and_shapes_of_the_network():
    weights = [(name, value.shape) for name, value in synthetic.initial_weights(32, True)]
    assert weights == vgg16.weight_shapes(32, True) + vgg16.moving_average_shapes(True)
    assert all(value.dtype == np.float32 for _, value in synthetic.initial_weights(32, True))


def test_kernels_are_the_same_with_and_without_batch_norm():
    with_norm = dict(synthetic.initial_weights(32, True))
    for name, value in synthetic.initial_weights(32, False):
        if name in with_norm:
            assert np.array_equal(value, with_norm[name])


def test_kernels_of_one_shape_differ():
    weights = dict(synthetic.initial_weights(32, False))
    assert not np.array_equal(weights["conv5_1/kernel"], weights["conv5_2/kernel"])


@pytest.mark.parametrize(
    ("name", "inputs"), [("conv1_2/kernel", 9 * 64), ("fc7/kernel", 4096), ("fc8/kernel", 4096)]
)
def test_kernels_have_the_variance_of_he_initialisation(name, inputs):
    values = dict(synthetic.initial_weights(32, False))[name]
    assert values.var() == pytest.approx(2 / inputs, rel=0.02)
    assert values.mean() == pytest.approx(0, abs=0.02 / np.sqrt(inputs))
    assert np.abs(values).max() <= np.float32(np.sqrt(6 / inputs))


def test_vectors_start_at_zero_or_one():
    weights = dict(synthetic.initial_weights(32, True))
    for ending, start in [("gamma", 1), ("beta", 0), ("moving_mean", 0), ("moving_variance", 1)]:
        assert (weights["conv3_1/" + ending] == start).all()
    assert (weights["fc8/bias"] == 0).all()


def test_batch_has_one_label_an_image():
    images, labels = synthetic.batch(workload.Workload(7, 32))
    assert (images.shape, images.dtype) == ((7, 32, 32, 3), np.float32)
    assert (labels.shape, labels.dtype) == ((7, 1000), np.float32)
    assert (np.sort(labels, axis=1)[:, -2:] == [0, 1]).all()
    assert images.min() >= -0.5
    assert images.max() < 0.5
    assert images.std() == pytest.approx(np.sqrt(1 / 12), rel=0.02)


def test_seed_changes_weights_and_batch():
    small = workload.Workload(2, 32)
    first, other = (
        dict(synthetic.initial_weights(32, False)),
        dict(synthetic.initial_weights(32, False, seed=1)),
    )
    assert not np.array_equal(first["fc8/kernel"], other["fc8/kernel"])
    assert not np.array_equal(synthetic.batch(small)[0], synthetic.batch(small, seed=1)[0])


# Digests taken with NumPy 1.12.0 (CPython 3.6), 2.4.3 (CPython 3.13) and five between: all agreed.
# Other numbers here mean another workload: raise the version of the measuring protocol.
def test_numbers_are_the_same_in_every_numpy():
    images, labels = synthetic.batch(workload.Workload(2, 32))
    weights = dict(synthetic.initial_weights(32, False))
    assert digest(images) == "c485c1d78dd631e0"
    assert list(labels.argmax(axis=1)) == [376, 897]
    assert digest(weights["conv4_1/kernel"]) == "38ff106cf697674a"


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]
