/* A start request, decoded. Pure: no system calls. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIMITS_MAX = 16 };

struct request {
    uint64_t start_id;
    const char *folder, *directory, *user; /* user: NULL if it stays the worker's */
    char **argv, **envp;
    struct limit {
        uint32_t resource;
        uint64_t soft, hard;
    } limits[LIMITS_MAX];
    size_t limit_count;
    uint32_t umask, flags, stop_signal;
    int32_t nice;
    bool has_nice;
    uint64_t time_limit, grace, output_limit;
};

/*
 * Decodes a frame, which is changed and must live as long as the request: its texts are terminated in place.
 * 0, EPROTO, or ENOMEM; in every case start_id is what could be read of it and the request is to be freed.
 */
int request_parse(uint8_t *frame, size_t length, struct request *request);

void request_free(struct request *request);

#endif
