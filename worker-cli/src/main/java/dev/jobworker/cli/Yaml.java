package dev.jobworker.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** YAML files: read strictly, so that a misspelt key is an error and not a default. */
final class Yaml {
    private static final YAMLMapper MAPPER = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private Yaml() {}

    /** Reads a file of keys with simple values; only {@code keys} may occur. */
    static Map<String, String> readFlat(Path file, Set<String> keys) {
        Map<String, String> values = new LinkedHashMap<>();
        read(file).properties().forEach(entry -> {
            if (!keys.contains(entry.getKey())) {
                throw CliException.usage(file + ": unknown key '" + entry.getKey() + "'; known are "
                        + String.join(", ", new TreeSet<>(keys)));
            }
            if (!entry.getValue().isValueNode() || entry.getValue().isNull()) {
                throw CliException.usage(file + ": " + entry.getKey() + " has no simple value");
            }
            values.put(entry.getKey(), entry.getValue().asString());
        });
        return values;
    }

    /** Reads a file with an object at its top. */
    static ObjectNode read(Path file) {
        try {
            JsonNode node = MAPPER.readTree(Files.readString(file));
            if (node instanceof ObjectNode object) {
                return object;
            }
            if (node.isMissingNode() || node.isNull()) {
                return MAPPER.createObjectNode(); // empty, or comments only
            }
            throw CliException.usage(file + ": is not a mapping of keys to values");
        } catch (IOException e) {
            throw new CliException(ExitCodes.USAGE, "cannot read " + FileErrors.describe(file, e), e);
        } catch (JacksonException e) {
            throw new CliException(
                    ExitCodes.USAGE,
                    file + ": is not valid YAML: " + e.getOriginalMessage() + " (line "
                            + e.getLocation().getLineNr() + ")",
                    e);
        }
    }

    static String write(ObjectNode object) {
        return MAPPER.writeValueAsString(object);
    }
}
