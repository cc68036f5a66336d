#include "control.h"

#include "sys.h"

#include <sys/socket.h>

enum { LENGTH = 4, STOP_HEAD = 11, SIGNAL_SIZE = 2, SIGNAL_MAX = 64 };

static void hang_up(struct control *c)
{
    if (c->peer >= 0)
        close(c->peer);
    c->peer = -1;
    c->blocked = false;
    c->received_length = c->taken = 0;
    c->sent = sizeof c->sending;
}

void control_accept(struct control *c)
{
    struct ucred who;
    socklen_t size = sizeof who;
    int peer = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0)
        return;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || (who.uid != 0 && who.uid != geteuid())) {
        close(peer);
        return;
    }
    hang_up(c);
    c->peer = peer;
    c->news = true;
}

void control_read(struct control *c)
{
    c->received_length -= c->taken;
    memmove(c->received, c->received + c->taken, c->received_length);
    c->taken = 0;
    ssize_t n = recv(c->peer, c->received + c->received_length, sizeof c->received - c->received_length, 0);
    if (n > 0)
        c->received_length += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(c);
}

static bool decode(const uint8_t *p, size_t length, struct order *o)
{
    *o = (struct order){0};
    if (length >= STOP_HEAD && length <= STOP_HEAD + REQUESTER_MAX && p[0] == ORDER_STOP)
        *o = (struct order){ORDER_STOP, p[2], p[1], load64(p + 3), (const char *)p + STOP_HEAD, length - STOP_HEAD};
    else if (length == SIGNAL_SIZE && p[0] == ORDER_SIGNAL)
        *o = (struct order){.kind = ORDER_SIGNAL, .signal = p[1]};
    else
        return false;
    return o->signal >= 1 && o->signal <= SIGNAL_MAX &&
           (o->kind == ORDER_SIGNAL || o->cause == STOP_REQUEST || o->cause == WORKER_SHUTDOWN);
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
        hang_up(c);
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
        if (c->blocked && c->sent == 0) { /* not begun: a newer one will do */
            c->sent = sizeof c->sending;
            c->news = true;
        }
        if (n < 0) {
            if (!c->blocked)
                hang_up(c);
            return;
        }
        c->sent += (size_t)n;
    }
}
