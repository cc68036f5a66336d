package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Proofs that {@link Admission} never counts wrong, so that no limit is passed, and that {@link Supervision} counts each job once. */
final class AdmissionProofTest {
    private static final int MAX_RUNNING = 6;
    private static final int OWNER_LIMIT = 4;
    private static final int OWNERS = 2;
    private static final int MOST_THREADS = 8;

    @Test
    void linearizable_counts() {
        Proof.checkLinearizable(Concurrent.class, Sequential.class);
    }

    /** Operations that count; each thread lets go only of what it has taken, and has something from the beginning. */
    public abstract static class Counts {
        private final int[][] taken = new int[MOST_THREADS][OWNERS];

        void begin() {
            for (int thread = 0; thread < 4; thread++) {
                enterAnyway(thread, thread % OWNERS);
            }
        }

        @Operation
        public boolean enter(
                @Param(gen = ThreadIdGen.class) int thread, @Param(gen = IntGen.class, conf = "0:1") int owner) {
            boolean admitted = tryEnter(owner);
            if (admitted) {
                taken[thread][owner]++;
            }
            return admitted;
        }

        @Operation
        public void enterAnyway(
                @Param(gen = ThreadIdGen.class) int thread, @Param(gen = IntGen.class, conf = "0:1") int owner) {
            count(owner);
            taken[thread][owner]++;
        }

        @Operation
        public void leave(
                @Param(gen = ThreadIdGen.class) int thread, @Param(gen = IntGen.class, conf = "0:1") int owner) {
            if (taken[thread][owner] > 0) {
                taken[thread][owner]--;
                uncount(owner);
            }
        }

        @Operation
        public abstract int running();

        abstract boolean tryEnter(int owner);

        abstract void count(int owner);

        abstract void uncount(int owner);
    }

    public static final class Concurrent extends Counts {
        private final Admission admission = new Admission(MAX_RUNNING);

        public Concurrent() {
            begin();
        }

        @Override
        boolean tryEnter(int owner) {
            try {
                admission.enter(name(owner), OWNER_LIMIT);
                return true;
            } catch (JobException refused) {
                return false;
            }
        }

        @Override
        void count(int owner) {
            admission.enterAnyway(name(owner));
        }

        @Override
        void uncount(int owner) {
            admission.leave(name(owner));
        }

        @Override
        @Operation
        public int running() {
            return admission.running();
        }

        private static String name(int owner) {
            return owner == 0 ? "one" : "another";
        }
    }

    public static final class Sequential extends Counts {
        private final int[] running = new int[OWNERS];

        public Sequential() {
            begin();
        }

        @Override
        boolean tryEnter(int owner) {
            boolean admitted = running() < MAX_RUNNING && running[owner] < OWNER_LIMIT;
            if (admitted) {
                running[owner]++;
            }
            return admitted;
        }

        @Override
        void count(int owner) {
            running[owner]++;
        }

        @Override
        void uncount(int owner) {
            running[owner]--;
        }

        @Override
        @Operation
        public int running() {
            return running[0] + running[1];
        }
    }

    /** Jobs whose shim has never been: each is lost at once, and removed by whoever comes first. */
    @Test
    void supervision_jobsEndAndAreRemovedByTwo_eachIsUncountedAndRemovedOnce(@TempDir Path directory)
            throws IOException {
        int jobs = Proof.scaled(300);
        StateDirectory state = StateDirectory.open(directory);
        Admission admission = new Admission(2);
        Retainer retainer = new Retainer(Retention.DEFAULT, InstantSource.system(), _ -> {});
        List<SupervisedJob> entered = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger steps = new AtomicInteger();
        AtomicInteger removed = new AtomicInteger();
        try (state;
                Supervision supervision = new Supervision(state, admission, retainer, Hooks.NONE)) {
            Proof.Work starter = () -> {
                for (int i = 0; i < jobs; i++) {
                    admission.enter("tester", 2);
                    SupervisedJob job = enter(state, supervision);
                    assertEquals(
                            JobState.LOST, job.await(Duration.ofSeconds(30)).state());
                    entered.add(job);
                }
            };
            Proof.together(starter, starter);
            Proof.Work remover = () -> removeAll(supervision, entered, steps, removed);
            Proof.together(remover, remover);
            assertEquals(2 * jobs, removed.get());
            assertEquals(0, supervision.size());
            assertEquals(0, admission.running());
        }
    }

    private static SupervisedJob enter(StateDirectory state, Supervision supervision) throws IOException {
        Instant now = Instant.now();
        JobId id = JobId.create(now);
        JobSpec spec = JobSpec.of("true");
        JobRecord record = new JobRecord(
                JobRecord.VERSION, "tester", UUID.randomUUID(), "digest", now, supervision.bootId(), spec);
        JobFolder folder = JobFolder.create(state.jobs(), id, record, spec.input(), false, _ -> {});
        return supervision.enterStarted(id, folder, record, new JobStatus.Running(1, now), ShimLoop.open());
    }

    /** Two do this, step by step together. */
    private static void removeAll(
            Supervision supervision, List<SupervisedJob> jobs, AtomicInteger steps, AtomicInteger removed) {
        int step = 0;
        for (SupervisedJob job : jobs) {
            step += 2;
            steps.incrementAndGet();
            Proof.spinUntil(steps, step);
            if (job.beginDeletion()) {
                supervision.remove(job);
                assertEquals(Optional.empty(), supervision.find(job.job().id()));
                removed.incrementAndGet();
            }
            assertTrue(job.isDeleted());
        }
    }
}
