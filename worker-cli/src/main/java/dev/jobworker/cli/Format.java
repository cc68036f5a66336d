package dev.jobworker.cli;

import dev.jobworker.core.Job;
import java.util.List;
import java.util.stream.Collectors;

/** How data is shown. */
enum Format {
    TABLE,
    JSON,
    JSONL;

    /** Returns jobs that were asked for by name; JSON of one is the object itself. */
    String show(List<Job> jobs, boolean coloured) {
        return switch (this) {
            case TABLE ->
                jobs.stream().map(job -> JobText.details(job, coloured)).collect(Collectors.joining("\n"));
            case JSON -> jobs.size() == 1 ? JobJson.document(jobs.getFirst()) : JobJson.document(jobs);
            case JSONL -> jobs.stream().map(JobJson::line).collect(Collectors.joining());
        };
    }

    /** Returns jobs that were found; JSON is always an array. */
    String list(List<Job> jobs, boolean coloured) {
        return switch (this) {
            case TABLE -> JobText.table(jobs, coloured);
            case JSON -> JobJson.document(jobs);
            case JSONL -> show(jobs, false);
        };
    }
}
