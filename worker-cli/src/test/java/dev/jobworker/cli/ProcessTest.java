package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The program as a process: signals, pipes, what goes on after it. On engines of its own ({@code --local}). */
@Timeout(120)
final class ProcessTest {
    private static final String ENDS_WELL = "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.1; done";

    @TempDir
    Path folder;

    @AfterEach
    void stopWhatIsLeft() {
        Shell shell = new Shell(folder);
        shell.run("list", "--local", "-o", "jsonl")
                .out()
                .lines()
                .map(line -> line.replaceFirst(".*\"jobId\":\"([^\"]*)\".*", "$1"))
                .forEach(id -> shell.run("stop", "--local", "--grace", "0s", id));
    }

    private String state() {
        return new Shell(folder)
                .run("list", "--local")
                .out()
                .lines()
                .skip(1)
                .findFirst()
                .orElse("");
    }

    private static BufferedReader out(Process process) {
        return new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    /** Returns all that a process writes to standard error; fails if something holds that open after it. */
    private static String err(Process process) throws Exception {
        return CompletableFuture.supplyAsync(() -> {
                    try {
                        return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                })
                .get(60, TimeUnit.SECONDS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM", "HUP"})
    void run_interruptedOnce_stopsTheJobAndExitsAsItDid(String signal) throws Exception {
        Process run = Jvm.start(folder, "run", "--local", "--", "sh", "-c", ENDS_WELL);
        BufferedReader out = out(run);
        assertEquals("ready", out.readLine());
        Jvm.signal(signal, run);
        assertEquals("bye", out.readLine());
        assertEquals(4, Jvm.exitCode(run));
        assertTrue(err(run).contains("stopping job"));
        assertTrue(state().contains("STOPPED"), state());
    }

    @Test
    void run_underNohup_doesNotHearTheHangUp() throws Exception {
        ProcessBuilder builder = Jvm.builder(folder, Map.of(), "run", "--local", "--", "sh", "-c", ENDS_WELL);
        builder.command().add(2, "--ignore-signal=HUP"); // as nohup(1) does
        Process run = builder.start();
        BufferedReader out = out(run);
        assertEquals("ready", out.readLine());
        Jvm.signal("HUP", run);
        Jvm.signal("TERM", run);
        assertEquals("bye", out.readLine());
        assertEquals(4, Jvm.exitCode(run), "a second signal would have killed the job");
        assertEquals(
                1,
                err(run).lines().filter(line -> line.contains("stopping job")).count());
    }

    @Test
    void run_interruptedTwice_killsTheJob() throws Exception {
        Process run = Jvm.start(
                folder,
                "run",
                "--local",
                "--grace",
                "1h",
                "--",
                "sh",
                "-c",
                "trap 'echo no' TERM; echo ready; while :; do sleep 0.1; done");
        BufferedReader out = out(run);
        assertEquals("ready", out.readLine());
        Jvm.signal("INT", run);
        assertEquals("no", out.readLine());
        Jvm.signal("INT", run);
        assertEquals(137, Jvm.exitCode(run));
    }

    @Test
    void run_detachOnInterrupt_leavesTheJob() throws Exception {
        Process run = Jvm.start(
                folder, "run", "--local", "--detach-on-interrupt", "--", "sh", "-c", "echo ready; exec sleep 1000");
        assertEquals("ready", out(run).readLine());
        Jvm.signal("INT", run);
        assertEquals(130, Jvm.exitCode(run));
        assertTrue(err(run).contains("goes on"));
        assertTrue(state().contains("RUNNING"), state());
    }

    @Test
    void run_intoAPipeThatCloses_stopsTheJobWithoutAStackTrace() throws Exception {
        String command = Text.shell(Jvm.command("run", "--local", "--", "yes"));
        Process pipe = new ProcessBuilder("sh", "-c", "{ " + command + "; echo $? >code; } 2>err | head -1")
                .directory(folder.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        // The same state directory as the other commands of this test.
        assertEquals("y", out(pipe).readLine());
        assertEquals(0, Jvm.exitCode(pipe));
        assertEquals("141", Files.readString(folder.resolve("code")).strip());
        assertEquals("", Files.readString(folder.resolve("err")));
    }

    @Test
    void logs_intoFullDevice_isOneLine() throws Exception {
        new Shell(folder).run("run", "--local", "--", "echo", "x");
        String id = new Shell(folder)
                .run("list", "--local")
                .out()
                .lines()
                .skip(1)
                .findFirst()
                .orElse("")
                .substring(0, 36);
        Process logs = Jvm.builder(folder, Map.of(), "logs", "--local", id)
                .redirectOutput(new File("/dev/full"))
                .start();
        assertEquals(125, Jvm.exitCode(logs));
        assertEquals(1, err(logs).lines().count());
    }

    @Test
    void start_local_theJobGoesOnAfterTheCommand() throws Exception {
        Process start = Jvm.start(
                folder,
                "start",
                "--local",
                "--",
                "sh",
                "-c",
                "echo one; while [ ! -e go ]; do sleep 0.05; done; echo two");
        String id = out(start).readLine();
        assertEquals("", err(start), "the job holds neither stream of the command");
        assertEquals(0, Jvm.exitCode(start));
        Files.createFile(folder.resolve("go"));
        assertEquals(
                "one\ntwo\n", new Shell(folder).run("logs", "--local", "-f", id).out());
        assertEquals(0, new Shell(folder).run("wait", "--local", id).code());
    }

    @Test
    void local_whileAnotherCommandUsesIt_isAClearError() throws Exception {
        Process run = Jvm.start(folder, "run", "--local", "--", "sh", "-c", "echo ready; exec sleep 1000");
        assertEquals("ready", out(run).readLine());
        Shell.Result second = new Shell(folder).run("list", "--local");
        assertEquals(1, second.code());
        assertTrue(second.err().contains("another worker uses the state directory"), second.err());
        Jvm.signal("INT", run);
        assertEquals(143, Jvm.exitCode(run));
    }

    @Test
    void standardOutput_hasOnlyData() throws Exception {
        Process run = Jvm.start(folder, "run", "--", "printf", "data");
        assertEquals("data", new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
        assertEquals(0, Jvm.exitCode(run));
        assertEquals("jobworker: no server is configured: using this machine (--local)\n", err(run));
        Process wrong = Jvm.start(folder, "nonsense");
        assertEquals(2, Jvm.exitCode(wrong));
        assertEquals(0, wrong.getInputStream().readAllBytes().length);
    }
}
