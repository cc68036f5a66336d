package dev.jobworker.core;

/** A way to look at a job's output. Offsets count bytes of one view. */
public enum OutputView {
    /** Both streams in the order in which their bytes arrived. */
    COMBINED,
    /** Standard output alone. */
    STDOUT,
    /** Standard error alone. */
    STDERR
}
