package dev.jobworker.api.auth;

import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/** One side's certificate, key and trust for TLS 1.3 with mutual authentication, read from PEM files. */
public final class TlsCredentials {
    private TlsCredentials() {}

    /** Reads and checks the three files. A key that others may read is refused. */
    public static TlsCredentials load(Path certificate, Path key, Path ca) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Returns the leaf of the own chain. */
    public X509Certificate certificate() {
        throw new UnsupportedOperationException();
    }

    public X509ExtendedKeyManager keyManager() {
        throw new UnsupportedOperationException();
    }

    public X509ExtendedTrustManager trustManager() {
        throw new UnsupportedOperationException();
    }

    /** Returns a context of the two managers, for transports that speak JSSE directly. */
    public SSLContext sslContext() {
        throw new UnsupportedOperationException();
    }
}
