/* What the kernels offer each other. None of them knows Python, allocates memory or keeps state between calls. */

#ifndef AERCHIVE_NATIVE_KERNELS_H
#define AERCHIVE_NATIVE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
/* The function is compiled for processors of several generations; which one runs is decided when it is loaded. The
   decision is made before a sanitizer works, so builds with one have a single version. */
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

/* shuffle.c: HDF5's byte shuffle, for items of any size. Bytes after the last whole item are copied unchanged. */
void shuffle_bytes(const uint8_t *raw, uint8_t *planes, size_t size, size_t itemsize);
void unshuffle_bytes(const uint8_t *planes, uint8_t *raw, size_t size, size_t itemsize);

/* adler.c: the Adler-32 of RFC 1950. */
uint32_t adler32_of(const uint8_t *data, size_t size);

/* code.c: Huffman codes of limited length. */
enum { LITERALS = 286, DISTANCES = 30, LENGTHS = 19, MOST_SYMBOLS = 288 };

/* A Huffman code. All arrays have one entry for each symbol. */
struct code {
    uint32_t counts[MOST_SYMBOLS]; /* how often each symbol occurs */
    uint8_t lengths[MOST_SYMBOLS + 1]; /* bits of each symbol; 0 for one that does not occur */
    uint16_t bits[MOST_SYMBOLS];   /* the code of each symbol, the first bit lowest */
    int last;                      /* the greatest symbol that has a code */
};

/* Makes the code for the counts of the first `symbols` symbols, with codes of at most `most` bits. */
void make_code(struct code *code, int symbols, int most);
/* Makes the codes of symbols from their lengths (RFC 1951, 3.2.2). */
void number_codes(const uint8_t *lengths, int symbols, uint16_t *bits);

/* pieces.c: pieces of a stream, as `aerchive.filters.deflate` describes them. */
enum { NO_ROOM = -1, NO_MEMORY = -2 };

/* Each compresses `size` bytes to at most `room` bytes and returns their number, or NO_ROOM. `entropy_piece` gives what
   zlib-ng gives with Z_HUFFMAN_ONLY, `runs_piece` what it gives with Z_RLE, both with level 1, the largest buffers and a
   full flush. */
ptrdiff_t entropy_piece(const uint8_t *data, size_t size, uint8_t *out, size_t room);
ptrdiff_t runs_piece(const uint8_t *data, size_t size, uint8_t *out, size_t room);

/* igzip.c: pieces by igzip, if it was compiled in. */
struct igzip;
struct igzip *igzip_new(int level);
void igzip_free(struct igzip *igzip);
ptrdiff_t igzip_piece(struct igzip *igzip, const uint8_t *data, size_t size, uint8_t *out, size_t room);

/* planes.c: one stream of the planes of a shuffled chunk. */
enum coder { STORED, QUICK, CLOSER, ENTROPY, RUNS, THOROUGH, CODERS };

struct given {
    const uint8_t *data; /* a piece that was made elsewhere, or NULL */
    size_t size;
};
struct recipe {
    size_t itemsize;
    const uint8_t *coders;       /* a coder for each plane */
    const struct given *pieces;  /* for each plane */
    const struct given *constants; /* the piece of a plane of one value, for each value */
    const uint8_t *constant;     /* for each plane, whether all its bytes are equal */
    struct igzip *quick, *closer;
};
/* The greatest size of the stream of a chunk. */
size_t most_of_planes(size_t size, size_t itemsize);
/* Whether all bytes are equal. */
int is_constant(const uint8_t *data, size_t size);
ptrdiff_t pack_planes(const struct recipe *recipe, const uint8_t *planes, size_t size, uint8_t *out);

/* expand.c: expands a zlib stream (RFC 1950) to exactly `size` bytes, if libdeflate was compiled in. Returns 0, or -1. */
int expand(const uint8_t *stream, size_t length, uint8_t *out, size_t size);

#endif
