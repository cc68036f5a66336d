package dev.jobworker.api.auth;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.security.PublicKey;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The rules for client certificates that PKIX does not enforce: those of an X.509-SVID leaf and the policy's own. Pure.
 *
 * @see <a href="https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md">X509-SVID, sections 2 to 4</a>
 */
final class CertificateRules {
    private static final int SAN_URI = 6; // RFC 5280 section 4.2.1.6, GeneralName
    private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    private static final int DIGITAL_SIGNATURE = 0; // RFC 5280 section 4.2.1.3
    private static final int KEY_CERT_SIGN = 5;
    private static final int CRL_SIGN = 6;
    private static final int MIN_RSA_BITS = 2048;
    private static final int MIN_EC_BITS = 256;

    private static final Pattern SPIFFE_ID =
            Pattern.compile("spiffe://([a-z0-9][a-z0-9._-]{0,254})/(?:user|svc)/[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private CertificateRules() {}

    /** Returns the identity that {@code leaf} proves under {@code policy} at {@code now}, or throws CERTIFICATE_REJECTED. */
    static Identity identify(X509Certificate leaf, Policy policy, Instant now) {
        checkDates(leaf, now);
        checkUse(leaf);
        checkKey(leaf.getPublicKey());
        String spiffeId = spiffeId(leaf);
        checkSpiffeId(spiffeId, policy.trustDomain());
        Identity identity = new Identity(
                spiffeId, leaf.getSerialNumber(), leaf.getNotAfter().toInstant());
        recheck(identity, policy, now);
        return identity;
    }

    /** Checks what may have changed since the identity was made. */
    static void recheck(Identity identity, Policy policy, Instant now) {
        if (now.isAfter(identity.notAfter())) {
            throw rejected("it expired at " + identity.notAfter());
        }
        if (policy.deniedIdentities().contains(identity.spiffeId())) {
            throw rejected("the policy denies the identity " + identity.spiffeId());
        }
        if (policy.deniedSerials().contains(identity.serial())) {
            throw rejected(
                    "the policy denies the serial number " + identity.serial().toString(16));
        }
    }

    /** Whether {@code text} is an identity of {@code trustDomain}. */
    static boolean isSpiffeId(String text, String trustDomain) {
        Matcher matcher = SPIFFE_ID.matcher(text);
        return matcher.matches() && matcher.group(1).equals(trustDomain);
    }

    private static void checkDates(X509Certificate leaf, Instant now) {
        if (now.isBefore(leaf.getNotBefore().toInstant())) {
            throw rejected("it is not valid before " + leaf.getNotBefore().toInstant());
        }
        if (now.isAfter(leaf.getNotAfter().toInstant())) {
            throw rejected("it expired at " + leaf.getNotAfter().toInstant());
        }
    }

    private static void checkUse(X509Certificate leaf) {
        if (leaf.getBasicConstraints() >= 0) {
            throw rejected("it is a CA certificate (CA:TRUE), not one of a client");
        }
        boolean[] usage = leaf.getKeyUsage();
        if (usage == null) {
            throw rejected("it has no key usage extension");
        }
        if (!usage[DIGITAL_SIGNATURE]) {
            throw rejected("its key usage does not include digitalSignature");
        }
        if (usage[KEY_CERT_SIGN] || usage[CRL_SIGN]) {
            throw rejected("its key usage includes keyCertSign or cRLSign, which only a CA may have");
        }
        List<String> extendedUsage = extendedKeyUsage(leaf);
        if (extendedUsage == null) {
            throw rejected("it has no extended key usage extension");
        }
        if (!extendedUsage.contains(CLIENT_AUTH)) {
            throw rejected("its extended key usage does not include clientAuth");
        }
    }

    private static void checkKey(PublicKey key) {
        switch (key) {
            case ECPublicKey ec -> {
                int bits = ec.getParams().getOrder().bitLength();
                if (bits < MIN_EC_BITS) {
                    throw rejected("its EC key has " + bits + " bits, less than " + MIN_EC_BITS);
                }
            }
            case RSAPublicKey rsa -> {
                int bits = rsa.getModulus().bitLength();
                if (bits < MIN_RSA_BITS) {
                    throw rejected("its RSA key has " + bits + " bits, less than " + MIN_RSA_BITS);
                }
            }
            case EdECPublicKey _ -> {}
            default -> throw rejected("its key is of the kind " + key.getAlgorithm() + ", not EC, RSA or Ed25519");
        }
    }

    private static String spiffeId(X509Certificate leaf) {
        try {
            Collection<List<?>> names = leaf.getSubjectAlternativeNames();
            List<String> uris = names == null
                    ? List.of()
                    : names.stream()
                            .filter(name -> Integer.valueOf(SAN_URI).equals(name.get(0)))
                            .map(name -> String.valueOf(name.get(1)))
                            .toList();
            if (uris.size() != 1) {
                throw rejected("it has " + uris.size() + " URI subject alternative names instead of one");
            }
            return uris.getFirst();
        } catch (CertificateParsingException malformed) {
            throw rejected("its subject alternative names cannot be read");
        }
    }

    private static void checkSpiffeId(String spiffeId, String trustDomain) {
        Matcher matcher = SPIFFE_ID.matcher(spiffeId);
        if (!matcher.matches()) {
            throw rejected("its URI subject alternative name is not of the form"
                    + " spiffe://<trust domain>/user/<name> or spiffe://<trust domain>/svc/<name>");
        }
        if (!matcher.group(1).equals(trustDomain)) {
            throw rejected("its trust domain is " + matcher.group(1) + ", not " + trustDomain);
        }
    }

    private static @Nullable List<String> extendedKeyUsage(X509Certificate leaf) {
        try {
            return leaf.getExtendedKeyUsage();
        } catch (CertificateParsingException malformed) {
            throw rejected("its extended key usage cannot be read");
        }
    }

    private static WorkerException rejected(String rule) {
        return new WorkerException(Reason.CERTIFICATE_REJECTED, "the client certificate was refused: " + rule);
    }
}
