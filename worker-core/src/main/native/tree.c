/*
 * A tree that forks while it is being killed is beaten by freezing it first: it is read until a reading finds nobody new, everyone
 * found is stopped the moment he is found, and only then everyone is killed.
 *
 * The first turns follow the kernel's lists of children, which costs as much as the tree is large. If that was not enough (a list may
 * skip entries while it changes, or not be there: CONFIG_PROC_CHILDREN) all of /proc is read. It lists pids in ascending order, so
 * that one reading also meets the processes that are forked while it goes on.
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

#ifndef QUICK_TURNS /* 0 in a test */
#define QUICK_TURNS 2
#endif

enum { PARENT = 4, FLAGS = 9, THREADS = 20 }; /* fields of /proc/PID/stat, as proc(5) counts them */

static const int64_t PATIENCE = 10 * SECOND, STALLED = SECOND, PAUSE_MIN = 10 * MILLISECOND, PAUSE_MAX = 100 * MILLISECOND;

struct process {
    pid_t pid;
    int fd; /* -1: a direct child */
};

struct scan {
    pid_t self;
    DIR *proc;
    struct process *list;
    size_t count, capacity, zombies;
    uint8_t *known; /* a bit for each pid that needs no look any more; touched only where there are processes */
};

bool read_stat(int proc, pid_t pid, struct stat_line *out)
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
    if (!open || !shut)
        return false;
    *shut = 0;
    snprintf(out->command, sizeof out->command, "%s", open + 1);
    char state = shut[2], *at = shut + 3;
    long values[THREADS - PARENT + 1];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char *end;
        values[i] = strtol(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    out->parent = (pid_t)values[0];
    out->flags = (unsigned long)values[FLAGS - PARENT];
    /* The leader of a process whose other threads go on also looks like a zombie. */
    out->dead = (state == 'Z' || state == 'X') && values[THREADS - PARENT] <= 1;
    return true;
}

static int send_signal(const struct process *p, int sig)
{
    return p->fd < 0 ? kill(p->pid, sig) : (int)syscall(SYS_pidfd_send_signal, p->fd, sig, NULL, 0);
}

static bool is_known(const struct scan *s, pid_t pid)
{
    return s->known[pid / 8] & 1 << pid % 8;
}

static void make_known(struct scan *s, pid_t pid)
{
    s->known[pid / 8] |= (uint8_t)(1 << pid % 8);
}

void tree_spare(struct scan *s, pid_t child)
{
    if (child < PID_LIMIT)
        make_known(s, child);
}

static const struct process *find(const struct scan *s, pid_t pid)
{
    if (is_known(s, pid))
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

/* Takes a process into the list, and signals it, if it is of the tree and not dead. */
static void admit(struct scan *s, long number, int sig)
{
    struct stat_line line;
    pid_t pid = (pid_t)number;
    if (number <= 0 || number >= PID_LIMIT || is_known(s, pid) || !read_stat(dirfd(s->proc), pid, &line) || line.parent <= 0 ||
        line.parent >= PID_LIMIT)
        return;
    int fd = -1;
    if (line.parent == s->self && line.dead) {
        make_known(s, pid);
        s->zombies++;
        return;
    }
    if (line.parent != s->self && (fd = hold(s, pid, line.parent, &line)) < 0)
        return;
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct process *list = realloc(s->list, capacity * sizeof *list);
        if (!list) { /* the next turn finds it again */
            if (fd >= 0)
                close(fd);
            return;
        }
        s->list = list;
        s->capacity = capacity;
    }
    make_known(s, pid);
    s->list[s->count++] = (struct process){pid, fd};
    if (sig)
        send_signal(&s->list[s->count - 1], sig);
}

static bool scan_open(struct scan *s, const struct sweep *sweep)
{
    *s = (struct scan){.self = getpid(), .proc = opendir("/proc"), .known = calloc(PID_LIMIT / 8, 1)};
    if (s->proc && s->known && sweep && sweep->spare)
        sweep->spare(sweep->owner, s);
    return s->proc && s->known;
}

static void read_everything(struct scan *s, int sig)
{
    rewinddir(s->proc);
    for (struct dirent *e; (e = readdir(s->proc));)
        admit(s, strtol(e->d_name, NULL, 10), sig);
}

/* Pids, each followed by a space. */
static void admit_listed(struct scan *s, int fd, int sig)
{
    char chunk[4096];
    long pid = 0;
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                pid = pid * 10 + (chunk[i] - '0');
            } else {
                admit(s, pid, sig);
                pid = 0;
            }
}

/* Children belong to the thread that forked them. Whether there was a list at all. */
static bool read_children(struct scan *s, pid_t parent, int sig)
{
    char path[sizeof ((struct dirent *)0)->d_name + sizeof "/children"];
    bool listed = false;
    snprintf(path, sizeof path, "/proc/%d/task", parent);
    DIR *threads = opendir(path);
    for (struct dirent *e; threads && (e = readdir(threads));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/children", e->d_name);
        int fd = openat(dirfd(threads), path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            listed = true;
            admit_listed(s, fd, sig);
            close(fd);
        }
    }
    if (threads)
        closedir(threads);
    return listed;
}

/* Whether there is anybody new. */
static bool read_tree(struct scan *s, bool quick, int sig)
{
    size_t before = s->count;
    if (quick && read_children(s, s->self, sig))
        for (size_t i = 0; i < s->count; i++)
            read_children(s, s->list[i].pid, sig);
    else
        read_everything(s, sig);
    return s->count > before;
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
    sweep->turns = 0;
    sweep->awaited = 0;
    sweep->clean = false;
}

void sweep_turn(struct sweep *sweep, int64_t now)
{
    struct scan s;
    size_t killed = 0;
    bool quick = sweep->turns++ < QUICK_TURNS;
    sweep->clean = false;
    if (scan_open(&s, sweep)) {
        for (int i = 0; i < READINGS_MAX && read_tree(&s, quick, SIGSTOP); i++)
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

void tree_signal(int sig)
{
    struct scan s;
    if (scan_open(&s, NULL))
        for (int i = 0; i < READINGS_MAX && read_tree(&s, false, sig); i++)
            ;
    scan_close(&s);
}

size_t tree_survivors(struct survivor list[static SURVIVORS_MAX])
{
    struct scan s;
    struct stat_line line;
    struct stat owner;
    char path[16];
    size_t n = 0;
    if (scan_open(&s, NULL))
        for (int i = 0; i < READINGS_MAX && s.count < SURVIVORS_MAX && read_tree(&s, false, 0); i++)
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
