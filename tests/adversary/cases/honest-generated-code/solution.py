import types

import numpy as np

TEMPLATE = "def kernel(x, y):\n    np.add(x, x[::-1] * np.float32({share}), out=y)\n"
module = types.ModuleType("made")
module.np = np
exec(compile(TEMPLATE.format(share=0.5), "made", "exec"), module.__dict__)
mirror_add = module.kernel
