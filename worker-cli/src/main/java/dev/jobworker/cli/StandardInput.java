package dev.jobworker.cli;

import dev.jobworker.api.transport.ResumingWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** The standard input of this process on its way into a job. */
final class StandardInput {
    /** Written at once: large enough that the way to a server and back costs little beside it. */
    private static final int BUFFER_BYTES = 1 << 20;

    private StandardInput() {}

    /** Writes all that comes, as it comes, and ends the job's input after it if {@code end}. */
    static void copy(InputStream in, ResumingWriter job, boolean end) throws IOException, InterruptedException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int size = read(in, buffer); size > 0; size = read(in, buffer)) {
            job.write(ByteBuffer.wrap(buffer, 0, size), false);
        }
        if (end) {
            job.write(ByteBuffer.allocate(0), true);
        }
    }

    /** Waits for some bytes and takes what is there with them; 0 at the end. */
    private static int read(InputStream in, byte[] into) throws IOException {
        int size = Math.max(0, in.read(into));
        while (size > 0 && size < into.length && in.available() > 0) {
            int more = in.read(into, size, into.length - size);
            if (more < 0) {
                return size;
            }
            size += more;
        }
        return size;
    }
}
