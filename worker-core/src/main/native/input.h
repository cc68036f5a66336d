/* Moves what the worker streams into the job's standard input. */
#ifndef INPUT_H
#define INPUT_H

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>

struct input {
    int pipe;          /* write end; -1: not streamed, or over */
    uint64_t written;  /* bytes that the pipe took */
    size_t waiting;    /* bytes that it did not take yet */
    bool ending;       /* the pipe is closed after them */
    uint8_t *buffer;   /* of INPUT_WINDOW */
};

/* Takes over the pipe. 0 or an errno. */
int input_open(struct input *input, int pipe);

/* The part of these bytes that is not there yet. False if it does not follow what is there, or has no room: the worker knows better. */
bool input_take(struct input *input, uint64_t offset, const uint8_t *bytes, size_t size);

/* There are no more than offset bytes; as input_take. */
bool input_end(struct input *input, uint64_t offset);

/* Forgets what the pipe did not take: who gave it is gone, gives it again, or gives something else. */
void input_forget(struct input *input);

/* Gives the pipe what it takes. Whether there is news. */
bool input_pump(struct input *input);

/* Whether that is news. */
bool input_close(struct input *input);

/* As STATUS and the exit record tell it. */
uint64_t input_state(const struct input *input);

#endif
