def check(layers, data):
    raise NotImplementedError
