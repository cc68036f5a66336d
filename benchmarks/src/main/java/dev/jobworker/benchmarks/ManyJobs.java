package dev.jobworker.benchmarks;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jobworker.benchmarks.ForkedWorker.Call;
import dev.jobworker.benchmarks.ForkedWorker.Latency;
import dev.jobworker.benchmarks.ForkedWorker.Opening;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * What an engine costs with many jobs: {@code ManyJobs [ENDED [RUNNING [STATE]]]}, 10000, 1000 and /dev/shm unless said otherwise. Each part has
 * worker JVMs of its own. Nothing is synced to the disk ({@code survivePowerLoss} is off). It fails if any job is not as it must be.
 *
 * <p>Memory is what processes have mapped. What the kernel has for pipes, sockets and processes is not in it.
 */
final class ManyJobs {
    private static final int IDLE_SECONDS = 5;
    private static final int OPENINGS = 3;
    private static final Predicate<String> ENGINE = name -> name.startsWith("jobworker-");

    private final PrintStream out;
    private final Path parent;

    private ManyJobs(PrintStream out, Path parent) {
        this.out = out;
        this.parent = parent;
    }

    public static void main(String[] args) throws Exception {
        int ended = args.length > 0 ? Integer.parseInt(args[0]) : 10_000;
        int running = args.length > 1 ? Integer.parseInt(args[1]) : 1_000;
        ManyJobs measurement =
                new ManyJobs(new PrintStream(System.out, true, UTF_8), Path.of(args.length > 2 ? args[2] : "/dev/shm"));
        measurement.environment();
        measurement.ended(ended);
        measurement.running(running);
    }

