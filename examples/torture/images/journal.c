/* A journal of what a process does to its files, for LD_PRELOAD: each change of the folder $JOURNAL_ROOT, each sync of
 * something in it, and each answer to a socket becomes a record that is appended to $JOURNAL.
 *
 * A change and its record are one step under a lock, so the order of the records is the order of the changes. A sync has
 * two records, since what it covers is what came before it began; an answer has its own before it is sent, so that nobody
 * has it earlier. After $JOURNAL_STOP records the process ends at once, with nothing done that is not written down.
 *
 * Not done: mmap, O_TMPFILE, links, raw system calls; the broker uses none of them on its files. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    uint32_t operation, path_bytes, second_path_bytes, data_bytes;
    uint64_t file, at;
};

enum { ANSWER_BYTES_MAX = 64 << 10, PATH_BYTES = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static char root[PATH_BYTES];
static size_t root_bytes;
static dev_t device;
static uint64_t records, stop_after = UINT64_MAX, syncs;

#define REAL(type, name, ...) \
    static type (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static void record(uint32_t operation, uint64_t file, uint64_t at, const char *path, const char *second, const void *data,
                   size_t bytes) {
    struct head head = {operation, path ? strlen(path) : 0, second ? strlen(second) : 0, bytes, file, at};
    struct iovec parts[4] = {{&head, sizeof head},
                             {(void *)path, head.path_bytes},
                             {(void *)second, head.second_path_bytes},
                             {(void *)data, bytes}};
    size_t whole = sizeof head + head.path_bytes + head.second_path_bytes + bytes;
    if (syscall(SYS_writev, journal, parts, 4) != (long)whole) _exit(98);
    records++;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("JOURNAL_ROOT"), *path = getenv("JOURNAL"), *stop = getenv("JOURNAL_STOP");
    struct stat found;
    if (!folder || !path) return;
    snprintf(root, sizeof root, "%s", folder);
    root_bytes = strlen(root);
    journal = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0 || fstat(journal, &found)) _exit(99);
    device = found.st_dev; /* the journal lies beside the folder */
    if (stop) stop_after = strtoull(stop, NULL, 10);
    record('P', 0, 0, NULL, NULL, NULL, 0);
}

/* Between two changes, so that what is done and what is written down are the same. */
static void release(void) {
    if (records >= stop_after) _exit(97);
    pthread_mutex_unlock(&lock);
}

static int is_ours(const char *path) {
    return journal >= 0 && path && !strncmp(path, root, root_bytes) && (!path[root_bytes] || path[root_bytes] == '/');
}

/* The file behind a descriptor, 0 when it is none of ours. */
static uint64_t file_of(int fd) {
    struct stat found;
    if (journal < 0 || fd == journal || fstat(fd, &found) || found.st_dev != device) return 0;
    return S_ISREG(found.st_mode) || S_ISDIR(found.st_mode) ? found.st_ino : 0;
}

static int is_socket(int fd) {
    struct stat found;
    return journal >= 0 && !fstat(fd, &found) && S_ISSOCK(found.st_mode);
}

static int opened(int fd, const char *path, int flags, int was_there) {
    int error = errno;
    if (fd >= 0 && (flags & O_CREAT) && !was_there) record('C', file_of(fd), 0, path + root_bytes, NULL, NULL, 0);
    if (fd >= 0 && (flags & O_TRUNC) && was_there) record('T', file_of(fd), 0, NULL, NULL, NULL, 0);
    errno = error;
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & O_CREAT) { \
            va_list more; \
            va_start(more, flags); \
            mode = va_arg(more, mode_t); \
            va_end(more); \
        } \
        if (!is_ours(path)) return real_##name(path, flags, mode); \
        struct stat found; \
        pthread_mutex_lock(&lock); \
        int was_there = !lstat(path, &found); \
        int fd = opened(real_##name(path, flags, mode), path, flags, was_there); \
        release(); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

static void answers(int fd, const void *data, size_t bytes) {
    if (!is_socket(fd)) return;
    pthread_mutex_lock(&lock);
    record('A', fd, bytes, NULL, NULL, data, bytes < ANSWER_BYTES_MAX ? bytes : ANSWER_BYTES_MAX);
    release();
}

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
    REAL(ssize_t, send, int, const void *, size_t, int);
    answers(fd, data, bytes);
    return real_send(fd, data, bytes, flags);
}

