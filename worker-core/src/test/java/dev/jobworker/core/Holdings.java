package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;

/**
 * What an engine under a directory holds of this JVM and of the machine. If it is more after than before, something leaks.
 *
 * @param descriptors of files below the directory, and of sockets; the rest of this JVM opens and closes others as it likes
 * @param threads the engine's platform threads
 * @param processes launchers and shims, which have the directory in their command lines, and zombies of theirs
 */
record Holdings(long descriptors, long threads, long processes) {

    static Holdings of(Path directory) throws IOException {
        long descriptors = 0;
        for (Path descriptor : list(Path.of("/proc/self/fd"))) {
            String target = target(descriptor);
            descriptors += target.startsWith(directory.toString()) || target.startsWith("socket:") ? 1 : 0;
        }
        long threads = Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("jobworker-"))
                .count();
        List<Long> helpers = processesWith(directory.toString());
        return new Holdings(descriptors, threads, helpers.size() + zombiesOf(helpers));
    }

    /** Fails, in a while, if {@code directory}'s engine goes on holding more than before. What a job before held may have been let go of since. */
    static void awaitNoMore(Holdings before, Path directory) {
        Awaitility.await().untilAsserted(() -> {
            Holdings now = of(directory);
            assertTrue(
                    now.descriptors <= before.descriptors
                            && now.threads <= before.threads
                            && now.processes <= before.processes,
                    () -> now + " after, " + before + " before");
        });
    }

    private static long zombiesOf(List<Long> parents) throws IOException {
        return list(Path.of("/proc")).stream()
                .map(process -> process.getFileName().toString())
                .filter(name -> name.chars().allMatch(Character::isDigit))
                .map(Long::parseLong)
                .filter(pid -> !EngineFixture.isAlive(pid)
                        && EngineFixture.parent(pid)
                                .filter(parent -> parents.contains(parent.longValue()))
                                .isPresent())
                .count();
    }

    /** Returns the live processes with {@code token} in their arguments; also those whose leader thread is gone. */
    static List<Long> processesWith(String token) throws IOException {
        List<Long> found = new ArrayList<>();
        for (Path process : list(Path.of("/proc"))) {
            String name = process.getFileName().toString();
            if (name.chars().allMatch(Character::isDigit) && hasInArguments(process, token)) {
                found.add(Long.parseLong(name));
            }
        }
        found.remove(ProcessHandle.current().pid());
        return found;
    }

    private static boolean hasInArguments(Path process, String token) {
        try {
            for (Path task : list(process.resolve("task"))) {
                // That of a zombie is empty.
                if (Files.readString(task.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                        .contains(token)) {
                    return true;
                }
            }
        } catch (IOException goneSince) {
            return false;
        }
        return false;
    }

    private static List<Path> list(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            List<Path> paths = new ArrayList<>();
            entries.forEach(paths::add);
            return paths;
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException closedSince) {
            return "";
        }
    }

    /** Returns the bytes of the heap that are in use and of direct buffers, after a collection. */
    static long memory() {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 4; i++) {
            System.gc();
            Runtime jvm = Runtime.getRuntime();
            least = Math.min(least, jvm.totalMemory() - jvm.freeMemory());
        }
        return least + direct();
    }

    /** By reflection, as this module does not read java.management. */
    private static long direct() {
        try {
            Class<?> pool = Class.forName("java.lang.management.BufferPoolMXBean");
            List<?> pools = (List<?>) Class.forName("java.lang.management.ManagementFactory")
                    .getMethod("getPlatformMXBeans", Class.class)
                    .invoke(null, pool);
            for (Object each : pools) {
                if ("direct".equals(pool.getMethod("getName").invoke(each))) {
                    return (Long) pool.getMethod("getMemoryUsed").invoke(each);
                }
            }
            throw new AssertionError("no direct buffers");
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }
}
