package dev.jobworker.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.OperatingSystemMXBean;
import dev.jobworker.core.EngineOptions;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobEngine;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.StartRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * An engine in a JVM of its own, with the JVM's default options, which does what it is told and checks what comes of it: an order a line on its
 * standard input, then a line of numbers on its standard output. Without one of them it dies, and says why on standard error.
 */
final class ForkedWorker implements AutoCloseable {
    private static final Duration LONG = Duration.ofMinutes(1);
    private static final String OUTPUT = "a little output\n";
    private static final int CALLERS = 8;
    private static final int PAGE = 100;

    private final Process process;
    private final BufferedReader answers;
    private final PrintWriter orders;

    private ForkedWorker(Process process) {
        this.process = process;
        answers = process.inputReader(UTF_8);
        orders = new PrintWriter(process.outputWriter(UTF_8), true);
    }

    static ForkedWorker fork() throws IOException {
        return new ForkedWorker(new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ForkedWorker.class.getName())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    ProcessFigures figures() {
        return new ProcessFigures(process.pid());
    }

    /** Returns the launcher, the one child of the worker. */
    ProcessHandle launcher() {
        return process.children().findFirst().orElseThrow();
    }

    /** Opens an engine. */
    Opening open(Path state) throws IOException {
        long[] numbers = orderMany("open " + state);
        return new Opening(numbers[0], numbers[1]);
    }

    /** Nanoseconds: of the clock, and of all processors together. */
    record Opening(long elapsed, long processor) {}

    /** Runs that many jobs to their end, and returns the nanoseconds of all. */
    long finish(int jobs) throws IOException {
        return order("finish " + jobs);
    }

    /** Starts that many jobs, which run on, and returns the nanoseconds of all. */
    long start(int jobs) throws IOException {
        return order("start " + jobs);
    }

    /** Checks that there are that many jobs, each of them running, and returns a checksum of their ids and processes. */
    long running(int jobs) throws IOException {
        return order("running " + jobs);
    }

    /** Stops all jobs, waits for their ends, and returns the nanoseconds of all. */
    long stop() throws IOException {
        return order("stop");
    }

    /** Returns the bytes of the heap in use after a collection. */
    long heap() throws IOException {
        return order("heap");
    }

    /** Calls the engine, which has that many jobs that ended by themselves, and returns how long a call took. */
    Latency latency(Call call, int jobs) throws IOException {
        long[] numbers = orderMany(call + " " + jobs);
        return new Latency((int) numbers[0], numbers[1], numbers[2]);
    }

    enum Call {
        FIRST_PAGE,
        ALL_PAGES,
        GET
    }

    /** Nanoseconds of many calls. */
    record Latency(int calls, long median, long p99) {}

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** Lets it close its engine. */
    @Override
    public void close() throws IOException {
        orders.close();
        try {
            if (process.isAlive() && !process.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)) {
                throw new IOException("the worker does not end");
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    private long order(String order) throws IOException {
        return orderMany(order)[0];
    }

    private long[] orderMany(String order) throws IOException {
        orders.println(order);
        @Nullable String answer = answers.readLine();
        if (answer == null) {
            throw new IOException("the worker died of: " + order);
        }
        return Arrays.stream(answer.split(" ")).mapToLong(Long::parseLong).toArray();
    }

    // ---- in the forked JVM ----

    public static void main(String[] args) throws Exception {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        PrintWriter answers = new PrintWriter(new OutputStreamWriter(System.out, UTF_8), true);
        String[] opening = orders.readLine().split(" ", 2);
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        long processorBefore = system.getProcessCpuTime();
        long begin = System.nanoTime();
        try (JobEngine engine =
                JobEngine.open(Path.of(opening[1]), EngineOptions.DEFAULTS.withSurvivePowerLoss(false))) {
            answers.println((System.nanoTime() - begin) + " " + (system.getProcessCpuTime() - processorBefore));
            for (String order = orders.readLine(); order != null; order = orders.readLine()) {
                answers.println(new Worker(engine).obey(order.split(" ")));
            }
        }
    }

    private record Worker(JobEngine engine) {
        String obey(String[] order) throws Exception {
            int jobs = order.length > 1 ? Integer.parseInt(order[1]) : 0;
            return switch (order[0]) {
                case "finish" -> Long.toString(timeOfAll(jobs, this::finishOne));
                case "start" -> Long.toString(timeOfAll(jobs, () -> startOne("sleep", "infinity")));
                case "running" -> Long.toString(checkRunning(jobs));
                case "stop" -> Long.toString(stopAll());
                case "heap" -> Long.toString(usedHeap());
                case "FIRST_PAGE" -> measure(5_000, () -> checkPage(list(null), Math.min(PAGE, jobs)));
                case "ALL_PAGES" -> measure(200, () -> listAll(jobs));
                case "GET" -> {
                    List<JobId> ids = listAll(jobs).stream().map(Job::id).toList();
                    RandomGenerator random = RandomGenerator.getDefault();
                    yield measure(50_000, () -> get(ids.get(random.nextInt(ids.size()))));
                }
                default -> throw new IllegalArgumentException(order[0]);
            };
        }

        private static long timeOfAll(int count, Callable<Job> task) throws ExecutionException, InterruptedException {
            long begin = System.nanoTime();
            try (ExecutorService callers = Executors.newFixedThreadPool(CALLERS)) {
                List<Future<Job>> all = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    all.add(callers.submit(task));
                }
                for (Future<Job> each : all) {
                    each.get();
                }
            }
            return System.nanoTime() - begin;
        }

        private Job startOne(String... argv) {
            return engine.start(StartRequest.of("benchmark", JobSpec.of(argv)));
        }

        private Job finishOne() throws InterruptedException {
            return checkFinished(
                    engine.await(startOne("/bin/echo", OUTPUT.strip()).id(), LONG));
        }

        private static Job checkFinished(Job job) {
            check(
                    job.status() instanceof JobStatus.Ended ended
                            && ended.exit().equals(new ExitStatus.Code(0))
                            && job.output().stdoutBytes() == OUTPUT.length()
                            && job.output().complete(),
                    job);
            return job;
        }

        private long checkRunning(int jobs) {
            List<Job> all = engine.list(JobFilter.ALL, null, Integer.MAX_VALUE);
            check(all.size() == jobs && engine.runningJobs() == jobs, all.size() + " jobs");
            long checksum = 0;
            for (Job job : all) {
                check(job.status() instanceof JobStatus.Running running && running.pid() > 0, job);
                checksum = 31 * checksum + job.id().hashCode() + job.status().hashCode();
            }
            return checksum;
        }

        private long stopAll() throws InterruptedException {
            List<Job> all = engine.list(JobFilter.ALL, null, Integer.MAX_VALUE);
            long begin = System.nanoTime();
            for (Job job : all) {
                engine.stop(job.id(), JobSpec.DEFAULT_GRACE_PERIOD, "benchmark");
            }
            for (Job job : all) {
                Job ended = engine.await(job.id(), LONG);
                check(ended.state() == JobState.STOPPED, ended);
            }
            return System.nanoTime() - begin;
        }

        /** The second collection finds what the first has only made free. */
        private static long usedHeap() {
            System.gc();
            System.gc();
            return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        }

        private List<Job> list(@Nullable JobId before) {
            return engine.list(JobFilter.ALL, before, PAGE);
        }

        private static List<Job> checkPage(List<Job> page, int size) {
            check(page.size() == size, "a page of " + page.size());
            return page;
        }

        private Job get(JobId id) {
            Job job = engine.get(id);
            check(job.id().equals(id), job);
            return checkFinished(job);
        }

        private List<Job> listAll(int jobs) {
            List<Job> all = new ArrayList<>(jobs);
            for (List<Job> page = list(null);
                    !page.isEmpty();
                    page = list(all.getLast().id())) {
                all.addAll(page);
            }
            check(all.size() == jobs, all.size() + " jobs");
            for (int i = 0; i < jobs; i++) {
                checkFinished(all.get(i));
                check(i == 0 || all.get(i).id().compareTo(all.get(i - 1).id()) < 0, "wrong order");
            }
            return all;
        }

        /** Returns number, median and 99th percentile of the calls, after half as many that are not measured. */
        private static String measure(int calls, Runnable call) {
            for (int i = 0; i < calls / 2; i++) {
                call.run();
            }
            long[] times = new long[calls];
            for (int i = 0; i < calls; i++) {
                long begin = System.nanoTime();
                call.run();
                times[i] = System.nanoTime() - begin;
            }
            Arrays.sort(times);
            return calls + " " + times[calls / 2] + " " + times[calls * 99 / 100];
        }

        private static void check(boolean good, Object found) {
            if (!good) {
                throw new IllegalStateException("wrong: " + found);
            }
        }
    }
}
