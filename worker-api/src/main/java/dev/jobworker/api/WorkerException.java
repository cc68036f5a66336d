package dev.jobworker.api;

import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one exception of the contract.
 *
 * <p>{@link #reason} is for programs, {@link #getMessage} for people, {@link #details} has the facts that belong to some reasons:
 * {@code field} (INVALID_FIELD); {@code stage} and {@code errno} (EXEC_FAILED); {@code offset}, {@code size} (OFFSET_OUT_OF_RANGE, of output and input);
 * {@code offset}, {@code earliest_offset} (OUTPUT_TRUNCATED); {@code limit}, {@code value} (QUOTA_EXCEEDED); {@code request_id}
 * (REQUEST_ID_REUSED); {@code error_id} (INTERNAL), which is in the log of the server too.
 */
public final class WorkerException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final Reason reason;

    @SuppressWarnings("serial") // never serialized
    private final Map<String, String> details;

    public WorkerException(Reason reason, String message) {
        this(reason, message, Map.of(), null);
    }

    public WorkerException(Reason reason, String message, Map<String, String> details, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
        this.details = Map.copyOf(details);
    }

    /** Returns one sentence for people. */
    @Override
    public String getMessage() {
        return Objects.requireNonNull(super.getMessage());
    }

    public Reason reason() {
        return reason;
    }

    public Map<String, String> details() {
        return details;
    }
}
