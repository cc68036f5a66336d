/* The control socket: tells the state of the job, takes orders. */
#ifndef CONTROL_H
#define CONTROL_H

#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct order {
    enum order_kind kind;
    int signal;
    uint32_t cause;
    uint64_t grace, offset;
    const uint8_t *bytes; /* the requester's name, or input; valid until the next read */
    size_t size;
};

enum { RECEIVED_MAX = sizeof(uint32_t) + ORDER_MAX };

struct control {
    int listener, peer; /* peer: -1 if nobody is connected */
    pid_t peer_pid;
    bool left;          /* a peer has left; for who resets it */
    bool news;          /* a status is due */
    bool blocked;       /* the peer's socket is full */
    int64_t accept_at;  /* when there may be a descriptor for the next peer */
    struct status sending;
    size_t sent;
    uint8_t *received; /* of RECEIVED_MAX */
    size_t received_length, taken;
};

void control_accept(struct control *control, int64_t now);

void control_hang_up(struct control *control);

/* Reads once; then control_next yields the orders that have come in full. */
void control_read(struct control *control);
bool control_next(struct control *control, struct order *order);

/* Sends the status if one is due and the socket has room. */
void control_publish(struct control *control, const struct status *status);

#endif
