package dev.jobworker.cli;

import dev.jobworker.api.auth.Role;
import java.io.IOException;
import java.math.BigInteger;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.CRLNumber;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CRLConverter;
import org.bouncycastle.cert.jcajce.JcaX509CRLHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v2CRLBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.IPAddress;
import org.jspecify.annotations.Nullable;

/** A certificate authority in a folder: ECDSA P-256, and leaves by the rules for X.509-SVIDs. */
final class CertificateAuthority implements AutoCloseable {
    private static final Duration CA_VALID = Duration.ofDays(3652);
    // For the clocks of other machines.
    private static final Duration BEFORE = Duration.ofMinutes(1);
    private static final int SERIAL_BITS = 128;
    private static final String SIGNATURE = "SHA256withECDSA";
    // A path segment of a SPIFFE ID that is also a file name.
    private static final String NAME = "(?=.{1,64}$)[A-Za-z0-9][A-Za-z0-9_-]*(\\.[A-Za-z0-9_-]+)*";
    private static final String TRUST_DOMAIN = "[a-z0-9][a-z0-9._-]{0,254}";
    private static final String HOST = "[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?";
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Path folder;
    private final X509Certificate certificate;
    private final PrivateKey key;
    // Held while open: another command on the same folder waits, and no change of the policy is lost.
    private final FileChannel lock;

    private CertificateAuthority(Path folder, X509Certificate certificate, PrivateKey key, FileChannel lock) {
        this.folder = folder;
        this.certificate = certificate;
        this.key = key;
        this.lock = lock;
    }

    static void init(Path folder, String trustDomain) throws IOException {
        if (!trustDomain.matches(TRUST_DOMAIN)) {
            throw CliException.usage("'" + trustDomain + "' is not a trust domain such as example.test");
        }
        try {
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw new CliException(ExitCodes.USAGE, "cannot make " + FileErrors.describe(folder, e), e);
        }
        PemFiles.refuseExisting(folder.resolve("ca.crt"), folder.resolve("ca.key"), folder.resolve("policy.yaml"));
        KeyPair pair = generate();
        X500Name name = commonName("jobworker CA " + trustDomain);
        Instant end = Instant.now().plus(CA_VALID);
        X509Certificate certificate = sign(pair.getPrivate(), name, name, pair.getPublic(), end, (builder, utils) -> {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            builder.addExtension(
                    Extension.subjectKeyIdentifier, false, utils.createSubjectKeyIdentifier(pair.getPublic()));
        });
        PemFiles.writePair(folder.resolve("ca"), certificate, pair.getPrivate());
        PolicyEditor.create(folder.resolve("policy.yaml"), trustDomain);
    }

    static CertificateAuthority open(Path folder) throws IOException {
        X509Certificate certificate = PemFiles.certificate(folder.resolve("ca.crt"));
        PrivateKey key = PemFiles.key(folder.resolve("ca.key"));
        FileChannel lock = FileChannel.open(folder.resolve("ca.key"), StandardOpenOption.WRITE);
        lock.lock();
        return new CertificateAuthority(folder, certificate, key, lock);
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }

    /** Issues a certificate for {@code spiffe://trust-domain/kind/name}. */
    void issueClient(String kind, String name, @Nullable Role role, Duration valid) throws IOException {
        if (!name.matches(NAME)) {
            throw CliException.usage("'" + name + "' cannot be a name: use letters, digits, and . _ - between them");
        }
        PemFiles.refuseExisting(folder.resolve(name + ".crt"), folder.resolve(name + ".key"));
        PolicyEditor policy = PolicyEditor.read(folder.resolve("policy.yaml"));
        String identity = "spiffe://" + policy.trustDomain() + "/" + kind + "/" + name;
        if (role != null) {
            policy.bind(identity, role); // refuses before anything is written
        }
        GeneralNames names = new GeneralNames(new GeneralName(
                GeneralName.uniformResourceIdentifier, URI.create(identity).toString()));
        issue(name, commonName(name), names, KeyPurposeId.id_kp_clientAuth, valid);
        policy.save();
    }

    /** Issues server.crt for host names and addresses. */
    void issueServer(List<String> hosts, Duration valid) throws IOException {
        PemFiles.refuseExisting(folder.resolve("server.crt"), folder.resolve("server.key"));
        GeneralName[] names =
                hosts.stream().map(CertificateAuthority::serverName).toArray(GeneralName[]::new);
        issue("server", commonName(hosts.getFirst()), new GeneralNames(names), KeyPurposeId.id_kp_serverAuth, valid);
    }

