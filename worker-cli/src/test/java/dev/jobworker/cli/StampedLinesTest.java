package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.StdStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class StampedLinesTest {
    private static final Instant TIME = Instant.parse("2026-01-02T03:04:05.5Z");

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final StampedLines lines = new StampedLines(out);

    private void write(StdStream stream, String text) throws IOException {
        lines.write(new OutputEvent.Chunk(
                0,
                stream,
                TIME,
                ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)).asReadOnlyBuffer()));
    }

    @Test
    void lines_ofBothStreams_beginWithTimeAndStream() throws IOException {
        write(StdStream.STDOUT, "one\ntw");
        write(StdStream.STDOUT, "o\n\nun");
        write(StdStream.STDERR, "err\n");
        write(StdStream.STDOUT, "finished");
        lines.finish();
        assertEquals("""
                2026-01-02T03:04:05.500000Z stdout one
                2026-01-02T03:04:05.500000Z stdout two
                2026-01-02T03:04:05.500000Z stdout\s
                2026-01-02T03:04:05.500000Z stdout un
                2026-01-02T03:04:05.500000Z stderr err
                2026-01-02T03:04:05.500000Z stdout finished
                """, out.toString(StandardCharsets.UTF_8));
    }
}
