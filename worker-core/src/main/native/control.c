#include "control.h"

#include "sys.h"

#include <sys/socket.h>

static const int64_t ACCEPT_PAUSE = 100 * MILLISECOND; /* without descriptors the listener would be ready all the time */

enum { LENGTH = 4, STOP_HEAD = 11, SIGNAL_SIZE = 2 };

void control_hang_up(struct control *c)
{
    if (c->peer >= 0)
        close(c->peer);
    c->peer = -1;
    c->left = true;
    c->blocked = false;
    c->received_length = c->taken = 0;
    c->sent = sizeof c->sending;
}

void control_accept(struct control *c, int64_t now)
{
    struct ucred who;
    socklen_t size = sizeof who;
    int peer = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    c->accept_at = peer < 0 && errno != EAGAIN ? now + ACCEPT_PAUSE : 0;
    if (peer < 0)
        return;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || (who.uid != 0 && who.uid != geteuid())) {
        close(peer);
        return;
    }
    control_hang_up(c);
    c->peer = peer;
    c->peer_pid = who.pid;
    c->news = true;
}

void control_read(struct control *c)
{
    c->received_length -= c->taken;
    memmove(c->received, c->received + c->taken, c->received_length);
    c->taken = 0;
    ssize_t n = recv(c->peer, c->received + c->received_length, RECEIVED_MAX - c->received_length, 0);
    if (n > 0)
        c->received_length += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        control_hang_up(c);
}

static bool decode(const uint8_t *p, size_t length, struct order *o)
{
    *o = (struct order){.kind = length > 0 ? p[0] : 0};
    switch (o->kind) {
    case ORDER_STOP:
        if (length < STOP_HEAD || length > STOP_HEAD + REQUESTER_MAX)
            return false;
        o->cause = p[1];
        o->signal = p[2];
        o->grace = load64(p + 3);
        o->bytes = p + STOP_HEAD;
        o->size = length - STOP_HEAD;
        return o->signal >= 1 && o->signal <= SIGNAL_MAX && (o->cause == STOP_REQUEST || o->cause == WORKER_SHUTDOWN);
    case ORDER_SIGNAL:
        if (length != SIGNAL_SIZE)
            return false;
        o->signal = p[1];
        return o->signal >= 1 && o->signal <= SIGNAL_MAX;
    case ORDER_INPUT:
    case ORDER_END_INPUT:
        if (length < INPUT_HEAD || (o->kind == ORDER_END_INPUT && length != INPUT_HEAD))
            return false;
        o->offset = load64(p + 1);
        o->bytes = p + INPUT_HEAD;
        o->size = length - INPUT_HEAD;
        return true;
    }
    return false;
}

bool control_next(struct control *c, struct order *order)
{
    const uint8_t *frame = c->received + c->taken;
    size_t left = c->received_length - c->taken;
    if (left < LENGTH)
        return false;
    uint32_t length = load32(frame);
    if (length <= ORDER_MAX && left - LENGTH < length)
        return false;
    if (length > ORDER_MAX || !decode(frame + LENGTH, length, order)) {
        control_hang_up(c);
        return false;
    }
    c->taken += LENGTH + length;
    return true;
}

void control_publish(struct control *c, const struct status *status)
{
    while (c->peer >= 0 && (c->sent < sizeof c->sending || c->news)) {
        if (c->sent == sizeof c->sending) {
            c->sending = *status;
            c->sent = 0;
            c->news = false;
        }
        ssize_t n = send(c->peer, (const char *)&c->sending + c->sent, sizeof c->sending - c->sent, MSG_NOSIGNAL);
        c->blocked = n < 0 && errno == EAGAIN;
        if (n >= 0) {
            c->sent += (size_t)n;
        } else if (!c->blocked) { /* the peer is gone: but not what it may have ordered before, and reading will find its end */
            c->sent = sizeof c->sending;
        } else {
            if (c->sent == 0) { /* not begun: a newer one will do */
                c->sent = sizeof c->sending;
                c->news = true;
            }
            return;
        }
    }
}
