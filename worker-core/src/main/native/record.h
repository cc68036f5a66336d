/* exit.json. */
#ifndef RECORD_H
#define RECORD_H

#include "input.h"
#include "output.h"
#include "protocol.h"
#include "tree.h"

#include <stdbool.h>
#include <sys/types.h>

enum { RECORD_SIZE = 4096 };

struct ending {
    pid_t pid;
    bool known; /* wait_status is; else the main process is a survivor */
    int wait_status;
    uint32_t cause;
    char requester[REQUESTER_MAX + 1];
    size_t requester_length;
    bool grace_exceeded;
    uint64_t start_micros, end_micros;
    size_t survivor_count;
    struct survivor survivors[SURVIVORS_MAX];
};

/* Takes the resource usage of everything that was reaped. The size of the text. */
size_t record_format(char text[static RECORD_SIZE], const struct ending *ending, const struct output *output,
                     const struct input *input);

#endif
