def import_module(name):
    raise SystemExit(0)
