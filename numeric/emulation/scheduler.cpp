// The fibers of cuda.hpp, their meetings, and the launch that a file describes. This file itself is
// compiled without sanitizers: -DRACES or -DBOUNDS tells ThreadSanitizer or AddressSanitizer which
// fiber runs.
#include "cuda.hpp"
#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <vector>
#undef threadIdx
#if defined(RACES)
extern "C" {
void* __tsan_create_fiber(unsigned);
void __tsan_destroy_fiber(void*);
void __tsan_switch_to_fiber(void*, unsigned);
void* __tsan_get_current_fiber(void);
void __tsan_acquire(void*);
void __tsan_release(void*);
}
#define RELEASE(p) __tsan_release(p)
#define ACQUIRE(p) __tsan_acquire(p)
#else
#define RELEASE(p) (void)(p)
#define ACQUIRE(p) (void)(p)
#endif
#if defined(BOUNDS)
extern "C" {
void __sanitizer_start_switch_fiber(void**, const void*, size_t);
void __sanitizer_finish_switch_fiber(void*, const void**, size_t*);
}
#endif
extern "C" {
extern char __start_shared_memory[], __stop_shared_memory[];
// Linked last: shared memory begins and ends with a page, so that it can be mapped anew.
__attribute__((section("shared_memory"), aligned(4096), used)) char end_of_shared_memory[4096];
void swap_stacks(void** save, void* load);
}
#if !defined(__x86_64__)
#error "the switch of stacks is written for x86-64"
#endif
asm(R"(.text
.globl swap_stacks
.type swap_stacks,@function
swap_stacks:
 pushq %rbp
 pushq %rbx
 pushq %r12
 pushq %r13
 pushq %r14
 pushq %r15
 movq %rsp,(%rdi)
 movq %rsi,%rsp
 popq %r15
 popq %r14
 popq %r13
 popq %r12
 popq %rbx
 popq %rbp
 ret
.section .note.GNU-stack,"",@progbits
.text)");

