import torch
from torch import nn


class Perceptron(nn.Module):
    def __init__(self, inside, hidden, outside):
        super().__init__()
        self.first = nn.Linear(inside, hidden)
        self.second = nn.Linear(hidden, outside)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))
