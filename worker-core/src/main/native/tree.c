/*
 * A tree that forks while it is being killed is beaten by freezing it first: /proc is read until a reading finds nobody new,
 * everyone found is stopped the moment he is found, and only then everyone is killed. /proc lists pids in ascending order, so one
 * reading also meets the processes that are forked while it goes on.
 *
 * Whose pid is whose: a direct child cannot vanish before we reap it, and nothing is reaped during a turn, so its pid is safe. Any
 * other process is held by a pidfd; after opening it, its parent must still be a process that is known and not yet reaped.
 * If pidfds are not to be had (old kernel, too many open files), only direct children are killed: theirs then become ours.
 */
#include "tree.h"

#include "sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PID_LIMIT = 1 << 22, READINGS_MAX = 16 };

static const int64_t PATIENCE = 10 * SECOND, STALLED = SECOND, PAUSE_MIN = 10 * MILLISECOND, PAUSE_MAX = 100 * MILLISECOND;

struct process {
    pid_t pid;
    int fd; /* -1: a direct child */
};

struct scan {
    const struct sweep *sweep;
    pid_t self;
    DIR *proc;
    struct process *list;
    size_t count, capacity, zombies;
    uint8_t *known; /* a bit for each pid; touched only where there are processes */
};

struct stat_line {
    pid_t parent;
    bool dead;
    char command[16];
};

static bool read_stat(int proc, pid_t pid, struct stat_line *out)
{
    char path[32], line[1024];
    snprintf(path, sizeof path, "%d/stat", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0)
        return false;
    line[n] = 0;
    /* The name may hold anything, also ") R 1"; what follows it does not. */
    char *open = strchr(line, '('), *shut = strrchr(line, ')');
    char state;
    long threads;
    if (!open || !shut || sscanf(shut, ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld", &state,
                                 &out->parent, &threads) != 3)
        return false;
    *shut = 0;
    snprintf(out->command, sizeof out->command, "%s", open + 1);
    /* The leader of a process whose other threads go on also looks like a zombie. */
    out->dead = (state == 'Z' || state == 'X') && threads <= 1;
    return true;
}

static int send_signal(const struct process *p, int sig)
{
    return p->fd < 0 ? kill(p->pid, sig) : (int)syscall(SYS_pidfd_send_signal, p->fd, sig, NULL, 0);
}

static const struct process *find(const struct scan *s, pid_t pid)
{
    if (s->known[pid / 8] & 1 << pid % 8)
        for (size_t i = s->count; i-- > 0;)
            if (s->list[i].pid == pid)
                return &s->list[i];
    return NULL;
}

/* A pidfd of a process deeper in the tree, or -1. */
static int hold(struct scan *s, pid_t pid, pid_t parent_pid, struct stat_line *line)
{
    const struct process *parent = find(s, parent_pid);
    int fd = parent ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0)
        return -1;
    if (read_stat(dirfd(s->proc), pid, line) && line->parent == parent_pid && !line->dead &&
        (parent->fd < 0 || send_signal(parent, 0) == 0 || errno == EPERM))
        return fd;
    close(fd);
    return -1;
}

static bool admit(struct scan *s, pid_t pid, int sig)
{
    struct stat_line line;
    if (!read_stat(dirfd(s->proc), pid, &line) || line.parent <= 0 || line.parent >= PID_LIMIT)
        return false;
    int fd = -1;
    if (line.parent == s->self) {
        if (s->sweep && s->sweep->spares && s->sweep->spares(s->sweep->owner, pid))
            return false;
        if (line.dead) {
            s->known[pid / 8] |= (uint8_t)(1 << pid % 8);
            s->zombies++;
            return false;
        }
    } else if ((fd = hold(s, pid, line.parent, &line)) < 0) {
        return false;
    }
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct process *list = realloc(s->list, capacity * sizeof *list);
        if (!list) { /* the next turn finds it again */
            if (fd >= 0)
                close(fd);
            return false;
        }
        s->list = list;
        s->capacity = capacity;
    }
    s->known[pid / 8] |= (uint8_t)(1 << pid % 8);
    s->list[s->count++] = (struct process){pid, fd};
    if (sig)
        send_signal(&s->list[s->count - 1], sig);
    return true;
}

static bool scan_open(struct scan *s, const struct sweep *sweep)
{
    *s = (struct scan){.sweep = sweep, .self = getpid(), .proc = opendir("/proc"), .known = calloc(PID_LIMIT / 8, 1)};
    return s->proc && s->known;
}

static bool read_once(struct scan *s, int sig)
{
    bool news = false;
    rewinddir(s->proc);
    for (struct dirent *e; (e = readdir(s->proc));) {
        char *end;
        long pid = strtol(e->d_name, &end, 10);
        if (*end == 0 && pid > 0 && pid < PID_LIMIT && !(s->known[pid / 8] & 1 << pid % 8))
            news |= admit(s, (pid_t)pid, sig);
    }
    return news;
}

static void scan_close(struct scan *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].fd >= 0)
            close(s->list[i].fd);
    free(s->list);
    free(s->known);
    if (s->proc)
        closedir(s->proc);
}

void sweep_start(struct sweep *sweep, int64_t now)
{
    sweep->next = now;
    sweep->give_up = sweep->last = now + PATIENCE;
    sweep->pause = PAUSE_MIN;
    sweep->awaited = 0;
    sweep->clean = false;
}

void sweep_turn(struct sweep *sweep, int64_t now)
{
    struct scan s;
    size_t killed = 0;
    sweep->clean = false;
    if (scan_open(&s, sweep)) {
        for (int i = 0; i < READINGS_MAX && read_once(&s, SIGSTOP); i++)
            ;
        for (size_t i = 0; i < s.count; i++)
            killed += send_signal(&s.list[i], SIGKILL) == 0;
        sweep->clean = killed + s.zombies == 0;
    }
    sweep->awaited = killed + s.zombies;
    scan_close(&s);
    /* If nothing can be killed, who is left refuses or is hidden from us; he may still end by himself. */
    sweep->give_up = sweep->clean ? earlier(sweep->give_up, now + STALLED) : sweep->last;
    sweep->next = now + sweep->pause;
    sweep->pause = earlier(2 * sweep->pause, PAUSE_MAX);
}

void sweep_reaped(struct sweep *sweep)
{
    sweep->pause = PAUSE_MIN;
    if (sweep->awaited > 0 && --sweep->awaited == 0)
        sweep->next = 0;
}

size_t tree_survivors(struct survivor list[static SURVIVORS_MAX])
{
    struct scan s;
    struct stat_line line;
    struct stat owner;
    char path[16];
    size_t n = 0;
    if (scan_open(&s, NULL))
        while (read_once(&s, 0))
            ;
    for (size_t i = 0; i < s.count && n < SURVIVORS_MAX; i++) {
        snprintf(path, sizeof path, "%d", s.list[i].pid);
        if (!read_stat(dirfd(s.proc), s.list[i].pid, &line) || line.dead || fstatat(dirfd(s.proc), path, &owner, 0) != 0)
            continue;
        list[n] = (struct survivor){.pid = s.list[i].pid, .uid = owner.st_uid};
        memcpy(list[n++].command, line.command, sizeof line.command);
    }
    scan_close(&s);
    return n;
}
