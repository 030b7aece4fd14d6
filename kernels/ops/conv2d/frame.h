// The image of a convolution laid out so that every tap of every window is a shifted copy of one flat row of pixels:
// zeros where the padding is, and for a stride the pixels of equal remainder together. A pixel of the result and a
// tap then name an element by the sum of two numbers.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "parallel.h"
#include "simd.h"

using namespace simd;

struct Sizes {  // of a call
    int64_t n, c, h, w, k, cg, r, s, oh, ow, sh, sw, ph, pw, dh, dw, groups;
    int64_t kg() const { return k / groups; }
    int64_t taps() const { return r * s; }
};

// Memory of this thread that grows and is kept, as new pages take longer than a small convolution; NULL if there is
// none.
enum Slot { TAPS, WEIGHTS, IN, OUT, TOTAL, SLOTS };
template <class T> inline T *scratch(Slot slot, int64_t n) {
    struct Kept {
        void *data[SLOTS] = {};
        int64_t size[SLOTS] = {};
        ~Kept() {
            for (void *each : data) free(each);
        }
    };
    static thread_local Kept kept;
    const int64_t bytes = n * int64_t(sizeof(T));
    if (bytes > kept.size[slot] || !kept.data[slot]) {
        free(kept.data[slot]);
        kept.size[slot] = (bytes + 4096) / 4096 * 4096;
        kept.data[slot] = aligned_alloc(4096, size_t(kept.size[slot]));
        if (!kept.data[slot]) kept.size[slot] = 0;
    }
    return (T *)kept.data[slot];
}

// Pixel o of the result takes, for this tap, pixel o * stride + (row, column) of the source.
struct Tap {
    int64_t row, column, weight;  // weight: its place among the r * s of a filter
    int64_t down, right;          // whole strides
    int64_t phase;                // which remainder
    int64_t offset;               // in a plane of the frame
    int64_t at;                   // its place among the weights as they are read
};

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// What all bands of rows of the result have in common.
struct Frame {
    int64_t h, w, sh, sw;  // of the source; of its strides
    Tap *taps;
    int64_t count, phases = 0;
    int64_t top = 0, left = 0, more_rows = 0, more_columns = 0;  // first shift; how many more than the result has
    int64_t wide = 0;                                            // a row of the frame

    Frame(int64_t h, int64_t w, int64_t sh, int64_t sw, Tap *taps, int64_t count, int64_t ow)
        : h(h), w(w), sh(sh), sw(sw), taps(taps), count(count) {
        int64_t bottom = 0, right = 0;
        for (int64_t t = 0; t < count; t++) {
            Tap &tap = taps[t];
            tap.down = floor_div(tap.row, sh), tap.right = floor_div(tap.column, sw);
            tap.phase = -1;
            for (int64_t u = 0; u < t && tap.phase < 0; u++)
                if (remainder(taps[u]) == remainder(tap)) tap.phase = taps[u].phase;
            if (tap.phase < 0) tap.phase = phases++;
            top = t ? std::min(top, tap.down) : tap.down, bottom = t ? std::max(bottom, tap.down) : tap.down;
            left = t ? std::min(left, tap.right) : tap.right, right = t ? std::max(right, tap.right) : tap.right;
        }
        more_rows = bottom - top, more_columns = right - left;
        wide = ow + more_columns;
    }
    int64_t remainder(const Tap &t) const {
        return (t.row - floor_div(t.row, sh) * sh) * sw + t.column - floor_div(t.column, sw) * sw;
    }
    // Whether the result's pixels are the source's: nothing around it, one tap.
    bool is_image(int64_t oh, int64_t ow) const {
        return count == 1 && !taps->row && !taps->column && sh == 1 && sw == 1 && h == oh && w == ow;
    }
    int64_t plane(int64_t rows) const { return phases * (rows + more_rows) * wide; }  // of one channel
    int64_t flat(int64_t rows, int64_t ow) const { return (rows - 1) * wide + ow; }   // pixels from first to last

    void place(int64_t rows) const {  // where taps are, for bands of so many rows
        for (int64_t t = 0; t < count; t++) {
            int64_t row = taps[t].phase * (rows + more_rows) + taps[t].down - top;
            taps[t].offset = row * wide + taps[t].right - left;
        }
    }

    // Copy what rows first .. first + rows of the result need from channels of the source.
    template <class T>
    void fill(float *to, const T *x, int64_t channels, int64_t first, int64_t rows) const {
        for (int64_t c = 0; c < channels; c++, x += h * w)
            for (int64_t p = 0; p < phases; p++) {
                const Tap *tap = taps;
                while (tap->phase != p) tap++;
                int64_t remainder_h = tap->row - tap->down * sh, remainder_w = tap->column - tap->right * sw;
                for (int64_t i = 0; i < rows + more_rows; i++, to += wide) {
                    int64_t y = (first + top + i) * sh + remainder_h;
                    if (y < 0 || y >= h)
                        std::fill(to, to + wide, 0.0f);
                    else
                        fill_row(to, x + y * w, left * sw + remainder_w);
                }
            }
    }
    template <class T> void fill_row(float *to, const T *row, int64_t first) const {
        int64_t begin = std::min(wide, std::max<int64_t>(0, floor_div(sw - 1 - first, sw)));
        int64_t end = std::max(begin, std::min(wide, floor_div(w - 1 - first, sw) + 1));
        std::fill(to, to + begin, 0.0f);
        if (sw == 1)
            for (int64_t j = begin; j < end; j++) to[j] = widen(row[first + j]);
        else
            for (int64_t j = begin; j < end; j++) to[j] = widen(row[first + j * sw]);
        std::fill(to + end, to + wide, 0.0f);
    }
};
