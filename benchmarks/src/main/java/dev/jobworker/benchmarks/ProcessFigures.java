package dev.jobworker.benchmarks;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** What the kernel says of one process (proc(5)). */
record ProcessFigures(long pid) {

    long residentKilobytes() throws IOException {
        return number("status", "VmRSS");
    }

    long threads() throws IOException {
        return number("status", "Threads");
    }

    long descriptors() throws IOException {
        return names(path("fd")).size();
    }

    /** Returns a field of {@code smaps_rollup} in kilobytes: Rss, Pss (shared pages divided by those who share them), Private_Dirty. */
    long memoryKilobytes(String field) throws IOException {
        return number("smaps_rollup", field);
    }

    /** Returns how often threads whose names match were switched to and away, voluntarily or not, since they began. */
    long contextSwitches(Predicate<String> threadName) throws IOException {
        long sum = 0;
        for (String task : names(path("task"))) {
            if (threadName.test(Files.readString(path("task/" + task + "/comm")).strip())) {
                String status = "task/" + task + "/status";
                sum += number(status, "voluntary_ctxt_switches") + number(status, "nonvoluntary_ctxt_switches");
            }
        }
        return sum;
    }

    /** Returns the field's value of a file of lines such as {@code VmRSS:  42 kB}. */
    private long number(String file, String field) throws IOException {
        for (String line : Files.readAllLines(path(file))) {
            if (line.startsWith(field + ":")) {
                return Long.parseLong(line.split("\\s+")[1]);
            }
        }
        throw new IOException(path(file) + " has no " + field);
    }

    private Path path(String file) {
        return Path.of("/proc", Long.toString(pid), file);
    }

    private static List<String> names(Path directory) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            entries.forEach(entry -> names.add(entry.getFileName().toString()));
        }
        return names;
    }
}
