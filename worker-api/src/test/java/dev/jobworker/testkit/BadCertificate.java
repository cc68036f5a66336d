package dev.jobworker.testkit;

import dev.jobworker.testkit.TestPki.Issued;
import dev.jobworker.testkit.TestPki.Leaf;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.jspecify.annotations.Nullable;

/**
 * Every client certificate that a server must not accept, and where it is refused: in the handshake, or at the first call, which then says why.
 */
public enum BadCertificate {
    EXPIRED(leaf -> alice(leaf).valid(hoursFromNow(-2), hoursFromNow(-1))),
    NOT_YET_VALID(leaf -> alice(leaf).valid(hoursFromNow(1), hoursFromNow(2))),
    SELF_SIGNED(leaf -> alice(leaf).selfSigned()),
    SERVER_ONLY(leaf -> alice(leaf).extendedKeyUsage(TestPki.SERVER_AUTH)),
    NO_DIGITAL_SIGNATURE(leaf -> alice(leaf).keyUsage(KeyUsage.keyAgreement)),
    OTHER_AUTHORITY(
            null,
            (pki, name) -> alice(TestPki.create(pki.directory().resolve(name), "another CA")
                            .leaf(name))
                    .issue()),
    AUTHORITY_OF_THE_SAME_NAME(
            null,
            (pki, name) -> alice(TestPki.create(pki.directory().resolve(name)).leaf(name))
                    .issue()),

    NO_EXTENDED_KEY_USAGE("no extended key usage", leaf -> alice(leaf).extendedKeyUsage()),
    NO_KEY_USAGE("no key usage", leaf -> alice(leaf).keyUsage(0)),
    MAY_SIGN_CERTIFICATES(
            "keyCertSign", leaf -> alice(leaf).keyUsage(KeyUsage.digitalSignature | KeyUsage.keyCertSign)),
    MAY_SIGN_REVOCATIONS("cRLSign", leaf -> alice(leaf).keyUsage(KeyUsage.digitalSignature | KeyUsage.cRLSign)),
    IS_AN_AUTHORITY("CA:TRUE", leaf -> alice(leaf).authority()),
    SMALL_KEY("1024 bits", leaf -> alice(leaf).keys(TestPki.rsaKeys(1024))),
    NO_NAME("0 URI", leaf -> leaf),
    ONLY_A_DNS_NAME("0 URI", leaf -> leaf.hosts("alice.example.test")),
    TWO_NAMES("2 URI", leaf -> leaf.uris(TestPki.spiffeId("alice"), TestPki.spiffeId("bob"))),
    OTHER_TRUST_DOMAIN("trust domain", leaf -> leaf.uris("spiffe://example.org/user/alice")),
    OTHER_SCHEME("of the form", leaf -> leaf.uris("https://example.test/user/alice")),
    NO_KIND("of the form", leaf -> leaf.uris("spiffe://example.test/alice")),
    OTHER_KIND("of the form", leaf -> leaf.uris("spiffe://example.test/root/alice")),
    LONGER_PATH("of the form", leaf -> leaf.uris("spiffe://example.test/user/alice/x")),
    DOT_DOT("of the form", leaf -> leaf.uris("spiffe://example.test/user/..")),
    PERCENT_ENCODED("of the form", leaf -> leaf.uris("spiffe://example.test/user/%61lice")),
    WITH_QUERY("of the form", leaf -> leaf.uris("spiffe://example.test/user/alice?x")),
    LONG_NAME("of the form", leaf -> leaf.uris("spiffe://example.test/user/" + "a".repeat(65))),
    /** Refused by a policy that has {@link #DENIED_NUMBER} among its denied serials. */
    DENIED_SERIAL("serial number", leaf -> alice(leaf).serial(BadCertificate.DENIED_NUMBER)),
    /** Refused by a policy that has {@link #DENIED_USER} among its denied identities. */
    DENIED_IDENTITY("denies the identity", leaf -> leaf.uris(TestPki.spiffeId(BadCertificate.DENIED_USER)));

    public static final long DENIED_NUMBER = 0xBAD;
    public static final String DENIED_USER = "denise";

    private final @Nullable String words;

    @SuppressWarnings("ImmutableEnumChecker") // the functions have no state
    private final BiFunction<TestPki, String, Issued> maker;

    BadCertificate(UnaryOperator<Leaf> maker) {
        this(null, (pki, name) -> maker.apply(pki.leaf(name)).issue());
    }

    BadCertificate(String words, UnaryOperator<Leaf> maker) {
        this(words, (pki, name) -> maker.apply(pki.leaf(name)).issue());
    }

    BadCertificate(@Nullable String words, BiFunction<TestPki, String, Issued> maker) {
        this.words = words;
        this.maker = maker;
    }

    /** Returns those that PKIX accepts. */
    public static Stream<BadCertificate> refusedAtTheFirstCall() {
        return Arrays.stream(values()).filter(bad -> !bad.refusedInHandshake());
    }

    /** Whether the handshake fails; otherwise the first call is CERTIFICATE_REJECTED. */
    public boolean refusedInHandshake() {
        return words == null;
    }

    /** Returns words that the message of the refused call contains. */
    public String words() {
        return words == null ? "" : words;
    }

    /** Makes it; its holder trusts the servers of {@code pki}. */
    public Issued issue(TestPki pki) {
        Issued issued = maker.apply(pki, "bad-" + name());
        return new Issued(issued.certificate(), issued.key(), pki.caFile(), issued.leaf());
    }

    private static Leaf alice(Leaf leaf) {
        return leaf.uris(TestPki.spiffeId("alice"));
    }

    private static Instant hoursFromNow(int hours) {
        return Instant.now().plus(Duration.ofHours(hours));
    }
}
