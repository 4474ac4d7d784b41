#include "CCRC64.h"

#if defined(__x86_64__)

#include <immintrin.h>

// The polynomial of CRC-64/XZ, bit-reflected: the highest bit is x^0.
#define POLYNOMIAL 0xC96C5795D7870F42ULL

// Registers of 128 bits are folded: multiplied by the powers of x that stand for the distance to the register they are added to. Constants
// are x^n modulo the polynomial, n one less than the distance in bits of the half that is multiplied: the product of two reflected
// numbers of 64 bits has 127 bits, one too few.
static uint64_t table[256];
static uint64_t next_1[2], next_4[2], next_16[2];
static int has_pclmul, has_vpclmul;

static uint64_t power_of_x(unsigned exponent) {
    uint64_t value = 1ULL << 63;
    while (exponent--) value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
    return value;
}

static void set_distance(uint64_t constants[2], unsigned bits) {
    constants[0] = power_of_x(bits + 63);
    constants[1] = power_of_x(bits - 1);
}

__attribute__((constructor)) static void prepare(void) {
    __builtin_cpu_init();
    has_pclmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    has_vpclmul = has_pclmul && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
    if (!has_pclmul) return;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
        table[byte] = value;
    }
    set_distance(next_1, 128);
    set_distance(next_4, 512);
    set_distance(next_16, 2048);
}

int dcrc64_is_supported(void) { return has_pclmul; }

static uint64_t update_bytes(uint64_t crc, const uint8_t *bytes, size_t count) {
    while (count--) crc = table[(uint8_t)crc ^ *bytes++] ^ (crc >> 8);
    return crc;
}

#define LOAD(offset) _mm_loadu_si128((const __m128i *)(bytes + (offset)))
#define FOLD(value, constants) \
    _mm_xor_si128(_mm_clmulepi64_si128(value, constants, 0x00), _mm_clmulepi64_si128(value, constants, 0x11))

/// What four registers in a row stand for, and the rest of the bytes.
__attribute__((target("pclmul,sse4.1"))) static uint64_t finish(
    __m128i a, __m128i b, __m128i c, __m128i d, const uint8_t *bytes, size_t count) {
    const __m128i by_4 = _mm_set_epi64x((long long)next_4[1], (long long)next_4[0]);
    const __m128i by_1 = _mm_set_epi64x((long long)next_1[1], (long long)next_1[0]);
    for (; count >= 64; bytes += 64, count -= 64) {
        a = _mm_xor_si128(FOLD(a, by_4), LOAD(0));
        b = _mm_xor_si128(FOLD(b, by_4), LOAD(16));
        c = _mm_xor_si128(FOLD(c, by_4), LOAD(32));
        d = _mm_xor_si128(FOLD(d, by_4), LOAD(48));
    }
    b = _mm_xor_si128(FOLD(a, by_1), b);
    c = _mm_xor_si128(FOLD(b, by_1), c);
    d = _mm_xor_si128(FOLD(c, by_1), d);
    for (; count >= 16; bytes += 16, count -= 16) d = _mm_xor_si128(FOLD(d, by_1), LOAD(0));
    // The register is a message of 16 bytes with the same checksum as all before it.
    uint8_t message[16];
    _mm_storeu_si128((__m128i *)message, d);
    return update_bytes(update_bytes(0, message, sizeof message), bytes, count);
}

__attribute__((target("pclmul,sse4.1"))) static uint64_t update_128(uint64_t crc, const uint8_t *bytes, size_t count) {
    const __m128i a = _mm_xor_si128(LOAD(0), _mm_set_epi64x(0, (long long)crc));
    return finish(a, LOAD(16), LOAD(32), LOAD(48), bytes + 64, count - 64);
}

#define LOAD_512(offset) _mm512_loadu_si512((const void *)(bytes + (offset)))
#define FOLD_512(value, constants, next) \
    _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(value, constants, 0x00), _mm512_clmulepi64_epi128(value, constants, 0x11), next, 0x96)

/// The same with four registers of 512 bits; at least 512 bytes.
__attribute__((target("pclmul,sse4.1,avx512f,avx512dq,vpclmulqdq"))) static uint64_t update_512(
    uint64_t crc, const uint8_t *bytes, size_t count) {
    const __m512i by_16 = _mm512_broadcast_i64x2(_mm_set_epi64x((long long)next_16[1], (long long)next_16[0]));
    const __m512i by_4 = _mm512_broadcast_i64x2(_mm_set_epi64x((long long)next_4[1], (long long)next_4[0]));
    __m512i a = _mm512_xor_si512(LOAD_512(0), _mm512_zextsi128_si512(_mm_set_epi64x(0, (long long)crc)));
    __m512i b = LOAD_512(64), c = LOAD_512(128), d = LOAD_512(192);
    for (bytes += 256, count -= 256; count >= 256; bytes += 256, count -= 256) {
        a = FOLD_512(a, by_16, LOAD_512(0));
        b = FOLD_512(b, by_16, LOAD_512(64));
        c = FOLD_512(c, by_16, LOAD_512(128));
        d = FOLD_512(d, by_16, LOAD_512(192));
    }
    b = FOLD_512(a, by_4, b);
    c = FOLD_512(b, by_4, c);
    d = FOLD_512(c, by_4, d);
    return finish(
        _mm512_extracti64x2_epi64(d, 0), _mm512_extracti64x2_epi64(d, 1), _mm512_extracti64x2_epi64(d, 2), _mm512_extracti64x2_epi64(d, 3),
        bytes, count);
}

uint64_t dcrc64_update(uint64_t crc, const void *bytes, size_t count) {
    crc = ~crc;
    if (count >= 512 && has_vpclmul) return ~update_512(crc, bytes, count);
    if (count >= 64) return ~update_128(crc, bytes, count);
    return ~update_bytes(crc, bytes, count);
}

#else

int dcrc64_is_supported(void) { return 0; }
uint64_t dcrc64_update(uint64_t crc, const void *bytes, size_t count) {
    (void)bytes, (void)count;
    return crc;
}

#endif
