# ruff: noqa: E501 - programs of a line or two each
"""Attacks on the build: what a compiler can be talked into, and what a build could do that is not ours any more."""

from __future__ import annotations

from tests.adversary.attacks.attack import Attack, build

REFUSED = ("build_failed", "compile_error")
HONEST = ("passed", "all_cases_right")
MEMORY = ("build_failed", "build_memory_limit")
LATE = ("build_failed", "build_time_limit")
EITHER = ("build_failed", "build_memory_limit|build_time_limit")  # whichever comes first on this machine

STEPS = "".join(
    f"#define {b} {a} {a} {a} {a} {a} {a} {a} {a}\n" for a, b in zip("ABCDEFGHIJ", "BCDEFGHIJK", strict=True)
)
READS = "".join(
    f'#if __has_include("{path}")\n#error REACHED\n#endif\n'
    for path in (
        "/etc/shadow",
        "/etc/passwd",
        "@SECRET_FILE@",
        "/root/.bashrc",
        "@REFERENCE@",
        "@OTHER_SUBMISSION@",
    )
)
TREE = "template<int a, int b> struct T { enum { v = T<a - 1, 2 * b>::v + T<a - 1, 2 * b + 1>::v }; };\n"
TREE += "template<int b> struct T<0, b> { enum { v = 1 }; };\nint t = T<24, 0>::v;\n"

COMPILING: list[Attack] = [
    build("includes-dev-zero", '#include "/dev/zero"\n', *MEMORY),
    build("includes-a-secret", '#include "@SECRET_FILE@"\n', *REFUSED, "No such file or directory"),
    build("includes-the-shadow-file", '#include "/etc/shadow"\n', *REFUSED, "No such file or directory"),
    build("includes-the-answers", '#include "@REFERENCE@"\n', *REFUSED, "No such file or directory"),
    build("asks-what-exists", READS, *HONEST),
    build("includes-its-environment", '#include "/proc/self/environ"\n', *HONEST),
    build("assembles-a-secret-in", '__asm__(".incbin \\"@SECRET_FILE@\\"");\n', *REFUSED, "file not found"),
    build("assembles-dev-zero-in", '__asm__(".incbin \\"/dev/zero\\"");\n', *REFUSED, "unable to include"),
    build("assembles-a-secret-as-source", '__asm__(".include \\"/etc/shadow\\"");\n', *REFUSED, "can't open"),
    build("links-by-a-script", '#include "script.h"\n', *REFUSED, "INPUT",
          script="INPUT(/etc/shadow)\nGROUP(@SECRET_FILE@)\n"),
    build("asks-for-a-plugin", '#pragma GCC optimize ("-fplugin=/src/plugin.h")\n', *HONEST, "bad option", plugin="x"),
    build("asks-for-a-plugin-by-attribute", '__attribute__((optimize("plugin=/src/plugin.h"))) void p(void) {}\n',
          *HONEST, "bad option", plugin="x"),
    build("asks-for-a-dependency", '#pragma GCC dependency "/etc/shadow"\n', *REFUSED, "No such file or directory"),
    build("includes-itself", '#include "again.h"\n', *REFUSED, "include nested depth", again='#include "again.h"\n'),
    build("includes-itself-twice", '#include "twice.h"\n', *LATE,
          twice='#if __INCLUDE_LEVEL__ < 150\n#include "twice.h"\n#include "twice.h"\n#endif\n'),
    build("expands-macros", f"#define A 1,\n{STEPS}int big[] = {{ K }};\n", *EITHER),
    build("instantiates-a-tree", TREE, *EITHER, entry="solution.cpp"),
    build("instantiates-for-ever", "template<int n> struct D { static const int v = D<n + 1>::v; };\nint d = D<0>::v;\n",
          *REFUSED, "template instantiation depth", entry="solution.cpp"),
    build("computes-at-compile-time", "constexpr long f() { long s = 0; for (long i = 0; i < 1L << 40; i++) s += i; return s; }\n"
          "constexpr long v = f();\n", *REFUSED, "constexpr", entry="solution.cpp"),
    build("repeats-in-assembler", '__asm__(".rept 1000000000\\n.quad 1\\n.endr");\n', *EITHER),
    build("fills-in-assembler", '__asm__(".data\\n.fill 100000000, 1, 1\\n.text");\n', *REFUSED, "File size limit exceeded|No space"),
    build("skips-in-assembler", '__asm__(".data\\n.skip 1 << 36\\n.text");\n', *REFUSED),
    build("makes-a-large-library", "char big[3 << 20] = {1}; char more[3 << 20] = {1};\n", *REFUSED, "No space left on device|size limit"),
    build("nests-brackets", "int n = " + "(" * 200_000 + "1" + ")" * 200_000 + ";\n", *REFUSED, "Segmentation|nesting|internal"),
]  # fmt: skip

