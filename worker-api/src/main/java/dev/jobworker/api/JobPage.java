package dev.jobworker.api;

import dev.jobworker.core.Job;
import java.util.List;

/**
 * Some jobs, newest first.
 *
 * @param nextPageToken for the next page; empty on the last one
 */
public record JobPage(List<Job> jobs, String nextPageToken) {
    public JobPage {
        jobs = List.copyOf(jobs);
    }
}
