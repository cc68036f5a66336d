package dev.jobworker.api;

import dev.jobworker.core.JobFilter;

/**
 * Which jobs to list.
 *
 * @param pageSize the most jobs of a page, 1 to {@link #MAX_PAGE_SIZE}, or 0 for {@link #DEFAULT_PAGE_SIZE}. A page of long command lines has
 *     fewer
 * @param pageToken empty for the first page, else the {@link JobPage#nextPageToken} of a page of the same filter
 */
public record JobQuery(JobFilter filter, int pageSize, String pageToken) {
    public static final int DEFAULT_PAGE_SIZE = 100;
    public static final int MAX_PAGE_SIZE = 1000;

    public static final JobQuery ALL = new JobQuery(JobFilter.ALL, 0, "");
}
