def mirror_add(x, y)
    pass
