package dev.jobworker.api;

import dev.jobworker.core.Cause;
import dev.jobworker.core.Descendants;
import dev.jobworker.core.ExitStatus;
import dev.jobworker.core.InputInfo;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobId;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.JobState;
import dev.jobworker.core.JobStatus;
import dev.jobworker.core.OutputInfo;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.OutputQuery;
import dev.jobworker.core.OutputView;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import dev.jobworker.core.Survivor;
import dev.jobworker.core.Usage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;

/** Any job that can be, from a seed. */
final class RandomJobs {
    private static final String CHARACTERS = "abcXYZ019 \t\n'\"$\\=/.:-_äß漢\uD83D\uDE00";

    private final Random random;

    RandomJobs(long seed) {
        random = new Random(seed);
    }

    Job job() {
        JobSpec spec = spec();
        InputInfo input =
                spec.streamInput() ? new InputInfo(random.nextLong(1L << 40), random.nextBoolean()) : InputInfo.NONE;
        return new Job(jobId(), "spiffe://example.test/user/" + word(), spec, instant(), status(), output(), input);
    }

    JobId jobId() {
        long high = (random.nextLong() & ~0xf000L) | 0x7000L;
        long low = (random.nextLong() >>> 2) | 0x8000_0000_0000_0000L;
        return new JobId(new UUID(high, low));
    }

    JobSpec spec() {
        List<String> argv = new ArrayList<>(List.of("/bin/" + word()));
        for (int i = random.nextInt(5); i > 0; i--) {
            argv.add(text());
        }
        JobSpec.Builder spec = JobSpec.builder(argv)
                .workingDirectory("/" + text())
                .user(random.nextBoolean() ? null : random.nextInt(70000) + ":" + random.nextInt(70000))
                .umask(random.nextInt(01000))
                .nice(random.nextBoolean() ? null : (Integer) (random.nextInt(40) - 20))
                .noNewPrivileges(random.nextBoolean())
                .timeout(random.nextBoolean() ? null : duration().plusNanos(1))
                .gracePeriod(duration())
                .stopSignal(new Signal(1 + random.nextInt(64)))
                .descendants(one(Descendants.values()))
                .output(outputPolicy());
        if (random.nextBoolean()) {
            spec.streamInput(true);
        } else {
            spec.input(JobInput.of(bytes()));
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            spec.environment(word(), text());
            spec.label(word(), text().replaceAll("[\\t\\n]", ""));
            spec.limit(one(ResourceLimit.values()), size());
        }
        return spec.build();
    }

    private OutputPolicy outputPolicy() {
        OutputPolicy.AtLimit atLimit = one(OutputPolicy.AtLimit.values());
        long limit = atLimit == OutputPolicy.AtLimit.KEEP_TAIL ? Math.max(size(), OutputPolicy.MIN_TAIL_BYTES) : size();
        return new OutputPolicy(random.nextBoolean() ? null : (Long) limit, atLimit, random.nextBoolean());
    }

    JobQuery query() {
        Set<JobState> states = new HashSet<>();
        Map<String, String> labels = new HashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            states.add(one(JobState.values()));
            labels.put(word(), text());
        }
        return new JobQuery(
                new JobFilter(states, random.nextBoolean() ? null : word(), labels), random.nextInt(), text());
    }

    OutputQuery outputQuery() {
        OutputQuery.From from = switch (random.nextInt(3)) {
            case 0 -> new OutputQuery.From.Offset(size());
            case 1 -> new OutputQuery.From.TailBytes(size());
            default -> new OutputQuery.From.TailLines(size());
        };
        return new OutputQuery(
                one(OutputView.values()), from, random.nextBoolean(), random.nextBoolean() ? Long.MAX_VALUE : size());
    }

    /** Returns a copy with some bytes changed. */
    byte[] damaged(byte[] bytes) {
        byte[] copy = bytes.clone();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            copy[random.nextInt(copy.length)] = (byte) random.nextInt();
        }
        return copy;
    }

    private JobStatus status() {
        return switch (random.nextInt(4)) {
            case 0 -> new JobStatus.Running(1 + random.nextInt(100_000), instant());
            case 1 -> new JobStatus.Stopping(1 + random.nextInt(100_000), instant(), one(Cause.Kind.values()));
            case 2 -> new JobStatus.Lost(text(), instant());
            default ->
                new JobStatus.Ended(
                        random.nextBoolean()
                                ? new ExitStatus.Code(random.nextInt(256))
                                : new ExitStatus.Signaled(new Signal(1 + random.nextInt(64)), random.nextBoolean()),
                        new Cause(one(Cause.Kind.values()), random.nextBoolean() ? null : word(), random.nextBoolean()),
                        instant(),
                        instant(),
                        new Usage(duration(), duration(), size()),
                        random.nextBoolean()
                                ? List.of()
                                : List.of(new Survivor(random.nextInt(), random.nextInt(), text())));
        };
    }

    private OutputInfo output() {
        return new OutputInfo(random.nextInt(1 << 30), random.nextInt(1 << 30), size(), size(), random.nextBoolean());
    }

    private Instant instant() {
        return Instant.ofEpochSecond(random.nextLong(4_000_000_000L), random.nextInt(1_000_000_000));
    }

    private Duration duration() {
        return Duration.ofSeconds(random.nextInt(100_000_000), random.nextInt(1_000_000_000));
    }

    private long size() {
        return random.nextLong() >>> (1 + random.nextInt(63));
    }

    private byte[] bytes() {
        byte[] bytes = new byte[random.nextInt(100)];
        random.nextBytes(bytes);
        return bytes;
    }

    private String word() {
        return "w" + Long.toString(random.nextLong() >>> 20, 36);
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        int[] characters = CHARACTERS.codePoints().toArray();
        for (int i = random.nextInt(20); i > 0; i--) {
            text.appendCodePoint(characters[random.nextInt(characters.length)]);
        }
        return text.toString();
    }

    private <T> T one(T[] values) {
        return values[random.nextInt(values.length)];
    }
}
