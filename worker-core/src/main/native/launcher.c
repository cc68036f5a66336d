/*
 * The launcher is the parent and the subreaper of all shims. It holds a copy of each shim's lock until the shim is reaped and, if it
 * was killed, until its orphans, who are the launcher's children then, are dead. So a free lock means that the tree is gone.
 */
#include "launcher.h"

#include "protocol.h"
#include "request.h"
#include "shim.h"
#include "sys.h"
#include "tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { SEATS = 1 << 16, BACKLOG = 16, LENGTH = 4, INPUT_SIZE = LENGTH + FRAME_MAX };

enum occupant { NOBODY, SHIM, KILLED_SHIM };

struct seat {
    enum occupant occupant;
    pid_t pid;
    int lock;
    uint64_t start_id;
};

struct launcher {
    struct seat *seats; /* the launcher's own: a shim sees them as they were at its fork */
    volatile unsigned char *answered; /* a flag a seat, shared with its shim, which sets it */
    size_t used, taken; /* seats ever used, seats occupied */
    uint8_t *input;
    size_t input_length;
    bool ended; /* no more requests */
    int signals;
    int worker[2]; /* a pipe: shims watch its read end, the launcher closes the write end when the worker is gone */
    pid_t worker_pid;
    struct rlimit files;
    bool sweeping;
    struct sweep sweep;
};

static void spare_shims(const void *owner)
{
    const struct launcher *l = owner;
    for (size_t i = 0; i < l->used; i++)
        if (l->seats[i].occupant == SHIM)
            tree_spare(l->seats[i].pid);
}

/* ---- requests ---- */

static int lock_file(int folder)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat file;
    int fd = openat(folder, "shim.lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0 && fstat(fd, &file) == 0) {
        if (file.st_nlink > 0)
            return fd;
        errno = ENOENT;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* By its relative name: the folder's may be longer than a socket address. */
static int listen_in(int folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "shim.sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    /* The mode of a socket before bind is that of its file after. */
    bool bound = fchmod(fd, 0600) == 0 && fchdir(folder) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int error = errno;
    if (chdir("/") != 0)
        abort(); /* cannot be: / is there and may be searched */
    if (bound && listen(fd, BACKLOG) == 0)
        return fd;
    error = bound ? errno : error;
    if (bound)
        unlinkat(folder, "shim.sock", 0);
    close(fd);
    errno = error;
    return -1;
}

static struct seat *free_seat(struct launcher *l)
{
    for (size_t i = l->taken < l->used ? 0 : l->used; i < SEATS; i++)
        if (l->seats[i].occupant == NOBODY)
            return &l->seats[i];
    return NULL;
}

static _Noreturn void become_shim(struct launcher *l, const struct request *r, struct post *post)
{
    for (size_t i = 0; i < l->used; i++)
        if (l->seats[i].occupant != NOBODY)
            close(l->seats[i].lock);
    if (l->worker[1] >= 0)
        close(l->worker[1]);
    shim_main(r, post);
}

static void seat_shim(struct launcher *l, const struct request *r, struct post *post)
{
    struct seat *seat = free_seat(l);
    if (!seat) {
        errno = EAGAIN;
        goto failed;
    }
    post->answered = &l->answered[seat - l->seats];
    *post->answered = 0;
    pid_t pid = fork();
    if (pid == 0)
        become_shim(l, r, post);
    if (pid < 0)
        goto failed;
    seat->pid = pid;
    seat->lock = post->lock;
    seat->start_id = r->start_id;
    seat->occupant = SHIM;
    l->taken++;
    if (l->used == (size_t)(seat - l->seats))
        l->used++;
    return;
failed:;
    uint32_t error = (uint32_t)errno;
    unlinkat(post->folder, "shim.sock", 0);
    close(post->lock);
    send_failure(r->start_id, STAGE_FORK, error);
}

static void start(struct launcher *l, uint8_t *frame, uint32_t length)
{
    struct request r;
    struct post post = {.signals = l->signals, .worker = l->worker[0], .worker_pid = l->worker_pid, .files = l->files, .folder = -1, .listener = -1, .lock = -1};
    int error = request_parse(frame, length, &r);
    if (error) {
        send_failure(r.start_id, error == ENOMEM ? STAGE_FORK : STAGE_REQUEST, (uint32_t)error);
    } else if ((post.folder = open(r.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || (post.listener = listen_in(post.folder)) < 0) {
        send_failure(r.start_id, STAGE_FOLDER, (uint32_t)errno);
    } else if ((post.lock = lock_file(post.folder)) < 0) {
        error = errno;
        unlinkat(post.folder, "shim.sock", 0);
        send_failure(r.start_id, STAGE_FOLDER, (uint32_t)error);
    } else {
        seat_shim(l, &r, &post);
    }
    if (post.folder >= 0)
        close(post.folder);
    if (post.listener >= 0)
        close(post.listener);
    request_free(&r);
}

/* Nothing more will be read: what is to die with the worker dies. */
static void end_input(struct launcher *l)
{
    l->ended = true;
    close(l->worker[1]);
    l->worker[1] = -1;
}

static void read_requests(struct launcher *l)
{
    ssize_t n = read(STDIN_FILENO, l->input + l->input_length, INPUT_SIZE - l->input_length);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        end_input(l);
        return;
    }
    l->input_length += (size_t)n;
    size_t done = 0;
    while (l->input_length - done >= LENGTH && !l->ended) {
        uint32_t length = load32(l->input + done);
        if (length > FRAME_MAX) {
            dprintf(STDERR_FILENO, "job-shim launcher: a request of %u bytes: reading no more\n", length);
            end_input(l);
        } else if (l->input_length - done - LENGTH < length) {
            break;
        } else {
            start(l, l->input + done + LENGTH, length);
            done += LENGTH + length;
        }
    }
    memmove(l->input, l->input + done, l->input_length -= done);
}

/* ---- deaths ---- */

static void vacate(struct launcher *l, struct seat *seat)
{
    close(seat->lock);
    seat->occupant = NOBODY;
    l->taken--;
    if (l->taken == 0)
        l->used = 0;
}

static void bury(struct launcher *l, struct seat *seat, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        vacate(l, seat);
        return;
    }
    seat->occupant = KILLED_SHIM;
    l->sweeping = true;
    sweep_start(&l->sweep, monotonic());
}

static void reap(struct launcher *l)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct seat *seat = NULL;
        for (size_t i = 0; i < l->used && !seat; i++)
            if (l->seats[i].occupant == SHIM && l->seats[i].pid == pid)
                seat = &l->seats[i];
        if (seat)
            bury(l, seat, status);
        else
            sweep_reaped(&l->sweep);
    }
}

