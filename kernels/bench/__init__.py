"""How fast the operators are beside their peers, on this machine: `python -m kernels bench`."""
