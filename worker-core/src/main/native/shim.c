/*
 * One thread, one loop, no signal handlers: all signals are blocked, SIGCHLD comes through a signalfd, deadlines are poll timeouts.
 * Each turn serves orders and deaths before output, and reads at most once from each pipe, so that a chatty job delays nothing else.
 *
 * The process group is signalled only until the main process is reaped: as long as it is not, its pid, and so its group, is its own.
 */
#include "shim.h"

#include "child.h"
#include "control.h"
#include "input.h"
#include "output.h"
#include "record.h"
#include "sys.h"
#include "tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char WORKER_DIED[] = "death of the worker";
static const char *const FILES[] = {"output", "output.index", "exit.json.tmp"};
enum { OUTPUT, INDEX, RECORD, FILE_COUNT };

static uint8_t received[RECEIVED_MAX]; /* here, as a page that is never written to costs nothing */

struct shim {
    const struct post *post;
    uint32_t flags;
    int stop_signal;
    uint64_t grace;
    int files[FILE_COUNT];
    int made; /* how many of them */
    struct output output;
    struct input input;
    struct control control;
    struct ending ending;
    bool main_gone, childless, killing;
    bool worker_gone;
    int64_t time_limit, kill_at; /* deadlines */
    struct sweep sweep;
};

static void send_reply(const struct reply *reply)
{
    if (write(STDOUT_FILENO, reply, sizeof *reply) < 0)
        return; /* the worker is gone; its successor will find the job */
}

void send_failure(uint64_t start_id, uint32_t stage, uint32_t error)
{
    send_reply(&(struct reply){.start_id = start_id, .stage = stage, .error = error});
}

/* ---- start ---- */

#define FAILURE(stage) ((struct failure){(stage), (uint32_t)errno})
#define DONE ((struct failure){0})

static struct failure make_files(struct shim *s)
{
    static const char reserved[RECORD_SIZE];
    for (; s->made < FILE_COUNT; s->made++) {
        s->files[s->made] = openat(s->post->folder, FILES[s->made], O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (s->files[s->made] < 0)
            return FAILURE(STAGE_FOLDER);
    }
    if (write_at(s->files[RECORD], reserved, sizeof reserved, 0) != sizeof reserved)
        return FAILURE(STAGE_FOLDER);
    s->output.file = s->files[OUTPUT];
    s->output.index = s->files[INDEX];
    return DONE;
}

enum end { READ_END, WRITE_END };

/* Our end must not block; the other one may be opened again through /dev/stdout, also by another user. */
static int make_pipe(enum end our_end, int *ours, int *theirs, const struct account *account)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[our_end], F_SETFL, O_NONBLOCK) != 0)
        return -1;
    *ours = ends[our_end];
    *theirs = ends[!our_end];
    return account && fchown(*theirs, account->uid, (gid_t)-1) != 0 ? fchmod(*theirs, our_end == READ_END ? 0622 : 0644) : 0;
}

