package dev.jobworker.api.auth;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * One side's certificate, key and trust for TLS 1.3 with mutual authentication, read from PEM files.
 *
 * <p>The trust manager checks chains against the CA file and nothing else: the rules for client certificates are those of
 * {@link JobWorkerAccess#authenticate}, where breaking one gets an answer that says which. Immutable; thread-safe.
 */
public final class TlsCredentials {
    public static final List<String> PROTOCOLS = List.of("TLSv1.3");
    public static final List<String> CIPHER_SUITES =
            List.of("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256");
    /** The key exchanges offered; a JDK ignores those that it does not know. */
    public static final List<String> NAMED_GROUPS = List.of("X25519MLKEM768", "x25519", "secp256r1");

    /*
     * A resumed session skips the trust manager, so it outlives its client certificate; JSSE servers must send no tickets. The property is
     * read once, when JSSE is initialized, which may have been before this class. So the contexts made here have, too, a session timeout of
     * more than the seven days that RFC 8446 section 4.6.1 allows a ticket to live: sun.security.ssl.NewSessionTicket then sends none.
     */
    private static final int NO_TICKETS_SESSION_TIMEOUT = 7 * 24 * 60 * 60 + 1;

    static {
        System.setProperty("jdk.tls.server.newSessionTicketCount", "0");
    }

    // Guarded by being volatile: a reload replaces the whole at once. The managers below read it at every handshake.
    private volatile Snapshot snapshot;

    private record Snapshot(List<X509Certificate> chain, PrivateKey key, X509ExtendedTrustManager trust) {}

    private TlsCredentials(Snapshot snapshot) {
        this.snapshot = snapshot;
    }

    /**
     * Reads and checks the three files.
     *
     * @param certificate the own certificate, and after it any intermediate ones
     * @param key the key of that certificate, PKCS#8 without a password; refused if others than its owner may use it
     * @param ca the certificates of the authorities that the other side's certificate may come from
     * @throws IOException naming the file and what is wrong with it
     */
    public static TlsCredentials load(Path certificate, Path key, Path ca) throws IOException {
        List<X509Certificate> chain = Pem.certificates(certificate);
        PublicKey publicKey = chain.getFirst().getPublicKey();
        PrivateKey privateKey = Pem.privateKey(key, publicKey);
        if (!belongTogether(privateKey, publicKey)) {
            throw new IOException(key + ": is not the key of the certificate in " + certificate);
        }
        return new TlsCredentials(new Snapshot(chain, privateKey, trust(ca)));
    }

    /** Returns the leaf of the own chain. */
    public X509Certificate certificate() {
        return snapshot.chain.getFirst();
    }

    public X509ExtendedKeyManager keyManager() {
        return new OwnKey();
    }

    public X509ExtendedTrustManager trustManager() {
        return new OwnTrust(RefusalListener.NOBODY);
    }

    /** Who is told of client certificates that were refused, in the thread of the handshake: must not block. */
    @FunctionalInterface
    public interface RefusalListener {
        RefusalListener NOBODY = (_, _) -> {};

        void refused(X509Certificate leaf, String why);
    }

    /** Returns a context of the two managers that never resumes a session, for transports that speak JSSE directly. */
    public SSLContext sslContext() {
        return sslContext(RefusalListener.NOBODY);
    }

    /** Returns a context like {@link #sslContext()} for a server that records refusals. */
    public SSLContext sslContext(RefusalListener listener) {
        try {
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(new KeyManager[] {keyManager()}, new TrustManager[] {new OwnTrust(listener)}, null);
            context.getServerSessionContext().setSessionTimeout(NO_TICKETS_SESSION_TIMEOUT);
            context.getClientSessionContext().setSessionTimeout(NO_TICKETS_SESSION_TIMEOUT);
            return context;
        } catch (GeneralSecurityException everyJdkHasTls) {
            throw new IllegalStateException("cannot make a TLS 1.3 context", everyJdkHasTls);
        }
    }

    /** Returns the protocol, suites and groups for one connection. Servers add {@code setNeedClientAuth(true)}, clients the endpoint identification "HTTPS". */
    public static SSLParameters parameters() {
        SSLParameters parameters =
                new SSLParameters(CIPHER_SUITES.toArray(String[]::new), PROTOCOLS.toArray(String[]::new));
        parameters.setNamedGroups(NAMED_GROUPS.toArray(String[]::new));
        parameters.setUseCipherSuitesOrder(true);
        return parameters;
    }

    private static boolean belongTogether(PrivateKey privateKey, PublicKey publicKey) throws IOException {
        String algorithm = switch (privateKey.getAlgorithm()) {
            case "EC" -> "SHA256withECDSA";
            case "RSA" -> "SHA256withRSA";
            default -> privateKey.getAlgorithm();
        };
        try {
            byte[] challenge = new byte[32];
            new SecureRandom().nextBytes(challenge);
            Signature signer = Signature.getInstance(algorithm);
            signer.initSign(privateKey);
            signer.update(challenge);
            byte[] signature = signer.sign();
            Signature verifier = Signature.getInstance(algorithm);
            verifier.initVerify(publicKey);
            verifier.update(challenge);
            return verifier.verify(signature);
        } catch (GeneralSecurityException notAPair) {
            return false;
        }
    }

    private static X509ExtendedTrustManager trust(Path ca) throws IOException {
        List<X509Certificate> authorities = Pem.certificates(ca);
        for (X509Certificate authority : authorities) {
            if (authority.getBasicConstraints() < 0) {
                throw new IOException(ca + ": the certificate of \"" + authority.getSubjectX500Principal()
                        + "\" is not a CA certificate (no CA:TRUE)");
            }
        }
        try {
            Set<TrustAnchor> anchors =
                    authorities.stream().map(c -> new TrustAnchor(c, null)).collect(Collectors.toUnmodifiableSet());
            PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, new X509CertSelector());
            parameters.setRevocationEnabled(false);
            TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(new CertPathTrustManagerParameters(parameters));
            return Stream.of(factory.getTrustManagers())
                    .filter(X509ExtendedTrustManager.class::isInstance)
                    .map(X509ExtendedTrustManager.class::cast)
                    .findFirst()
                    .orElseThrow();
        } catch (GeneralSecurityException unusable) {
            throw new IOException(ca + ": cannot be used as a CA file: " + unusable.getMessage(), unusable);
        }
    }

    /** Offers the one key, whatever issuers the other side prefers: a certificate that it will refuse gets a better answer than none. */
    private final class OwnKey extends X509ExtendedKeyManager {
        private static final String ALIAS = "own";

        @Override
        public String @Nullable [] getClientAliases(String keyType, Principal @Nullable [] issuers) {
            return alias(keyType) == null ? null : new String[] {ALIAS};
        }

        @Override
        public @Nullable String chooseClientAlias(
                String[] keyTypes, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return alias(keyTypes);
        }

        @Override
        public @Nullable String chooseEngineClientAlias(
                String[] keyTypes, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
            return alias(keyTypes);
        }

        @Override
        public String @Nullable [] getServerAliases(String keyType, Principal @Nullable [] issuers) {
            return alias(keyType) == null ? null : new String[] {ALIAS};
        }

        @Override
        public @Nullable String chooseServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable Socket socket) {
            return alias(keyType);
        }

        @Override
        public @Nullable String chooseEngineServerAlias(
                String keyType, Principal @Nullable [] issuers, @Nullable SSLEngine engine) {
            return alias(keyType);
        }

        @Override
        public X509Certificate @Nullable [] getCertificateChain(String alias) {
            return alias.equals(ALIAS) ? snapshot.chain.toArray(X509Certificate[]::new) : null;
        }

        @Override
        public @Nullable PrivateKey getPrivateKey(String alias) {
            return alias.equals(ALIAS) ? snapshot.key : null;
        }

        private @Nullable String alias(String... keyTypes) {
            return List.of(keyTypes).contains(snapshot.key.getAlgorithm()) ? ALIAS : null;
        }
    }

    /** Delegates to the trust of the present snapshot. */
    private final class OwnTrust extends X509ExtendedTrustManager {
        private final RefusalListener listener;

        OwnTrust(RefusalListener listener) {
            this.listener = listener;
        }

        private interface Check {
            void run() throws CertificateException;
        }

        private void checkClient(X509Certificate[] chain, Check check) throws CertificateException {
            try {
                check.run();
            } catch (CertificateException refused) {
                listener.refused(chain[0], String.valueOf(refused.getMessage()));
                throw refused;
            }
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
                throws CertificateException {
            checkClient(chain, () -> snapshot.trust.checkClientTrusted(chain, authType, socket));
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
                throws CertificateException {
            checkClient(chain, () -> snapshot.trust.checkClientTrusted(chain, authType, engine));
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
            checkClient(chain, () -> snapshot.trust.checkClientTrusted(chain, authType));
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
                throws CertificateException {
            snapshot.trust.checkServerTrusted(chain, authType, socket);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
                throws CertificateException {
            snapshot.trust.checkServerTrusted(chain, authType, engine);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
            snapshot.trust.checkServerTrusted(chain, authType);
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return snapshot.trust.getAcceptedIssuers();
        }
    }
}
