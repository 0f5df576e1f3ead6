/* HDF5's byte shuffle: it groups byte k of all items together, for each k.

   Sixteen items are moved at a time, as vectors of sixteen bytes. The address of a byte in this block is a number of
   4 + s bits, where 2^s is the size of an item: first the bits of the item's number, then those of the place in the item.
   The shuffle exchanges the two groups, so it turns the address by four bits to the left. To interleave the first half of
   the vectors with the second turns it by one bit: four rounds shuffle, and s rounds do the reverse. */

#include "kernels.h"

#include <string.h>

typedef uint8_t vector __attribute__((vector_size(16)));
enum { WIDTH = 16 };

INLINE vector load(const uint8_t *at) {
    vector value;
    memcpy(&value, at, WIDTH);
    return value;
}

INLINE void keep(uint8_t *at, vector value) { memcpy(at, &value, WIDTH); }

INLINE void interleave(vector *block, int vectors) {
    const vector low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    const vector high = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    vector turned[WIDTH];
#pragma GCC unroll 16
    for (int i = 0; i < vectors / 2; i++) {
        turned[2 * i] = __builtin_shuffle(block[i], block[i + vectors / 2], low);
        turned[2 * i + 1] = __builtin_shuffle(block[i], block[i + vectors / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < vectors; i++) block[i] = turned[i];
}

/* Planes are often a power of two apart, so that their bytes compete for the same few lines of a cache. Therefore whole
   lines are written: of four blocks. */
INLINE size_t shuffle_blocks(const uint8_t *raw, uint8_t *planes, size_t length, int itemsize) {
    enum { BLOCKS = 4 };
    size_t at = 0;
    for (; at + WIDTH * BLOCKS <= length; at += WIDTH * BLOCKS) {
        vector lines[WIDTH][BLOCKS];
#pragma GCC unroll 4
        for (int part = 0; part < BLOCKS; part++) {
            vector block[WIDTH];
            const uint8_t *from = raw + (at + (size_t)(WIDTH * part)) * itemsize;
#pragma GCC unroll 16
            for (int i = 0; i < itemsize; i++) block[i] = load(from + WIDTH * i);
#pragma GCC unroll 4
            for (int round = 0; round < 4; round++) interleave(block, itemsize);
#pragma GCC unroll 16
            for (int i = 0; i < itemsize; i++) lines[i][part] = block[i];
        }
#pragma GCC unroll 16
        for (int i = 0; i < itemsize; i++) memcpy(planes + i * length + at, lines[i], sizeof lines[i]);
    }
    return at;
}

INLINE size_t unshuffle_blocks(const uint8_t *planes, uint8_t *raw, size_t length, int itemsize, int rounds) {
    size_t at = 0;
    for (; at + WIDTH <= length; at += WIDTH) {
        vector block[WIDTH];
#pragma GCC unroll 16
        for (int i = 0; i < itemsize; i++) block[i] = load(planes + i * length + at);
#pragma GCC unroll 4
        for (int round = 0; round < rounds; round++) interleave(block, itemsize);
#pragma GCC unroll 16
        for (int i = 0; i < itemsize; i++) keep(raw + at * itemsize + WIDTH * i, block[i]);
    }
    return at;
}

FOR_EACH_PROCESSOR
void shuffle_bytes(const uint8_t *raw, uint8_t *planes, size_t size, size_t itemsize) {
    size_t length = size / itemsize, done = 0;
    switch (itemsize) {
    case 2: done = shuffle_blocks(raw, planes, length, 2); break;
    case 4: done = shuffle_blocks(raw, planes, length, 4); break;
    case 8: done = shuffle_blocks(raw, planes, length, 8); break;
    case 16: done = shuffle_blocks(raw, planes, length, 16); break;
    }
    for (size_t at = done; at < length; at++)
        for (size_t k = 0; k < itemsize; k++) planes[k * length + at] = raw[at * itemsize + k];
    memcpy(planes + length * itemsize, raw + length * itemsize, size - length * itemsize);
}

FOR_EACH_PROCESSOR
void unshuffle_bytes(const uint8_t *planes, uint8_t *raw, size_t size, size_t itemsize) {
    size_t length = size / itemsize, done = 0;
    switch (itemsize) {
    case 2: done = unshuffle_blocks(planes, raw, length, 2, 1); break;
    case 4: done = unshuffle_blocks(planes, raw, length, 4, 2); break;
    case 8: done = unshuffle_blocks(planes, raw, length, 8, 3); break;
    case 16: done = unshuffle_blocks(planes, raw, length, 16, 4); break;
    }
    for (size_t at = done; at < length; at++)
        for (size_t k = 0; k < itemsize; k++) raw[at * itemsize + k] = planes[k * length + at];
    memcpy(raw + length * itemsize, planes + length * itemsize, size - length * itemsize);
}
