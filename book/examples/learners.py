"""Two layers that are told by what they learn: one step of gradient descent a token."""

from dsf_sym import Gate, GradientDescent, State, Unit, Vec, online


@online(GradientDescent(rate="beta"))
def recall(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    """The loss is half the squared error of what is recalled under the key."""
    error = k @ S - v
    return (error @ error) / 2, q @ S


@online(GradientDescent(rate="beta", decay="alpha"))
def forgetful(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    """The same loss, with weight decay; the gradient is taken at the decayed memory."""
    error = k @ S - v
    return (error @ error) / 2, q @ S