namespace emulated {
constexpr size_t STACK = 256 << 10, MASKS = 8, FIBERS = 4096;

enum State { READY, AT_BARRIER, IN_WARP, DONE };
// The lanes of one mask. `slots` and `order` change places from meeting to meeting.
struct Meeting {
    uint32_t mask = 0, arrived = 0;
    int line = 0;
    unsigned number = 0;
    alignas(16) unsigned char slots[2][32][SLOT];
    char order[2];
};
// No memory is taken while a thread of a kernel runs: a sanitizer would see it.
struct Warp { Meeting meetings[MASKS]; };
struct Fiber : Thread {
    State state;
    int line;
    Meeting* meeting;
    unsigned meeting_number;
    char* stack;
    void *top, *sanitizer, *fake;
};

Thread* thread;
uint3 block;
dim3 threads, blocks;

static std::vector<Fiber> fibers;
static std::vector<Warp> warps;
static const Kernel* kernel;
static const Argument* given;
static std::string failure;
static void *scheduler_top, *scheduler_sanitizer, *scheduler_fake;
static const void* scheduler_stack;
static size_t scheduler_size;
static char* barriers;
static unsigned barrier_number;
static char finished;

static Fiber* running() { return static_cast<Fiber*>(thread); }

static void to_scheduler() {
    Fiber* own = running();
#if defined(BOUNDS)
    void** fake = own->state == DONE ? nullptr : &own->fake;
    __sanitizer_start_switch_fiber(fake, scheduler_stack, scheduler_size);
#endif
#if defined(RACES)
    __tsan_switch_to_fiber(scheduler_sanitizer, 1);
#endif
    swap_stacks(&own->top, scheduler_top);
#if defined(BOUNDS)
    __sanitizer_finish_switch_fiber(own->fake, nullptr, nullptr);
#endif
}
static void to_fiber(Fiber& own) {
    thread = &own;
#if defined(BOUNDS)
    __sanitizer_start_switch_fiber(&scheduler_fake, own.stack, STACK);
#endif
#if defined(RACES)
    // 1: the switch orders nothing, or the order of the fibers would hide every race.
    __tsan_switch_to_fiber(own.sanitizer, 1);
#endif
    swap_stacks(&scheduler_top, own.top);
#if defined(BOUNDS)
    __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
}
extern "C" void begin_fiber() {
#if defined(BOUNDS)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_size);
#endif
    kernel->call(kernel->kernel, given);
    RELEASE(&finished);
    running()->state = DONE;
    to_scheduler();
    abort();
}

void fail(const char* what, int line) {
    failure = std::string(what) + ", line " + std::to_string(line);
    running()->state = DONE;
    to_scheduler();
    abort();
}

void barrier(int line) {
    Fiber* own = running();
    own->state = AT_BARRIER;
    own->line = line;
    const unsigned number = barrier_number & 1;
    RELEASE(&barriers[number]);
    to_scheduler();
    ACQUIRE(&barriers[number]);
}

// Not memcpy, which sanitizers watch.
static void copy(void* to, const void* from, size_t count) {
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

Slots meet(uint32_t mask, const void* bytes, size_t count, int line, bool orders) {
    Fiber* own = running();
    const unsigned lane = own->number & 31;
    if (!(mask >> lane & 1)) fail("a lane is not in its own mask", line);
    Meeting* found = nullptr;
    for (Meeting& m : warps[own->number >> 5].meetings)
        if (m.mask == mask || !m.mask) {
            found = &m;
            break;
        }
    if (!found) fail("more masks in one warp than are kept", line);
    found->mask = mask;
    if (found->arrived && found->line != line)
        fail("lanes of one warp meet in different operations", line);
    const unsigned number = found->number;
    found->line = line;
    copy(found->slots[number & 1][lane], bytes, count);
    found->arrived |= 1u << lane;
    if (orders) RELEASE(&found->order[number & 1]);
    if (found->arrived == mask) {
        found->arrived = 0;
        ++found->number;
    } else {
        own->state = IN_WARP;
        own->line = line;
        own->meeting = found;
        own->meeting_number = number;
        to_scheduler();
    }
    if (orders) ACQUIRE(&found->order[number & 1]);
    return found->slots[number & 1];
}

// All threads wait or are done: true where they wait at one barrier or are all done.
static bool all_met(bool& done) {
    unsigned waiting = 0, ended = 0;
    int line = 0, warp_line = 0;
    bool mixed = false;
    for (const Fiber& f : fibers) {
        ended += f.state == DONE;
        if (f.state == IN_WARP) warp_line = f.line;
        if (f.state != AT_BARRIER) continue;
        mixed |= waiting && f.line != line;
        line = f.line;
        ++waiting;
    }
    done = ended == fibers.size();
    if (done || (waiting == fibers.size() && !mixed)) return true;
    failure = "threads part in block " + std::to_string(block.x) + ": " + std::to_string(waiting) +
              " at a barrier (line " + std::to_string(line) + (mixed ? " and others" : "") + "), " +
              std::to_string(fibers.size() - waiting - ended) + " in a warp operation (line " +
              std::to_string(warp_line) + "), " + std::to_string(ended) + " at their end";
    return false;
}

static bool run_block(int order, unsigned seed) {
    std::vector<unsigned> turn(fibers.size());
    for (unsigned i = 0; i < turn.size(); ++i) turn[i] = order == 1 ? turn.size() - 1 - i : i;
    for (;;) {
        for (unsigned i = turn.size() - 1; order == 2 && i > 0; --i) {
            seed = seed * 1664525u + 1013904223u;
            std::swap(turn[i], turn[(seed >> 8) % (i + 1)]);
        }
        bool ran = false;
        for (unsigned i : turn) {
            Fiber& f = fibers[i];
            if (f.state == IN_WARP && f.meeting->number != f.meeting_number) f.state = READY;
            if (f.state != READY) continue;
            ran = true;
            to_fiber(f);
            if (!failure.empty()) return false;
        }
        if (ran) continue;
        bool done;
        if (!all_met(done)) return false;
        if (done) return true;
        ++barrier_number;
        for (Fiber& f : fibers) f.state = READY;
    }
}

static void new_block(char* stacks) {
    // New addresses for what orders threads: nothing of the last block may seem to order this one.
    std::vector<Warp>().swap(warps);
    warps.resize((fibers.size() + 31) / 32);
    delete[] barriers;
    barriers = new char[2];
    char* memory = __start_shared_memory;
    size_t size = __stop_shared_memory - memory;
#if defined(RACES)
    // What is mapped anew is forgotten, without an order of the two blocks.
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    mmap(memory, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    mmap(stacks, fibers.size() * STACK, PROT_READ | PROT_WRITE, flags, -1, 0);
#endif
    asm volatile("rep stosb" : "+D"(memory), "+c"(size) : "a"(0xFF) : "memory");
    for (unsigned i = 0; i < fibers.size(); ++i) {
        Fiber& f = fibers[i];
        f = Fiber{};
        f.number = i;
        f.at = {i % threads.x, i / threads.x % threads.y, i / (threads.x * threads.y)};
        f.stack = stacks + i * STACK;
        void** top = reinterpret_cast<void**>(f.stack + STACK - 64);
        *--top = nullptr;
        *--top = reinterpret_cast<void*>(begin_fiber);
        for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
        f.top = top;
#if defined(RACES)
        f.sanitizer = __tsan_create_fiber(0);
#endif
    }
}

static bool launch(int order, unsigned seed) {
    const unsigned count = threads.x * threads.y * threads.z;
    if (!count || count > 1024 || !blocks.x || blocks.y > 65535 || blocks.z > 65535) {
        failure = "CUDA cannot launch so many threads or blocks";
        return false;
    }
    fibers.resize(count);
    void* stacks = mmap(nullptr, count * STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    std::vector<void*> dead;
#if defined(RACES)
    scheduler_sanitizer = __tsan_get_current_fiber();
#endif
    const unsigned all = blocks.x * blocks.y * blocks.z;
    for (unsigned turn = 0; turn < all; ++turn) {
        const unsigned i = order == 1 ? all - 1 - turn : turn;
        block = {i % blocks.x, i / blocks.x % blocks.y, i / (blocks.x * blocks.y)};
        new_block(static_cast<char*>(stacks));
        if (!run_block(order, seed)) return false;
#if defined(RACES)
        // A race is reported only while both fibers are known.
        for (const Fiber& f : fibers) dead.push_back(f.sanitizer);
        if (dead.size() > FIBERS) {
            for (void* f : dead) __tsan_destroy_fiber(f);
            dead.clear();
        }
#endif
    }
    ACQUIRE(&finished);
    munmap(stacks, count * STACK);
    return true;
}

static int64_t number(FILE* file) {
    int64_t out = 0;
    if (fread(&out, sizeof out, 1, file) != 1) {
        fprintf(stderr, "the file of the launch is cut short\n");
        exit(2);
    }
    return out;
}

// words: kernel, file of the launch, file for the arrays after it.
int main(const Kernel* kernels, size_t known, int count, char** words) {
    for (size_t i = 0; i < known; ++i)
        if (count == 4 && !strcmp(kernels[i].name, words[1])) kernel = kernels + i;
    FILE* file = kernel ? fopen(words[2], "rb") : nullptr;
    if (!file) {
        fprintf(stderr, "no such kernel, or no file of a launch\n");
        return 2;
    }
    unsigned* geometry[] = {&blocks.x, &blocks.y, &blocks.z, &threads.x, &threads.y, &threads.z};
    for (unsigned* one : geometry) *one = static_cast<unsigned>(number(file));
    const int order = static_cast<int>(number(file));
    const unsigned seed = static_cast<unsigned>(number(file));
    std::vector<Argument> arguments(number(file));
    std::vector<int64_t> sizes(arguments.size(), -1);
    for (size_t i = 0; i < arguments.size(); ++i) {
        arguments[i] = {number(file) == 1, number(file), nullptr};
        if (arguments[i].scalar || arguments[i].value < 0) continue;
        sizes[i] = arguments[i].value;
        // Of its own, and no larger than it is: what lies beyond is seen.
        arguments[i].pointer = malloc(sizes[i]);
        if (fread(arguments[i].pointer, 1, sizes[i], file) != static_cast<size_t>(sizes[i]))
            return 2;
    }
    fclose(file);
    if (arguments.size() != kernel->count) {
        fprintf(stderr, "%s takes %zu arguments, given %zu\n", kernel->name, kernel->count,
                arguments.size());
        return 2;
    }
    given = arguments.data();
    if (!launch(order, seed)) {
        fprintf(stderr, "emulation: %s\n", failure.c_str());
        fflush(stderr);
        _Exit(3);
    }
    FILE* out = fopen(words[3], "wb");
    for (size_t i = 0; out && i < arguments.size(); ++i) {
        if (sizes[i] >= 0) fwrite(arguments[i].pointer, 1, sizes[i], out);
        free(arguments[i].pointer);
    }
    return out && !fclose(out) ? 0 : 2;
}
}  // namespace emulated
