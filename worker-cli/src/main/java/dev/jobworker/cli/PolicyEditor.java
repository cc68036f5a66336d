package dev.jobworker.cli;

import dev.jobworker.api.auth.Policy;
import dev.jobworker.api.auth.Role;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Changes a policy file. It is read, changed and written as a whole: comments are lost, the order of keys is kept. */
final class PolicyEditor {
    private final Path file;
    private final Policy before;
    private final ObjectNode content;
    private boolean changed;

    private PolicyEditor(Path file, Policy before, ObjectNode content) {
        this.file = file;
        this.before = before;
        this.content = content;
    }

    /** Writes a new policy that lets nobody do anything. */
    static void create(Path file, String trustDomain) throws IOException {
        String text = """
                version: 1
                trustDomain: "%s"
                bindings: []
                denied: {identities: [], serials: []}
                """.formatted(trustDomain);
        PemFiles.create(file, text, "rw-r--r--");
    }

    static PolicyEditor read(Path file) {
        try {
            return new PolicyEditor(file, Policy.load(file), Yaml.read(file));
        } catch (IOException e) {
            throw new CliException(ExitCodes.USAGE, e.getMessage() == null ? file + ": " + e : e.getMessage(), e);
        }
    }

    String trustDomain() {
        return before.trustDomain();
    }

    void bind(String identity, Role role) {
        Optional<Role> bound = before.role(identity);
        if (bound.isPresent()) {
            if (bound.get() != role) {
                throw new CliException(
                        ExitCodes.FAILED,
                        file + ": " + identity + " has the role " + bound.get().label() + " already");
            }
            return;
        }
        ObjectNode binding = array(content, "bindings").addObject();
        binding.put("identity", identity);
        binding.put("role", role.label());
        changed = true;
    }

    void deny(BigInteger serial) {
        if (!before.deniedSerials().contains(serial)) {
            JsonNode denied = content.get("denied");
            ObjectNode object = denied instanceof ObjectNode present ? present : content.putObject("denied");
            array(object, "serials").add(serial.toString(16));
            changed = true;
        }
    }

    void save() throws IOException {
        if (changed) {
            PemFiles.replace(file, Yaml.write(content));
        }
    }

    private static ArrayNode array(ObjectNode object, String name) {
        return object.get(name) instanceof ArrayNode present ? present : object.putArray(name);
    }
}