static int open_input(struct shim *s, const struct request *r, const struct account *account)
{
    int ours, theirs;
    if (r->flags & STDIN_FILE)
        return openat(s->post->folder, "stdin", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (!(r->flags & STDIN_PIPE))
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    return make_pipe(WRITE_END, &ours, &theirs, account) == 0 && (errno = input_open(&s->input, ours)) == 0 ? theirs : -1;
}

static struct failure start(struct shim *s, const struct request *r)
{
    struct account account;
    struct child child = {.request = r, .files = s->post->files};
    struct failure failure = make_files(s);
    if (failure.stage)
        return failure;
    if ((errno = tree_prepare()) != 0)
        return FAILURE(STAGE_FORK);
    if ((errno = output_open(&s->output, r->output_limit, r->flags & KEEP_TAIL)) != 0)
        return FAILURE(errno == ENOMEM ? STAGE_FORK : STAGE_FOLDER);
    if (r->user) {
        if ((errno = account_find(r->user, &account)) != 0)
            return FAILURE(STAGE_USER);
        child.account = &account;
    }
    if ((child.streams[0] = open_input(s, r, child.account)) < 0)
        return FAILURE(STAGE_STDIO);
    if (make_pipe(READ_END, &s->output.pipes[0], &child.streams[1], child.account) != 0)
        return FAILURE(STAGE_FORK);
    child.streams[2] = child.streams[1];
    if (!(r->flags & MERGE) && make_pipe(READ_END, &s->output.pipes[1], &child.streams[2], child.account) != 0)
        return FAILURE(STAGE_FORK);
    if (write_at(s->post->lock, "S", 1, 0) != 1)
        return FAILURE(STAGE_FOLDER);
    s->ending.start_micros = wall_micros();
    failure = child_start(&child, &s->ending.pid);
    for (int i = 0; i < 3; i++)
        if (i < 2 || child.streams[2] != child.streams[1])
            close(child.streams[i]);
    if (child.account)
        free(account.groups);
    return failure;
}

/* The worker may remove the folder as soon as it has the reply, so the reply is last. */
static _Noreturn void refuse(struct shim *s, const struct request *r, struct failure failure)
{
    if (ftruncate(s->post->lock, 0) != 0)
        failure = FAILURE(STAGE_FOLDER);
    while (s->made-- > 0)
        unlinkat(s->post->folder, FILES[s->made], 0);
    unlinkat(s->post->folder, "shim.sock", 0);
    send_failure(r->start_id, failure.stage, failure.error);
    *s->post->answered = 1;
    _exit(0);
}

static void null_stream(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, fd);
        close(null);
    }
}

/* ---- run ---- */

static void reap(struct shim *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        sweep_reaped(&s->sweep);
        if (pid == s->ending.pid && !s->main_gone) {
            s->main_gone = s->ending.known = true;
            s->ending.wait_status = status;
            s->ending.end_micros = wall_micros();
            s->control.news = true;
        }
    }
    s->childless = pid < 0 && errno == ECHILD;
}

static bool is_over(const struct shim *s)
{
    return s->main_gone && (s->childless || !(s->flags & WAIT_FOR_DESCENDANTS));
}

/* To the process group as long as it is the main process's; then to all whom the job waits for. */
static void signal_job(struct shim *s, int signal)
{
    if (!s->main_gone)
        kill(-s->ending.pid, signal);
    else
        tree_signal(signal);
}

static void stop(struct shim *s, uint32_t cause, int signal, uint64_t grace, const uint8_t *requester, size_t length)
{
    reap(s); /* it may have ended since this turn began */
    if (is_over(s) || s->killing)
        return;
    if (s->ending.cause == OWN_ACCORD) {
        s->ending.cause = cause;
        memcpy(s->ending.requester, requester, length);
        s->ending.requester_length = length;
        s->control.news = true;
    }
    s->kill_at = earlier(s->kill_at, after_millis(monotonic(), grace));
    if (grace > 0) {
        signal_job(s, signal);
        signal_job(s, SIGCONT); /* a stopped process does not act on the other one */
    }
}

/* By the shim itself. */
static void stop_by_limit(struct shim *s, uint32_t cause)
{
    stop(s, cause, s->stop_signal, s->grace, (const uint8_t *)"", 0);
}

static void obey(struct shim *s)
{
    struct order order;
    control_read(&s->control);
    while (control_next(&s->control, &order)) {
        switch (order.kind) {
        case ORDER_STOP:
            stop(s, order.cause, order.signal, order.grace, order.bytes, order.size);
            break;
        case ORDER_SIGNAL:
            if (!is_over(s) && !s->killing)
                signal_job(s, order.signal);
            break;
        case ORDER_INPUT:
            if (!input_take(&s->input, order.offset, order.bytes, order.size))
                control_hang_up(&s->control);
            break;
        case ORDER_END_INPUT:
            if (!input_end(&s->input, order.offset))
                control_hang_up(&s->control);
            break;
        }
    }
    s->control.news |= input_pump(&s->input);
}

