/* The kernels as a module of Python. Each function does all its work without the interpreter's lock. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

#include <stdlib.h>
#include <string.h>

#define CAPSULE "aerchive_native.igzip"
enum { MOST_ITEMSIZE = 255 };

static int is_itemsize(Py_ssize_t itemsize) {
    if (itemsize >= 1 && itemsize <= MOST_ITEMSIZE) return 1;
    PyErr_Format(PyExc_ValueError, "itemsize %zd is not between 1 and %d", itemsize, MOST_ITEMSIZE);
    return 0;
}

static int are_equally_long(const Py_buffer *one, const Py_buffer *other) {
    if (one->len == other->len) return 1;
    PyErr_Format(PyExc_ValueError, "the buffers have %zd and %zd bytes", one->len, other->len);
    return 0;
}

static int overlap(const Py_buffer *one, const Py_buffer *other) {
    const char *a = one->buf, *b = other->buf;
    if (one->len == 0 || other->len == 0 || a + one->len <= b || b + other->len <= a) return 0;
    PyErr_SetString(PyExc_ValueError, "the buffers overlap");
    return 1;
}

typedef void move(const uint8_t *, uint8_t *, size_t, size_t);

static PyObject *moved(PyObject *args, move *function) {
    Py_buffer source, target;
    Py_ssize_t itemsize;
    if (!PyArg_ParseTuple(args, "y*w*n", &source, &target, &itemsize)) return NULL;
    int fit = is_itemsize(itemsize) && are_equally_long(&source, &target) && !overlap(&source, &target);
    if (fit) {
        Py_BEGIN_ALLOW_THREADS
        function(source.buf, target.buf, (size_t)source.len, (size_t)itemsize);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&source);
    PyBuffer_Release(&target);
    if (!fit) return NULL;
    Py_RETURN_NONE;
}

static PyObject *py_shuffle(PyObject *module, PyObject *args) {
    (void)module;
    return moved(args, shuffle_bytes);
}

static PyObject *py_unshuffle(PyObject *module, PyObject *args) {
    (void)module;
    return moved(args, unshuffle_bytes);
}

typedef ptrdiff_t piece_maker(const uint8_t *, size_t, uint8_t *, size_t);

/* What a maker of pieces gives, or a piece of stored blocks is None. */
static PyObject *piece_of(PyObject *args, piece_maker *make) {
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "y*", &data)) return NULL;
    size_t room = (size_t)data.len + (size_t)data.len / 4 + 1024;
    uint8_t *out = malloc(room);
    ptrdiff_t length = NO_MEMORY;
    if (out != NULL) {
        Py_BEGIN_ALLOW_THREADS
        length = make(data.buf, (size_t)data.len, out, room);
        Py_END_ALLOW_THREADS
    }
    PyObject *piece = length < 0 ? PyErr_NoMemory() : PyBytes_FromStringAndSize((char *)out, length);
    free(out);
    PyBuffer_Release(&data);
    return piece;
}

static PyObject *py_entropy(PyObject *module, PyObject *args) {
    (void)module;
    return piece_of(args, entropy_piece);
}

static PyObject *py_runs(PyObject *module, PyObject *args) {
    (void)module;
    return piece_of(args, runs_piece);
}

static PyObject *py_adler32(PyObject *module, PyObject *args) {
    Py_buffer data;
    uint32_t sum;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*", &data)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    sum = adler32_of(data.buf, (size_t)data.len);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(sum);
}

static void free_capsule(PyObject *capsule) { igzip_free(PyCapsule_GetPointer(capsule, CAPSULE)); }

static PyObject *py_igzip(PyObject *module, PyObject *args) {
    int level;
    (void)module;
    if (!PyArg_ParseTuple(args, "i", &level)) return NULL;
    if (level != 1 && level != 3) return PyErr_Format(PyExc_ValueError, "level %d is neither 1 nor 3", level);
    struct igzip *igzip = igzip_new(level);
    if (igzip == NULL) return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(igzip, CAPSULE, free_capsule);
    if (capsule == NULL) igzip_free(igzip);
    return capsule;
}

