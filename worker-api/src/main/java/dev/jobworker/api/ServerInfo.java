package dev.jobworker.api;

import java.time.Instant;

/**
 * What one talks to.
 *
 * @param version of the program
 * @param startTime of the server
 * @param runningJobs jobs that are not final
 * @param retainedJobs all jobs, with the final ones that are kept
 */
public record ServerInfo(String version, Instant startTime, int runningJobs, int retainedJobs) {}
