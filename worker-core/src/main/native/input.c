#include "input.h"

#include "sys.h"

#include <sys/mman.h>

int input_open(struct input *i, int pipe)
{
    i->pipe = pipe;
    i->buffer = mmap(NULL, INPUT_WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return i->buffer == MAP_FAILED ? errno : 0;
}

bool input_take(struct input *i, uint64_t offset, const uint8_t *bytes, size_t size)
{
    uint64_t have = i->written + i->waiting;
    if (i->pipe < 0 || i->ending)
        return true; /* sent before the worker knew */
    if (offset > have || offset + size < offset)
        return false;
    if (offset + size <= have)
        return true;
    size_t known = (size_t)(have - offset), more = size - known;
    if (more > INPUT_WINDOW - i->waiting)
        return false;
    memcpy(i->buffer + i->waiting, bytes + known, more);
    i->waiting += more;
    return true;
}

bool input_end(struct input *i, uint64_t offset)
{
    if (i->pipe >= 0 && !i->ending && offset > i->written + i->waiting)
        return false;
    i->ending = true;
    return true;
}

void input_forget(struct input *i)
{
    i->waiting = 0;
    i->ending = false;
}

bool input_close(struct input *i)
{
    if (i->pipe < 0)
        return false;
    close(i->pipe);
    i->pipe = -1;
    i->waiting = 0;
    return true;
}

bool input_pump(struct input *i)
{
    if (i->pipe < 0)
        return false;
    ssize_t n = i->waiting > 0 ? write(i->pipe, i->buffer, i->waiting) : 0;
    if (n > 0) {
        i->written += (uint64_t)n;
        i->waiting -= (size_t)n;
        memmove(i->buffer, i->buffer + n, i->waiting);
    }
    bool over = (n < 0 && errno != EAGAIN) || (i->ending && i->waiting == 0);
    if (over)
        input_close(i);
    return n > 0 || over;
}

uint64_t input_state(const struct input *i)
{
    return i->written | (i->pipe >= 0 ? INPUT_IS_OPEN : 0);
}
