package dev.jobworker.core;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** All live processes of the machine at one moment, as /proc shows them (proc(5)). */
record ProcessTable(List<Entry> entries) {
    private static final Pattern JOB = Pattern.compile("(?:^|\0)JOBWORKER_JOB_ID=([0-9a-f-]{36})\0");

    /**
     * A process that is not a zombie.
     *
     * @param job the id of the job that its environment names, or ""
     * @param program the file that it executes, or "" if that cannot be told
     */
    record Entry(long pid, long parent, String command, String arguments, String job, String program) {
        void kill() {
            ProcessTable.kill(pid);
        }
    }

    static ProcessTable read() {
        List<Entry> entries = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            processes.forEach(process -> entry(process).ifPresent(entries::add));
        } catch (IOException e) {
            throw new IllegalStateException("reading /proc", e);
        }
        return new ProcessTable(List.copyOf(entries));
    }

    static Optional<Entry> find(long pid) {
        return entry(Path.of("/proc/" + pid));
    }

    List<Entry> matching(Predicate<Entry> predicate) {
        return entries.stream().filter(predicate).toList();
    }

    /** SIGKILL, if it is there. */
    static void kill(long pid) {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    private static Optional<Entry> entry(Path process) {
        String stat = text(process.resolve("stat"));
        int name = stat.indexOf('(');
        int rest = stat.lastIndexOf(')');
        if (name < 0 || rest + 2 >= stat.length() || stat.charAt(rest + 2) == 'Z') {
            return Optional.empty();
        }
        Matcher job = JOB.matcher(text(process.resolve("environ")));
        return Optional.of(new Entry(
                Long.parseLong(process.getFileName().toString()),
                Long.parseLong(stat.substring(rest + 2).split(" ")[1]),
                stat.substring(name + 1, rest),
                text(process.resolve("cmdline")).replace('\0', ' ').strip(),
                job.find() ? job.group(1) : "",
                program(process)));
    }

    private static String program(Path process) {
        try {
            return Files.readSymbolicLink(process.resolve("exe")).toString();
        } catch (IOException goneOrKernel) {
            return "";
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException gone) {
            return "";
        }
    }
}
