package dev.jobworker.cli;

import dev.jobworker.core.Cause;
import dev.jobworker.core.Descendants;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputInfo;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.Signal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Help.Ansi;

/** Jobs as people read them. */
final class JobText {
    private static final List<String> HEADER =
            List.of("JOB", "STATE", "EXIT", "STARTED", "TIME", "OUTPUT", "OWNER", "COMMAND");
    private static final int STATE = 1;

    private JobText() {}

    /** Returns a line for each job, in columns. */
    static String table(List<Job> jobs, boolean coloured) {
        List<List<String>> rows = new ArrayList<>();
        for (Job job : jobs) {
            rows.add(List.of(
                    job.id().toString(),
                    job.state().name(),
                    exit(job),
                    seconds(started(job)),
                    shown(runTime(job)),
                    size(job.output().combinedBytes()),
                    Text.escape(job.owner().replaceFirst("^spiffe://[^/]*/", "")),
                    Text.command(job.spec().argv())));
        }
        return columns(rows, coloured);
    }

    /** Returns everything about a job, a fact a line. */
    static String details(Job job, boolean coloured) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("Job", job.id().toString());
        facts.put("State", colour(job.state(), job.state().name(), coloured));
        facts.put("Command", Text.command(job.spec().argv()));
        facts.put("Owner", Text.escape(job.owner()));
        facts.put("Directory", Text.escape(job.spec().workingDirectory()));
        if (!job.spec().labels().isEmpty()) {
            facts.put(
                    "Labels",
                    job.spec().labels().entrySet().stream()
                            .map(label -> Text.escape(label.getKey() + "=" + label.getValue()))
                            .collect(Collectors.joining(", ")));
        }
        if (!job.spec().stopSignal().equals(Signal.TERM)) {
            facts.put("Stopped by", job.spec().stopSignal().name());
        }
        if (job.spec().descendants() == Descendants.WAIT) {
            facts.put("Descendants", "waits for them");
        }
        facts.put("Started", started(job).toString());
        switch (job.status()) {
            case JobStatus.Running running -> facts.put("Process", process(running.pid()));
            case JobStatus.Stopping(int pid, Instant _, Cause.Kind cause) -> {
                facts.put("Process", process(pid));
                facts.put("Cause", describe(cause));
            }
            case JobStatus.Ended ended -> {
                facts.put("Ended", ended.endTime() + ", after " + shown(runTime(job)));
                facts.put("Exit", describe(ended.exit()));
                facts.put("Cause", describe(ended.cause()));
                facts.put(
                        "CPU",
                        Units.text(ended.usage().userCpu()) + " user, "
                                + Units.text(ended.usage().systemCpu()) + " system; "
                                + size(ended.usage().peakMemoryBytes()) + " memory");
            }
            case JobStatus.Lost(String evidence, Instant found) ->
                facts.put("Lost", "found " + found + ": " + Text.escape(evidence));
        }
        if (job.spec().streamInput()) {
            facts.put("Input", job.input().bytes() + " bytes" + (job.input().open() ? " so far" : ""));
        }
        facts.put("Output", output(job.output()));
        survivors(job).ifPresent(text -> facts.put("Survivors", text));
        int width = facts.keySet().stream().mapToInt(String::length).max().orElse(0) + 2;
        return facts.entrySet().stream()
                .map(fact -> pad(fact.getKey() + ":", width) + fact.getValue() + "\n")
                .collect(Collectors.joining());
    }

    /** Returns what the exit code alone does not tell about the end of a job; empty if there is nothing. */
    static String remark(Job job) {
        List<String> parts = new ArrayList<>();
        switch (job.status()) {
            case JobStatus.Running _, JobStatus.Stopping _ -> parts.add("has not ended");
            case JobStatus.Lost(String evidence, var _) -> parts.add("was lost: " + evidence);
            case JobStatus.Ended ended -> {
                boolean ownCode =
                        ended.exit() instanceof ExitStatus.Code && ended.cause().kind() == Cause.Kind.OWN_ACCORD;
                if (!ownCode) {
                    parts.add("ended with " + describe(ended.exit()) + " (" + describe(ended.cause()) + ")");
                }
            }
        }
        if (cutBytes(job) > 0) {
            parts.add(cutBytes(job) + " bytes of its output were not kept");
        }
        survivors(job).ifPresent(text -> parts.add("could not be killed: " + text));
        return parts.isEmpty() ? "" : "job " + job.id() + " " + String.join("; ", parts);
    }

    /** Returns how many bytes are missing after what is kept; what is missing before it, a reader is told when it begins. */
    static long cutBytes(Job job) {
        return job.spec().output().atLimit() == OutputPolicy.AtLimit.KEEP_TAIL
                ? 0
                : job.output().truncatedBytes();
    }

    static String describe(ExitStatus exit) {
        return switch (exit) {
            case ExitStatus.Code(int code) -> "code " + code;
            case ExitStatus.Signaled(var signal, boolean core) -> signal.name() + (core ? " (core dumped)" : "");
        };
    }

    static String describe(Cause cause) {
        return describe(cause.kind())
                + (cause.requestedBy() == null ? "" : " by " + Text.escape(cause.requestedBy()))
                + (cause.graceExceeded() ? ", killed after the grace period" : "");
    }

    private static String describe(Cause.Kind kind) {
        return switch (kind) {
            case OWN_ACCORD -> "own accord";
            case STOP_REQUEST -> "stop requested";
            case TIMEOUT -> "timeout";
            case OUTPUT_LIMIT -> "output limit";
            case WORKER_SHUTDOWN -> "worker shutdown";
        };
    }

    private static Optional<String> survivors(Job job) {
        return job.status() instanceof JobStatus.Ended ended
                        && !ended.survivors().isEmpty()
                ? Optional.of(ended.survivors().stream()
                        .map(survivor -> Text.escape(survivor.text()))
                        .collect(Collectors.joining(", ")))
                : Optional.empty();
    }

    private static String process(int pid) {
        return pid > 0 ? Integer.toString(pid) : "the main one has ended, others have not";
    }

    private static String exit(Job job) {
        return switch (job.status()) {
            case JobStatus.Ended ended ->
                switch (ended.exit()) {
                    case ExitStatus.Code(int code) -> Integer.toString(code);
                    case ExitStatus.Signaled(var signal, var _) -> signal.name();
                };
            case JobStatus.Running _, JobStatus.Stopping _, JobStatus.Lost _ -> "-";
        };
    }

    private static String output(OutputInfo output) {
        return output.stdoutBytes() + " bytes stdout, " + output.stderrBytes() + " bytes stderr"
                + (output.earliestOffset() > 0 ? ", kept from " + output.earliestOffset() : "")
                + (output.truncatedBytes() > 0 ? ", " + output.truncatedBytes() + " bytes not kept" : "")
                + (output.complete() ? "" : " so far");
    }

    private static Duration runTime(Job job) {
        Instant end = switch (job.status()) {
            case JobStatus.Ended ended -> ended.endTime();
            case JobStatus.Lost(var _, Instant found) -> found;
            case JobStatus.Running _, JobStatus.Stopping _ -> Instant.now();
        };
        return Duration.between(started(job), end);
    }

    private static Instant started(Job job) {
        return job.status().started().orElse(job.createTime());
    }

    private static String shown(Duration time) {
        if (time.compareTo(Duration.ofMinutes(1)) < 0) {
            return "%.1fs".formatted(Math.max(0, time.toMillis()) / 1000.0);
        }
        return time.toHours() == 0
                ? "%dm%02ds".formatted(time.toMinutes(), time.toSecondsPart())
                : "%dh%02dm".formatted(time.toHours(), time.toMinutesPart());
    }

    private static String seconds(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private static String size(long bytes) {
        if (bytes < 10_000) {
            return bytes + " B";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 1000 && unit < 3) {
            value /= 1000;
            unit++;
        }
        return "%.1f %sB".formatted(value, "kMGT".charAt(unit));
    }

    private static String columns(List<List<String>> rows, boolean coloured) {
        int last = HEADER.size() - 1; // never padded: what it has may be of any width
        int[] widths = new int[last];
        for (int i = 0; i < last; i++) {
            int column = i;
            widths[i] = Stream.concat(Stream.of(HEADER), rows.stream())
                            .mapToInt(row -> row.get(column).length())
                            .max()
                            .orElse(0)
                    + 2;
        }
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < last; i++) {
            text.append(pad(HEADER.get(i), widths[i]));
        }
        text.append(HEADER.get(last)).append('\n');
        for (List<String> row : rows) {
            for (int i = 0; i < last; i++) {
                String cell = pad(row.get(i), widths[i]);
                text.append(i == STATE ? colour(JobState.valueOf(row.get(i)), cell, coloured) : cell);
            }
            text.append(row.get(last)).append('\n');
        }
        return text.toString();
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }

    private static String colour(JobState state, String text, boolean coloured) {
        if (!coloured) {
            return text;
        }
        Ansi.Style style = switch (state) {
            case RUNNING -> Ansi.Style.fg_cyan;
            case STOPPING, STOPPED -> Ansi.Style.fg_yellow;
            case SUCCEEDED -> Ansi.Style.fg_green;
            case FAILED, LOST -> Ansi.Style.fg_red;
        };
        return style.on() + text + style.off();
    }
}
