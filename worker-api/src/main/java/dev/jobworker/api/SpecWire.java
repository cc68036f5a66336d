package dev.jobworker.api;

import com.google.protobuf.ByteString;
import dev.jobworker.api.v1.AtOutputLimit;
import dev.jobworker.core.Descendants;
import dev.jobworker.core.JobInput;
import dev.jobworker.core.JobSpec;
import dev.jobworker.core.OutputPolicy;
import dev.jobworker.core.ResourceLimit;
import dev.jobworker.core.Signal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The message of a job's spec. */
final class SpecWire {
    private SpecWire() {}

    static JobSpec fromRequest(dev.jobworker.api.v1.JobSpec spec, ByteString input) {
        if (spec.getEnvironmentNamesCount() > 0) {
            throw Fields.invalid("environment_names", "are only in answers; a request has environment");
        }
        return Fields.checked(() -> {
            JobSpec.Builder builder = common(spec)
                    .input(JobInput.of(input.toByteArray()))
                    .timeout(spec.hasTimeout() ? Fields.duration("timeout", spec.getTimeout()) : null)
                    .gracePeriod(
                            spec.hasGracePeriod()
                                    ? Fields.duration("grace_period", spec.getGracePeriod())
                                    : JobSpec.DEFAULT_GRACE_PERIOD)
                    .stopSignal(
                            spec.getStopSignal().isEmpty()
                                    ? Signal.TERM
                                    : Fields.signal("stop_signal", spec.getStopSignal()))
                    .descendants(requestedDescendants(spec))
                    .output(output(spec.getOutput(), requestedAtLimit(spec.getOutput())));
            spec.getEnvironmentMap().forEach(builder::environment);
            spec.getLimitsMap().forEach((label, value) -> builder.limit(limit(label), size("limits", value)));
            return builder.build();
        });
    }

    static JobSpec fromAnswer(dev.jobworker.api.v1.JobSpec spec) {
        JobSpec.Builder builder = common(spec)
                .timeout(spec.hasTimeout() ? answeredDuration(spec.getTimeout()) : null)
                .gracePeriod(answeredDuration(spec.getGracePeriod()))
                .stopSignal(Signal.parse(spec.getStopSignal()).orElse(Signal.TERM))
                .descendants(
                        spec.getDescendants() == dev.jobworker.api.v1.Descendants.DESCENDANTS_WAIT
                                ? Descendants.WAIT
                                : Descendants.KILL)
                .output(output(spec.getOutput(), answeredAtLimit(spec.getOutput())));
        spec.getEnvironmentNamesList().forEach(name -> builder.environment(name, ""));
        spec.getLimitsMap()
                .forEach((label, value) -> ResourceLimit.parse(label).ifPresent(limit -> builder.limit(limit, value)));
        return builder.build();
    }

    static dev.jobworker.api.v1.JobSpec toRequest(JobSpec spec) {
        return toCommon(spec).putAllEnvironment(spec.environment()).build();
    }

    static dev.jobworker.api.v1.JobSpec toAnswer(JobSpec spec) {
        return toCommon(spec)
                .addAllEnvironmentNames(spec.environment().keySet())
                .build();
    }

    private static JobSpec.Builder common(dev.jobworker.api.v1.JobSpec spec) {
        JobSpec.Builder builder = JobSpec.builder(spec.getArgvList())
                .user(spec.getUser().isEmpty() ? null : spec.getUser())
                .nice(spec.hasNice() ? (Integer) spec.getNice() : null)
                .noNewPrivileges(spec.getNoNewPrivileges())
                .streamInput(spec.getStreamInput());
        if (!spec.getWorkingDir().isEmpty()) {
            builder.workingDirectory(spec.getWorkingDir());
        }
        if (spec.hasUmask()) {
            builder.umask(spec.getUmask());
        }
        spec.getLabelsMap().forEach(builder::label);
        return builder;
    }

