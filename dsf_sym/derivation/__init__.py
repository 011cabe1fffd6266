"""From a step to its state-space form: linearity, structure of the transition, matrices, costs."""
