// Stands in front of glibc's allocator. Swift's runtime and Foundation allocate through these too, because a program's own symbols
// come before those of the libraries it loads.
#include "CAllocations.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

// The allocator is no parser: its branches would only be noise to the fuzzer.
#define PLAIN __attribute__((no_sanitize("coverage")))

// One thread parses; the fuzzer's own second thread only sleeps and looks at the memory.
static _Thread_local int counting = 0;
static _Thread_local long held = 0, peak = 0, limit = 0;

PLAIN static void grew(long bytes) {
    held += bytes;
    if (held > peak) peak = held;
    if (held <= limit) return;
    counting = 0;
    static const char text[] = "davit-fuzz: the parser holds more memory than one input may cost\n";
    if (write(2, text, sizeof text - 1) < 0) _exit(1);
    abort();
}

PLAIN static void *counted(void *place) {
    if (counting && place) grew((long)malloc_usable_size(place));
    return place;
}

PLAIN void *malloc(size_t size) { return counted(__libc_malloc(size)); }
PLAIN void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }
PLAIN void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
PLAIN void *aligned_alloc(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

PLAIN int posix_memalign(void **place, size_t alignment, size_t size) {
    void *found = __libc_memalign(alignment, size);
    if (!found) return ENOMEM;
    *place = counted(found);
    return 0;
}

PLAIN void *realloc(void *old, size_t size) {
    long before = counting && old ? (long)malloc_usable_size(old) : 0;
    void *place = __libc_realloc(old, size);
    if (!counting || (!place && size)) return place;
    grew((place ? (long)malloc_usable_size(place) : 0) - before);
    return place;
}

PLAIN void free(void *place) {
    if (counting && place) held -= (long)malloc_usable_size(place);
    __libc_free(place);
}

PLAIN void davit_allocations_begin(size_t most) {
    held = peak = 0;
    limit = (long)most;
    counting = 1;
}

PLAIN size_t davit_allocations_end(void) {
    counting = 0;
    return peak > 0 ? (size_t)peak : 0;
}
