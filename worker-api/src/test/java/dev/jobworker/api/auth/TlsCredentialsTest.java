package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.testkit.BadCertificate;
import dev.jobworker.testkit.TestPki;
import dev.jobworker.testkit.TestPki.Issued;
import java.io.File;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files to contexts, and what real handshakes make of them. */
@Timeout(60)
class TlsCredentialsTest {
    @TempDir
    static Path directory;

    private static TestPki pki;
    private static Issued server;
    private static Policy policy;

    @BeforeAll
    static void makeCertificates() {
        pki = TestPki.create(directory);
        server = pki.server();
        policy = new Policy(
                TestPki.TRUST_DOMAIN,
                Map.of(),
                Set.of(TestPki.spiffeId(BadCertificate.DENIED_USER)),
                Set.of(BigInteger.valueOf(BadCertificate.DENIED_NUMBER)),
                Map.of());
    }

    @ParameterizedTest
    @ValueSource(strings = {"P-256", "P-384", "RSA-2048", "Ed25519"})
    void handshake_everyKindOfKeyOnBothSides_showsTheClientCertificate(String kind) throws Exception {
        Issued client = pki.leaf("alice-" + kind)
                .uris(TestPki.spiffeId("alice"))
                .keys(keys(kind))
                .issue();
        try (TlsHandshake handshake = new TlsHandshake(server.credentials().sslContext())) {
            X509Certificate seen = handshake.connect(client.credentials().sslContext());

            assertEquals(client.leaf(), seen);
            assertEquals(
                    TestPki.spiffeId("alice"),
                    CertificateRules.identify(seen, policy, Instant.now()).spiffeId());
        }
    }

    private static KeyPair keys(String kind) {
        return switch (kind) {
            case "P-256" -> TestPki.ecKeys("secp256r1");
            case "P-384" -> TestPki.ecKeys("secp384r1");
            case "RSA-2048" -> TestPki.rsaKeys(2048);
            default -> TestPki.ed25519Keys();
        };
    }

    @ParameterizedTest
    @EnumSource(BadCertificate.class)
    void badCertificate_overRealTls_isRefusedWhereItShouldBe(BadCertificate bad) throws Exception {
        Issued client = bad.issue(pki);
        try (TlsHandshake handshake = new TlsHandshake(server.credentials().sslContext())) {
            if (bad.refusedInHandshake()) {
                assertThrows(
                        IOException.class,
                        () -> handshake.connect(client.credentials().sslContext()));
            } else {
                X509Certificate seen = handshake.connect(client.credentials().sslContext());
                WorkerException rejected = assertThrows(
                        WorkerException.class, () -> CertificateRules.identify(seen, policy, Instant.now()));
                assertEquals(Reason.CERTIFICATE_REJECTED, rejected.reason());
                assertTrue(rejected.getMessage().contains(bad.words()), rejected.getMessage());
            }
        }
    }

    @Test
    void handshake_clientWithoutCertificate_isRefused() throws Exception {
        SSLContext nobody = SSLContext.getInstance("TLSv1.3");
        nobody.init(null, new TrustManager[] {server.credentials().trustManager()}, null);
        try (TlsHandshake handshake = new TlsHandshake(server.credentials().sslContext())) {
            assertThrows(IOException.class, () -> handshake.connect(nobody));
        }
    }

    @Test
    void handshake_clientOfTls12_isRefused() throws Exception {
        SSLContext old = SSLContext.getInstance("TLSv1.2");
        TlsCredentials alice = pki.client("alice").credentials();
        old.init(new KeyManager[] {alice.keyManager()}, new TrustManager[] {alice.trustManager()}, null);
        try (TlsHandshake handshake = new TlsHandshake(server.credentials().sslContext())) {
            assertThrows(IOException.class, () -> handshake.connect(old, new SSLParameters()));
        }
    }

    @Test
    void handshake_serverOfAnotherName_isRefusedByTheClient() throws Exception {
        Issued elsewhere = pki.leaf("elsewhere")
                .extendedKeyUsage(TestPki.SERVER_AUTH)
                .hosts("elsewhere.example.test")
                .issue();
        try (TlsHandshake handshake = new TlsHandshake(elsewhere.credentials().sslContext())) {
            assertThrows(
                    IOException.class,
                    () -> handshake.connect(pki.client("alice").credentials().sslContext()));
        }
    }

    @Test
    void handshake_serverWithAClientCertificate_isRefusedByTheClient() throws Exception {
        Issued client = pki.client("bob");
        SSLParameters anyName = TlsCredentials.parameters();
        try (TlsHandshake handshake = new TlsHandshake(client.credentials().sslContext())) {
            assertThrows(
                    IOException.class,
                    () -> handshake.connect(pki.client("alice").credentials().sslContext(), anyName));
        }
    }

    @Test
    void handshake_twice_isFullBothTimes() throws Exception {
        assertEquals(
                2,
                ResumptionProbe.fullHandshakes(
                        server.credentials().sslContext(), pki.client("alice").credentials()));
    }

