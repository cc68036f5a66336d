package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Policy files, good and refused. */
class PolicyTest {
    @TempDir
    Path directory;

    @Test
    void load_everything_isRead() throws Exception {
        Policy policy = load("""
                version: 1
                trustDomain: example.test
                bindings:
                  - {identity: "spiffe://example.test/user/alice", role: user}
                  - identity: spiffe://example.test/svc/ci
                    role: operator
                denied:
                  identities: ["spiffe://example.test/user/mallory"]
                  serials: ["0A:ff", "1234"]
                limits:
                  user: {runningJobs: 5}
                  viewer: {runningJobs: 0, streams: 1}
                """);

        assertEquals(
                new Policy(
                        "example.test",
                        Map.of(
                                "spiffe://example.test/user/alice", Role.USER,
                                "spiffe://example.test/svc/ci", Role.OPERATOR),
                        Set.of("spiffe://example.test/user/mallory"),
                        Set.of(BigInteger.valueOf(0x0aff), BigInteger.valueOf(0x1234)),
                        Map.of(Role.USER, new Policy.Limits(5, 100), Role.VIEWER, new Policy.Limits(0, 1))),
                policy);
        assertEquals(Optional.of(Role.USER), policy.role("spiffe://example.test/user/alice"));
        assertEquals(Optional.empty(), policy.role("spiffe://example.test/user/bob"));
    }

    @Test
    void load_json_isYamlToo() throws Exception {
        assertEquals(Policy.of("a.b", Map.of("spiffe://a.b/user/x", Role.ADMIN)), load("""
                        {"version": 1, "trustDomain": "a.b",
                         "bindings": [{"identity": "spiffe://a.b/user/x", "role": "admin"}]}
                        """));
    }

    @Test
    void load_withoutBindings_letsNobodyIn() throws Exception {
        assertEquals(Policy.of("a.b", Map.of()), load("version: 1\ntrustDomain: a.b\n"));
        assertEquals(Policy.of("a.b", Map.of()), load("version: 1\ntrustDomain: a.b\nbindings:\n"));
        assertEquals(Policy.of("a.b", Map.of()), load("version: 1\ntrustDomain: a.b\nbindings: []\n"));
    }

    @Test
    void limits_ofARoleThatIsNotNamed_areTheDefaults() {
        Policy policy = Policy.of("a.b", Map.of());

        for (Role role : Role.values()) {
            assertEquals(new Policy.Limits(50, 100), policy.limits(role));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\u0001',
            value = {
                "version: 2\\ntrustDomain: a.b | version is 2",
                "trustDomain: a.b | version is null",
                "version: '1'\\ntrustDomain: a.b | :1:",
                "version: 1.5\\ntrustDomain: a.b | :1:",
                "version: 1 | trustDomain is missing",
                "version: 1\\ntrustDomain: A.B | trustDomain is not a name",
                "version: 1\\ntrustDomain: a.b\\nbinding: [] | binding: unknown key",
                "version: 1\\ntrustDomain: a.b\\nversion: 1 | :3:",
                "version: 1\\ntrustDomain: a.b\\nbindings: {} | :3:",
                "version: 1\\ntrustDomain: a.b\\nbindings: [null] | :3:",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: spiffe://a.b/user/x}] | bindings[0].role is missing",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{role: user}] | bindings[0].identity is missing",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: spiffe://a.b/user/x, role: root}] | bindings[0].role is not one of",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: spiffe://a.b/user/x, role: USER}] | bindings[0].role is not one of",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: spiffe://c.d/user/x, role: user}] | bindings[0].identity is not of the form spiffe://a.b/",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: alice, role: user}] | bindings[0].identity is not of the form",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: x, role: user, role: admin}] | :3:",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: x, rolle: user}] | bindings[0].rolle: unknown key",
                "version: 1\\ntrustDomain: a.b\\nbindings: [{identity: spiffe://a.b/user/x, role: user}, {identity: spiffe://a.b/user/x, role: admin}] | bindings[1] binds spiffe://a.b/user/x a second time",
                "version: 1\\ntrustDomain: a.b\\ndenied: {identities: [mallory]} | denied.identities[0] is not of the form",
                "version: 1\\ntrustDomain: a.b\\ndenied: {serials: [xyz]} | denied.serials[0] is not a hexadecimal",
                "version: 1\\ntrustDomain: a.b\\ndenied: {serials: [12]} | :3:",
                "version: 1\\ntrustDomain: a.b\\ndenied: {serials: [null]} | :3:",
                "version: 1\\ntrustDomain: a.b\\nlimits: {root: {streams: 1}} | limits.root is not one of",
                "version: 1\\ntrustDomain: a.b\\nlimits: {user: {streams: -1}} | limits.user.streams is negative",
                "version: 1\\ntrustDomain: a.b\\nlimits: {user: {streams: 99999999999}} | :3:",
                "version: 1\\ntrustDomain: a.b\\nlimits: {user: {jobs: 1}} | limits.user.jobs: unknown key",
                "version: 1\\ntrustDomain: a.b\\n---\\nversion: 1 | :",
                "version: [ | :1:",
                " | :1:1: No content",
                "[] | :1:1",
                "hello | :1:"
            })
    void load_bad_isRefusedWithFileAndPlace(String yaml, String words) throws Exception {
        IOException refused = assertThrows(
                IOException.class,
                () -> load(String.valueOf(yaml == null ? "" : yaml).replace("\\n", "\n")));

        String message = String.valueOf(refused.getMessage());
        assertTrue(message.startsWith(directory.resolve("policy.yaml") + ":"), message);
        assertTrue(message.contains(words), message);
    }

    @Test
    void load_absentFile_saysSo() {
        Path absent = directory.resolve("absent.yaml");

        IOException refused = assertThrows(IOException.class, () -> Policy.load(absent));

        assertEquals(absent + ": no such file", refused.getMessage());
    }

    private Policy load(String yaml) throws IOException {
        Path file = directory.resolve("policy.yaml");
        Files.writeString(file, yaml);
        return Policy.load(file);
    }
}
