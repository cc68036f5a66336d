package dev.jobworker.core;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What to run, and how. Everything that is not said here the job does not get: its environment has these variables, {@code PATH} if it is not
 * among them, and {@code JOBWORKER_JOB_ID}.
 *
 * @param argv the program and its arguments, taken literally; a program without a slash is looked up in the job's own {@code PATH}
 * @param environment names and values; values are never listed back
 * @param workingDirectory an absolute path
 * @param user account name, or {@code uid}, or {@code uid:gid}; null for the worker's own
 * @param limits soft and hard limit of every process of the job, in the unit of each limit
 * @param umask file mode creation mask
 * @param nice scheduling priority, -20 to 19; null for the worker's own
 * @param noNewPrivileges whether setuid programs lose their power (PR_SET_NO_NEW_PRIVS)
 * @param timeout the job is stopped when it runs longer; null for no limit
 * @param gracePeriod time between {@code stopSignal} and SIGKILL when the timeout or the output limit ends the job, or a stop that names none
 * @param stopSignal what a stop sends first
 * @param descendants what becomes of other processes of the job when the main one ends
 * @param labels for finding jobs
 * @param input the bytes of its standard input
 * @param streamInput whether standard input is a pipe that is {@linkplain JobEngine#writeInput written to} while the job runs; then {@code input}
 *     is empty
 */
public record JobSpec(
        List<String> argv,
        Map<String, String> environment,
        String workingDirectory,
        @Nullable String user,
        Map<ResourceLimit, Long> limits,
        int umask,
        @Nullable Integer nice,
        boolean noNewPrivileges,
        @Nullable Duration timeout,
        Duration gracePeriod,
        Signal stopSignal,
        Descendants descendants,
        Map<String, String> labels,
        OutputPolicy output,
        JobInput input,
        boolean streamInput) {

    public static final int MAX_ARGUMENTS = 1024;
    /** The most bytes of arguments and environment together, each with its terminating NUL: a quarter of the kernel's usual 512 KiB. */
    public static final int MAX_ARGUMENT_BYTES = 128 << 10;

    public static final int MAX_LABELS = 64;
    public static final Duration DEFAULT_GRACE_PERIOD = Duration.ofSeconds(10);
    /** The longest duration that a spec or a stop takes: ten years. */
    public static final Duration MAX_DURATION = Duration.ofDays(3650);

    private static final int DEFAULT_UMASK = 0022;

    public JobSpec {
        // Records of earlier versions do not have these two.
        stopSignal = Objects.requireNonNullElse(stopSignal, Signal.TERM);
        descendants = Objects.requireNonNullElse(descendants, Descendants.KILL);
        argv = List.copyOf(argv);
        environment = sorted(environment);
        limits = limits.isEmpty() ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(limits));
        labels = sorted(labels);
        checkCommand(argv, environment);
        check(
                "working_dir",
                workingDirectory.startsWith("/") && isText(workingDirectory) && workingDirectory.length() < 4096,
                "is not an absolute path of less than 4096 characters");
        check("user", user == null || user.matches("[A-Za-z0-9_.][A-Za-z0-9_.:-]{0,63}"), "is not a name or uid[:gid]");
        limits.forEach((limit, value) -> check("limits", value >= 0, limit.label() + " is negative: " + value));
        check("umask", umask >= 0 && umask <= 0777, "is not between 0 and 0777");
        check("nice", nice == null || (nice >= -20 && nice <= 19), "is not between -20 and 19");
        check("timeout", timeout == null || timeout.isPositive(), "is not positive: " + timeout);
        check("timeout", timeout == null || timeout.compareTo(MAX_DURATION) <= 0, "is longer than ten years");
        checkGracePeriod(gracePeriod);
        check("stream_input", !streamInput || input.isEmpty(), "excludes an input that is given with the start");
        check("labels", labels.size() <= MAX_LABELS, "are more than " + MAX_LABELS);
        labels.forEach((name, value) -> {
            check("labels", name.matches("[A-Za-z0-9][A-Za-z0-9._/-]{0,62}"), "have an ill-formed name");
            check(
                    "labels",
                    value.length() <= 256 && value.chars().noneMatch(Character::isISOControl),
                    "have a value over 256 characters or with a control character: " + name);
        });
    }

    /** Returns the spec of a command with defaults for everything else. */
    public static JobSpec of(String... argv) {
        return builder(argv).build();
    }

    public static Builder builder(String... argv) {
        return builder(List.of(argv));
    }

    public static Builder builder(List<String> argv) {
        return new Builder(argv);
    }

    /** Checks a grace period as {@link #gracePeriod} and {@link JobEngine#stop} take it: 0 to ten years. */
    static Duration checkGracePeriod(Duration gracePeriod) {
        check(
                "grace_period",
                !gracePeriod.isNegative() && gracePeriod.compareTo(MAX_DURATION) <= 0,
                "is not between 0 and ten years: " + gracePeriod);
        return gracePeriod;
    }

    /** Returns this spec as it may be shown: variables keep their names and have empty values; the input is empty. */
    public JobSpec withoutSecrets() {
        Map<String, String> names = new TreeMap<>(environment);
        names.replaceAll((_, _) -> "");
        return with(names, JobInput.EMPTY);
    }

    JobSpec withoutInput() {
        return with(environment, JobInput.EMPTY);
    }

    private JobSpec with(Map<String, String> newEnvironment, JobInput newInput) {
        return new JobSpec(
                argv,
                newEnvironment,
                workingDirectory,
                user,
                limits,
                umask,
                nice,
                noNewPrivileges,
                timeout,
                gracePeriod,
                stopSignal,
                descendants,
                labels,
                output,
                newInput,
                streamInput);
    }

    /** Shows no values of variables and no argument but the program: both may be secret. */
    @Override
    public String toString() {
        return "JobSpec[" + argv.getFirst() + ", " + argv.size() + " arguments, environment " + environment.keySet()
                + ", labels " + labels + "]";
    }

    private static void checkCommand(List<String> argv, Map<String, String> environment) {
        check("argv", !argv.isEmpty() && !argv.getFirst().isEmpty(), "names no program");
        check("argv", argv.size() <= MAX_ARGUMENTS, "has more than " + MAX_ARGUMENTS + " arguments");
        long bytes = 0;
        for (String argument : argv) {
            check("argv", isText(argument), "contains a NUL or an unpaired surrogate");
            bytes += utf8Length(argument) + 1;
        }
        for (var variable : environment.entrySet()) {
            String name = variable.getKey();
            check("environment", !name.isEmpty() && name.indexOf('=') < 0 && isText(name), "has an ill-formed name");
            check("environment", isText(variable.getValue()), "has a NUL or an unpaired surrogate in " + name);
            bytes += utf8Length(name) + utf8Length(variable.getValue()) + 2;
        }
        check("argv", bytes <= MAX_ARGUMENT_BYTES, "and environment have more than " + MAX_ARGUMENT_BYTES + " bytes");
    }

    private static long utf8Length(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    private static boolean isText(String text) {
        return text.indexOf('\0') < 0 && StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    private static void check(String field, boolean good, String problem) {
        if (!good) {
            throw new JobException(new Failure.Invalid(field, problem));
        }
    }

    private static Map<String, String> sorted(Map<String, String> map) {
        return map.isEmpty() ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(map));
    }

    /** Collects a spec; {@link #build} checks it. */
    public static final class Builder {
        private final List<String> argv;
        private final Map<String, String> environment = new TreeMap<>();
        private final Map<ResourceLimit, Long> limits = new TreeMap<>();
        private final Map<String, String> labels = new TreeMap<>();
        private String workingDirectory = "/";
        private @Nullable String user;
        private int umask = DEFAULT_UMASK;
        private @Nullable Integer nice;
        private boolean noNewPrivileges;
        private @Nullable Duration timeout;
        private Duration gracePeriod = DEFAULT_GRACE_PERIOD;
        private Signal stopSignal = Signal.TERM;
        private Descendants descendants = Descendants.KILL;
        private OutputPolicy output = OutputPolicy.DEFAULT;
        private JobInput input = JobInput.EMPTY;
        private boolean streamInput;

        private Builder(List<String> argv) {
            this.argv = argv;
        }

        public Builder environment(String name, String value) {
            environment.put(name, value);
            return this;
        }

        public Builder limit(ResourceLimit limit, long value) {
            limits.put(limit, value);
            return this;
        }

        public Builder label(String name, String value) {
            labels.put(name, value);
            return this;
        }

        public Builder workingDirectory(String absolutePath) {
            this.workingDirectory = absolutePath;
            return this;
        }

        public Builder user(@Nullable String user) {
            this.user = user;
            return this;
        }

        public Builder umask(int umask) {
            this.umask = umask;
            return this;
        }

        public Builder nice(@Nullable Integer nice) {
            this.nice = nice;
            return this;
        }

        public Builder noNewPrivileges(boolean noNewPrivileges) {
            this.noNewPrivileges = noNewPrivileges;
            return this;
        }

        public Builder timeout(@Nullable Duration timeout) {
            this.timeout = timeout;
            return this;
        }

        public Builder gracePeriod(Duration gracePeriod) {
            this.gracePeriod = gracePeriod;
            return this;
        }

        public Builder stopSignal(Signal signal) {
            this.stopSignal = signal;
            return this;
        }

        public Builder descendants(Descendants descendants) {
            this.descendants = descendants;
            return this;
        }

        public Builder output(OutputPolicy output) {
            this.output = output;
            return this;
        }

        public Builder input(JobInput input) {
            this.input = input;
            return this;
        }

        public Builder streamInput(boolean streamInput) {
            this.streamInput = streamInput;
            return this;
        }

        public JobSpec build() {
            return new JobSpec(
                    argv,
                    environment,
                    workingDirectory,
                    user,
                    limits,
                    umask,
                    nice,
                    noNewPrivileges,
                    timeout,
                    gracePeriod,
                    stopSignal,
                    descendants,
                    labels,
                    output,
                    input,
                    streamInput);
        }
    }
}
