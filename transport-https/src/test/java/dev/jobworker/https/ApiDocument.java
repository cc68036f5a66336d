package dev.jobworker.https;

import com.networknt.schema.Error;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The published description of the interface, for tests to hold the server against. */
final class ApiDocument {
    static final JsonMapper JSON = new JsonMapper();
    static final ObjectNode ROOT = read();

    private static final SchemaRegistry SCHEMAS = SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12,
            builder -> builder.schemaRegistryConfig(
                    SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build()));

    private ApiDocument() {}

    private static ObjectNode read() {
        try (InputStream in = Objects.requireNonNull(JobHandler.class.getResourceAsStream("openapi.json"))) {
            return (ObjectNode) JSON.readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static JsonNode operation(Operation operation) {
        return ROOT.path("paths").path(operation.path()).path(operation.method().toLowerCase(java.util.Locale.ROOT));
    }

    static JsonNode schema(String name) {
        return ROOT.path("components").path("schemas").path(name);
    }

    /** Returns what is wrong with an answer; an empty list if it is as described. */
    static List<String> faults(Optional<Operation> operation, int status, String mediaType, byte[] body) {
        JsonNode response = operation
                .map(known -> operation(known).path("responses"))
                .map(all ->
                        all.has(Integer.toString(status)) ? all.path(Integer.toString(status)) : all.path("default"))
                .orElseGet(() -> ref("#/components/responses/Problem"));
        JsonNode described = resolve(response).path("content").path(mediaType);
        if (described.isMissingNode()) {
            boolean empty = body.length == 0 && !resolve(response).has("content");
            return empty ? List.of() : List.of(status + " with " + mediaType + " is not described");
        }
        return mediaType.endsWith("json") ? faults(described.path("schema"), body) : List.of();
    }

    private static List<String> faults(JsonNode schema, byte[] body) {
        ObjectNode whole = ROOT.deepCopy();
        schema.properties().forEach(entry -> whole.set(entry.getKey(), entry.getValue()));
        return SCHEMAS.getSchema(whole).validate(JSON.readTree(body)).stream()
                .map(Error::toString)
                .toList();
    }

    static List<String> faultsOf(String schemaName, byte[] body) {
        return faults(ref("#/components/schemas/" + schemaName), body);
    }

    private static ObjectNode ref(String target) {
        return JSON.createObjectNode().put("$ref", target);
    }

    static JsonNode resolve(JsonNode node) {
        return node.has("$ref") ? ROOT.at(node.path("$ref").asString().substring(1)) : node;
    }
}
