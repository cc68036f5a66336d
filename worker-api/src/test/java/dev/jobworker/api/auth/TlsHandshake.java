package dev.jobworker.api.auth;

import java.io.IOException;
import java.net.InetAddress;
import java.security.cert.X509Certificate;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A listening socket that answers one byte to everyone who gets through the handshake. */
final class TlsHandshake implements AutoCloseable {
    private final SSLServerSocket listener;

    TlsHandshake(SSLContext server) throws IOException {
        listener = (SSLServerSocket)
                server.getServerSocketFactory().createServerSocket(0, 16, InetAddress.getLoopbackAddress());
        SSLParameters parameters = TlsCredentials.parameters();
        parameters.setNeedClientAuth(true);
        listener.setSSLParameters(parameters);
    }

    /** Connects as {@code client} and returns the certificate that the server saw, or throws what the server threw. */
    X509Certificate connect(SSLContext client, SSLParameters parameters) throws Exception {
        FutureTask<X509Certificate> serverSide = new FutureTask<>(this::serve);
        Thread.ofVirtual().start(serverSide);
        Callable<Integer> clientSide = () -> {
            try (SSLSocket socket = (SSLSocket)
                    client.getSocketFactory().createSocket(listener.getInetAddress(), listener.getLocalPort())) {
                socket.setSSLParameters(parameters);
                return socket.getInputStream().read();
            }
        };
        Exception clientFailure = null;
        try {
            if (clientSide.call() != 'x') {
                clientFailure = new IOException("the server did not answer");
            }
        } catch (IOException refused) {
            clientFailure = refused;
        }
        X509Certificate seen;
        try {
            seen = serverSide.get();
        } catch (ExecutionException failed) {
            Exception cause = (Exception) Objects.requireNonNull(failed.getCause());
            if (clientFailure != null) {
                cause.addSuppressed(clientFailure);
            }
            throw cause;
        }
        if (clientFailure != null) {
            throw clientFailure;
        }
        return seen;
    }

    X509Certificate connect(SSLContext client) throws Exception {
        return connect(client, clientParameters());
    }

    static SSLParameters clientParameters() {
        SSLParameters parameters = TlsCredentials.parameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        return parameters;
    }

    private X509Certificate serve() throws IOException {
        try (SSLSocket socket = (SSLSocket) listener.accept()) {
            socket.startHandshake();
            socket.getOutputStream().write('x');
            return (X509Certificate) socket.getSession().getPeerCertificates()[0];
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
