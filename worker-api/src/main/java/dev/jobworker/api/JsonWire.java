package dev.jobworker.api;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Timestamp;
import dev.jobworker.api.v1.JobSpec;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The messages of {@code jobworker.v1} as JSON and as texts, by their descriptors: so that no field of one transport is missing on another.
 *
 * <p>Names are in lowerCamelCase, values of enums without the prefix that their type gives them, times RFC 3339, durations "1.5s", 64-bit numbers are
 * numbers, bytes are base64. A fact that does not exist is left out; one that has a value, zero or an empty list too, is there. {@code JobSpec.environment}
 * is only in requests.
 *
 * <p>Readers of requests are strict: an unknown or repeated name, a wrong type, an unknown value, anything after the end is an error.
 */
public final class JsonWire {
    /** More than the deepest message has. */
    private static final int MAX_DEPTH = 16;

    private static final int MAX_DIGITS = 20;
    private static final Pattern DURATION = Pattern.compile("(-?)([0-9]{1,12})(?:\\.([0-9]{1,9}))?s");
    private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,19}");
    private static final String NANO_DIGITS = "000000000";

    private static final DefaultIndenter INDENTER = new DefaultIndenter("  ", "\n");

    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(MAX_DEPTH)
                            .maxNumberLength(MAX_DIGITS)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .defaultPrettyPrinter(
                    new DefaultPrettyPrinter().withObjectIndenter(INDENTER).withArrayIndenter(INDENTER))
            .build();

    private static final ObjectWriter INDENTED = JSON.writerWithDefaultPrettyPrinter();

    private JsonWire() {}

    // ---- Writing

    /** Returns {@code message} as one line. */
    public static String line(MessageOrBuilder message) {
        return JSON.writeValueAsString(node(message));
    }

    /** Returns {@code message} for people. */
    public static String document(MessageOrBuilder message) {
        return INDENTED.writeValueAsString(node(message));
    }

    /** Returns an array of messages for people. */
    public static String document(List<? extends MessageOrBuilder> messages) {
        ArrayNode array = JSON.createArrayNode();
        messages.forEach(message -> array.add(node(message)));
        return INDENTED.writeValueAsString(array);
    }

    /** Returns a request as one line: only what is not the default, and without the fields that travel {@code elsewhere}, by their names in the proto. */
    public static String request(Message message, Set<String> elsewhere) {
        return JSON.writeValueAsString(given(message, elsewhere));
    }

    private static ObjectNode given(Message message, Set<String> elsewhere) {
        ObjectNode object = JSON.createObjectNode();
        message.getAllFields().forEach((field, value) -> {
            if (!elsewhere.contains(field.getName())) {
                object.set(
                        field.getJsonName(),
                        value instanceof Message nested && !isTextual(field)
                                ? given(nested, Set.of())
                                : node(field, value));
            }
        });
        return object;
    }

    private static ObjectNode node(MessageOrBuilder message) {
        ObjectNode object = JSON.createObjectNode();
        for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
            boolean exists = field.hasPresence() ? message.hasField(field) : !isOnlyInRequests(field);
            if (exists) {
                object.set(field.getJsonName(), node(field, message.getField(field)));
            }
        }
        return object;
    }

    private static boolean isOnlyInRequests(FieldDescriptor field) {
        return field.getNumber() == JobSpec.ENVIRONMENT_FIELD_NUMBER
                && field.getContainingType().equals(JobSpec.getDescriptor());
    }

    private static JsonNode node(FieldDescriptor field, Object value) {
        if (field.isMapField()) {
            ObjectNode object = JSON.createObjectNode();
            FieldDescriptor valueField = field.getMessageType().findFieldByName("value");
            for (Object entry : (List<?>) value) {
                Message pair = (Message) entry;
                String name = (String) pair.getField(field.getMessageType().findFieldByName("key"));
                object.set(name, single(valueField, pair.getField(valueField)));
            }
            return object;
        }
        if (field.isRepeated()) {
            ArrayNode array = JSON.createArrayNode();
            ((List<?>) value).forEach(element -> array.add(single(field, element)));
            return array;
        }
        return single(field, value);
    }

    private static JsonNode single(FieldDescriptor field, Object value) {
        var nodes = JSON.getNodeFactory();
        return switch (field.getJavaType()) {
            case BOOLEAN -> nodes.booleanNode((Boolean) value);
            case INT -> nodes.numberNode((Integer) value);
            case LONG -> nodes.numberNode((Long) value);
            case MESSAGE -> isTextual(field) ? nodes.stringNode(text(field, value)) : node((Message) value);
            case STRING, ENUM, BYTE_STRING -> nodes.stringNode(text(field, value));
            case FLOAT, DOUBLE -> throw new IllegalArgumentException("no such field: " + field);
        };
    }

    /** Returns a value of a field, or an element of a repeated one, as a text. */
    public static String text(FieldDescriptor field, Object value) {
        return switch (value) {
            case EnumValueDescriptor constant ->
                constant.getName().substring(prefix(constant.getType()).length());
            case ByteString bytes -> Base64.getEncoder().encodeToString(bytes.toByteArray());
            case com.google.protobuf.Duration duration -> text(duration);
            case Timestamp time -> Fields.instant(time).toString();
            case Message pair
            when field.isMapField() ->
                pair.getField(field.getMessageType().findFieldByName("key")) + "="
                        + pair.getField(field.getMessageType().findFieldByName("value"));
            default -> value.toString();
        };
    }

    /** Returns "1.5s"; in the message both parts have one sign. */
    private static String text(com.google.protobuf.Duration duration) {
        String sign = duration.getSeconds() < 0 || duration.getNanos() < 0 ? "-" : "";
        String fraction = duration.getNanos() == 0
                ? ""
                : "."
                        + String.format(Locale.ROOT, "%09d", Math.abs(duration.getNanos()))
                                .replaceAll("0+$", "");
        return sign + Math.abs(duration.getSeconds()) + fraction + "s";
    }

    // ---- Reading

    /**
     * Reads a request, an object in UTF-8.
     *
     * @param elsewhere names in the proto of fields that are not read here, because they come in another way
     * @throws WorkerException MALFORMED_BODY, or INVALID_FIELD naming the field
     */
    public static <B extends Message.Builder> B readRequest(byte[] json, B into, Set<String> elsewhere) {
        try {
            read(parse(json), into, new Strictness(true, elsewhere), "");
            return into;
        } catch (CharacterCodingException notUtf8) {
            throw malformed("it is not UTF-8");
        } catch (JacksonException notJson) {
            throw malformed(notJson.getOriginalMessage());
        }
    }

    /**
     * Reads an answer. Names and values of enums that a newer server may send are passed over.
     *
     * @throws WorkerException INTERNAL for what makes no sense
     */
    public static <B extends Message.Builder> B readAnswer(byte[] json, B into) {
        return Fields.understood(() -> {
            try {
                read(parse(json), into, new Strictness(false, Set.of()), "");
                return into;
            } catch (CharacterCodingException | JacksonException | WorkerException nonsense) {
                throw new IllegalArgumentException(nonsense.getMessage(), nonsense);
            }
        });
    }

    private record Strictness(boolean strict, Set<String> elsewhere) {
        Strictness nested() {
            return new Strictness(strict, Set.of());
        }
    }

    private static ObjectNode parse(byte[] json) throws CharacterCodingException {
        String text = StandardCharsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(json))
                .toString();
        if (JSON.readTree(text) instanceof ObjectNode object) {
            return object;
        }
        throw malformed("it is not an object");
    }

    private static void read(ObjectNode object, Message.Builder into, Strictness strictness, String path) {
        for (Map.Entry<String, JsonNode> property : object.properties()) {
            Optional<FieldDescriptor> known = into.getDescriptorForType().getFields().stream()
                    .filter(f ->
                            f.getJsonName().equals(property.getKey()) && !strictness.elsewhere.contains(f.getName()))
                    .findFirst();
            if (known.isPresent()) {
                FieldDescriptor field = known.get();
                checkAlternatives(field, into, path);
                read(property.getValue(), field, into, strictness.nested(), path + field.getName());
            } else if (strictness.strict) {
                throw Fields.invalid(path + brief(property.getKey()), "is not known");
            }
        }
    }

    /** Refuses a second field of a oneof. */
    private static void checkAlternatives(FieldDescriptor field, Message.Builder into, String path) {
        OneofDescriptor alternatives = field.getRealContainingOneof();
        if (alternatives != null && into.hasOneof(alternatives)) {
            throw Fields.invalid(
                    path + field.getName(),
                    "cannot go with "
                            + into.getOneofFieldDescriptor(alternatives).getName());
        }
    }

    private static void read(
            JsonNode value, FieldDescriptor field, Message.Builder into, Strictness strictness, String path) {
        if (field.isMapField()) {
            FieldDescriptor valueField = field.getMessageType().findFieldByName("value");
            object(value, path)
                    .properties()
                    .forEach(entry -> addEntry(
                            into,
                            field,
                            string(entry.getKey(), path),
                            single(entry.getValue(), valueField, into, strictness, path)));
        } else if (field.isRepeated()) {
            if (!value.isArray()) {
                throw Fields.invalid(path, "is not an array");
            }
            value.forEach(element -> into.addRepeatedField(field, single(element, field, into, strictness, path)));
        } else if (strictness.strict || isKnown(value, field)) {
            into.setField(field, single(value, field, into, strictness, path));
        }
    }

    private static boolean isKnown(JsonNode value, FieldDescriptor field) {
        return field.getJavaType() != FieldDescriptor.JavaType.ENUM
                || (value.isString() && findConstant(field.getEnumType(), value.stringValue()) != null);
    }

    private static ObjectNode object(JsonNode value, String path) {
        if (value instanceof ObjectNode object) {
            return object;
        }
        throw Fields.invalid(path, "is not an object");
    }

    private static void addEntry(Message.Builder into, FieldDescriptor field, String name, Object value) {
        Message.Builder pair = into.newBuilderForField(field);
        Descriptor type = field.getMessageType();
        into.addRepeatedField(
                field,
                pair.setField(type.findFieldByName("key"), name)
                        .setField(type.findFieldByName("value"), value)
                        .build());
    }

    private static Object single(
            JsonNode value, FieldDescriptor field, Message.Builder into, Strictness strictness, String path) {
        return switch (field.getJavaType()) {
            case BOOLEAN -> {
                if (!value.isBoolean()) {
                    throw Fields.invalid(path, "is not true or false");
                }
                yield value.booleanValue();
            }
            case INT, LONG -> {
                if (!value.isIntegralNumber()) {
                    throw Fields.invalid(path, "is not a whole number");
                }
                yield parse(field, value.asString(), path);
            }
            case MESSAGE -> {
                if (isTextual(field)) {
                    yield parse(field, string(value, path), path);
                }
                Message.Builder nested = into.newBuilderForField(field);
                // As core names the fields of a spec.
                read(object(value, path), nested, strictness, path.equals("spec") ? "" : path + ".");
                yield nested.build();
            }
            case STRING, ENUM, BYTE_STRING -> parse(field, string(value, path), path);
            case FLOAT, DOUBLE -> throw new IllegalArgumentException("no such field: " + field);
        };
    }

    /** Whether it is a message that JSON has as a string. */
    private static boolean isTextual(FieldDescriptor field) {
        Descriptor type = field.getMessageType();
        return type.equals(com.google.protobuf.Duration.getDescriptor()) || type.equals(Timestamp.getDescriptor());
    }

    private static String string(JsonNode value, String path) {
        if (!value.isString()) {
            throw Fields.invalid(path, "is not a string");
        }
        return string(value.stringValue(), path);
    }

    private static String string(String text, String path) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw Fields.invalid(path, "contains an unpaired surrogate");
        }
        return text;
    }

    /**
     * Reads a text into a field: the value, an element more of a repeated one, or name=value for a map.
     *
     * @throws WorkerException INVALID_FIELD naming the field
     */
    public static void readText(String text, FieldDescriptor field, Message.Builder into) {
        String path = field.getName();
        checkAlternatives(field, into, "");
        if (field.isMapField()) {
            int end = text.indexOf('=');
            if (end < 0) {
                throw Fields.invalid(path, "are not of the form name=value");
            }
            FieldDescriptor valueField = field.getMessageType().findFieldByName("value");
            addEntry(into, field, text.substring(0, end), parse(valueField, text.substring(end + 1), path));
        } else if (field.isRepeated()) {
            into.addRepeatedField(field, parse(field, text, path));
        } else {
            into.setField(field, parse(field, text, path));
        }
    }

    private static Object parse(FieldDescriptor field, String text, String path) {
        return switch (field.getJavaType()) {
            case STRING -> text;
            case BOOLEAN -> {
                if (!text.equals("true") && !text.equals("false")) {
                    throw Fields.invalid(path, "is not true or false");
                }
                yield text.equals("true");
            }
            case INT -> (int) number(field, text, path);
            case LONG -> number(field, text, path);
            case ENUM -> constant(field.getEnumType(), text, path);
            case BYTE_STRING -> {
                try {
                    yield ByteString.copyFrom(Base64.getDecoder().decode(text));
                } catch (IllegalArgumentException notBase64) {
                    throw Fields.invalid(path, "is not base64");
                }
            }
            case MESSAGE ->
                field.getMessageType().equals(Timestamp.getDescriptor())
                        ? Fields.timestamp(time(text, path))
                        : duration(text, path);
            case FLOAT, DOUBLE -> throw new IllegalArgumentException("no such field: " + field);
        };
    }

    private static long number(FieldDescriptor field, String text, String path) {
        boolean unsigned =
                field.getType() == FieldDescriptor.Type.UINT32 || field.getType() == FieldDescriptor.Type.UINT64;
        boolean isInt = field.getJavaType() == FieldDescriptor.JavaType.INT;
        try {
            if (INTEGER.matcher(text).matches()) {
                long value = Long.parseLong(text);
                if ((!unsigned || value >= 0) && (!isInt || value == (int) value)) {
                    return value;
                }
                if (unsigned && value < 0) {
                    throw Fields.invalid(path, "is negative: " + value);
                }
            }
        } catch (NumberFormatException tooLarge) {
            // Said below.
        }
        throw Fields.invalid(path, "is not a whole number" + (isInt ? " of 32 bits" : " of 63 bits"));
    }

    private static EnumValueDescriptor constant(EnumDescriptor type, String text, String path) {
        EnumValueDescriptor constant = findConstant(type, text);
        if (constant == null) {
            throw Fields.invalid(
                    path,
                    "is none of "
                            + String.join(
                                    ", ",
                                    type.getValues().stream()
                                            .filter(value -> value.getNumber() != 0)
                                            .map(value -> value.getName()
                                                    .substring(prefix(type).length()))
                                            .toList()));
        }
        return constant;
    }

    private static @Nullable EnumValueDescriptor findConstant(EnumDescriptor type, String text) {
        EnumValueDescriptor constant = type.findValueByName(prefix(type) + text);
        return constant == null || constant.getNumber() == 0 ? null : constant;
    }

    /** Returns "JOB_STATE_" for JobState, as the lint rules of the proto have it. */
    private static String prefix(EnumDescriptor type) {
        String zero = type.findValueByNumber(0).getName();
        return zero.substring(0, zero.length() - "UNSPECIFIED".length());
    }

    private static Instant time(String text, String path) {
        try {
            return Instant.parse(text);
        } catch (DateTimeException notATime) {
            throw Fields.invalid(path, "is not a time such as 2026-01-31T12:00:00Z");
        }
    }

    private static com.google.protobuf.Duration duration(String text, String path) {
        Matcher matcher = DURATION.matcher(text);
        if (!matcher.matches()) {
            throw Fields.invalid(path, "is not a duration in seconds such as 1.5s");
        }
        String fraction = matcher.group(3) == null ? "" : matcher.group(3);
        Duration size = Duration.ofSeconds(
                Long.parseLong(matcher.group(2)), Long.parseLong((fraction + NANO_DIGITS).substring(0, 9)));
        return Fields.duration(matcher.group(1).isEmpty() ? size : size.negated());
    }

    private static String brief(String name) {
        return "'" + (name.length() > 64 ? name.substring(0, 64) + "..." : name) + "'";
    }

    private static WorkerException malformed(String problem) {
        return new WorkerException(Reason.MALFORMED_BODY, "the body is no JSON of this kind: " + problem);
    }
}
