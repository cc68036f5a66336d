#include "output.h"

#include "sys.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { BUFFER = 256 << 10, PIPE_DEFAULT = 64 << 10, PIPE_LARGE = 1 << 20, EXTENSION_MAX = 64 << 10, INDEX_MIN = 1 << 20 };
enum { TAIL_PIECES = 8, BLOCK_MAX = 64 << 10 /* no file system has larger ones */ };

static const int64_t EXTENSION_TIME = 10 * MILLISECOND;

/* The pages of these bytes are freed and read as zeros; the rest stays where it is. */
static int drop(int fd, uint64_t from, uint64_t to)
{
    from -= from % BLOCK_MAX;
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
}

int output_open(struct output *o, uint64_t limit, bool tail)
{
    o->tail = tail;
    o->piece = tail && limit < (uint64_t)TAIL_PIECES * BUFFER ? (size_t)limit / TAIL_PIECES : BUFFER;
    if (tail && (drop(o->file, 0, BLOCK_MAX) != 0 || drop(o->index, 0, BLOCK_MAX) != 0))
        return errno;
    o->limit = limit;
    o->records_max = (limit > INDEX_MIN ? limit : INDEX_MIN) / sizeof(struct index_record);
    o->buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return o->buffer == MAP_FAILED ? errno : 0;
}

/* Makes a record of bytes that are in the file, or lengthens the last one. */
static bool note(struct output *o, int stream, size_t size, bool extend, int64_t now)
{
    struct index_record record = o->last;
    if (!extend)
        record.micros = wall_micros();
    record.end[0] = o->end[0];
    record.end[1] = o->end[1];
    record.end[stream] += size;
    record.combined = (record.end[0] + record.end[1]) | (stream ? RECORD_IS_STDERR : 0);
    uint64_t number = o->records - extend;
    if (write_at(o->index, &record, sizeof record, number * sizeof record) != sizeof record)
        return false;
    o->last = record;
    o->records = number + 1;
    o->end[stream] += size;
    o->last_size = extend ? o->last_size + size : size;
    if (!extend)
        o->last_at = now;
    return true;
}

static void fail(struct output *o, int error)
{
    o->over = true;
    o->error = error;
    /* If this fails too, the log is longer than its index, which readers do not go beyond. */
    if (ftruncate(o->file, (off_t)(o->end[0] + o->end[1])) != 0 ||
        ftruncate(o->index, (off_t)(o->records * sizeof(struct index_record))) != 0)
        return;
}

/* Where the bytes of a record end. */
static bool end_of(const struct output *o, uint64_t number, uint64_t *end)
{
    struct index_record record;
    errno = EIO; /* if the record is not there */
    if (pread(o->index, &record, sizeof record, (off_t)(number * sizeof record)) != sizeof record)
        return false;
    *end = record.end[0] + record.end[1];
    return true;
}

/*
 * Drops the head until there is room for size more bytes. The records go before their bytes, so that a reader who still finds the
 * record before his after he has read knows that what he read was there. For the record 0, which has none before it, at least two go at
 * a time; the last one that goes stays in the index, as it says where the kept part begins.
 */
static bool make_room(struct output *o, size_t size)
{
    uint64_t end = o->end[0] + o->end[1], begin = o->earliest, earliest;
    uint64_t most = o->limit - o->limit / TAIL_PIECES - size, most_records = o->records_max - o->records_max / TAIL_PIECES;
    if (end - begin + size <= o->limit && o->records - o->first < o->records_max)
        return true;
    uint64_t first = o->first + 2, enough = o->records;
    while (first < enough) {
        uint64_t middle = first + (enough - first) / 2;
        if (!end_of(o, middle - 1, &earliest))
            return false;
        if (end - earliest > most || o->records - middle > most_records)
            first = middle + 1;
        else
            enough = middle;
    }
    uint64_t oldest = o->first > 0 ? o->first - 1 : 0; /* with the one that said so before */
    if (!end_of(o, first - 1, &earliest) || drop(o->index, oldest * sizeof o->last, (first - 1) * sizeof o->last) != 0)
        return false;
    o->truncated += earliest - begin;
    o->earliest = earliest;
    o->first = first;
    return drop(o->file, begin, earliest) == 0;
}

/* Without a tail, everything after the first byte that is not kept is not kept either, so that the log is a true prefix. */
static void keep(struct output *o, int stream, size_t size)
{
    if (o->tail && !o->over && !make_room(o, size))
        fail(o, errno);
    uint64_t kept = o->end[0] + o->end[1], room = o->limit - (kept - o->earliest);
    size_t wanted = size < room ? size : (size_t)room, written = 0;
    int64_t now = monotonic();
    bool extend = o->records > 0 && (o->last.combined & RECORD_IS_STDERR) == (stream ? RECORD_IS_STDERR : 0) &&
                  now - o->last_at < EXTENSION_TIME && o->last_size + wanted <= (o->piece < EXTENSION_MAX ? o->piece : EXTENSION_MAX);
    if (!extend && o->records - o->first == o->records_max)
        wanted = 0;
    if (!o->over && wanted > 0) {
        written = write_at(o->file, o->buffer, wanted, kept);
        int error = written < wanted ? errno : 0;
        if (written > 0 && !note(o, stream, written, extend, now)) {
            error = errno;
            written = 0;
        }
        if (error)
            fail(o, error);
    }
    if (written == size)
        return;
    o->truncated += size - written;
    if (!o->over)
        o->over = o->limited = true;
}

static ssize_t pump(struct output *o, int stream, size_t most)
{
    int fd = o->pipes[stream];
    ssize_t n = read(fd, o->buffer, most < o->piece ? most : o->piece);
    if (n > 0) {
        keep(o, stream, (size_t)n);
        /* Not before it helps: the pages of all pipes of a user are limited, and who is over gets tiny pipes. */
        if (n >= PIPE_DEFAULT && !o->large[stream]) {
            o->large[stream] = true;
            fcntl(fd, F_SETPIPE_SZ, PIPE_LARGE);
        }
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(fd);
        o->pipes[stream] = -1;
    }
    return n;
}

bool output_pump(struct output *o, int stream)
{
    return pump(o, stream, BUFFER) > 0;
}

void output_drain(struct output *o)
{
    for (int stream = 0; stream < 2; stream++) {
        int held = 0;
        if (o->pipes[stream] >= 0)
            ioctl(o->pipes[stream], FIONREAD, &held);
        while (held > 0) {
            ssize_t n = pump(o, stream, (size_t)held);
            if (n <= 0)
                break;
            held -= (int)n;
        }
    }
}
