package dev.jobworker.api.auth;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Who may use a worker: an immutable answer to every question about an identity. Who is not named may do nothing.
 *
 * @param trustDomain the only one whose certificates are accepted
 * @param bindings the role of each SPIFFE ID
 * @param deniedIdentities refused whatever their certificates say
 * @param deniedSerials serial numbers of certificates that are refused
 * @param limits by role; roles that are absent have {@link Limits#DEFAULTS}
 */
public record Policy(
        String trustDomain,
        Map<String, Role> bindings,
        Set<String> deniedIdentities,
        Set<BigInteger> deniedSerials,
        Map<Role, Limits> limits) {

    private static final Pattern TRUST_DOMAIN = Pattern.compile("[a-z0-9][a-z0-9._-]{0,254}");

    public Policy {
        if (!TRUST_DOMAIN.matcher(trustDomain).matches()) {
            throw new IllegalArgumentException("trustDomain is not a name in lower case");
        }
        bindings = Map.copyOf(bindings);
        deniedIdentities = Set.copyOf(deniedIdentities);
        deniedSerials = Set.copyOf(deniedSerials);
        limits = Map.copyOf(limits);
        for (String identity : bindings.keySet()) {
            if (!CertificateRules.isSpiffeId(identity, trustDomain)) {
                throw new IllegalArgumentException("not an identity of " + trustDomain + ": " + identity);
            }
        }
    }

    /** Returns a policy of bindings alone. */
    public static Policy of(String trustDomain, Map<String, Role> bindings) {
        return new Policy(trustDomain, bindings, Set.of(), Set.of(), Map.of());
    }

    /**
     * Reads a policy file.
     *
     * @throws IOException naming the file, the place and the problem
     */
    public static Policy load(Path file) throws IOException {
        return PolicyFile.load(file);
    }

    /** Returns the role of an identity, or empty if it may do nothing. */
    public Optional<Role> role(String spiffeId) {
        return Optional.ofNullable(bindings.get(spiffeId));
    }

    public Limits limits(Role role) {
        return limits.getOrDefault(role, Limits.DEFAULTS);
    }

    /**
     * What one identity may have at a time.
     *
     * @param runningJobs jobs of its own that are not final
     * @param streams open readers of output and writers of input
     */
    public record Limits(int runningJobs, int streams) {
        public static final Limits DEFAULTS = new Limits(50, 100);

        public Limits {
            if (runningJobs < 0 || streams < 0) {
                throw new IllegalArgumentException("a limit is negative");
            }
        }
    }
}
