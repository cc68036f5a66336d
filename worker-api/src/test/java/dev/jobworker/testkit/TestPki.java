package dev.jobworker.testkit;

import dev.jobworker.api.auth.TlsCredentials;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.NamedParameterSpec;
import java.security.spec.RSAKeyGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** A throw-away certificate authority that makes good certificates and every kind of bad one, as PEM files in a directory. */
public final class TestPki {
    public static final String TRUST_DOMAIN = "example.test";
    public static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    public static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

    private static final AtomicLong SERIALS = new AtomicLong(0x1000);

    private final Path directory;
    private final X500Name name;
    private final KeyPair caKeys;
    private final X509Certificate caCertificate;
    private final Path caFile;

    private TestPki(Path directory, String commonName) {
        this.directory = directory;
        this.name = new X500Name("CN=" + commonName);
        this.caKeys = ecKeys("secp256r1");
        this.caCertificate = sign(
                new JcaX509v3CertificateBuilder(
                        name,
                        BigInteger.ONE,
                        Date.from(Instant.now().minus(Duration.ofDays(1))),
                        Date.from(Instant.now().plus(Duration.ofDays(1))),
                        name,
                        caKeys.getPublic()),
                List.of(
                        new Ext(Extension.basicConstraints, true, new BasicConstraints(true)),
                        new Ext(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign))),
                caKeys.getPrivate());
        this.caFile = directory.resolve("ca.crt");
        write(caFile, "rw-r--r--", pem("CERTIFICATE", encoded(caCertificate)));
    }

    /** Makes an authority whose files lie in {@code directory}, which is made if it is absent. Two of them have the same name and different keys. */
    public static TestPki create(Path directory) {
        return create(directory, "jobworker test CA");
    }

    public static TestPki create(Path directory, String commonName) {
        try {
            return new TestPki(Files.createDirectories(directory), commonName);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the SPIFFE ID of a user. */
    public static String spiffeId(String userName) {
        return "spiffe://" + TRUST_DOMAIN + "/user/" + userName;
    }

    public Path directory() {
        return directory;
    }

    public Path caFile() {
        return caFile;
    }

    /** Makes a good certificate of a user. */
    public Issued client(String userName) {
        return leaf(userName).uris(spiffeId(userName)).issue();
    }

    /** Makes a good certificate of a server on this machine. */
    public Issued server() {
        return leaf("server")
                .extendedKeyUsage(SERVER_AUTH)
                .hosts("localhost", "127.0.0.1", "::1")
                .issue();
    }

    /** Begins a certificate that is good for a client but for its missing name; every part can be made bad. */
    public Leaf leaf(String fileName) {
        return new Leaf(fileName);
    }

    /** The files of one certificate. */
    public record Issued(Path certificate, Path key, Path ca, X509Certificate leaf) {
        /** Returns the credentials that trust the authority of this certificate. */
        public TlsCredentials credentials() {
            return credentials(ca);
        }

        public TlsCredentials credentials(Path otherCa) {
            try {
                return TlsCredentials.load(certificate, key, otherCa);
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** A certificate being made. */
    public final class Leaf {
        private final String fileName;
        private final List<GeneralName> names = new ArrayList<>();
        private KeyPair keys = ecKeys("secp256r1");
        private Instant notBefore = Instant.now().minus(Duration.ofHours(1));
        private Instant notAfter = Instant.now().plus(Duration.ofHours(1));
        private BigInteger serial = BigInteger.valueOf(SERIALS.incrementAndGet());
        private List<String> purposes = List.of(CLIENT_AUTH);
        private int keyUsage = KeyUsage.digitalSignature;
        private boolean authority;
        private boolean selfSigned;

        private Leaf(String fileName) {
            this.fileName = fileName;
        }

        public Leaf uris(String... uris) {
            for (String uri : uris) {
                names.add(new GeneralName(GeneralName.uniformResourceIdentifier, uri));
            }
            return this;
        }

        /** DNS names and addresses. */
        public Leaf hosts(String... hosts) {
            for (String host : hosts) {
                boolean address = host.indexOf(':') >= 0 || Character.isDigit(host.charAt(0));
                names.add(new GeneralName(address ? GeneralName.iPAddress : GeneralName.dNSName, host));
            }
            return this;
        }

        public Leaf keys(KeyPair pair) {
            keys = pair;
            return this;
        }

        public Leaf valid(Instant from, Instant to) {
            notBefore = from;
            notAfter = to;
            return this;
        }

        public Leaf serial(long number) {
            serial = BigInteger.valueOf(number);
            return this;
        }

        /** By their object identifiers; with none: no such extension. */
        public Leaf extendedKeyUsage(String... ids) {
            purposes = List.of(ids);
            return this;
        }

        /** Bits of {@link KeyUsage}; with 0: no such extension. */
        public Leaf keyUsage(int bits) {
            keyUsage = bits;
            return this;
        }

        /** With CA:TRUE. */
        public Leaf authority() {
            authority = true;
            return this;
        }

        public Leaf selfSigned() {
            selfSigned = true;
            return this;
        }

        public Issued issue() {
            List<Ext> extensions = new ArrayList<>();
            if (authority) {
                extensions.add(new Ext(Extension.basicConstraints, true, new BasicConstraints(true)));
            }
            if (keyUsage != 0) {
                extensions.add(new Ext(Extension.keyUsage, true, new KeyUsage(keyUsage)));
            }
            if (!purposes.isEmpty()) {
                extensions.add(new Ext(
                        Extension.extendedKeyUsage,
                        false,
                        new ExtendedKeyUsage(purposes.stream()
                                .map(id -> KeyPurposeId.getInstance(new ASN1ObjectIdentifier(id)))
                                .toArray(KeyPurposeId[]::new))));
            }
            if (!names.isEmpty()) {
                extensions.add(new Ext(
                        Extension.subjectAlternativeName, false, new GeneralNames(names.toArray(GeneralName[]::new))));
            }
            X500Name subject = new X500Name("CN=" + fileName);
            X509Certificate certificate = sign(
                    new JcaX509v3CertificateBuilder(
                            selfSigned ? subject : name,
                            serial,
                            Date.from(notBefore),
                            Date.from(notAfter),
                            subject,
                            keys.getPublic()),
                    extensions,
                    selfSigned ? keys.getPrivate() : caKeys.getPrivate());
            Path certificateFile = directory.resolve(fileName + ".crt");
            Path keyFile = directory.resolve(fileName + ".key");
            write(certificateFile, "rw-r--r--", pem("CERTIFICATE", encoded(certificate)));
            write(keyFile, "rw-------", pem("PRIVATE KEY", keys.getPrivate().getEncoded()));
            return new Issued(certificateFile, keyFile, caFile, certificate);
        }
    }

    private record Ext(ASN1ObjectIdentifier id, boolean critical, ASN1Encodable value) {}

    public static KeyPair ecKeys(String curve) {
        return keys("EC", new ECGenParameterSpec(curve));
    }

    public static KeyPair rsaKeys(int bits) {
        return keys("RSA", new RSAKeyGenParameterSpec(bits, RSAKeyGenParameterSpec.F4));
    }

    public static KeyPair ed25519Keys() {
        return keys("EdDSA", NamedParameterSpec.ED25519);
    }

    /** Returns the PEM form of some bytes. */
    public static String pem(String label, byte[] bytes) {
        return "-----BEGIN " + label + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes)
                + "\n-----END " + label + "-----\n";
    }

    /** Writes a file with exactly this mode. */
    public static void write(Path file, String mode, String text) {
        try {
            Files.writeString(file, text);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static KeyPair keys(String algorithm, AlgorithmParameterSpec parameters) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
            generator.initialize(parameters);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static X509Certificate sign(X509v3CertificateBuilder builder, List<Ext> extensions, PrivateKey signingKey) {
        try {
            for (Ext extension : extensions) {
                builder.addExtension(extension.id, extension.critical, extension.value);
            }
            String algorithm = switch (signingKey.getAlgorithm()) {
                case "EC" -> "SHA256withECDSA";
                case "RSA" -> "SHA256withRSA";
                default -> "Ed25519";
            };
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder(algorithm).build(signingKey)));
        } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] encoded(X509Certificate certificate) {
        try {
            return certificate.getEncoded();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
