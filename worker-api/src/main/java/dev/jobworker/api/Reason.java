package dev.jobworker.api;

/** Why a call failed. The names are the contract: the same strings on every transport. This is the one error table. */
public enum Reason {
    INVALID_FIELD(GrpcCode.INVALID_ARGUMENT, 400, 2),
    MALFORMED_BODY(GrpcCode.INVALID_ARGUMENT, 400, 2),
    PAGE_TOKEN_INVALID(GrpcCode.INVALID_ARGUMENT, 400, 2),
    CERTIFICATE_REJECTED(GrpcCode.UNAUTHENTICATED, 401, 77),
    PERMISSION_DENIED(GrpcCode.PERMISSION_DENIED, 403, 77),
    JOB_NOT_FOUND(GrpcCode.NOT_FOUND, 404, 69),
    JOB_NOT_FINAL(GrpcCode.FAILED_PRECONDITION, 409, 1),
    /** The job takes no input, or no more. */
    INPUT_CLOSED(GrpcCode.FAILED_PRECONDITION, 409, 1),
    REQUEST_ID_REUSED(GrpcCode.ALREADY_EXISTS, 422, 1),
    /** Details: stage, errno. The CLI exits with 127 if the program was not found and 126 if it could not be executed. */
    EXEC_FAILED(GrpcCode.FAILED_PRECONDITION, 422, 126),
    OFFSET_OUT_OF_RANGE(GrpcCode.OUT_OF_RANGE, 416, 1),
    /** Details: earliest_offset. */
    OUTPUT_TRUNCATED(GrpcCode.OUT_OF_RANGE, 416, 1),
    BODY_TOO_LARGE(GrpcCode.RESOURCE_EXHAUSTED, 413, 2),
    QUOTA_EXCEEDED(GrpcCode.RESOURCE_EXHAUSTED, 429, 75),
    STORAGE_FULL(GrpcCode.RESOURCE_EXHAUSTED, 507, 75),
    SERVER_OVERLOADED(GrpcCode.UNAVAILABLE, 503, 75),
    SERVER_SHUTTING_DOWN(GrpcCode.UNAVAILABLE, 503, 75),
    AUDIT_UNAVAILABLE(GrpcCode.UNAVAILABLE, 503, 75),
    UNSUPPORTED_MEDIA_TYPE(GrpcCode.UNIMPLEMENTED, 415, 1),
    METHOD_NOT_ALLOWED(GrpcCode.UNIMPLEMENTED, 405, 1),
    UNKNOWN_PATH(GrpcCode.UNIMPLEMENTED, 404, 1),
    INTERNAL(GrpcCode.INTERNAL, 500, 125),
    /** Known only to clients: the server could not be reached, or the connection broke and could not be resumed. Never on the wire. */
    CONNECTION_FAILED(GrpcCode.UNAVAILABLE, 503, 75);

    private final GrpcCode grpcCode;
    private final int httpStatus;
    private final int exitCode;

    Reason(GrpcCode grpcCode, int httpStatus, int exitCode) {
        this.grpcCode = grpcCode;
        this.httpStatus = httpStatus;
        this.exitCode = exitCode;
    }

    public GrpcCode grpcCode() {
        return grpcCode;
    }

    public int httpStatus() {
        return httpStatus;
    }

    /** Returns the exit code of the CLI (sysexits(3) where one fits). */
    public int exitCode() {
        return exitCode;
    }

    /** The status codes of gRPC that the table uses, by their official numbers. */
    public enum GrpcCode {
        INVALID_ARGUMENT(3),
        NOT_FOUND(5),
        ALREADY_EXISTS(6),
        PERMISSION_DENIED(7),
        RESOURCE_EXHAUSTED(8),
        FAILED_PRECONDITION(9),
        OUT_OF_RANGE(11),
        UNIMPLEMENTED(12),
        INTERNAL(13),
        UNAVAILABLE(14),
        UNAUTHENTICATED(16);

        private final int number;

        GrpcCode(int number) {
            this.number = number;
        }

        public int number() {
            return number;
        }
    }
}
