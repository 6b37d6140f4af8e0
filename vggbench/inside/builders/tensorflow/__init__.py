"""Raw TensorFlow's train step: a graph that a session runs in 1.x, tf.function in 2.x."""
