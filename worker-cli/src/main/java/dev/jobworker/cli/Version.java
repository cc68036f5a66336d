package dev.jobworker.cli;

import org.jspecify.annotations.Nullable;

/** Which version this program is. */
final class Version {
    /** Only the jar knows; classes of a build tree are of no version yet. */
    static final String TEXT = text();

    private Version() {}

    private static String text() {
        @Nullable String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }
}
