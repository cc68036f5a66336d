package dev.jobworker.core;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What a client knows of one request: what it asked for, what it was told, and what must therefore be true. For one thread. */
final class CrashClient {
    private static final String SHUTDOWN = "WORKER_SHUTDOWN/death_of_the_worker";

    final CrashJob job;
    final int firstRound;
    final Map<OutputView, CrashReading> readings = new EnumMap<>(OutputView.class);
    final @Nullable CrashReading follower;

    /** Holds the gate open, so that what is written into it waits for the job. */
    private final @Nullable RandomAccessFile gate;

    private @Nullable String id;
    private @Nullable String end;
    private String finalText = "";
    private long stdoutBytes;
    private long stderrBytes;
    private boolean running;
    private long pid;

    boolean answered;
    boolean refused;
    boolean released;
    boolean stopAsked;
    boolean stopAnswered;
    boolean deleteAsked;
    boolean gone;
    boolean shimKilled;
    /** Its launcher was killed before its shim: nobody was there to sweep its tree. */
    boolean orphaned;

    boolean mayDieWithWorker;
    boolean folderChecked;

    CrashClient(CrashJob job, int firstRound) {
        this.job = job;
        this.firstRound = firstRound;
        follower = job.follow() == null ? null : new CrashReading(job, job.follow());
        for (OutputView view : OutputView.values()) {
            readings.put(view, new CrashReading(job, view));
        }
        try {
            gate = job.usesGate() ? new RandomAccessFile(job.gate().toFile(), "rw") : null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Everything is to be read again. */
    void forgetReadings() {
        readings.replaceAll((view, _) -> new CrashReading(job, view));
        folderChecked = false;
    }

    @Nullable
    String id() {
        return id;
    }

    long pid() {
        return pid;
    }

    boolean isFinal() {
        return end != null;
    }

    boolean isRunning() {
        return running && !isFinal() && !gone;
    }

    boolean isVerified() {
        return isFinal() && readings.values().stream().allMatch(CrashReading::isComplete);
    }

    /** Whether nothing more is to be asked about it. */
    boolean isSettled() {
        return gone || refused || (id == null ? !job.repeated() : isVerified());
    }

    void release() {
        if (released || gate == null) {
            return;
        }
        released = true;
        try {
            gate.write("go\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void close() {
        try {
            if (gate != null) {
                gate.close();
                Files.deleteIfExists(job.gate());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Takes {@code <id> <state> <pid> <stdout bytes> <stderr bytes> <truncated bytes> <end> <all>}; returns what is wrong with it. */
    List<String> observe(List<String> words) {
        List<String> wrong = new ArrayList<>();
        if (id == null) {
            id = words.get(0);
        } else if (!id.equals(words.get(0))) {
            wrong.add("has two ids, " + id + " and " + words.get(0));
        }
        if (job.kind() == CrashJob.Kind.MISSING) {
            wrong.add("there is a job of a program that does not exist");
        }
        running = words.get(1).equals("RUNNING") || words.get(1).equals("STOPPING");
        pid = Long.parseLong(words.get(2));
        if (isFinal() || !running) {
            observeEnd(words, wrong);
        }
        return wrong;
    }

    private void observeEnd(List<String> words, List<String> wrong) {
        String all = String.join(" ", words.subList(1, words.size()));
        if (isFinal()) {
            if (!finalText.equals(all)) {
                wrong.add("its end changed from " + finalText + " to " + all);
            }
            return;
        }
        String found = words.get(6);
        end = found;
        finalText = all;
        stdoutBytes = Long.parseLong(words.get(3));
        stderrBytes = Long.parseLong(words.get(4));
        if (!words.get(5).equals("0")) {
            wrong.add("lost " + words.get(5) + " bytes of output to truncation");
        }
        if (!isPossible(found)) {
            wrong.add("cannot have ended as " + found);
        }
        if (isWhole(found)
                && (stdoutBytes != job.expected(StdStream.STDOUT).length
                        || stderrBytes != job.expected(StdStream.STDERR).length)) {
            wrong.add("ended as " + found + " with " + stdoutBytes + " and " + stderrBytes
                    + " bytes of output instead of " + job.expected(StdStream.STDOUT).length + " and "
                    + job.expected(StdStream.STDERR).length);
        }
        wrong.addAll(checkRuns());
    }

    private String natural() {
        return job.kind() == CrashJob.Kind.SIGNALLED ? "signal" + job.signal() : "code" + job.code();
    }

    private boolean isPossible(String found) {
        String natural = natural() + "/OWN_ACCORD/null/false/0";
        if (found.startsWith("LOST/")) {
            return shimKilled && found.contains("killed");
        }
        if (mayDieWithWorker && found.startsWith("signal9/" + SHUTDOWN + "/")) {
            return true;
        }
        if (mayDieWithWorker && found.equals(natural() + "/" + SHUTDOWN + "/false/0")) {
            return true; // it ended between the decision to kill it and the kill
        }
        String stopped = "/STOP_REQUEST/" + CrashWorker.REQUESTER;
        return switch (job.kind()) {
            case INSTANT, CHATTY, BULK, BINARY, INPUT, SIGNALLED -> found.equals(natural);
            case DAEMONS, SILENT, GATED -> released && found.equals(natural);
            case STOPPABLE, FROZEN -> stopAsked && found.equals("signal15" + stopped + "/false/0");
            case OBEDIENT ->
                stopAsked
                        && (found.equals("code42" + stopped + "/false/0")
                                || found.equals("signal15" + stopped + "/false/0"));
            // Before it comes to ignore the signal it dies of it.
            case STUBBORN ->
                stopAsked
                        && (found.equals("signal9" + stopped + "/true/0")
                                || found.equals("signal15" + stopped + "/false/0"));
            case TIMED -> found.equals("signal15/TIMEOUT/null/false/0");
            case MISSING -> false;
        };
    }

    /** Whether a job that ended so has printed everything. */
    private boolean isWhole(String found) {
        return found.startsWith(natural() + "/OWN_ACCORD/");
    }

    /** Returns what is wrong with the traces that the job left of itself. */
    List<String> checkRuns() {
        List<String> lines;
        try {
            lines = Files.readAllLines(job.runs());
        } catch (NoSuchFileException noTrace) {
            lines = List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<String> wrong = new ArrayList<>();
        if (lines.size() > 1) {
            wrong.add("ran " + lines.size() + " times");
        }
        if (lines.isEmpty() && end != null && isWhole(end)) {
            wrong.add("ended as " + end + " and never ran");
        }
        if (!lines.isEmpty() && !Set.of(job.requestId().toString()).containsAll(lines)) {
            wrong.add("left strange traces: " + lines);
        }
        if (!lines.isEmpty() && refused && job.kind() == CrashJob.Kind.MISSING) {
            wrong.add("ran although there is no such program");
        }
        return wrong;
    }

    /** Returns what is wrong with its folder, now that all of it was read. */
    List<String> checkFolder(Path jobs) {
        try {
            byte[] log = Files.readAllBytes(jobs.resolve(String.valueOf(id)).resolve("output"));
            List<String> wrong = new ArrayList<>();
            if (log.length != stdoutBytes + stderrBytes) {
                wrong.add("its file of output has " + log.length + " bytes, its end says " + stdoutBytes + " and "
                        + stderrBytes);
            }
            byte[] stdout = Arrays.copyOf(job.expected(StdStream.STDOUT), shown(stdoutBytes, StdStream.STDOUT));
            byte[] stderr = Arrays.copyOf(job.expected(StdStream.STDERR), shown(stderrBytes, StdStream.STDERR));
            if (!CrashReading.interleaves(log, stdout, stderr)) {
                wrong.add("its file of output is not made of what it printed");
            }
            return wrong;
        } catch (IOException e) {
            return List.of("its output cannot be read: " + e);
        }
    }

    /** Of a job whose shim was killed between bytes and their record, the last bytes may be booked to the other stream. */
    private int shown(long bytes, StdStream stream) {
        int all = job.expected(stream).length;
        return shimKilled ? all : (int) Math.min(bytes, all);
    }

    List<String> chunk(CrashReading reading, List<String> words) {
        List<String> wrong = reading.chunk(words);
        return shimKilled ? List.of() : wrong;
    }

    @Override
    public String toString() {
        Set<String> marks = new TreeSet<>();
        if (answered) {
            marks.add("answered");
        }
        if (released) {
            marks.add("released");
        }
        if (stopAsked) {
            marks.add(stopAnswered ? "stop answered" : "stop asked");
        }
        if (deleteAsked) {
            marks.add(gone ? "deleted" : "delete asked");
        }
        if (refused) {
            marks.add("refused");
        }
        if (shimKilled) {
            marks.add("shim killed");
        }
        return "job " + job.number() + " (" + job.kind() + ", request " + job.requestId() + ", id " + id + ", of round "
                + firstRound + ", end " + end + ", " + marks + ")";
    }
}
