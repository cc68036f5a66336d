package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code jobworker}, with Javas that only tell how they were called. */
final class LauncherTest {
    private static final String FIND = "worker-cli/src/main/sh/find-java.sh";

    @TempDir
    Path folder;

    private Path home;
    private Path jvms;

    private record Result(int code, String out, String err) {}

    @BeforeEach
    void install() throws IOException {
        Path source = Path.of("..").toAbsolutePath();
        home = Files.createDirectories(folder.resolve("home of it"));
        jvms = Files.createDirectories(folder.resolve("jvms"));
        Files.copy(source.resolve("jobworker"), home.resolve("jobworker"), StandardCopyOption.COPY_ATTRIBUTES);
        Files.createDirectories(home.resolve("worker-cli/src/main/sh"));
        Files.copy(source.resolve(FIND), home.resolve(FIND));
        executable(
                home.resolve("mvnw"),
                "echo building; echo building with $JAVA_HOME >'" + home + "/build.log'; mkdir -p '" + home
                        + "/worker-cli/target/dist/lib';" + " touch '" + home
                        + "/worker-cli/target/dist/lib/worker-cli-1.jar'");
    }

    private void built() throws IOException {
        Path lib = Files.createDirectories(home.resolve("worker-cli/target/dist/lib"));
        Files.createFile(lib.resolve("worker-cli-1.jar"));
    }

    private Path java(String name, String version) throws IOException {
        Path java = jvms.resolve(name);
        Files.createDirectories(java.resolve("bin"));
        Files.writeString(java.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
        executable(java.resolve("bin/java"), "echo " + name + "; for a; do echo \"[$a]\"; done; exit 42");
        return java;
    }

    private static void executable(Path file, String script) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Result run(Path script, Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(script.toString());
        builder.command().addAll(List.of(arguments));
        builder.directory(Path.of("/").toFile());
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/bin:/bin");
        builder.environment().put("JOBWORKER_JVM_FOLDER", jvms.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), out, err);
    }

    @Test
    void launcher_takesTheFirstJavaThatIsNewEnough() throws Exception {
        built();
        java("a-old", "1.8.0_402");
        java("b-older", "21.0.1");
        java("c-good", "25.0.3");
        Result result = run(home.resolve("jobworker"), Map.of(), "run", "--", "a b", "", "*");
        assertEquals(42, result.code(), result.err());
        assertEquals("", result.err());
        List<String> lines = result.out().lines().toList();
        assertEquals("c-good", lines.getFirst());
        assertEquals(
                List.of("[dev.jobworker.cli.Main]", "[run]", "[--]", "[a b]", "[]", "[*]"),
                lines.subList(lines.size() - 6, lines.size()));
        assertTrue(lines.contains("[" + home + "/worker-cli/target/dist/lib/*]"), result.out());
    }

    @Test
    void launcher_prefersJavaHome_ifItIsNewEnough() throws Exception {
        built();
        java("a", "25.0.3");
        Path newer = java("b", "26");
        Path old = java("c", "17.0.15");
        Path launcher = home.resolve("jobworker");
        assertTrue(run(launcher, Map.of("JAVA_HOME", newer.toString())).out().startsWith("b\n"));
        assertTrue(run(launcher, Map.of("JAVA_HOME", old.toString())).out().startsWith("a\n"));
    }

    @Test
    void launcher_throughASymbolicLink_findsItsFolder() throws Exception {
        built();
        java("a", "25");
        Path link = Files.createSymbolicLink(folder.resolve("link"), home.resolve("jobworker"));
        Path linkToLink = Files.createSymbolicLink(folder.resolve("link2"), Path.of("link"));
        assertTrue(run(link, Map.of(), "version").out().contains(home + "/worker-cli"));
        assertTrue(run(linkToLink, Map.of(), "version").out().contains(home + "/worker-cli"));
    }

    @Test
    void launcher_withoutGoodJava_saysSo() throws Exception {
        built();
        java("a", "24.0.2");
        Result result = run(home.resolve("jobworker"), Map.of(), "version");
        assertEquals(125, result.code());
        assertEquals("", result.out());
        assertTrue(result.err().contains("25 or newer"), result.err());
    }

    @Test
    void launcher_notBuilt_buildsAndSaysSoOnStandardError() throws Exception {
        Path java = java("a", "25");
        Result result = run(home.resolve("jobworker"), Map.of(), "version");
        assertEquals(42, result.code(), result.err());
        assertTrue(result.out().startsWith("a\n"), result.out());
        assertEquals("jobworker: building it first, once (takes some minutes)\n", result.err());
        assertEquals(
                "building with " + java,
                Files.readString(home.resolve("build.log")).strip());
        assertEquals("", run(home.resolve("jobworker"), Map.of(), "version").err(), "only once");
    }

    @Test
    void launcher_failedBuild_exits125() throws Exception {
        java("a", "25");
        executable(home.resolve("mvnw"), "echo what went wrong; exit 1");
        Result result = run(home.resolve("jobworker"), Map.of(), "version");
        assertEquals(125, result.code());
        assertTrue(result.err().contains("what went wrong\njobworker: the build failed"), result.err());
        assertEquals("", result.out());
    }
}
