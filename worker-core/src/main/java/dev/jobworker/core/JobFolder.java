package dev.jobworker.core;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The folder of one job: its files and their formats. The layout is a contract with the shim (PROTOCOL.md beside its sources). */
record JobFolder(Path path) {
    private static final System.Logger LOG = System.getLogger(JobFolder.class.getName());

    static final FileAttribute<Set<PosixFilePermission>> PRIVATE_DIRECTORY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    private static final FileAttribute<Set<PosixFilePermission>> PRIVATE_FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    private static final String DISCARDED = ".discarded-";

    // A record of a newer version may have fields that this one does not know.
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .addMixIn(JobInput.class, JobInputJson.class)
            .build();

    Path output() {
        return path.resolve("output");
    }

    Path index() {
        return path.resolve("output.index");
    }

    Path lock() {
        return path.resolve("shim.lock");
    }

    Path socket() {
        return path.resolve("shim.sock");
    }

    /** Makes the folder with everything that must be there before the launcher hears of it. */
    static JobFolder create(
            Path jobs, JobId id, JobRecord record, JobInput input, boolean sync, Consumer<FaultPoint> faults)
            throws IOException {
        JobFolder folder = new JobFolder(jobs.resolve(id.toString()));
        Files.createDirectory(folder.path, PRIVATE_DIRECTORY);
        try {
            write(folder.lock(), new byte[0], false);
            faults.accept(FaultPoint.FOLDER_MADE);
            if (!input.isEmpty()) {
                write(folder.path.resolve("stdin"), input.toByteArray(), sync);
            }
            write(folder.path.resolve("job.json"), JSON.writeValueAsBytes(record), sync);
            if (sync) {
                syncDirectory(folder.path);
                syncDirectory(jobs);
            }
        } catch (IOException e) {
            folder.delete();
            throw e;
        }
        return folder;
    }

    /** A file that is whole, but not of a kind that this version knows. */
    static final class NotUnderstoodException extends IOException {
        private static final long serialVersionUID = 1;

        NotUnderstoodException(String message) {
            super(message);
        }
    }

    boolean exists() {
        return Files.exists(path);
    }

    /** Returns the job's record, or empty if it is absent or torn: then the worker died while it wrote it and nothing was started. */
    Optional<JobRecord> readJob() throws IOException {
        return read("job.json", JobRecord.class);
    }

    Optional<ExitRecord> readExit() throws IOException {
        return read("exit.json", ExitRecord.class);
    }

    void writeExit(ExitRecord record) throws IOException {
        Path temporary = path.resolve("exit.json.tmp");
        Files.deleteIfExists(temporary);
        write(temporary, JSON.writeValueAsBytes(record), true);
        Files.move(temporary, path.resolve("exit.json"), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Whether the shim came as far as to fork the job. */
    boolean wasStarted() throws IOException {
        try {
            return Files.size(lock()) > 0;
        } catch (NoSuchFileException noLock) {
            return false;
        }
    }

    /** Opens the file that the launcher and the shim lock for as long as something of the job may be alive. */
    FileChannel openLock() throws IOException {
        return FileChannel.open(lock(), Set.of(CREATE, READ, WRITE), PRIVATE_FILE);
    }

    /** Removes the folder. It disappears under its name at once, whoever still writes into it; what cannot be removed then is left for the next worker. */
    void delete() throws IOException {
        moveAway().ifPresent(JobFolder::discard);
    }

    /** Takes the folder's name away from it and returns its new one, for {@link #discard}; empty if it is gone already. */
    Optional<Path> moveAway() throws IOException {
        Path discarded = path.resolveSibling(DISCARDED + path.getFileName() + "-" + UUID.randomUUID());
        try {
            return Optional.of(Files.move(path, discarded, StandardCopyOption.ATOMIC_MOVE));
        } catch (NoSuchFileException alreadyGone) {
            return Optional.empty();
        }
    }

    /** Whether {@code path} is what a worker that died after {@link #moveAway} left. */
    static boolean isDiscarded(Path path) {
        return path.getFileName().toString().startsWith(DISCARDED);
    }

    /** Removes what {@link #isDiscarded}, as far as that is possible. */
    static void discard(Path folder) {
        try {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
                for (Path file : files) {
                    Files.deleteIfExists(file);
                }
            }
            Files.deleteIfExists(folder);
        } catch (IOException | DirectoryIteratorException e) {
            LOG.log(System.Logger.Level.WARNING, "removing " + folder, e);
        }
    }

    /** Returns the canonical bytes of a spec with all its secrets: what makes two requests the same. */
    static byte[] canonical(JobSpec spec) {
        return JSON.writeValueAsBytes(spec);
    }

    private <T> Optional<T> read(String name, Class<T> type) throws IOException {
        byte[] json;
        try {
            json = Files.readAllBytes(path.resolve(name));
        } catch (NoSuchFileException absent) {
            return Optional.empty();
        }
        JsonNode whole;
        try {
            whole = JSON.readTree(json);
        } catch (JacksonException torn) {
            return Optional.empty();
        }
        if (whole.isMissingNode()) {
            return Optional.empty(); // an empty file
        }
        try {
            return Optional.of(JSON.treeToValue(whole, type));
        } catch (JacksonException strange) {
            throw new NotUnderstoodException(
                    name + " is not of a kind that this version knows: " + strange.getOriginalMessage());
        }
    }

    private static void write(Path file, byte[] content, boolean sync) throws IOException {
        try (FileChannel channel = FileChannel.open(file, Set.of(CREATE_NEW, WRITE), PRIVATE_FILE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            if (sync) {
                channel.force(true);
            }
        }
    }

    private static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, READ)) {
            channel.force(true);
        }
    }

    /** An input is base64 text. */
    private abstract static class JobInputJson {
        @JsonValue
        abstract byte[] toByteArray();

        @JsonCreator
        @SuppressWarnings("UnusedVariable")
        static JobInput of(byte[] bytes) {
            throw new AssertionError("a mix-in has no behaviour");
        }
    }
}
