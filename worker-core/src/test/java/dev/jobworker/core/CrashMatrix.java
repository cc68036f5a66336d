package dev.jobworker.core;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The crash matrix: a client that keeps its own books, and workers that are killed under it, one after the other, on one state directory. What a
 * worker acknowledged must be there after it; what was asked for must have run once; every byte must be as printed; nothing may be left.
 *
 * <p>Everything in this class but the reading of the worker's lines runs in one thread. What is drawn depends on the seed alone, what happens also
 * on the machine.
 */
final class CrashMatrix {
    private static final long PATIENCE_SECONDS = 60;
    private static final int VIOLATIONS_MAX = 20;
    private static final int RETAINED_MAX = 40;
    private static final int IDLE_MILLIS = 1500;

    private final Settings settings;
    private final Path state;
    private final CrashJob.Source source;
    private final List<String> violations = new ArrayList<>();
    private final Map<String, Row> rows = new TreeMap<>();
    private final Set<FaultPoint> reached = EnumSet.noneOf(FaultPoint.class);
    private final Map<String, CrashClient> clients = new TreeMap<>();
    private final Set<String> deletedIds = new HashSet<>();
    private final Map<String, Command> pending = new HashMap<>();

    private CrashRound round;
    private Process spare;
    private @Nullable Process worker;
    private @Nullable Writer commands;
    private int lastCommand;
    private int answers;
    private boolean loaded;
    private boolean closing;
    private boolean launcherKilled;
    private boolean helperKilled;
    private boolean stepDied;
    private final Set<String> listed = new HashSet<>();
    private final Set<CrashClient> resumed = new HashSet<>();

    /**
     * @param kills how many workers to kill
     * @param directory an empty one, for the state directory and for what the jobs leave
     */
    record Settings(long seed, int kills, Path directory) {}

    /** What came of it. */
    record Result(Map<String, Row> rows, Set<FaultPoint> reached, List<String> violations) {}

    /** A line of the table. */
    static final class Row {
        final String scenario;
        final String what;
        int repetitions;
        int violations;

        Row(String scenario, String what) {
            this.scenario = scenario;
            this.what = what;
        }
    }

    private record Command(
            String word, CrashClient client, @Nullable CrashReading reading) {}

    private CrashMatrix(Settings settings) throws IOException {
        this.settings = settings;
        state = settings.directory.resolve("state");
        source = new CrashJob.Source(
                settings.directory, "%06d".formatted(ProcessHandle.current().pid() % 1_000_000));
        Files.createDirectories(settings.directory.resolve("runs"));
        Files.createDirectories(settings.directory.resolve("gates"));
        round = CrashRound.draw(settings.seed, 0, true, source);
        spare = spawn();
    }

