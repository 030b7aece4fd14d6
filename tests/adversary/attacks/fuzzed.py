# ruff: noqa: E501 - a program in C
"""Submissions that do hostile things at random, each drawn from its number: the protocol seen from inside.

Not in charge of what is right: `test_fuzzed.py` says what a verdict may be. The C code finds what it shares
with the judge in its own maps, as any submission can, and then writes, unmaps, maps over, punches, answers,
forks, floods and ends, in an order and at moments that a seed decides.
"""

from __future__ import annotations

SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long state = @SEED@UL * 2654435761UL + 88172645463325252UL;
static unsigned long draw(unsigned long below)
{
    state ^= state << 13; state ^= state >> 7; state ^= state << 17;
    return state % below;
}

static struct { volatile uint64_t *at; size_t size; int writes; } shared[16];
static int found;

static void look(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    for (found = 0; maps && found < 16 && fgets(line, sizeof line, maps);) {
        unsigned long from, to;
        if (!strstr(line, "memfd:") || sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
        shared[found].at = (void *)from;
        shared[found].size = to - from;
        shared[found++].writes = !!strstr(line, " rw");
    }
    if (maps) fclose(maps);
}

static volatile uint64_t *replies(void)
{
    for (int i = 0; i < found; i++) if (shared[i].writes && shared[i].size == 4096) return shared[i].at;
    return 0;
}

static void *racer(void *nothing)
{
    volatile uint64_t *page = replies();
    for (int i = 0; page && i < 2000; i++) page[draw(2)] += 1 + draw(512);
    return nothing;
}

static void hostile(void)
{
    volatile uint64_t *page = replies();
    int which = found ? (int)draw(found) : -1;
    pthread_t thread;
    switch (draw(20)) {
    case 0: if (page) page[draw(512)] = draw(-1UL); break;
    case 1: if (page) page[1] += 256; break;
    case 2: if (page) page[1] ^= draw(1024); break;
    case 3: if (page) page[0] = draw(-1UL); break;
    case 4: if (which >= 0 && shared[which].writes) memset((void *)shared[which].at, draw(256), shared[which].size); break;
    case 5: if (which >= 0) munmap((void *)shared[which].at, shared[which].size); break;
    case 6: if (which >= 0) mmap((void *)shared[which].at, shared[which].size, 3, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); break;
    case 7: if (which >= 0) madvise((void *)shared[which].at, shared[which].size, MADV_REMOVE); break;
    case 8: if (which >= 0) mprotect((void *)shared[which].at, shared[which].size, draw(8)); break;
    case 9: if (which >= 0) shared[which].at[draw(shared[which].size / 8)] = draw(-1UL); break;
    case 10: for (int fd = draw(3); fd < 64; fd++) close(fd); break;
    case 11: for (int i = 0; i < 200; i++) { uint64_t junk[64]; for (int j = 0; j < 64; j++) junk[j] = draw(-1UL); if (write(draw(8), junk, sizeof junk) < 0) break; } break;
    case 12: _exit(draw(256)); break;
    case 13: raise(1 + draw(31)); break;
    case 14: if (fork() == 0) { for (int i = 0; i < 50; i++) { usleep(draw(500)); racer(0); } _exit(draw(256)); } break;
    case 15: pthread_create(&thread, 0, racer, 0); break;
    case 16: usleep(draw(3000)); break;
    case 17: syscall(draw(512), draw(8), draw(8), draw(8), 0, 0, 0); break;
    case 18: signal(1 + draw(63), draw(2) ? SIG_IGN : SIG_DFL); break;
    case 19: dprintf(2, "{\"exit-code\": 0}\n{\"child-pid\": %lu}\n%c", draw(99999), (int)draw(256)); break;
    }
}

static void hostilities(void)
{
    look();
    for (int i = draw(5); i >= 0; i--) hostile();
}

__attribute__((constructor)) static void loaded(void) { if (draw(4) == 0) hostilities(); }

void mirror_add(const float *x, float *y, int64_t n)
{
    static int calls;
    if (++calls > (int)draw(9) && (@WORKS@ || n > 1)) hostilities();
    if (@WORKS@)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] + 0.5f * x[n - 1 - i];
}
"""


def submission(seed: int, *, works: bool) -> dict[str, str]:
    """`works`: in between it also computes the answer; otherwise no output is ever written on purpose."""
    return {"solution.c": SOURCE.replace("@SEED@", str(seed)).replace("@WORKS@", str(int(works)))}
