package dev.jobworker.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A directory for one benchmark, removed at its end. */
record Scratch(Path path) {

    static Scratch in(Path parent) throws IOException {
        return new Scratch(Files.createTempDirectory(parent, "jobworker-benchmark"));
    }

    void close() throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            List<Path> deepestFirst = tree.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.delete(file);
            }
        }
    }
}
