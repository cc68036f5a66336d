package dev.jobworker.core;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/** A start request as the launcher reads it (PROTOCOL.md, "Request"). */
final class StartFrame {
    static final int PROTOCOL = 2;
    static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private static final int NO_NEW_PRIVILEGES = 1;
    private static final int MERGE = 2;
    private static final int KILL_AT_OUTPUT_LIMIT = 4;
    private static final int SYNC = 8;
    private static final int STDIN_FILE = 16;
    private static final int DIE_WITH_WORKER = 32;
    private static final int KEEP_TAIL = 64;
    private static final int STDIN_PIPE = 128;
    private static final int WAIT_FOR_DESCENDANTS = 256;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    private final DataOutputStream out = new DataOutputStream(bytes);

    private StartFrame() {}

    static byte[] encode(
            long startId, JobId id, JobFolder folder, JobSpec spec, long outputLimit, EngineOptions options) {
        StartFrame frame = new StartFrame();
        try {
            frame.write(startId, id, folder, spec, outputLimit, options);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        byte[] body = frame.bytes.toByteArray();
        return littleEndian(4 + body.length).putInt(body.length).put(body).array();
    }

    private void write(long startId, JobId id, JobFolder folder, JobSpec spec, long outputLimit, EngineOptions options)
            throws IOException {
        int32(1, PROTOCOL);
        int64(2, startId);
        text(3, folder.path().toString());
        for (String argument : spec.argv()) {
            text(4, argument);
        }
        for (var variable : environment(id, spec).entrySet()) {
            text(5, variable.getKey() + "=" + variable.getValue());
        }
        text(6, spec.workingDirectory());
        if (spec.user() != null) {
            text(7, spec.user());
        }
        int32(8, spec.umask());
        if (spec.nice() != null) {
            int32(9, spec.nice());
        }
        for (var limit : spec.limits().entrySet()) {
            field(
                    10,
                    littleEndian(20)
                            .putInt(limit.getKey().number())
                            .putLong(limit.getValue())
                            .putLong(limit.getValue())
                            .array());
        }
        int32(
                11,
                flag(NO_NEW_PRIVILEGES, spec.noNewPrivileges())
                        | flag(MERGE, spec.output().merge())
                        | flag(KILL_AT_OUTPUT_LIMIT, spec.output().atLimit() == OutputPolicy.AtLimit.KILL)
                        | flag(SYNC, options.survivePowerLoss())
                        | flag(STDIN_FILE, !spec.input().isEmpty())
                        | flag(DIE_WITH_WORKER, options.onWorkerDeath() == EngineOptions.OnWorkerDeath.KILL)
                        | flag(KEEP_TAIL, spec.output().atLimit() == OutputPolicy.AtLimit.KEEP_TAIL)
                        | flag(STDIN_PIPE, spec.streamInput())
                        | flag(WAIT_FOR_DESCENDANTS, spec.descendants() == Descendants.WAIT));
        Duration timeout = spec.timeout();
        int64(12, timeout == null ? 0 : Math.max(1, timeout.toMillis()));
        int64(13, spec.gracePeriod().toMillis());
        int64(14, outputLimit);
        int32(15, spec.stopSignal().number());
    }

    private static Map<String, String> environment(JobId id, JobSpec spec) {
        Map<String, String> environment = new TreeMap<>(spec.environment());
        environment.putIfAbsent("PATH", DEFAULT_PATH);
        environment.put("JOBWORKER_JOB_ID", id.toString());
        return environment;
    }

    private static int flag(int bit, boolean set) {
        return set ? bit : 0;
    }

    private void text(int tag, String value) throws IOException {
        field(tag, value.getBytes(StandardCharsets.UTF_8));
    }

    private void int32(int tag, int value) throws IOException {
        field(tag, littleEndian(4).putInt(value).array());
    }

    private void int64(int tag, long value) throws IOException {
        field(tag, littleEndian(8).putLong(value).array());
    }

    private void field(int tag, byte[] value) throws IOException {
        out.writeByte(tag);
        out.write(littleEndian(4).putInt(value.length).array());
        out.write(value);
    }

    static ByteBuffer littleEndian(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
