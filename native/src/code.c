/* Huffman codes of limited length, as zlib-ng makes them.

   Many codes are equally short. The one of zlib-ng follows from the order in which its heap gives equal counts: first the
   lower tree, then what the moves of the heap leave; and codes that are too long are shortened in its way. */

#include "kernels.h"

#include <string.h>

enum { MOST_NODES = 2 * MOST_SYMBOLS + 1 };

struct forest {
    uint32_t counts[MOST_NODES];
    uint16_t parents[MOST_NODES];
    uint8_t depths[MOST_NODES];
    int heap[MOST_NODES + 1];
    int size;
};

INLINE int is_before(const struct forest *forest, int one, int other) {
    uint32_t a = forest->counts[one], b = forest->counts[other];
    return a < b || (a == b && forest->depths[one] <= forest->depths[other]);
}

static void sink(struct forest *forest, int place) {
    int *heap = forest->heap, node = heap[place];
    for (int child = 2 * place; child <= forest->size; child *= 2) {
        if (child < forest->size && is_before(forest, heap[child + 1], heap[child])) child++;
        if (is_before(forest, node, heap[child])) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = node;
}

void make_code(struct code *code, int symbols, int most) {
    struct forest forest;
    int order[MOST_NODES], ordered = 0; /* the nodes, in the order in which they leave the heap */
    int node = symbols, overflow = 0, per_length[16] = {0};
    uint8_t depths[MOST_NODES];         /* below the root */

    forest.size = 0;
    code->last = -1;
    memset(code->lengths, 0, sizeof code->lengths);
    for (int symbol = 0; symbol < symbols; symbol++) {
        forest.counts[symbol] = code->counts[symbol];
        forest.depths[symbol] = 0;
        if (code->counts[symbol]) forest.heap[++forest.size] = code->last = symbol;
    }
    while (forest.size < 2) { /* a code has at least two symbols */
        int more = code->last < 2 ? ++code->last : 0;
        forest.heap[++forest.size] = more;
        forest.counts[more] = 1;
        forest.depths[more] = 0;
    }
    for (int place = forest.size / 2; place > 0; place--) sink(&forest, place);
    do {
        int one = forest.heap[1], other;
        forest.heap[1] = forest.heap[forest.size--];
        sink(&forest, 1);
        other = forest.heap[1];
        order[ordered++] = one;
        order[ordered++] = other;
        forest.counts[node] = forest.counts[one] + forest.counts[other];
        forest.depths[node] =
            (uint8_t)(1 + (forest.depths[one] > forest.depths[other] ? forest.depths[one] : forest.depths[other]));
        forest.parents[one] = forest.parents[other] = (uint16_t)node;
        forest.heap[1] = node++;
        sink(&forest, 1);
    } while (forest.size >= 2);

    depths[forest.heap[1]] = 0;
    for (int i = ordered - 1; i >= 0; i--) {
        int length = depths[forest.parents[order[i]]] + 1;
        if (length > most) length = most, overflow++;
        depths[order[i]] = (uint8_t)length;
        if (order[i] >= symbols) continue;
        per_length[length]++;
        code->lengths[order[i]] = (uint8_t)length;
    }
    if (overflow > 0) {
        do { /* a leaf moves down and takes one that is too deep for a brother */
            int length = most - 1;
            while (per_length[length] == 0) length--;
            per_length[length]--;
            per_length[length + 1] += 2;
            per_length[most]--;
            overflow -= 2;
        } while (overflow > 0);
        for (int length = most, i = 0; length > 0; length--) { /* the rarest symbols have the longest codes */
            for (int left = per_length[length]; left > 0;) {
                int one = order[i++];
                if (one >= symbols) continue;
                code->lengths[one] = (uint8_t)length;
                left--;
            }
        }
    }
    number_codes(code->lengths, symbols, code->bits);
}

void number_codes(const uint8_t *lengths, int symbols, uint16_t *bits) {
    unsigned next[17] = {0}, number[16] = {0};
    for (int symbol = 0; symbol < symbols; symbol++) number[lengths[symbol]]++;
    number[0] = 0;
    for (int length = 1; length < 16; length++) next[length + 1] = (next[length] + number[length]) << 1;
    for (int symbol = 0; symbol < symbols; symbol++) {
        int length = lengths[symbol];
        if (length == 0) {
            bits[symbol] = 0;
            continue;
        }
        unsigned value = next[length]++, turned = 0;
        for (int bit = 0; bit < length; bit++) turned |= (value >> bit & 1) << (length - 1 - bit);
        bits[symbol] = (uint16_t)turned;
    }
}
