package dev.jobworker.benchmarks;

import dev.jobworker.api.auth.TlsCredentials;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.function.Consumer;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** One connection of the JDK's own TLS sockets, without a protocol: a byte asks for the whole content. */
final class TlsSocket {
    private static final int BUFFER_BYTES = 256 << 10;

    private final byte[] block;
    private final int count;
    private final SSLServerSocket listener;
    private final SSLSocket client;
    private final byte[] buffer = new byte[BUFFER_BYTES];

    /** Opens a connection that gives {@code count} times {@code block}, whose length is a multiple of 256 KiB. */
    TlsSocket(TlsCredentials server, TlsCredentials user, byte[] block, int count) throws IOException {
        this.block = block;
        this.count = count;
        listener = (SSLServerSocket)
                server.sslContext().getServerSocketFactory().createServerSocket(0, 1, InetAddress.getLoopbackAddress());
        SSLParameters serverSide = TlsCredentials.parameters();
        serverSide.setNeedClientAuth(true);
        listener.setSSLParameters(serverSide);
        Thread.ofPlatform().daemon().name("tls-socket").start(this::serve);
        client = (SSLSocket) user.sslContext().getSocketFactory().createSocket("localhost", listener.getLocalPort());
        SSLParameters clientSide = TlsCredentials.parameters();
        clientSide.setEndpointIdentificationAlgorithm("HTTPS");
        client.setSSLParameters(clientSide);
        client.startHandshake();
    }

    private void serve() {
        try (SSLSocket connection = (SSLSocket) listener.accept()) {
            InputStream requests = connection.getInputStream();
            OutputStream out = connection.getOutputStream();
            while (requests.read() >= 0) {
                for (int i = 0; i < count; i++) {
                    for (int from = 0; from < block.length; from += BUFFER_BYTES) {
                        out.write(block, from, BUFFER_BYTES);
                    }
                }
            }
        } catch (IOException closed) {
            // The client knows.
        }
    }

    /** Gives the whole content to {@code target}. */
    void get(Consumer<ByteBuffer> target) throws IOException {
        client.getOutputStream().write(0);
        InputStream in = client.getInputStream();
        for (long left = (long) count * block.length; left > 0; ) {
            int read = in.read(buffer);
            if (read < 0) {
                throw new EOFException();
            }
            target.accept(ByteBuffer.wrap(buffer, 0, read));
            left -= read;
        }
    }

    void close() throws IOException {
        client.close();
        listener.close();
    }
}
