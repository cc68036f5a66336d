package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** What a shim says of its job (PROTOCOL.md, "Control socket"). */
record ShimStatus(int pid, Instant startTime, boolean stopping, Cause.Kind cause, OutputInfo output, InputInfo input) {
    static final int BYTES = 64;

    private static final long INPUT_IS_OPEN = 1L << 63;

    /** Reads the 64 little-endian bytes at the buffer's position. */
    static ShimStatus decode(ByteBuffer buffer) {
        int end = buffer.position() + BYTES;
        int _ = buffer.getInt(); // the protocol: later versions keep the meaning of these bytes
        int pid = buffer.getInt();
        boolean stopping = buffer.getInt() != 0;
        int cause = buffer.getInt();
        long stdout = buffer.getLong();
        long stderr = buffer.getLong();
        long truncated = buffer.getLong();
        long earliest = buffer.getLong();
        Instant startTime = time(buffer.getLong());
        long input = buffer.getLong();
        buffer.position(end);
        return new ShimStatus(
                pid,
                startTime,
                stopping,
                kind(cause),
                new OutputInfo(stdout, stderr, earliest, truncated, false),
                new InputInfo(input & ~INPUT_IS_OPEN, (input & INPUT_IS_OPEN) != 0));
    }

    /** Returns the time that a shim writes as microseconds since the epoch. */
    static Instant time(long micros) {
        return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
    }

    private static Cause.Kind kind(int number) {
        return switch (number) {
            case 1 -> Cause.Kind.STOP_REQUEST;
            case 2 -> Cause.Kind.TIMEOUT;
            case 3 -> Cause.Kind.OUTPUT_LIMIT;
            case 4 -> Cause.Kind.WORKER_SHUTDOWN;
            default -> Cause.Kind.OWN_ACCORD;
        };
    }

    static byte number(Cause.Kind kind) {
        return switch (kind) {
            case OWN_ACCORD -> 0;
            case STOP_REQUEST -> 1;
            case TIMEOUT -> 2;
            case OUTPUT_LIMIT -> 3;
            case WORKER_SHUTDOWN -> 4;
        };
    }
}
