/* The numbers and layouts of PROTOCOL.md. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structures below are sent as they are");

enum { PROTOCOL_VERSION = 2, FRAME_MAX = 2 << 20, REQUESTER_MAX = 512, SIGNAL_MAX = 64 };

/* INPUT_WINDOW: what the worker may send beyond what the pipe took. */
enum { INPUT_WINDOW = 64 << 10, INPUT_HEAD = 9, INPUT_MAX = 16 << 10, ORDER_MAX = INPUT_HEAD + INPUT_MAX };

enum { TAIL_MIN = 64 << 10 };

enum stage {
    STAGE_NONE, STAGE_REQUEST, STAGE_FOLDER, STAGE_FORK, STAGE_STDIO, STAGE_LIMIT, STAGE_NICE, STAGE_USER, STAGE_PRIVILEGES,
    STAGE_DIRECTORY, STAGE_EXEC
};

enum cause { OWN_ACCORD, STOP_REQUEST, TIMEOUT, OUTPUT_LIMIT, WORKER_SHUTDOWN };

enum phase { RUNNING, STOPPING };

enum flag {
    NO_NEW_PRIVILEGES = 1, MERGE = 2, KILL_AT_OUTPUT_LIMIT = 4, SYNC = 8, STDIN_FILE = 16, DIE_WITH_WORKER = 32, KEEP_TAIL = 64,
    STDIN_PIPE = 128, WAIT_FOR_DESCENDANTS = 256, ALL_FLAGS = 511
};

enum order_kind { ORDER_STOP = 1, ORDER_SIGNAL, ORDER_INPUT, ORDER_END_INPUT };

struct reply {
    uint64_t start_id;
    uint32_t pid, stage, error, zero;
    uint64_t start_micros;
};

struct status {
    uint32_t protocol, pid, phase, cause;
    uint64_t bytes[2], truncated, earliest, start_micros, input;
};

struct index_record {
    uint64_t end[2], micros, combined;
};

#define RECORD_IS_STDERR ((uint64_t)1 << 63)
#define INPUT_IS_OPEN ((uint64_t)1 << 63)

_Static_assert(sizeof(struct reply) == 32 && sizeof(struct status) == 64 && sizeof(struct index_record) == 32, "no padding");

#endif
