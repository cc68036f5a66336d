package dev.jobworker.core;

import java.nio.file.Path;
import java.time.InstantSource;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a test may put in the place of the real thing.
 *
 * @param clock tells the wall-clock time
 * @param faults is told of every fault point that is passed
 * @param helper a helper program to use; null for the one that is shipped
 */
record Hooks(
        InstantSource clock,
        Consumer<FaultPoint> faults,
        @Nullable Path helper) {
    static final Hooks NONE = new Hooks(InstantSource.system(), _ -> {}, null);

    static Hooks faults(Consumer<FaultPoint> faults) {
        return new Hooks(InstantSource.system(), faults, null);
    }
}