/* All who were killed wait for one sweep: an orphan does not tell whose he was. */
static void sweep(struct launcher *l)
{
    int64_t now = monotonic();
    if (now < l->sweep.next && now < l->sweep.give_up)
        return;
    if (now >= l->sweep.next)
        sweep_turn(&l->sweep, now);
    if (!l->sweep.clean && now < l->sweep.give_up) {
        reap(l);
        return;
    }
    l->sweeping = false;
    for (size_t i = 0; i < l->used; i++) {
        struct seat *seat = &l->seats[i];
        if (seat->occupant != KILLED_SHIM)
            continue;
        if (!l->answered[i]) /* its lock file stays as it is: the job may have run */
            send_failure(seat->start_id, STAGE_FORK, ECHILD);
        vacate(l, seat);
    }
}

/* ---- */

static bool set_up(struct launcher *l)
{
    static const uint64_t all = ~(uint64_t)0; /* by the kernel's call: the C library would spare some of its own */
    sigset_t deaths;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    /* Ignored, as it may be inherited, it would lose exit statuses. */
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP}, NULL);
    sigemptyset(&deaths);
    sigaddset(&deaths, SIGCHLD);
    l->signals = signalfd(-1, &deaths, SFD_CLOEXEC | SFD_NONBLOCK);
    l->seats = mmap(NULL, SEATS * sizeof *l->seats, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    l->answered = mmap(NULL, SEATS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    l->input = mmap(NULL, INPUT_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pipe2(l->worker, O_CLOEXEC) != 0 || l->signals < 0 || l->seats == MAP_FAILED || l->answered == MAP_FAILED || l->input == MAP_FAILED || getrlimit(RLIMIT_NOFILE, &l->files) != 0)
        return false;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){l->files.rlim_max, l->files.rlim_max});
    if (l->files.rlim_cur > FD_SETSIZE) /* a JVM has raised it for itself; programs that use select(2) need it low */
        l->files.rlim_cur = FD_SETSIZE;
    if (tree_prepare() != 0)
        return false;
    l->sweep.spare = spare_shims;
    l->sweep.owner = l;
    l->worker_pid = getppid();
    umask(077);
    setsid();
    prctl(PR_SET_NAME, "job-launcher");
    return chdir("/") == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

int launcher_main(void)
{
    struct launcher l = {0};
    if (!set_up(&l)) {
        perror("job-shim launcher");
        return 1;
    }
    while (!l.ended || l.taken > 0) {
        struct pollfd fds[] = {{l.signals, POLLIN, 0}, {l.ended ? -1 : STDIN_FILENO, POLLIN, 0}};
        int64_t deadline = l.sweeping ? earlier(l.sweep.next, l.sweep.give_up) : NEVER;
        struct timespec left;
        if (ppoll(fds, 2, until(deadline, l.sweeping ? monotonic() : 0, &left), NULL) < 0)
            continue; /* interrupted */
        if (fds[0].revents) {
            struct signalfd_siginfo info;
            if (read(l.signals, &info, sizeof info) > 0)
                reap(&l);
        }
        if (fds[1].revents)
            read_requests(&l);
        if (l.sweeping)
            sweep(&l);
    }
    return 0;
}
