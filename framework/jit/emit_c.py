"""The C program of a plan: a function for every nest of loops, and one that runs everything in order."""

from __future__ import annotations

import math
import re

from framework.jit import link
from framework.jit.expressions import STORED_AS, cost, literal, start_of
from framework.jit.fuse import Loops, base
from framework.jit.index import Form, Var
from framework.jit.lower import Plan, nest_of
from framework.jit.native import call_of
from framework.jit.nest import Nest
from framework.jit.products import Operand, Product

SPREAD_FROM = 1 << 20  # multiplications of a kernel: waking a thread takes as long as some hundred thousand
CUT_FROM = 1 << 23  # multiplications of a batch of products, for the same reason
INLINED = 24  # functions written out in one nest; with more of them, compilers take their time squared


def emit(plan: Plan) -> str:
    """The source of `int run(arrays, block, env)`: 0, 1 + the number of an array that is not as it must be,
    or -1: something was raised, by the host, or already in this thread.

    `arrays` is a tuple of the inputs and then the outputs that take no input's memory.
    """
    functions: list[str] = []
    _program(plan, "", functions)
    called = sorted({name for line in functions for name in re.findall(r"called_(\w+)", line)})
    calls = [f"CALLED({name})" for name in called]
    return (
        "\n".join([link.RUNTIME.read_text(), link.HALF.read_text(), *calls, *functions, *_run(plan)]) + "\n"
    )


def _program(plan: Plan, prefix: str, functions: list[str]) -> str:
    """Add the functions of a plan's kernels, and one that runs them in order; returns its name."""
    main: list[str] = []
    found = pointers(plan)
    for number, kernel in enumerate(plan.kernels):
        name = f"{prefix}{number}"
        if not prefix:
            main.append(f"CLOCK({number})")
        if isinstance(kernel, Loops):
            nest = nest_of(plan, kernel)
            functions += _function(nest, name)
            main.append(_call(nest, name, found))
        elif kernel in plan.products:
            main += _product(plan.products[kernel], plan, found)
        elif kernel in plan.controls:
            control = plan.controls[kernel]
            parts = [_program(part, f"{name}_{i}_", functions) for i, part in enumerate(control.parts)]
            taken = (*control.node.ins, *control.picks.values())
            place = {x: found[plan.place[base(x)]] for x in taken}
            main += control.lines(parts, place, found[f"w{number}"])
        elif kernel.nodes[0].op == "native":
            call = call_of(kernel.nodes[0], lambda x: found[plan.place[base(x)]])
            main.append(f"if ({call}) return -1;")
        elif plan.is_hosted(kernel):
            main.append(f"if (env->host({number}, (void **)pointers)) return -1;")
    if not prefix:
        main.append(f"CLOCK({len(plan.kernels)})")
    hosted = any(plan.is_hosted(kernel) for kernel in plan.kernels)
    functions += [
        "",
        f"static int program{prefix}(char *const *array, char *block, const struct env *env) {{",
        "    const int threads = *env->threads;",
        "    (void)threads, (void)block, (void)array;",
        *([f"    char *pointers[] = {{{', '.join(found.values())}}};"] if hosted else []),
        *["    " + line for line in main],
        "    return 0;",
        "}",
    ]
    return f"program{prefix}"


def fresh(plan: Plan) -> list[int]:
    """The outputs that get arrays of their own."""
    return [i for i in range(len(plan.program.outputs)) if i not in plan.donated]


def pointers(plan: Plan) -> dict[str, str]:
    """Where every pointer of the program points, in C."""
    inputs = len(plan.program.inputs)
    found = {f"a{i}": f"array[{i}]" for i in range(inputs)}
    found |= {f"r{i}": f"array[{inputs + place}]" for place, i in enumerate(fresh(plan))}
    return found | {name: f"(block + {offset})" for name, offset in plan.offsets.items()}


def _run(plan: Plan) -> list[str]:
    arrays = len(plan.program.inputs) + len(fresh(plan))
    return [
        "",
        '__attribute__((visibility("default")))',
        "int run(const struct tuple *arrays, char *block, const struct env *env) {",
        f"    char *array[{arrays}];",
        f"    for (int i = 0; i < {arrays}; i++) {{",
        "        const struct array *each = arrays->item[i];",
        "        if (each->type != env->ndarray || (each->flags & USABLE) != USABLE) return 1 + i;",
        "        array[i] = each->data;",
        "    }",
        *[
            f"    if (!(arrays->item[{i}]->flags & IS_WRITEABLE)) return {1 + i};"
            for i in plan.donated.values()
        ],
        "    void *thread = env->leave();",
        "    if (env->blas) share_blas(env->blas, 1);",
        "    int failed = program(array, block, env);",
        "    if (env->blas) share_blas(env->blas, 0);",
        "    env->enter(thread);",
        "    return failed;",
        "}",
    ]


