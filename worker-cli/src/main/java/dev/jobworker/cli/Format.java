package dev.jobworker.cli;

import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Wire;
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
            case JSON -> jobs.size() == 1 ? JsonWire.document(Wire.toProto(jobs.getFirst())) + "\n" : list(jobs, false);
            case JSONL ->
                jobs.stream()
                        .map(job -> JsonWire.line(Wire.toProto(job)) + "\n")
                        .collect(Collectors.joining());
        };
    }

    /** Returns jobs that were found; JSON is always an array. */
    String list(List<Job> jobs, boolean coloured) {
        return switch (this) {
            case TABLE -> JobText.table(jobs, coloured);
            case JSON -> JsonWire.document(jobs.stream().map(Wire::toProto).toList()) + "\n";
            case JSONL -> show(jobs, false);
        };
    }
}
