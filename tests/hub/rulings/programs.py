"""Two solutions of one task as two people would write them, and the first one in another coat."""

from __future__ import annotations

import re

MINE = b"""
#include <immintrin.h>
#include <stddef.h>
/* eight at a time, four registers in flight, the tail by hand */
static void wide(const float *a, const float *b, float *c, size_t n) {
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256 p = _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
        __m256 q = _mm256_add_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8));
        __m256 r = _mm256_add_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16));
        __m256 s = _mm256_add_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24));
        _mm256_storeu_ps(c + i, p);
        _mm256_storeu_ps(c + i + 8, q);
        _mm256_storeu_ps(c + i + 16, r);
        _mm256_storeu_ps(c + i + 24, s);
    }
    while (i < n) { c[i] = a[i] + b[i]; ++i; }
}
"""

THEIRS = b"""
#include <stddef.h>
#define BLOCK 4096
typedef struct { const float *left, *right; float *out; size_t from, to; } part;
static int step(part *work) {
    if (work->from >= work->to) return 0;
    size_t end = work->from + BLOCK < work->to ? work->from + BLOCK : work->to;
    for (size_t k = work->from; k != end; k += 2) {
        const float x = work->left[k] + work->right[k];
        const float y = k + 1 < end ? work->left[k + 1] + work->right[k + 1] : 0.0f;
        work->out[k] = x;
        if (k + 1 < end) work->out[k + 1] = y;
    }
    work->from = end;
    return 1;
}
static void run(part *work) { while (step(work)) { __builtin_prefetch(work->left + work->from); } }
"""


def in_another_coat(source: bytes) -> bytes:
    """Every name of one's own renamed, comments gone, laid out anew."""
    text = re.sub(r"/\*.*?\*/", "", source.decode(), flags=re.DOTALL)
    names = {
        "wide": "go",
        "a": "left",
        "b": "right",
        "c": "out",
        "i": "at",
        "n": "size",
        "p": "one",
        "q": "two",
    }
    for old, new in names.items():
        text = re.sub(rf"\b{old}\b", f"my_{new}", text)
    return text.replace("    ", "\t").replace("{\n", "\n{\n").encode() + b"// all mine\n"
