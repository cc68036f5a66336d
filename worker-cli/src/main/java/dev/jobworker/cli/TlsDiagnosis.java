package dev.jobworker.cli;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** Finds out whose certificate is at fault when a connection fails: TLS itself tells a client next to nothing. */
final class TlsDiagnosis {
    private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    // How the server begins when it names the rule that a certificate breaks.
    private static final String RULE = "the client certificate was refused: ";

    private TlsDiagnosis() {}

    /** Returns what to throw instead of {@code e}. */
    static RuntimeException explain(WorkerException e, Settings settings) {
        return switch (e.reason()) {
            case CERTIFICATE_REJECTED -> refused(e, settings);
            case CONNECTION_FAILED -> connectionFailed(e, settings);
            default -> e;
        };
    }

    private static RuntimeException refused(WorkerException e, Settings settings) {
        String message = String.valueOf(e.getMessage());
        String why = message.startsWith(RULE)
                ? message.substring(RULE.length())
                : ownFault(settings, Instant.now()).orElse(message + " (has it been revoked, or replaced?)");
        return ownCertificate(settings, why, e);
    }

    private static RuntimeException connectionFailed(WorkerException e, Settings settings) {
        Optional<Throwable> theirs = causes(e)
                .filter(cause -> cause instanceof CertificateException || cause instanceof CertPathValidatorException)
                .reduce((_, deeper) -> deeper);
        if (theirs.isPresent()) {
            return new CliException(
                    e.reason().exitCode(),
                    "the certificate of the server " + settings.server() + " cannot be trusted: "
                            + theirs.get().getMessage() + " (--ca is " + settings.ca() + ")",
                    e);
        }
        // A refusal can also arrive as a connection that just closes.
        if (causes(e).anyMatch(cause -> cause instanceof SSLException || isCut(cause))) {
            Optional<String> ours = ownFault(settings, Instant.now());
            if (ours.isPresent()) {
                return ownCertificate(settings, ours.get(), e);
            }
        }
        return e;
    }

    private static CliException ownCertificate(Settings settings, String why, WorkerException e) {
        return new CliException(
                Reason.CERTIFICATE_REJECTED.exitCode(),
                "the server refused your certificate " + name(settings.certificate()) + ": " + why,
                e);
    }

    private static boolean isCut(Throwable cause) {
        return cause instanceof IOException
                && String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT).contains("reset");
    }

    /** Returns what is wrong with the own certificate as far as that can be seen from here. */
    private static Optional<String> ownFault(Settings settings, Instant now) {
        if (settings.certificate() == null || settings.ca() == null) {
            return Optional.empty();
        }
        try {
            List<X509Certificate> chain = read(settings.certificate());
            return fault(chain, read(settings.ca()), now).map(fault -> fault.replace("$CA", name(settings.ca())));
        } catch (IOException | GeneralSecurityException e) {
            return Optional.empty(); // read without trouble when the connection was made
        }
    }

    static Optional<String> fault(List<X509Certificate> chain, List<X509Certificate> authorities, Instant now)
            throws GeneralSecurityException {
        X509Certificate leaf = chain.getFirst();
        if (now.isAfter(leaf.getNotAfter().toInstant())) {
            return Optional.of("expired " + leaf.getNotAfter().toInstant());
        }
        if (now.isBefore(leaf.getNotBefore().toInstant())) {
            return Optional.of("not valid before " + leaf.getNotBefore().toInstant());
        }
        if (authorities.stream().noneMatch(authority -> isSignedBy(chain.getLast(), authority))) {
            return Optional.of("not signed by the authority in $CA");
        }
        List<String> uses = leaf.getExtendedKeyUsage();
        if (uses == null || !uses.contains(CLIENT_AUTH)) {
            return Optional.of("not made for clients (its extended key usage lacks clientAuth)");
        }
        return Optional.empty();
    }

    private static boolean isSignedBy(X509Certificate certificate, X509Certificate authority) {
        try {
            certificate.verify(authority.getPublicKey());
            return certificate.getIssuerX500Principal().equals(authority.getSubjectX500Principal());
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private static List<X509Certificate> read(Path file) throws IOException, CertificateException {
        try (InputStream in = Files.newInputStream(file)) {
            Collection<? extends Certificate> all =
                    CertificateFactory.getInstance("X.509").generateCertificates(in);
            return all.stream().map(X509Certificate.class::cast).toList();
        }
    }

    private static Stream<Throwable> causes(Throwable e) {
        return Stream.iterate(e, cause -> cause != null, Throwable::getCause);
    }

    private static String name(@Nullable Path file) {
        return file == null ? "" : String.valueOf(file.getFileName());
    }
}
