class Bomb:
    def __reduce__(self):
        return eval, ("1",)


def mirror_add(x, y):
    return Bomb()