# The build taken over completely: a shell in place of the compiler.
TAKEN_OVER = {
    "a-link": ("ln -s /etc/passwd /out/solution.so", "rejected", "bad_artefact", "link"),
    "a-link-to-a-secret": ("ln -s @SECRET_FILE@ /out/solution.so", "rejected", "bad_artefact", "link"),
    "a-fifo": ("mkfifo /out/solution.so", "rejected", "bad_artefact", "not_regular"),
    "a-folder": ("mkdir /out/solution.so", "rejected", "bad_artefact", "not_regular"),
    "a-socket": (
        "python3 -c \"import socket; socket.socket(1).bind('/out/solution.so')\"",
        "rejected", "bad_artefact", "not_regular",
    ),
    "a-device": ("mknod /out/solution.so c 1 5", "build_failed", "compile_error", "Operation not permitted"),
    "a-hard-link": ("echo > /out/x; ln /out/x /out/solution.so", "rejected", "bad_artefact", "hard_link"),
    "a-hard-link-to-ours": ("ln /usr/bin/env /out/solution.so", "build_failed", "compile_error", "cross-device"),
    "a-sparse-file": ("truncate -s 50M /out/solution.so", "rejected", "bad_artefact", "sparse"),
    "a-huge-file": ("truncate -s 1T /out/solution.so", "build_failed", "compile_error", "File"),
    "a-full-disk": ("cat /dev/zero > /out/solution.so", "build_failed", "compile_error", "No space left on device"),
    "too-many-files": (
        "gcc $0 && for n in $(seq 200); do : > /out/$n; done", "rejected", "bad_artefact", "too_many",
    ),
    "too-many-inodes": (
        "for n in $(seq 2000); do : > /out/$n || exit 1; done",
        "build_failed", "compile_error", "No space left on device",
    ),
    "too-deep-a-tree": ("gcc $0 && mkdir -p /out/a/b/c/d/e/f/g", "rejected", "bad_artefact", "folder"),
    "a-name-with-a-newline": ("gcc $0 && : > \"/out/$(printf 'a\\nb\\033\\377')\"", "rejected", "bad_artefact", "extra"),
    "a-twin": ("gcc $0 && : > /out/SOLUTION.SO", "rejected", "bad_artefact", "extra"),
    "nothing": ("true", "rejected", "bad_artefact", "missing"),
    "a-daemon-that-writes-later": (
        "gcc $0; (setsid sh -c 'sleep 0.3; echo forged > /out/solution.so; sleep 60' &)",
        "passed", "all_cases_right", "",
    ),
    "a-fork-bomb": ("bomb() { bomb | bomb & }; bomb; sleep 60", "build_failed", "build_time_limit", "fork"),
    "a-flood": ("timeout 1 yes; exit 1", "build_failed", "compile_error", "y\ny\ny"),
    "a-secret": ("cat @SECRET_FILE@ @REFERENCE@ /etc/shadow", "build_failed", "compile_error", "No such file"),
    "a-connection": (
        "python3 -c \"import socket; socket.create_connection(('127.0.0.1', @TCP@), 1)\"",
        "build_failed", "compile_error", "Connection refused",
    ),
    "an-endless-compiler": ("trap '' TERM INT HUP; kill -STOP $$", "build_failed", "build_time_limit", ""),
    "a-killed-compiler": ("kill -SEGV $$", "build_failed", "compile_error", ""),
}  # fmt: skip
