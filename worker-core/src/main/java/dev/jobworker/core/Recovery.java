package dev.jobworker.core;

import java.io.IOException;
import java.net.ConnectException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds the truth about a job from its folder, whatever died and whenever. See PROTOCOL.md, "Order of a start, and what a crash leaves". */
final class Recovery {
    private static final System.Logger LOG = System.getLogger(Recovery.class.getName());
    private static final Duration FIRST_STATUS_WAIT = Duration.ofSeconds(10);

    private final Hooks hooks;
    private final String bootId;

    Recovery(Hooks hooks) throws IOException {
        this.hooks = hooks;
        bootId = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    }

    /** Returns what names this boot of the machine. */
    String bootId() {
        return bootId;
    }

    /** The truth about a job. */
    sealed interface Found {
        /** It has an end. */
        record Over(ExitRecord exit) implements Found {}

        /** Its shim answered. */
        record Alive(SupervisedJob job) implements Found {}

        /** No process of it was ever executed. The folder is removed. */
        record NeverStarted() implements Found {}
    }

    /** Connects to a shim, or throws {@link ConnectException} if none listens. */
    interface Connector {
        SupervisedJob connect() throws IOException;
    }

    /**
     * Finds what became of a job of which nothing is known but its folder. For a thread that nobody interrupts.
     *
     * @param startBootId the boot in which it was started
     * @param policy of its output
     */
    Found find(JobFolder folder, String startBootId, OutputPolicy policy, Connector shim) throws IOException {
        Optional<ExitRecord> exit = folder.readExit();
        if (exit.isPresent()) {
            return new Found.Over(exit.get());
        }
        if (!startBootId.equals(bootId)) {
            return new Found.Over(lose(folder, policy, "the machine was restarted while the job ran"));
        }
        @Nullable SupervisedJob alive = connect(folder, shim);
        if (alive != null) {
            return new Found.Alive(alive);
        }
        try (FileChannel lockFile = folder.openLock()) {
            FileLock lock = lockFile.tryLock();
            if (lock == null) {
                // Somebody holds it and did not listen a moment ago: a start that has just come so far, or a shim that
                // was killed and whose tree is being swept.
                alive = connect(folder, shim);
                if (alive != null) {
                    return new Found.Alive(alive);
                }
                lockFile.lock();
            }
            exit = folder.readExit();
            if (exit.isPresent()) {
                return new Found.Over(exit.get());
            }
            if (!folder.wasStarted()) {
                // With the lock: a launcher that still has the request must not get it.
                folder.delete();
                return new Found.NeverStarted();
            }
            return new Found.Over(
                    lose(folder, policy, "the shim of the job ended without an exit record: it was killed"));
        }
    }

    private static @Nullable SupervisedJob connect(JobFolder folder, Connector shim) throws IOException {
        if (!Files.exists(folder.socket())) {
            return null;
        }
        SupervisedJob job;
        try {
            job = shim.connect();
        } catch (ConnectException nobodyListens) {
            return null;
        } catch (IOException e) {
            if (Files.exists(folder.socket())) {
                throw e;
            }
            return null; // its start failed in this moment
        }
        if (!job.awaitFirstStatus(FIRST_STATUS_WAIT)) {
            LOG.log(System.Logger.Level.WARNING, "the shim in " + folder.path() + " does not answer");
        }
        return job;
    }

    /** Returns the status of a job whose end cannot be known. */
    JobStatus.Lost lost(String evidence) {
        return new JobStatus.Lost(evidence, hooks.clock().instant());
    }

    private ExitRecord lose(JobFolder folder, OutputPolicy policy, String evidence) throws IOException {
        ExitRecord lost = ExitRecord.lost(evidence, hooks.clock().instant(), OutputFiles.repair(folder, policy));
        hooks.faults().accept(FaultPoint.LOSS_FOUND);
        try {
            folder.writeExit(lost);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, "recording that a job is lost in " + folder.path(), e);
        }
        return lost;
    }
}
