package dev.jobworker.cli;

import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.StdStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Writes output with the time and the stream at the beginning of each line. A line that the other stream interrupts is ended there. */
final class StampedLines {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern(
                    "uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private final OutputStream target;
    // The stream of the unfinished line; null at the beginning of a line.
    private @Nullable StdStream open;

    StampedLines(OutputStream target) {
        this.target = target;
    }

    void write(OutputEvent.Chunk chunk) throws IOException {
        ByteArrayOutputStream lines = new ByteArrayOutputStream(chunk.bytes().remaining() + 64);
        if (open != null && open != chunk.stream()) {
            lines.write('\n');
            open = null;
        }
        byte[] stamp = stamp(chunk.time(), chunk.stream());
        ByteBuffer bytes = chunk.bytes();
        while (bytes.hasRemaining()) {
            if (open == null) {
                lines.writeBytes(stamp);
                open = chunk.stream();
            }
            byte next = bytes.get();
            lines.write(next);
            if (next == '\n') {
                open = null;
            }
        }
        lines.writeTo(target);
        target.flush();
    }

    /** Ends an unfinished last line. */
    void finish() throws IOException {
        if (open != null) {
            target.write('\n');
            target.flush();
            open = null;
        }
    }

    private static byte[] stamp(Instant time, StdStream stream) {
        return (TIME.format(time) + " " + stream.name().toLowerCase(Locale.ROOT) + " ")
                .getBytes(StandardCharsets.UTF_8);
    }
}
