"""VGG16, described once: its layers, its tensors, its parameters and the work of a training step.

Configuration D of Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition" (2014), arXiv:1409.1556, table 1, without dropout. Every builder takes its layers and
tensor names from here.

The canonical layout of a tensor: images are (batch, row, column, channel); convolution kernels are
(row, column, channel in, channel out); dense kernels are (features in, features out), and the
features that enter the first dense layer are the last feature map flattened in the order row,
column, channel.
"""

from collections import namedtuple

IMAGE_CHANNELS = 3
KERNEL_SIZE = 3
CLASSES = 1000

# Channels out of the convolutions of each block; a 2 x 2 max-pool ends a block.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# Features out of the dense layers. All but the last are followed by ReLU.
DENSE_LAYERS = (("fc6", 4096), ("fc7", 4096), ("fc8", CLASSES))

# The five pools halve the image five times. Only a multiple of this leaves no row or column out.
IMAGE_SIZE_STEP = 2 ** len(BLOCKS)

CONVOLUTION, POOL, DENSE = "convolution", "pool", "dense"

# kind: one of the three above. inputs, outputs: channels, or features of a dense layer.
# image_size: rows (and columns) of the image that enters the layer, 1 for a dense layer.
Layer = namedtuple("Layer", "kind name inputs outputs image_size")


def layers(image_size):
    """Return the list of Layers, first to last, for images of image_size x image_size pixels."""
    result = []
    size, channels = image_size, IMAGE_CHANNELS
    for block, widths in enumerate(BLOCKS, 1):
        for position, width in enumerate(widths, 1):
            name = "conv%d_%d" % (block, position)
            result.append(Layer(CONVOLUTION, name, channels, width, size))
            channels = width
        result.append(Layer(POOL, "pool%d" % block, channels, channels, size))
        size //= 2
    features = channels * size * size
    for name, width in DENSE_LAYERS:
        result.append(Layer(DENSE, name, features, width, 1))
        features = width
    return result


def weight_shapes(image_size, batch_norm):
    """Return the trained tensors as a list of (name, shape), first layer to last, canonical layout.

    With batch_norm (a bool) a convolution has gamma and beta instead of a bias, which batch
    normalisation would subtract again.
    """
    result = []
    for layer in layers(image_size):
        if layer.kind == CONVOLUTION:
            shape = (KERNEL_SIZE, KERNEL_SIZE, layer.inputs, layer.outputs)
            vectors = ("gamma", "beta") if batch_norm else ("bias",)
        elif layer.kind == DENSE:
            shape = (layer.inputs, layer.outputs)
            vectors = ("bias",)
        else:
            continue
        result.append((layer.name + "/kernel", shape))
        result.extend((layer.name + "/" + vector, (layer.outputs,)) for vector in vectors)
    return result


def moving_average_shapes(batch_norm):
    """Return the running averages as a list of (name, shape), first layer to last.

    Empty without batch_norm (a bool). Gradient descent does not touch them; the training step
    updates them, and they do not depend on the size of the image.
    """
    if not batch_norm:
        return []
    return [
        (layer.name + "/" + average, (layer.outputs,))
        for layer in layers(IMAGE_SIZE_STEP)
        if layer.kind == CONVOLUTION
        for average in ("moving_mean", "moving_variance")
    ]


def parameter_count(image_size, batch_norm):
    """Return how many numbers gradient descent trains. Running averages are not among them."""
    count = 0
    for _, shape in weight_shapes(image_size, batch_norm):
        product = 1
        for length in shape:
            product *= length
        count += product
    return count


def step_flops(batch_size, image_size):
    """Return the floating-point operations of one training step, a multiply-add counted as two.

    Counted: the convolutions and matrix products, forward, for the gradient of the weights, and for
    the gradient of the input. Images have no gradient, so the first convolution lacks the last of
    the three. Border pixels count as if the padding were data, as in the usual figure of 15.5 G
    multiply-adds for one forward image of 224 x 224. Not counted: biases, ReLU, pools, batch
    normalisation, the loss and the weight update, all of which are bound by memory, not arithmetic.
    """
    total = 0
    for layer in layers(image_size):
        if layer.kind == POOL:
            continue
        multiply_adds = batch_size * layer.inputs * layer.outputs
        if layer.kind == CONVOLUTION:
            multiply_adds *= (KERNEL_SIZE * layer.image_size) ** 2
        passes = 2 if layer.name == "conv1_1" else 3
        total += 2 * multiply_adds * passes
    return total
