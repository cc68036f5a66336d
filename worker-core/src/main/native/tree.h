/* Kills whatever descends from this process, without ever signalling a pid that may have been recycled. */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SURVIVORS_MAX = 16 };

struct survivor {
    pid_t pid;
    uid_t uid;
    char command[16];
};

/* A sweep goes on in turns, so that its owner's loop stays alive. Between turns the owner reaps, and says so. */
struct sweep {
    bool (*spares)(const void *owner, pid_t child); /* NULL: nobody is spared */
    const void *owner;
    int64_t next, give_up, last; /* times of the next turn, of resignation as it looks now, and at the latest */
    int64_t pause;
    size_t awaited; /* dying, not reaped yet */
    bool clean;     /* the last turn found nothing that could be killed or reaped */
};

void sweep_start(struct sweep *sweep, int64_t now);
void sweep_turn(struct sweep *sweep, int64_t now);
void sweep_reaped(struct sweep *sweep);

size_t tree_survivors(struct survivor list[static SURVIVORS_MAX]);

#endif
