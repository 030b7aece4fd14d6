// A Kernel (blocked.h) whose tile of the result lies in vector registers, for any Math: the type Acc of sums, the type V
// of a vector of them, all() (a word in all lanes), step(), start() (what sums start from), and MORE.
#pragma once
#include "products.h"

namespace gemm {

#if defined(__AVX512F__)
constexpr int TILE_ROWS = 8, TILE_VECTORS = 3, DEEP = 512, STRIP = 528;
#elif defined(__AVX2__)
constexpr int TILE_ROWS = 6, TILE_VECTORS = 2, DEEP = 256, STRIP = 256;
#else
constexpr int TILE_ROWS = 4, TILE_VECTORS = 2, DEEP = 256, STRIP = 256;
#endif

constexpr int64_t FAR = 24;  // rows of an operand asked for before they are needed

template <class Math>
struct Vector {
    typedef typename Math::Acc Acc;
    typedef typename Math::V V;
    static constexpr int MR = TILE_ROWS, NV = TILE_VECTORS, NR = NV * W, KC = DEEP, MC = 30 * MR, NC = STRIP;
    static constexpr int MORE = Math::MORE;
    static constexpr bool WHOLE = false, IN_ROWS = std::is_same_v<Acc, float>;
    struct Session {
        Session() {}
    };

    // Every height and width has a loop of its own: what is not there takes no time.
    static void tile(int rows, int columns, int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add) {
        static constexpr auto all = tiles(std::make_integer_sequence<int, MR * NV>());
        all.of[(rows - 1) * NV + (columns - 1) / W](words, a, b, c, ld, add, nullptr);
    }

    // The same for MR rows, with columns where they are in memory, which are packed on the way.
    static void tile_and_pack(int columns, int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *to) {
        if (columns == NR) return tile_of<MR, NV, true>(words, a, b, c, ld, add, to);
        if constexpr (NV > 2)
            if (columns == 2 * W) return tile_of<MR, 2, true>(words, a, b, c, ld, add, to);
        tile_of<MR, 1, true>(words, a, b, c, ld, add, to);
    }

    typedef void (*Tile)(int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *);
    struct Tiles {
        Tile of[MR * NV];
    };
    template <int... I>
    static constexpr Tiles tiles(std::integer_sequence<int, I...>) {
        return {{tile_of<I / NV + 1, I % NV + 1, false>...}};
    }

    template <int R, int N, bool PACK>
    static void tile_of(int64_t words, Panel a, Panel b, Acc *c, int64_t ld, bool add, int32_t *to) {
        V s[R][N];
        const int32_t *x = a.data, *y = b.data;
        const int64_t line = a.line, step = a.step, next = b.step;
#pragma GCC unroll 8
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {
                s[i][v] = Math::start(y + words * next + v * W);
                __builtin_prefetch(c + i * ld + v * W, 1);
            }
        for (int64_t w = 0; w < words; w++, x += step, y += next) {
            V columns[N];
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {
                columns[v] = raw<V>(y + v * W);
                if (PACK) {
                    ask(y + FAR * next + v * W, 0);
                    memcpy(to + w * NR + v * W, &columns[v], sizeof(V));
                }
            }
#pragma GCC unroll 8
            for (int i = 0; i < R; i++) {
                const V row = Math::all(x + i * line);
#pragma GCC unroll 4
                for (int v = 0; v < N; v++) s[i][v] = Math::step(s[i][v], row, columns[v]);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) {  // blocks are summed apart: a chain of a block's length loses less
                Acc *to = c + i * ld + v * W;
                if (add) s[i][v] += raw<V>(to);
                memcpy(to, &s[i][v], sizeof(V));
            }
    }
};

}  // namespace gemm
