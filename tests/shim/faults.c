/* Faults of the machine, for the tests: preloaded into the real binary, so that nothing has to be mounted or set.
 *
 * DLQ_FULL_AT=N     from the Nth write to a file of the database on, the disk is full
 * DLQ_READ_ONLY=1   nothing under DLQ_DISK can be opened for writing or made
 * DLQ_CLOCK=S       the wall clock is S seconds ahead (negative: behind)
 * DLQ_EPOLL_AT=N    the Nth wait for events, and each after it, fails with an I/O error
 * DLQ_DISK=DIR      which files the first two mean
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long writes, waits;

static int on_disk_path(const char *path) {
    const char *disk = getenv("DLQ_DISK");
    return disk && path && strncmp(path, disk, strlen(disk)) == 0;
}

static int on_disk(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return on_disk_path(path);
}

/* Whether this write is one too many. */
static int full(int fd) {
    const char *at = getenv("DLQ_FULL_AT");
    if (!at || !on_disk(fd)) return 0;
    if (atomic_fetch_add(&writes, 1) + 1 < atol(at)) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *b, size_t n) { return full(fd) ? -1 : NEXT(write)(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { return full(fd) ? -1 : NEXT(pwrite)(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { return full(fd) ? -1 : NEXT(pwrite64)(fd, b, n, o); }
int posix_fallocate(int fd, off_t o, off_t n) { return full(fd) ? ENOSPC : NEXT(posix_fallocate)(fd, o, n); }

static int read_only(const char *path, int flags) {
    if (!getenv("DLQ_READ_ONLY") || !on_disk_path(path)) return 0;
    int exists = access(path, F_OK) == 0;
    if ((flags & O_ACCMODE) == O_RDONLY && !((flags & O_CREAT) && !exists)) return 0;
    errno = EROFS;
    return 1;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, int); va_end(rest); \
        return read_only(path, flags) ? -1 : NEXT(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t id, struct timespec *time) {
    int done = NEXT(clock_gettime)(id, time);
    const char *ahead = getenv("DLQ_CLOCK");
    if (ahead && id == CLOCK_REALTIME) time->tv_sec += atol(ahead);
    return done;
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    const char *at = getenv("DLQ_EPOLL_AT");
    if (at && atomic_fetch_add(&waits, 1) + 1 >= atol(at)) {
        errno = EIO;
        return -1;
    }
    return NEXT(epoll_wait)(fd, events, most, timeout);
}
