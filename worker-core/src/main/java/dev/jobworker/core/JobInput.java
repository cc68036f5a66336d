package dev.jobworker.core;

import java.util.Arrays;

/** Bytes for the standard input of a job. Immutable; not shown in messages. */
public final class JobInput {
    /** The most bytes that a start takes: 4 MiB. */
    public static final int MAX_BYTES = 4 << 20;

    /** Nothing: the job reads end of file at once. */
    public static final JobInput EMPTY = new JobInput(new byte[0]);

    private final byte[] bytes;

    private JobInput(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Returns an input of a copy of {@code bytes}. */
    public static JobInput of(byte[] bytes) {
        if (bytes.length > MAX_BYTES) {
            throw new JobException(
                    new Failure.Invalid("input", "has " + bytes.length + " bytes, more than " + MAX_BYTES));
        }
        return bytes.length == 0 ? EMPTY : new JobInput(bytes.clone());
    }

    public boolean isEmpty() {
        return bytes.length == 0;
    }

    /** Returns a copy of the bytes. */
    public byte[] toByteArray() {
        return bytes.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof JobInput input && Arrays.equals(bytes, input.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "JobInput[" + bytes.length + " bytes]";
    }
}
