package dev.jobworker.https;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.auth.Action;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

/** Both interfaces are one: what the proto has the description has, and the handler answers it. */
class OpenApiTest {
    private static final FileDescriptor PROTO =
            dev.jobworker.api.v1.Job.getDescriptor().getFile();

    /** What HTTP has besides: its description, and health, which is another service over gRPC. */
    private static final Set<Operation> OF_HTTP_ALONE =
            EnumSet.of(Operation.GET_OPEN_API, Operation.GET_LIVENESS, Operation.GET_READINESS);

    /** Where each message is described; an answer that is only a job is the job. */
    private static final Map<String, String> SCHEMAS = Map.of(
            "StartJobResponse", "Job",
            "GetJobResponse", "Job",
            "StopJobResponse", "Job",
            "SignalJobResponse", "Job",
            "WriteInputResponse", "Job");

    @Test
    void operations_areTheMethodsOfTheProto() {
        Set<String> methods = PROTO.getServices().stream()
                .map(ServiceDescriptor::getMethods)
                .flatMap(List::stream)
                .map(method -> Character.toLowerCase(method.getName().charAt(0))
                        + method.getName().substring(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> operations = Arrays.stream(Operation.values())
                .filter(operation -> !OF_HTTP_ALONE.contains(operation))
                .map(OpenApiTest::id)
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(methods, operations);
    }

    @Test
    void actions_haveAnOperationEach() {
        Set<Action> actions =
                Arrays.stream(Operation.values()).map(Operation::action).collect(Collectors.toSet());
        actions.add(Action.AWAIT); // GET_JOB with a wait
        assertEquals(EnumSet.allOf(Action.class), EnumSet.copyOf(actions));
    }

    @Test
    void document_hasTheOperationsThatTheHandlerAnswers() {
        Map<String, String> described = new HashMap<>();
        ApiDocument.ROOT
                .path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    if (method.getValue().has("operationId")) {
                        described.put(
                                method.getKey() + " " + path.getKey(),
                                method.getValue().path("operationId").asString());
                    }
                }));
        Map<String, String> answered = Arrays.stream(Operation.values())
                .collect(Collectors.toMap(
                        operation -> operation.method().toLowerCase(java.util.Locale.ROOT) + " " + operation.path(),
                        OpenApiTest::id));
        assertEquals(answered, described);
    }

    @ParameterizedTest
    @EnumSource
    void fieldsOfRequest_comeInThePathTheQueryAHeaderOrTheBody(Operation operation) {
        if (OF_HTTP_ALONE.contains(operation)) {
            return;
        }
        Set<String> described = new HashSet<>();
        JsonNode document = ApiDocument.operation(operation);
        JsonNode path = ApiDocument.ROOT.path("paths").path(operation.path());
        Map<String, String> parameters = new HashMap<>();
        parameters.putAll(operation.parameters().fields());
        parameters.put("jobId", "job_id");
        parameters.put("Idempotency-Key", "request_id");
        for (JsonNode parameter : elements(document.path("parameters"), path.path("parameters"))) {
            String name = parameter.path("name").asString();
            if (!Set.of("Range", "Last-Event-ID").contains(name)) {
                assertTrue(parameters.containsKey(name), name + " is described, but not read");
                described.add(parameters.get(name));
            }
        }
        JsonNode body = document.path("requestBody")
                .path("content")
                .path("application/json")
                .path("schema");
        if (!body.isMissingNode()) {
            ApiDocument.resolve(body).path("properties").propertyNames().forEach(name -> described.add(snake(name)));
        }
        if (document.path("requestBody").path("content").has("application/octet-stream")) {
            described.add("data");
        }
        assertEquals(names(method(operation).getInputType()), described);
    }

    @Test
    void schemas_haveTheFieldsAndTypesOfTheirMessages() {
        Set<String> checked = new HashSet<>();
        for (Operation operation : EnumSet.complementOf(EnumSet.copyOf(OF_HTTP_ALONE))) {
            MethodDescriptor method = method(operation);
            if (operation != Operation.STREAM_OUTPUT && operation != Operation.DELETE_JOB) {
                Descriptor answer = method.getOutputType();
                checkMessage(
                        SCHEMAS.containsKey(answer.getName())
                                ? answer.findFieldByName("job").getMessageType()
                                : answer,
                        SCHEMAS.getOrDefault(answer.getName(), answer.getName()),
                        checked);
            }
        }
        assertTrue(checked.containsAll(Set.of("Job", "JobSpec", "ListJobsResponse", "Survivor")), checked.toString());
    }

    private static void checkMessage(Descriptor message, String schemaName, Set<String> checked) {
        if (!checked.add(schemaName)) {
            return;
        }
        JsonNode properties = ApiDocument.schema(schemaName).path("properties");
        assertEquals(
                message.getFields().stream().map(FieldDescriptor::getJsonName).collect(Collectors.toSet()),
                Set.copyOf(properties.propertyNames()),
                schemaName);
        for (FieldDescriptor field : message.getFields()) {
            JsonNode property = properties.path(field.getJsonName());
            String where = schemaName + "." + field.getJsonName();
            if (field.isMapField()) {
                assertEquals("object", property.path("type").asString(), where);
                checkType(
                        field.getMessageType().findFieldByName("value"),
                        property.path("additionalProperties"),
                        where,
                        checked);
            } else if (field.isRepeated()) {
                assertEquals("array", property.path("type").asString(), where);
                checkType(field, property.path("items"), where, checked);
            } else {
                checkType(field, property, where, checked);
            }
        }
    }

    private static void checkType(FieldDescriptor field, JsonNode property, String where, Set<String> checked) {
        switch (field.getJavaType()) {
            case BOOLEAN -> assertEquals("boolean", property.path("type").asString(), where);
            case INT, LONG -> {
                assertEquals("integer", property.path("type").asString(), where);
                boolean isInt = field.getJavaType() == FieldDescriptor.JavaType.INT;
                assertEquals(isInt ? "int32" : "int64", property.path("format").asString(), where);
            }
            case STRING, BYTE_STRING ->
                assertEquals("string", property.path("type").asString(), where);
            case ENUM ->
                assertEquals(
                        field.getEnumType().getValues().stream()
                                .filter(value -> value.getNumber() != 0)
                                .map(value -> text(field, value))
                                .collect(Collectors.toSet()),
                        elements(ApiDocument.resolve(property).path("enum")).stream()
                                .map(JsonNode::asString)
                                .collect(Collectors.toSet()),
                        where);
            case MESSAGE -> {
                switch (field.getMessageType().getFullName()) {
                    case "google.protobuf.Timestamp" ->
                        assertEquals("date-time", property.path("format").asString(), where);
                    case "google.protobuf.Duration" ->
                        assertEquals(
                                "#/components/schemas/Duration",
                                property.path("$ref").asString(),
                                where);
                    default -> {
                        String name = field.getMessageType().getName();
                        assertEquals(
                                "#/components/schemas/" + name,
                                property.path("$ref").asString(),
                                where);
                        checkMessage(field.getMessageType(), name, checked);
                    }
                }
            }
            case FLOAT, DOUBLE -> throw new AssertionError(where);
        }
    }

    private static String text(FieldDescriptor field, EnumValueDescriptor value) {
        return JsonWire.text(field, value);
    }

    @Test
    void problem_hasTheReasonsOfTheErrorTable() {
        Set<String> reasons = Arrays.stream(Reason.values())
                .filter(reason -> reason != Reason.CONNECTION_FAILED) // never on the wire
                .map(Enum::name)
                .collect(Collectors.toSet());
        JsonNode described =
                ApiDocument.schema("Problem").path("properties").path("reason").path("enum");
        assertEquals(
                reasons, elements(described).stream().map(JsonNode::asString).collect(Collectors.toSet()));
    }

    @Test
    void check_ofAWrongAnswer_findsIt() {
        assertFalse(ApiDocument.faultsOf("Job", "{\"jobId\":1}".getBytes(java.nio.charset.StandardCharsets.UTF_8))
                .isEmpty());
    }

    private static String id(Operation operation) {
        String[] words = operation.name().toLowerCase(java.util.Locale.ROOT).split("_", -1);
        return words[0]
                + Arrays.stream(words)
                        .skip(1)
                        .map(word -> Character.toUpperCase(word.charAt(0)) + word.substring(1))
                        .collect(Collectors.joining());
    }

    private static MethodDescriptor method(Operation operation) {
        return PROTO.getServices().stream()
                .flatMap(service -> service.getMethods().stream())
                .filter(method -> method.getName().equalsIgnoreCase(id(operation)))
                .findFirst()
                .orElseThrow();
    }

    private static Set<String> names(Descriptor message) {
        return message.getFields().stream().map(FieldDescriptor::getName).collect(Collectors.toSet());
    }

    private static String snake(String name) {
        return name.replaceAll("(?=[A-Z])", "_").toLowerCase(java.util.Locale.ROOT);
    }

    private static List<JsonNode> elements(JsonNode... arrays) {
        return Arrays.stream(arrays)
                .flatMap(array -> StreamSupport.stream(array.spliterator(), false))
                .toList();
    }
}
