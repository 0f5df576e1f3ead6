/* The Adler-32 of RFC 1950: the sum of all bytes, and the sum of all such sums, both modulo 65521. */

#include "kernels.h"

#include <string.h>

enum { BASE = 65521, MOST = 5552 /* so many bytes cannot overflow the sums */, LANES = 64, GROUP = 4 };

typedef uint32_t words __attribute__((vector_size(LANES)));

/* Of LANES bytes, each word of 32 bits gets the sum of its four bytes, or the sum of their multiples by 4, 3, 2 and 1. */
INLINE void add_group(const uint8_t *data, words *sums, words *weighted) {
    words value;
    memcpy(&value, data, LANES);
    words even = value & 0x00FF00FFu, odd = (value >> 8) & 0x00FF00FFu; /* bytes 0 and 2, bytes 1 and 3 */
    words pairs = even + odd;
    *sums += (pairs & 0xFFFFu) + (pairs >> 16);
    /* 4 b0 + 3 b1 + 2 b2 + 1 b3, in halves that do not overflow: 4 b0 + 3 b1, and 2 b2 + b3. */
    words low = even & 0xFFFFu, high = even >> 16, low_odd = odd & 0xFFFFu, high_odd = odd >> 16;
    *weighted += (low << 2) + low_odd + (low_odd << 1) + (high << 1) + high_odd;
}

#ifdef __x86_64__
#include <immintrin.h>

/* The same for whole lines of 32 bytes, of which there are at most MOST bytes. */
__attribute__((target("avx2"))) static void add_lines(const uint8_t *data, size_t size, uint64_t *first, uint64_t *second) {
    const __m256i weights = _mm256_setr_epi8(32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13,
                                             12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1);
    const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
    __m256i sums = zero, weighted = zero, before = zero;
    for (size_t at = 0; at < size; at += 32) {
        __m256i line = _mm256_loadu_si256((const __m256i *)(data + at));
        before = _mm256_add_epi32(before, sums);
        sums = _mm256_add_epi32(sums, _mm256_sad_epu8(line, zero));
        weighted = _mm256_add_epi32(weighted, _mm256_madd_epi16(_mm256_maddubs_epi16(line, weights), ones));
    }
    uint32_t lanes[3][8];
    _mm256_storeu_si256((__m256i *)lanes[0], sums);
    _mm256_storeu_si256((__m256i *)lanes[1], before);
    _mm256_storeu_si256((__m256i *)lanes[2], weighted);
    *second += *first * size;
    for (int lane = 0; lane < 8; lane++) {
        *first += lanes[0][lane];
        *second += 32 * (uint64_t)lanes[1][lane] + lanes[2][lane];
    }
}
#endif

FOR_EACH_PROCESSOR
uint32_t adler32_of(const uint8_t *data, size_t size) {
    uint64_t first = 1, second = 0;
    while (size > 0) {
        size_t part = size < MOST ? size : MOST, at = 0;
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2")) {
            at = part / 32 * 32;
            add_lines(data, at, &first, &second);
        }
#endif
        size_t begun = at;
        words sums = {0}, weighted = {0}, before = {0};
        for (; at + LANES <= part; at += LANES) {
            before += sums;
            add_group(data + at, &sums, &weighted);
        }
        second += first * (at - begun);
        for (int lane = 0; lane < LANES / GROUP; lane++) {
            first += sums[lane];
            /* What a step had before counts LANES times; a word counts as often as bytes follow it, and its own. */
            second += (uint64_t)LANES * before[lane] + (uint64_t)(LANES - GROUP - GROUP * lane) * sums[lane] + weighted[lane];
        }
        for (; at < part; at++) {
            first += data[at];
            second += first;
        }
        first %= BASE;
        second %= BASE;
        data += part;
        size -= part;
    }
    return (uint32_t)(second << 16 | first);
}
