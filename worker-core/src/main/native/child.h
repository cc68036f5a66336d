/* The job's main process, from fork to exec. */
#ifndef CHILD_H
#define CHILD_H

#include "protocol.h"
#include "request.h"

#include <sys/resource.h>
#include <sys/types.h>

/* Where and why a start failed; stage 0: it did not. */
struct failure {
    uint32_t stage, error;
};

struct account {
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    int group_count;
};

struct child {
    const struct request *request;
    const struct account *account; /* NULL: stay who we are */
    int streams[3];
    struct rlimit files; /* as it was before the launcher raised it */
};

/* Decodes USER: 0 or an errno. */
int account_find(const char *user, struct account *account);

/* Returns after exec, or after the failed process is reaped. */
struct failure child_start(const struct child *child, pid_t *pid);

#endif
