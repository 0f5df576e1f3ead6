/* One zlib stream in which each plane of a shuffled chunk has its own coder, as `aerchive.filters.planes` makes it. */

#include "kernels.h"

#include <string.h>

enum { MOST_STORED = 65535, ROOM_OF_CONSTANT = 64 };

size_t most_of_planes(size_t size, size_t itemsize) {
    /* A plane is coded to fewer bytes than it has, or stored, or has a single value: then a short plane takes more bytes
       than it has, but never as many more as ROOM_OF_CONSTANT. Writers of whole words want a margin. */
    return size + 5 * (size / MOST_STORED) + (itemsize + 1) * (5 + ROOM_OF_CONSTANT) + 2 * ROOM_OF_CONSTANT;
}

int is_constant(const uint8_t *data, size_t size) {
    if (size == 0 || data[0] != data[size - 1] || data[0] != data[size / 2]) return 0;
    return memcmp(data, data + 1, size - 1) == 0;
}

static uint8_t *store(uint8_t *out, const uint8_t *data, size_t size) {
    while (size > 0) {
        size_t part = size < MOST_STORED ? size : MOST_STORED;
        *out++ = 0;
        *out++ = (uint8_t)part;
        *out++ = (uint8_t)(part >> 8);
        *out++ = (uint8_t)~part;
        *out++ = (uint8_t)(~part >> 8);
        memcpy(out, data, part);
        out += part;
        data += part;
        size -= part;
    }
    return out;
}

/* Codes a plane to fewer bytes than it has, or returns NO_ROOM. */
static ptrdiff_t code_plane(const struct recipe *recipe, size_t number, const uint8_t *plane, size_t size, uint8_t *out) {
    enum { MARGIN = 16 }; /* which the writers of whole words want; most_of_planes has it */
    int coder = number < recipe->itemsize ? recipe->coders[number] : STORED;
    ptrdiff_t length = NO_ROOM;
    if (is_constant(plane, size)) return runs_piece(plane, size, out, size + ROOM_OF_CONSTANT);
    switch (coder) {
    case ENTROPY: length = entropy_piece(plane, size, out, size + MARGIN); break;
    case RUNS: length = runs_piece(plane, size, out, size + MARGIN); break;
    case QUICK:
    case CLOSER:
    case THOROUGH:
        if (recipe->pieces && recipe->pieces[number].data) {
            if (recipe->pieces[number].size >= size) return NO_ROOM;
            memcpy(out, recipe->pieces[number].data, recipe->pieces[number].size);
            return (ptrdiff_t)recipe->pieces[number].size;
        }
        if (coder != THOROUGH) length = igzip_piece(coder == QUICK ? recipe->quick : recipe->closer, plane, size, out, size);
        break;
    }
    return length >= 0 && (size_t)length < size ? length : NO_ROOM;
}

ptrdiff_t pack_planes(const struct recipe *recipe, const uint8_t *planes, size_t size, uint8_t *out) {
    size_t length = size / recipe->itemsize, done = 0, at = 0; /* the bytes from `done` to `at` are still to be stored */
    uint8_t *start = out;
    *out++ = 0x78;
    *out++ = 0x01;
    for (size_t number = 0; number <= recipe->itemsize; number++) {
        size_t part = number < recipe->itemsize ? length : size - length * recipe->itemsize;
        if (part == 0) continue;
        /* The piece is written behind the room for what is to be stored before it, and moved if it is used. */
        uint8_t *after = out + (at - done) + 5 * ((at - done + MOST_STORED - 1) / MOST_STORED);
        ptrdiff_t piece = code_plane(recipe, number, planes + at, part, after);
        if (piece >= 0) {
            store(out, planes + done, at - done);
            out = after + piece;
            done = at + part;
        }
        at += part;
    }
    out = store(out, planes + done, size - done);
    *out++ = 0x03; /* an empty last block with fixed codes */
    *out++ = 0x00;
    uint32_t sum = adler32_of(planes, size);
    for (int shift = 24; shift >= 0; shift -= 8) *out++ = (uint8_t)(sum >> shift);
    return out - start;
}
