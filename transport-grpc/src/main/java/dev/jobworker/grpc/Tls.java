package dev.jobworker.grpc;

import dev.jobworker.api.auth.TlsCredentials;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.DelegatingSslContext;
import io.netty.handler.ssl.IdentityCipherSuiteFilter;
import io.netty.handler.ssl.JdkSslContext;
import io.netty.handler.ssl.SslContext;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;

/** Netty's view of {@link TlsCredentials}: the JDK's TLS 1.3, both sides with a certificate, HTTP/2 by ALPN. */
final class Tls {
    private static final ApplicationProtocolConfig H2 = new ApplicationProtocolConfig(
            Protocol.ALPN,
            SelectorFailureBehavior.FATAL_ALERT,
            SelectedListenerFailureBehavior.FATAL_ALERT,
            ApplicationProtocolNames.HTTP_2);

    private Tls() {}

    static SslContext server(TlsCredentials credentials, TlsCredentials.RefusalListener listener) {
        return context(credentials.sslContext(listener), false);
    }

    static SslContext client(TlsCredentials credentials) {
        return context(credentials.sslContext(), true);
    }

    private static SslContext context(SSLContext jsse, boolean client) {
        SSLParameters wanted = TlsCredentials.parameters();
        SslContext context = new JdkSslContext(
                jsse,
                client,
                TlsCredentials.CIPHER_SUITES,
                IdentityCipherSuiteFilter.INSTANCE,
                H2,
                ClientAuth.REQUIRE,
                wanted.getProtocols(),
                false);
        return new DelegatingSslContext(context) {
            @Override
            protected void initEngine(SSLEngine engine) {
                SSLParameters parameters = engine.getSSLParameters();
                parameters.setNamedGroups(wanted.getNamedGroups());
                parameters.setUseCipherSuitesOrder(wanted.getUseCipherSuitesOrder());
                engine.setSSLParameters(parameters);
            }
        };
    }
}
