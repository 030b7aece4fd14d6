/* libcuda.so.1 without a card: the driver's functions that judge and guest call, on host memory.
 *
 * Memory that can be shared is a memfd, mapped where the caller reserved room; a device address is a host
 * address. What a real driver would refuse is refused: sizes and addresses off the granularity, memory that is
 * not mapped or may not be accessed, a copy that leaves its allocation, a second release. The judge's own
 * kernels are carried out by name; a submission's kernel `k` by the function `emulate_k` of its library.
 *
 * All processes of a test share one page (the file in STANDIN_STATE): memory in use, who keeps the card busy,
 * what is to fail. `standin_live` says how much of this process's has not been given back.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef unsigned char u8;
enum { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_CONTEXT = 201, NOT_FOUND = 500, NOT_READY = 600,
       ILLEGAL = 700 };
enum { GRAIN = 2 << 20, REGIONS = 256, POSIX = 1 };
#define TOTAL (8ull << 30)

typedef struct {
    u64 used, busy_pid, broken, wrong, launches, copies, cannot_share;
} State;
typedef struct {
    u64 at, size;
    int kind; /* 1 reserved, 2 mapped, 3 accessible, 4 ordinary */
} Region;

static State *state;
static Region regions[REGIONS];
static int initialised, context, modules, handles, ready_in;
static char said[512];

static int refuse(const char *why) {
    snprintf(said, sizeof said, "%s", why);
    fprintf(stderr, "standin: %s\n", why);
    return INVALID;
}
const char *standin_said(void) { return said; }
State *standin_state(void) { return state; }

static Region *region(u64 at, u64 size) {
    for (int i = 0; i < REGIONS; i++)
        if (regions[i].kind && at >= regions[i].at && at + size <= regions[i].at + regions[i].size) return &regions[i];
    return 0;
}
static Region *free_region(void) {
    for (int i = 0; i < REGIONS; i++)
        if (!regions[i].kind) return &regions[i];
    abort();
}
static int usable(u64 at, u64 size) {
    Region *found = region(at, size);
    return found && found->kind >= 3;
}
u64 standin_live(void) {
    u64 count = handles;
    for (int i = 0; i < REGIONS; i++) count += regions[i].kind != 0;
    return count;
}

