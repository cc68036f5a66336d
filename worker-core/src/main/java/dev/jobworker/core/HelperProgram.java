package dev.jobworker.core;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The native helper inside this jar, and its copy on disk. */
final class HelperProgram {
    private HelperProgram() {}

    /** Puts the helper for this machine into {@code directory}, named by its content, and returns its path. */
    static Path install(Path directory) throws IOException {
        String resource = "native/job-shim-linux-" + architecture();
        byte[] program;
        try (InputStream in = HelperProgram.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("this jar has no helper " + resource);
            }
            program = in.readAllBytes();
        }
        Path target = directory.resolve("job-shim-" + sha256(program).substring(0, 16));
        if (!Files.isExecutable(target) || Files.size(target) != program.length) {
            Files.createDirectories(directory, JobFolder.PRIVATE_DIRECTORY);
            // One name, so that what a death leaves here is overwritten by the next worker; the lock keeps others out.
            Path temporary = directory.resolve(target.getFileName() + ".tmp");
            Files.write(temporary, program);
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString("rwx------"));
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
        return target;
    }

    private static String architecture() throws IOException {
        String name = System.getProperty("os.arch");
        if (!System.getProperty("os.name").equals("Linux")) {
            throw new IOException("jobs run on Linux only, this is " + System.getProperty("os.name"));
        }
        return switch (name) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64" -> "aarch64";
            default -> throw new IOException("there is no helper for the architecture " + name);
        };
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
    }
}
