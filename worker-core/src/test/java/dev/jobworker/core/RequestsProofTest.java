package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Test;

/** Proofs that {@link Requests} does each request once. */
final class RequestsProofTest {
    private static final Requests.Key[] KEYS = {
        new Requests.Key("tester", new UUID(0, 0)), new Requests.Key("tester", new UUID(0, 1))
    };
    private static final int REFUSED = -1;
    private static final int NONE = 0;

    @Test
    void linearizable_onceAndForget() {
        Proof.checkLinearizable(Concurrent.class, Sequential.class);
    }

    /** Results are the number of times that a key was worked for. A thread forgets only what it has made itself, as the engine forgets a job once. */
    public static final class Concurrent {
        private final Requests<Integer> requests = new Requests<>();
        private final AtomicInteger[] works = {new AtomicInteger(), new AtomicInteger()};
        private final int[][] made = new int[8][KEYS.length];

        @Operation
        public int once(
                @Param(gen = ThreadIdGen.class) int thread,
                @Param(gen = IntGen.class, conf = "0:1") int key,
                @Param(gen = IntGen.class, conf = "0:1") int digest) {
            try {
                return requests.once(
                        KEYS[key],
                        digest == 0 ? "this" : "that",
                        () -> made[thread][key] = works[key].incrementAndGet());
            } catch (JobException reused) {
                return REFUSED;
            }
        }

        @Operation
        public void forget(
                @Param(gen = ThreadIdGen.class) int thread, @Param(gen = IntGen.class, conf = "0:1") int key) {
            if (made[thread][key] != NONE) {
                made[thread][key] = NONE;
                requests.forget(KEYS[key]);
            }
        }
    }

    public static final class Sequential {
        private final int[] works = new int[KEYS.length];
        private final int[] makers = {-1, -1};
        private final int[] digests = new int[KEYS.length];

        public int once(int thread, int key, int digest) {
            if (makers[key] < 0) {
                makers[key] = thread;
                digests[key] = digest;
                works[key]++;
            }
            return digests[key] == digest ? works[key] : REFUSED;
        }

        public void forget(int thread, int key) {
            if (makers[key] == thread) {
                makers[key] = -1;
            }
        }
    }

    @Test
    void requests_firstCallFails_isForgottenAndOneOtherWorks() {
        Proof.checkInterleavings(() -> {
            Requests<Integer> requests = Proof.shared(new Requests<>());
            AtomicInteger works = new AtomicInteger();
            AtomicInteger atWork = new AtomicInteger();
            Proof.Work caller = () -> assertEquals(2, onceOrAgain(requests, works, atWork));
            Proof.together(caller, caller);
            assertEquals(2, works.get());
        });
    }

    /** The first work fails; whoever is told so asks again, once. */
    private static int onceOrAgain(Requests<Integer> requests, AtomicInteger works, AtomicInteger atWork) {
        try {
            return once(requests, works, atWork);
        } catch (JobException failed) {
            return once(requests, works, atWork);
        }
    }

    private static int once(Requests<Integer> requests, AtomicInteger works, AtomicInteger atWork) {
        return requests.once(KEYS[0], "this", () -> {
            assertEquals(1, atWork.incrementAndGet());
            int work = works.incrementAndGet();
            atWork.decrementAndGet();
            if (work == 1) {
                throw new JobException(new Failure.Closed());
            }
            return work;
        });
    }
}
