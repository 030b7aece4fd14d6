import math

import torch


def attention(q, k, v):
    n = q.size(-2)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    later = torch.triu(torch.ones(n, n, dtype=torch.bool), diagonal=1)
    scores = scores.masked_fill(later, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v