    /** Usage: {@code CrashMatrix [--seed N] [--kills N] [--directory EMPTY]}. */
    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) throws Exception {
        long seed = System.nanoTime() % 1_000_000;
        int kills = 1000;
        Path directory = null;
        for (int i = 0; i + 1 < args.length; i += 2) {
            switch (args[i]) {
                case "--seed" -> seed = Long.parseLong(args[i + 1]);
                case "--kills" -> kills = Integer.parseInt(args[i + 1]);
                case "--directory" -> directory = Path.of(args[i + 1]);
                default -> throw new IllegalArgumentException(args[i]);
            }
        }
        Result result = run(new Settings(seed, kills, directory == null ? temporary() : directory));
        print(result.rows.values());
        System.exit(result.violations.isEmpty() ? 0 : 1);
    }

    /** Makes a directory, in memory if the machine has that: this is about processes, not about disks. */
    static Path temporary() throws IOException {
        Path memory = Path.of("/dev/shm");
        return Files.isWritable(memory)
                ? Files.createTempDirectory(memory, "jobworker-crash")
                : Files.createTempDirectory("jobworker-crash");
    }

    /** Prints lines that {@code .ci/torture} puts into its table. */
    static void print(Iterable<Row> rows) {
        for (Row row : rows) {
            System.out.println("row\t" + row.scenario + "\t" + row.what + "\t" + row.repetitions + "\t"
                    + (row.violations == 0 ? "held" : "VIOLATED " + row.violations + " times"));
        }
    }

    static Result run(Settings settings) throws IOException, InterruptedException {
        CrashMatrix matrix = new CrashMatrix(settings);
        System.out.println(
                "crash matrix: seed " + settings.seed + ", " + settings.kills + " kills, in " + settings.directory);
        matrix.runAll();
        if (matrix.violations.isEmpty()) {
            removeTree(settings.directory);
        }
        return new Result(matrix.rows, matrix.reached, matrix.violations);
    }

    static void removeTree(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        }
    }

    private void runAll() throws IOException, InterruptedException {
        int killed = 0;
        try {
            for (int number = 1; killed < settings.kills && violations.size() < VIOLATIONS_MAX; number++) {
                runRound(CrashRound.draw(settings.seed, number, false, source));
                if (!round.settling() && !(round.death() instanceof CrashRound.Death.Close)) {
                    killed++;
                }
                if (number % 50 == 0) {
                    System.out.println("crash matrix: round " + number + ", " + killed + " kills, " + clients.size()
                            + " jobs on the books");
                }
            }
            for (CrashClient client : clients.values()) {
                client.forgetReadings();
            }
            runRound(CrashRound.draw(settings.seed, round.number() + 1, true, source));
        } finally {
            spare.destroyForcibly().waitFor();
            if (worker != null) {
                worker.destroyForcibly().waitFor();
            }
            clients.values().forEach(CrashClient::close);
        }
    }

    // ---- one round

    private void runRound(CrashRound next) throws IOException, InterruptedException {
        round = next;
        answers = 0;
        loaded = closing = launcherKilled = helperKilled = stepDied = false;
        pending.clear();
        listed.clear();
        resumed.clear();
        for (CrashClient client : clients.values()) {
            if (client.job.kind().gated && client.job.releasedWhileDown() && gateIsDue(client) && client.isRunning()) {
                client.release();
                count("s16", "jobs told to end while no worker runs");
            }
        }
        if (round.helperKillAfter() < 0) {
            killHelper();
        }
        BlockingQueue<String> lines = open();
        live(lines);
        Process dead = worker;
        if (dead == null || !dead.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            violate(null, "the worker does not end");
        }
        worker = null;
        countRound();
        if (round.settling()) {
            settle();
        }
    }

    private void countRound() {
        if (round.death() instanceof CrashRound.Death.AtFault(FaultPoint point, int _) && !round.settling()) {
            if (stepDied) {
                reached.add(point);
                count(round.scenario(), round.what());
            } else {
                count("s15 s16 s17", "worker killed before it came to its fault point");
            }
        } else {
            count(round.scenario(), round.what());
        }
    }

    private Row row(String scenario, String what) {
        return rows.computeIfAbsent(scenario + what, _ -> new Row(scenario, what));
    }

    private void count(String scenario, String what) {
        row(scenario, what).repetitions++;
    }

    private void violate(@Nullable CrashClient client, String problem) {
        String text = "VIOLATION: seed " + settings.seed + ", round " + round.number() + " (" + round.what() + ", "
                + round.death() + ", helpers " + round.helperKill() + " at " + round.helperKillAfter() + "): "
                + (client == null ? "" : client + ": ") + problem;
        System.out.println(text);
        violations.add(text);
        row(round.scenario(), round.what()).violations++;
    }

    private void violate(CrashClient client, List<String> problems) {
        problems.forEach(problem -> violate(client, problem));
    }

    /** Starts a JVM, which waits to be told to be a worker: so that most of its start falls into the life of the one before it. */
    private Process spawn() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-cp",
                        System.getProperty("java.class.path")
                                + System.getProperty("path.separator")
                                + System.getProperty("jdk.module.path", ""),
                        CrashWorker.class.getName())
                .redirectError(ProcessBuilder.Redirect.appendTo(
                        settings.directory.resolve("worker.log").toFile()))
                .start();
    }

    private BlockingQueue<String> open() throws IOException {
        Process process = spare;
        spare = spawn();
        worker = process;
        commands = process.outputWriter(StandardCharsets.UTF_8);
        String fault = "- 0";
        if (round.death() instanceof CrashRound.Death.AtFault at && !round.settling()) {
            fault = at.point() + " " + at.pass();
        }
        BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        Thread.ofVirtual().start(() -> read(process, lines));
        write(state + " " + round.sync() + " " + round.onWorkerDeath() + " " + fault);
        return lines;
    }

    /** An empty line stands for the end. */
    private static void read(Process process, BlockingQueue<String> lines) {
        try (BufferedReader reader = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (line.endsWith(" .")) {
                    lines.add(line.substring(0, line.length() - 2));
                }
            }
        } catch (IOException killed) {
            // Its pipe ends with it.
        } finally {
            lines.add("");
        }
    }

    private void live(BlockingQueue<String> lines) throws IOException, InterruptedException {
        long hang = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        long due = hang;
        if (!round.settling()) {
            due = switch (round.death()) {
                case CrashRound.Death.AtOpening(int millis) -> in(millis);
                case CrashRound.Death.AtFault _,
                        CrashRound.Death.AfterAnswers _,
                        CrashRound.Death.AfterReady _,
                        CrashRound.Death.Close _ -> hang;
            };
        }
        while (true) {
            String line = lines.poll(due - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (line == null) {
                if (due == hang) {
                    violate(
                            null,
                            "nothing happens for " + PATIENCE_SECONDS + " s; unanswered: " + pending.values()
                                    + "; not settled: " + unsettled());
                }
                if (round.death() instanceof CrashRound.Death.Close && due != hang) {
                    due = hang;
                    close();
                    continue;
                }
                kill();
                return;
            }
            if (line.isEmpty()) {
                if (!closing) {
                    violate(null, "the worker died by itself");
                }
                return;
            }
            List<String> words = List.of(line.split(" "));
            switch (words.get(1)) {
                case "ready" -> {
                    send("list", "list", null, null);
                    if (!round.settling()) {
                        due = switch (round.death()) {
                            case CrashRound.Death.AfterReady(int millis) -> in(millis);
                            case CrashRound.Death.Close(int millis) -> in(millis);
                            case CrashRound.Death.AtFault _, CrashRound.Death.AfterAnswers _ -> in(4 * IDLE_MILLIS);
                            case CrashRound.Death.AtOpening _ -> due;
                        };
                    }
                }
                case "fault" -> {
                    stepDied = true;
                    kill();
                    return;
                }
                default -> {
                    answers++;
                    take(words.get(0), words.get(1), words.subList(2, words.size()));
                    boolean waitsForMore = due == hang;
                    hang = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
                    if (waitsForMore) {
                        due = hang;
                    } else if (loaded && isDeathByCount()) {
                        due = in(IDLE_MILLIS);
                    }
                }
            }
            if (!round.settling()
                    && round.death() instanceof CrashRound.Death.AfterAnswers(int wanted)
                    && answers >= wanted) {
                kill();
                return;
            }
            if (answers >= round.helperKillAfter()) {
                killHelper();
            }
            if (round.settling() && loaded && !closing && pending.isEmpty()) {
                if (unsettled().isEmpty()) {
                    close();
                }
            }
        }
    }

    /** Such a worker is killed as well if it has nothing more to say. */
    private boolean isDeathByCount() {
        return !round.settling()
                && (round.death() instanceof CrashRound.Death.AtFault
                        || round.death() instanceof CrashRound.Death.AfterAnswers);
    }

    private static long in(int millis) {
        return System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    }

    private List<CrashClient> unsettled() {
        return clients.values().stream().filter(client -> !client.isSettled()).toList();
    }

    private void kill() throws InterruptedException {
        Process process = worker;
        if (process != null) {
            process.destroyForcibly().waitFor();
        }
    }

    private void close() throws IOException {
        closing = true;
        write(++lastCommand + " close");
    }

    // ---- commands and answers

    private void send(String word, String text, @Nullable CrashClient client, @Nullable CrashReading reading) {
        int number = ++lastCommand;
        if (client != null) {
            pending.put(Integer.toString(number), new Command(word, client, reading));
        }
        write(number + " " + text);
    }

    /** What cannot be written to a dead worker is not answered either. */
    private void write(String line) {
        Writer writer = commands;
        if (writer == null || (closing && !line.endsWith("close"))) {
            return;
        }
        try {
            writer.write(line + "\n");
            writer.flush();
        } catch (IOException dead) {
            commands = null;
        }
    }

    private void take(String number, String word, List<String> values) {
        if (word.equals("listed")) {
            checkListed();
            load();
            return;
        }
        if (word.equals("closed")) {
            return;
        }
        Command command = pending.get(number);
        if (command == null) {
            if (word.equals("job")) {
                takeListed(values);
            } else if (!closing || !values.getFirst().equals("Closed")) { // the close was faster than the list
                violate(null, "an answer to nothing: " + word + " " + values);
            }
            return;
        }
        CrashClient client = command.client;
        if (word.equals("chunk") && command.reading != null) {
            violate(client, client.chunk(command.reading, values));
            return;
        }
        pending.remove(number);
        switch (word) {
            case "job" -> takeJob(command, values.subList(1, values.size()));
            case "end" -> takeEnd(command, values);
            case "deleted" -> deleted(client);
            case "failed" -> takeFailure(command, values);
            default -> violate(client, "a strange answer: " + word + " " + values);
        }
    }

    private void takeListed(List<String> values) {
        CrashClient client = clients.get(values.getFirst());
        if (client == null) {
            violate(null, "there is a job that nobody knows: " + values);
        } else if (client.gone || deletedIds.contains(values.get(1))) {
            violate(client, "a deleted job is there");
        } else if (!listed.add(values.getFirst())) {
            violate(client, "is there twice: " + values);
        } else {
            violate(client, client.observe(values.subList(1, values.size())));
            if (client.stopAnswered && values.get(2).equals("RUNNING")) {
                violate(client, "a stop was acknowledged, and it is RUNNING");
            }
        }
    }

    private void checkListed() {
        for (CrashClient client : clients.values()) {
            boolean there = listed.contains(Integer.toString(client.job.number()));
            if (!there && client.id() != null && !client.gone) {
                if (client.deleteAsked) {
                    client.gone = true;
                } else {
                    violate(client, "is not there");
                    client.gone = true;
                }
            }
            violate(client, client.checkRuns());
        }
        checkProcesses();
    }

    /** Nothing of a job that has ended, or never was, may be alive. */
    private void checkProcesses() {
        Map<String, CrashClient> over = new HashMap<>();
        for (CrashClient client : clients.values()) {
            if (client.isFinal() || client.gone || client.refused) {
                over.put(client.job.token(), client);
                if (client.id() != null) {
                    over.put(client.id(), client);
                }
            }
        }
        Pattern token = Pattern.compile("99999\\." + source.run() + "\\d{7}");
        for (ProcessTable.Entry process : ProcessTable.read().entries()) {
            Matcher matcher = token.matcher(process.arguments());
            CrashClient client = over.get(process.job());
            if (client == null && matcher.find()) {
                client = over.get(matcher.group());
            }
            if (client != null && client.orphaned) {
                process.kill();
            } else if (client != null) {
                violate(client, "has left a process: " + process);
            }
        }
    }

    private void load() {
        loaded = true;
        for (CrashClient client : List.copyOf(clients.values())) {
            if (!client.answered && !client.refused && client.job.repeated() && !client.gone) {
                start(client);
            }
            if (client.id() != null) {
                resume(client);
            }
        }
        for (CrashJob job : round.jobs()) {
            CrashClient client = newClient(job);
            clients.put(Integer.toString(job.number()), client);
            start(client);
        }
    }

    private CrashClient newClient(CrashJob job) {
        if (job.usesGate() && !Files.exists(job.gate())) {
            makeGates(round.jobs());
        }
        return new CrashClient(job, round.number());
    }

    private static void makeGates(List<CrashJob> jobs) {
        List<String> command = new ArrayList<>(List.of("mkfifo"));
        jobs.stream()
                .filter(CrashJob::usesGate)
                .forEach(job -> command.add(job.gate().toString()));
        try {
            new ProcessBuilder(command).inheritIO().start().waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void start(CrashClient client) {
        client.mayDieWithWorker |= round.onWorkerDeath() == EngineOptions.OnWorkerDeath.KILL;
        for (int i = 0; i < client.job.copies(); i++) {
            send("start", CrashWorker.startCommand(client.job), client, null);
        }
    }

    private boolean gateIsDue(CrashClient client) {
        return round.settling() || round.number() - client.firstRound >= client.job.gateRounds();
    }

    /** Goes on with what the client does with its job, once a worker. */
    private void resume(CrashClient client) {
        if (client.gone || !resumed.add(client)) {
            return;
        }
        if (client.deleteAsked) {
            delete(client);
            return;
        }
        if (client.follower != null && !client.follower.isComplete()) {
            follow(client, client.follower);
        }
        if (client.isFinal()) {
            readAll(client);
            return;
        }
        send("await", "await " + client.id(), client, null);
        if (client.job.kind().stopped) {
            // Some at once, when its script may not have begun; some when it has done what it does.
            if (round.settling() || client.job.lines() % 2 == 0 || round.number() > client.firstRound) {
                client.stopAsked = true;
                send("stop", "stop " + client.id() + " " + client.job.grace().toMillis(), client, null);
            }
        } else if (client.job.kind().gated
                && gateIsDue(client)
                && (round.settling() || !client.job.releasedWhileDown())) {
            client.release();
        }
    }

    private void follow(CrashClient client, CrashReading reading) {
        send("follow", "follow " + client.id() + " " + reading.view() + " " + reading.position(), client, reading);
    }

    private void readAll(CrashClient client) {
        for (CrashReading reading : client.readings.values()) {
            if (!reading.isComplete()) {
                follow(client, reading);
            }
        }
        deleteIfDone(client);
    }

    private void takeJob(Command command, List<String> values) {
        CrashClient client = command.client;
        boolean wasFinal = client.isFinal();
        // A call that began before the end may be answered after it.
        boolean late = wasFinal && !command.word.equals("await");
        if (!late || JobState.valueOf(values.get(1)).isFinal()) {
            violate(client, client.observe(values));
        }
        switch (command.word) {
            case "start" -> client.answered = true;
            case "stop" -> client.stopAnswered = true;
            case "await" -> {
                if (!client.isFinal()) {
                    violate(client, "was awaited and has not ended");
                }
            }
            default -> violate(client, "a job is no answer to " + command.word);
        }
        if (!resumed.contains(client)) {
            resume(client);
        } else if (!wasFinal && client.isFinal()) {
            readAll(client);
        }
    }

    private void takeEnd(Command command, List<String> values) {
        CrashReading reading = command.reading;
        if (reading == null) {
            violate(command.client, "an end without a reading");
            return;
        }
        violate(command.client, reading.end(values));
        deleteIfDone(command.client);
    }

    private void deleteIfDone(CrashClient client) {
        if (!client.isVerified() || client.deleteAsked) {
            return;
        }
        if (pending.values().stream().anyMatch(command -> command.client == client)) {
            return;
        }
        if (!client.folderChecked) {
            client.folderChecked = true;
            violate(client, client.checkFolder(state.resolve("jobs")));
        }
        if (client.job.deleted() || (round.settling() && clients.size() > RETAINED_MAX)) {
            delete(client);
        }
    }

    private void delete(CrashClient client) {
        client.deleteAsked = true;
        send("delete", "delete " + client.id(), client, null);
    }

    private void deleted(CrashClient client) {
        client.gone = true;
        if (Files.exists(state.resolve("jobs").resolve(String.valueOf(client.id())))) {
            violate(client, "was deleted and its folder is there");
        }
    }

    private void takeFailure(Command command, List<String> values) {
        CrashClient client = command.client;
        String failure = values.getFirst();
        if (closing && failure.equals("Closed")) {
            return;
        }
        if (command.word.equals("start")) {
            if (client.job.kind() == CrashJob.Kind.MISSING && failure.equals("ExecFailed")) {
                client.refused = true;
                return;
            }
            if (launcherKilled && failure.equals("Internal")) {
                start(client);
                return;
            }
        }
        violate(client, command.word + " failed: " + values);
    }

    // ---- helpers

    private void killHelper() {
        if (helperKilled || round.helperKill() == CrashRound.HelperKill.NONE) {
            return;
        }
        List<CrashClient> running = clients.values().stream()
                .filter(client -> client.isRunning() && client.pid() > 0)
                .toList();
        if (running.isEmpty()) {
            return; // at the next answer
        }
        // Rather one that does not end at this moment.
        List<CrashClient> lasting = running.stream()
                .filter(client -> !client.released
                        && !client.stopAsked
                        && client.job.kind().waits())
                .toList();
        List<CrashClient> choice = lasting.isEmpty() ? running : lasting;
        CrashClient victim = choice.get(round.number() % choice.size());
        ProcessTable.Entry main = ProcessTable.find(victim.pid()).orElse(null);
        if (main == null || !main.job().equals(victim.id())) {
            return;
        }
        ProcessTable.Entry shim = ProcessTable.find(main.parent()).orElse(null);
        if (shim == null || !isHelper(shim)) {
            return;
        }
        ProcessTable.Entry launcher =
                ProcessTable.find(shim.parent()).filter(this::isHelper).orElse(null);
        helperKilled = true;
        if (round.helperKill() != CrashRound.HelperKill.SHIM && launcher != null) {
            launcherKilled = true;
            clients.values().stream()
                    .filter(client -> client.shimKilled && !client.isFinal())
                    .forEach(client -> client.orphaned = true);
            launcher.kill();
        }
        if (round.helperKill() != CrashRound.HelperKill.LAUNCHER) {
            victim.shimKilled = true;
            victim.orphaned |= launcher == null || launcherKilled;
            shim.kill();
        }
        count(
                "s18",
                switch (round.helperKill()) {
                    case NONE -> "no helper killed";
                    case SHIM -> "shim killed at a random instant";
                    case LAUNCHER -> "launcher killed at a random instant";
                    case BOTH -> "shim and launcher killed at a random instant";
                });
    }

    private boolean isHelper(ProcessTable.Entry process) {
        return process.program().startsWith(state.resolve("bin").toString());
    }

    // ---- the end of a settling round

    /** All has ended and no worker runs: what is there now is there for nothing, except the retained jobs. */
    private void settle() throws IOException, InterruptedException {
        for (ProcessTable.Entry helper : ProcessTable.read().matching(this::isHelper)) {
            awaitEnd(helper);
        }
        checkProcesses();
        for (CrashClient client : clients.values()) {
            violate(client, client.checkRuns());
        }
        Set<String> retained = new HashSet<>();
        for (CrashClient client : clients.values()) {
            if (client.id() != null && !client.gone) {
                retained.add(client.id());
            }
        }
        Set<String> strangers = new HashSet<>(names(state.resolve("jobs")));
        strangers.removeAll(retained);
        if (!strangers.isEmpty()) {
            violate(null, "files that belong to no job: " + strangers);
        }
        try (Stream<Path> files = Files.walk(state)) {
            List<Path> temporary =
                    files.filter(file -> file.toString().endsWith(".tmp")).toList();
            if (!temporary.isEmpty()) {
                violate(null, "temporary files: " + temporary);
            }
        }
        if (names(state.resolve("bin")).size() != 1) {
            violate(null, "more than one helper program: " + names(state.resolve("bin")));
        }
        List<CrashClient> finished = clients.values().stream()
                .filter(client -> client.gone || client.refused || client.id() == null)
                .toList();
        for (CrashClient client : finished) {
            client.close();
            clients.remove(Integer.toString(client.job.number()));
            if (client.id() != null) {
                deletedIds.add(client.id());
            }
        }
    }

    private void awaitEnd(ProcessTable.Entry helper) throws InterruptedException {
        ProcessHandle handle = ProcessHandle.of(helper.pid()).orElse(null);
        if (handle == null) {
            return;
        }
        try {
            handle.onExit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            violate(null, "a helper stays although all jobs have ended and no worker runs: " + helper);
        }
    }

    private static List<String> names(Path directory) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            files.forEach(file -> names.add(file.getFileName().toString()));
        }
        return names;
    }
}
