package dev.jobworker.https;

import dev.jobworker.api.auth.TlsCredentials;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** A connection on which a test writes whatever bytes it wants, and reads HTTP/1.1 as it comes. */
final class HttpSocket implements AutoCloseable {
    private final SSLSocket socket;
    private final InputStream in;

    HttpSocket(int port, TlsCredentials credentials, String... protocols) throws IOException {
        socket = (SSLSocket) credentials.sslContext().getSocketFactory().createSocket("localhost", port);
        SSLParameters parameters = TlsCredentials.parameters();
        parameters.setApplicationProtocols(protocols);
        socket.setSSLParameters(parameters);
        socket.setSoTimeout(20_000); // what does not come then never will
        socket.startHandshake();
        in = socket.getInputStream();
    }

    /**
     * An answer.
     *
     * @param headers with names in lower case
     * @param trailers the same
     * @param cut whether the connection ended before the body did
     */
    record Answer(int status, Map<String, String> headers, String body, Map<String, String> trailers, boolean cut) {}

    SSLSocket socket() {
        return socket;
    }

    HttpSocket send(String text) throws IOException {
        return send(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    HttpSocket send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
        return this;
    }

    /** Sends a request without a body. */
    HttpSocket get(String target, String... headers) throws IOException {
        return send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n"
                + (headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n") + "\r\n");
    }

    HttpSocket post(String target, String type, String body, String... headers) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        send("POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + bytes.length + "\r\n"
                + (type.isEmpty() ? "" : "Content-Type: " + type + "\r\n")
                + (headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n") + "\r\n");
        return send(bytes);
    }

    Answer read() throws IOException {
        String statusLine = line();
        int status = Integer.parseInt(statusLine.split(" ", 3)[1]);
        Map<String, String> headers = fields();
        Map<String, String> trailers = new TreeMap<>();
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        boolean cut = false;
        if ("chunked".equals(headers.get("transfer-encoding"))) {
            try {
                for (int size = size(); size > 0; size = size()) {
                    body.writeBytes(exactly(size));
                }
                trailers = fields();
            } catch (IOException ended) {
                cut = true;
            }
        } else if (headers.containsKey("content-length")) {
            byte[] bytes = in.readNBytes(Integer.parseInt(headers.get("content-length")));
            body.writeBytes(bytes);
            cut = bytes.length < Integer.parseInt(headers.get("content-length"));
        }
        return new Answer(status, headers, body.toString(StandardCharsets.UTF_8), trailers, cut);
    }

    /** Reads the size of a chunk. The end of the chunk before comes with it, not before. */
    private int size() throws IOException {
        String line = line();
        return Integer.parseInt(line.isEmpty() ? line() : line, 16);
    }

    /** Reads the status and the headers, and leaves the body to be read by {@link #chunk}. */
    Answer readHead() throws IOException {
        String statusLine = line();
        return new Answer(Integer.parseInt(statusLine.split(" ", 3)[1]), fields(), "", Map.of(), false);
    }

    /** Reads one chunk of the body; empty at its end. */
    String chunk() throws IOException {
        int size = size();
        byte[] bytes = exactly(size);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private byte[] exactly(int size) throws IOException {
        byte[] bytes = in.readNBytes(size);
        if (bytes.length < size) {
            throw new IOException("ended inside a chunk");
        }
        return bytes;
    }

    private Map<String, String> fields() throws IOException {
        Map<String, String> fields = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            fields.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return fields;
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new IOException("ended after \"" + line + "\"");
            }
            line.append((char) c);
        }
        return line.toString().replace("\r", "");
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
