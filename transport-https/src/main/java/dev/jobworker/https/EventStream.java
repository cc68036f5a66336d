package dev.jobworker.https;

import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.Wire;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.v1.Job;
import dev.jobworker.core.OutputEvent;
import dev.jobworker.core.StdStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;

/**
 * Output as server-sent events (HTML Living Standard, section 9.2), both ways.
 *
 * <pre>
 *     id: 0                                an id alone says where the output begins
 *
 *     id: 6                                the offset after these bytes, to be sent as Last-Event-ID
 *     event: stdout                        or stderr
 *     time: 2026-01-31T12:00:00.123456Z    when the first of them arrived; a field that browsers do not know, and ignore
 *     data: aGVsbG8K                       base64
 *
 *     : hb                                 after every 15 s of silence
 *
 *     id: 6
 *     event: end                           or problem, before the answer is cut
 *     reason: COMPLETE                     or CAUGHT_UP, LIMIT
 *     data: {"jobId":...}                  the job; of a problem, the same JSON as without a stream
 * </pre>
 */
final class EventStream {
    /** Encoded at once: a multiple of three, so that only the last piece is padded, and small, so that it stays in the cache of the processor. */
    private static final int PIECE_BYTES = 12 << 10;

    private static final byte[] HEARTBEAT = ascii(": hb\n\n");
    private static final byte[] END_OF_EVENT = ascii("\n\n");

    private EventStream() {}

    // ---- Writing

    static ByteBuffer position(long offset) {
        return ByteBuffer.wrap(ascii("id: " + offset + "\n\n"));
    }

    static ByteBuffer event(OutputEvent event) {
        return switch (event) {
            case OutputEvent.Chunk chunk -> {
                String head = "id: " + (chunk.offset() + chunk.bytes().remaining()) + "\nevent: " + name(chunk.stream())
                        + "\ntime: " + chunk.time() + "\ndata: ";
                ByteBuffer bytes = chunk.bytes();
                ByteBuffer text = ByteBuffer.allocate(
                                head.length() + (bytes.remaining() + 2) / 3 * 4 + END_OF_EVENT.length)
                        .put(ascii(head));
                byte[] piece = new byte[Math.min(bytes.remaining(), PIECE_BYTES)];
                while (bytes.hasRemaining()) {
                    byte[] some = bytes.remaining() >= piece.length ? piece : new byte[bytes.remaining()];
                    bytes.get(some);
                    text.put(Base64.getEncoder().encode(some));
                }
                yield text.put(END_OF_EVENT).flip();
            }
            case OutputEvent.Idle _ -> ByteBuffer.wrap(HEARTBEAT);
            case OutputEvent.End end ->
                ByteBuffer.wrap(("id: " + end.nextOffset() + "\nevent: end\nreason: "
                                + end.reason().name() + "\ndata: " + JsonWire.line(Wire.toProto(end.job())) + "\n\n")
                        .getBytes(StandardCharsets.UTF_8));
        };
    }

    static ByteBuffer problem(Problem problem) {
        return ByteBuffer.wrap(("event: problem\ndata: " + problem.body() + "\n\n").getBytes(StandardCharsets.UTF_8));
    }

    private static String name(StdStream stream) {
        return stream.name().toLowerCase(Locale.ROOT);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    // ---- Reading

    /** Reads what a server wrote. For one thread. */
    static final class Reader {
        private static final int BUFFER_BYTES = 64 << 10;
        /** More than a server sends in one line: 256 KiB in base64, or a job with the longest command line, escaped. */
        private static final int MAX_LINE_BYTES = 4 << 20;

        private final InputStream in;
        private final String server;
        private byte[] buffer = new byte[BUFFER_BYTES];
        private int begin;
        private int end;
        private long offset;

        Reader(InputStream in, String server) {
            this.in = in;
            this.server = server;
        }

        /**
         * Returns the next event; a heartbeat, and the first event, which says where the output begins, are {@link OutputEvent.Idle}.
         *
         * @throws IOException if the answer was cut
         * @throws WorkerException the problem that the server told before, or INTERNAL for nonsense
         */
        OutputEvent next() throws IOException {
            String kind = "";
            String reason = "";
            Instant time = Instant.EPOCH;
            byte[] data = {};
            long id = offset;
            try {
                for (int length = line(); length > 0; length = line()) {
                    int colon = indexOf((byte) ':', length);
                    int value = Math.min(colon + 2, length);
                    switch (new String(buffer, begin, colon, StandardCharsets.US_ASCII)) {
                        case "id" -> id = Long.parseLong(text(value, length));
                        case "event" -> kind = text(value, length);
                        case "time" -> time = Instant.parse(text(value, length));
                        case "reason" -> reason = text(value, length);
                        case "data" -> data = Arrays.copyOfRange(buffer, begin + value, begin + length);
                        default -> {} // a comment, or of a newer server
                    }
                    begin += length + 1;
                }
                begin++;
                return event(kind, id, time, reason, data);
            } catch (IllegalArgumentException | DateTimeException nonsense) {
                throw new WorkerException(
                        Reason.INTERNAL, server + " sent an event that cannot be understood: " + nonsense.getMessage());
            }
        }

        private OutputEvent event(String kind, long id, Instant time, String reason, byte[] data) {
            if (id < 0) {
                throw new IllegalArgumentException("the offset " + id);
            }
            offset = id;
            return switch (kind) {
                case "stdout", "stderr" -> {
                    byte[] bytes = Base64.getDecoder().decode(data);
                    if (id < bytes.length) {
                        throw new IllegalArgumentException("the offset " + id + " after " + bytes.length + " bytes");
                    }
                    yield new OutputEvent.Chunk(
                            id - bytes.length,
                            StdStream.valueOf(kind.toUpperCase(Locale.ROOT)),
                            time,
                            ByteBuffer.wrap(bytes).asReadOnlyBuffer());
                }
                case "end" ->
                    new OutputEvent.End(
                            OutputEvent.End.Reason.valueOf(reason),
                            id,
                            Wire.fromProto(
                                    JsonWire.readAnswer(data, Job.newBuilder()).build()));
                case "problem" -> throw Problem.read(0, data, server);
                default -> new OutputEvent.Idle(id);
            };
        }

        private String text(int from, int to) {
            return new String(buffer, begin + from, to - from, StandardCharsets.UTF_8);
        }

        /** Returns the index of the first {@code wanted} from {@code begin} on, or {@code length}. */
        private int indexOf(byte wanted, int length) {
            for (int i = 0; i < length; i++) {
                if (buffer[begin + i] == wanted) {
                    return i;
                }
            }
            return length;
        }

        /** Returns the length of the line at {@code begin}, without its end, when all of it is in the buffer. */
        private int line() throws IOException {
            for (int seen = 0; ; ) {
                int available = end - begin;
                for (; seen < available; seen++) {
                    if (buffer[begin + seen] == '\n') {
                        return seen;
                    }
                }
                fill();
            }
        }

        private void fill() throws IOException {
            if (begin > 0) {
                System.arraycopy(buffer, begin, buffer, 0, end - begin);
                end -= begin;
                begin = 0;
            }
            if (end == buffer.length) {
                if (end >= MAX_LINE_BYTES) {
                    throw new WorkerException(Reason.INTERNAL, server + " sent a line of more than " + end + " bytes");
                }
                buffer = Arrays.copyOf(buffer, 2 * end);
            }
            int count = in.read(buffer, end, buffer.length - end);
            if (count < 0) {
                throw new IOException("the answer ended before the output did");
            }
            end += count;
        }
    }
}
