package dev.jobworker.core;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A main class of the tests in a JVM of its own, which another user or an odd parent may have started. */
final class TestJvm implements AutoCloseable {
    /** The ordinary user that a root worker's tests become. */
    static final int NOBODY = 65534;

    private final Process process;
    private final BufferedReader output;

    private TestJvm(Process process) {
        this.process = process;
        output = process.inputReader(StandardCharsets.UTF_8);
    }

    static int ownUser() {
        try {
            return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Returns the users as whom this JVM can test: itself, and as root an ordinary one. */
    static List<Integer> users() {
        return ownUser() == 0 ? List.of(0, NOBODY) : List.of(ownUser());
    }

    /**
     * Starts {@code main} as {@code user}.
     *
     * @param directory becomes that user's
     * @param wrapper a command that executes its arguments
     */
    static TestJvm start(Path directory, int user, List<String> wrapper, Class<?> main, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        String classPath = classPath().collect(Collectors.joining(":"));
        if (user != ownUser()) {
            Files.setAttribute(directory, "unix:uid", user);
            command.addAll(List.of("setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups"));
            classPath = copied(Files.createDirectory(directory.resolve("classes")));
        }
        command.addAll(wrapper);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                classPath,
                main.getName()));
        command.addAll(List.of(arguments));
        return new TestJvm(new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    }

    private static Stream<String> classPath() {
        return Stream.of("java.class.path", "jdk.module.path")
                .flatMap(name -> Stream.of(System.getProperty(name, "").split(":")))
                .filter(entry -> !entry.isEmpty());
    }

    /** Another user may not be able to read what is in the home of this one. */
    private static String copied(Path target) throws IOException {
        List<String> copies = new ArrayList<>();
        for (String entry : classPath().toList()) {
            Path source = Path.of(entry);
            Path copy = target.resolve(copies.size() + "-" + source.getFileName());
            Files.walkFileTree(source, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
                        throws IOException {
                    Files.createDirectory(copy.resolve(source.relativize(folder).toString()));
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.copy(
                            file,
                            file.equals(source)
                                    ? copy
                                    : copy.resolve(source.relativize(file).toString()));
                    return FileVisitResult.CONTINUE;
                }
            });
            copies.add(copy.toString());
        }
        return String.join(":", copies);
    }

    /** Returns what it prints, when it has ended without an error. */
    List<String> lines() throws IOException, InterruptedException {
        List<String> lines = output.lines().toList();
        if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new AssertionError("the JVM failed after printing " + lines);
        }
        return lines;
    }

    String nextLine() throws IOException {
        String line = output.readLine();
        if (line == null) {
            throw new AssertionError("the JVM ended");
        }
        return line;
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
