/* Pieces by igzip, of Intel's ISA-L, if its sources were given to the build.

   The calls are those that `aerchive.filters.deflate` makes with the package `isal`, in the same order: the first eight
   bytes are compressed by themselves. */

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#ifdef WITH_IGZIP
#include <igzip_lib.h>

enum { HEAD = 8, FIRST_ROOM = 16 * 1024 };

struct igzip {
    struct isal_zstream stream;
    int level;
    uint8_t *buffer;
    uint32_t buffer_size;
};

static void restart(struct igzip *igzip) {
    isal_deflate_init(&igzip->stream);
    igzip->stream.level = (uint32_t)igzip->level;
    igzip->stream.level_buf = igzip->buffer;
    igzip->stream.level_buf_size = igzip->buffer_size;
    igzip->stream.gzip_flag = IGZIP_DEFLATE;
    igzip->stream.hist_bits = 15;
}

struct igzip *igzip_new(int level) {
    struct igzip *igzip = calloc(1, sizeof *igzip);
    if (igzip == NULL) return NULL;
    igzip->level = level;
    igzip->buffer_size = level == 1 ? ISAL_DEF_LVL1_DEFAULT : level == 2 ? ISAL_DEF_LVL2_DEFAULT : ISAL_DEF_LVL3_DEFAULT;
    igzip->buffer = calloc(1, igzip->buffer_size);
    if (igzip->buffer == NULL) {
        free(igzip);
        return NULL;
    }
    restart(igzip);
    return igzip;
}

void igzip_free(struct igzip *igzip) {
    if (igzip == NULL) return;
    free(igzip->buffer);
    free(igzip);
}

/* Gives igzip data and room, first 16 KiB and then twice as much each time, as the package does: igzip ends a block when
   there is no more room. */
static int feed(struct igzip *igzip, const uint8_t *data, size_t size, int flush, const uint8_t *end) {
    struct isal_zstream *stream = &igzip->stream;
    size_t length = 0, more = FIRST_ROOM;
    stream->next_in = (uint8_t *)data;
    stream->avail_in = (uint32_t)size;
    stream->flush = (uint16_t)flush;
    do {
        size_t room = (size_t)(end - stream->next_out);
        stream->avail_out = (uint32_t)(more < room ? more : room);
        if (stream->avail_out == 0 || isal_deflate(stream) != COMP_OK) return -1;
        length += more;
        more = length;
    } while (stream->avail_out == 0);
    return stream->avail_in == 0 ? 0 : -1;
}

ptrdiff_t igzip_piece(struct igzip *igzip, const uint8_t *data, size_t size, uint8_t *out, size_t room) {
    size_t head = igzip->level == 3 ? 0 : size < HEAD ? size : HEAD;
    if (size > UINT32_MAX || room > UINT32_MAX) return NO_ROOM;
    igzip->stream.next_out = out;
    const uint8_t *end = out + room;
    int failed = 0;
    if (igzip->level != 3) failed = feed(igzip, data, head, NO_FLUSH, end) || feed(igzip, data, 0, SYNC_FLUSH, end);
    failed = failed || feed(igzip, data + head, size - head, NO_FLUSH, end);
    failed = failed || feed(igzip, data, 0, FULL_FLUSH, end);
    if (failed) {
        restart(igzip);
        return NO_ROOM;
    }
    return igzip->stream.next_out - out;
}
#else
struct igzip {
    int level;
};
struct igzip *igzip_new(int level) { (void)level; return NULL; }
void igzip_free(struct igzip *igzip) { (void)igzip; }
ptrdiff_t igzip_piece(struct igzip *igzip, const uint8_t *data, size_t size, uint8_t *out, size_t room) {
    (void)igzip, (void)data, (void)size, (void)out, (void)room;
    return NO_ROOM;
}
#endif
