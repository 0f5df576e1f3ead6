/* Pieces of a stream in which bytes are coded one by one, or as runs of one byte, as zlib-ng makes them.

   Where blocks end, and how each is written, are the decisions of zlib-ng: a block has at most 32767 symbols; it is
   stored if that is shorter and if the window still holds its beginning. `struct window` follows what the window holds. */

#include "kernels.h"

#include <string.h>

enum {
    MOST_OF_BLOCK = 32767, /* symbols */
    END_OF_BLOCK = 256,
    FIRST_LENGTH = 257, /* the symbol of a run of 3 bytes */
    LEAST_RUN = 3,
    MOST_RUN = 258,
    HALF = 32768, /* bytes of half a window */
    FIRST_ROOM = 16 * 1024, /* bytes for the output of a call */
    NEAR_END = 262, /* so many bytes before the end of the window its first half is dropped */
};

/* ---- Bits */

struct writer {
    uint8_t *start, *at, *end; /* there are at least eight bytes behind `end` */
    uint64_t bits;
    unsigned number;
};

INLINE void put(struct writer *writer, uint64_t value, unsigned number) {
    writer->bits |= value << writer->number;
    writer->number += number;
}

/* Keeps whole bytes. Afterwards less than 8 bits are pending, so 56 more fit. */
INLINE void settle(struct writer *writer) {
    memcpy(writer->at, &writer->bits, 8);
    writer->at += writer->number >> 3;
    writer->bits >>= writer->number & 56;
    writer->number &= 7;
}

static void align(struct writer *writer) {
    writer->number = (writer->number + 7) & ~7u;
    settle(writer);
}

/* ---- The lengths of codes, as the head of a block has them */

struct head {
    struct code code; /* of the lengths */
    uint8_t symbols[LITERALS + DISTANCES], more[LITERALS + DISTANCES];
    int number, last_in_order;
};