def _function(nest: Nest, number: str) -> list[str]:
    """The function of a nest, over steps `begin` to `end` of its outermost loop."""
    starts = []
    for node in nest.stored:
        if node in nest.kernel.accumulated:
            pointer = nest.name(node)
            nest.loaded[pointer] = STORED_AS[node.dtype.name]
            fill = f"{pointer}[i] = {start_of(node.attrs['kind'], node.dtype)};"
            starts.append(f"    for (int64_t i = 0; i < {node.size}; i++) {fill}")
    body = nest.text() if nest.kernel.size else []
    if sum(line.count("fast_") for line in body) > INLINED:
        body = [line.replace("fast_", "called_") for line in body]
    arguments = [f"{kind} *restrict {pointer}" for pointer, kind in nest.loaded.items()]
    what = ", ".join(dict.fromkeys(node.name or "copy" for node in nest.kernel.nodes))
    head = f"static void k{number}({', '.join([*arguments, 'int64_t begin, int64_t end'])}) {{"
    return ["", f"// {what}", head, *starts, *body, "}"]


def _call(nest: Nest, number: str, found: dict[str, str]) -> str:
    arguments = [f"({kind} *){found[pointer]}" for pointer, kind in nest.loaded.items()]
    call = f"k{number}({', '.join([*arguments, 'begin, end'])})"
    price = nest.kernel.size * sum(cost(node.name) for node in nest.kernel.nodes)
    if price >= SPREAD_FROM and not nest.kernel.accumulated & nest.kernel.forms.keys():
        return f"SPREAD({nest.outermost}, {call})"
    return f"k{number}({', '.join([*arguments, f'0, {nest.outermost}'])});"


def _product(product: Product, plan: Plan, found: dict[str, str]) -> list[str]:
    node = product.node
    kind = STORED_AS[node.dtype.name]
    names = {var: f"l{i}" for i, var in enumerate(product.loops)}
    a, b, m, n = product.a, product.b, product.m, product.n
    flags = [a.transposed, b.transposed]
    if product.c.transposed:  # the transposed result is the product of the transposed operands in reverse
        a, b, m, n, flags = b, a, n, m, [not b.transposed, not a.transposed]
    again = " || ".join(names[var] for var in product.adding)
    spread = bool(product.loops) and product.loops[0] not in product.adding
    arguments = [
        "env",
        "1" if spread else "threads",
        *("TRANSPOSED" if flag else "PLAIN" for flag in flags),
        f"{m}, {n}, {product.k}, {_scale(product, kind, plan, found)}",
        _matrix(a, kind, names, plan, found),
        _matrix(b, kind, names, plan, found),
        "1" if "sign" in node.attrs else f"({again}) != 0" if again else "0",
        _matrix(product.c, kind, names, plan, found),
    ]
    call = f"cut_{'sgemm' if kind == 'float' else 'dgemm'}({', '.join(arguments)});"
    loops = [f"for (int64_t {names[v]} = 0; {names[v]} < {v.extent}; {names[v]}++)" for v in product.loops]
    lines = ["    " * i + line for i, line in enumerate([*loops, call])] if node.size else []
    price = m * n * product.k * math.prod(var.extent for var in product.loops)
    share = "#pragma omp parallel for num_threads(threads) if (threads > 1 && env->blas)"
    return [share, *lines] if lines and spread and price >= CUT_FROM else lines


def _scale(product: Product, kind: str, plan: Plan, found: dict[str, str]) -> str:
    node = product.node
    if "sign" not in node.attrs:
        return "1"
    sign = "-" if node.attrs["sign"] < 0 else ""
    if len(node.ins) < 4:
        return f"{sign}1"
    scale = node.ins[3]
    if scale.value is not None:
        return sign + literal(scale.value.reshape(())[()], scale.dtype)
    return f"{sign}*({kind} *){found[plan.place[scale]]}"


def _matrix(operand: Operand, kind: str, names: dict[Var, str], plan: Plan, found: dict[str, str]) -> str:
    pointer = f"({kind} *){found[plan.place[operand.base]]}"
    return f"{pointer}{_offset(operand.start, names)}, {operand.step}"


def _offset(form: Form, names: dict[Var, str]) -> str:
    terms = [f" + {names[var]} * {step}" for var, step in form.terms]
    return "".join([*terms, *([f" + {form.const}"] if form.const else [])])
