package dev.jobworker.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** G5, G6 and G9: nobody outlives a job, whatever he does, however it ends, and whoever runs the worker. */
@Timeout(300)
final class SupervisionMatrixTest {
    @TempDir
    Path directory;

    @TestFactory
    List<DynamicContainer> g6_s01_s02_s03_s04_s06_everyEscape_atEveryEnd_leavesNobody() throws Exception {
        List<DynamicContainer> users = new ArrayList<>();
        for (int user : TestJvm.users()) {
            Map<String, String> problems = run(user);
            List<DynamicTest> cells = new ArrayList<>();
            for (Escape.Moment moment : Escape.Moment.values()) {
                Arrays.stream(Escape.values())
                        .filter(escape -> escape.moments().contains(moment))
                        .map(escape -> escape + "\t" + moment)
                        .map(cell -> DynamicTest.dynamicTest(
                                "g6_uid" + user + "_" + cell.replace('\t', '_').toLowerCase(Locale.ROOT),
                                () -> assertEquals("", problems.get(cell), () -> cell + " as uid " + user)))
                        .forEach(cells::add);
            }
            users.add(DynamicContainer.dynamicContainer("uid " + user, cells));
        }
        return users;
    }

    /** Returns the problem of each cell, empty if it has none. */
    private Map<String, String> run(int user) throws IOException, InterruptedException {
        Path own = Files.createDirectory(directory.resolve("uid-" + user));
        Files.setAttribute(directory, "unix:mode", 0755);
        Map<String, String> problems = new TreeMap<>();
        try (TestJvm jvm = TestJvm.start(own, user, List.of(), SupervisionMatrix.class, own.toString())) {
            for (String line : jvm.lines()) {
                int end = line.lastIndexOf('\t');
                byte[] problem = Base64.getDecoder().decode(line.substring(end + 1));
                problems.put(line.substring(0, end), new String(problem, StandardCharsets.UTF_8));
            }
        }
        return problems;
    }
}
