package dev.jobworker.cli;

import dev.jobworker.api.JobWorker;
import dev.jobworker.api.auth.TlsCredentials;
import dev.jobworker.grpc.GrpcJobWorker;
import dev.jobworker.https.HttpsJobWorker;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Clients of servers. The scheme of the address picks the transport, here and nowhere else. */
final class Workers {
    private Workers() {}

    /** Returns the address of a server, which has a known scheme and a host. */
    static URI parse(String text) {
        try {
            URI uri = new URI(text);
            boolean bare = (uri.getRawPath() == null || uri.getRawPath().isEmpty())
                    && uri.getRawQuery() == null
                    && uri.getRawFragment() == null
                    && uri.getRawUserInfo() == null;
            if (Transport.of(uri).isPresent() && uri.getHost() != null && bare) {
                return uri;
            }
        } catch (URISyntaxException e) {
            // The same as any other address that is none.
        }
        throw CliException.usage(
                "'" + text + "' is not the address of a server such as grpc://host:7443 or https://host:8443");
    }

    /** Returns a client; it connects at its first call. */
    static JobWorker connect(Settings settings, Console console) {
        URI server = settings.server();
        if (server == null) {
            throw new IllegalArgumentException("no server");
        }
        Transport transport = Transport.of(server).orElseThrow();
        TlsCredentials credentials = credentials(settings);
        Logging.quiet();
        String host = host(server);
        int port = server.getPort() < 0 ? transport.defaultPort() : server.getPort();
        return switch (transport) {
            case GRPC -> GrpcJobWorker.connect(host, port, credentials, console::say);
            case HTTPS -> HttpsJobWorker.connect(host, port, credentials, console::say);
        };
    }

    // java.net.URI keeps the brackets of an IPv6 address.
    static String host(URI server) {
        String host = server.getHost();
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    private static TlsCredentials credentials(Settings settings) {
        Path certificate = settings.certificate();
        Path key = settings.key();
        Path ca = settings.ca();
        if (certificate == null || key == null || ca == null) {
            throw CliException.usage(settings.server() + " needs a certificate, its key and the server's CA; missing: "
                    + String.join(", ", missing(certificate, key, ca))
                    + " (or JOBWORKER_CERT, JOBWORKER_KEY, JOBWORKER_CA, or cert, key, ca in config.yaml)");
        }
        try {
            return TlsCredentials.load(certificate, key, ca);
        } catch (IOException e) {
            String message = e.getMessage();
            throw new CliException(ExitCodes.USAGE, message == null ? e.toString() : message, e);
        }
    }

    private static List<String> missing(@Nullable Path certificate, @Nullable Path key, @Nullable Path ca) {
        List<String> missing = new ArrayList<>();
        if (certificate == null) {
            missing.add("--cert");
        }
        if (key == null) {
            missing.add("--key");
        }
        if (ca == null) {
            missing.add("--ca");
        }
        return missing;
    }
}
