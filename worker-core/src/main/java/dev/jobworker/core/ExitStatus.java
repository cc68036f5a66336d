package dev.jobworker.core;

/** How a main process ended: an exit code or a signal, never one dressed up as the other (waitpid(2)). */
public sealed interface ExitStatus {

    /** It called exit with {@code value}, 0 to 255. */
    record Code(int value) implements ExitStatus {}

    /** It was killed by {@code signal}; {@code coreDumped} tells whether it left a core file. */
    record Signaled(Signal signal, boolean coreDumped) implements ExitStatus {}
}
