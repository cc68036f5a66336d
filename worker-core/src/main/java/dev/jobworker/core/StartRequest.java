package dev.jobworker.core;

import java.util.UUID;

/**
 * A request to start a job.
 *
 * @param owner who asks
 * @param requestId the owner's name for this request: asking again with the same id and the same spec gives the same job
 * @param ownerLimit refuse if the owner has that many running jobs
 */
public record StartRequest(String owner, UUID requestId, JobSpec spec, int ownerLimit) {

    /** A request with a new id and no limit of its own. */
    public static StartRequest of(String owner, JobSpec spec) {
        return new StartRequest(owner, UUID.randomUUID(), spec, Integer.MAX_VALUE);
    }
}
