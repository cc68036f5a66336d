package dev.jobworker.cli;

import dev.jobworker.api.auth.Pem;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;

/** The files of a certificate authority. Each appears whole or not at all. */
final class PemFiles {
    private static final String PRIVATE = "rw-------";
    private static final String PUBLIC = "rw-r--r--";

    private PemFiles() {}

    static X509Certificate certificate(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        } catch (IOException | GeneralSecurityException e) {
            throw unreadable("certificate", file, e);
        }
    }

    static X509CRL revocationList(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return (X509CRL) CertificateFactory.getInstance("X.509").generateCRL(in);
        } catch (IOException | GeneralSecurityException e) {
            throw unreadable("revocation list", file, e);
        }
    }

    /** Reads a key that only its owner may use. */
    static PrivateKey key(Path file) throws IOException {
        try {
            String base64 =
                    Files.readString(file).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
            Pem.refuseOthers(file);
            return KeyFactory.getInstance("EC")
                    .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64)));
        } catch (IOException | GeneralSecurityException | IllegalArgumentException e) {
            throw unreadable("private key", file, e);
        }
    }

    private static CliException unreadable(String what, Path file, Exception e) {
        String why = e instanceof IOException io ? FileErrors.describe(file, io) : file + ": is no PEM " + what;
        return new CliException(ExitCodes.USAGE, "cannot read the " + what + " " + why, e);
    }

    static void refuseExisting(Path... files) {
        for (Path file : files) {
            if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                throw new CliException(ExitCodes.FAILED, file + ": exists already, and nothing is overwritten");
            }
        }
    }

    /** Writes {@code base}.key and {@code base}.crt; both or, if one is there already, none. */
    static void writePair(Path base, X509Certificate certificate, PrivateKey key) throws IOException {
        Path keyFile = base.resolveSibling(base.getFileName() + ".key");
        create(keyFile, pem("PRIVATE KEY", key.getEncoded()), PRIVATE);
        try {
            create(base.resolveSibling(base.getFileName() + ".crt"), pem("CERTIFICATE", encoded(certificate)), PUBLIC);
        } catch (IOException | RuntimeException e) {
            Files.delete(keyFile);
            throw e;
        }
    }

    /** Writes a new file. */
    static void create(Path file, String text, String mode) throws IOException {
        Path whole = temporary(file, text, mode);
        try {
            // Unlike a rename, a link never replaces (link(2)).
            Files.createLink(file, whole);
        } catch (FileAlreadyExistsException e) {
            throw new CliException(ExitCodes.FAILED, file + ": exists already, and nothing is overwritten", e);
        } finally {
            Files.delete(whole);
        }
    }

    /** Writes a file that may be there already, and keeps its mode; a new one all may read. */
    static void replace(Path file, String text) throws IOException {
        String mode = Files.exists(file) ? PosixFilePermissions.toString(Files.getPosixFilePermissions(file)) : PUBLIC;
        Files.move(temporary(file, text, mode), file, StandardCopyOption.ATOMIC_MOVE);
    }

    static String text(X509CRL list) throws IOException {
        try {
            return pem("X509 CRL", list.getEncoded());
        } catch (GeneralSecurityException e) {
            throw new IOException("cannot encode the revocation list", e);
        }
    }

    private static byte[] encoded(X509Certificate certificate) throws IOException {
        try {
            return certificate.getEncoded();
        } catch (GeneralSecurityException e) {
            throw new IOException("cannot encode the certificate", e);
        }
    }

    private static String pem(String type, byte[] der) {
        String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
        return "-----BEGIN " + type + "-----\n" + base64 + "\n-----END " + type + "-----\n";
    }

    // Made with mode 0600 (File.createTempFile); wider only when it is whole.
    private static Path temporary(Path file, String text, String mode) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Path temporary = Files.createTempFile(folder, "." + file.getFileName(), ".tmp");
        try {
            Files.write(temporary, text.getBytes(StandardCharsets.UTF_8));
            Files.setPosixFilePermissions(temporary, PosixFilePermissions.fromString(mode));
            return temporary;
        } catch (IOException e) {
            Files.delete(temporary);
            throw e;
        }
    }
}
