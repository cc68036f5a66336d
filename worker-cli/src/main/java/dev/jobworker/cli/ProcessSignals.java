package dev.jobworker.cli;

import java.util.ArrayList;
import java.util.List;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** The signals of this process. A shutdown hook would see only the first of them, and could not choose the exit code. */
@SuppressWarnings("sunapi") // there is no supported way
final class ProcessSignals implements Signals {
    private static final List<String> NAMES = List.of("INT", "TERM", "HUP");

    @Override
    public Handling handle(Runnable handler) {
        List<Runnable> undo = new ArrayList<>();
        for (String name : NAMES) {
            Signal signal = new Signal(name);
            SignalHandler before = Signal.handle(signal, _ -> handler.run());
            if (before.equals(SignalHandler.SIG_IGN)) {
                // nohup(1), or a job in the background of a script: whoever ignored it meant it.
                Signal.handle(signal, before);
            } else {
                undo.add(() -> Signal.handle(signal, before));
            }
        }
        return () -> undo.forEach(Runnable::run);
    }
}
