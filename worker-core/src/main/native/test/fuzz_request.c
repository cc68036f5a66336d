/* libFuzzer target: any frame is decoded or refused, within its bounds, and what is accepted is what a shim may rely on. */
#include "../request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void inside(const char *text, const uint8_t *frame, size_t size)
{
    if ((const uint8_t *)text < frame || (const uint8_t *)text + strlen(text) >= frame + size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r;
    uint8_t *frame = malloc(size ? size : 1);
    memcpy(frame, data, size);
    int error = request_parse(frame, size, &r);
    if (error && error != EPROTO)
        abort();
    if (!error) {
        if (!r.argv[0] || r.folder[0] != '/' || r.directory[0] != '/' || r.umask > 0777 || r.limit_count > LIMITS_MAX)
            abort();
        inside(r.folder, frame, size);
        inside(r.directory, frame, size);
        for (char **a = r.argv; *a; a++)
            inside(*a, frame, size);
        for (char **e = r.envp; *e; e++) {
            inside(*e, frame, size);
            if (!strchr(*e, '=') || **e == '=')
                abort();
        }
    }
    request_free(&r);
    free(frame);
    return 0;
}
