// Counts what the heap holds while one input is parsed: the bound is about what a parser takes, not about the fuzzer around it.
#ifndef DAVIT_ALLOCATIONS_H
#define DAVIT_ALLOCATIONS_H

#include <stddef.h>

// From here on allocations count. Past `most` bytes held at once the process aborts, so that the input is kept as a finding.
void davit_allocations_begin(size_t most);
// Ends counting. Returns the most bytes held at once since the beginning.
size_t davit_allocations_end(void);
#endif