int cuInit(unsigned flags) {
    if (!state) {
        const char *path = getenv("STANDIN_STATE");
        int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : memfd_create("standin", 0);
        if (fd < 0 || ftruncate(fd, 4096)) return NOT_INITIALIZED;
        state = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    initialised = 1;
    return flags ? INVALID : OK;
}
int cuGetErrorName(int status, const char **name) {
    *name = status == INVALID ? "CUDA_ERROR_INVALID_VALUE" : status == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
            : status == ILLEGAL ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER";
    return OK;
}
int cuDeviceGet(int *device, int number) {
    *device = 0;
    return initialised ? (number ? INVALID : OK) : NOT_INITIALIZED;
}
int cuDeviceGetAttribute(int *value, int which, int device) {
    *value = which == 75 ? 9 : which == 76 ? 0 : which == 16 ? 4 : which == 38 ? 1 << 20 : which == 102 ? 1
             : which == 103 ? !state->cannot_share : 0;
    return device ? INVALID : OK;
}
int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { return device || flags > 8 ? INVALID : OK; }
int cuDevicePrimaryCtxRetain(void **made, int device) {
    *made = &context;
    return state->broken ? ILLEGAL : device ? INVALID : OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) { return context = 0, device ? INVALID : OK; }
int cuDevicePrimaryCtxReset_v2(int device) {
    for (int i = 0; i < REGIONS; i++) {
        if (regions[i].kind) munmap((void *)regions[i].at, regions[i].size);
        regions[i].kind = 0;
    }
    handles = context = 0;
    return device ? INVALID : OK;
}
int cuCtxSetCurrent(void *made) { return context = made == &context, context ? OK : INVALID; }
static int faulted;
int cuCtxSynchronize(void) { return faulted ? ILLEGAL : context ? OK : NO_CONTEXT; }
int cuCtxResetPersistingL2Cache(void) { return context ? OK : NO_CONTEXT; }
int cuStreamCreate(void **stream, unsigned flags) { return *stream = &modules, context && flags == 1 ? OK : INVALID; }
int cuStreamDestroy_v2(void *stream) { return stream == &modules ? OK : INVALID; }
int cuStreamQuery(void *stream) {
    if (state->broken) return ILLEGAL;
    if (ready_in > 0 && --ready_in) return NOT_READY;
    return stream == &modules ? OK : INVALID;
}
int cuMemGetInfo_v2(size_t *unused, size_t *total) {
    *total = TOTAL, *unused = TOTAL - state->used;
    return context ? OK : NO_CONTEXT;
}

/* --- memory that can be shared */

typedef struct {
    int type, handle_types, location, device;
    void *win32;
    u8 flags[8];
} Properties;
typedef struct {
    int location, device, flags;
} Access;

static int right(const Properties *p) {
    if (sizeof *p != 32 || p->type != 1 || p->handle_types != POSIX || p->location != 1 || p->device || p->win32)
        return 0;
    for (int i = 0; i < 8; i++)
        if (p->flags[i]) return 0;
    return 1;
}
int cuMemGetAllocationGranularity(size_t *grain, const Properties *p, int option) {
    *grain = GRAIN;
    return right(p) && !option ? OK : refuse("granularity of what?");
}
int cuMemCreate(u64 *handle, size_t size, const Properties *p, u64 flags) {
    if (!right(p) || !size || size % GRAIN || flags) return refuse("cuMemCreate: properties or size");
    if (state->used + size > TOTAL) return OUT_OF_MEMORY;
    int fd = memfd_create("device memory", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, size)) return OUT_OF_MEMORY;
    *handle = fd, handles++, state->used += size;
    return OK;
}
int cuMemExportToShareableHandle(int *fd, u64 handle, int type, u64 flags) {
    *fd = dup(handle);
    return type == POSIX && !flags && *fd >= 0 ? OK : refuse("export");
}
int cuMemImportFromShareableHandle(u64 *handle, void *fd, int type) {
    int own = dup((int)(intptr_t)fd);
    *handle = own, handles++;
    return type == POSIX && own >= 0 ? OK : refuse("import");
}
int cuMemRelease(u64 handle) {
    if (close(handle) || !handles--) return refuse("release of what is not held");
    return OK;
}
int cuMemAddressReserve(u64 *at, size_t size, size_t align, u64 wish, u64 flags) {
    if (!size || size % GRAIN || align || wish || flags) return refuse("reserve: size");
    char *room = mmap(0, size + GRAIN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *at = ((u64)room + GRAIN - 1) / GRAIN * GRAIN;
    *free_region() = (Region){*at, size, 1};
    return OK;
}
int cuMemMap(u64 at, size_t size, size_t offset, u64 handle, u64 flags) {
    Region *found = region(at, size);
    struct stat info;
    if (!found || found->kind != 1 || found->at != at || found->size != size || offset || flags)
        return refuse("map: not what was reserved");
    if (fstat(handle, &info) || (u64)info.st_size != size) return refuse("map: size of the handle");
    if (mmap((void *)at, size, PROT_NONE, MAP_SHARED | MAP_FIXED, handle, 0) == MAP_FAILED) return INVALID;
    found->kind = 2;
    return OK;
}
int cuMemSetAccess(u64 at, size_t size, const Access *access, size_t count) {
    Region *found = region(at, size);
    if (!found || found->kind < 2 || found->kind > 3 || found->size != size || count != 1)
        return refuse("access: not mapped");
    if (access->location != 1 || access->device || (access->flags != 1 && access->flags != 3)) return refuse("access");
    if (mprotect((void *)at, size, access->flags == 3 ? PROT_READ | PROT_WRITE : PROT_READ)) return INVALID;
    found->kind = 3;
    return OK;
}
int cuMemUnmap(u64 at, size_t size) {
    Region *found = region(at, size);
    if (!found || found->kind < 2 || found->kind > 3 || found->size != size) return refuse("unmap: not mapped");
    mmap((void *)at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    found->kind = 1, state->used -= size;
    return OK;
}
int cuMemAddressFree(u64 at, size_t size) {
    Region *found = region(at, size);
    if (!found || found->kind != 1 || found->size != size) return refuse("free: still mapped, or never reserved");
    munmap((void *)at, size);
    found->kind = 0;
    return OK;
}

/* --- memory that cannot */

int cuMemAlloc_v2(u64 *at, size_t size) {
    if (!context || !size) return refuse("alloc");
    if (state->used + size > TOTAL) return OUT_OF_MEMORY;
    void *room = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *at = (u64)room;
    *free_region() = (Region){*at, size, 4};
    state->used += size;
    return OK;
}
int cuMemFree_v2(u64 at) {
    Region *found = region(at, 1);
    if (!found || found->kind != 4 || found->at != at) return refuse("free of what was not allocated");
    munmap((void *)at, found->size);
    found->kind = 0, state->used -= found->size;
    return OK;
}
static int copied(void *to, const void *from, size_t size, void *stream) {
    if (stream != &modules) return refuse("copy on no stream");
    memcpy(to, from, size);
    state->copies++, ready_in = 3;
    return OK;
}
int cuMemcpyHtoDAsync_v2(u64 to, const void *from, size_t size, void *stream) {
    return usable(to, size) ? copied((void *)to, from, size, stream) : refuse("copy to the card leaves its memory");
}
int cuMemcpyDtoHAsync_v2(void *to, u64 from, size_t size, void *stream) {
    return usable(from, size) ? copied(to, (void *)from, size, stream) : refuse("copy from the card leaves its memory");
}
int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t size, void *stream) {
    if (!usable(to, size) || !usable(from, size)) return refuse("copy on the card leaves its memory");
    return copied((void *)to, (void *)from, size, stream);
}
int cuMemsetD8Async(u64 to, u8 value, size_t size, void *stream) {
    if (!usable(to, size) || stream != &modules) return refuse("memset leaves its memory");
    memset((void *)to, value, size);
    return OK;
}

/* --- kernels */

typedef struct {
    const char *name;
    void (*emulated)(void **);
} Kernel;
static void *library;

static u64 word(void **a, int i) { return *(u64 *)a[i]; }
static int poison(void **a, int bytes) {
    u64 at = word(a, 0), pattern = word(a, 1), count = word(a, 2);
    if (at % bytes || !usable(at, count * bytes)) return refuse("poison leaves its memory");
    for (u64 i = 0; i < count; i++) memcpy((char *)at + i * bytes, &pattern, bytes);
    return OK;
}
static int move_few(void **a) {
    const u64 *table = (const u64 *)word(a, 0);
    u64 rows = word(a, 1);
    if (rows && !usable((u64)table, 24 * rows)) return refuse("table of moves");
    for (u64 i = 0; i < rows; i++) {
        if (!usable(table[3 * i], table[3 * i + 2]) || !usable(table[3 * i + 1], table[3 * i + 2]))
            return refuse("a move leaves its memory");
        memcpy((void *)table[3 * i], (void *)table[3 * i + 1], table[3 * i + 2]);
    }
    return OK;
}
static int differ(void **a) {
    const u8 *one = (u8 *)word(a, 0), *other = (u8 *)word(a, 1);
    u64 size = word(a, 2);
    if (!usable((u64)one, size) || !usable((u64)other, size) || !usable(word(a, 3), 4)) return refuse("differ");
    for (u64 i = 0; i < size; i++) *(u32 *)word(a, 3) += one[i] != other[i];
    return OK;
}
static int known(void **a) {
    u32 *out = (u32 *)word(a, 0);
    u64 count = word(a, 1);
    if (!usable((u64)out, 4 * count)) return refuse("known leaves its memory");
    for (u64 i = 0; i < count; i++) {
        u32 x = i + 1;
        for (u32 k = 0; k < *(u32 *)a[2]; k++) x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        out[i] = state->wrong ? 0 : x;
    }
    return OK;
}
int cuModuleLoadData(void **module, const void *image) {
    Dl_info info;
    if (memcmp(image, "\x7f" "ELF", 4)) return refuse("no cubin");
    if (dladdr(image, &info) && info.dli_fname) library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *module = &modules;
    return context ? OK : NO_CONTEXT;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
    static const char *ours[] = {"poison2", "poison4", "poison8", "move_few", "differ", "evict", "nothing", "known"};
    char emulation[128];
    Kernel *found = calloc(1, sizeof *found);
    *function = found;
    for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcmp(name, ours[i])) found->name = ours[i];
    snprintf(emulation, sizeof emulation, "emulate_%s", name);
    if (library) found->emulated = (void (*)(void **))dlsym(library, emulation);
    return module == &modules && (found->name || found->emulated) ? OK : NOT_FOUND;
}
int cuFuncSetAttribute(void *function, int which, int value) { return function && which == 8 && value > 0 ? OK : INVALID; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **a, void **extra) {
    Kernel *kernel = function;
    if (!gx || !gy || !gz || !bx || bx * by * bz > 1024 || extra || shared > 232448) return refuse("launch");
    if (state->busy_pid && state->busy_pid != (u64)getpid()) usleep(2000); /* the other context's turn first */
    state->launches++, ready_in = 3;
    if (kernel->emulated) return kernel->emulated(a), OK;
    if (stream != &modules) return refuse("a kernel of ours beside our stream");
    if (!strncmp(kernel->name, "poison", 6)) return poison(a, kernel->name[6] - '0');
    if (!strcmp(kernel->name, "move_few")) return move_few(a);
    if (!strcmp(kernel->name, "differ")) return differ(a);
    if (!strcmp(kernel->name, "known")) return known(a);
    if (!strcmp(kernel->name, "evict")) return usable(word(a, 0), 4 * word(a, 1)) ? OK : refuse("evict");
    return OK;
}
/* For tests, in any process: keep the card busy from now on; take memory of the card for ever; poison the context. */
void standin_fault(void) { faulted = 1; }
void standin_busy(int yes) { state->busy_pid = yes ? getpid() : 0; }
void standin_take(u64 bytes) { state->used += bytes; }
