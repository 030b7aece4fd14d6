"""Loops and branches (`scan`, `while`, `cond`) as C.

The graphs that are attributes of such a node are planned as programs of their own (`lower.py`), which
become functions of the same C file, called from a loop or a branch around them. What a step carries to the
next lies in two buffers that take turns, or in one where the step writes each element over the one that it
came from. A graph that calls an implementation leaves the whole node to its own. Loops look for signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.jit.ir import Node
from framework.jit.memory import ALIGNMENT

if TYPE_CHECKING:
    from framework.jit.lower import Plan

LONG = 1 << 13  # elements computed in a step from which on signals are looked for after each,
SELDOM = 64  # and not after so many
PARTS = {"scan": ("body",), "while": ("test", "body"), "cond": ("then", "other")}


@dataclass
class Control:
    """A node, the plans of its graphs, and those of its outputs that something takes. Constants that the
    graphs hold are the node's last operands.
    """

    node: Node
    parts: Sequence[Plan]
    picks: dict[int, Node]

    def __post_init__(self) -> None:
        """Divide the workspace: for the graphs, for the second buffers, for outputs that nothing takes."""
        attrs = self.node.prim_attrs
        self.carries = attrs.get("carries", 0)
        self.total = max(part.nbytes for part in self.parts)
        body = self.parts[-1]
        outputs = body.program.outputs
        self.in_place = [i in body.donated for i in range(self.carries)]
        self.second = {i: self._take(outputs[i]) for i in range(self.carries) if not self.in_place[i]}
        self.unused = {i: self._take(x) for i, x in enumerate(outputs) if i not in self.picks}
        self.flag = self._take(self.parts[0].program.outputs[0])  # what a test says

    def _take(self, node: Node) -> int:
        self.total = -(-self.total // ALIGNMENT) * ALIGNMENT
        self.total += node.nbytes
        return self.total - node.nbytes

    def constants(self, number: int) -> list[Node]:
        """The constants of one graph."""
        return [x for x in self.parts[number].program.inputs if x.value is not None]

    def lines(self, functions: Sequence[str], place: dict[Node, str], space: str) -> list[str]:
        """The C. `functions` of the graphs, pointers of nodes, and that of the workspace."""
        write = {"scan": self._scan, "while": self._while, "cond": self._cond}[self.node.name]
        calls = [f"if ({name}(given, {space}, env)) return -1;" for name in functions]
        return ["{", *["    " + line for line in write(calls, place, space)], "}"]

    def _arrays(
        self, inputs: Sequence[str], part: int, place: dict[Node, str], outputs: Sequence[str]
    ) -> str:
        found = [*inputs, *(place[x] for x in self.constants(part)), *outputs]
        return f"char *given[] = {{{', '.join(found)}}};"

    def _output(self, i: int, place: dict[Node, str], space: str) -> str:
        return place[self.picks[i]] if i in self.picks else f"{space} + {self.unused[i]}"

    def _state(self, place: dict[Node, str], space: str) -> list[str]:
        """The carried values in the first buffers, which are the outputs."""
        first = [self._output(i, place, space) for i in range(self.carries)]
        second = [f"{space} + {self.second[i]}" if i in self.second else each for i, each in enumerate(first)]
        copies = [
            f"memcpy(now[{i}], {place[x]}, {x.nbytes});"
            for i, x in enumerate(self.node.ins[: self.carries])
        ]  # fmt: skip
        return [f"char *now[] = {{{', '.join(first)}}}, *next[] = {{{', '.join(second)}}};", *copies]

    def _swap(self) -> list[str]:
        count = self.carries
        return [
            f"for (int j = 0; j < {count}; j++) {{ char *last = now[j]; now[j] = next[j]; next[j] = last; }}"
        ]

    def _end(self, place: dict[Node, str]) -> list[str]:
        """What something takes is where it is looked for."""
        return [
            f"if (now[{i}] != {place[x]}) memcpy({place[x]}, now[{i}], {x.nbytes});"
            for i, x in self.picks.items()
            if i in self.second
        ]

    def _now(self) -> list[str]:
        return [f"now[{i}]" for i in range(self.carries)]

    def _next(self) -> list[str]:
        return [f"next[{i}]" for i in range(self.carries) if not self.in_place[i]]

    @property
    def _turns(self) -> int:
        """How many steps are done before looking whether a signal has raised something: looking at the clock
        takes as long as some short ones.
        """
        work = sum(node.size for part in self.parts for node in part.program.nodes)
        return 1 if work > LONG else SELDOM

    def _scan(self, calls: list[str], place: dict[Node, str], space: str) -> list[str]:
        attrs, n = self.node.prim_attrs, self.carries
        length, rows = attrs["length"], self.node.ins[n : n + attrs["xs"]]
        rest = self.node.ins[n + attrs["xs"] : len(self.node.ins) - len(self.constants(0))]
        given = [*self._now(), *(f"{place[x]} + i * {x.nbytes // length}" for x in rows)]
        given += [place[x] for x in rest]
        outputs = self.parts[0].program.outputs
        columns = [
            self._output(i, place, space) + (f" + i * {outputs[i].nbytes}" if i in self.picks else "")
            for i in range(n, len(outputs))
        ]
        return [
            *(self._state(place, space) if n else []),
            "int64_t looked = tenths();",
            f"for (int64_t step = 0; step < {length};) {{",
            f"    int64_t end = step + {self._turns} < {length} ? step + {self._turns} : {length};",
            "    for (; step < end; step++) {",
            f"        int64_t i = {f'{length} - 1 - step' if attrs['reverse'] else 'step'};",
            "        (void)i;",
            "        " + self._arrays(given, 0, place, [*self._next(), *columns]),
            *["        " + line for line in [*calls, *(self._swap() if n else [])]],
            "    }",
            "    if (interrupted(env, &looked)) return -1;",
            "}",
            *self._end(place),
        ]

    def _while(self, calls: list[str], place: dict[Node, str], space: str) -> list[str]:
        attrs, n = self.node.prim_attrs, self.carries
        rest = [place[x] for x in self.node.ins[n:]]
        tested, after = rest[: attrs["tested"]], len(self.constants(0)) + len(self.constants(1))
        stepped = rest[attrs["tested"] : len(rest) - after]
        flag = f"{space} + {self.flag}"
        return [
            *self._state(place, space),
            "int64_t looked = tenths();",
            "for (int going = 1; going;) {",
            f"    for (int turn = 0; turn < {self._turns}; turn++) {{",
            "        {",
            "            " + self._arrays([*self._now(), *tested], 0, place, [flag]),
            "            " + calls[0],
            "        }",
            f"        if (!*({flag})) {{ going = 0; break; }}",
            "        " + self._arrays([*self._now(), *stepped], 1, place, self._next()),
            *["        " + line for line in [calls[1], *self._swap()]],
            "    }",
            "    if (interrupted(env, &looked)) return -1;",
            "}",
            *self._end(place),
        ]

    def _cond(self, calls: list[str], place: dict[Node, str], space: str) -> list[str]:
        after = len(self.constants(0)) + len(self.constants(1))
        given = [place[x] for x in self.node.ins[1 : len(self.node.ins) - after]]
        outputs = [self._output(i, place, space) for i in range(len(self.parts[0].program.outputs))]
        return [
            f"if (*{place[self.node.ins[0]]}) {{",
            "    " + self._arrays(given, 0, place, outputs),
            "    " + calls[0],
            "} else {",
            "    " + self._arrays(given, 1, place, outputs),
            "    " + calls[1],
            "}",
        ]
