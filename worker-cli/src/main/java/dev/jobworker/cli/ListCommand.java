package dev.jobworker.cli;

import dev.jobworker.api.JobPage;
import dev.jobworker.api.JobQuery;
import dev.jobworker.core.Job;
import dev.jobworker.core.JobFilter;
import dev.jobworker.core.JobState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Lists jobs. */
@Command(name = "list", description = "List jobs, newest first.")
final class ListCommand implements Callable<Integer> {
    private final Console console;

    @Mixin
    private final ConnectionOptions connection = new ConnectionOptions();

    @Option(names = "--state", paramLabel = "STATE", description = "Only jobs in one of these states.")
    private Set<JobState> states = Set.of();

    @Option(names = "--label", paramLabel = "K=V", description = "Only jobs with all of these labels.")
    private Map<String, String> labels = Map.of();

    @Option(names = "--owner", paramLabel = "SPIFFE-ID", description = "Only jobs of this owner.")
    private @Nullable String owner;

    @Option(names = "--all", description = "All of them, not only the newest 100.")
    private boolean all;

    @Option(names = "-o", paramLabel = "table|json|jsonl", description = "Format.")
    private Format format = Format.TABLE;

    ListCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        return connection.use(console, worker -> {
            JobFilter filter = new JobFilter(states, owner, labels);
            List<Job> jobs = new ArrayList<>();
            String token = "";
            do {
                JobPage page = worker.list(new JobQuery(filter, all ? JobQuery.MAX_PAGE_SIZE : 0, token));
                jobs.addAll(page.jobs());
                token = page.nextPageToken();
            } while (all && !token.isEmpty());
            console.print(format.list(jobs, console.colouredOut()));
            if (!token.isEmpty()) {
                console.say("there are more jobs: see --all");
            }
            return ExitCodes.OK;
        });
    }
}
