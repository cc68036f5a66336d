package dev.jobworker.core;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The directory of one engine, locked for it. */
final class StateDirectory implements AutoCloseable {
    /**
     * The directories that are open in this JVM. A file lock is the process's: whoever opened {@code worker.lock} a second time and closed it
     * would let go of the lock of the first (fcntl(2)).
     */
    private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

    private final Path root;
    private final Path claim;
    private final FileChannel lockFile;
    private final FileChannel jobsDescriptor;
    private final Path shortJobs;

    private StateDirectory(Path root, Path claim, FileChannel lockFile, FileChannel jobsDescriptor, Path shortJobs) {
        this.root = root;
        this.claim = claim;
        this.lockFile = lockFile;
        this.jobsDescriptor = jobsDescriptor;
        this.shortJobs = shortJobs;
    }

    static StateDirectory open(Path directory) throws IOException {
        Path root = directory.toAbsolutePath().normalize();
        Files.createDirectories(root, JobFolder.PRIVATE_DIRECTORY);
        Path claim = root.toRealPath();
        if (!OPEN.add(claim)) {
            throw inUse(root);
        }
        try {
            return openClaimed(root, claim);
        } catch (IOException | RuntimeException e) {
            OPEN.remove(claim);
            throw e;
        }
    }

    private static StateDirectory openClaimed(Path root, Path claim) throws IOException {
        FileChannel lockFile = lock(root);
        try {
            Path jobs = root.resolve("jobs");
            Files.createDirectories(jobs, JobFolder.PRIVATE_DIRECTORY);
            Files.setPosixFilePermissions(jobs, PosixFilePermissions.fromString("rwx------"));
            FileChannel descriptor = FileChannel.open(jobs, READ);
            try {
                return new StateDirectory(root, claim, lockFile, descriptor, byDescriptor(jobs));
            } catch (IOException e) {
                descriptor.close();
                throw e;
            }
        } catch (IOException e) {
            lockFile.close();
            throw e;
        }
    }

    private static FileChannel lock(Path root) throws IOException {
        FileChannel file = FileChannel.open(root.resolve("worker.lock"), CREATE, WRITE);
        @Nullable FileLock lock = file.tryLock();
        if (lock == null) {
            file.close();
            throw inUse(root);
        }
        return file;
    }

    private static IOException inUse(Path root) {
        return new IOException("another worker uses the state directory " + root);
    }

    /**
     * Returns a short path of {@code jobs}, which must be open: the address of a Unix socket has at most 107 bytes (unix(7)), a state directory
     * may have a longer path.
     */
    private static Path byDescriptor(Path jobs) throws IOException {
        Object wanted = Files.readAttributes(jobs, BasicFileAttributes.class).fileKey();
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors) {
                try {
                    if (wanted.equals(Files.readAttributes(descriptor, BasicFileAttributes.class)
                            .fileKey())) {
                        return descriptor;
                    }
                } catch (IOException closedSince) {
                    // Another thread's.
                }
            }
        }
        throw new IOException("cannot find the descriptor of " + jobs + " in /proc/self/fd");
    }

    Path jobs() {
        return root.resolve("jobs");
    }

    Path helpers() {
        return root.resolve("bin");
    }

    Path launcherLog() {
        return root.resolve("launcher.log");
    }

    /** Returns the address of a job's control socket. */
    Path socket(JobId id) {
        return shortJobs.resolve(id.toString()).resolve("shim.sock");
    }

    /** Returns the folders of all jobs, and removes what interrupted deletions left. */
    List<JobId> jobIds() throws IOException {
        List<JobId> ids = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(jobs())) {
            for (Path folder : folders) {
                if (JobFolder.isDiscarded(folder)) {
                    JobFolder.discard(folder);
                }
                JobId.parse(folder.getFileName().toString()).ifPresent(ids::add);
            }
        }
        return ids;
    }

    @Override
    public void close() throws IOException {
        try (lockFile) {
            jobsDescriptor.close();
        } finally {
            OPEN.remove(claim);
        }
    }
}