static void move_output(struct shim *s, int stream)
{
    s->control.news |= output_pump(&s->output, stream);
    if (s->output.limited && s->flags & KILL_AT_OUTPUT_LIMIT && s->ending.cause == OWN_ACCORD)
        stop_by_limit(s, OUTPUT_LIMIT);
}

/* Whether the job is over. */
static bool meet_deadlines(struct shim *s)
{
    int64_t now = monotonic();
    if (now >= s->time_limit) {
        s->time_limit = NEVER;
        stop_by_limit(s, TIMEOUT);
    }
    if (!s->killing && now >= s->kill_at)
        reap(s); /* it may have ended just in time */
    if (!s->killing && (is_over(s) || now >= s->kill_at)) {
        s->killing = true;
        s->ending.grace_exceeded = !is_over(s);
        if (s->flags & WAIT_FOR_DESCENDANTS)
            s->ending.end_micros = wall_micros();
        s->time_limit = NEVER;
        if (!s->main_gone)
            kill(s->ending.pid, SIGKILL); /* whether or not the tree can be read */
        sweep_start(&s->sweep, now);
        if (s->main_gone)
            reap(s); /* only now is it known whether anybody else is there */
    }
    if (!s->killing)
        return false;
    if (!s->childless && now >= s->sweep.next) {
        sweep_turn(&s->sweep, now);
        reap(s);
    }
    return s->childless || now >= s->sweep.give_up;
}

static void publish(struct shim *s)
{
    if (!s->control.news && s->control.sent == sizeof s->control.sending)
        return;
    control_publish(&s->control, &(struct status){
                                     .protocol = PROTOCOL_VERSION,
                                     .pid = s->main_gone ? 0 : (uint32_t)s->ending.pid,
                                     .phase = s->ending.cause == OWN_ACCORD ? RUNNING : STOPPING,
                                     .cause = s->ending.cause,
                                     .bytes = {s->output.end[0], s->output.end[1]},
                                     .truncated = s->output.truncated,
                                     .earliest = s->output.earliest,
                                     .start_micros = s->ending.start_micros,
                                     .input = input_state(&s->input),
                                 });
}

static void run(struct shim *s)
{
    enum { DEATHS, PEER, LISTENER, WORKER, INPUT, PIPES, COUNT = PIPES + 2 };
    for (bool over = false; !over; publish(s)) {
        int64_t now = s->control.accept_at ? monotonic() : 0;
        struct pollfd fds[COUNT] = {
            [DEATHS] = {s->post->signals, POLLIN, 0},
            [PEER] = {s->control.peer, s->control.blocked ? POLLIN | POLLOUT : POLLIN, 0},
            [LISTENER] = {s->control.accept_at > now ? -1 : s->control.listener, POLLIN, 0},
            [WORKER] = {s->flags & DIE_WITH_WORKER && !s->worker_gone ? s->post->worker : -1, 0, 0}, /* for its hang-up alone */
            [INPUT] = {s->input.pipe, s->input.waiting > 0 ? POLLOUT : 0, 0},
            [PIPES] = {s->output.pipes[0], POLLIN, 0},
            [PIPES + 1] = {s->output.pipes[1], POLLIN, 0},
        };
        int64_t deadline = s->killing ? earlier(s->sweep.next, s->sweep.give_up) : earlier(s->time_limit, s->kill_at);
        if (s->control.accept_at > now)
            deadline = earlier(deadline, s->control.accept_at);
        struct timespec left;
        if (ppoll(fds, COUNT, until(deadline, deadline == NEVER ? 0 : monotonic(), &left), NULL) < 0)
            continue; /* interrupted */
        if (fds[DEATHS].revents) {
            struct signalfd_siginfo info;
            if (read(s->post->signals, &info, sizeof info) > 0)
                reap(s);
        }
        if (fds[PEER].revents)
            obey(s);
        if (fds[LISTENER].revents)
            control_accept(&s->control, monotonic());
        if (s->control.left) {
            s->control.left = false;
            input_forget(&s->input);
        }
        if (fds[WORKER].revents)
            s->worker_gone = true;
        /* Another worker may have come before it was known that the first one had gone. */
        if (s->worker_gone && (s->control.peer < 0 || s->control.peer_pid != s->post->worker_pid))
            stop(s, WORKER_SHUTDOWN, SIGKILL, 0, (const uint8_t *)WORKER_DIED, sizeof WORKER_DIED - 1);
        if (fds[INPUT].revents & POLLERR)
            s->control.news |= input_close(&s->input); /* nobody is left to read it */
        else if (fds[INPUT].revents)
            s->control.news |= input_pump(&s->input);
        for (int i = 0; i < 2; i++)
            if (fds[PIPES + i].revents)
                move_output(s, i);
        over = meet_deadlines(s);
    }
}

