package dev.jobworker.cli;

import dev.jobworker.api.auth.Role;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A small certificate authority, for those who have none. Stays on this machine; needs no server. */
@Command(
        name = "ca",
        description = "Make certificates: a small authority in a folder.",
        synopsisSubcommandLabel = "COMMAND")
final class CaCommand {
    private final Console console;

    CaCommand(Console console) {
        this.console = console;
    }

    @Command(
            name = "init",
            description = "Make DIR/ca.crt (10 years), DIR/ca.key and DIR/policy.yaml with no bindings.")
    int init(
            @Option(names = "--dir", paramLabel = "DIR", required = true) Path directory,
            @Option(
                            names = "--trust-domain",
                            paramLabel = "NAME",
                            defaultValue = "example.test",
                            description = "Default: ${DEFAULT-VALUE}.")
                    String trustDomain)
            throws IOException {
        CertificateAuthority.init(console.directory().resolve(directory), trustDomain);
        console.say("made ca.crt, ca.key (keep it secret) and policy.yaml in " + directory);
        return ExitCodes.OK;
    }

    @Command(
            name = "issue",
            description = {
                "Make a certificate and its key: DIR/NAME.crt and DIR/NAME.key, for a server DIR/server.*.",
                "Existing files are never overwritten."
            })
    int issue(
            @Option(names = "--dir", paramLabel = "DIR", required = true) Path directory,
            @ArgGroup(multiplicity = "1") Subject subject,
            @Option(
                            names = "--role",
                            paramLabel = "ROLE",
                            description = "Bind user, viewer, operator or admin to it in DIR/policy.yaml.")
                    @Nullable
                    Role role,
            @Option(
                            names = "--valid",
                            paramLabel = "TIME",
                            defaultValue = "24h",
                            description = "Default: ${DEFAULT-VALUE}.")
                    Duration valid)
            throws IOException {
        if (subject.server != null && role != null) {
            throw CliException.usage("a server has no role: --role goes with --user or --service");
        }
        try (CertificateAuthority authority =
                CertificateAuthority.open(console.directory().resolve(directory))) {
            if (subject.server != null) {
                authority.issueServer(List.of(subject.server.split(",", -1)), valid);
            } else if (subject.user != null) {
                authority.issueClient("user", subject.user, role, valid);
            } else if (subject.service != null) {
                authority.issueClient("svc", subject.service, role, valid);
            }
        }
        String name = subject.server != null ? "server" : subject.user != null ? subject.user : subject.service;
        console.say("made " + name + ".crt, valid until "
                + Instant.now().plus(valid).truncatedTo(ChronoUnit.SECONDS) + ", and " + name + ".key in " + directory);
        return ExitCodes.OK;
    }

    @Command(
            name = "revoke",
            description = {"Add DIR/NAME.crt to DIR/crl.pem and to the denied serials of DIR/policy.yaml."})
    int revoke(
            @Option(names = "--dir", paramLabel = "DIR", required = true) Path directory,
            @Parameters(paramLabel = "NAME") String name)
            throws IOException {
        try (CertificateAuthority authority =
                CertificateAuthority.open(console.directory().resolve(directory))) {
            authority.revoke(name);
        }
        console.say("revoked " + name + ": refused by every server that starts with " + directory
                + "/policy.yaml from now on");
        return ExitCodes.OK;
    }

    /** Exactly one. */
    static final class Subject {
        @Option(names = "--user", paramLabel = "NAME", description = "A person.")
        @Nullable
        String user;

        @Option(names = "--service", paramLabel = "NAME", description = "A program.")
        @Nullable
        String service;

        @Option(names = "--server", paramLabel = "HOST[,HOST|IP...]", description = "A server with these names.")
        @Nullable
        String server;
    }
}
