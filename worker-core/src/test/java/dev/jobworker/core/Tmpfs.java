package dev.jobworker.core;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What root can mount: a small file system in memory, or a directory on itself. */
record Tmpfs(Path path) implements Closeable {

    static Tmpfs mount(Path path, int kib) throws IOException {
        Files.createDirectory(path);
        run("mount", "-t", "tmpfs", "-o", "suid,exec,mode=755,size=" + kib + "k", "tmpfs", path.toString());
        return new Tmpfs(path);
    }

    /** Makes a directory a mount point of itself. */
    static Tmpfs bind(Path path) throws IOException {
        run("mount", "--bind", path.toString(), path.toString());
        return new Tmpfs(path);
    }

    /** Whether setuid programs have no power there. */
    static boolean isWithoutSetuid(Path path) throws IOException {
        String options = "";
        int longest = 0;
        for (String line : Files.readAllLines(Path.of("/proc/self/mounts"))) {
            String[] fields = line.split(" ");
            if (path.startsWith(fields[1]) && fields[1].length() >= longest) {
                longest = fields[1].length();
                options = fields[3];
            }
        }
        return List.of(options.split(",")).contains("nosuid");
    }

    private static void run(String... command) throws IOException {
        int exit =
                new ProcessBuilder(command).inheritIO().start().onExit().join().exitValue();
        if (exit != 0) {
            throw new IOException(String.join(" ", command) + " exits with " + exit);
        }
    }

    @Override
    public void close() throws IOException {
        run("umount", "-l", path.toString());
    }
}
