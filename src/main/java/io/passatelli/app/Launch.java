package io.passatelli.app;

import java.nio.file.Path;

/**
 * How the launcher (src/main/sh/passatelli) started this JVM. In a JVM that somebody else started, such as a test's, the role leaves the process
 * as it is.
 *
 * @param program the launcher's own path; empty where it was not the launcher
 * @param inBackground whether the launcher waits on our standard output for {@link #READY}
 */
record Launch(String program, boolean inBackground) {
    /** What the launcher waits for: it then returns 0. Without that line it returns 1 when we end. */
    static final String READY = "ready";

    static Launch ofThisProcess() {
        return new Launch(System.getProperty("passatelli.program", ""), Boolean.getBoolean("passatelli.background"));
    }

    boolean byLauncher() {
        return !program.isEmpty();
    }

    /** The tree that the launcher belongs to: bin and lib. */
    Path home() {
        Path bin = Path.of(program).getParent();
        Path home = bin == null ? null : bin.getParent();
        if (home == null) {
            throw new IllegalStateException("'" + program + "' is in no tree of ours");
        }
        return home;
    }
}
