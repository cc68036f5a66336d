package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.jobworker.core.Descendants;
import dev.jobworker.core.JobException;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the words of a command line become. Through {@code start} with an engine in this process, or by the spec alone. */
final class SpecOptionsTest {
    @TempDir
    Path folder;

    private JobSpec spec(boolean local, byte[] input, String... words) throws IOException {
        SpecOptions options = new SpecOptions();
        picocli.CommandLine line = new picocli.CommandLine(options);
        Units.register(line);
        line.setExpandAtFiles(false);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setStopAtPositional(true);
        line.parseArgs(words);
        return options.spec(new Shell(folder).input(input).console(), local, false);
    }

    private JobSpec spec(String... words) throws IOException {
        return spec(false, new byte[0], words);
    }

    @Test
    void spec_withoutOptions_hasTheDefaults() throws IOException {
        assertEquals(JobSpec.of("true"), spec("true"));
    }

    @Test
    void spec_withAllOptions_hasThem() throws IOException {
        JobSpec expected = JobSpec.builder("cmd", "-x", "--env", "--", "@file", "")
                .environment("A", "1=2")
                .environment("B", "")
                .workingDirectory("/srv")
                .timeout(Duration.ofMillis(1500))
                .gracePeriod(Duration.ofSeconds(3))
                .label("team", "red")
                .user("1000:1000")
                .limit(ResourceLimit.NOFILE, 64)
                .limit(ResourceLimit.AS, 2L << 30)
                .umask(0077)
                .nice(-5)
                .noNewPrivileges(true)
                .stopSignal(Signal.parse("USR1").orElseThrow())
                .descendants(Descendants.WAIT)
                .output(new OutputPolicy(10L << 20, OutputPolicy.AtLimit.KEEP_TAIL, true))
                .build();
        assertEquals(
                expected,
                spec(
                        "--env",
                        "A=1=2",
                        "--env",
                        "B=",
                        "--cwd",
                        "/srv",
                        "--timeout",
                        "1.5s",
                        "--grace",
                        "3s",
                        "--label",
                        "team=red",
                        "--user",
                        "1000:1000",
                        "--limit",
                        "nofile=64",
                        "--limit",
                        "as=2G",
                        "--umask",
                        "077",
                        "--nice",
                        "-5",
                        "--no-new-privileges",
                        "--output-limit",
                        "10M",
                        "--at-output-limit",
                        "keep-tail",
                        "--stop-signal",
                        "usr1",
                        "--descendants",
                        "wait",
                        "--merge",
                        "--",
                        "cmd",
                        "-x",
                        "--env",
                        "--",
                        "@file",
                        ""));
    }

    @Test
    void command_withoutSeparator_keepsItsOwnOptions() throws IOException {
        assertEquals(List.of("ls", "-l", "--merge"), spec("ls", "-l", "--merge").argv());
    }

    @Test
    void directory_local_isTheCallersOwn() throws IOException {
        assertEquals(folder.toString(), spec(true, new byte[0], "true").workingDirectory());
        assertEquals(
                folder.resolve("sub").toString(),
                spec(true, new byte[0], "--cwd", "sub", "true").workingDirectory());
    }

    @Test
    void directory_relativeOnAServer_isRefused() {
        var e = assertThrows(CliException.class, () -> spec("--cwd", "sub", "true"));
        assertEquals(2, e.exitCode());
    }

    @Test
    void stdin_fromFileOrStandardInput_isTakenByteForByte() throws IOException {
        byte[] bytes = {0, (byte) 0xff, '\n', 'x'};
        Files.write(folder.resolve("in"), bytes);
        assertArrayEquals(bytes, spec("--stdin", "in", "cat").input().toByteArray());
        assertArrayEquals(
                bytes, spec(false, bytes, "--stdin", "-", "cat").input().toByteArray());
    }

    @Test
    void stdin_over4MiB_isRefused() {
        var e = assertThrows(CliException.class, () -> spec(false, new byte[(4 << 20) + 1], "--stdin", "-", "cat"));
        assertEquals(2, e.exitCode());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--timeout=5",
                "--timeout=0s",
                "--grace=-1s",
                "--limit=nofile",
                "--limit=files=1",
                "--limit=nofile=-1",
                "--umask=9",
                "--umask=01000",
                "--nice=20",
                "--nice=x",
                "--label=-x=y",
                "--env=A",
                "--env==v",
                "--output-limit=-1",
                "--at-output-limit=drop",
                "--at-output-limit=keep_tail",
                "--stop-signal=SIGNONE",
                "--descendants=leave",
                "--request-id=1",
                "--nonsense",
                "--stdin=absent"
            })
    void badValue_isAUsageErrorInOneLineAndStartsNothing(String option) {
        Shell.Result result = new Shell(folder).run("start", "--local", option, "--", "true");
        assertEquals(2, result.code(), result.err());
        assertEquals("", result.out());
        assertEquals(
                1,
                result.err().lines().filter(line -> !line.startsWith("Try: ")).count(),
                result.err());
    }

    @Test
    void spec_thatTheContractRefuses_isAUsageError() {
        assertEquals(2, ErrorReport.code(assertThrows(JobException.class, () -> spec("--user", "a b", "true"))));
    }
}
