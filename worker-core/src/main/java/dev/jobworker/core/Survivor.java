package dev.jobworker.core;

/** A process of an ended job that the worker had no right to kill, or that the kernel would not let die. */
public record Survivor(int pid, int uid, String command) {}
