package dev.jobworker.core;

import java.time.Duration;

/** What a job consumed: CPU time of all of its processes that were reaped, and the largest resident set of one of them in bytes (getrusage(2)). */
public record Usage(Duration userCpu, Duration systemCpu, long peakMemoryBytes) {}
