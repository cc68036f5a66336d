package dev.jobworker.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The entry of the program: finds the command, runs it, turns what it throws into a sentence and an exit code. */
public final class Main {
    private static final List<String> COMMANDS = List.of(
            "quickstart",
            "serve",
            "run",
            "start",
            "status",
            "list",
            "logs",
            "input",
            "stop",
            "signal",
            "wait",
            "delete",
            "whoami",
            "version",
            "ca");

    private Main() {}

    public static void main(String[] args) {
        System.exit(run(Console.ofProcess(), args));
    }

    // Not a map of constructors: each would cost a class made at run time, and only one is needed.
    private static Object command(String name, Console console) {
        return switch (name) {
            case "quickstart" -> new QuickstartCommand(console);
            case "serve" -> new ServeCommand(console);
            case "run" -> new RunCommand(console);
            case "start" -> new StartCommand(console);
            case "status" -> new StatusCommand(console);
            case "list" -> new ListCommand(console);
            case "logs" -> new LogsCommand(console);
            case "input" -> new InputCommand(console);
            case "stop" -> new StopCommand(console);
            case "signal" -> new SignalCommand(console);
            case "wait" -> new WaitCommand(console);
            case "delete" -> new DeleteCommand(console);
            case "whoami" -> new WhoamiCommand(console);
            case "version" -> new VersionCommand(console);
            case "ca" -> new CaCommand(console);
            default -> throw new IllegalArgumentException(name);
        };
    }

    /** Runs one command line and returns its exit code. */
    static int run(Console console, String... args) {
        Root root = new Root();
        CommandLine line = new CommandLine(root);
        // Reading the annotations of a command takes time; of those that will not run it is not needed.
        List<String> needed = args.length > 0 && COMMANDS.contains(args[0]) ? List.of(args[0]) : COMMANDS;
        for (String name : needed) {
            line.addSubcommand(name, command(name, console));
        }
        line.getSubcommands().forEach((name, command) -> {
            if (name.equals("run") || name.equals("start")) {
                command.setStopAtPositional(true); // what follows belongs to the job
            }
        });
        Units.register(line);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExpandAtFiles(false); // an argument of a job may begin with @
        line.setColorScheme(CommandLine.Help.defaultColorScheme(console.colouredOut() ? Ansi.ON : Ansi.OFF));
        PrintWriter out = new PrintWriter(new OutputStreamWriter(console.out(), StandardCharsets.UTF_8));
        line.setOut(out);
        line.setParameterExceptionHandler((e, _) -> usageError(e, console));
        line.setExecutionExceptionHandler((e, _, _) -> ErrorReport.report(e, console, root.verbose));
        try {
            return line.execute(args);
        } catch (Error e) {
            // Out of memory, a damaged installation: picocli handles only exceptions.
            return ErrorReport.report(e, console, root.verbose);
        } finally {
            out.flush();
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
