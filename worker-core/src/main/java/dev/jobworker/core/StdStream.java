package dev.jobworker.core;

/** One of the two output streams of a process. */
public enum StdStream {
    STDOUT,
    STDERR
}
