package dev.jobworker.core;

/** Thrown by the engine for everything that it refuses or cannot do. {@link #failure} tells a program what {@link #getMessage} tells a person. */
public final class JobException extends RuntimeException {
    private static final long serialVersionUID = 1;

    @SuppressWarnings("serial") // never serialized
    private final Failure failure;

    public JobException(Failure failure) {
        super(failure.message());
        this.failure = failure;
    }

    public JobException(Failure failure, Throwable cause) {
        super(failure.message(), cause);
        this.failure = failure;
    }

    public Failure failure() {
        return failure;
    }
}