#define SENDFILE(name, offset) \
    ssize_t name(int to, int from, offset *at, size_t bytes) { \
        REAL(ssize_t, name, int, int, offset *, size_t); \
        ssize_t sent = real_##name(to, from, at, bytes); \
        int error = errno; \
        if (sent > 0 && is_socket(to)) { \
            pthread_mutex_lock(&lock); \
            record('F', to, sent, NULL, NULL, NULL, 0); \
            release(); \
        } \
        errno = error; \
        return sent; \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    uint64_t file = file_of(fd);
    if (!file) return real_writev(fd, parts, count);
    pthread_mutex_lock(&lock);
    ssize_t written = real_writev(fd, parts, count);
    int error = errno;
    off_t at = lseek(fd, 0, SEEK_CUR) - written;
    for (ssize_t left = written; left > 0; parts++) {
        size_t bytes = parts->iov_len < (size_t)left ? parts->iov_len : (size_t)left;
        if (bytes) record('W', file, at, NULL, NULL, parts->iov_base, bytes);
        at += bytes;
        left -= bytes;
    }
    errno = error;
    release();
    return written;
}

ssize_t write(int fd, const void *data, size_t bytes) {
    REAL(ssize_t, write, int, const void *, size_t);
    struct iovec part = {(void *)data, bytes};
    return file_of(fd) ? writev(fd, &part, 1) : real_write(fd, data, bytes);
}

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, name, int); \
        uint64_t file = file_of(fd); \
        if (!file) return real_##name(fd); \
        pthread_mutex_lock(&lock); \
        uint64_t number = ++syncs; \
        record('b', file, number, NULL, NULL, NULL, 0); \
        release(); \
        int result = real_##name(fd), error = errno; \
        pthread_mutex_lock(&lock); \
        if (!result) record('S', file, number, NULL, NULL, NULL, 0); \
        errno = error; \
        release(); \
        return result; \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name) \
    int name(int fd, off_t length) { \
        REAL(int, name, int, off_t); \
        uint64_t file = file_of(fd); \
        if (!file) return real_##name(fd, length); \
        pthread_mutex_lock(&lock); \
        int result = real_##name(fd, length), error = errno; \
        if (!result) record('T', file, length, NULL, NULL, NULL, 0); \
        errno = error; \
        release(); \
        return result; \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (!is_ours(from)) return real_rename(from, to);
    pthread_mutex_lock(&lock);
    int result = real_rename(from, to), error = errno;
    if (!result) record('R', 0, 0, from + root_bytes, to + root_bytes, NULL, 0);
    errno = error;
    release();
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    if (!is_ours(path)) return real_mkdir(path, mode);
    struct stat found;
    pthread_mutex_lock(&lock);
    int result = real_mkdir(path, mode), error = errno;
    if (!result && !lstat(path, &found)) record('D', found.st_ino, 0, path + root_bytes, NULL, NULL, 0);
    errno = error;
    release();
    return result;
}

static int removed(int result, const char *path) {
    int error = errno;
    if (!result) record('U', 0, 0, path + root_bytes, NULL, NULL, 0);
    errno = error;
    return result;
}

#define REMOVE(name) \
    int name(const char *path) { \
        REAL(int, name, const char *); \
        if (!is_ours(path)) return real_##name(path); \
        pthread_mutex_lock(&lock); \
        int result = removed(real_##name(path), path); \
        release(); \
        return result; \
    }
REMOVE(unlink)
REMOVE(rmdir)

int unlinkat(int folder, const char *name, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char link[64], path[PATH_BYTES] = "";
    if (folder != AT_FDCWD && name[0] != '/') {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) path[length] = '/', path[length + 1] = 0;
    }
    strncat(path, name, sizeof path - strlen(path) - 1);
    if (!is_ours(path)) return real_unlinkat(folder, name, flags);
    pthread_mutex_lock(&lock);
    int result = removed(real_unlinkat(folder, name, flags), path);
    release();
    return result;
}