    /** Adds a certificate to the revocation list, and its serial to those that the policy denies, which is what servers read. */
    void revoke(String name) throws IOException {
        X509Certificate revoked = PemFiles.certificate(folder.resolve(name + ".crt"));
        if (!revoked.getIssuerX500Principal().equals(certificate.getSubjectX500Principal())
                || revoked.equals(certificate)) {
            throw CliException.usage(folder.resolve(name + ".crt") + ": is not a certificate of this authority");
        }
        PolicyEditor policy = PolicyEditor.read(folder.resolve("policy.yaml"));
        policy.deny(revoked.getSerialNumber());
        Path list = folder.resolve("crl.pem");
        @Nullable X509CRL before = Files.exists(list) ? PemFiles.revocationList(list) : null;
        if (before == null || before.getRevokedCertificate(revoked.getSerialNumber()) == null) {
            PemFiles.replace(list, PemFiles.text(extend(before, revoked.getSerialNumber())));
        }
        policy.save();
    }

    private X509CRL extend(@Nullable X509CRL before, BigInteger serial) throws IOException {
        try {
            JcaX509v2CRLBuilder builder = new JcaX509v2CRLBuilder(certificate, Date.from(Instant.now()));
            // Nothing fetches a newer list by itself, so this one does not end before the authority does.
            builder.setNextUpdate(certificate.getNotAfter());
            if (before != null) {
                builder.addCRL(new JcaX509CRLHolder(before));
            }
            builder.addCRLEntry(serial, Date.from(Instant.now()), CRLReason.unspecified);
            int count = before == null || before.getRevokedCertificates() == null
                    ? 0
                    : before.getRevokedCertificates().size();
            builder.addExtension(Extension.cRLNumber, false, new CRLNumber(BigInteger.valueOf(count + 1L)));
            builder.addExtension(
                    Extension.authorityKeyIdentifier,
                    false,
                    new JcaX509ExtensionUtils().createAuthorityKeyIdentifier(certificate.getPublicKey()));
            return new JcaX509CRLConverter().getCRL(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(key)));
        } catch (GeneralSecurityException | OperatorException e) {
            throw new IOException("cannot sign the revocation list", e);
        }
    }

    private void issue(String file, X500Name subject, GeneralNames names, KeyPurposeId purpose, Duration valid)
            throws IOException {
        Instant end = Instant.now().plus(valid);
        if (!valid.isPositive() || end.isAfter(certificate.getNotAfter().toInstant())) {
            throw CliException.usage("--valid must be positive and end before the authority does, "
                    + certificate.getNotAfter().toInstant());
        }
        KeyPair pair = generate();
        X500Name issuer =
                X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded());
        X509Certificate leaf = sign(key, issuer, subject, pair.getPublic(), end, (builder, utils) -> {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(purpose));
            builder.addExtension(Extension.subjectAlternativeName, false, names);
            builder.addExtension(
                    Extension.subjectKeyIdentifier, false, utils.createSubjectKeyIdentifier(pair.getPublic()));
            builder.addExtension(
                    Extension.authorityKeyIdentifier,
                    false,
                    utils.createAuthorityKeyIdentifier(certificate.getPublicKey()));
        });
        PemFiles.writePair(folder.resolve(file), leaf, pair.getPrivate());
    }

    private interface Extensions {
        void addTo(X509v3CertificateBuilder builder, JcaX509ExtensionUtils utils) throws IOException;
    }

    private static X509Certificate sign(
            PrivateKey key, X500Name issuer, X500Name subject, PublicKey subjectKey, Instant end, Extensions extensions)
            throws IOException {
        Instant begin = Instant.now().truncatedTo(ChronoUnit.SECONDS).minus(BEFORE);
        try {
            JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                    issuer, serial(), Date.from(begin), Date.from(end), subject, subjectKey);
            extensions.addTo(builder, new JcaX509ExtensionUtils());
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(key)));
        } catch (GeneralSecurityException | OperatorException e) {
            throw new IOException("cannot make a certificate", e);
        }
    }

    private static GeneralName serverName(String host) {
        boolean address = host.indexOf(':') >= 0 || host.matches("[0-9.]+");
        boolean good = address ? IPAddress.isValid(host) : host.matches(HOST);
        if (!good) {
            throw CliException.usage("'" + host + "' is not a host name or an IP address");
        }
        return new GeneralName(address ? GeneralName.iPAddress : GeneralName.dNSName, host);
    }

    // The CA/Browser Forum's baseline asks for 64 random bits; RFC 5280 allows 20 octets, positive.
    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, RANDOM).setBit(SERIAL_BITS - 1);
    }

    private static KeyPair generate() throws IOException {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IOException("cannot make a P-256 key", e);
        }
    }

    private static X500Name commonName(String name) {
        return new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, name).build();
    }
}
