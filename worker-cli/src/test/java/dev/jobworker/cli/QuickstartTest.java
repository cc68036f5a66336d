package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
final class QuickstartTest {
    private static final Pattern ANNOUNCEMENT = Pattern.compile("the daemon is process ([0-9]+)");

    @TempDir
    Path folder;

    @Test
    void quickstart_goesAsAnnouncedAndLeavesNothing() throws Exception {
        Process quickstart = start();
        String text = new String(quickstart.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, Jvm.exitCode(quickstart), text);
        assertEquals("", new String(quickstart.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
        assertTrue(text.contains("All went as announced."), text);
        assertFalse(text.contains("NOT SO"), text);
        for (Transport transport : Transport.values()) {
            assertTrue(text.contains("export JOBWORKER_SERVER=" + transport.scheme() + "://127.0.0.1:"), text);
        }
        assertNothingLeft();
    }

    @Test
    void quickstart_interrupted_leavesNothing() throws Exception {
        Process quickstart = start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(quickstart.getInputStream(), StandardCharsets.UTF_8))) {
            String line = out.readLine();
            while (line != null && !ANNOUNCEMENT.matcher(line).find()) {
                line = out.readLine();
            }
            assertTrue(line != null, "the daemon was never announced");
            Jvm.signal("INT", quickstart);
            assertEquals(130, Jvm.exitCode(quickstart));
            long daemon = Long.parseLong(line.replaceAll(".*" + ANNOUNCEMENT + ".*", "$1"));
            assertFalse(Files.exists(Path.of("/proc/" + daemon)), "the daemon of a job is alive");
        }
        assertNothingLeft();
    }

    private Process start() throws IOException {
        ProcessBuilder builder = Jvm.builder(folder, Map.of(), "quickstart");
        builder.command().add(builder.command().indexOf("-cp"), "-Djava.io.tmpdir=" + folder);
        return builder.start();
    }

    private void assertNothingLeft() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(
                    0,
                    files.filter(file -> file.getFileName().toString().startsWith("jobworker-"))
                            .count());
        }
    }
}
