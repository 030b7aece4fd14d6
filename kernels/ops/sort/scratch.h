// Room beside a row that is sorted, kept by each thread for the next call, in huge pages: their addresses stay at
// hand where writes go everywhere.
#pragma once
#include <sys/mman.h>

#include <cstdlib>

// nullptr without memory.
inline void *scratch(size_t bytes) {
    constexpr size_t HUGE_PAGE = 2 << 20;
    struct Room {
        void *memory = nullptr;
        size_t size = 0;
        ~Room() { free(memory); }
    };
    static thread_local Room mine;
    if (mine.size < bytes) {
        free(mine.memory);
        mine.size = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        mine.memory = aligned_alloc(HUGE_PAGE, mine.size);
        if (!mine.memory) mine.size = 0;
        if (mine.memory) madvise(mine.memory, mine.size, MADV_HUGEPAGE);
    }
    return mine.memory;
}
