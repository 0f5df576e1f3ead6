/* Expands a zlib stream (RFC 1950, 1951), of which nothing is trusted.

   A step looks up the next bits in a table. An entry may stand for several bytes, because exponents of amplitudes have
   codes of one or two bits. Far from both ends the steps are not checked one by one: a step reads at most 8 bytes behind
   the place, twice, and writes at most MARGIN bytes, and so many are there. Near the ends each step is checked.

   What no writer of streams makes (incomplete codes other than a single distance) is refused here; the caller then asks
   libdeflate, which decides what is an error. */

#include "kernels.h"

#include <string.h>

enum {
    BITS = 12,           /* of the table of literals and lengths */
    DISTANCE_BITS = 8,
    LONGEST = 15,
    /* A prefix with longer codes has at least two of them, so there are at most 144 with tables of 8 entries. */
    ENTRIES = (1 << BITS) + 144 * (1 << (LONGEST - BITS)),
    DISTANCE_ENTRIES = (1 << DISTANCE_BITS) + 15 * (1 << (LONGEST - DISTANCE_BITS)),
    MARGIN = 258 + 32,
};

/* An entry, from its lowest bit: 6 bits for the number of bits that it takes, 2 for the number of literals, and then
   either up to three literals, or 2 bits for the kind, 4 for the number of further bits, and a value: the least length or
   distance, or the place of another table, whose size is given by the further bits. */
typedef uint32_t entry;
enum kind { INVALID, COPY, END, TABLE };
enum { MOST_TOGETHER = 3 };

INLINE unsigned bits_of(entry e) { return e & 63; }
INLINE unsigned literals_of(entry e) { return e >> 6 & 3; }
INLINE enum kind kind_of(entry e) { return (enum kind)(e >> 8 & 3); }
INLINE unsigned more_of(entry e) { return e >> 10 & 15; }
INLINE unsigned value_of(entry e) { return e >> 14; }
INLINE entry other(enum kind kind, unsigned more, unsigned value) { return (entry)kind << 8 | more << 10 | value << 14; }

struct tables {
    entry literals[ENTRIES];
    entry distances[DISTANCE_ENTRIES];
};

static const uint16_t LEAST_LENGTH[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                          31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};

/* The entry of a symbol, without its bits. */
static entry symbol_entry(int symbol, int is_distance) {
    if (is_distance) {
        unsigned more = symbol < 4 ? 0 : (unsigned)symbol / 2 - 1;
        if (symbol >= 30) return other(INVALID, 0, 0);
        return other(COPY, more, symbol < 4 ? (unsigned)symbol + 1 : ((2u + (symbol & 1)) << more) + 1);
    }
    if (symbol < 256) return 1u << 6 | (entry)symbol << 8;
    if (symbol == 256) return other(END, 0, 0);
    if (symbol >= 286) return other(INVALID, 0, 0);
    unsigned group = (unsigned)symbol - 257;
    return other(COPY, group < 8 || group == 28 ? 0 : group / 4 - 1, LEAST_LENGTH[group]);
}

/* Lets entries of the first table stand for several literals. */
static void join_literals(entry *table) {
    /* From the back: what follows an entry is at a lower place, where there are single literals still. */
    for (uint32_t at = 1u << BITS; at-- > 0;) {
        entry first = table[at];
        while (literals_of(first) > 0 && literals_of(first) < MOST_TOGETHER) {
            entry next = table[at >> bits_of(first)];
            if (literals_of(next) == 0 || bits_of(first) + bits_of(next) > BITS) break;
            first = (first & 0xFFFFFF00u) | (next >> 8 & 0xFF) << (8 + 8 * literals_of(first)) |
                    (literals_of(first) + 1) << 6 | (bits_of(first) + bits_of(next));
        }
        table[at] = first;
    }
}

