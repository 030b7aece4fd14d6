"""Where the tensors of a call lie: host memory or a card. `base.py` says what the channel asks of either."""
