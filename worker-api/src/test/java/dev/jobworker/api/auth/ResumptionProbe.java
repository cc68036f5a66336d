package dev.jobworker.api.auth;

import dev.jobworker.testkit.TestPki;
import java.net.Socket;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** Counts full handshakes of two connections in a row: a client asks its trust manager in each of those, and not when a session is resumed. */
final class ResumptionProbe {
    private ResumptionProbe() {}

    /** Prints the count. Arguments: a directory, and "guarded" for a server with our context or "plain" for one with a default context. */
    public static void main(String[] args) throws Exception {
        // JSSE reads its properties here, before our class can set one.
        SSLContext.getDefault().createSSLEngine();
        TestPki pki = TestPki.create(Path.of(args[0]));
        TlsCredentials server = pki.server().credentials();
        TlsCredentials client = pki.client("alice").credentials();
        SSLContext context =
                args[1].equals("guarded") ? server.sslContext() : plainContext(server, server.trustManager());
        System.out.println(fullHandshakes(context, client));
    }

    static int fullHandshakes(SSLContext server, TlsCredentials client) throws Exception {
        AtomicInteger checks = new AtomicInteger();
        SSLContext eager = plainContext(client, new CountingTrust(client.trustManager(), checks));
        try (TlsHandshake handshake = new TlsHandshake(server)) {
            X509Certificate first = handshake.connect(eager);
            X509Certificate second = handshake.connect(eager);
            if (!first.equals(second)) {
                throw new IllegalStateException("the server saw two certificates");
            }
        }
        return checks.get();
    }

    /** A context that takes and gives every ticket. */
    private static SSLContext plainContext(TlsCredentials credentials, TrustManager trust) throws Exception {
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(new KeyManager[] {credentials.keyManager()}, new TrustManager[] {trust}, null);
        return context;
    }

    private static final class CountingTrust extends X509ExtendedTrustManager {
        private final X509ExtendedTrustManager trust;
        private final AtomicInteger checks;

        CountingTrust(X509ExtendedTrustManager trust, AtomicInteger checks) {
            this.trust = trust;
            this.checks = checks;
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
                throws CertificateException {
            checks.incrementAndGet();
            trust.checkServerTrusted(chain, authType, socket);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) {
            throw new UnsupportedOperationException();
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return trust.getAcceptedIssuers();
        }
    }
}
