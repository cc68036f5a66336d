#include "record.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct text {
    char *start;
    size_t length, size;
    bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->start + t->length, t->size - t->length, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= t->size - t->length)
        t->full = true;
    else
        t->length += (size_t)n;
}

/* The size of the UTF-8 character at p, 0 if it is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t character(const uint8_t *p, size_t left)
{
    size_t size = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;
    if (size == 0 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool wrong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
                 (p[0] == 0xF4 && p[1] > 0x8F);
    return wrong ? 0 : size;
}

static void put_string(struct text *t, const char *string, size_t length)
{
    put(t, "\"");
    for (size_t i = 0; i < length;) {
        const uint8_t *p = (const uint8_t *)string + i;
        size_t size = character(p, length - i);
        if (size == 0)
            put(t, "\xEF\xBF\xBD");
        else if (*p < 0x20 || *p == 0x7F || *p == '"' || *p == '\\')
            put(t, "\\u%04x", *p);
        else
            put(t, "%.*s", (int)size, (const char *)p);
        i += size ? size : 1;
    }
    put(t, "\"");
}

static void put_exit(struct text *t, const struct ending *e)
{
    if (!e->known)
        put(t, "null");
    else if (WIFSIGNALED(e->wait_status))
        put(t, "{\"signal\":%d,\"coreDumped\":%s}", WTERMSIG(e->wait_status), WCOREDUMP(e->wait_status) ? "true" : "false");
    else
        put(t, "{\"code\":%d}", WEXITSTATUS(e->wait_status));
}

static void put_survivors(struct text *t, const struct ending *e)
{
    put(t, ",\"survivors\":[");
    t->size -= sizeof "]}\n";
    for (size_t i = 0; i < e->survivor_count; i++) {
        const struct survivor *s = &e->survivors[i];
        size_t before = t->length;
        put(t, "%s{\"pid\":%d,\"uid\":%u,\"command\":", i ? "," : "", s->pid, s->uid);
        put_string(t, s->command, strnlen(s->command, sizeof s->command));
        put(t, "}");
        if (t->full) { /* rather fewer than a record that cannot be read */
            t->length = before;
            break;
        }
    }
    t->size += sizeof "]}\n";
    put(t, "]}\n");
}

static uint64_t micros(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

size_t record_format(char text[static RECORD_SIZE], const struct ending *e, const struct output *o,
                     const struct input *i)
{
    static const char *const causes[] = {"OWN_ACCORD", "STOP_REQUEST", "TIMEOUT", "OUTPUT_LIMIT", "WORKER_SHUTDOWN"};
    struct text t = {.start = text, .size = RECORD_SIZE};
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    put(&t, "{\"version\":1,\"pid\":%d,\"exit\":", e->pid);
    put_exit(&t, e);
    put(&t, ",\"cause\":\"%s\"", causes[e->cause]);
    if (e->cause == STOP_REQUEST || e->cause == WORKER_SHUTDOWN) {
        put(&t, ",\"requestedBy\":");
        put_string(&t, e->requester, e->requester_length);
    }
    put(&t, ",\"graceExceeded\":%s,\"startTimeMicros\":%llu,\"endTimeMicros\":%llu", e->grace_exceeded ? "true" : "false",
        (unsigned long long)e->start_micros, (unsigned long long)e->end_micros);
    put(&t, ",\"userCpuMicros\":%llu,\"systemCpuMicros\":%llu,\"peakMemoryBytes\":%llu", (unsigned long long)micros(used.ru_utime),
        (unsigned long long)micros(used.ru_stime), (unsigned long long)used.ru_maxrss * 1024);
    put(&t, ",\"stdoutBytes\":%llu,\"stderrBytes\":%llu,\"truncatedBytes\":%llu,\"earliestOffset\":%llu,\"writeErrno\":%d",
        (unsigned long long)o->end[0], (unsigned long long)o->end[1], (unsigned long long)o->truncated,
        (unsigned long long)o->earliest, o->error);
    put(&t, ",\"inputBytes\":%llu", (unsigned long long)i->written);
    put_survivors(&t, e);
    return t.length;
}
