package dev.jobworker.cli;

import dev.jobworker.core.Descendants;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The options that say what to run. */
final class SpecOptions {
    @Parameters(
            paramLabel = "CMD",
            arity = "1..*",
            description = "The program and its arguments, taken literally; write -- before them.")
    List<String> argv = List.of();

    @Option(names = "--env", paramLabel = "K=V", description = "A variable of the job's environment.")
    Map<String, String> environment = Map.of();

    @Option(
            names = "--cwd",
            paramLabel = "DIR",
            description = "Its working directory. Default: / on a server, the present one with --local.")
    @Nullable
    String workingDirectory;

    @Option(names = "--timeout", paramLabel = "TIME", description = "Stop it when it runs longer: 10s, 1.5s, 2m, 1h.")
    @Nullable
    Duration timeout;

    @Option(
            names = "--grace",
            paramLabel = "TIME",
            description = "Time between the stop signal and SIGKILL. Default: 10s.")
    Duration grace = JobSpec.DEFAULT_GRACE_PERIOD;

    @Option(names = "--stop-signal", paramLabel = "SIGNAL", description = "What a stop sends first. Default: SIGTERM.")
    Signal stopSignal = Signal.TERM;

    @Option(
            names = "--descendants",
            paramLabel = "kill|wait",
            description = {
                "When the main process ends: kill the others, or wait until the last of them has ended.",
                "Default: kill."
            })
    Descendants descendants = Descendants.KILL;

    @Option(names = "--label", paramLabel = "K=V", description = "A label to find it by.")
    Map<String, String> labels = Map.of();

    @Option(names = "--user", paramLabel = "USER", description = "Run as this account, uid, or uid:gid.")
    @Nullable
    String user;

    @Option(
            names = "--limit",
            paramLabel = "NAME=N",
            converter = {Units.Limit.class, Units.Size.class},
            description = "A resource limit such as nofile=1024 or as=2G.")
    Map<ResourceLimit, Long> limits = Map.of();

    @Option(names = "--umask", paramLabel = "MASK", converter = Units.Umask.class, description = "Octal. Default: 022.")
    @Nullable
    Integer umask;

    @Option(names = "--nice", paramLabel = "N", description = "Priority, -20 to 19.")
    @Nullable
    Integer nice;

    @Option(names = "--no-new-privileges", description = "Setuid programs get no power.")
    boolean noNewPrivileges;

    @Option(names = "--stdin", paramLabel = "FILE|-", description = "Its standard input, at most 4 MiB.")
    @Nullable
    String stdin;

    @Option(
            names = "--output-limit",
            paramLabel = "SIZE",
            converter = Units.Size.class,
            description = "Keep so many bytes of output: 1000, 64k, 10M, 2G.")
    @Nullable
    Long outputLimit;

    @Option(
            names = "--at-output-limit",
            paramLabel = "truncate|kill|keep-tail",
            converter = Units.AtLimit.class,
            description = "What to do with a job that writes more. Default: truncate, which keeps the head.")
    OutputPolicy.AtLimit atOutputLimit = OutputPolicy.AtLimit.TRUNCATE;

    @Option(names = "--merge", description = "One pipe for stdout and stderr: exact order, no names.")
    boolean merge;

    @Option(names = "--request-id", paramLabel = "UUID", description = "Repeating a start with it gives the same job.")
    @Nullable
    UUID requestId;

    UUID requestId() {
        return requestId == null ? UUID.randomUUID() : requestId;
    }

    /** @param streamInput whether the input is written while the job runs */
    JobSpec spec(Console console, boolean local, boolean streamInput) throws IOException {
        if (streamInput && stdin != null) {
            throw CliException.usage("--stdin gives all of the input with the start, which excludes streaming it");
        }
        JobSpec.Builder builder = JobSpec.builder(argv)
                .workingDirectory(directory(console, local))
                .user(user)
                .nice(nice)
                .noNewPrivileges(noNewPrivileges)
                .timeout(timeout)
                .gracePeriod(grace)
                .stopSignal(stopSignal)
                .descendants(descendants)
                .streamInput(streamInput)
                .output(new OutputPolicy(outputLimit, atOutputLimit, merge))
                .input(input(console));
        environment.forEach(builder::environment);
        labels.forEach(builder::label);
        limits.forEach(builder::limit);
        if (umask != null) {
            builder.umask(umask);
        }
        return builder.build();
    }

    private String directory(Console console, boolean local) {
        if (local) {
            Path relative = Path.of(workingDirectory == null ? "" : workingDirectory);
            return console.directory().resolve(relative).toString();
        }
        if (workingDirectory == null) {
            return "/";
        }
        if (!workingDirectory.startsWith("/")) {
            throw CliException.usage("--cwd must be absolute: it is a directory of the server");
        }
        return workingDirectory;
    }

    private JobInput input(Console console) throws IOException {
        if (stdin == null) {
            return JobInput.EMPTY;
        }
        if (stdin.equals("-")) {
            return limited(console.in(), "standard input");
        }
        Path file = console.directory().resolve(stdin);
        try (InputStream in = Files.newInputStream(file)) {
            return limited(in, stdin);
        } catch (IOException e) {
            throw new CliException(ExitCodes.USAGE, "cannot read " + FileErrors.describe(file, e), e);
        }
    }

    private static JobInput limited(InputStream in, String name) throws IOException {
        byte[] bytes = in.readNBytes(JobInput.MAX_BYTES + 1);
        if (bytes.length > JobInput.MAX_BYTES) {
            throw CliException.usage("--stdin: " + name + " has more than " + JobInput.MAX_BYTES + " bytes");
        }
        return JobInput.of(bytes);
    }
}
