package dev.jobworker.https;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** HTTP/2 frame by frame, for what no well-behaved client sends (RFC 9113). */
final class Http2Frames {
    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int RST_STREAM = 3;
    static final int SETTINGS = 4;
    static final int PING = 6;
    static final int GOAWAY = 7;
    static final int WINDOW_UPDATE = 8;
    static final int CONTINUATION = 9;

    static final int END_STREAM = 1;
    static final int END_HEADERS = 4;

    private static final int INITIAL_WINDOW_SIZE = 4;
    private static final int CANCEL = 8;

    private final HttpSocket socket;
    private final DataInputStream in;

    Http2Frames(HttpSocket socket) throws IOException {
        this.socket = socket;
        this.in = new DataInputStream(socket.socket().getInputStream());
    }

    /** A frame that came; {@code stream} 0 is the connection. */
    record Frame(int type, int flags, int stream, ByteBuffer payload) {}

    /** Sends the preface and the settings. */
    Http2Frames begin(int window) throws IOException {
        socket.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        send(
                SETTINGS,
                0,
                0,
                ByteBuffer.allocate(6)
                        .putShort((short) INITIAL_WINDOW_SIZE)
                        .putInt(window)
                        .array());
        return send(WINDOW_UPDATE, 0, 0, ByteBuffer.allocate(4).putInt(window).array());
    }

    Http2Frames send(int type, int flags, int stream, byte[] payload) throws IOException {
        socket.send(frame(type, flags, stream, payload));
        return this;
    }

    private static byte[] frame(int type, int flags, int stream, byte[] payload) {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        frame.writeBytes(ByteBuffer.allocate(9)
                .put((byte) (payload.length >> 16))
                .putShort((short) payload.length)
                .put((byte) type)
                .put((byte) flags)
                .putInt(stream)
                .array());
        frame.writeBytes(payload);
        return frame.toByteArray();
    }

    Http2Frames get(int stream, String path) throws IOException {
        socket.send(getFrame(stream, path));
        return this;
    }

    Http2Frames reset(int stream) throws IOException {
        socket.send(resetFrame(stream));
        return this;
    }

    static byte[] getFrame(int stream, String path) {
        return frame(HEADERS, END_HEADERS | END_STREAM, stream, headers("GET", path));
    }

    static byte[] resetFrame(int stream) {
        return frame(
                RST_STREAM, 0, stream, ByteBuffer.allocate(4).putInt(CANCEL).array());
    }

    /** Encodes a header block with literal fields only (RFC 7541 section 6.2.2). */
    static byte[] headers(String method, String path, String... more) {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        literal(block, ":method", method);
        literal(block, ":scheme", "https");
        literal(block, ":authority", "localhost");
        literal(block, ":path", path);
        for (int i = 0; i < more.length; i += 2) {
            literal(block, more[i], more[i + 1]);
        }
        return block.toByteArray();
    }

    static void literal(ByteArrayOutputStream block, String name, String value) {
        block.write(0);
        string(block, name);
        string(block, value);
    }

    private static void string(ByteArrayOutputStream block, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length >= 127) {
            block.write(127);
            int rest = bytes.length - 127;
            for (; rest >= 128; rest /= 128) {
                block.write(rest % 128 + 128);
            }
            block.write(rest);
        } else {
            block.write(bytes.length);
        }
        block.writeBytes(bytes);
    }

    Frame read() throws IOException {
        int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
        int type = in.readUnsignedByte();
        int flags = in.readUnsignedByte();
        int stream = in.readInt();
        return new Frame(type, flags, stream, ByteBuffer.wrap(in.readNBytes(length)));
    }

    /** Reads until the server says that it goes away, and returns the error code; -1 if it went without a word. */
    int readUntilGone() throws IOException {
        int code = -1;
        try {
            while (true) {
                Frame frame = read();
                if (frame.type() == GOAWAY) {
                    code = frame.payload().getInt(4);
                }
            }
        } catch (EOFException | java.net.SocketException gone) {
            return code;
        }
    }
}
