package dev.jobworker.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The command without a subcommand, and the options of them all. */
@Command(
        name = "jobworker",
        description = "Runs Linux processes on a worker, keeps them, and streams their output.",
        footer = {
            "",
            "Start with: jobworker quickstart",
            "Without a server (--server, JOBWORKER_SERVER, config.yaml) jobs run on this machine.",
            "Exit codes: run gives the job's own; 2 usage, 69 no such job, 75 try again later, 77 not allowed, 125 unexpected."
        },
        synopsisSubcommandLabel = "COMMAND",
        sortOptions = false)
final class Root {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            scope = ScopeType.INHERIT,
            description = "Show this help and exit.")
    boolean help;

    @Option(names = "--verbose", scope = ScopeType.INHERIT, description = "Show stack traces and more of the log.")
    boolean verbose;
}