    private static dev.jobworker.api.v1.JobSpec.Builder toCommon(JobSpec spec) {
        dev.jobworker.api.v1.JobSpec.Builder message = dev.jobworker.api.v1.JobSpec.newBuilder()
                .addAllArgv(spec.argv())
                .setWorkingDir(spec.workingDirectory())
                .setUmask(spec.umask())
                .setNoNewPrivileges(spec.noNewPrivileges())
                .setGracePeriod(Fields.duration(spec.gracePeriod()))
                .setStopSignal(spec.stopSignal().name())
                .setDescendants(
                        switch (spec.descendants()) {
                            case KILL -> dev.jobworker.api.v1.Descendants.DESCENDANTS_KILL;
                            case WAIT -> dev.jobworker.api.v1.Descendants.DESCENDANTS_WAIT;
                        })
                .setStreamInput(spec.streamInput())
                .putAllLabels(spec.labels())
                .setOutput(output(spec.output()));
        spec.limits().forEach((limit, value) -> message.putLimits(limit.label(), value));
        String user = spec.user();
        if (user != null) {
            message.setUser(user);
        }
        Integer nice = spec.nice();
        if (nice != null) {
            message.setNice(nice);
        }
        Duration timeout = spec.timeout();
        if (timeout != null) {
            message.setTimeout(Fields.duration(timeout));
        }
        return message;
    }

    private static dev.jobworker.api.v1.OutputPolicy output(OutputPolicy policy) {
        dev.jobworker.api.v1.OutputPolicy.Builder message = dev.jobworker.api.v1.OutputPolicy.newBuilder()
                .setAtLimit(
                        switch (policy.atLimit()) {
                            case TRUNCATE -> AtOutputLimit.AT_OUTPUT_LIMIT_TRUNCATE;
                            case KILL -> AtOutputLimit.AT_OUTPUT_LIMIT_KILL;
                            case KEEP_TAIL -> AtOutputLimit.AT_OUTPUT_LIMIT_KEEP_TAIL;
                        })
                .setMerge(policy.merge());
        Long limitBytes = policy.limitBytes();
        return limitBytes == null
                ? message.build()
                : message.setLimitBytes(limitBytes).build();
    }

    private static OutputPolicy output(dev.jobworker.api.v1.OutputPolicy policy, OutputPolicy.AtLimit atLimit) {
        @Nullable
        Long limitBytes = policy.hasLimitBytes() ? (Long) size("output.limit_bytes", policy.getLimitBytes()) : null;
        return new OutputPolicy(limitBytes, atLimit, policy.getMerge());
    }

    private static OutputPolicy.AtLimit requestedAtLimit(dev.jobworker.api.v1.OutputPolicy policy) {
        return switch (policy.getAtLimit()) {
            case AT_OUTPUT_LIMIT_UNSPECIFIED, AT_OUTPUT_LIMIT_TRUNCATE -> OutputPolicy.AtLimit.TRUNCATE;
            case AT_OUTPUT_LIMIT_KILL -> OutputPolicy.AtLimit.KILL;
            case AT_OUTPUT_LIMIT_KEEP_TAIL -> OutputPolicy.AtLimit.KEEP_TAIL;
            case UNRECOGNIZED -> throw Fields.invalid("output.at_limit", "has an unknown value");
        };
    }

    private static OutputPolicy.AtLimit answeredAtLimit(dev.jobworker.api.v1.OutputPolicy policy) {
        return switch (policy.getAtLimit()) {
            case AT_OUTPUT_LIMIT_UNSPECIFIED, AT_OUTPUT_LIMIT_TRUNCATE, UNRECOGNIZED -> OutputPolicy.AtLimit.TRUNCATE;
            case AT_OUTPUT_LIMIT_KILL -> OutputPolicy.AtLimit.KILL;
            case AT_OUTPUT_LIMIT_KEEP_TAIL -> OutputPolicy.AtLimit.KEEP_TAIL;
        };
    }

    private static Descendants requestedDescendants(dev.jobworker.api.v1.JobSpec spec) {
        return switch (spec.getDescendants()) {
            case DESCENDANTS_UNSPECIFIED, DESCENDANTS_KILL -> Descendants.KILL;
            case DESCENDANTS_WAIT -> Descendants.WAIT;
            case UNRECOGNIZED -> throw Fields.invalid("descendants", "has an unknown value");
        };
    }

    private static Duration answeredDuration(com.google.protobuf.Duration duration) {
        return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }

    private static ResourceLimit limit(String label) {
        return ResourceLimit.parse(label)
                .orElseThrow(() -> Fields.invalid(
                        "limits",
                        "have an unknown name; known are cpu, fsize, data, stack,"
                                + " core, nproc, nofile, memlock, as"));
    }

    /** Reads an unsigned number, which Java has as a signed one. */
    private static long size(String field, long value) {
        if (value < 0) {
            throw Fields.invalid(field, "is more than " + Long.MAX_VALUE + ": " + Long.toUnsignedString(value));
        }
        return value;
    }
}