static const uint8_t ORDER[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
enum { REPEAT = 16, FEW_ZEROS = 17, MANY_ZEROS = 18 };

static void add(struct head *head, int symbol, int more) {
    head->symbols[head->number] = (uint8_t)symbol;
    head->more[head->number++] = (uint8_t)more;
    head->code.counts[symbol]++;
}

static void add_lengths(struct head *head, const uint8_t *lengths, int last) {
    int before = -1, count = 0;
    int most = lengths[0] ? 7 : 138, least = lengths[0] ? 4 : 3;
    for (int i = 0; i <= last; i++) {
        int length = lengths[i], next = i < last ? lengths[i + 1] : -1;
        if (++count < most && length == next) continue;
        if (count < least) {
            for (; count > 0; count--) add(head, length, 0);
        } else if (length != 0) {
            if (length != before) add(head, length, 0), count--;
            add(head, REPEAT, count - 3);
        } else if (count <= 10) {
            add(head, FEW_ZEROS, count - 3);
        } else {
            add(head, MANY_ZEROS, count - 11);
        }
        count = 0;
        before = length;
        most = next == 0 ? 138 : length == next ? 6 : 7;
        least = next == 0 || length == next ? 3 : 4;
    }
}

INLINE int bits_after(int symbol) {
    return symbol == REPEAT ? 2 : symbol == FEW_ZEROS ? 3 : symbol == MANY_ZEROS ? 7 : 0;
}

/* Prepares the head and returns its bits, without the three of the kind of block. */
static uint64_t make_head(struct head *head, const struct code *literals, const struct code *distances) {
    uint64_t bits = 5 + 5 + 4;
    head->number = 0;
    memset(head->code.counts, 0, sizeof head->code.counts);
    add_lengths(head, literals->lengths, literals->last);
    add_lengths(head, distances->lengths, distances->last);
    make_code(&head->code, LENGTHS, 7);
    head->last_in_order = LENGTHS - 1;
    while (head->last_in_order >= 3 && head->code.lengths[ORDER[head->last_in_order]] == 0) head->last_in_order--;
    bits += 3 * (uint64_t)(head->last_in_order + 1);
    for (int i = 0; i < head->number; i++) bits += head->code.lengths[head->symbols[i]] + bits_after(head->symbols[i]);
    return bits;
}

static void put_head(struct writer *writer, const struct head *head, const struct code *literals,
                     const struct code *distances) {
    put(writer, (uint64_t)(literals->last + 1 - 257), 5);
    put(writer, (uint64_t)distances->last, 5);
    put(writer, (uint64_t)(head->last_in_order + 1 - 4), 4);
    settle(writer);
    for (int i = 0; i <= head->last_in_order; i++) {
        put(writer, head->code.lengths[ORDER[i]], 3);
        settle(writer);
    }
    for (int i = 0; i < head->number; i++) {
        int symbol = head->symbols[i];
        put(writer, head->code.bits[symbol], head->code.lengths[symbol]);
        put(writer, head->more[i], (unsigned)bits_after(symbol));
        settle(writer);
    }
}

/* ---- Blocks */

/* In `symbols`, a byte is itself, and a run of n bytes is RUN + n. */
enum { RUN = 256 };

/* The symbols of a block: for single bytes the data themselves, else `symbols`. */
struct block {
    const uint8_t *data;
    size_t size; /* bytes of data */
    const uint16_t *symbols; /* or NULL */
    size_t number; /* symbols */
    int is_held; /* whether the window holds its beginning, so that it may be stored */
};

static const uint16_t LEAST_OF[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                      31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
INLINE int bits_of_length(int group) { return group < 8 || group == 28 ? 0 : group / 4 - 1; }


INLINE int group_of(int run) {
    int group = 0;
    if (run == MOST_RUN) return 28;
    if (run < 11) return run - LEAST_RUN;
    while (group < 27 && LEAST_OF[group + 1] <= run) group++;
    return group;
}

static void count_symbols(const struct block *block, struct code *literals, struct code *distances) {
    memset(literals->counts, 0, sizeof literals->counts);
    memset(distances->counts, 0, sizeof distances->counts);
    if (block->symbols == NULL) {
        uint32_t more[3][256] = {{0}}; /* a processor counts equal neighbours faster in different places */
        size_t at = 0;
        for (; at + 4 <= block->size; at += 4) {
            literals->counts[block->data[at]]++;
            more[0][block->data[at + 1]]++;
            more[1][block->data[at + 2]]++;
            more[2][block->data[at + 3]]++;
        }
        for (; at < block->size; at++) literals->counts[block->data[at]]++;
        for (int i = 0; i < 256; i++) literals->counts[i] += more[0][i] + more[1][i] + more[2][i];
    } else {
        uint32_t runs[MOST_RUN + 1] = {0};
        for (size_t i = 0; i < block->number; i++) {
            int symbol = block->symbols[i];
            if (symbol < RUN) literals->counts[symbol]++;
            else runs[symbol - RUN]++;
        }
        for (int run = LEAST_RUN; run <= MOST_RUN; run++) {
            literals->counts[FIRST_LENGTH + group_of(run)] += runs[run];
            distances->counts[0] += runs[run];
        }
    }
    literals->counts[END_OF_BLOCK] = 1;
}

static void fixed_codes(struct code *literals, struct code *distances) {
    for (int i = 0; i < MOST_SYMBOLS; i++) literals->lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    for (int i = 0; i < DISTANCES; i++) distances->lengths[i] = 5;
    number_codes(literals->lengths, MOST_SYMBOLS, literals->bits);
    number_codes(distances->lengths, DISTANCES, distances->bits);
}

static void put_symbols(struct writer *writer, const struct block *block, const struct code *literals,
                        const struct code *distances) {
    struct writer local = *writer;
    if (block->symbols == NULL) {
        uint32_t codes[256];
        size_t at = 0;
        for (int i = 0; i < 256; i++) codes[i] = (uint32_t)literals->lengths[i] << 16 | literals->bits[i];
        for (; at + 3 <= block->size; at += 3) {
            uint32_t one = codes[block->data[at]], two = codes[block->data[at + 1]], three = codes[block->data[at + 2]];
            put(&local, one & 0xFFFF, one >> 16);
            put(&local, two & 0xFFFF, two >> 16);
            put(&local, three & 0xFFFF, three >> 16);
            settle(&local);
        }
        for (; at < block->size; at++) {
            put(&local, literals->bits[block->data[at]], literals->lengths[block->data[at]]);
            settle(&local);
        }
    } else {
        enum { CODE = 27 }; /* bits of a code with what follows it: 15 + 5 + 5 at most; above is their number */
        uint32_t codes[RUN + MOST_RUN + 1];
        for (int i = 0; i < RUN; i++) codes[i] = (uint32_t)literals->lengths[i] << CODE | literals->bits[i];
        for (int run = LEAST_RUN; run <= MOST_RUN; run++) {
            int group = group_of(run), symbol = FIRST_LENGTH + group;
            int bits = literals->lengths[symbol], more = bits_of_length(group);
            codes[RUN + run] = literals->bits[symbol] | (uint32_t)(run - LEAST_OF[group]) << bits |
                               (uint32_t)distances->bits[0] << (bits + more) |
                               (uint32_t)(bits + more + distances->lengths[0]) << CODE;
        }
        size_t i = 0;
        const uint32_t mask = (1u << CODE) - 1;
        for (; i + 2 <= block->number; i += 2) {
            uint32_t one = codes[block->symbols[i]], two = codes[block->symbols[i + 1]];
            put(&local, one & mask, one >> CODE);
            put(&local, two & mask, two >> CODE);
            settle(&local);
        }
        if (i < block->number) {
            put(&local, codes[block->symbols[i]] & mask, codes[block->symbols[i]] >> CODE);
            settle(&local);
        }
    }
    put(&local, literals->bits[END_OF_BLOCK], literals->lengths[END_OF_BLOCK]);
    settle(&local);
    *writer = local;
}

static uint64_t bits_of_symbols(const struct code *literals, const struct code *distances, const uint8_t *lengths,
                                const uint8_t *lengths_of_distances) {
    uint64_t bits = (uint64_t)distances->counts[0] * lengths_of_distances[0];
    for (int i = 0; i < LITERALS; i++) {
        int more = i < FIRST_LENGTH ? 0 : bits_of_length(i - FIRST_LENGTH);
        bits += (uint64_t)literals->counts[i] * (uint64_t)(lengths[i] + more);
    }
    return bits;
}

INLINE int has_room(const struct writer *writer, uint64_t bytes) {
    return bytes + 2 <= (uint64_t)(writer->end - writer->at);
}

/* Writes a block in the shortest of the three ways. */
static int put_block(struct writer *writer, const struct block *block) {
    struct code literals, distances, fixed, fixed_distances;
    struct head head;
    count_symbols(block, &literals, &distances);
    make_code(&literals, LITERALS, 15);
    make_code(&distances, DISTANCES, 15);
    fixed_codes(&fixed, &fixed_distances);
    uint64_t own = make_head(&head, &literals, &distances);
    own = (own + bits_of_symbols(&literals, &distances, literals.lengths, distances.lengths) + 3 + 7) / 8;
    uint64_t known = (bits_of_symbols(&literals, &distances, fixed.lengths, fixed_distances.lengths) + 3 + 7) / 8;
    uint64_t least = known <= own ? known : own;

    if (block->size + 4 <= least && block->is_held) {
        if (!has_room(writer, block->size + 5)) return NO_ROOM;
        put(writer, 0, 3);
        align(writer);
        put(writer, block->size | (block->size ^ 0xFFFF) << 16, 32);
        settle(writer);
        memcpy(writer->at, block->data, block->size);
        writer->at += block->size;
        return 0;
    }
    if (!has_room(writer, least)) return NO_ROOM;
    put(writer, known == least ? 2 : 4, 3);
    if (known == least) {
        settle(writer);
        put_symbols(writer, block, &fixed, &fixed_distances);
    } else {
        put_head(writer, &head, &literals, &distances);
        put_symbols(writer, block, &literals, &distances);
    }
    return 0;
}

/* ---- Pieces */

/* How many of the next bytes, at most `most`, have a value. */
INLINE size_t same_bytes(const uint8_t *data, uint8_t value, size_t most) {
    const uint64_t values = value * 0x0101010101010101u;
    size_t at = 0;
    for (; at + 8 <= most; at += 8) {
        uint64_t word;
        memcpy(&word, data + at, 8);
        if (word != values) return at + (size_t)(__builtin_ctzll(word ^ values) >> 3);
    }
    while (at < most && data[at] == value) at++;
    return at;
}

/* Which part of the data zlib-ng has in its window of two halves. */
struct window {
    size_t size;    /* of the data */
    size_t dropped; /* bytes that are no more in the window */
    size_t loaded;  /* bytes that were or are in the window */
};

/* What zlib-ng does when it wants more data at a place. */
static void load_more(struct window *window, size_t place) {
    do {
        if (place - window->dropped >= 2 * HALF - NEAR_END) window->dropped += HALF;
        if (window->loaded == window->size) break;
        size_t room = window->dropped + 2 * HALF - window->loaded, left = window->size - window->loaded;
        window->loaded += left < room ? left : room;
    } while (window->loaded - place < NEAR_END && window->loaded < window->size);
}

static void put_mark(struct writer *writer) {
    put(writer, 0, 3);
    align(writer);
    put(writer, 0xFFFF0000u, 32);
    settle(writer);
}

/* Ends the piece at a byte with an empty block. The package `zlib-ng` gives the call that does this a room of 16 KiB, and
   twice as much each time it is full; if it becomes full in the empty block, zlib-ng repeats this block.

   `flushed` is the place where the output of this call begins. */
static ptrdiff_t end_piece(struct writer *writer, const uint8_t *flushed) {
    if (!has_room(writer, 12)) return NO_ROOM;
    ptrdiff_t before = writer->at - flushed;
    put_mark(writer);
    ptrdiff_t after = writer->at - flushed;
    for (ptrdiff_t room = FIRST_ROOM; room <= after; room *= 2) {
        if (before >= room) continue;
        put_mark(writer);
        break;
    }
    return writer->at - writer->start;
}

/* The last eight bytes of the room are kept free, because whole words are written. */
static int begin_piece(struct writer *writer, uint8_t *out, size_t room) {
    if (room < 16) return NO_ROOM;
    *writer = (struct writer){.start = out, .at = out, .end = out + room - 8, .bits = 0, .number = 0};
    return 0;
}

FOR_EACH_PROCESSOR
ptrdiff_t entropy_piece(const uint8_t *data, size_t size, uint8_t *out, size_t room) {
    struct writer writer;
    struct window window = {size, 0, 0};
    if (begin_piece(&writer, out, room) < 0) return NO_ROOM;
    size_t start = 0, place = 0;
    for (;;) {
        if (place == window.loaded) {
            load_more(&window, place);
            if (place == window.loaded) break;
        }
        size_t stop = start + MOST_OF_BLOCK < window.loaded ? start + MOST_OF_BLOCK : window.loaded;
        place = stop;
        if (place - start < MOST_OF_BLOCK) continue;
        struct block block = {data + start, place - start, NULL, place - start, start >= window.dropped};
        if (put_block(&writer, &block) < 0) return NO_ROOM;
        start = place;
    }
    const uint8_t *flushed = writer.at;
    if (place > start) {
        struct block block = {data + start, place - start, NULL, place - start, start >= window.dropped};
        if (put_block(&writer, &block) < 0) return NO_ROOM;
    }
    return end_piece(&writer, flushed);
}

FOR_EACH_PROCESSOR
ptrdiff_t runs_piece(const uint8_t *data, size_t size, uint8_t *out, size_t room) {
    struct writer writer;
    struct window window = {size, 0, 0};
    uint16_t symbols[MOST_OF_BLOCK];
    if (begin_piece(&writer, out, room) < 0) return NO_ROOM;
    const uint8_t *flushed = NULL;
    size_t start = 0, place = 0, number = 0;
    for (;;) {
        if (window.loaded - place <= MOST_RUN) {
            load_more(&window, place);
            if (flushed == NULL && window.loaded - place <= MOST_RUN) flushed = writer.at; /* all data were given */
            if (place == window.loaded) break;
        }
        size_t left = window.loaded - place, run = 0;
        if (place > 0 && left >= LEAST_RUN) {
            size_t most = left < MOST_RUN ? left : MOST_RUN;
            run = same_bytes(data + place, data[place - 1], most);
        }
        symbols[number++] = run < LEAST_RUN ? data[place] : (uint16_t)(RUN + run);
        place += run < LEAST_RUN ? 1 : run;
        if (number == MOST_OF_BLOCK) {
            struct block block = {data + start, place - start, symbols, number, start >= window.dropped};
            if (put_block(&writer, &block) < 0) return NO_ROOM;
            start = place;
            number = 0;
        }
    }
    if (number > 0) {
        struct block block = {data + start, place - start, symbols, number, start >= window.dropped};
        if (put_block(&writer, &block) < 0) return NO_ROOM;
    }
    return end_piece(&writer, flushed);
}
