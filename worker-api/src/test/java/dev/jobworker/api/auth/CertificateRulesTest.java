package dev.jobworker.api.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import dev.jobworker.testkit.TestPki;
import dev.jobworker.testkit.TestPki.Issued;
import dev.jobworker.testkit.TestPki.Leaf;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules one by one; {@link TlsCredentialsTest} has all of them over real connections. */
class CertificateRulesTest {
    private static final Policy POLICY = Policy.of(TestPki.TRUST_DOMAIN, Map.of());
    private final Instant now = Instant.now();

    @TempDir
    static Path directory;

    private static TestPki pki;

    @BeforeAll
    static void makeAuthority() {
        pki = TestPki.create(directory);
    }

    @Test
    void identify_goodCertificate_givesNameSerialAndEnd() {
        Instant end = now.plus(Duration.ofHours(3)).truncatedTo(ChronoUnit.SECONDS);
        X509Certificate leaf =
                good().valid(now.minusSeconds(60), end).serial(77).issue().leaf();

        Identity identity = CertificateRules.identify(leaf, POLICY, now);

        assertEquals("spiffe://example.test/user/alice", identity.spiffeId());
        assertEquals(77, identity.serial().intValueExact());
        assertEquals(end, identity.notAfter());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "spiffe://example.test/user/a",
                "spiffe://example.test/svc/build-7.eu_west",
                "spiffe://example.test/user/0",
                "spiffe://example.test/user/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            })
    void identify_everyGoodName_isTaken(String uri) {
        X509Certificate leaf = pki.leaf("name").uris(uri).issue().leaf();

        assertEquals(uri, CertificateRules.identify(leaf, POLICY, now).spiffeId());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "spiffe://example.test/user/",
                "spiffe://example.test/user/.hidden",
                "spiffe://example.test/user/a b",
                "spiffe://example.test/user/a\nb",
                "spiffe://example.test/user/a\u0000",
                "spiffe://example.test:443/user/a",
                "spiffe://root@example.test/user/a",
                "spiffe://EXAMPLE.test/user/a",
                "SPIFFE://example.test/user/a",
                "spiffe://example.test//user/a",
                "spiffe://example.test/user/a/",
                "spiffe://example.test/user/a#f",
                "spiffe:///user/a",
                "spiffe://example.test",
                ""
            })
    void identify_illFormedName_isRefused(String uri) {
        assertRefused("subject alternative name", _ -> pki.leaf("name").uris(uri));
    }

    @Test
    void identify_dates_areInclusiveAtBothEnds() {
        X509Certificate leaf = good().issue().leaf();
        Instant start = leaf.getNotBefore().toInstant();
        Instant end = leaf.getNotAfter().toInstant();

        assertEquals(end, CertificateRules.identify(leaf, POLICY, start).notAfter());
        assertEquals(end, CertificateRules.identify(leaf, POLICY, end).notAfter());
        assertRejected("not valid before", leaf, POLICY, start.minusMillis(1));
        assertRejected("expired", leaf, POLICY, end.plusMillis(1));
    }

    @Test
    void identify_brokenUse_isRefused() {
        assertRefused("CA:TRUE", Leaf::authority);
        assertRefused("no key usage", leaf -> leaf.keyUsage(0));
        assertRefused("digitalSignature", leaf -> leaf.keyUsage(KeyUsage.keyAgreement));
        assertRefused("keyCertSign", leaf -> leaf.keyUsage(KeyUsage.digitalSignature | KeyUsage.keyCertSign));
        assertRefused("cRLSign", leaf -> leaf.keyUsage(KeyUsage.digitalSignature | KeyUsage.cRLSign));
        assertRefused("no extended key usage", leaf -> leaf.extendedKeyUsage());
        assertRefused("clientAuth", leaf -> leaf.extendedKeyUsage(TestPki.SERVER_AUTH));
        assertRefused("clientAuth", leaf -> leaf.extendedKeyUsage("2.5.29.37.0")); // anyExtendedKeyUsage
    }

    @Test
    void identify_keys_areTakenBySize() {
        assertRefused("1024 bits", leaf -> leaf.keys(TestPki.rsaKeys(1024)));
        for (var keys : List.of(
                TestPki.rsaKeys(2048),
                TestPki.ecKeys("secp256r1"),
                TestPki.ecKeys("secp521r1"),
                TestPki.ed25519Keys())) {
            X509Certificate leaf = good().keys(keys).issue().leaf();
            assertEquals(
                    leaf.getSerialNumber(),
                    CertificateRules.identify(leaf, POLICY, now).serial());
        }
    }

    @Test
    void identify_whatThePolicyDenies_isRefused() {
        Issued alice = good().serial(0xAB).issue();
        Policy byName =
                new Policy(TestPki.TRUST_DOMAIN, Map.of(), Set.of(TestPki.spiffeId("alice")), Set.of(), Map.of());
        Policy bySerial =
                new Policy(TestPki.TRUST_DOMAIN, Map.of(), Set.of(), Set.of(BigInteger.valueOf(0xAB)), Map.of());

        assertRejected("denies the identity", alice.leaf(), byName, now);
        assertRejected("serial number ab", alice.leaf(), bySerial, now);
        assertRejected("trust domain", alice.leaf(), Policy.of("example.org", Map.of()), now);
    }

    @Test
    void isSpiffeId_otherTrustDomain_isFalse() {
        assertTrue(CertificateRules.isSpiffeId("spiffe://a.b/user/x", "a.b"));
        assertFalse(CertificateRules.isSpiffeId("spiffe://a.b/user/x", "axb"));
        assertFalse(CertificateRules.isSpiffeId("spiffe://a.b.c/user/x", "a.b"));
    }

    private static Leaf good() {
        return pki.leaf("alice").uris(TestPki.spiffeId("alice"));
    }

    private void assertRefused(String words, UnaryOperator<Leaf> change) {
        assertRejected(words, change.apply(good()).issue().leaf(), POLICY, now);
    }

    private static void assertRejected(String words, X509Certificate leaf, Policy policy, Instant at) {
        WorkerException rejected =
                assertThrows(WorkerException.class, () -> CertificateRules.identify(leaf, policy, at));
        assertEquals(Reason.CERTIFICATE_REJECTED, rejected.reason());
        assertTrue(rejected.getMessage().contains(words), rejected.getMessage());
    }
}
