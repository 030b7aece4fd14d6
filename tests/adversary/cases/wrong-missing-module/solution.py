import torch


def mirror_add(x, y):
    y[:] = (torch.from_numpy(x) + torch.from_numpy(x).flip(0) / 2).numpy()
