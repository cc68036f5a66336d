/*
 * libFuzzer target: what comes through the control socket is orders or ends the connection, within the bounds of what has been received, and
 * which orders does not depend on the pieces in which it comes.
 *
 * The first bytes of an input are the sizes of the pieces, by turns; 0: all that is left.
 */
#include "../control.h"
#include "../sys.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { SIZES = 4, HEAD = SIZES * sizeof(uint16_t) };

/* What was understood: the orders, one after the other, and whether the connection lasted. */
struct account {
    uint8_t *orders;
    size_t length;
    bool connected;
};

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static void enter(struct account *a, const struct order *o)
{
    const uint64_t facts[] = {o->kind, (uint64_t)o->signal, o->cause, o->grace, o->offset, o->size};
    a->orders = realloc(a->orders, a->length + sizeof facts + o->size);
    expect(a->orders);
    memcpy(a->orders + a->length, facts, sizeof facts);
    if (o->size > 0)
        memcpy(a->orders + a->length + sizeof facts, o->bytes, o->size);
    a->length += sizeof facts + o->size;
}

static void check(const struct control *c, const struct order *o)
{
    bool signals = o->kind == ORDER_STOP || o->kind == ORDER_SIGNAL;
    expect(!signals || (o->signal >= 1 && o->signal <= SIGNAL_MAX));
    expect(o->kind != ORDER_STOP || ((o->cause == STOP_REQUEST || o->cause == WORKER_SHUTDOWN) && o->size <= REQUESTER_MAX));
    expect(o->kind != ORDER_INPUT || o->size <= INPUT_MAX);
    expect(o->size == 0 || (o->bytes >= c->received && o->bytes + o->size <= c->received + c->taken));
}

/* What has not been received must not be read, though there is room for it. */
static void take_orders(struct control *c, struct account *a)
{
    uint8_t *rest = c->received + c->received_length;
    size_t size = RECEIVED_MAX - c->received_length, before = c->taken;
    struct order order;
    ASAN_POISON_MEMORY_REGION(rest, size);
    while (control_next(c, &order)) {
        expect(c->peer >= 0 && c->taken > before && c->taken <= c->received_length);
        before = c->taken;
        check(c, &order);
        enter(a, &order);
    }
    ASAN_UNPOISON_MEMORY_REGION(rest, size);
    expect(c->taken <= c->received_length && c->received_length <= RECEIVED_MAX);
    expect(c->received_length - c->taken < RECEIVED_MAX); /* there is room to read on */
}

static struct account serve(const uint8_t *data, size_t left, const uint16_t sizes[SIZES])
{
    struct control *c = calloc(1, sizeof *c);
    struct account account = {0};
    int ends[2];
    expect(c);
    c->received = malloc(RECEIVED_MAX);
    expect(c->received && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    c->listener = -1;
    c->peer = ends[0];
    c->sent = sizeof c->sending;
    for (size_t i = 0; left > 0 && c->peer >= 0; i++) {
        size_t piece = sizes[i % SIZES] > 0 && sizes[i % SIZES] < left ? sizes[i % SIZES] : left;
        ssize_t n = send(ends[1], data, piece, MSG_NOSIGNAL);
        expect(n > 0);
        data += n;
        left -= (size_t)n;
        for (size_t before = c->received_length - c->taken, unread = (size_t)n; unread > 0 && c->peer >= 0; before = c->received_length - c->taken) {
            control_read(c);
            expect(c->peer >= 0 && c->taken == 0 && c->received_length > before);
            unread -= c->received_length - before;
            take_orders(c, &account);
        }
    }
    account.connected = c->peer >= 0;
    if (account.connected)
        close(c->peer);
    close(ends[1]);
    free(c->received);
    free(c);
    return account;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t whole[SIZES];
    uint16_t sizes[SIZES];
    if (size < HEAD)
        return 0;
    memcpy(sizes, data, HEAD);
    struct account in_pieces = serve(data + HEAD, size - HEAD, sizes), at_once = serve(data + HEAD, size - HEAD, whole);
    expect(in_pieces.connected == at_once.connected && in_pieces.length == at_once.length);
    expect(at_once.length == 0 || memcmp(in_pieces.orders, at_once.orders, at_once.length) == 0);
    free(in_pieces.orders);
    free(at_once.orders);
    return 0;
}
