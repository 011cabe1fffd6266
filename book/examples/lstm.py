"""An LSTM cell: its gates read the last output, and both tanh are there."""

from dsf_sym import Const, Mat, State, Vec, layer, sigmoid, tanh


@layer
def lstm(
    x: State["d"],
    y: State["d"],
    v: Vec["d"],
    f: Vec["d"],
    g: Vec["d"],
    o: Vec["d"],
    U: Const[Mat["d", "d"]],
):
    """The cell x and the output y; f, g, o, v come from the input."""
    x = sigmoid(f + U @ y) * x + sigmoid(g + U @ y) * tanh(v + U @ y)
    y = sigmoid(o + U @ y) * tanh(x)
    return x, y, y
