/* The keeper of one job. */
#ifndef SHIM_H
#define SHIM_H

#include "request.h"

#include <sys/resource.h>
#include <sys/types.h>

struct post {
    int folder, lock, listener, signals;
    int worker; /* a pipe that hangs up when the worker is gone, or its launcher is */
    pid_t worker_pid;
    struct rlimit files;
    volatile unsigned char *answered; /* shared with the launcher: set when the worker has its reply */
};

/* In a fork of the launcher, which has closed everything else. */
_Noreturn void shim_main(const struct request *request, const struct post *post);

void send_failure(uint64_t start_id, uint32_t stage, uint32_t error);

#endif
