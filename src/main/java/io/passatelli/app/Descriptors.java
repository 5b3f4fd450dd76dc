package io.passatelli.app;

import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/** The descriptors that the process was born with: those of the caller, who may wait for their end. Start-up only. */
final class Descriptors {
    private static final String OPEN = "/proc/self/fd";
    private static final int STANDARD = 2;
    /** The output last: the launcher waits for its end. */
    private static final int[] STANDARD_ONES = {0, 2, 1};

    private static final String NOTHING = "/dev/null";
    private static final Set<String> RANDOM = Set.of("/dev/random", "/dev/urandom");

    private Descriptors() {}

    /** Closes what the caller left open, but for the standard streams and {@code kept}. */
    static void closeInherited(LinuxOs os, Launch launch, int kept) {
        for (int fd : open()) {
            if (fd > STANDARD && fd != kept && os.isClosedOnExec(fd) == 0 && !isOfTheJvm(launch, fd)) {
                os.close(fd);
            }
        }
    }

    /** A program that takes this process' place gets nothing of what the JVM opened. */
    static void keepFromNextProgram(LinuxOs os, Launch launch) {
        for (int fd : open()) {
            if (fd > STANDARD && os.isClosedOnExec(fd) == 0 && isOfTheJvm(launch, fd)) {
                os.closeOnExec(fd);
            }
        }
    }

    private static int[] open() {
        String[] names = new File(OPEN).list();
        int[] open = new int[names == null ? 0 : names.length]; // none where there is no /proc
        for (int i = 0; i < open.length; i++) {
            open[i] = Integer.parseInt(names[i]);
        }
        return open;
    }

    /** The JVM does not mark the files that it opens: its modules, our jars and the cache are told by their place. */
    private static boolean isOfTheJvm(Launch launch, int fd) {
        try {
            Path file = Files.readSymbolicLink(Path.of(OPEN, String.valueOf(fd)));
            return file.startsWith(System.getProperty("java.home"))
                    || file.startsWith(launch.home())
                    || RANDOM.contains(file.toString());
        } catch (IOException e) {
            return true; // was the list itself
        }
    }

    /** From here on what is read and written at the standard streams goes nowhere; but {@code kept}, which may be descriptor 0, stays. */
    static void silence(LinuxOs os, int kept) {
        int nothing = os.openFile(NOTHING);
        if (nothing < 0) {
            throw new IllegalStateException("cannot open " + NOTHING + ": " + Errno.text(-nothing));
        }
        for (int fd : STANDARD_ONES) {
            if (fd != kept) {
                os.duplicate(nothing, fd);
            }
        }
        os.close(nothing);
    }
}
