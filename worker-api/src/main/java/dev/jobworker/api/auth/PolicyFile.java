package dev.jobworker.api.auth;

import com.fasterxml.jackson.annotation.Nulls;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** The YAML form of a {@link Policy}. Anything that is not understood refuses the whole file. */
final class PolicyFile {
    private static final int VERSION = 1;
    private static final long MAX_FILE_BYTES = 4 << 20;

    private static final YAMLMapper YAML = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .changeDefaultNullHandling(nulls -> nulls.withContentNulls(Nulls.FAIL))
            .build();

    record Content(
            @Nullable Integer version,
            @Nullable String trustDomain,
            @Nullable List<Binding> bindings,
            @Nullable Denied denied,
            @Nullable Map<String, RoleLimits> limits) {}

    record Binding(@Nullable String identity, @Nullable String role) {}

    record Denied(
            @Nullable List<String> identities, @Nullable List<String> serials) {}

    record RoleLimits(
            @Nullable Integer runningJobs, @Nullable Integer streams) {}

    private final Path file;
    private final Content content;
    private final String trustDomain;

    private PolicyFile(Path file, Content content) throws IOException {
        this.file = file;
        this.content = content;
        if (content.version == null || content.version != VERSION) {
            throw problem("version", "is " + content.version + ", this program reads " + VERSION);
        }
        this.trustDomain = required("trustDomain", content.trustDomain);
    }

    static Policy load(Path file) throws IOException {
        PolicyFile policyFile = new PolicyFile(file, parse(file));
        try {
            return new Policy(
                    policyFile.trustDomain,
                    policyFile.bindings(),
                    policyFile.deniedIdentities(),
                    policyFile.deniedSerials(),
                    policyFile.limits());
        } catch (IllegalArgumentException invalid) {
            throw new IOException(file + ": " + invalid.getMessage(), invalid);
        }
    }

    private static Content parse(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new IOException(file + ": is larger than " + MAX_FILE_BYTES + " bytes");
            }
            Content content = YAML.readValue(Files.readAllBytes(file), Content.class);
            if (content == null) {
                throw new IOException(file + ": is empty");
            }
            return content;
        } catch (NoSuchFileException absent) {
            throw new IOException(file + ": no such file", absent);
        } catch (JacksonException malformed) {
            throw new IOException(file + place(malformed) + ": " + explain(malformed), malformed);
        }
    }

    private Map<String, Role> bindings() throws IOException {
        Map<String, Role> roles = new HashMap<>();
        int index = 0;
        for (Binding binding : orEmpty(content.bindings)) {
            String place = "bindings[" + index++ + "]";
            String identity = identity(place + ".identity", binding.identity);
            if (roles.put(identity, role(place + ".role", binding.role)) != null) {
                throw problem(place, "binds " + identity + " a second time");
            }
        }
        return roles;
    }

    private Set<String> deniedIdentities() throws IOException {
        Set<String> identities = new HashSet<>();
        int index = 0;
        for (String identity : orEmpty(denied().identities)) {
            identities.add(identity("denied.identities[" + index++ + "]", identity));
        }
        return identities;
    }

    private Set<BigInteger> deniedSerials() throws IOException {
        Set<BigInteger> serials = new HashSet<>();
        int index = 0;
        for (String serial : orEmpty(denied().serials)) {
            String place = "denied.serials[" + index++ + "]";
            String digits = required(place, serial).replace(":", "");
            if (!digits.matches("[0-9A-Fa-f]{1,64}")) {
                throw problem(place, "is not a hexadecimal number as openssl x509 -serial prints it, in quotes");
            }
            serials.add(new BigInteger(digits, 16));
        }
        return serials;
    }

    private Denied denied() {
        return content.denied == null ? new Denied(null, null) : content.denied;
    }

    private Map<Role, Policy.Limits> limits() throws IOException {
        Map<Role, Policy.Limits> limits = new HashMap<>();
        Map<String, RoleLimits> entries = content.limits == null ? Map.of() : content.limits;
        for (var entry : entries.entrySet()) {
            String place = "limits." + entry.getKey();
            Role role = role(place, entry.getKey());
            RoleLimits values = entry.getValue();
            limits.put(
                    role,
                    new Policy.Limits(
                            limit(place + ".runningJobs", values.runningJobs, Policy.Limits.DEFAULTS.runningJobs()),
                            limit(place + ".streams", values.streams, Policy.Limits.DEFAULTS.streams())));
        }
        return limits;
    }

    private int limit(String place, @Nullable Integer value, int byDefault) throws IOException {
        if (value == null) {
            return byDefault;
        }
        if (value < 0) {
            throw problem(place, "is negative: " + value);
        }
        return value;
    }

    private String identity(String place, @Nullable String text) throws IOException {
        String identity = required(place, text);
        if (!CertificateRules.isSpiffeId(identity, trustDomain)) {
            throw problem(
                    place, "is not of the form spiffe://" + trustDomain + "/user/<name> or /svc/<name>: " + identity);
        }
        return identity;
    }

    private Role role(String place, @Nullable String label) throws IOException {
        return Role.parse(required(place, label))
                .orElseThrow(() -> problem(place, "is not one of user, viewer, operator, admin: " + label));
    }

    private String required(String place, @Nullable String value) throws IOException {
        if (value == null) {
            throw problem(place, "is missing");
        }
        return value;
    }

    private IOException problem(String place, String problem) {
        return new IOException(file + ": " + place + " " + problem);
    }

    private static String place(JacksonException malformed) {
        TokenStreamLocation location = malformed.getLocation();
        return location == null ? "" : ":" + location.getLineNr() + ":" + location.getColumnNr();
    }

    private static String explain(JacksonException malformed) {
        return switch (malformed) {
            case UnrecognizedPropertyException unknown -> "unknown key \"" + unknown.getPropertyName() + "\"";
            case DatabindException wrong ->
                wrong.getPathReference().replaceAll("[A-Za-z0-9_.$]+\\$", "") + ": " + wrong.getOriginalMessage();
            default -> malformed.getOriginalMessage();
        };
    }

    private static <T> List<T> orEmpty(@Nullable List<T> list) {
        return list == null ? List.of() : list;
    }
}
