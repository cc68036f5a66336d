package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** G1, G2 and G11: output in amounts and forms that make it hard. Every follower has the digest of what was written. */
@Timeout(1800)
final class OutputTortureTest extends EngineFixture {
    private static final int MIB = 1 << 20;

    /** What the JVM may keep for itself: buffers that are spare, and what its own code allocates once. */
    private static final long MEMORY_SLACK = 24L * MIB;

    private Path fifo(String name) {
        Path path = directory.resolve(name);
        assertExit(0, awaitFinal(start(JobSpec.of("mkfifo", path.toString()))));
        return path;
    }

    private OutputReader follow(Job job) {
        return engine.output(job.id(), OutputQuery.FOLLOW_ALL);
    }

    private List<Future<Digests.Read>> followers(ExecutorService threads, Job job, int count) {
        List<Future<Digests.Read>> followers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            OutputReader reader = follow(job);
            followers.add(threads.submit(() -> {
                try (reader) {
                    return Digests.read(reader, () -> {});
                }
            }));
        }
        return followers;
    }

    private static void assertAllRead(List<Future<Digests.Read>> followers, long size, String digest) throws Exception {
        for (Future<Digests.Read> follower : followers) {
            Digests.Read read = follower.get();
            assertEquals(0, read.begin());
            assertEquals(size, read.end());
            assertEquals(digest, read.digest());
            assertEquals(OutputEvent.End.Reason.COMPLETE, read.last().reason());
        }
    }

    private void assertRestored(Holdings before) {
        Holdings.awaitNoMore(before, directory);
    }

    @Test
    void g1_s23_singleByteWrites_ofAnyText_areExactForEveryFollower() throws Exception {
        Path copy = directory.resolve("copy");
        byte[] text = "z\u00e4h\u0000 \u20ac\r \ud83d\ude00 ".repeat(800).getBytes(StandardCharsets.UTF_8);
        Files.write(copy, text);
        Path gate = fifo("gate");
        Job job = start(JobSpec.of(
                "perl",
                "-e",
                "open my $g, '<', $ARGV[0]; <$g>; open my $f, '<:raw', $ARGV[1]; local $/; my $t = <$f>;"
                        + " syswrite(STDOUT, $t, 1, $_) for 0 .. length($t) - 1",
                gate.toString(),
                copy.toString()));
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Digests.Read>> followers = followers(threads, job, 16);
            Files.writeString(gate, "go\n");
            assertAllRead(followers, text.length, Digests.of(copy));
            assertAllRead(followers(threads, job, 1), text.length, Digests.of(copy));
        }
        assertEquals(text.length, awaitFinal(job).output().stdoutBytes());
    }

    @Test
    void g1_s23_longOutputWithoutANewline_isExactForEveryFollower() throws Exception {
        int blocks = Torture.scaled("MiB", 64, 1024);
        byte[] period = new byte[256];
        for (int i = 0; i < period.length; i++) {
            period[i] = (byte) (i == '\n' ? 0 : i);
        }
        Job job = start(JobSpec.of(
                "perl",
                "-e",
                "my $b = join('', map { chr($_ == 10 ? 0 : $_) } 0..255) x 4096; binmode STDOUT;"
                        + " for (1..$ARGV[0]) { my $at = 0; while ($at < length $b) { $at += syswrite(STDOUT, $b, length($b) - $at, $at) // die } }",
                Integer.toString(blocks)));
        long size = (long) blocks * MIB;
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            assertAllRead(followers(threads, job, 4), size, Digests.ofRepeated(period, 0, size));
        }
        assertExit(0, awaitFinal(job));
        OutputQuery lastLine =
                new OutputQuery(OutputView.COMBINED, new OutputQuery.From.TailLines(1), false, Long.MAX_VALUE);
        try (OutputReader reader = engine.output(job.id(), lastLine)) {
            assertEquals(
                    0, assertInstanceOf(OutputEvent.Chunk.class, reader.next()).offset(), "all of it is the last line");
        }
    }

    /** Whom a job may run as. */
    static List<String> users() {
        return TestJvm.ownUser() == 0 ? List.of("", "nobody", "12345:12345") : List.of("");
    }

    @ParameterizedTest
    @MethodSource("users")
    void g1_s24_streamsOpenedAgain_earlierOutputIsIntact(String user) {
        @Nullable String other = user.isEmpty() ? null : user;
        String script = "echo one; echo two > /dev/stdout; echo three | tee /dev/stderr; echo four > /dev/stderr;"
                + " printf five | dd of=/dev/stdout 2> /dev/null; printf six | dd of=/dev/stdout bs=1 2> /dev/null;"
                + " echo seven >> /proc/self/fd/1; echo eight";
        Job job =
                awaitFinal(start(JobSpec.builder("sh", "-c", script).user(other).build()));
        assertExit(0, job);
        assertEquals("one\ntwo\nthree\nfivesixseven\neight\n", text(job, OutputView.STDOUT));
        assertEquals("three\nfour\n", text(job, OutputView.STDERR));
    }

    @Test
    void g1_s25_followersJoinAtRandomMomentsStallAndVanish_completeOnesAreIdentical() throws Exception {
        int total = Torture.scaled("MiB", 32, 1024) * MIB;
        Random random = new Random(25);
        Path copy = directory.resolve("copy");
        Path gate = fifo("gate");
        long memory = Holdings.memory();
        Holdings before = Holdings.of(directory);
        Job job = startShell("read go < " + gate + "; head -c " + total + " /dev/urandom | tee " + copy);
        List<Future<Digests.Read>> complete = new ArrayList<>();
        List<Future<Long>> vanishing = new ArrayList<>();
        long[] joinAt = random.longs(64, 0, total).sorted().toArray();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
                OutputReader idle = follow(job);
                OutputReader pace = follow(job)) {
            Files.writeString(gate, "go\n");
            int joined = 0;
            long seen = 0;
            while (pace.next() instanceof OutputEvent.Chunk chunk) {
                seen = chunk.offset() + chunk.bytes().remaining();
                for (; joined < joinAt.length && joinAt[joined] <= seen; joined++) {
                    if (joined % 4 == 3) {
                        long enough = random.nextLong(total);
                        boolean interrupted = joined % 8 == 7;
                        vanishing.add(threads.submit(() -> vanishAfter(follow(job), enough, interrupted)));
                    } else {
                        complete.addAll(followers(threads, job, 1));
                    }
                }
            }
            assertEquals(total, seen);
            assertEquals(64, joined);
            assertAllRead(complete, total, Digests.of(copy));
            for (Future<Long> follower : vanishing) {
                assertTrue(follower.get() > 0);
            }
            assertEquals(
                    0, assertInstanceOf(OutputEvent.Chunk.class, idle.next()).offset());
        }
        awaitFinal(job);
        assertRestored(before);
        assertMemoryIsFlat(memory);
    }

    /** Reads so much, and leaves without a word. */
    private static long vanishAfter(OutputReader reader, long enough, boolean interrupted) throws InterruptedException {
        try (reader) {
            long seen = 0;
            while (seen <= enough && reader.next() instanceof OutputEvent.Chunk chunk) {
                seen += chunk.bytes().remaining();
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
                assertThrows(InterruptedException.class, reader::next);
            }
            return seen;
        }
    }

    /** Direct buffers are freed some time after the collection. */
    private static void assertMemoryIsFlat(long before) {
        Awaitility.await().untilAsserted(() -> {
            long after = Holdings.memory();
            assertTrue(after < before + MEMORY_SLACK, () -> "memory in use was " + before + ", is " + after);
        });
    }

    private static final byte[] LINE = "0123456789abcde\n".getBytes(StandardCharsets.US_ASCII);

    @ParameterizedTest
    @EnumSource
    void g11_s26_fastJobWithSlowFollowers_policyIsAppliedAndMemoryIsFlat(OutputPolicy.AtLimit policy) throws Exception {
        long total = (long) Torture.scaled("MiB written", 192, 10_240) * MIB;
        long limit = (long) Torture.scaled("MiB kept", 16, 256) * MIB;
        int count = Torture.scaled("followers", 24, 100);
        JobSpec spec = JobSpec.builder("sh", "-c", "yes 0123456789abcde | head -c " + total + "; kill -0 $$")
                .output(new OutputPolicy(limit, policy, false))
                .gracePeriod(Duration.ZERO)
                .build();
        runShell(":"); // the JVM keeps a socket of its own from the first one on
        long memory = Holdings.memory();
        Holdings before = Holdings.of(directory);
        Job job = start(spec);
        AtomicInteger fellBehind = new AtomicInteger();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<Digests.Read>> followers = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                followers.add(threads.submit(() -> readSlowly(job, fellBehind)));
            }
            Job end = engine.await(job.id(), Duration.ofMinutes(20));
            OutputInfo output = end.output();
            switch (policy) {
                case TRUNCATE -> {
                    assertExit(0, end);
                    assertEquals(limit, output.combinedBytes());
                    assertEquals(total - limit, output.truncatedBytes());
                }
                case KILL -> {
                    assertEquals(Cause.Kind.OUTPUT_LIMIT, ended(end).cause().kind());
                    assertEquals(limit, output.combinedBytes());
                }
                case KEEP_TAIL -> {
                    assertExit(0, end);
                    assertEquals(total, output.combinedBytes());
                    assertTrue(output.earliestOffset() >= total - limit, output::toString);
                }
            }
            assertTrue(allocated(folder(job).resolve("output")) <= limit + MIB);
            for (Future<Digests.Read> follower : followers) {
                Digests.Read read = follower.get();
                assertEquals(OutputEvent.End.Reason.COMPLETE, read.last().reason());
                assertEquals(output.combinedBytes(), read.end());
                assertEquals(
                        Digests.ofRepeated(LINE, read.begin(), read.end() - read.begin()),
                        read.digest(),
                        () -> "from " + read.begin());
                assertTrue(policy == OutputPolicy.AtLimit.KEEP_TAIL || read.begin() == 0);
            }
            assertTrue(policy == OutputPolicy.AtLimit.KEEP_TAIL || fellBehind.get() == 0);
        }
        System.out.println("s26: " + policy + ", " + "followers fell behind " + fellBehind + " times");
        assertRestored(before);
        assertMemoryIsFlat(memory);
    }

    /** Reads to the end; from what is there then, whenever the head went before it was read. */
    private Digests.Read readSlowly(Job job, AtomicInteger fellBehind) throws InterruptedException {
        OutputQuery all = new OutputQuery(
                OutputView.COMBINED, new OutputQuery.From.TailBytes(Long.MAX_VALUE), true, Long.MAX_VALUE);
        while (true) {
            try (OutputReader reader = engine.output(job.id(), all)) {
                // Its slowness is what this is about: nobody is waited for.
                return Digests.read(reader, () -> LockSupport.parkNanos(2_000_000));
            } catch (JobException e) {
                assertInstanceOf(Failure.OutputTruncated.class, e.failure());
                fellBehind.incrementAndGet();
            }
        }
    }

    private static long allocated(Path file) throws IOException, InterruptedException {
        Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        String blocks = stat.inputReader().readLine();
        assertEquals(0, stat.waitFor());
        return 512 * Long.parseLong(blocks);
    }

    @Test
    void g11_s30_manyJobsThatExitAtOnce_everyExitIsRightAndNothingIsLeft() throws Exception {
        int jobs = Torture.scaled("jobs", 600, 10_000);
        runAndDelete(100, 1); // what is made once
        long memory = Holdings.memory();
        Holdings before = Holdings.of(directory);
        try (ExecutorService threads = Executors.newFixedThreadPool(32)) {
            List<Future<@Nullable Void>> runs = new ArrayList<>();
            for (int i = 0; i < jobs; i++) {
                int number = i;
                runs.add(threads.submit(() -> runAndDelete(number, number)));
            }
            for (Future<@Nullable Void> run : runs) {
                assertNull(run.get());
            }
        }
        assertEquals(0, engine.runningJobs());
        assertEquals(0, engine.retainedJobs());
        assertEquals(List.of(), files(directory.resolve("state/jobs")));
        assertRestored(before);
        assertMemoryIsFlat(memory);
    }

    private @Nullable Void runAndDelete(int number, int code) throws InterruptedException {
        Job job = startShell("echo out " + number + "; echo err " + number + " >&2; exit " + code % 256);
        Digests.Read read;
        try (OutputReader reader = follow(job)) {
            read = Digests.read(reader, () -> {});
        }
        Job end = read.last().job();
        assertExit(code % 256, end);
        assertEquals(end, awaitFinal(job));
        assertEquals("out " + number + "\n", text(job, OutputView.STDOUT));
        assertEquals("err " + number + "\n", text(job, OutputView.STDERR));
        assertEquals(read.end(), end.output().combinedBytes());
        engine.delete(job.id());
        return null;
    }
}
