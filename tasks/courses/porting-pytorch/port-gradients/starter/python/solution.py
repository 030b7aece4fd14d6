"""gradients: float32 arrays; the last two, gw and gb, are to be filled."""

import framework


def gradients(x, target, weight, bias, gw, gb):
    x, weight, bias = (framework.from_numpy(each) for each in (x, weight, bias))
    logits = x @ weight.swapaxes(0, 1) + bias
    gw[:] = weight.asnumpy()
    gb[:] = logits.mean(axis=0).asnumpy()
