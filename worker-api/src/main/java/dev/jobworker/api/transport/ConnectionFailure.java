package dev.jobworker.api.transport;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.util.Map;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/** What a connection that failed means to the caller of a client. */
public final class ConnectionFailure {
    /** How JSSE reports that the other side refused the own certificate (alerts of RFC 8446 section 6.2). */
    private static final Pattern CERTIFICATE_ALERT = Pattern.compile(
            "Received fatal alert: (bad_certificate|unsupported_certificate|certificate_.*|unknown_ca|access_denied)");

    private ConnectionFailure() {}

    /**
     * Returns CERTIFICATE_REJECTED if that is why, else CONNECTION_FAILED. Libraries say little themselves; what happened is in the causes.
     *
     * @param message if none of the causes has one
     */
    public static WorkerException of(Throwable failure, String message, String server) {
        String why = message;
        for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            why = cause.getMessage() == null ? why : cause.getMessage();
            if (cause instanceof SSLException) {
                break;
            }
        }
        return CERTIFICATE_ALERT.matcher(why).find()
                ? new WorkerException(
                        Reason.CERTIFICATE_REJECTED,
                        server + " refused the certificate of this client: " + why,
                        Map.of(),
                        failure)
                : new WorkerException(
                        Reason.CONNECTION_FAILED, "no connection to " + server + ": " + why, Map.of(), failure);
    }
}
