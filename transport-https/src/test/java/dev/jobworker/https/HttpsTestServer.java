package dev.jobworker.https;

import dev.jobworker.testkit.TestServer;
import java.io.IOException;
import java.nio.file.Path;

/** A test's own server, with the means for what the client of this module does not do. */
final class HttpsTestServer extends TestServer {

    HttpsTestServer(Path directory, HttpsTransport transport) {
        super(directory, transport);
    }

    HttpSocket connect(String userName, String... protocols) throws IOException {
        return new HttpSocket(port(), pki().client(userName).credentials(), protocols);
    }
}
