/* See PROTOCOL.md. */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors 0 to 2 exist and there are no others: a JVM's files and sockets are not all close-on-exec. */
static void tidy_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
        return;
    struct rlimit files = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &files);
    for (rlim_t i = STDERR_FILENO + 1; i < files.rlim_cur; i++)
        close((int)i);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "launcher") == 0) {
        tidy_descriptors();
        return launcher_main();
    }
    fprintf(stderr, "usage: job-shim launcher (started by jobworker; see PROTOCOL.md)\n");
    return 2;
}
