/* Moves the job's streams into the output log. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>

struct output {
    int file, index;
    int pipes[2]; /* read ends; -1: ended, or merged into the first */
    uint64_t limit;
    bool tail;         /* at the limit the head is dropped, not what comes */
    size_t piece;      /* the most bytes of a read, and of a record that is extended */
    uint64_t earliest, first; /* offset and record where the kept part begins */
    uint64_t end[2], truncated;
    uint64_t records, records_max;
    struct index_record last;
    int64_t last_at; /* monotonic time of its first byte */
    size_t last_size;
    char *buffer;
    bool large[2]; /* the pipe has been enlarged */
    bool over;     /* nothing is kept any more */
    bool limited;  /* because a limit was reached */
    int error;     /* or because of this errno */
};

/* Files and pipes are set by the caller. 0 or an errno: EOPNOTSUPP if the file system cannot drop the head of a file. */
int output_open(struct output *output, uint64_t limit, bool tail);

/* One read from one pipe: whether anything was there. */
bool output_pump(struct output *output, int stream);

/* What the pipes hold now, without waiting for more: somebody outside may keep them open, and even write on. */
void output_drain(struct output *output);

#endif