    @Test
    void handshake_twiceWhereJsseWasInitializedBefore_isFullBothTimes() throws Exception {
        assertEquals("2", probe("guarded"));
    }

    @Test
    void probe_ofAPlainServer_seesTheResumption() throws Exception {
        assertEquals("1", probe("plain"));
    }

    private static String probe(String server) throws Exception {
        Process jvm = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        String.join(
                                File.pathSeparator,
                                System.getProperty("jdk.module.path", ""),
                                System.getProperty("java.class.path"),
                                Path.of("target", "test-classes")
                                        .toAbsolutePath()
                                        .toString()),
                        ResumptionProbe.class.getName(),
                        directory.resolve("probe-" + server).toString(),
                        server)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String output = new String(jvm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(jvm.waitFor(30, TimeUnit.SECONDS));
        return output.strip();
    }

    @Test
    void parameters_areTls13WithThreeSuitesAndThreeGroups() {
        SSLParameters parameters = TlsCredentials.parameters();

        assertArrayEquals(new String[] {"TLSv1.3"}, parameters.getProtocols());
        assertEquals(
                List.of("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"),
                Arrays.asList(parameters.getCipherSuites()));
        assertEquals(List.of("X25519MLKEM768", "x25519", "secp256r1"), Arrays.asList(parameters.getNamedGroups()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw--w----", "rw----r--", "rwx-----x", "rw-rw-rw-"})
    void load_keyThatOthersMayUse_saysChmod(String mode) throws Exception {
        Issued client = pki.client("open");
        Files.setPosixFilePermissions(client.key(), PosixFilePermissions.fromString(mode));

        assertRefused(client.certificate(), client.key(), client.ca(), "chmod 600 " + client.key());
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-------", "r--------"})
    void load_keyOfItsOwnerAlone_isAccepted(String mode) throws Exception {
        Issued client = pki.client("closed-" + mode);
        Files.setPosixFilePermissions(client.key(), PosixFilePermissions.fromString(mode));

        assertEquals(client.leaf(), client.credentials().certificate());
    }

    @Test
    void load_keyOfAnotherCertificate_isRefused() throws Exception {
        Issued alice = pki.client("alice");
        assertRefused(alice.certificate(), pki.client("bob").key(), alice.ca(), "not the key of the certificate");
        Issued rsa = pki.leaf("rsa").keys(TestPki.rsaKeys(2048)).issue();
        assertRefused(alice.certificate(), rsa.key(), alice.ca(), "not a usable key");
    }

    @ParameterizedTest
    @ValueSource(strings = {"EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"})
    void load_keyOfAnotherForm_saysHowToConvertIt(String label) throws Exception {
        Issued alice = pki.client("alice");
        Path key = directory.resolve("traditional.key");
        TestPki.write(key, "rw-------", TestPki.pem(label, new byte[] {1, 2, 3}));

        assertRefused(alice.certificate(), key, alice.ca(), "openssl pk");
    }

    @Test
    void load_brokenFiles_namesTheFileAndTheProblem() throws Exception {
        Issued alice = pki.client("alice");
        Path empty = directory.resolve("empty");
        TestPki.write(empty, "rw-------", "");
        Path garbage = directory.resolve("garbage");
        TestPki.write(garbage, "rw-------", TestPki.pem("CERTIFICATE", new byte[] {1, 2, 3}));
        Path absent = directory.resolve("absent");

        assertRefused(empty, alice.key(), alice.ca(), "no certificate");
        assertRefused(garbage, alice.key(), alice.ca(), "malformed certificate");
        assertRefused(absent, alice.key(), alice.ca(), "no such file");
        assertRefused(alice.key(), alice.key(), alice.ca(), "private key where only certificates");
        assertRefused(alice.certificate(), empty, alice.ca(), "0 private keys");
        assertRefused(alice.certificate(), absent, alice.ca(), "no such file");
        assertRefused(alice.certificate(), alice.key(), empty, "no certificate");
        assertRefused(alice.certificate(), alice.key(), alice.certificate(), "not a CA certificate");
    }

    @Test
    void load_chainFileAndTextBetweenBlocks_takesTheFirstAsTheLeaf() throws Exception {
        Issued alice = pki.client("alice");
        Path chain = directory.resolve("chain.crt");
        Files.writeString(
                chain,
                "subject=alice\n" + Files.readString(alice.certificate()) + "\n# CA\n" + Files.readString(alice.ca()));

        assertEquals(
                alice.leaf(),
                TlsCredentials.load(chain, alice.key(), alice.ca()).certificate());
    }

    private static void assertRefused(Path certificate, Path key, Path ca, String words) {
        IOException refused = assertThrows(IOException.class, () -> TlsCredentials.load(certificate, key, ca));
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains(words), message);
        assertTrue(message.startsWith(directory.toString()), message);
    }
}
