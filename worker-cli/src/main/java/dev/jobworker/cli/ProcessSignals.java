package dev.jobworker.cli;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;

/**
 * The signals of this process, by sun.misc.Signal: a shutdown hook would see only the first of them, and could not choose the exit code. By
 * reflection, because the compiler's warning about that class cannot be suppressed.
 */
final class ProcessSignals implements Signals {
    private static final List<String> NAMES = List.of("INT", "TERM", "HUP");

    @Override
    public Handling handle(Runnable handler) {
        try {
            Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
            Class<?> signalType = Class.forName("sun.misc.Signal");
            Constructor<?> signalOf = signalType.getConstructor(String.class);
            Method handle = signalType.getMethod("handle", signalType, handlerType);
            Object ignored = handlerType.getField("SIG_IGN").get(null);
            Object ours = Proxy.newProxyInstance(
                    handlerType.getClassLoader(), new Class<?>[] {handlerType}, (_, method, arguments) -> {
                        if (method.getName().equals("handle")) {
                            handler.run();
                            return null;
                        }
                        return method.invoke(handler, arguments); // those of Object
                    });
            List<Undo> undo = new ArrayList<>();
            for (String name : NAMES) {
                Object signal = signalOf.newInstance(name);
                Object before = handle.invoke(null, signal, ours);
                if (ignored.equals(before)) {
                    // nohup(1), or a job in the background of a script: whoever ignored it meant it.
                    handle.invoke(null, signal, before);
                } else {
                    undo.add(() -> handle.invoke(null, signal, before));
                }
            }
            return () -> undo.forEach(ProcessSignals::perform);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this Java cannot handle signals", e);
        }
    }

    private interface Undo {
        void perform() throws ReflectiveOperationException;
    }

    private static void perform(Undo undo) {
        try {
            undo.perform();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot restore the handler of a signal", e);
        }
    }
}
