package dev.jobworker.https;

import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.eclipse.jetty.http.HttpStatus;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The one place where errors of the contract become problems of HTTP (RFC 9457), and back.
 *
 * @param status of HTTP
 * @param body in JSON
 */
record Problem(int status, String body) {
    static final String MEDIA_TYPE = "application/problem+json";

    private static final JsonMapper JSON = new JsonMapper();

    /** @param requestId of the call, as in the audit log */
    static Problem of(WorkerException failure, UUID requestId) {
        return of(failure, requestId, failure.reason().httpStatus());
    }

    static Problem of(WorkerException failure, UUID requestId, int status) {
        String field = failure.details().get("field");
        String detail = failure.getMessage();
        ObjectNode problem = JSON.createObjectNode();
        problem.put("type", "about:blank");
        problem.put("title", HttpStatus.getMessage(status));
        problem.put("status", status);
        if (field != null && detail.startsWith(field + " ")) {
            String name = Parameters.nameOf(field);
            String message = detail.substring(field.length() + 1);
            detail = name + " " + message;
            problem.putArray("violations").addObject().put("field", name).put("message", message);
        }
        problem.put("detail", detail);
        problem.put("reason", failure.reason().name());
        problem.put("requestId", requestId.toString());
        ObjectNode metadata = problem.putObject("metadata");
        failure.details().forEach(metadata::put);
        return new Problem(status, JSON.writeValueAsString(problem));
    }

    /** Returns the error that an answer of {@code server} stands for. */
    static WorkerException read(int status, byte[] body, String server) {
        try {
            JsonNode problem = JSON.readTree(body);
            Map<String, String> details = new HashMap<>();
            problem.path("metadata")
                    .properties()
                    .forEach(entry ->
                            details.put(entry.getKey(), entry.getValue().asString()));
            if (problem.path("reason").isString()) {
                return new WorkerException(
                        reason(problem.path("reason").asString(), status),
                        problem.path("detail").asString(""),
                        details,
                        null);
            }
        } catch (JacksonException notAProblem) {
            // Said below.
        }
        return new WorkerException(
                reason("", status), server + " answered with status " + status + ", not as jobworker does over HTTPS");
    }

    private static Reason reason(String name, int status) {
        try {
            return Reason.valueOf(name);
        } catch (IllegalArgumentException ofANewerServer) {
            return status == HttpStatus.SERVICE_UNAVAILABLE_503 ? Reason.CONNECTION_FAILED : Reason.INTERNAL;
        }
    }
}
