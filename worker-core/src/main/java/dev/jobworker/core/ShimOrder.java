package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;

/** Orders to a shim (PROTOCOL.md, "Control socket"). */
final class ShimOrder {
    private static final byte STOP = 1;
    private static final byte SIGNAL = 2;
    private static final byte INPUT = 3;
    private static final byte END_INPUT = 4;

    /** The most bytes of one {@link #input}. */
    static final int MAX_INPUT_BYTES = 16 << 10;

    /** How much input may be sent beyond what the job's pipe has taken. */
    static final int INPUT_WINDOW = 64 << 10;

    private static final int MAX_NAME_BYTES = 512;

    private ShimOrder() {}

    static ByteBuffer stop(Cause.Kind cause, Signal signal, Duration gracePeriod, String requestedBy) {
        byte[] name = requestedBy.getBytes(StandardCharsets.UTF_8);
        if (name.length > MAX_NAME_BYTES) {
            name = Arrays.copyOf(name, MAX_NAME_BYTES);
        }
        int length = 1 + 1 + 1 + 8 + name.length;
        return StartFrame.littleEndian(4 + length)
                .putInt(length)
                .put(STOP)
                .put(ShimStatus.number(cause))
                .put((byte) signal.number())
                .putLong(gracePeriod.toMillis())
                .put(name)
                .flip();
    }

    static ByteBuffer signal(Signal signal) {
        return StartFrame.littleEndian(4 + 2)
                .putInt(2)
                .put(SIGNAL)
                .put((byte) signal.number())
                .flip();
    }

    /** Bytes of the job's standard input that begin at {@code offset} of it; the buffer's position is left alone. */
    static ByteBuffer input(long offset, ByteBuffer bytes) {
        int length = 1 + 8 + bytes.remaining();
        return StartFrame.littleEndian(4 + length)
                .putInt(length)
                .put(INPUT)
                .putLong(offset)
                .put(bytes.duplicate())
                .flip();
    }

    /** The job's standard input has no more than {@code offset} bytes. */
    static ByteBuffer endInput(long offset) {
        return StartFrame.littleEndian(4 + 9)
                .putInt(9)
                .put(END_INPUT)
                .putLong(offset)
                .flip();
    }
}
