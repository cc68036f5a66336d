package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jetbrains.lincheck.Lincheck;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.commons.ClassRemapper;
import org.objectweb.asm.commons.SimpleRemapper;

/**
 * What the proofs of concurrent structures have in common. The system property {@code torture.scale} multiplies their iterations.
 *
 * <p>The model checker goes through interleavings one by one, but takes memory for sequentially consistent; that it is used as it is in truth, real
 * threads show, as far as they come through the dangerous moment often enough.
 */
final class Proof {
    private static final int SCALE = Integer.getInteger("torture.scale", 1);

    /** Who has not come by then never will, on however busy a machine. */
    private static final long HANGS_NANOS = TimeUnit.SECONDS.toNanos(30);

    @SuppressWarnings("UnusedVariable") // a write is all that the model checker needs
    private static @Nullable Object shared;

    static {
        System.setProperty("lincheck.logLevel", "ERROR"); // it warns of every record
    }

    private Proof() {}

    static int scaled(int iterations) {
        return iterations * SCALE;
    }

    /** Checks that every concurrent use of {@code structure} has results that {@code specification} gives one operation after the other. */
    static void checkLinearizable(Class<?> structure, Class<?> specification) {
        new ModelCheckingOptions()
                .iterations(scaled(10))
                .invocationsPerIteration(40)
                .threads(2)
                .actorsBefore(1)
                .actorsPerThread(3)
                .actorsAfter(1)
                .sequentialSpecification(specification)
                .check(structure);
        new StressOptions()
                .iterations(scaled(5))
                .invocationsPerIteration(500)
                .threads(3)
                .actorsBefore(1)
                .actorsPerThread(2)
                .actorsAfter(1)
                .sequentialSpecification(specification)
                .check(structure);
    }

    /** Runs {@code test}, which works {@link #together} on something {@link #shared}, in many interleavings. */
    static void checkInterleavings(Runnable test) {
        Lincheck.runConcurrentTest(scaled(30), test);
    }

    /** Shows the model checker what threads share: it does not see what a lambda captures, and takes it for one thread's own. */
    static <T> T shared(T object) {
        shared = object;
        return object;
    }

    /**
     * Returns copies of classes in which threads park as {@link Worker}s do: a lost wake-up is a deadlock there, which the model checker finds. The
     * copies know each other.
     */
    static List<Class<?>> parkingExactly(Class<?>... originals) throws IOException, IllegalAccessException {
        Map<String, String> names = new HashMap<>();
        names.put(Type.getInternalName(LockSupport.class), Type.getInternalName(Worker.class));
        for (Class<?> original : originals) {
            String name = Type.getInternalName(original);
            names.put(name, name + "ParkingExactly");
        }
        List<Class<?>> copies = new ArrayList<>();
        for (Class<?> original : originals) {
            ClassWriter copy = new ClassWriter(0);
            try (InputStream code = original.getResourceAsStream("/" + Type.getInternalName(original) + ".class")) {
                new ClassReader(Objects.requireNonNull(code)).accept(new Renaming(copy, names), 0);
            }
            // In this very loader: Lincheck looks for classes by their names.
            copies.add(MethodHandles.lookup().defineClass(copy.toByteArray()));
        }
        return copies;
    }

    private static final class Renaming extends ClassRemapper {
        Renaming(ClassVisitor copy, Map<String, String> names) {
            super(Opcodes.ASM9, copy, new SimpleRemapper(Opcodes.ASM9, names));
        }

        /** A copy is not listed by the class around it, and must not say that it were inside. */
        @Override
        public void visitInnerClass(String name, @Nullable String outer, @Nullable String inner, int access) {}
    }

    /** A thread that, once parked, goes on only when it is unparked or interrupted; {@link LockSupport} may do so at any time. */
    static final class Worker extends Thread {
        private final Object lock = new Object();
        private boolean permit;

        private Worker(Runnable work) {
            super(work);
        }

        static void park(Object blocker) {
            Worker self = (Worker) Thread.currentThread();
            synchronized (self.lock) {
                while (!self.permit) {
                    try {
                        self.lock.wait();
                    } catch (InterruptedException e) {
                        self.interrupt();
                        return;
                    }
                }
                self.permit = false;
            }
        }

        static void parkNanos(Object blocker, long nanos) {
            throw new AssertionError("a scenario waits without a deadline");
        }

        static void unpark(Thread thread) {
            Worker parked = (Worker) thread;
            synchronized (parked.lock) {
                parked.permit = true;
                parked.lock.notifyAll();
            }
        }
    }

    /** Waits until {@code steps} come to {@code step}, not parked: that would end too late for the moment that is to be hit. */
    static void spinUntil(AtomicInteger steps, int step) {
        long start = System.nanoTime();
        for (int spin = 1; steps.get() < step; spin++) {
            Thread.onSpinWait();
            if (spin % 1024 == 0) {
                LockSupport.parkNanos(1); // the other may need this very core
                assertTrue(System.nanoTime() - start < HANGS_NANOS, () -> "nobody comes to step " + step);
            }
        }
    }

    /** What a thread does. */
    interface Work {
        void run() throws Exception;
    }

    /** Does all works at once, each in a thread of its own, and waits for them. When one fails the others are interrupted. */
    static void together(Work... works) {
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (Work work : works) {
            threads.add(new Worker(() -> {
                try {
                    work.run();
                } catch (Exception | AssertionError e) {
                    failures.add(e);
                    threads.forEach(Thread::interrupt);
                }
            }));
        }
        threads.forEach(Thread::start);
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        Throwable first = failures.peek();
        if (first != null) {
            throw new AssertionError(first);
        }
    }
}
