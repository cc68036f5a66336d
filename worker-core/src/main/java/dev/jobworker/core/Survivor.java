package dev.jobworker.core;

/** A process of an ended job that the worker had no right to kill, or that the kernel would not let die. */
public record Survivor(int pid, int uid, String command) {

    /** Returns it in words, "perl (pid 7, uid 0)". The command may hold any character. */
    public String text() {
        return command + " (pid " + pid + ", uid " + uid + ")";
    }
}