    private void environment() throws IOException {
        String cpu = Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.substring(line.indexOf(':') + 2))
                .findFirst()
                .orElse(System.getProperty("os.arch"));
        String memory = Files.readAllLines(Path.of("/proc/meminfo")).getFirst().replaceAll("\\D+", "");
        row("processors", Runtime.getRuntime().availableProcessors() + " x " + cpu);
        row("memory", mebibytes(Long.parseLong(memory)));
        row("kernel", System.getProperty("os.version"));
        row("Java", Runtime.version() + ", default options");
        row("state directory", parent + ", " + Files.getFileStore(parent).type() + ", survivePowerLoss=false");
    }

    private void ended(int jobs) throws IOException {
        Scratch scratch = Scratch.in(parent);
        try {
            long heapBefore;
            try (ForkedWorker worker = ForkedWorker.fork()) {
                worker.open(scratch.path());
                heapBefore = worker.heap();
                title(jobs + " ended jobs");
                row("running them, 8 at a time", milliseconds(worker.finish(jobs)));
            }
            for (int i = 1; i < OPENINGS; i++) {
                try (ForkedWorker worker = ForkedWorker.fork()) {
                    row("opening the engine, in a new JVM", opening(worker.open(scratch.path())));
                }
            }
            try (ForkedWorker worker = ForkedWorker.fork()) {
                row("opening the engine, in a new JVM", opening(worker.open(scratch.path())));
                row("memory of the JVM then (VmRSS)", mebibytes(worker.figures().residentKilobytes()));
                long heap = worker.heap();
                row(
                        "heap in use after a collection",
                        mebibytes(heap / 1024) + ", " + (heap - heapBefore) / jobs + " B a job");
                row("memory of the JVM then (VmRSS)", mebibytes(worker.figures().residentKilobytes()));
                row("list, the first 100", worker.latency(Call.FIRST_PAGE, jobs));
                row("list, all by pages of 100", worker.latency(Call.ALL_PAGES, jobs));
                row("get", worker.latency(Call.GET, jobs));
            }
        } finally {
            scratch.close();
        }
    }

    private void running(int jobs) throws Exception {
        Scratch scratch = Scratch.in(parent);
        List<ProcessHandle> tree = List.of();
        try {
            long processes;
            ProcessHandle launcher;
            try (ForkedWorker worker = ForkedWorker.fork()) {
                worker.open(scratch.path());
                title(jobs + " running jobs (sleep)");
                Before before = Before.of(worker);
                row("starting them, 8 at a time", milliseconds(worker.start(jobs)));
                launcher = worker.launcher();
                tree = launcher.descendants().toList();
                processes = worker.running(jobs);
                cost(worker, before, jobs);
                shims(launcher, jobs);
                idle(worker.figures(), launcher);
                worker.kill();
            }
            long begin = System.nanoTime();
            try (ForkedWorker next = ForkedWorker.fork()) {
                Opening open = next.open(scratch.path());
                row(
                        "worker killed; adopting them all",
                        opening(open) + ", with the start of a JVM " + milliseconds(System.nanoTime() - begin));
                if (next.running(jobs) != processes) {
                    throw new IllegalStateException("the adopted jobs are not those that were started");
                }
                row("stopping them all, to the last end", milliseconds(next.stop()));
            }
            // It leaves when its last shim has, for its worker is gone.
            launcher.onExit().get(1, TimeUnit.MINUTES);
            if (tree.stream().anyMatch(ProcessHandle::isAlive)) {
                throw new IllegalStateException("processes are left");
            }
        } finally {
            tree.forEach(ProcessHandle::destroyForcibly); // of a measurement that failed
            scratch.close();
        }
    }

    /** A worker without jobs. */
    private record Before(long heap, long resident, long descriptors) {
        static Before of(ForkedWorker worker) throws IOException {
            return new Before(
                    worker.heap(),
                    worker.figures().residentKilobytes(),
                    worker.figures().descriptors());
        }
    }

    private void cost(ForkedWorker worker, Before before, int jobs) throws IOException {
        ProcessFigures figures = worker.figures();
        row("threads of the JVM", Long.toString(figures.threads()));
        row(
                "memory of the JVM (VmRSS)",
                mebibytes(figures.residentKilobytes()) + ", without jobs " + mebibytes(before.resident));
        row("heap in use a job", (worker.heap() - before.heap) / jobs + " B");
        row("descriptors of the JVM a job", decimal((double) (figures.descriptors() - before.descriptors) / jobs));
    }

    private void shims(ProcessHandle launcher, int jobs) throws IOException {
        List<ProcessFigures> shims = shimsOf(launcher);
        if (shims.size() != jobs) {
            throw new IllegalStateException(shims.size() + " shims");
        }
        row(
                "descriptors of the launcher a job",
                decimal((double) new ProcessFigures(launcher.pid()).descriptors() / jobs));
        long descriptors = 0;
        long rss = 0;
        long pss = 0;
        long dirty = 0;
        for (ProcessFigures shim : shims) {
            descriptors += shim.descriptors();
            rss += shim.memoryKilobytes("Rss");
            pss += shim.memoryKilobytes("Pss");
            dirty += shim.memoryKilobytes("Private_Dirty");
        }
        row("descriptors of a shim", decimal((double) descriptors / jobs));
        row(
                "memory of a shim",
                "PSS " + pss / jobs + " kB, RSS " + rss / jobs + " kB, private and written " + dirty / jobs + " kB");
    }

    private static List<ProcessFigures> shimsOf(ProcessHandle launcher) {
        return launcher.children().map(shim -> new ProcessFigures(shim.pid())).toList();
    }

    private void idle(ProcessFigures worker, ProcessHandle launcher) throws IOException, InterruptedException {
        List<ProcessFigures> shims = shimsOf(launcher);
        ProcessFigures launching = new ProcessFigures(launcher.pid());
        long shimsBefore = switches(shims);
        long launcherBefore = launching.contextSwitches(_ -> true);
        long engineBefore = worker.contextSwitches(ENGINE);
        long othersBefore = worker.contextSwitches(ENGINE.negate());
        Thread.sleep(TimeUnit.SECONDS.toMillis(IDLE_SECONDS)); // what is measured is this time
        row(
                "context switches in " + IDLE_SECONDS + " s",
                "shims " + (switches(shims) - shimsBefore)
                        + ", launcher " + (launching.contextSwitches(_ -> true) - launcherBefore)
                        + ", threads of the engine " + (worker.contextSwitches(ENGINE) - engineBefore)
                        + ", of the JVM " + (worker.contextSwitches(ENGINE.negate()) - othersBefore));
    }

    private static long switches(List<ProcessFigures> processes) throws IOException {
        long sum = 0;
        for (ProcessFigures process : processes) {
            sum += process.contextSwitches(_ -> true);
        }
        return sum;
    }

    private void title(String text) {
        out.println();
        out.println(text);
    }

    private void row(String what, Latency latency) {
        row(
                what,
                "median " + microseconds(latency.median()) + ", 99 % " + microseconds(latency.p99()) + " of "
                        + latency.calls() + " calls");
    }

    private void row(String what, String value) {
        out.printf(Locale.ROOT, "%-36s %s%n", what, value);
    }

    private static String decimal(double number) {
        return String.format(Locale.ROOT, "%.2f", number);
    }

    private static String milliseconds(long nanoseconds) {
        return String.format(Locale.ROOT, "%,d ms", TimeUnit.NANOSECONDS.toMillis(nanoseconds));
    }

    private static String opening(Opening opening) {
        return milliseconds(opening.elapsed()) + " (" + milliseconds(opening.processor()) + " of the processors)";
    }

    private static String microseconds(long nanoseconds) {
        return String.format(Locale.ROOT, "%.1f us", nanoseconds / 1e3);
    }

    private static String mebibytes(long kilobytes) {
        return String.format(Locale.ROOT, "%.1f MiB", kilobytes / 1024.0);
    }
}
