/* What main.py does, for submissions in C and C++: turn by turn load the artefact, bind its arguments, call it.
 * Runs inside the sandbox.
 *
 * Not in charge of clocks, inputs, answers or verdicts: it knows none of them. A submission may overwrite all
 * of this, and gains nothing: the parent looks only at the outputs and at the reply page (channel.py).
 *
 * A program of its own because of what an interpreter costs: dozens of guests start in a job, and a
 * call through one is longer than the shortest kernels. The numbers of the protocol come from records.py, as
 * macros on the compiler's command line (workspace.py); the arguments are those of main.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = MOST_TENSORS + MOST_DIMS };
enum { SPINS = 1 << 28, NAP_MICROSECONDS = 1000 }; /* of waiting for a turn: some 0.1 s, then nap by nap */
enum { /* where things stand on the command line */
    REQUEST_FD = 1, REPLY_FD, INPUT_FD, INPUT_BYTES, OUTPUT_FD, OUTPUT_BYTES, NONCE_VALUE, DIM_COUNT,
    LANGUAGE, FOLDER, SYMBOL, TENSORS
};

typedef uint64_t word;
/* Addresses and sizes are all one word, and more of them than a function takes do no harm: the caller of both
 * x86-64 and AArch64 conventions clears them away. */
#define FOUR word, word, word, word
typedef void Function(FOUR, FOUR, FOUR, FOUR, FOUR, FOUR, FOUR, FOUR);
_Static_assert(MOST_ARGUMENTS == 32, "Function takes 32 words");

static char **words;
static int tensors, dims;
static const volatile word *requests;
static volatile word *replies;
static char *inputs, *outputs;
static word bound[SLOTS][MOST_ARGUMENTS];
static Function *function;

static word number(int at) { return strtoull(words[at], 0, 10); }

/* Populated: no page fault falls into the timed window. The descriptor goes: only memory crosses the border. */
static void *map(int fd, size_t size, int protection) {
    void *at = mmap(0, size, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) {
        perror("cannot map");
        exit(1);
    }
    close(fd);
    return at;
}

static int load(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", words[FOLDER], ARTEFACT);
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s does not load: %s\n", ARTEFACT, dlerror());
        return NO_ENTRY;
    }
    function = (Function *)dlsym(library, words[SYMBOL]);
    if (!function) {
        const char *hint = strcmp(words[LANGUAGE], "cpp") ? "" : " declared extern \"C\"";
        fprintf(stderr, "no function '%s'; define one with that name%s, not static\n", words[SYMBOL], hint);
        return NO_ENTRY;
    }
    return DONE;
}

static void bind(void) {
    for (int slot = 0; slot < SLOTS; slot++) {
        for (int t = 0; t < tensors; t++) {
            char *arena = strncmp(words[TENSORS + t], "input", 5) ? outputs : inputs;
            bound[slot][t] = (word)(arena + requests[OFFSETS + slot * tensors + t]);
        }
        for (int d = 0; d < dims; d++) bound[slot][tensors + d] = requests[DIMS + d];
    }
}

static void call(const word *a) {
    function(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12], a[13], a[14], a[15],
             a[16], a[17], a[18], a[19], a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], a[28], a[29], a[30],
             a[31]);
}

/* A turn comes before we are thawed, so only who has lost the judge waits for long. It would go before others
 * on this CPU, and keep from it whatever is to end the judge and clear us away. */
static void await(word turn) {
    for (long looks = 0; __atomic_load_n(&requests[TURN], __ATOMIC_ACQUIRE) != turn; looks++)
        if (looks > SPINS) usleep(NAP_MICROSECONDS);
}

/* Between seeing a turn and calling the function lies as little as possible: it is inside the timed window. */
static void serve(void) {
    for (word turn = 1;; turn++) {
        await(turn);
        word kind = requests[KIND], state = DONE;
        if (kind == CALL) call(bound[requests[SLOT]]);
        else if (kind == BIND) bind();
        else if (kind == LOAD) state = load();
        else if (kind != EMPTY) return;
        /* In full order: stores of the submission that went past the cache are seen before the answer. */
        __atomic_store_n(&replies[STATE], turn << 8 | state, __ATOMIC_SEQ_CST);
    }
}

int main(int count, char **given) {
    words = given;
    tensors = count - TENSORS;
    dims = number(DIM_COUNT);
    requests = map(number(REQUEST_FD), PAGE_BYTES, PROT_READ);
    replies = map(number(REPLY_FD), PAGE_BYTES, PROT_READ | PROT_WRITE);
    inputs = map(number(INPUT_FD), number(INPUT_BYTES), PROT_READ);
    outputs = map(number(OUTPUT_FD), number(OUTPUT_BYTES), PROT_READ | PROT_WRITE);
    replies[NONCE] = number(NONCE_VALUE);
    __atomic_store_n(&replies[STATE], DONE, __ATOMIC_RELEASE);
    serve();
    return 0;
}
