/* Expands a zlib stream (RFC 1950, 1951), of which nothing is trusted.

   A step looks up the next bits in a table. An entry may stand for several bytes, because exponents of amplitudes have
   codes of one or two bits. Far from both ends the steps are not checked one by one: a step reads at most 8 bytes behind
   the place, twice, and writes at most MARGIN bytes, and so many are there. Near the ends each step is checked.

   What no writer of streams makes (incomplete codes other than a single distance) is refused here; the caller then asks
   libdeflate, which decides what is an error. */

#include "kernels.h"

#include <string.h>

enum {
    BITS = 11,           /* of the table of literals and lengths */
    DISTANCE_BITS = 8,
    LONGEST = 15,
    /* A prefix with longer codes has at least two of them, so there are at most 144 with tables of 16 entries. */
    ENTRIES = (1 << BITS) + 144 * (1 << (LONGEST - BITS)),
    DISTANCE_ENTRIES = (1 << DISTANCE_BITS) + 15 * (1 << (LONGEST - DISTANCE_BITS)),
    MARGIN = 258 + 32,
    SHORT = 5 /* codes of so many bits make it worth while to look for several in an entry */
};

/* An entry: the bits that it takes, the number of literals, the kind if there is none, the further bits of a length or
   distance, and a value: up to four literals, the least length or distance, or the place of another table. */
struct entry {
    uint8_t bits, literals, kind, more;
    uint32_t value;
};
enum kind { INVALID, LITERAL, COPY, END, TABLE };

struct tables {
    struct entry literals[ENTRIES];
    struct entry distances[DISTANCE_ENTRIES];
};

static const uint16_t LEAST_LENGTH[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                          31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};

static struct entry symbol_entry(int symbol, int is_distance) {
    struct entry entry = {0, 0, INVALID, 0, 0};
    if (is_distance) {
        if (symbol >= 30) return entry;
        entry.kind = COPY;
        entry.more = (uint8_t)(symbol < 4 ? 0 : symbol / 2 - 1);
        entry.value = symbol < 4 ? (uint32_t)symbol + 1 : ((2u + (symbol & 1)) << entry.more) + 1;
    } else if (symbol < 256) {
        entry.kind = LITERAL;
        entry.literals = 1;
        entry.value = (uint32_t)symbol;
    } else if (symbol == 256) {
        entry.kind = END;
    } else if (symbol < 286) {
        int group = symbol - 257;
        entry.kind = COPY;
        entry.more = (uint8_t)(group < 8 || group == 28 ? 0 : group / 4 - 1);
        entry.value = LEAST_LENGTH[group];
    }
    return entry;
}

