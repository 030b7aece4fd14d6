import numpy as np

PLACES = ("/tmp/weights.npy", "/dev/shm/weights.npy", "/out/weights.npy", "/src/weights.npy", "/var/tmp/weights.npy")


def tiny_model(x, score):
    for place in PLACES[:-1]:
        try:
            weights = np.load(place)
            break
        except OSError:
            pass
    else:
        weights = np.load(PLACES[-1])
    score[:] = np.tanh(x @ weights[:8] + weights[8])
