package dev.jobworker.https;

import dev.jobworker.api.auth.Action;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What can be asked of the server: the methods of {@code jobworker.v1}, and what HTTP has besides. */
enum Operation {
    START_JOB("POST", "/v1/jobs", Action.START),
    LIST_JOBS("GET", "/v1/jobs", Action.LIST),
    GET_JOB("GET", "/v1/jobs/{jobId}", Action.GET),
    DELETE_JOB("DELETE", "/v1/jobs/{jobId}", Action.DELETE),
    STOP_JOB("POST", "/v1/jobs/{jobId}:stop", Action.STOP),
    SIGNAL_JOB("POST", "/v1/jobs/{jobId}:signal", Action.SIGNAL),
    WRITE_INPUT("POST", "/v1/jobs/{jobId}/input", Action.WRITE_INPUT),
    STREAM_OUTPUT("GET", "/v1/jobs/{jobId}/output", Action.OUTPUT),
    GET_CALLER_IDENTITY("GET", "/v1/whoami", Action.WHOAMI),
    GET_SERVER_INFO("GET", "/v1/server", Action.SERVER_INFO),
    GET_OPEN_API("GET", "/v1/openapi.json", Action.WHOAMI),
    GET_LIVENESS("GET", "/v1/health/live", Action.WHOAMI),
    GET_READINESS("GET", "/v1/health/ready", Action.WHOAMI);

    private final String method;
    private final String path;
    private final Action action;
    private final Pattern pattern;

    Operation(String method, String path, Action action) {
        this.method = method;
        this.path = path;
        this.action = action;
        this.pattern = Pattern.compile(path.replace(".", "\\.").replace("{jobId}", "([^/:]+)"));
    }

    String method() {
        return method;
    }

    /** Returns the path with "{jobId}" where the id of a job stands. */
    String path() {
        return path;
    }

    /** Returns what the caller's role must have. */
    Action action() {
        return action;
    }

    /** Returns what may stand in its query. */
    Parameters parameters() {
        return switch (this) {
            case LIST_JOBS -> Parameters.OF_LIST;
            case GET_JOB -> Parameters.OF_GET;
            case WRITE_INPUT -> Parameters.OF_INPUT;
            case STREAM_OUTPUT -> Parameters.OF_OUTPUT;
            case START_JOB,
                    DELETE_JOB,
                    STOP_JOB,
                    SIGNAL_JOB,
                    GET_CALLER_IDENTITY,
                    GET_SERVER_INFO,
                    GET_OPEN_API,
                    GET_LIVENESS,
                    GET_READINESS -> Parameters.NONE;
        };
    }

    /** Returns the path for a job. */
    String path(String jobId) {
        return path.replace("{jobId}", jobId);
    }

    /** Returns the operations at {@code path}, whatever their methods are. */
    static List<Operation> at(String path) {
        return Arrays.stream(values())
                .filter(operation -> operation.pattern.matcher(path).matches())
                .toList();
    }

    /** Returns whether it answers {@code requestMethod}; who may GET may ask for the HEAD. */
    boolean answers(String requestMethod) {
        return method.equals(requestMethod) || (method.equals("GET") && requestMethod.equals("HEAD"));
    }

    /** Returns what stands in {@code requestPath} for the id of a job; null if this is about no job. */
    @Nullable
    String jobId(String requestPath) {
        Matcher matcher = pattern.matcher(requestPath);
        return Optional.of(matcher)
                .filter(m -> m.matches() && m.groupCount() > 0)
                .map(m -> m.group(1))
                .orElse(null);
    }
}
