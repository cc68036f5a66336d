package dev.jobworker.https;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.jobworker.api.JsonWire;
import dev.jobworker.api.Reason;
import dev.jobworker.api.WorkerException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.eclipse.jetty.util.Fields;

/** What of a request comes in its query: the names there, and the fields of the message that they stand for. */
final class Parameters {
    static final Parameters NONE = new Parameters(Map.of());
    static final Parameters OF_GET = new Parameters(Map.of("wait", "wait_terminal"));
    static final Parameters OF_LIST = new Parameters(Map.of(
            "pageSize", "page_size",
            "pageToken", "page_token",
            "state", "states",
            "owner", "owner",
            "label", "labels"));
    static final Parameters OF_OUTPUT = new Parameters(Map.of(
            "stream", "stream",
            "offset", "offset",
            "tail", "tail_bytes",
            "tailLines", "tail_lines",
            "follow", "follow",
            "limit", "limit_bytes"));

    static final Parameters OF_INPUT = new Parameters(Map.of("offset", "offset", "end", "end"));

    private final Map<String, String> fields;

    private Parameters(Map<String, String> fields) {
        this.fields = fields;
    }

    /** Returns the name of the parameter for each field. */
    Map<String, String> fields() {
        return fields;
    }

    /** Reads a query; an unknown name is an error, and a repeated one where there can be only one value. */
    <B extends Message.Builder> B read(Fields query, B into) {
        for (Fields.Field parameter : query) {
            String name = fields.get(parameter.getName());
            if (name == null) {
                throw invalid(quoted(parameter.getName()), "is not a parameter of this request");
            }
            FieldDescriptor field = into.getDescriptorForType().findFieldByName(name);
            if (parameter.getValues().size() > 1 && !field.isRepeated()) {
                throw invalid(parameter.getName(), "is given more than once");
            }
            for (String value : parameter.getValues()) {
                boolean named = field.getJavaType() == FieldDescriptor.JavaType.ENUM;
                JsonWire.readText(named ? value.toUpperCase(Locale.ROOT) : value, field, into);
            }
        }
        return into;
    }

    static WorkerException invalid(String name, String problem) {
        return new WorkerException(Reason.INVALID_FIELD, name + " " + problem, Map.of("field", name), null);
    }

    private static String quoted(String name) {
        return "'" + (name.length() > 64 ? name.substring(0, 64) + "..." : name) + "'";
    }

    /** Returns the query, with its question mark, that says what {@code message} does. */
    String write(Message message) {
        List<String> query = new ArrayList<>();
        fields.forEach((name, fieldName) -> {
            FieldDescriptor field = message.getDescriptorForType().findFieldByName(fieldName);
            if (field.isRepeated()) {
                ((List<?>) message.getField(field)).forEach(value -> query.add(pair(name, field, value)));
            } else if (message.hasField(field)) {
                query.add(pair(name, field, message.getField(field)));
            }
        });
        return query.isEmpty() ? "" : "?" + String.join("&", query);
    }

    private static String pair(String name, FieldDescriptor field, Object value) {
        return name + "=" + URLEncoder.encode(JsonWire.text(field, value), StandardCharsets.UTF_8);
    }

    /** Returns what clients of this transport call a field of the messages; a name that they have chosen themselves stays, in quotes. */
    static String nameOf(String field) {
        if (field.startsWith("'")) {
            return field;
        }
        if (field.equals("request_id")) {
            return "Idempotency-Key";
        }
        Optional<String> parameter = Stream.of(OF_GET, OF_LIST, OF_OUTPUT)
                .flatMap(all -> all.fields.entrySet().stream())
                .filter(entry -> entry.getValue().equals(field) && !field.equals("labels"))
                .map(Map.Entry::getKey)
                .findFirst();
        return parameter.orElseGet(() -> camelCase(field));
    }

    private static String camelCase(String field) {
        StringBuilder name = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            boolean joins = c == '_' && i + 1 < field.length() && i > 0;
            name.append(joins ? Character.toUpperCase(field.charAt(++i)) : c);
        }
        return name.toString();
    }
}
