#include "request.h"

#include "protocol.h"
#include "sys.h"

#include <stdlib.h>

enum tag {
    TAG_PROTOCOL = 1, TAG_START_ID, TAG_FOLDER, TAG_ARGUMENT, TAG_ENVIRONMENT, TAG_DIRECTORY, TAG_USER, TAG_UMASK, TAG_NICE, TAG_LIMIT,
    TAG_FLAGS, TAG_TIME_LIMIT, TAG_GRACE, TAG_OUTPUT_LIMIT, TAG_STOP_SIGNAL, TAGS
};

enum { HEADER = 5, TEXT = 0 };

static const struct rule {
    uint8_t size; /* or TEXT */
    bool required, repeatable;
} rules[TAGS] = {
    [TAG_PROTOCOL] = {4, true, false},    [TAG_START_ID] = {8, true, false},      [TAG_FOLDER] = {TEXT, true, false},
    [TAG_ARGUMENT] = {TEXT, true, true},  [TAG_ENVIRONMENT] = {TEXT, false, true}, [TAG_DIRECTORY] = {TEXT, true, false},
    [TAG_USER] = {TEXT, false, false},    [TAG_UMASK] = {4, true, false},         [TAG_NICE] = {4, false, false},
    [TAG_LIMIT] = {20, false, true},      [TAG_FLAGS] = {4, true, false},         [TAG_TIME_LIMIT] = {8, true, false},
    [TAG_GRACE] = {8, true, false},       [TAG_OUTPUT_LIMIT] = {8, true, false},       [TAG_STOP_SIGNAL] = {4, true, false},
};

struct field {
    unsigned tag;
    size_t length;
    uint8_t *value;
};

static bool next_field(uint8_t **at, const uint8_t *end, struct field *field)
{
    if (end - *at < HEADER)
        return false;
    *field = (struct field){(*at)[0], load32(*at + 1), *at + HEADER};
    if (field->length > (size_t)(end - field->value))
        return false;
    *at = field->value + field->length;
    return true;
}

/* Moves a text over the last byte of its own header, which has been read, to make room for its terminator. */
static char *text(struct field *field)
{
    char *moved = memmove(field->value - 1, field->value, field->length);
    moved[field->length] = 0;
    return moved;
}

static bool well_formed(const struct field *field, uint32_t seen)
{
    if (field->tag == 0 || field->tag >= TAGS)
        return false;
    const struct rule *rule = &rules[field->tag];
    if (!rule->repeatable && seen & 1u << field->tag)
        return false;
    if (rule->size != TEXT)
        return field->length == rule->size;
    return !memchr(field->value, 0, field->length);
}

static bool accept(struct request *r, struct field *f, size_t *argc, size_t *envc)
{
    switch ((enum tag)f->tag) {
    case TAG_FOLDER:
        r->folder = text(f);
        return r->folder[0] == '/';
    case TAG_ARGUMENT:
        r->argv[(*argc)++] = text(f);
        return true;
    case TAG_ENVIRONMENT:
        r->envp[(*envc)++] = text(f);
        return strchr(r->envp[*envc - 1], '=') > r->envp[*envc - 1];
    case TAG_DIRECTORY:
        r->directory = text(f);
        return r->directory[0] == '/';
    case TAG_USER:
        r->user = text(f);
        return r->user[0] != 0;
    case TAG_UMASK:
        r->umask = load32(f->value);
        return r->umask <= 0777;
    case TAG_NICE:
        r->nice = (int32_t)load32(f->value);
        r->has_nice = true;
        return r->nice >= -20 && r->nice <= 19;
    case TAG_LIMIT:
        if (r->limit_count == LIMITS_MAX)
            return false;
        r->limits[r->limit_count++] = (struct limit){load32(f->value), load64(f->value + 4), load64(f->value + 12)};
        return true;
    case TAG_FLAGS:
        r->flags = load32(f->value);
        return (r->flags & ~(uint32_t)ALL_FLAGS) == 0;
    case TAG_TIME_LIMIT:
        r->time_limit = load64(f->value);
        return true;
    case TAG_GRACE:
        r->grace = load64(f->value);
        return true;
    case TAG_OUTPUT_LIMIT:
        r->output_limit = load64(f->value);
        return true;
    case TAG_STOP_SIGNAL:
        r->stop_signal = load32(f->value);
        return r->stop_signal >= 1 && r->stop_signal <= SIGNAL_MAX;
    case TAG_PROTOCOL:
    case TAG_START_ID:
    case TAGS:
        break;
    }
    return false;
}

int request_parse(uint8_t *frame, size_t length, struct request *request)
{
    *request = (struct request){0};
    uint8_t *at = frame;
    const uint8_t *end = frame + length;
    struct field protocol, id, field;
    if (!next_field(&at, end, &protocol) || protocol.tag != TAG_PROTOCOL || !well_formed(&protocol, 0) ||
        !next_field(&at, end, &id) || id.tag != TAG_START_ID || !well_formed(&id, 0))
        return EPROTO;
    request->start_id = load64(id.value);
    if (load32(protocol.value) != PROTOCOL_VERSION)
        return EPROTO;

    size_t most = (size_t)(end - at) / HEADER + 1, argc = 0, envc = 0;
    request->argv = calloc(2 * most, sizeof(char *));
    if (!request->argv)
        return ENOMEM;
    request->envp = request->argv + most;
    uint32_t seen = 1u << TAG_PROTOCOL | 1u << TAG_START_ID;
    while (at < end) {
        if (!next_field(&at, end, &field) || !well_formed(&field, seen) || !accept(request, &field, &argc, &envc))
            return EPROTO;
        seen |= 1u << field.tag;
    }
    for (unsigned tag = 1; tag < TAGS; tag++)
        if (rules[tag].required && !(seen & 1u << tag))
            return EPROTO;
    bool sane = !(request->flags & STDIN_FILE && request->flags & STDIN_PIPE) &&
                !(request->flags & KEEP_TAIL && request->output_limit < TAIL_MIN);
    return sane ? 0 : EPROTO;
}

void request_free(struct request *request)
{
    free(request->argv);
    request->argv = request->envp = NULL;
}