/* ---- end ---- */

static void finish(struct shim *s)
{
    char text[RECORD_SIZE];
    struct ending *e = &s->ending;
    if (!s->childless && (e->survivor_count = tree_survivors(e->survivors)) == 0) {
        /* Hidden from us, but there. */
        e->survivors[e->survivor_count++] = (struct survivor){.command = "unknown"};
    }
    reap(s);
    if (s->childless) /* the last one has died while it was looked for */
        e->survivor_count = 0;
    if (!s->main_gone)
        e->end_micros = wall_micros();
    /* It may have died of what was sent first in the very moment in which it was to be killed. */
    bool main_was_killed = WIFSIGNALED(e->wait_status) && WTERMSIG(e->wait_status) == SIGKILL;
    bool waited_for_others = s->flags & WAIT_FOR_DESCENDANTS && s->sweep.killed > 0;
    if (e->known && !main_was_killed && !waited_for_others)
        e->grace_exceeded = false;
    output_drain(&s->output);
    s->control.news = true;
    publish(s);
    bool sync = s->flags & SYNC;
    if (sync && (fsync(s->files[OUTPUT]) != 0 || fsync(s->files[INDEX]) != 0) && !s->output.error)
        s->output.error = errno;
    size_t size = record_format(text, e, &s->output, &s->input);
    if (write_at(s->files[RECORD], text, size, 0) != size || ftruncate(s->files[RECORD], (off_t)size) != 0)
        return; /* no record rather than half of one */
    if (sync)
        fsync(s->files[RECORD]);
    if (renameat(s->post->folder, FILES[RECORD], s->post->folder, "exit.json") == 0 && sync)
        fsync(s->post->folder);
}

_Noreturn void shim_main(const struct request *r, const struct post *post)
{
    struct shim s = {
        .post = post,
        .flags = r->flags,
        .grace = r->grace,
        .stop_signal = (int)r->stop_signal,
        .output = {.pipes = {-1, -1}},
        .input = {.pipe = -1},
        .control = {.listener = post->listener, .peer = -1, .sent = sizeof(struct status), .received = received},
        .time_limit = NEVER,
        .kill_at = NEVER,
    };
    prctl(PR_SET_NAME, "job-shim");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    null_stream(STDIN_FILENO);
    struct failure failure = start(&s, r);
    if (failure.stage)
        refuse(&s, r, failure);
    if (r->time_limit > 0)
        s.time_limit = after_millis(monotonic(), r->time_limit);
    send_reply(&(struct reply){.start_id = r->start_id, .pid = (uint32_t)s.ending.pid, .start_micros = s.ending.start_micros});
    *post->answered = 1;
    null_stream(STDOUT_FILENO);
    run(&s);
    finish(&s);
    _exit(0);
}
