/* Clocks, little-endian loads, and writes that finish. */
#ifndef SYS_H
#define SYS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NEVER INT64_MAX
#define MILLISECOND ((int64_t)1000000)
#define SECOND ((int64_t)1000000000)

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline int64_t monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static inline uint64_t wall_micros(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static inline int64_t after_millis(int64_t now, uint64_t millis)
{
    return millis >= (uint64_t)((NEVER - now) / MILLISECOND) ? NEVER : now + (int64_t)millis * MILLISECOND;
}

static inline int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* For ppoll: NULL waits for ever. */
static inline const struct timespec *until(int64_t deadline, int64_t now, struct timespec *t)
{
    if (deadline == NEVER)
        return NULL;
    int64_t left = deadline > now ? deadline - now : 0;
    t->tv_sec = left / SECOND;
    t->tv_nsec = left % SECOND;
    return t;
}

/* Writes at an offset until done or refused: the bytes written, errno set if fewer than asked. */
static inline size_t write_at(int fd, const void *data, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(fd, (const char *)data + done, size - done, (off_t)(offset + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    return done;
}

#endif
