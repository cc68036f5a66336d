package dev.jobworker.core;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** A limit of the kernel on one process (getrlimit(2)); the numbers are those of x86-64 and aarch64. */
public enum ResourceLimit {
    /** CPU time in seconds. */
    CPU(0),
    /** Size of a file in bytes. */
    FSIZE(1),
    /** Data segment in bytes. */
    DATA(2),
    /** Stack in bytes. */
    STACK(3),
    /** Core file in bytes. */
    CORE(4),
    /** Processes of the user. */
    NPROC(6),
    /** Open file descriptors. */
    NOFILE(7),
    /** Locked memory in bytes. */
    MEMLOCK(8),
    /** Address space in bytes. */
    AS(9);

    private final int number;

    ResourceLimit(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /** Returns the name that users write, "nofile" for example. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns the limit with this {@link #label}, or empty. */
    public static Optional<ResourceLimit> parse(String label) {
        return Arrays.stream(values())
                .filter(limit -> limit.label().equals(label))
                .findFirst();
    }
}
