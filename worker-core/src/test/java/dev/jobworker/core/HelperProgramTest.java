package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The committed helpers are those of the committed sources. */
final class HelperProgramTest {
    private static final Path SOURCES = Path.of("src/main/native");
    private static final Path PROGRAMS = Path.of("src/main/resources/dev/jobworker/core/native");

    @Test
    void programs_areBuiltFromTheseSources() throws IOException {
        Map<String, String> expected = Files.readAllLines(PROGRAMS.resolve("job-shim.sha256")).stream()
                .map(line -> line.split(" ", -1))
                .collect(Collectors.toMap(words -> words[0], words -> words[1]));
        Map<String, String> found = Map.of(
                "sources",
                HelperProgram.sha256(sources()),
                "linux-x86_64",
                HelperProgram.sha256(Files.readAllBytes(PROGRAMS.resolve("job-shim-linux-x86_64"))),
                "linux-aarch64",
                HelperProgram.sha256(Files.readAllBytes(PROGRAMS.resolve("job-shim-linux-aarch64"))));
        assertEquals(expected, found, "run src/main/native/build.sh after a change of the sources");
    }

    private static byte[] sources() throws IOException {
        Map<String, byte[]> files = new TreeMap<>();
        try (DirectoryStream<Path> directory = Files.newDirectoryStream(SOURCES, "*.{c,h}")) {
            for (Path file : directory) {
                files.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        files.forEach((name, content) -> {
            all.writeBytes((name + "\n").getBytes(StandardCharsets.UTF_8));
            all.writeBytes(content);
        });
        return all.toByteArray();
    }
}
