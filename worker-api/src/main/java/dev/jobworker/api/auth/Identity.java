package dev.jobworker.api.auth;

import java.math.BigInteger;
import java.time.Instant;
import java.util.Objects;

/** An authenticated caller. Made only by {@link JobWorkerAccess#authenticate} from a certificate that passed every rule. */
public final class Identity {
    private final String spiffeId;
    private final BigInteger serial;
    private final Instant notAfter;

    Identity(String spiffeId, BigInteger serial, Instant notAfter) {
        this.spiffeId = spiffeId;
        this.serial = serial;
        this.notAfter = notAfter;
    }

    /** Returns "spiffe://trust-domain/user/name" or "spiffe://trust-domain/svc/name". */
    public String spiffeId() {
        return spiffeId;
    }

    /** Returns the serial number of the certificate. */
    public BigInteger serial() {
        return serial;
    }

    /** Returns when the certificate ends, and with it this identity. */
    public Instant notAfter() {
        return notAfter;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Identity identity
                && spiffeId.equals(identity.spiffeId)
                && serial.equals(identity.serial)
                && notAfter.equals(identity.notAfter);
    }

    @Override
    public int hashCode() {
        return Objects.hash(spiffeId, serial, notAfter);
    }

    @Override
    public String toString() {
        return spiffeId + " (certificate " + serial.toString(16) + ")";
    }
}
