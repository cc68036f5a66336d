package dev.jobworker.cli;

/** Where the signals that ask this process to end go while it has something to finish. */
interface Signals {

    /** Leaves the signals alone. */
    Signals NONE = _ -> () -> {};

    /** Calls {@code handler} in a thread of its own for each SIGINT, SIGTERM and SIGHUP, until the result is closed. */
    Handling handle(Runnable handler);

    /** Ends with what was before. */
    interface Handling extends AutoCloseable {
        @Override
        void close();
    }
}
