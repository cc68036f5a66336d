package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Test;

/** Proofs that {@link Published} wakes whoever waits, and that nothing follows the last value. */
final class PublishedProofTest {
    private static final int LAST = 3;
    private static final int ROUNDS = 200_000;

    @Test
    void linearizable_valueAndClosing() {
        Proof.checkLinearizable(Concurrent.class, Sequential.class);
    }

    public static final class Concurrent {
        private final Published<Integer> published = new Published<>(0, value -> value >= LAST);

        @Operation
        public void add(@Param(gen = IntGen.class, conf = "1:3") int number) {
            published.update(value -> value + number);
        }

        @Operation
        public int get() {
            return published.get();
        }

        @Operation
        public void close() {
            published.close();
        }

        @Operation
        public boolean isClosed() {
            return published.isClosed();
        }
    }

    public static final class Sequential {
        private int value;
        private boolean closed;

        public void add(int number) {
            value = value >= LAST ? value : value + number;
        }

        public int get() {
            return value;
        }

        public void close() {
            closed = true;
        }

        public boolean isClosed() {
            return closed;
        }
    }

    /** The model checker lets {@code park} return without cause, as it may. */
    @Test
    void published_parkReturnsWithoutCause_onlyNewsEndsAWait() {
        Proof.checkInterleavings(new Waits().get().getFirst());
    }

    @Test
    void published_newsComesAsWaitBegins_wakes() throws IOException, ReflectiveOperationException {
        copyOfWaits().get().forEach(Proof::checkInterleavings);
    }

    @SuppressWarnings("unchecked")
    private static Supplier<List<Runnable>> copyOfWaits() throws IOException, ReflectiveOperationException {
        List<Class<?>> copies = Proof.parkingExactly(Published.class, Published.Waiter.class, Waits.class);
        return (Supplier<List<Runnable>>)
                copies.getLast().getDeclaredConstructor().newInstance();
    }

    /** The ways in which a wait ends. */
    static final class Waits implements Supplier<List<Runnable>> {
        Waits() {}

        @Override
        public List<Runnable> get() {
            return List.of(Waits::valueComes, Waits::isClosed, Waits::waiterIsClosed);
        }

        private static void valueComes() {
            Published<Integer> published = Proof.shared(create());
            Proof.together(() -> follow(published), () -> published.update(_ -> LAST));
        }

        private static void isClosed() {
            Published<Integer> published = Proof.shared(create());
            Proof.together(() -> follow(published), published::close);
        }

        private static void waiterIsClosed() {
            Published<Integer> published = Proof.shared(create());
            Published<Integer>.Waiter waiter = published.waiter();
            Proof.together(() -> assertTrue(waiter.await(0, Long.MAX_VALUE)), waiter::close);
        }

        private static Published<Integer> create() {
            return new Published<>(0, value -> value >= LAST);
        }

        private static void follow(Published<Integer> published) throws InterruptedException {
            int seen = published.get();
            try (Published<Integer>.Waiter waiter = published.waiter()) {
                while (seen < LAST && !published.isClosed()) {
                    assertTrue(waiter.await(seen, Long.MAX_VALUE));
                    int now = published.get();
                    assertTrue(now > seen || published.isClosed());
                    seen = now;
                }
            }
        }
    }

    /** One thread waits, round by round, and another publishes just as each wait begins: what the model checker takes for granted of memory. */
    @Test
    void published_valueComesToRealThreadAsWaitBegins_wakes() {
        int rounds = Proof.scaled(ROUNDS);
        Published<Integer> published = new Published<>(0, _ -> false);
        AtomicInteger begun = new AtomicInteger();
        Proof.together(
                () -> {
                    try (Published<Integer>.Waiter waiter = published.waiter()) {
                        for (int round = 1; round <= rounds; round++) {
                            Integer seen = published.get();
                            begun.set(round);
                            assertTrue(waiter.await(seen, Long.MAX_VALUE));
                        }
                    }
                },
                () -> {
                    for (int round = 1; round <= rounds; round++) {
                        Proof.spinUntil(begun, round);
                        for (int spin = round % 16; spin > 0; spin--) {
                            Thread.onSpinWait();
                        }
                        published.update(value -> value + 1);
                    }
                });
    }
}
