/* A disk that can be watched, and that fails when told to: loaded before the C library (LD_PRELOAD).

   It writes down, in order, what a process does to the files of one folder: every write with its bytes, every sync,
   every name that comes and goes. disk.py makes of it what a disk keeps when the power goes at any of these moments.
   A fault is told by the call and the file, and how many such calls still go well before it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096

static int log_file = -1;
static char folder[PATH_MAX];
static size_t folder_length;
static char watched[FILES][64]; /* the name of what is open; "." is the folder itself */
static uint32_t number[FILES];  /* which opening it is */
static uint32_t openings;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static char fault_call[16], fault_end[64];
static long fault_after, fault_times;
static int fault_error, fault_halved;

#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t plain_write(int file, const struct iovec *parts, int count) { return writev(file, parts, count); }

static void note(char what, uint32_t id, uint64_t place, const void *data, size_t length) {
    unsigned char head[17];
    uint32_t size = (uint32_t)length;
    head[0] = (unsigned char)what;
    memcpy(head + 1, &id, 4);
    memcpy(head + 5, &place, 8);
    memcpy(head + 13, &size, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
    int kept = errno;
    if (plain_write(log_file, parts, 2) != (ssize_t)(sizeof head + length)) abort();
    errno = kept;
}

/* From Python: watch a folder, and write down what is done to it. */
void disk_watch(const char *path, const char *log) {
    folder_length = strlen(path);
    memcpy(folder, path, folder_length + 1);
    log_file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (log_file < 0) abort();
}

/* From Python: a word between two calls. */
void disk_mark(const char *text) {
    if (log_file >= 0) note('M', 0, 0, text, strlen(text));
}

/* From Python: calls of this name on files whose name ends so fail, after some that go well; -1 times is for good. */
void disk_fault(const char *call, const char *end, long after, long times, int error) {
    strncpy(fault_call, call, sizeof fault_call - 1);
    strncpy(fault_end, end, sizeof fault_end - 1);
    fault_after = after;
    fault_times = times;
    fault_error = error;
    fault_halved = 0;
}

static int ends_so(const char *name) {
    size_t length = strlen(name), wanted = strlen(fault_end);
    return length >= wanted && strcmp(name + length - wanted, fault_end) == 0;
}

/* Whether this call fails now. */
static int fails(const char *call, const char *name) {
    if (fault_times == 0 || strcmp(call, fault_call) != 0 || !ends_so(name)) return 0;
    if (fault_after > 0) {
        fault_after--;
        return 0;
    }
    if (fault_times > 0) fault_times--;
    errno = fault_error;
    return 1;
}

/* The name of a file straight in the folder, "." for the folder, NULL for any other. */
static const char *inside(const char *path) {
    if (log_file < 0 || path == NULL || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == 0) return ".";
    if (path[folder_length] != '/') return NULL;
    const char *name = path + folder_length + 1;
    return strchr(name, '/') == NULL && strlen(name) < sizeof watched[0] ? name : NULL;
}

static const char *known(int file) {
    return log_file >= 0 && file >= 0 && file < FILES && watched[file][0] ? watched[file] : NULL;
}

static int opened(int file, const char *path, int flags) {
    const char *name = inside(path);
    if (file >= 0 && file < FILES) {
        pthread_mutex_lock(&turn);
        watched[file][0] = 0;
        if (name != NULL) {
            strcpy(watched[file], name);
            number[file] = ++openings;
            note('O', number[file], (uint64_t)flags, name, strlen(name));
        }
        pthread_mutex_unlock(&turn);
    }
    return file;
}

#define MODE                                                                                                           \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

#define OPENS(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                       \
        MODE REAL(int, #name, const char *, int, ...);                                                                 \
        const char *own = inside(path);                                                                                \
        if (own != NULL && fails("open", own)) return -1;                                                              \
        return opened(real(path, flags, mode), path, flags);                                                           \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                                                                 \
    int name(int at, const char *path, int flags, ...) {                                                               \
        MODE REAL(int, #name, int, const char *, int, ...);                                                            \
        return opened(real(at, path, flags, mode), path, flags);                                                       \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

int __open_2(const char *path, int flags) { return open(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open64(path, flags, 0); }

int close(int file) {
    REAL(int, "close", int);
    if (known(file) != NULL) watched[file][0] = 0;
    return real(file);
}

/* How much of a write a disk takes: all, half of it when it fills up right now, or nothing. */
static ssize_t taken(const char *name, size_t length) {
    if (!fails("write", name)) return (ssize_t)length;
    if (fault_error == ENOSPC && !fault_halved && length > 1) {
        fault_halved = 1;
        return (ssize_t)(length / 2);
    }
    return -1;
}

#define PLACED(name, offset)                                                                                           \
    ssize_t name(int file, const void *data, size_t length, offset place) {                                            \
        REAL(ssize_t, #name, int, const void *, size_t, offset);                                                       \
        const char *own = known(file);                                                                                 \
        if (own == NULL) return real(file, data, length, place);                                                       \
        pthread_mutex_lock(&turn);                                                                                     \
        ssize_t done = taken(own, length);                                                                             \
        if (done > 0) done = real(file, data, (size_t)done, place);                                                    \
        if (done > 0) note('W', number[file], (uint64_t)place, data, (size_t)done);                                    \
        pthread_mutex_unlock(&turn);                                                                                   \
        return done;                                                                                                   \
    }
PLACED(pwrite, off_t)
PLACED(pwrite64, off64_t)

ssize_t write(int file, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    const char *own = known(file);
    if (own == NULL) return real(file, data, length);
    pthread_mutex_lock(&turn);
    ssize_t done = taken(own, length);
    if (done > 0) done = real(file, data, (size_t)done);
    if (done > 0) note('W', number[file], (uint64_t)(lseek(file, 0, SEEK_CUR) - done), data, (size_t)done);
    pthread_mutex_unlock(&turn);
    return done;
}

#define CUTS(name, offset)                                                                                             \
    int name(int file, offset length) {                                                                                \
        REAL(int, #name, int, offset);                                                                                 \
        const char *own = known(file);                                                                                 \
        if (own != NULL && fails("truncate", own)) return -1;                                                          \
        pthread_mutex_lock(&turn);                                                                                     \
        int done = real(file, length);                                                                                 \
        if (done == 0 && own != NULL) note('T', number[file], (uint64_t)length, "", 0);                                \
        pthread_mutex_unlock(&turn);                                                                                   \
        return done;                                                                                                   \
    }
CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

#define SYNCS(name)                                                                                                    \
    int name(int file) {                                                                                               \
        REAL(int, #name, int);                                                                                         \
        const char *own = known(file);                                                                                 \
        if (own == NULL) return real(file);                                                                            \
        if (fails("sync", own)) return -1;                                                                             \
        pthread_mutex_lock(&turn);                                                                                     \
        note('S', number[file], 0, "", 0); /* the disk is this model: the real one need not be waited for */           \
        pthread_mutex_unlock(&turn);                                                                                   \
        return 0;                                                                                                      \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    const char *own = inside(path);
    if (own != NULL && fails("unlink", own)) return -1;
    int done = real(path);
    if (done == 0 && own != NULL) {
        pthread_mutex_lock(&turn);
        note('U', 0, 0, own, strlen(own));
        pthread_mutex_unlock(&turn);
    }
    return done;
}