static PyObject *py_igzip_piece(PyObject *module, PyObject *args) {
    PyObject *capsule;
    Py_buffer data;
    (void)module;
    if (!PyArg_ParseTuple(args, "Oy*", &capsule, &data)) return NULL;
    struct igzip *igzip = PyCapsule_GetPointer(capsule, CAPSULE);
    size_t room = (size_t)data.len + (size_t)data.len / 4 + 1024;
    uint8_t *out = igzip == NULL ? NULL : malloc(room);
    ptrdiff_t length = NO_MEMORY;
    if (out != NULL) {
        Py_BEGIN_ALLOW_THREADS
        length = igzip_piece(igzip, data.buf, (size_t)data.len, out, room);
        Py_END_ALLOW_THREADS
    }
    PyObject *piece = NULL;
    if (length >= 0) piece = PyBytes_FromStringAndSize((char *)out, length);
    else if (igzip != NULL) PyErr_NoMemory();
    free(out);
    PyBuffer_Release(&data);
    return piece;
}

/* Reads the pieces that were made elsewhere: one bytes object or None for each plane. */
static int read_pieces(PyObject *pieces, struct given *given, Py_ssize_t itemsize) {
    if (!PyTuple_Check(pieces) || PyTuple_Size(pieces) != itemsize) {
        PyErr_SetString(PyExc_ValueError, "pieces must be a tuple with one item for each plane");
        return -1;
    }
    for (Py_ssize_t k = 0; k < itemsize; k++) {
        PyObject *piece = PyTuple_GetItem(pieces, k);
        char *data;
        Py_ssize_t size;
        given[k].data = NULL;
        if (piece == Py_None) continue;
        if (PyBytes_AsStringAndSize(piece, &data, &size) < 0) return -1;
        given[k].data = (const uint8_t *)data;
        given[k].size = (size_t)size;
    }
    return 0;
}

static int read_igzip(PyObject *capsule, struct igzip **igzip) {
    *igzip = NULL;
    if (capsule == Py_None) return 0;
    *igzip = PyCapsule_GetPointer(capsule, CAPSULE);
    return *igzip == NULL ? -1 : 0;
}

static int is_complete(const struct recipe *recipe) {
    for (size_t k = 0; k < recipe->itemsize; k++) {
        int coder = recipe->coders[k];
        int has_piece = recipe->pieces[k].data != NULL;
        if (coder >= CODERS) {
            PyErr_Format(PyExc_ValueError, "there is no coder %d", coder);
            return 0;
        }
        if ((coder == QUICK && !recipe->quick && !has_piece) || (coder == CLOSER && !recipe->closer && !has_piece)) {
            PyErr_SetString(PyExc_ValueError, "a plane for igzip has neither a piece nor a compressor");
            return 0;
        }
    }
    return 1;
}

static PyObject *py_pack(PyObject *module, PyObject *args) {
    PyObject *room, *pieces, *quick, *closer, *stream = NULL;
    Py_buffer raw, planes, coders;
    Py_ssize_t itemsize, length = 0;
    struct given given[MOST_ITEMSIZE];
    (void)module;
    if (!PyArg_ParseTuple(args, "z*Ony*OOO", &raw, &room, &itemsize, &coders, &pieces, &quick, &closer)) return NULL;
    if (PyObject_GetBuffer(room, &planes, raw.buf == NULL ? PyBUF_SIMPLE : PyBUF_WRITABLE) < 0) {
        if (raw.buf != NULL) PyBuffer_Release(&raw);
        PyBuffer_Release(&coders);
        return NULL;
    }
    struct recipe recipe = {.itemsize = (size_t)itemsize, .coders = coders.buf, .pieces = given};
    if (!is_itemsize(itemsize)) goto done;
    if (raw.buf != NULL && (!are_equally_long(&raw, &planes) || overlap(&raw, &planes))) goto done;
    if (coders.len != itemsize) {
        PyErr_SetString(PyExc_ValueError, "there must be one coder for each plane");
        goto done;
    }
    if (read_pieces(pieces, given, itemsize) < 0 || read_igzip(quick, &recipe.quick) < 0 ||
        read_igzip(closer, &recipe.closer) < 0 || !is_complete(&recipe))
        goto done;
    stream = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)most_of_planes((size_t)planes.len, (size_t)itemsize));
    if (stream == NULL) goto done;
    uint8_t *out = (uint8_t *)PyBytes_AsString(stream);
    Py_BEGIN_ALLOW_THREADS
    if (raw.buf != NULL) shuffle_bytes(raw.buf, planes.buf, (size_t)planes.len, (size_t)itemsize);
    length = pack_planes(&recipe, planes.buf, (size_t)planes.len, out);
    Py_END_ALLOW_THREADS
    _PyBytes_Resize(&stream, length);
