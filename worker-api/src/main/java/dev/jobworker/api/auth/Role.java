package dev.jobworker.api.auth;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What an identity is to the worker. {@link Action} says what each may do. */
public enum Role {
    /** Runs jobs and sees only its own. */
    USER,
    /** Sees everything and changes nothing. */
    VIEWER,
    /** Sees everything, and stops what must be stopped. */
    OPERATOR,
    /** Everything. */
    ADMIN;

    /** Returns the name that policy files use, "user" for example. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns the role with this {@link #label}, or empty. */
    public static Optional<Role> parse(String label) {
        return Arrays.stream(values())
                .filter(role -> role.label().equals(label))
                .findFirst();
    }
}
