/* The Adler-32 of RFC 1950: the sum of all bytes, and the sum of all such sums, both modulo 65521. */

#include "kernels.h"

enum { BASE = 65521, MOST = 5552 /* so many bytes cannot overflow the sums */, LANES = 64 };

FOR_EACH_PROCESSOR
uint32_t adler32_of(const uint8_t *data, size_t size) {
    uint64_t first = 1, second = 0;
    while (size > 0) {
        size_t part = size < MOST ? size : MOST, at = 0;
        /* Each lane sums every 64th byte; `before` sums what it had before each step. 5552 / 64 bytes of at most 255 and
           their sums fit into 16 and 32 bits. */
        uint16_t sums[LANES] = {0};
        uint32_t before[LANES] = {0};
        for (; at + LANES <= part; at += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                before[lane] += sums[lane];
                sums[lane] = (uint16_t)(sums[lane] + data[at + lane]);
            }
        }
        second += first * at;
        uint64_t total = 0, sooner = 0;
        for (int lane = 0; lane < LANES; lane++) {
            total += sums[lane];
            sooner += (uint64_t)LANES * before[lane] + (uint64_t)(LANES - lane) * sums[lane];
        }
        first += total;
        second += sooner;
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