done:
    if (raw.buf != NULL) PyBuffer_Release(&raw);
    PyBuffer_Release(&planes);
    PyBuffer_Release(&coders);
    return stream;
}

static PyObject *py_unpack(PyObject *module, PyObject *args) {
    Py_buffer stream, raw;
    Py_ssize_t itemsize;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*w*n", &stream, &raw, &itemsize)) return NULL;
    int code = -1, fit = is_itemsize(itemsize) && !overlap(&stream, &raw), enough = 1;
    if (fit) {
        Py_BEGIN_ALLOW_THREADS
        if (itemsize == 1) {
            code = expand(stream.buf, (size_t)stream.len, raw.buf, (size_t)raw.len);
        } else {
            uint8_t *planes = malloc(raw.len ? (size_t)raw.len : 1);
            enough = planes != NULL;
            if (enough) {
                code = expand(stream.buf, (size_t)stream.len, planes, (size_t)raw.len);
                if (code == 0) unshuffle_bytes(planes, raw.buf, (size_t)raw.len, (size_t)itemsize);
            }
            free(planes);
        }
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&stream);
    PyBuffer_Release(&raw);
    if (!fit) return NULL;
    if (!enough) return PyErr_NoMemory();
    return PyBool_FromLong(code == 0);
}

static PyMethodDef methods[] = {
    {"shuffle", py_shuffle, METH_VARARGS, "shuffle(raw, planes, itemsize): groups byte k of all items together."},
    {"unshuffle", py_unshuffle, METH_VARARGS, "unshuffle(planes, raw, itemsize): reverses shuffle."},
    {"entropy", py_entropy, METH_VARARGS, "entropy(data) -> bytes: a piece of Huffman codes only."},
    {"runs", py_runs, METH_VARARGS, "runs(data) -> bytes: a piece of Huffman codes and runs of one byte."},
    {"adler32", py_adler32, METH_VARARGS, "adler32(data) -> int"},
    {"igzip", py_igzip, METH_VARARGS, "igzip(level) -> a compressor, for one thread at a time."},
    {"igzip_piece", py_igzip_piece, METH_VARARGS, "igzip_piece(compressor, data) -> bytes"},
    {"pack", py_pack, METH_VARARGS,
     "pack(raw, planes, itemsize, coders, pieces, quick, closer) -> bytes: shuffles raw to planes, unless raw is None, "
     "and returns one zlib stream of the planes."},
    {"unpack", py_unpack, METH_VARARGS,
     "unpack(stream, raw, itemsize) -> bool: expands a zlib stream and reverses the shuffle; False if the stream must be "
     "left to another library, or is damaged."},
    {NULL, NULL, 0, NULL},
};

static int set_up(PyObject *module) {
#ifdef WITH_IGZIP
    PyObject *has_igzip = Py_True;
#else
    PyObject *has_igzip = Py_False;
#endif
#ifdef WITH_LIBDEFLATE
    PyObject *has_libdeflate = Py_True;
#else
    PyObject *has_libdeflate = Py_False;
#endif
    if (PyModule_AddIntConstant(module, "INTERFACE", 1) < 0) return -1;
    if (PyModule_AddObjectRef(module, "HAS_LIBDEFLATE", has_libdeflate) < 0) return -1;
    return PyModule_AddObjectRef(module, "HAS_IGZIP", has_igzip);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, set_up}, {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernels", "Kernels for whole chunks, without the interpreter's lock.", 0, methods, slots,
    NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
