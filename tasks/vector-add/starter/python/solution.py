"""vector-add in Python. The judge calls `vector_add`; it owns all three arrays.

a, b: float32 arrays of n elements, read-only. c: float32 array of n elements, to be filled in place.
"""


def vector_add(a, b, c):
    c[:] = a + b  # right, but makes a temporary array; can NumPy write straight into c?
