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
 *
 * The memory of a scan and its descriptor of /proc are had from the start. Only a tree of more than LIST_MIN needs more memory, and who
 * finds no place in the list is killed without having been frozen.
 */
#include "tree.h"

#include "sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PID_LIMIT = 1 << 22, READINGS_MAX = 16, LIST_MIN = 64, ENTRIES = 4096 };

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
    struct process *list;
    size_t count, capacity, zombies;
};

/* Of the one scan at a time. */
static int proc = -1;
static uint8_t *known; /* a bit for each pid that needs no look any more; touched only where there are processes */
static struct process first_list[LIST_MIN];
static bool blind; /* something could not be looked at for want of descriptors or memory */

int tree_prepare(void)
{
    if (proc >= 0)
        close(proc); /* the parent's: its position is shared */
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return errno;
    if (known)
        return 0;
    void *memory = mmap(NULL, PID_LIMIT / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return errno;
    known = memory;
    return 0;
}

static int open_in(int directory, const char *path, int flags)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | flags);
    blind |= fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
    return fd;
}

bool read_stat(pid_t pid, struct stat_line *out)
{
    char path[32], line[1024];
    snprintf(path, sizeof path, "%d/stat", pid);
    int fd = open_in(proc, path, 0);
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

static bool is_known(pid_t pid)
{
    return known[pid / 8] & 1 << pid % 8;
}

static void make_known(pid_t pid)
{
    known[pid / 8] |= (uint8_t)(1 << pid % 8);
}

void tree_spare(pid_t child)
{
    if (child < PID_LIMIT)
        make_known(child);
}

static const struct process *find(const struct scan *s, pid_t pid)
{
    if (is_known(pid))
        for (size_t i = s->count; i-- > 0;)
            if (s->list[i].pid == pid)
                return &s->list[i];
    return NULL;
}

/* A pidfd of a process deeper in the tree, or -1. */
static int hold(const struct scan *s, pid_t pid, pid_t parent_pid, struct stat_line *line)
{
    const struct process *parent = find(s, parent_pid);
    int fd = parent ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0)
        return -1;
    if (read_stat(pid, line) && line->parent == parent_pid && !line->dead &&
        (parent->fd < 0 || send_signal(parent, 0) == 0 || errno == EPERM))
        return fd;
    close(fd);
    return -1;
}

static bool lengthen(struct scan *s)
{
    struct process *list = malloc(2 * s->capacity * sizeof *list);
    if (!list)
        return false;
    memcpy(list, s->list, s->count * sizeof *list);
    if (s->list != first_list)
        free(s->list);
    s->list = list;
    s->capacity *= 2;
    return true;
}

/* Takes a process into the list, and signals it, if it is of the tree and not dead. */
static void admit(struct scan *s, long number, int sig)
{
    struct stat_line line;
    pid_t pid = (pid_t)number;
    if (number <= 0 || number >= PID_LIMIT || is_known(pid) || !read_stat(pid, &line) || line.parent <= 0 || line.parent >= PID_LIMIT)
        return;
    int fd = -1;
    if (line.parent == s->self && line.dead) {
        make_known(pid);
        s->zombies++;
        return;
    }
    if (line.parent != s->self && (fd = hold(s, pid, line.parent, &line)) < 0)
        return;
    const struct process found = {pid, fd};
    if (s->count == s->capacity && !lengthen(s)) { /* the next turn finds it again, if it is still there */
        blind = true;
        if (sig)
            send_signal(&found, sig == SIGSTOP ? SIGKILL : sig);
        if (fd >= 0)
            close(fd);
        return;
    }
    make_known(pid);
    s->list[s->count++] = found;
    if (sig)
        send_signal(&found, sig);
}

static void scan_open(struct scan *s, const struct sweep *sweep)
{
    *s = (struct scan){.self = getpid(), .list = first_list, .capacity = LIST_MIN};
    madvise(known, PID_LIMIT / 8, MADV_DONTNEED); /* zeros, and no memory */
    blind = false;
    if (sweep && sweep->spare)
        sweep->spare(sweep->owner);
}

/* Of getdents64(2): readdir(3) wants memory. */
struct entry {
    uint64_t inode, offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

static long next_number(int directory, struct entry **at, struct entry **end, char *entries)
{
    if (*at == *end) {
        long n = syscall(SYS_getdents64, directory, entries, ENTRIES);
        if (n <= 0)
            return -1;
        *at = (struct entry *)entries;
        *end = (struct entry *)(entries + n);
    }
    long number = strtol((*at)->name, NULL, 10);
    *at = (struct entry *)((char *)*at + (*at)->size);
    return number;
}

static void read_everything(struct scan *s, int sig)
{
    _Alignas(struct entry) char entries[ENTRIES];
    struct entry *at = NULL, *end = NULL;
    lseek(proc, 0, SEEK_SET);
    for (long pid; (pid = next_number(proc, &at, &end, entries)) >= 0;)
        admit(s, pid, sig);
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
    _Alignas(struct entry) char entries[ENTRIES];
    struct entry *at = NULL, *end = NULL;
    char path[64];
    bool listed = false;
    snprintf(path, sizeof path, "%d/task", parent);
    int threads = open_in(proc, path, O_DIRECTORY);
    for (long thread; threads >= 0 && (thread = next_number(threads, &at, &end, entries)) >= 0;) {
        snprintf(path, sizeof path, "%ld/children", thread);
        int fd = thread > 0 ? open_in(threads, path, 0) : -1;
        if (fd >= 0) {
            listed = true;
            admit_listed(s, fd, sig);
            close(fd);
        }
    }
    if (threads >= 0)
        close(threads);
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
    if (s->list != first_list)
        free(s->list);
}

void sweep_start(struct sweep *sweep, int64_t now)
{
    sweep->next = now;
    sweep->give_up = sweep->last = now + PATIENCE;
    sweep->pause = PAUSE_MIN;
    sweep->turns = 0;
    sweep->awaited = 0;
    sweep->killed = 0;
    sweep->clean = false;
}

void sweep_turn(struct sweep *sweep, int64_t now)
{
    struct scan s;
    size_t killed = 0;
    bool quick = sweep->turns++ < QUICK_TURNS;
    scan_open(&s, sweep);
    for (int i = 0; i < READINGS_MAX && read_tree(&s, quick, SIGSTOP); i++)
        ;
    for (size_t i = 0; i < s.count; i++)
        killed += send_signal(&s.list[i], SIGKILL) == 0;
    sweep->clean = killed + s.zombies == 0 && !blind;
    sweep->awaited = killed + s.zombies;
    sweep->killed += killed;
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
    scan_open(&s, NULL);
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
    scan_open(&s, NULL);
    for (int i = 0; i < READINGS_MAX && s.count < SURVIVORS_MAX && read_tree(&s, false, 0); i++)
        ;
    for (size_t i = 0; i < s.count && n < SURVIVORS_MAX; i++) {
        snprintf(path, sizeof path, "%d", s.list[i].pid);
        if (!read_stat(s.list[i].pid, &line) || line.dead || fstatat(proc, path, &owner, 0) != 0)
            continue;
        list[n] = (struct survivor){.pid = s.list[i].pid, .uid = owner.st_uid};
        memcpy(list[n++].command, line.command, sizeof line.command);
    }
    scan_close(&s);
    return n;
}
