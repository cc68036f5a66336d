package dev.jobworker.core;

import java.util.Arrays;

/** The step of a start that failed, in their order. The numbers are those of the helper's protocol. */
public enum ExecStage {
    REQUEST(1, "reading the start request"),
    FOLDER(2, "preparing the job's folder"),
    FORK(3, "creating the process"),
    STDIO(4, "connecting the standard streams"),
    LIMIT(5, "setting a resource limit"),
    NICE(6, "setting the priority"),
    USER(7, "changing to the user"),
    PRIVILEGES(8, "giving up privileges"),
    DIRECTORY(9, "changing to the working directory"),
    EXEC(10, "executing the program");

    private final int number;
    private final String doing;

    ExecStage(int number, String doing) {
        this.number = number;
        this.doing = doing;
    }

    static ExecStage of(int number) {
        return Arrays.stream(values())
                .filter(stage -> stage.number == number)
                .findFirst()
                .orElse(REQUEST);
    }

    /** Returns what was being done, for a message. */
    public String doing() {
        return doing;
    }
}