/* Makes the table of a code. Returns -1 if the code is not complete; a single code of one bit is allowed for distances. */
static int make_table(entry *table, int bits, const uint8_t *lengths, int symbols, int is_distance) {
    uint16_t codes[MOST_SYMBOLS];
    uint8_t longest[1 << BITS];
    uint32_t used = 0, first = 1u << bits, free = first, shortest = 16, has_long = 0;
    for (int i = 0; i < symbols; i++) {
        if (lengths[i] == 0) continue;
        used += 1u << (LONGEST - lengths[i]);
        if (lengths[i] < shortest) shortest = lengths[i];
        if (lengths[i] > bits) has_long = 1;
    }
    if (used != 1u << LONGEST) {
        if (!is_distance || (used != 0 && (used != 1u << (LONGEST - 1) || shortest != 1))) return -1;
        memset(table, 0, first * sizeof *table);
    }
    number_codes(lengths, symbols, codes);
    if (has_long) {
        memset(longest, 0, first);
        for (int i = 0; i < symbols; i++)
            if (lengths[i] > bits && lengths[i] - bits > longest[codes[i] & (first - 1)])
                longest[codes[i] & (first - 1)] = (uint8_t)(lengths[i] - bits);
        for (uint32_t prefix = 0; prefix < first; prefix++) {
            if (longest[prefix] == 0) continue;
            table[prefix] = other(TABLE, longest[prefix], free) | (entry)bits;
            free += 1u << longest[prefix];
        }
    }
    for (int i = 0; i < symbols; i++) {
        if (lengths[i] == 0) continue;
        entry one = symbol_entry(i, is_distance);
        if (lengths[i] <= bits) {
            for (uint32_t at = codes[i]; at < first; at += 1u << lengths[i]) table[at] = one | lengths[i];
            continue;
        }
        entry to = table[codes[i] & (first - 1)];
        uint32_t step = 1u << (lengths[i] - bits);
        for (uint32_t at = codes[i] >> bits; at < 1u << more_of(to); at += step)
            table[value_of(to) + at] = one | (entry)(lengths[i] - bits);
    }
    if (!is_distance && 2 * shortest <= BITS) join_literals(table);
    return 0;
}

struct reader {
    const uint8_t *at, *end;
    uint64_t bits;
    unsigned number;
};