/* Makes the table of a code. Returns -1 if the code is not complete; a single code of one bit is allowed for distances. */
static int make_table(struct entry *table, int bits, const uint8_t *lengths, int symbols, int is_distance) {
    uint16_t codes[MOST_SYMBOLS];
    uint8_t longest[1 << BITS] = {0};
    uint32_t used = 0, first = 1u << bits, free = first, shortest = 16;
    for (int i = 0; i < symbols; i++) {
        if (lengths[i] == 0) continue;
        used += 1u << (LONGEST - lengths[i]);
        if (lengths[i] < shortest) shortest = lengths[i];
    }
    if (used != 1u << LONGEST) {
        if (!is_distance || (used != 0 && used != 1u << (LONGEST - 1)) || (used != 0 && shortest != 1)) return -1;
        memset(table, 0, first * sizeof *table);
    }
    number_codes(lengths, symbols, codes);
    for (int i = 0; i < symbols; i++)
        if (lengths[i] > bits && lengths[i] - bits > longest[codes[i] & (first - 1)])
            longest[codes[i] & (first - 1)] = (uint8_t)(lengths[i] - bits);
    for (int i = 0; i < symbols; i++) {
        if (lengths[i] == 0) continue;
        struct entry entry = symbol_entry(i, is_distance);
        if (lengths[i] <= bits) {
            entry.bits = lengths[i];
            for (uint32_t at = codes[i]; at < first; at += 1u << lengths[i]) table[at] = entry;
            continue;
        }
        uint32_t prefix = codes[i] & (first - 1);
        if (longest[prefix] != 0xFF) { /* the first of this prefix */
            struct entry to = {(uint8_t)bits, 0, TABLE, longest[prefix], free};
            table[prefix] = to;
            free += 1u << longest[prefix];
            longest[prefix] = 0xFF;
        }
        entry.bits = (uint8_t)(lengths[i] - bits);
        for (uint32_t at = codes[i] >> bits; at < 1u << table[prefix].more; at += 1u << entry.bits)
            table[table[prefix].value + at] = entry;
    }
    if (!is_distance && shortest <= SHORT) { /* from the back, so that what follows is still a single symbol */
        struct entry single[1 << BITS];
        memcpy(single, table, sizeof single);
        for (uint32_t at = 0; at < first; at++) {
            struct entry *entry = &table[at];
            while (entry->literals > 0 && entry->literals < 4) {
                const struct entry *next = &single[at >> entry->bits];
                if (next->literals != 1 || entry->bits + next->bits > bits) break;
                entry->value |= next->value << (8 * entry->literals);
                entry->literals++;
                entry->bits = (uint8_t)(entry->bits + next->bits);
            }
        }
    }
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
    struct entry table[1 << 7];
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
                table[at] = (struct entry){small[i], 0, 0, 0, (uint32_t)i};
    for (int i = 0; i < literals + distances;) {
        refill_to_the_end(reader);
        struct entry entry = table[reader->bits & 127];
        if (entry.bits > reader->number) return -1;
        take(reader, entry.bits);
        if (entry.value < 16) {
            lengths[i++] = (uint8_t)entry.value;
            continue;
        }
        int count = next_bits(reader, entry.value == 16 ? 2 : entry.value == 17 ? 3 : 7);
        if (count < 0 || (entry.value == 16 && i == 0)) return -1;
        count += entry.value == 18 ? 11 : 3;
        if (count > literals + distances - i) return -1;
        memset(lengths + i, entry.value == 16 ? lengths[i - 1] : 0, (size_t)count);
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

/* Copies what lies `distance` bytes before; up to 15 bytes more than `length` are written. */
INLINE void copy_far(uint8_t *out, size_t distance, size_t length) {
    const uint8_t *from = out - distance;
    if (distance >= 16) {
        for (size_t at = 0; at < length; at += 16) {
            uint8_t part[16];
            memcpy(part, from + at, 16);
            memcpy(out + at, part, 16);
        }
    } else if (distance == 1) {
        memset(out, *from, length);
    } else if (distance >= 8) {
        for (size_t at = 0; at < length; at += 8) {
            uint8_t part[8];
            memcpy(part, from + at, 8);
            memcpy(out + at, part, 8);
        }
    } else {
        for (size_t at = 0; at < length; at++) out[at] = from[at];
    }
}

/* Expands a block with codes. Returns the place behind what it gives, or NULL. */
static uint8_t *expand_block(struct reader *outer, const struct tables *tables, uint8_t *start, uint8_t *out,
                             uint8_t *end) {
    struct reader reader = *outer;
    const uint64_t mask = (1 << BITS) - 1, distance_mask = (1 << DISTANCE_BITS) - 1;
    for (;;) {
        int is_far = reader.end - reader.at >= 32 && end - out >= MARGIN;
        struct entry entry;
        if (is_far) {
            refill(&reader);
            entry = tables->literals[reader.bits & mask];
            /* Four entries of at most 11 bits leave at least 12 of 56. */
            for (int i = 0; i < 4 && entry.literals; i++) {
                memcpy(out, &entry.value, 4);
                out += entry.literals;
                take(&reader, entry.bits);
                entry = tables->literals[reader.bits & mask];
            }
            if (entry.literals) continue;
            if (reader.number < 48) refill(&reader);
        } else {
            refill_to_the_end(&reader);
            entry = tables->literals[reader.bits & mask];
        }
        if (entry.kind == TABLE) {
            uint32_t place = (uint32_t)(reader.bits >> BITS) & ((1u << entry.more) - 1);
            if (reader.number < BITS) return NULL;
            take(&reader, BITS);
            entry = tables->literals[entry.value + place];
        }
        if (entry.bits > reader.number) return NULL;
        take(&reader, entry.bits);
        if (entry.literals) {
            if (entry.literals > end - out) return NULL;
            for (int i = 0; i < entry.literals; i++) *out++ = (uint8_t)(entry.value >> (8 * i));
            continue;
        }
        if (entry.kind == END) break;
        if (entry.kind != COPY || entry.more > reader.number) return NULL;
        size_t length = entry.value + (size_t)(reader.bits & ((1u << entry.more) - 1));
        take(&reader, entry.more);

        if (!is_far) refill_to_the_end(&reader); /* else 48 bits less at most 20 are ready, and 28 are the most */
        entry = tables->distances[reader.bits & distance_mask];
        if (entry.kind == TABLE) {
            uint32_t place = (uint32_t)(reader.bits >> DISTANCE_BITS) & ((1u << entry.more) - 1);
            if (reader.number < DISTANCE_BITS) return NULL;
            take(&reader, DISTANCE_BITS);
            entry = tables->distances[entry.value + place];
        }
        if (entry.kind != COPY || (unsigned)(entry.bits + entry.more) > reader.number) return NULL;
        take(&reader, entry.bits);
        size_t distance = entry.value + (size_t)(reader.bits & ((1u << entry.more) - 1));
        take(&reader, entry.more);
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
