#ifndef CCRC64_H
#define CCRC64_H

#include <stddef.h>
#include <stdint.h>

// CRC-64/XZ by carry-less multiplication, which Swift cannot name.

/// Whether this processor has what `dcrc64_update` needs; else use another implementation.
int dcrc64_is_supported(void);

/// The checksum of what came before (`crc`, 0 at the beginning) and of these bytes. Only where `dcrc64_is_supported`.
uint64_t dcrc64_update(uint64_t crc, const void *bytes, size_t count);

#endif
