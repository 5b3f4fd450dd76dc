package io.passatelli.app;

/** How the process ends, as scripts know it from passt(1). */
final class ExitCode {
    static final int OK = 0;
    static final int FAILURE = 1;
    /** Of ctl alone: its command line is wrong. */
    static final int USAGE = 2;

    private ExitCode() {}
}
