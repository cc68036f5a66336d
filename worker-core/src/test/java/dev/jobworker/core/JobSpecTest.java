package dev.jobworker.core;

import static dev.jobworker.core.EngineFixture.assertFails;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class JobSpecTest {

    static Stream<Arguments> badSpecs() {
        return Stream.of(
                Arguments.of("argv", JobSpec.builder(List.of())),
                Arguments.of("argv", JobSpec.builder("")),
                Arguments.of("argv", JobSpec.builder("a", "b\0c")),
                Arguments.of("argv", JobSpec.builder("a", "\ud800")),
                Arguments.of("argv", JobSpec.builder(Collections.nCopies(1025, "x"))),
                Arguments.of("argv", JobSpec.builder("x", "y".repeat(128 << 10))),
                Arguments.of("argv", JobSpec.builder("x").environment("A", "y".repeat(128 << 10))),
                Arguments.of("environment", JobSpec.builder("x").environment("", "y")),
                Arguments.of("environment", JobSpec.builder("x").environment("A=B", "y")),
                Arguments.of("environment", JobSpec.builder("x").environment("A", "\0")),
                Arguments.of("working_dir", JobSpec.builder("x").workingDirectory("relative")),
                Arguments.of("working_dir", JobSpec.builder("x").workingDirectory("/a\0b")),
                Arguments.of("user", JobSpec.builder("x").user("-rf")),
                Arguments.of("user", JobSpec.builder("x").user("")),
                Arguments.of("limits", JobSpec.builder("x").limit(ResourceLimit.NOFILE, -1)),
                Arguments.of("umask", JobSpec.builder("x").umask(01000)),
                Arguments.of("nice", JobSpec.builder("x").nice(20)),
                Arguments.of("timeout", JobSpec.builder("x").timeout(Duration.ZERO)),
                Arguments.of("timeout", JobSpec.builder("x").timeout(Duration.ofDays(4000))),
                Arguments.of("grace_period", JobSpec.builder("x").gracePeriod(Duration.ofMillis(-1))),
                Arguments.of("labels", JobSpec.builder("x").label("-a", "b")),
                Arguments.of("labels", JobSpec.builder("x").label("a", "b\u001b[31m")));
    }

    @ParameterizedTest
    @MethodSource("badSpecs")
    void build_badValue_namesTheField(String field, JobSpec.Builder builder) {
        assertEquals(field, assertFails(Failure.Invalid.class, builder::build).field());
    }

    @Test
    void defaults_arePinned() {
        JobSpec spec = JobSpec.of("true");
        assertEquals("/", spec.workingDirectory());
        assertEquals(022, spec.umask());
        assertEquals(Duration.ofSeconds(10), spec.gracePeriod());
        assertEquals(OutputPolicy.DEFAULT, spec.output());
        assertFalse(spec.noNewPrivileges());
        assertTrue(spec.environment().isEmpty());
        assertEquals(
                new EngineOptions(
                        1000,
                        1L << 30,
                        true,
                        EngineOptions.OnClose.LEAVE_RUNNING,
                        Duration.ofSeconds(10),
                        EngineOptions.OnWorkerDeath.LEAVE_RUNNING,
                        new Retention(10_000, 32L << 30, Duration.ofDays(7))),
                EngineOptions.DEFAULTS);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "../../etc/passwd",
                "0190163d-8694-7000-8000-00000000000",
                "0190163D-8694-7000-8000-000000000000",
                "0190163d-8694-4000-8000-000000000000",
                "0190163d-8694-7000-c000-000000000000",
                "1-1-7001-8001-1                     "
            })
    void jobId_anyOtherShape_isNone(String text) {
        assertEquals(Optional.empty(), JobId.parse(text));
    }

    @Test
    void jobId_created_sortsByTimeAndParses() {
        Instant now = Instant.now();
        JobId first = JobId.create(now);
        JobId second = JobId.create(now);
        JobId afterAStepBack = JobId.create(now.minusSeconds(3600));
        assertTrue(second.compareTo(afterAStepBack) < 0);
        assertTrue(first.compareTo(second) < 0);
        JobId ofAnotherJvm = new JobId(new UUID(
                second.value().getMostSignificantBits() + (1 << 16),
                second.value().getLeastSignificantBits()));
        JobId.createAfter(ofAnotherJvm);
        JobId afterIt = JobId.create(now);
        assertTrue(ofAnotherJvm.compareTo(afterIt) < 0);
        JobId.createAfter(first);
        assertTrue(afterIt.compareTo(JobId.create(now)) < 0);
        assertEquals(Optional.of(first), JobId.parse(first.toString()));
        assertTrue(first.value().getMostSignificantBits() >>> 16 >= now.toEpochMilli());
        assertEquals(7, new UUID(first.value().getMostSignificantBits(), 0).version());
    }

    @Test
    void signal_names_parse() {
        assertEquals(Optional.of(Signal.HUP), Signal.parse("SIGHUP"));
        assertEquals(Optional.of(Signal.HUP), Signal.parse("hup"));
        assertEquals(Optional.of(Signal.HUP), Signal.parse("1"));
        assertEquals(Optional.of(new Signal(34)), Signal.parse("SIG34"));
        assertEquals(Optional.empty(), Signal.parse("0"));
        assertEquals(Optional.empty(), Signal.parse("65"));
        assertEquals(Optional.empty(), Signal.parse("SIGNONSENSE"));
        for (int number = 1; number <= 64; number++) {
            assertEquals(Optional.of(new Signal(number)), Signal.parse(new Signal(number).name()));
        }
    }
}
