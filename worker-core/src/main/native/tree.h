/* Kills whatever descends from this process, without ever signalling a pid that may have been recycled. */
#ifndef TREE_H
#define TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SURVIVORS_MAX = 16 };

/* Keeps what a scan needs, while it can be had: a tree must be killed however little the machine has left then. 0 or an errno. */
int tree_prepare(void);

/* Keeps what a scan needs, while it can be had: a tree must be killed however little the machine has left. 0 or an errno. */
int tree_prepare(void);

struct survivor {
    pid_t pid;
    uid_t uid;
    char command[16];
};

/* A sweep goes on in turns, so that its owner's loop stays alive. Between turns the owner reaps, and says so. */
struct sweep {
    void (*spare)(const void *owner); /* names the children to spare, with tree_spare; NULL: there are none */
    const void *owner;
    int turns;
    int64_t next, give_up, last; /* times of the next turn, of resignation as it looks now, and at the latest */
    int64_t pause;
    size_t awaited; /* dying, not reaped yet */
    size_t killed;  /* by all turns */
    bool clean;     /* the last turn found nothing that could be killed or reaped */
};

/* Sends a signal to all who descend from this process and can be found. */
void tree_signal(int sig);

void sweep_start(struct sweep *sweep, int64_t now);
void sweep_turn(struct sweep *sweep, int64_t now);
void sweep_reaped(struct sweep *sweep);
void tree_spare(pid_t child);

/* Of /proc/PID/stat, proc(5). */
struct stat_line {
    pid_t parent;
    unsigned long flags; /* PF_... of linux/sched.h */
    bool dead;
    char command[16];
};

bool read_stat(pid_t pid, struct stat_line *out);

size_t tree_survivors(struct survivor list[static SURVIVORS_MAX]);

#endif
