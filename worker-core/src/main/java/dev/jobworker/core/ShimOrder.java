package dev.jobworker.core;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;

/** Orders to a shim (PROTOCOL.md, "Control socket"). */
final class ShimOrder {
    private static final byte STOP = 1;
    private static final byte SIGNAL = 2;
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
}
