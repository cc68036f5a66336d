package dev.jobworker.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EmbeddedEngineTest {

    @Test
    void main_aCommand_printsItsOutputAndItsEnd(@TempDir Path directory) throws Exception {
        PrintStream stdout = System.out;
        String tmpdir = System.getProperty("java.io.tmpdir");
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
        System.setProperty("java.io.tmpdir", directory.toString());
        try {
            EmbeddedEngine.main(new String[] {"sh", "-c", "echo hello; exit 3"});
        } finally {
            System.setOut(stdout);
            System.setProperty("java.io.tmpdir", tmpdir);
        }
        String text = printed.toString(StandardCharsets.UTF_8);
        assertTrue(text.startsWith("hello\n") || text.contains("\nhello\n"), text);
        assertTrue(text.contains("ended with Code[value=3], OWN_ACCORD"), text);
        assertTrue(text.contains("told of the end: FAILED"), text);
        try (var jobs = Files.list(directory.resolve("jobworker-example/jobs"))) {
            assertEquals(0, jobs.count());
        }
    }
}
