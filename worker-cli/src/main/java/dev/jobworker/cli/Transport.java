package dev.jobworker.cli;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A way to reach a server: the scheme of its address, and the option of {@code serve} that says where it listens. */
enum Transport {
    GRPC(7443),
    HTTPS(8443);

    private final int defaultPort;

    Transport(int defaultPort) {
        this.defaultPort = defaultPort;
    }

    /** Returns the one that the scheme of {@code server} names. */
    static Optional<Transport> of(URI server) {
        return Stream.of(values())
                .filter(transport -> transport.scheme().equals(server.getScheme()))
                .findFirst();
    }

    String scheme() {
        return name().toLowerCase(Locale.ROOT);
    }

    int defaultPort() {
        return defaultPort;
    }

    /** Returns where a server listens that is told nothing. */
    InetSocketAddress defaultAddress() {
        return new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), defaultPort);
    }

    /** Returns the address as clients write it. */
    String url(InetSocketAddress address) {
        String host = address.getAddress() == null
                ? address.getHostString()
                : address.getAddress().getHostAddress();
        return scheme() + "://" + (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
    }
}
