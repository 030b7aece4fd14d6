import torch


def gradients(x, target, weight, bias):
    weight.requires_grad_(True)
    bias.requires_grad_(True)
    logits = torch.nn.functional.linear(x, weight, bias)
    loss = torch.nn.functional.cross_entropy(logits, target)
    loss.backward()
    return weight.grad, bias.grad
