package dev.jobworker.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/** Runs commands in this process, in a folder, with an environment, and keeps what they write. */
final class Shell {
    private final Path folder;
    private final Map<String, String> environment = new HashMap<>();
    private Supplier<InputStream> input = InputStream::nullInputStream;
    private Signals signals = Signals.NONE;

    Shell(Path folder) {
        this.folder = folder;
        environment.put("HOME", folder.toString());
    }

    /** What a command left. */
    record Result(int code, ByteArrayOutputStream captured, String err) {
        String out() {
            return captured.toString(StandardCharsets.UTF_8);
        }

        byte[] outBytes() {
            return captured.toByteArray();
        }
    }

    Shell with(String variable, String value) {
        environment.put(variable, value);
        return this;
    }

    Shell input(byte[] bytes) {
        input = () -> new ByteArrayInputStream(bytes);
        return this;
    }

    Shell input(InputStream stream) {
        input = () -> stream;
        return this;
    }

    Shell signals(Signals source) {
        signals = source;
        return this;
    }

    Map<String, String> environment() {
        return environment;
    }

    Result run(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = Main.run(new Console(input.get(), out, err, false, false, environment, folder, signals), arguments);
        return new Result(code, out, err.toString(StandardCharsets.UTF_8));
    }

    /** Returns the console that commands get, for tests of a part. */
    Console console() {
        return new Console(
                input.get(),
                new ByteArrayOutputStream(),
                new ByteArrayOutputStream(),
                false,
                false,
                environment,
                folder,
                signals);
    }
}
