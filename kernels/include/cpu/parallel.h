// A loop over threads. How it is cut into parts depends on the number of threads alone, so a kernel that does the same
// work per part gives the same bits again, whoever does which part.
//
// Theory of operation. There are more parts than threads, and nobody owns one before it begins with it: the caller
// takes them from the front, helpers from the back, until they meet. A helper that comes late, because another program
// or another library's threads have its processor, finds less to do or nothing, and nobody waits for it: only for
// parts that somebody has begun. (Cut once and waited for, a copy of 0.8 ms took up to 3 beside threads that spin.)
// Helpers sleep between loops: if they spun, others would have to wait for them.
//
// Helpers keep off the caller's processor. A virtual machine's idle processor looks to Linux as if its host had taken
// it away, so that helpers are woken behind the caller instead and wait for the end of the loop: two threads took as
// long as one. They run wherever else the caller may run, told anew when it has moved.
//
// What is free is one word, of which parts are taken by compare-and-swap, and what the loop is about is read only
// after that: while a part is taken its loop is not over. A loop within a loop, or beside another thread's, goes by
// itself, part by part. Helpers do not survive fork(): kernels/threads.py has a forked child compute in one thread.
#pragma once
#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace parallel {

constexpr int64_t SHARES = 4;  // parts per thread, at most
constexpr int SPINS = 2000;    // looks for the end of the others' parts before sleeping: some 50 µs
constexpr int FEW = 16;        // helpers who keep off the caller's processor; among many it matters little

inline void futex(std::atomic<uint32_t> &word, int what, uint32_t value, uint32_t who = FUTEX_BITSET_MATCH_ANY) {
    syscall(SYS_futex, &word, what | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, who);
}

// Zero is a pool without helpers that has nothing to do.
class Pool {
public:
    typedef void Each(void *body, int64_t part, int64_t worker);

    void run(int64_t parts, int team, Each *each, void *body) {
        if (taken.exchange(true, std::memory_order_acquire)) {
            for (int64_t part = 0; part < parts; part++) each(body, part, 0);
            return;
        }
        hire(team - 1);
        this->each = each, this->body = body;
        unfinished = uint32_t(parts);
        free = Free{0, uint64_t(parts), uint64_t(team)}.word();
        calls++;
        if (asleep) {
            if (const int here = sched_getcpu() + 1; here != home) keep_off(here);
            futex(calls, FUTEX_WAKE_BITSET, uint32_t(parts < team ? parts : team) - 1, below(team));
        }
        work(0);
        for (int i = 0; i < SPINS && unfinished; i++) _mm_pause();
        waiting = true;
        while (uint32_t some = unfinished) futex(unfinished, FUTEX_WAIT, some);
        waiting = false;
        taken.store(false, std::memory_order_release);
    }

private:
    struct Free {  // parts first..last, for workers below `team`
        uint64_t first, last, team;
        explicit Free(uint64_t w) : first(w & 0xffffff), last(w >> 24 & 0xffffff), team(w >> 48) {}
        Free(uint64_t first, uint64_t last, uint64_t team) : first(first), last(last), team(team) {}
        uint64_t word() const { return team << 48 | last << 24 | first; }
    };

    // Workers by the bits of a futex's set; beyond 32 they share.
    static uint32_t bit(int64_t worker) { return 1u << (worker & 31); }
    static uint32_t below(int team) { return team < 32 ? bit(team) - 1 : ~0u; }

    bool take(int64_t worker, int64_t *part) {
        uint64_t word = free;
        for (;;) {
            Free f(word);
            if (f.first >= f.last || uint64_t(worker) >= f.team) return false;
            *part = int64_t(worker ? --f.last : f.first++);
            if (free.compare_exchange_weak(word, f.word())) return true;
        }
    }

    void work(int64_t worker) {
        for (int64_t part; take(worker, &part);) {
            each(body, part, worker);
            if (--unfinished == 0 && waiting) futex(unfinished, FUTEX_WAKE, 1);
        }
    }

    void keep_off(int here) {
        home = here;
        cpu_set_t others;
        if (sched_getaffinity(0, sizeof others, &others)) return;
        CPU_CLR(here - 1, &others);
        for (pid_t thread : threads)
            if (thread) sched_setaffinity(thread, sizeof others, &others);  // refused where there is no other
    }

    [[noreturn]] void serve(int64_t worker) {
        if (worker <= FEW) threads[worker - 1] = gettid();
        home = 0;
        for (;;) {
            const uint32_t heard = calls;
            work(worker);
            asleep++;
            futex(calls, FUTEX_WAIT_BITSET, heard, bit(worker));
            asleep--;
        }
    }

    // As many helpers as there can be, up to `count`; they take no signals.
    void hire(int count) {
        if (helpers >= count) return;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_attr_t apart;
        pthread_attr_init(&apart);
        pthread_attr_setdetachstate(&apart, PTHREAD_CREATE_DETACHED);
        pthread_t thread;
        for (; helpers < count; helpers++)
            if (pthread_create(&thread, &apart, begin, (void *)intptr_t(helpers + 1))) break;
        pthread_attr_destroy(&apart);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    static void *begin(void *worker);

    std::atomic<bool> taken, waiting;
    std::atomic<uint64_t> free;
    std::atomic<uint32_t> unfinished, calls, asleep;
    std::atomic<int> home;  // a number above that of the processor which helpers keep off; 0: to be told
    std::atomic<pid_t> threads[FEW];
    int helpers;
    Each *each;
    void *body;
};

// One for all kernels: the loader gives every library the first one's (an inline variable that others may see is
// unique in a process, however the libraries are loaded).
__attribute__((visibility("default"))) inline Pool pool;

inline void *Pool::begin(void *worker) { pool.serve(intptr_t(worker)); }

template <class Body>
inline void call(Body &body, int64_t begin, int64_t end, int64_t worker) {
    if constexpr (std::is_invocable_v<Body, int64_t, int64_t, int64_t>)
        body(begin, end, worker);
    else
        body(begin, end);
}

}  // namespace parallel

// Call body(begin, end) for parts of [0, n), each of `grain` elements or more, on up to `threads` threads. A body that
// takes a third argument gets a number below `threads` that nobody else has meanwhile.
template <class Body>
inline void parallel_for(int64_t n, int64_t grain, int threads, Body body) {
    int64_t parts = n / (grain > 0 ? grain : 1), most = parallel::SHARES * threads;
    if (parts > most) parts = most;
    if (threads <= 1 || parts <= 1) {
        parallel::call(body, 0, n, 0);
        return;
    }
    struct Loop {
        Body &body;
        int64_t n, parts;
    } loop{body, n, parts};
    auto each = [](void *of, int64_t part, int64_t worker) {
        const Loop &loop = *(const Loop *)of;
        parallel::call(loop.body, loop.n * part / loop.parts, loop.n * (part + 1) / loop.parts, worker);
    };
    parallel::pool.run(parts, threads, each, &loop);
}
