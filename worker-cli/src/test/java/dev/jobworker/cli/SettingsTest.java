package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SettingsTest {
    private static final Settings.Flags NO_FLAGS = new Settings.Flags(null, null, null, null, false);

    @TempDir
    Path folder;

    private Path file;
    private Shell shell;

    @BeforeEach
    void setUp() throws IOException {
        file = Files.createDirectories(folder.resolve("jobworker")).resolve("config.yaml");
        shell = new Shell(folder).with("XDG_CONFIG_HOME", folder.toString());
    }

    @Test
    void settings_withoutAnything_areLocal() {
        assertTrue(Settings.resolve(NO_FLAGS, shell.console()).isLocal());
    }

    @Test
    void settings_flagBeatsEnvironmentBeatsFile() throws IOException {
        Files.writeString(file, "server: grpc://file:1\ncert: a.crt\nkey: a.key\nca: /etc/ca.crt\n");
        shell.with("JOBWORKER_SERVER", "grpc://environment:2").with("JOBWORKER_CERT", "b.crt");
        Settings settings =
                Settings.resolve(new Settings.Flags("grpc://flag:3", null, null, null, false), shell.console());
        assertEquals(URI.create("grpc://flag:3"), settings.server());
        assertEquals(folder.resolve("b.crt"), settings.certificate());
        assertEquals(folder.resolve("jobworker/a.key"), settings.key(), "a path in the file is relative to the file");
        assertEquals(Path.of("/etc/ca.crt"), settings.ca());
        assertEquals(
                URI.create("grpc://environment:2"),
                Settings.resolve(NO_FLAGS, shell.console()).server());
        shell.with("JOBWORKER_SERVER", "");
        assertEquals(
                URI.create("grpc://file:1"),
                Settings.resolve(NO_FLAGS, shell.console()).server());
    }

    @Test
    void local_beatsEnvironment_butExcludesServerFlag() {
        shell.with("JOBWORKER_SERVER", "grpc://environment:2");
        assertTrue(Settings.resolve(new Settings.Flags(null, null, null, null, true), shell.console())
                .isLocal());
        assertThrows(
                CliException.class,
                () -> Settings.resolve(new Settings.Flags("grpc://x", null, null, null, true), shell.console()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "server: grpc://a:1\nserver: grpc://b:1\n",
                "sever: grpc://a:1\n",
                "- server\n",
                "server: {a: b}\n",
                "server:\n",
                "server: [\n"
            })
    void file_thatIsNotUnderstood_isRefusedByName(String content) throws IOException {
        Files.writeString(file, content);
        Shell.Result result = shell.run("list");
        assertEquals(2, result.code());
        assertTrue(result.err().contains(file.toString()), result.err());
        assertEquals(1, result.err().lines().count(), result.err());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "host:1",
                "grpc:host",
                "http://host",
                "grpc://",
                "grpc://host/path",
                "grpc://u@host",
                "grpc://h:x",
                "https://host/v1",
                "::"
            })
    void server_thatIsNoAddress_isAUsageError(String server) {
        assertEquals(2, shell.run("list", "--server", server).code());
    }

    @Test
    void server_withoutCertificate_namesWhatIsMissing() {
        Shell.Result result = shell.run("list", "--server", "grpc://localhost:1", "--cert", "a.crt");
        assertEquals(2, result.code());
        assertTrue(result.err().contains("missing: --key, --ca"), result.err());
    }
}