INLINE uint64_t word(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

/* Has at least 56 bits ready; eight bytes can be read. */
INLINE void refill(struct reader *reader) {
    reader->bits |= word(reader->at) << reader->number;
    reader->at += (63 - reader->number) >> 3;
    reader->number |= 56;
}

/* Has as many bits ready as there are. */
static void refill_to_the_end(struct reader *reader) {
    if (reader->end - reader->at >= 8) {
        refill(reader);
        return;
    }
    while (reader->number < 56 && reader->at < reader->end) {
        reader->bits |= (uint64_t)*reader->at++ << reader->number;
        reader->number += 8;
    }
}

INLINE void take(struct reader *reader, unsigned number) {
    reader->bits >>= number;
    reader->number -= number;
}

/* Returns the next bits, at most 16, or -1 if the stream ends before. */
static int next_bits(struct reader *reader, unsigned number) {
    if (reader->number < number) refill_to_the_end(reader);
    if (reader->number < number) return -1;
    int value = (int)(reader->bits & ((1u << number) - 1));
    take(reader, number);
    return value;
}

static const uint8_t ORDER[LENGTHS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static int read_codes(struct reader *reader, struct tables *tables) {
    uint8_t lengths[320] = {0}, small[LENGTHS] = {0};
    uint16_t table[1 << 7]; /* symbol and bits */
    int literals = next_bits(reader, 5), distances = next_bits(reader, 5), number = next_bits(reader, 4);
    if (literals < 0 || distances < 0 || number < 0) return -1;
    literals += 257, distances += 1, number += 4;
    if (literals > LITERALS || distances > DISTANCES) return -1;
    for (int i = 0; i < number; i++) {
        int length = next_bits(reader, 3);
        if (length < 0) return -1;
        small[ORDER[i]] = (uint8_t)length;
    }
    uint32_t used = 0;
    for (int i = 0; i < LENGTHS; i++)
        if (small[i]) used += 1u << (7 - small[i]);
    if (used != 1u << 7) return -1;
    uint16_t codes[LENGTHS];
    number_codes(small, LENGTHS, codes);
    for (int i = 0; i < LENGTHS; i++)
        if (small[i])
            for (uint32_t at = codes[i]; at < 1u << 7; at += 1u << small[i])
                table[at] = (uint16_t)(i << 8 | small[i]);
    for (int i = 0; i < literals + distances;) {
        refill_to_the_end(reader);
        unsigned number_of_bits = table[reader->bits & 127] & 0xFF;
        int symbol = table[reader->bits & 127] >> 8;
        if (number_of_bits > reader->number) return -1;
        take(reader, number_of_bits);
        if (symbol < 16) {
            lengths[i++] = (uint8_t)symbol;
            continue;
        }
        int count = next_bits(reader, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
        if (count < 0 || (symbol == 16 && i == 0)) return -1;
        count += symbol == 18 ? 11 : 3;
        if (count > literals + distances - i) return -1;
        memset(lengths + i, symbol == 16 ? lengths[i - 1] : 0, (size_t)count);
        i += count;
    }
    if (lengths[256] == 0) return -1;
    return make_table(tables->literals, BITS, lengths, literals, 0) < 0
               ? -1
               : make_table(tables->distances, DISTANCE_BITS, lengths + literals, distances, 1);
}

static int fixed_codes(struct tables *tables) {
    uint8_t lengths[MOST_SYMBOLS], distances[32];
    for (int i = 0; i < MOST_SYMBOLS; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    memset(distances, 5, sizeof distances);
    return make_table(tables->literals, BITS, lengths, MOST_SYMBOLS, 0) < 0
               ? -1
               : make_table(tables->distances, DISTANCE_BITS, distances, 32, 1);
}

/* Copies what lies `distance` bytes before; up to 31 bytes more than `length` are written. */
INLINE void copy_far(uint8_t *out, size_t distance, size_t length) {
    const uint8_t *from = out - distance;
    uint8_t *end = out + length;
    if (distance >= 16) {
        do {
            uint8_t part[16];
            memcpy(part, from, 16);
            memcpy(out, part, 16);
            from += 16;
            out += 16;
        } while (out < end);
    } else if (distance >= 8) {
        do {
            uint64_t part = word(from);
            memcpy(out, &part, 8);
            from += 8;
            out += 8;
        } while (out < end);
    } else if (distance == 1) {
        uint64_t part = *from * 0x0101010101010101u;
        do {
            memcpy(out, &part, 8);
            memcpy(out + 8, &part, 8);
            out += 16;
        } while (out < end);
    } else { /* of each word, the first bytes are right, and the others are written again */
        do {
            uint64_t part = word(from);
            memcpy(out, &part, 8);
            from += distance;
            out += distance;
        } while (out < end);
    }
}

/* Writes the literals of an entry, four bytes of which some count. */
INLINE uint8_t *write_literals(uint8_t *out, entry e) {
    uint32_t bytes = e >> 8;
    memcpy(out, &bytes, 4);
    return out + literals_of(e);
}

/* Expands a block with codes. Returns the place behind what it gives, or NULL. */
FOR_EACH_PROCESSOR
static uint8_t *expand_block(struct reader *outer, const struct tables *tables, uint8_t *start, uint8_t *out,
                             uint8_t *end) {
    struct reader reader = *outer;
    const uint64_t mask = (1 << BITS) - 1, distance_mask = (1 << DISTANCE_BITS) - 1;
    for (;;) {
        int is_far = reader.end - reader.at >= 32 && end - out >= MARGIN;
        entry e;
        if (is_far) {
            refill(&reader);
            e = tables->literals[reader.bits & mask];
            /* Four entries with literals take at most 48 of 56 bits; after three at least 20 are left. */
            if (literals_of(e)) {
                take(&reader, bits_of(e));
                out = write_literals(out, e);
                e = tables->literals[reader.bits & mask];
                if (literals_of(e)) {
                    take(&reader, bits_of(e));
                    out = write_literals(out, e);
                    e = tables->literals[reader.bits & mask];
                    if (literals_of(e)) {
                        take(&reader, bits_of(e));
                        out = write_literals(out, e);
                        e = tables->literals[reader.bits & mask];
                        if (literals_of(e)) {
                            take(&reader, bits_of(e));
                            out = write_literals(out, e);
                            continue;
                        }
                    }
                }
                refill(&reader);
            }
        } else {
            refill_to_the_end(&reader);
            e = tables->literals[reader.bits & mask];
        }
        if (kind_of(e) == TABLE && !literals_of(e)) {
            unsigned place = (unsigned)(reader.bits >> BITS) & ((1u << more_of(e)) - 1);
            if (reader.number < BITS) return NULL;
            take(&reader, BITS);
            e = tables->literals[value_of(e) + place];
        }
        if (bits_of(e) > reader.number) return NULL;
        take(&reader, bits_of(e));
        if (literals_of(e)) {
            if ((ptrdiff_t)literals_of(e) > end - out) return NULL;
            for (unsigned i = 0; i < literals_of(e); i++) out[i] = (uint8_t)(e >> (8 + 8 * i));
            out += literals_of(e);
            continue;
        }
        if (kind_of(e) == END) break;
        if (kind_of(e) != COPY || more_of(e) > reader.number) return NULL;
        size_t length = value_of(e) + (size_t)(reader.bits & ((1u << more_of(e)) - 1));
        take(&reader, more_of(e));

        if (!is_far) refill_to_the_end(&reader); /* else 56 bits less at most 20 are ready, and 28 are the most */
        e = tables->distances[reader.bits & distance_mask];
        if (kind_of(e) == TABLE) {
            unsigned place = (unsigned)(reader.bits >> DISTANCE_BITS) & ((1u << more_of(e)) - 1);
            if (reader.number < DISTANCE_BITS) return NULL;
            take(&reader, DISTANCE_BITS);
            e = tables->distances[value_of(e) + place];
        }
        if (kind_of(e) != COPY || bits_of(e) + more_of(e) > reader.number) return NULL;
        take(&reader, bits_of(e));
        size_t distance = value_of(e) + (size_t)(reader.bits & ((1u << more_of(e)) - 1));
        take(&reader, more_of(e));
        if (distance > (size_t)(out - start) || length > (size_t)(end - out)) return NULL;
        if (is_far) {
            copy_far(out, distance, length);
            out += length;
        } else {
            for (; length > 0; length--, out++) *out = *(out - distance);
        }
    }
    *outer = reader;
    return out;
}

/* Gives back whole bytes that were read too early, so that `at` is the next byte. */
static void to_bytes(struct reader *reader) {
    reader->at -= reader->number >> 3;
    reader->bits = 0;
    reader->number = 0;
}

int expand(const uint8_t *stream, size_t length, uint8_t *out, size_t size) {
    struct tables tables;
    uint8_t *start = out, *end = out + size;
    if (length < 8 || (stream[0] & 0x0F) != 8 || stream[0] >> 4 > 7 || stream[1] & 0x20 ||
        (stream[0] << 8 | stream[1]) % 31 != 0)
        return -1;
    struct reader reader = {stream + 2, stream + length, 0, 0};
    for (int is_last = 0; !is_last;) {
        int kind;
        if ((is_last = next_bits(&reader, 1)) < 0 || (kind = next_bits(&reader, 2)) < 0) return -1;
        if (kind == 0) {
            to_bytes(&reader);
            if (reader.end - reader.at < 4) return -1;
            size_t part = reader.at[0] | (size_t)reader.at[1] << 8;
            if ((part ^ 0xFFFF) != (reader.at[2] | (size_t)reader.at[3] << 8)) return -1;
            reader.at += 4;
            if (part > (size_t)(reader.end - reader.at) || part > (size_t)(end - out)) return -1;
            memcpy(out, reader.at, part);
            out += part;
            reader.at += part;
            continue;
        }
        if (kind == 3 || (kind == 1 ? fixed_codes(&tables) : read_codes(&reader, &tables)) < 0) return -1;
        out = expand_block(&reader, &tables, start, out, end);
        if (out == NULL) return -1;
    }
    to_bytes(&reader);
    if (out != end || reader.end - reader.at != 4) return -1;
    uint32_t sum = (uint32_t)reader.at[0] << 24 | (uint32_t)reader.at[1] << 16 | (uint32_t)reader.at[2] << 8 | reader.at[3];
    return sum == adler32_of(start, size) ? 0 : -1;
}
