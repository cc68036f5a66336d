package dev.jobworker.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.api.auth.AuditLog;
import dev.jobworker.api.auth.Identity;
import dev.jobworker.api.auth.JobWorkerAccess;
import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.core.JobEngine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CaCommandTest {
    private static final String ALICE = "spiffe://example.test/user/alice";

    @TempDir
    Path folder;

    private Path ca;

    @BeforeEach
    void init() {
        ca = folder.resolve("ca");
        assertEquals(0, new Shell(folder).run("ca", "init", "--dir", "ca").code());
    }

    private Shell.Result ca(String command, String... options) {
        return new Shell(folder)
                .run(Stream.concat(Stream.of("ca", command, "--dir", "ca"), Stream.of(options))
                        .toArray(String[]::new));
    }

    private void issue(String... options) {
        Shell.Result result = ca("issue", options);
        assertEquals(0, result.code(), result.err());
        assertEquals("", result.out());
        assertEquals(1, result.err().lines().count(), result.err());
    }

    private X509Certificate certificate(String name) throws IOException {
        return PemFiles.certificate(ca.resolve(name + ".crt"));
    }

    private Policy policy() throws IOException {
        return Policy.load(ca.resolve("policy.yaml"));
    }

    private Identity authenticate(String name) throws IOException {
        try (JobEngine engine = JobEngine.open(folder.resolve("state"))) {
            return new JobWorkerAccess(engine, policy(), AuditLog.DISCARD, "test").authenticate(certificate(name));
        }
    }

    @Test
    void init_makesAnAuthorityForTenYears() throws Exception {
        X509Certificate certificate = certificate("ca");
        assertEquals(0, certificate.getBasicConstraints(), "CA:TRUE, pathlen 0");
        assertArrayEquals(
                new boolean[] {false, false, false, false, false, true, true, false, false}, certificate.getKeyUsage());
        assertEquals("EC", certificate.getPublicKey().getAlgorithm());
        certificate.verify(certificate.getPublicKey());
        Duration valid = Duration.between(
                certificate.getNotBefore().toInstant(),
                certificate.getNotAfter().toInstant());
        assertEquals(3652, valid.toDays());
        assertEquals("rw-------", mode("ca.key"));
        assertEquals("rw-r--r--", mode("ca.crt"));
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(ca)));
        assertEquals("example.test", policy().trustDomain());
        assertTrue(policy().bindings().isEmpty());
    }

    @Test
    void issue_user_isAcceptedByTheServersRules() throws Exception {
        issue("--user", "alice", "--role", "user");
        Identity identity = authenticate("alice");
        assertEquals(ALICE, identity.spiffeId());
        X509Certificate leaf = certificate("alice");
        leaf.verify(certificate("ca").getPublicKey());
        assertEquals(List.of("1.3.6.1.5.5.7.3.2"), leaf.getExtendedKeyUsage());
        assertEquals(-1, leaf.getBasicConstraints());
        assertEquals(128, leaf.getSerialNumber().bitLength());
        assertTrue(leaf.getNotBefore().toInstant().isBefore(Instant.now().minusSeconds(30)));
        assertTrue(leaf.getNotAfter().toInstant().isAfter(Instant.now().plus(Duration.ofHours(23))));
        assertEquals("rw-------", mode("alice.key"));
        assertEquals(Optional.of(Role.USER), policy().role(ALICE));
        TlsCredentials.load(ca.resolve("alice.crt"), ca.resolve("alice.key"), ca.resolve("ca.crt"));
    }

    @Test
    void init_withATrustDomainThatLooksLikeANumber_makesAPolicyThatIsRead() throws Exception {
        Path other = ca.resolve("other");
        assertEquals(
                0,
                new Shell(ca)
                        .run("ca", "init", "--dir", other.toString(), "--trust-domain", "123")
                        .code());
        assertEquals("123", Policy.load(other.resolve("policy.yaml")).trustDomain());
    }

    @Test
    void issue_keepsTheModeOfThePolicy() throws Exception {
        Files.setPosixFilePermissions(ca.resolve("policy.yaml"), PosixFilePermissions.fromString("rw-r-----"));
        issue("--user", "alice", "--role", "user");
        assertEquals("rw-r-----", mode("policy.yaml"));
    }

    @Test
    void issue_withAKeyThatOthersMayRead_isRefused() throws Exception {
        Files.setPosixFilePermissions(ca.resolve("ca.key"), PosixFilePermissions.fromString("rw-r--r--"));
        Shell.Result result = ca("issue", "--user", "alice");
        assertEquals(2, result.code());
        assertTrue(result.err().contains("chmod 600"), result.err());
    }

    @Test
    void issue_service_isAcceptedUnderItsOwnPath() throws Exception {
        issue("--service", "nightly.build", "--valid", "2h");
        assertEquals(
                "spiffe://example.test/svc/nightly.build",
                authenticate("nightly.build").spiffeId());
        assertTrue(policy().bindings().isEmpty(), "no role was asked for");
    }

    @Test
    void issue_server_hasNamesAndAddressesAndIsNoClient() throws Exception {
        issue("--server", "localhost,worker.example.test,127.0.0.1,::1");
        X509Certificate leaf = certificate("server");
        assertEquals(List.of("1.3.6.1.5.5.7.3.1"), leaf.getExtendedKeyUsage());
        assertNotNull(leaf.getSubjectAlternativeNames());
        assertEquals(
                List.of("localhost", "worker.example.test", "127.0.0.1", "0:0:0:0:0:0:0:1"),
                leaf.getSubjectAlternativeNames().stream()
                        .map(name -> name.get(1))
                        .toList());
        var e = assertThrows(WorkerException.class, () -> authenticate("server"));
        assertEquals(Reason.CERTIFICATE_REJECTED, e.reason());
    }

    @Test
    void issue_again_overwritesNothing() throws IOException {
        issue("--user", "alice");
        byte[] key = Files.readAllBytes(ca.resolve("alice.key"));
        Shell.Result again = ca("issue", "--user", "alice", "--role", "admin");
        assertEquals(1, again.code());
        assertTrue(again.err().contains("exists already"), again.err());
        assertArrayEquals(key, Files.readAllBytes(ca.resolve("alice.key")));
        assertTrue(policy().bindings().isEmpty());
        assertEquals(1, ca("init").code());
        assertEquals(1, ca("issue", "--user", "ca").code());
        assertEquals(List.of(), temporaryFiles());
    }

    @Test
    void issue_withTheKeyInTheWay_leavesNoHalf() throws IOException {
        Files.writeString(ca.resolve("bob.crt"), "mine");
        assertEquals(1, ca("issue", "--user", "bob").code());
        assertEquals("mine", Files.readString(ca.resolve("bob.crt")));
        assertTrue(Files.notExists(ca.resolve("bob.key")));
    }

    @Test
    void issue_withAnotherRoleThanBound_isRefused() throws IOException {
        issue("--user", "alice", "--role", "user");
        Files.delete(ca.resolve("alice.crt"));
        Files.delete(ca.resolve("alice.key"));
        Shell.Result other = ca("issue", "--user", "alice", "--role", "admin");
        assertEquals(1, other.code());
        assertTrue(other.err().contains("has the role user already"), other.err());
        assertTrue(Files.notExists(ca.resolve("alice.key")));
        issue("--user", "alice", "--role", "user");
        assertEquals(1, policy().bindings().size());
    }

    @Test
    void issue_keepsTheRestOfThePolicy() throws IOException {
        Files.writeString(ca.resolve("policy.yaml"), """
                version: 1
                trustDomain: example.test
                bindings:
                  - {identity: "spiffe://example.test/user/root", role: admin} # the boss
                denied: {identities: ["spiffe://example.test/user/mallory"], serials: ["ab:cd"]}
                limits: {user: {runningJobs: 5, streams: 7}}
                """);
        Policy before = policy();
        issue("--user", "alice", "--role", "viewer");
        Policy after = policy();
        assertEquals(before.deniedIdentities(), after.deniedIdentities());
        assertEquals(before.deniedSerials(), after.deniedSerials());
        assertEquals(before.limits(), after.limits());
        assertEquals(Optional.of(Role.ADMIN), after.role("spiffe://example.test/user/root"));
        assertEquals(Optional.of(Role.VIEWER), after.role(ALICE));
    }

    @Test
    void revoke_growsTheListAndLocksTheCertificateOut() throws Exception {
        issue("--user", "alice", "--role", "user");
        issue("--user", "bob", "--role", "user");
        assertEquals(0, ca("revoke", "alice").code());
        X509CRL first = PemFiles.revocationList(ca.resolve("crl.pem"));
        assertEquals(0, ca("revoke", "bob").code());
        assertEquals(0, ca("revoke", "bob").code(), "once more changes nothing");
        X509CRL second = PemFiles.revocationList(ca.resolve("crl.pem"));
        second.verify(certificate("ca").getPublicKey());
        assertEquals(1, first.getRevokedCertificates().size());
        assertEquals(2, second.getRevokedCertificates().size());
        assertTrue(second.isRevoked(certificate("alice")));
        assertTrue(second.isRevoked(certificate("bob")));
        assertNotEquals(List.of(first.getExtensionValue("2.5.29.20")), List.of(second.getExtensionValue("2.5.29.20")));
        var e = assertThrows(WorkerException.class, () -> authenticate("alice"));
        assertTrue(String.valueOf(e.getMessage()).contains("serial"), e.getMessage());
    }

    @Test
    void revoke_ofTheAuthorityOrOfStrangers_isRefused() {
        assertEquals(2, ca("revoke", "ca").code());
        assertEquals(2, ca("revoke", "nobody").code());
        assertEquals(2, ca("revoke", "../x").code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "a/b",
                "a b",
                "-x",
                "ä",
                "a\nb",
                "12345678901234567890123456789012345678901234567890123456789012345"
            })
    void issue_withNameThatIsNoPathSegment_isRefused(String name) {
        assertEquals(2, ca("issue", "--user=" + name).code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--valid=0s",
                "--valid=99999d",
                "--valid=1",
                "--role=boss",
                "--server=a_b/c",
                "--server=,",
                "--server=1.2.3"
            })
    void issue_withBadValue_isRefused(String option) {
        String[] options = option.startsWith("--server") ? new String[] {option} : new String[] {option, "--user", "x"};
        assertEquals(2, ca("issue", options).code());
        assertTrue(Files.notExists(ca.resolve("x.key")));
    }

    @Test
    void issue_atTheSameTime_losesNoBinding() throws Exception {
        Process[] issuers = new Process[3];
        for (int i = 0; i < issuers.length; i++) {
            issuers[i] = Jvm.start(folder, "ca", "issue", "--dir", "ca", "--user", "u" + i, "--role", "user");
        }
        for (Process issuer : issuers) {
            assertEquals(0, issuer.waitFor());
        }
        assertEquals(issuers.length, policy().bindings().size());
    }

    private String mode(String file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(ca.resolve(file)));
    }

    private List<Path> temporaryFiles() throws IOException {
        try (Stream<Path> files = Files.list(ca)) {
            return files.filter(file -> file.getFileName().toString().startsWith("."))
                    .toList();
        }
    }
}
