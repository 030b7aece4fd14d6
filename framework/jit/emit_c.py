"""The C program of a plan: a function for every nest of loops, and one that runs everything in order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from framework.jit import link
from framework.jit.expressions import STORED_AS, cost, literal, start_of
from framework.jit.fuse import base
from framework.jit.index import Form, Var
from framework.jit.lower import Plan, nest_of
from framework.jit.native import call_of
from framework.jit.nest import Nest
from framework.jit.panels import Panels
from framework.jit.products import Operand, Product

SPREAD_FROM = 1 << 20  # multiplications of a kernel: waking a thread takes as long as some hundred thousand
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
        nest = nest_of(plan, kernel.nest) if kernel.nest else None
        if nest:
            functions += _function(nest, name)
        if nest and isinstance(kernel, Panels):
            main += _panels(kernel, plan, nest, name, found)
        elif nest:
            main.append(_loops(nest, name, found))
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
            starts.append(f"    for (int64_t i = 0; begin == 0 && i < {node.size}; i++) {fill}")
    body = nest.text() if nest.kernel.size else []
    if sum(line.count("fast_") for line in body) > INLINED:
        body = [line.replace("fast_", "called_") for line in body]
    arguments = [f"{kind} *restrict {pointer}" for pointer, kind in nest.loaded.items()]
    what = ", ".join(dict.fromkeys(node.name or "copy" for node in nest.kernel.nodes))
    head = f"static void k{number}({', '.join([*arguments, 'int64_t begin, int64_t end'])}) {{"
    return ["", f"// {what}", head, *starts, *body, "}"]


def _call(nest: Nest, number: str, found: dict[str, str], begin: str, end: str) -> str:
    arguments = [f"({kind} *){found[pointer]}" for pointer, kind in nest.loaded.items()]
    return f"k{number}({', '.join([*arguments, begin, end])});"


def _loops(nest: Nest, number: str, found: dict[str, str]) -> str:
    price = nest.kernel.size * sum(cost(node.name) for node in nest.kernel.nodes)
    if price >= SPREAD_FROM and nest.may_be_cut:
        return f"SPREAD(threads, {nest.outermost}, {_call(nest, number, found, 'begin', 'end')})"
    return _call(nest, number, found, "0", str(nest.outermost))


def _product(product: Product, plan: Plan, found: dict[str, str]) -> list[str]:
    """A product by itself, for every step of the loops around it."""
    spread = bool(product.loops) and product.loops[0] not in product.adding and product.is_large
    call = _gemm(product, plan, found, "1" if spread else "threads")
    return _around(product.loops, [call], spread) if product.node.size else []


def _panels(kernel: Panels, plan: Plan, nest: Nest, number: str, found: dict[str, str]) -> list[str]:
    """A product and the loops behind it, for every panel. `at`: its first element."""
    product, unit = kernel.product, kernel.unit
    spread = product.is_large and nest.may_be_cut
    first, last = ("begin", "end") if spread and not product.loops else ("0", str(product.m // unit))
    place = plan.place[product.node]
    if kernel.slots:
        size = product.node.dtype.itemsize
        slot = f"omp_get_thread_num() * {kernel.nbytes}" if spread else "0"
        found = {**found, place: f"((intptr_t){found[place]} + {slot} - at * {size})"}
    step = kernel.step
    lines = [
        f"for (int64_t row = {first} * {unit}; row < {last} * {unit}; row += {kernel.rows}) {{",
        f"    int64_t rows = row + {kernel.rows} < {last} * {unit} ? {kernel.rows} : {last} * {unit} - row;",
        f"    int64_t at = row * {product.n}{_offset(product.c.start, _names(product))};",
        "    " + _gemm(product, plan, found, "1" if spread else "threads", "row", "rows"),
        "    " + _call(nest, number, found, f"at / {step}", f"(at + rows * {product.n}) / {step}"),
        "}",
    ]
    team = f"(threads < {kernel.slots} ? threads : {kernel.slots})" if kernel.slots else "threads"
    if spread and not product.loops:
        return [
            f"SPREAD(env->blas ? {team} : 1, {product.m // unit},",
            *("    " + line for line in lines),
            ")",
        ]
    return _around(product.loops, lines, spread, team)


def _around(loops: Sequence[Var], lines: Sequence[str], spread: bool, team: str = "threads") -> list[str]:
    """Loops around what they repeat; the outermost cut among threads."""
    heads = [
        f"for (int64_t l{i} = {'begin' if spread and not i else 0}; "
        f"l{i} < {'end' if spread and not i else var.extent}; l{i}++) {{"
        for i, var in enumerate(loops)
    ]
    heads = ["    " * i + line for i, line in enumerate(heads)]
    lines = ["    " * len(heads) + line for line in lines]
    lines = [*heads, *lines, *("    " * i + "}" for i in reversed(range(len(heads))))]
    return [f"SPREAD(env->blas ? {team} : 1, {loops[0].extent},", *lines, ")"] if spread else lines


def _names(product: Product) -> dict[Var, str]:
    return {var: f"l{i}" for i, var in enumerate(product.loops)}


def _gemm(
    product: Product,
    plan: Plan,
    found: dict[str, str],
    threads: str,
    row: str = "0",
    rows: str = "",
) -> str:
    """The call of BLAS for some rows of the result."""
    node, a, b = product.node, product.a, product.b
    kind, names = STORED_AS[node.dtype.name], _names(product)
    again = " || ".join(names[var] for var in product.adding)
    arguments = [
        "env",
        threads,
        *("TRANSPOSED" if operand.transposed else "PLAIN" for operand in (a, b)),
        f"{rows or product.m}, {product.n}, {product.k}, {_scale(product, kind, plan, found)}",
        _matrix(a, kind, names, plan, found, f"{row} * {1 if a.transposed else a.step}"),
        _matrix(b, kind, names, plan, found),
        "1" if "sign" in node.attrs else f"({again}) != 0" if again else "0",
        _matrix(product.c, kind, names, plan, found, f"{row} * {product.c.step}"),
    ]
    return f"cut_{'sgemm' if kind == 'float' else 'dgemm'}({', '.join(arguments)});"


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


def _matrix(
    operand: Operand, kind: str, names: dict[Var, str], plan: Plan, found: dict[str, str], more: str = "0"
) -> str:
    start = f"{_offset(operand.start, names)}{'' if more.startswith('0') else f' + {more}'}"
    return f"({kind} *){found[plan.place[operand.base]]}{start}, {operand.step}"


def _offset(form: Form, names: dict[Var, str]) -> str:
    terms = [f" + {names[var]} * {step}" for var, step in form.terms]
    return "".join([*terms, *([f" + {form.const}"] if form.const else [])])
