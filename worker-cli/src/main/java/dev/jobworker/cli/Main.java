package dev.jobworker.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The entry of the program: finds the command, runs it, turns what it throws into a sentence and an exit code. */
public final class Main {
    private static final Map<String, Function<Console, Object>> COMMANDS = commands();

    private Main() {}

    public static void main(String[] args) {
        System.exit(run(Console.ofProcess(), args));
    }

    private static Map<String, Function<Console, Object>> commands() {
        Map<String, Function<Console, Object>> commands = new LinkedHashMap<>();
        commands.put("quickstart", QuickstartCommand::new);
        commands.put("serve", ServeCommand::new);
        commands.put("run", RunCommand::new);
        commands.put("start", StartCommand::new);
        commands.put("status", StatusCommand::new);
        commands.put("list", ListCommand::new);
        commands.put("logs", LogsCommand::new);
        commands.put("stop", StopCommand::new);
        commands.put("signal", SignalCommand::new);
        commands.put("wait", WaitCommand::new);
        commands.put("delete", DeleteCommand::new);
        commands.put("whoami", WhoamiCommand::new);
        commands.put("version", VersionCommand::new);
        commands.put("ca", CaCommand::new);
        return commands;
    }

    /** Runs one command line and returns its exit code. */
    static int run(Console console, String... args) {
        Root root = new Root();
        CommandLine line = new CommandLine(root);
        // Reading the annotations of a command takes time; of those that will not run it is not needed.
        if (args.length > 0 && COMMANDS.containsKey(args[0])) {
            add(line, args[0], console);
        } else {
            COMMANDS.keySet().forEach(name -> add(line, name, console));
        }
        Units.register(line);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExpandAtFiles(false); // an argument of a job may begin with @
        line.setColorScheme(CommandLine.Help.defaultColorScheme(console.colouredOut() ? Ansi.ON : Ansi.OFF));
        PrintWriter out = new PrintWriter(new OutputStreamWriter(console.out(), StandardCharsets.UTF_8));
        line.setOut(out);
        line.setParameterExceptionHandler((e, _) -> usageError(e, console));
        line.setExecutionExceptionHandler((e, _, _) -> ErrorReport.report(e, console, root.verbose));
        int code = line.execute(args);
        out.flush();
        return code;
    }

    private static void add(CommandLine line, String name, Console console) {
        Function<Console, Object> command = COMMANDS.get(name);
        if (command != null) {
            line.addSubcommand(name, command.apply(console));
        }
    }

    private static int usageError(ParameterException e, Console console) {
        CommandLine line = e.getCommandLine();
        boolean wantsCommand = line.getCommandSpec().userObject() instanceof Root
                || line.getCommandSpec().userObject() instanceof CaCommand;
        if (wantsCommand && e instanceof MissingParameterException) {
            console.sayRaw(line.getUsageMessage(Ansi.OFF));
            return ExitCodes.USAGE;
        }
        String message = wantsCommand && e instanceof UnmatchedArgumentException unknown
                ? "no such command: " + unknown.getUnmatched().getFirst()
                : e.getMessage();
        console.say(message == null ? e.toString() : message);
        console.sayRaw("Try: " + line.getCommandSpec().qualifiedName() + " --help\n");
        return ExitCodes.USAGE;
    }
}
