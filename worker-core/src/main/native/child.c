#include "child.h"

#include "sys.h"
#include "tree.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SIGNALS = 64, BUSY_WAIT_FIRST = 500000, BUSY_WAITS = 8 /* doubling: 128 ms in all */ };

#ifndef START_SECONDS
#define START_SECONDS 20
#endif

enum { PF_FORKNOEXEC = 0x40 /* linux/sched.h, shown in proc(5), stat, field 9 */ };

/* Digits only; the highest id means "unchanged" to the kernel. */
static const char *parse_id(const char *text, uint32_t *id)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if ((value = value * 10 + (uint64_t)(*p - '0')) >= UINT32_MAX)
            return NULL;
    *id = (uint32_t)value;
    return p > text ? p : NULL;
}

static int known_account(const struct passwd *entry, struct account *account)
{
    account->uid = entry->pw_uid;
    account->gid = entry->pw_gid;
    account->group_count = 0;
    getgrouplist(entry->pw_name, entry->pw_gid, NULL, &account->group_count);
    account->groups = calloc((size_t)account->group_count + 1, sizeof(gid_t));
    if (!account->groups)
        return ENOMEM;
    return getgrouplist(entry->pw_name, entry->pw_gid, account->groups, &account->group_count) < 0 ? EAGAIN : 0;
}

int account_find(const char *user, struct account *account)
{
    *account = (struct account){0};
    errno = 0;
    struct passwd *entry = getpwnam(user);
    if (entry)
        return known_account(entry, account);
    if (errno && errno != ENOENT)
        return errno; /* not unknown: it could not be asked for */
    const char *end = parse_id(user, &account->uid);
    if (end && *end == 0) {
        account->gid = account->uid;
        if ((entry = getpwuid(account->uid)))
            return known_account(entry, account);
        return errno == ENOENT ? 0 : errno;
    }
    if (end && *end == ':' && (end = parse_id(end + 1, &account->gid)) && *end == 0)
        return 0;
    return ENOENT;
}

/* The kernel's call: the C library keeps two real-time signals from us, which a job must get back as well. */
static void default_signals(void)
{
    static const uint64_t nothing[4]; /* SIG_DFL, no flags, no mask */
    for (int sig = 1; sig <= SIGNALS; sig++)
        syscall(SYS_rt_sigaction, sig, nothing, NULL, sizeof(uint64_t));
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, nothing, NULL, sizeof(uint64_t));
}

static int become(const struct account *a)
{
    return setgroups((size_t)a->group_count, a->groups) == 0 && setresgid(a->gid, a->gid, a->gid) == 0 &&
                   setresuid(a->uid, a->uid, a->uid) == 0
               ? 0
               : -1;
}

/* A program that was just written may still be held open for writing by a fork in flight elsewhere. */
static void try_exec(const char *path, char **argv, char **envp)
{
    struct timespec wait = {0, BUSY_WAIT_FIRST};
    execve(path, argv, envp);
    for (int i = 0; i < BUSY_WAITS && errno == ETXTBSY; i++, wait.tv_nsec *= 2) {
        nanosleep(&wait, NULL);
        execve(path, argv, envp);
    }
}

/* As execvp, but with the job's PATH and without its shell; sets errno. */
static void search_and_exec(char **argv, char **envp)
{
    const char *name = argv[0], *path = NULL;
    if (*name == 0 || strchr(name, '/')) {
        try_exec(name, argv, envp);
        return;
    }
    for (char **e = envp; *e && !path; e++)
        if (strncmp(*e, "PATH=", 5) == 0)
            path = *e + 5;
    int error = ENOENT;
    while (path) {
        char candidate[4096];
        size_t length = strcspn(path, ":");
        int n = snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, path, length ? "/" : "", name);
        path = path[length] ? path + length + 1 : NULL;
        if (n < 0 || (size_t)n >= sizeof candidate)
            continue;
        try_exec(candidate, argv, envp);
        if (errno == EACCES)
            error = EACCES; /* unless a later one works */
        else if (errno != ENOENT && errno != ENOTDIR)
            return;
    }
    errno = error;
}

static uint32_t prepare_and_exec(const struct child *c, pid_t shim)
{
    const struct request *r = c->request;
    if (setsid() < 0)
        return STAGE_STDIO;
    for (int i = 0; i < 3; i++)
        if (dup2(c->streams[i], i) < 0)
            return STAGE_STDIO;
    default_signals();
    umask(r->umask);
    if (setrlimit(RLIMIT_NOFILE, &c->files) != 0)
        return STAGE_LIMIT;
    for (size_t i = 0; i < r->limit_count; i++)
        if (setrlimit((int)r->limits[i].resource, &(struct rlimit){r->limits[i].soft, r->limits[i].hard}) != 0)
            return STAGE_LIMIT;
    if (r->has_nice && setpriority(PRIO_PROCESS, 0, r->nice) != 0)
        return STAGE_NICE;
    if (c->account && become(c->account) != 0)
        return STAGE_USER;
    if (r->flags & NO_NEW_PRIVILEGES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return STAGE_PRIVILEGES;
    /* What a worker that is not root may have of root's powers is not the job's. Kernels without this know no such capabilities. */
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* A change of user clears this, so it comes late. It is a second line: the launcher sweeps after a shim that was killed. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != shim)
        _exit(1);
    if (chdir(r->directory) != 0)
        return STAGE_DIRECTORY;
    search_and_exec(r->argv, r->envp);
    return STAGE_EXEC;
}

/* exec deletes it. SIGKILL also ends who was stopped by another process of his user. */
static void die_after(int seconds)
{
    struct sigevent kill_me = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &kill_me, &timer) == 0)
        timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_sec = seconds}, NULL);
}

/* Of an unreaped child: he may also have been killed before he came to exec, and that closes the pipe as well. */
static bool has_executed(pid_t pid)
{
    struct stat_line line;
    return !read_stat(pid, &line) || !(line.flags & PF_FORKNOEXEC); /* without /proc nobody can tell */
}

struct failure child_start(const struct child *child, pid_t *pid)
{
    int report[2];
    pid_t shim = getpid();
    int64_t begin = monotonic();
    if (pipe2(report, O_CLOEXEC) != 0)
        return (struct failure){STAGE_FORK, (uint32_t)errno};
    /*
     * vfork(2): the job runs in the shim's memory, which waits, until it executes its program, so that nothing is copied. What it changes
     * (streams, signals, limits) is its own. Not for another user, whose processes might look into that memory. Where vfork is only a fork
     * (musl on some architectures, qemu), the pipe waits for it.
     */
    if ((*pid = child->account ? fork() : vfork()) == 0) {
        die_after(START_SECONDS);
        struct failure failure = {.stage = prepare_and_exec(child, shim)};
        failure.error = (uint32_t)errno;
        _exit(write(report[1], &failure, sizeof failure) != sizeof failure);
    }
    struct failure failure = {0};
    if (*pid < 0)
        failure = (struct failure){STAGE_FORK, (uint32_t)errno};
    close(report[1]);
    if (*pid > 0 && read(report[0], &failure, sizeof failure) != sizeof failure && !has_executed(*pid))
        failure = (struct failure){STAGE_EXEC, monotonic() - begin >= START_SECONDS * SECOND ? ETIMEDOUT : ECHILD};
    if (*pid > 0 && failure.stage)
        waitpid(*pid, NULL, 0);
    close(report[0]);
    return failure;
}
