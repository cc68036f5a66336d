package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Test;

/** Proofs that a {@link SupervisedJob} goes from running over stopping to one end, and that everybody sees the same one. */
final class SupervisedJobProofTest {
    private static final int ROUNDS = 3000;
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Instant TIME = Instant.EPOCH;
    private static final JobId ID = JobId.create(TIME);
    private static final JobSpec SPEC = JobSpec.of("true");
    private static final JobRecord RECORD =
            new JobRecord(JobRecord.VERSION, "tester", new UUID(0, 0), "digest", TIME, "boot", SPEC);
    private static final JobStatus.Running RUNNING = new JobStatus.Running(1, TIME);
    private static final Job JOB = new Job(ID, "tester", SPEC, TIME, RUNNING, OutputInfo.EMPTY, InputInfo.NONE);

    /** Without a folder: the model checker would go through all that writes JSON, and nothing here writes. */
    @SuppressWarnings("NullAway")
    private static SupervisedJob create() {
        return new SupervisedJob(JOB, RECORD, null, _ -> {});
    }

    private static SupervisedJob createLinked() {
        SupervisedJob job = create();
        job.linkTo(ShimThatHasLeft.SHIM.link());
        return job;
    }

    private static OutputInfo output(int bytes) {
        return new OutputInfo(bytes, 0, 0, 0, false);
    }

    private static ShimStatus status(boolean stopping, int bytes) {
        return new ShimStatus(
                1,
                TIME,
                stopping,
                stopping ? Cause.Kind.TIMEOUT : Cause.Kind.OWN_ACCORD,
                output(bytes),
                InputInfo.NONE);
    }

    private static final ShimLoop.Listener NOBODY = new ShimLoop.Listener() {
        @Override
        public void status(ShimStatus status) {}

        @Override
        public void ended() {}
    };

    private static JobStatus lost(int number) {
        return new JobStatus.Lost("end " + number, TIME);
    }

    /** Links whose orders are taken and never read: what a link is between the end of a shim and the news of it. */
    private record ShimThatHasLeft(ShimLoop loop, SocketChannel channel) {
        static final ShimThatHasLeft SHIM = create();

        static ShimThatHasLeft create() {
            try {
                ShimLoop loop = new ShimLoop();
                loop.close();
                SocketChannel channel = ShimLoop.open();
                channel.close();
                return new ShimThatHasLeft(loop, channel);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }

        ShimLoop.Link link() {
            return loop.new Link(NOBODY, channel);
        }
    }

    @Test
    void linearizable_statusAndEnd() {
        Proof.checkLinearizable(Concurrent.class, Sequential.class);
    }

    public static final class Concurrent {
        private final SupervisedJob job = create();

        @Operation
        public void running(@Param(gen = IntGen.class, conf = "1:3") int bytes) {
            job.status(status(false, bytes));
        }

        @Operation
        public void stopping(@Param(gen = IntGen.class, conf = "1:3") int bytes) {
            job.status(status(true, bytes));
        }

        @Operation
        public void end(@Param(gen = IntGen.class, conf = "4:5") int number) {
            job.end(lost(number), output(number), InputInfo.NONE);
        }

        @Operation
        public List<Object> look() {
            Job now = job.job();
            return List.of(now.status(), now.output());
        }
    }

    public static final class Sequential {
        private JobStatus state = RUNNING;
        private int bytes;
        private boolean ended;

        public void running(int sent) {
            bytes = ended ? bytes : sent;
        }

        public void stopping(int sent) {
            if (!ended) {
                state = new JobStatus.Stopping(1, TIME, Cause.Kind.TIMEOUT);
                bytes = sent;
            }
        }

        public void end(int number) {
            if (!ended) {
                ended = true;
                state = lost(number);
                bytes = number;
            }
        }

        public List<Object> look() {
            return List.of(state, output(bytes));
        }
    }

    @Test
    void supervisedJob_endsTwiceWhileItIsStopped_hasOneEnd() {
        Proof.checkInterleavings(() -> {
            SupervisedJob job = Proof.shared(createLinked());
            Proof.together(
                    () -> job.stop(Cause.Kind.STOP_REQUEST, Duration.ZERO, "tester"),
                    () -> {
                        job.status(status(false, 1));
                        job.end(lost(4), output(4), InputInfo.NONE);
                        assertEnded(job, job.job());
                    },
                    () -> {
                        job.end(lost(5), output(5), InputInfo.NONE);
                        assertEnded(job, job.job());
                    });
        });
    }

    private static void assertEnded(SupervisedJob job, Job end) throws InterruptedException {
        assertInstanceOf(JobStatus.Lost.class, end.status());
        assertSame(end, job.await(Duration.ZERO));
        assertSame(end, job.job());
    }

    @Test
    void supervisedJob_statusComesWhileItIsStopped_isStoppingWithTheOutput() {
        Proof.checkInterleavings(() -> {
            SupervisedJob job = Proof.shared(createLinked());
            Proof.together(
                    () -> job.stop(Cause.Kind.STOP_REQUEST, Duration.ZERO, "tester"),
                    () -> job.status(status(false, 1)));
            assertEquals(
                    new JobStatus.Stopping(1, TIME, Cause.Kind.STOP_REQUEST),
                    job.job().status());
            assertEquals(output(1), job.job().output());
        });
    }

    @Test
    void supervisedJob_endsAreManyAndWaitersToo_allSeeOneEndAndNoStateGoesBack() {
        List<SupervisedJob> jobs = Stream.generate(SupervisedJobProofTest::createLinked)
                .limit(Proof.scaled(ROUNDS))
                .toList();
        CyclicBarrier start = new CyclicBarrier(5);
        Proof.together(
                () -> each(jobs, start, job -> {
                    job.status(status(false, 1));
                    job.status(status(true, 2));
                    job.end(lost(4), output(4), InputInfo.NONE);
                }),
                () -> each(jobs, start, job -> job.stop(Cause.Kind.STOP_REQUEST, Duration.ZERO, "tester")),
                () -> each(jobs, start, job -> job.end(lost(5), output(5), InputInfo.NONE)),
                () -> each(jobs, start, SupervisedJobProofTest::follow),
                () -> each(jobs, start, job -> {
                    Job last = job.await(LONG);
                    assertInstanceOf(JobStatus.Lost.class, last.status());
                    assertSame(last, job.job());
                    assertSame(last, job.onExit().toCompletableFuture().get(LONG.toSeconds(), TimeUnit.SECONDS));
                }));
    }

    private interface JobWork {
        void accept(SupervisedJob job) throws Exception;
    }

    private static void each(List<SupervisedJob> jobs, CyclicBarrier start, JobWork work) throws Exception {
        for (SupervisedJob job : jobs) {
            start.await(LONG.toSeconds(), TimeUnit.SECONDS);
            work.accept(job);
        }
    }

    private static void follow(SupervisedJob job) throws InterruptedException {
        Job seen = job.job();
        try (Published<Job>.Waiter waiter = job.snapshot().waiter()) {
            while (!seen.state().isFinal()) {
                assertTrue(waiter.await(seen, OutputReader.deadline(LONG)), "a wake-up was lost");
                Job next = job.job();
                assertTrue(next.state().compareTo(seen.state()) >= 0, () -> "back to " + next);
                assertTrue(next.output().stdoutBytes() >= seen.output().stdoutBytes(), () -> "less of " + next);
                seen = next;
            }
        }
        assertEquals(JobState.LOST, seen.state());
        assertSame(seen, job.job());
    }
}
