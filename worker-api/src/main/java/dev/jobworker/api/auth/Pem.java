package dev.jobworker.api.auth;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads PEM files (RFC 7468). Every error names the file. */
public final class Pem {
    private static final long MAX_FILE_BYTES = 1 << 20;
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\\s]*)-----END ([A-Z0-9 ]+)-----");
    private static final Set<PosixFilePermission> OTHERS =
            EnumSet.range(PosixFilePermission.GROUP_READ, PosixFilePermission.OTHERS_EXECUTE);

    private record Block(Path file, String label, String base64) {
        private byte[] bytes() throws IOException {
            try {
                return Base64.getMimeDecoder().decode(base64);
            } catch (IllegalArgumentException notBase64) {
                throw new IOException(file + ": a " + label + " block is not base64", notBase64);
            }
        }
    }

    private Pem() {}

    /** Returns the certificates of a file in their order; at least one. */
    static List<X509Certificate> certificates(Path file) throws IOException {
        List<X509Certificate> certificates = new ArrayList<>();
        for (Block block : blocks(file)) {
            if (block.label.equals("CERTIFICATE")) {
                certificates.add(certificate(file, block.bytes()));
            } else if (block.label.endsWith("PRIVATE KEY")) {
                throw new IOException(file + ": contains a private key where only certificates are expected");
            }
        }
        if (certificates.isEmpty()) {
            throw new IOException(file + ": contains no certificate in PEM form");
        }
        return certificates;
    }

    /** Returns the private key of a file that only its owner may use; its algorithm is that of {@code publicKey}. */
    static PrivateKey privateKey(Path file, PublicKey publicKey) throws IOException {
        refuseOthers(file);
        List<Block> keys = blocks(file).stream()
                .filter(block -> block.label.endsWith("PRIVATE KEY"))
                .toList();
        if (keys.size() != 1) {
            throw new IOException(file + ": contains " + keys.size() + " private keys instead of one");
        }
        Block key = keys.getFirst();
        if (key.label.equals("ENCRYPTED PRIVATE KEY")) {
            throw new IOException(file + ": the key is encrypted; decrypt it with: openssl pkey -in " + file);
        }
        if (!key.label.equals("PRIVATE KEY")) {
            throw new IOException(file + ": the key has the form \"" + key.label
                    + "\", PKCS#8 is needed; convert it with: openssl pkcs8 -topk8 -nocrypt -in " + file);
        }
        try {
            return KeyFactory.getInstance(publicKey.getAlgorithm())
                    .generatePrivate(new PKCS8EncodedKeySpec(key.bytes()));
        } catch (GeneralSecurityException wrongKey) {
            throw new IOException(
                    file + ": is not a usable key of the certificate's kind, " + publicKey.getAlgorithm(), wrongKey);
        }
    }

    /** Refuses a key file that others than its owner may use. */
    public static void refuseOthers(Path file) throws IOException {
        Set<PosixFilePermission> permissions;
        try {
            permissions = Files.getPosixFilePermissions(file);
        } catch (NoSuchFileException absent) {
            throw new IOException(file + ": no such file", absent);
        }
        if (permissions.stream().anyMatch(OTHERS::contains)) {
            throw new IOException(file + ": others than the owner may use this private key; run: chmod 600 " + file);
        }
    }

    private static X509Certificate certificate(Path file, byte[] der) throws IOException {
        try {
            return (X509Certificate)
                    CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
        } catch (CertificateException malformed) {
            throw new IOException(file + ": contains a malformed certificate: " + malformed.getMessage(), malformed);
        }
    }

    private static List<Block> blocks(Path file) throws IOException {
        List<Block> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text(file));
        while (matcher.find()) {
            if (!matcher.group(1).equals(matcher.group(3))) {
                throw new IOException(
                        file + ": a block begins as " + matcher.group(1) + " and ends as " + matcher.group(3));
            }
            blocks.add(new Block(file, matcher.group(1), matcher.group(2)));
        }
        return blocks;
    }

    private static String text(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new IOException(file + ": is larger than 1 MiB, so it is no PEM file for this purpose");
            }
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (NoSuchFileException absent) {
            throw new IOException(file + ": no such file", absent);
        }
    }
}
