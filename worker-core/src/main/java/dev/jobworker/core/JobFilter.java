package dev.jobworker.core;

import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which jobs to list: those to which every part applies.
 *
 * @param states any of these; empty for all
 * @param owner of this owner; null for all
 * @param labels with all of these labels
 */
public record JobFilter(Set<JobState> states, @Nullable String owner, Map<String, String> labels) {
    public static final JobFilter ALL = new JobFilter(Set.of(), null, Map.of());

    public JobFilter {
        states = Set.copyOf(states);
        labels = Map.copyOf(labels);
    }

    boolean matches(Job job) {
        return (states.isEmpty() || states.contains(job.state()))
                && (owner == null || owner.equals(job.owner()))
                && job.spec().labels().entrySet().containsAll(labels.entrySet());
    }
}
