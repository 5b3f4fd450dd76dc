package io.passatelli.os;

import io.passatelli.os.posix.Posix;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class ProcessOsTest {
    private final LinuxOs os = new LinuxOs();

    @Test
    void noNewPrivsHoldsForTheCallingThreadAndThoseItStarts() throws Exception {
        String ours = noNewPrivsLine();
        FutureTask<List<String>> task = new FutureTask<>(() -> {
            assertThat(os.noNewPrivs()).isZero();
            FutureTask<String> child = new FutureTask<>(ProcessOsTest::noNewPrivsLine);
            Thread.ofPlatform().start(child);
            return List.of(noNewPrivsLine(), child.get());
        });
        Thread.ofPlatform().start(task);
        assertThat(task.get()).containsExactly("NoNewPrivs:\t1", "NoNewPrivs:\t1");
        assertThat(noNewPrivsLine()).isEqualTo(ours);
    }

    @Test
    void theSoftLimitOfOpenFilesIsLiftedToTheHardOne() {
        Posix posix = new Posix();
        long before = posix.openFiles();
        try {
            assertThat(posix.openFiles(before - 1)).isZero();
            assertThat(os.raiseOpenFiles()).isEqualTo(posix.mostOpenFiles());
            assertThat(posix.openFiles()).isEqualTo(posix.mostOpenFiles());
        } finally {
            assertThat(posix.openFiles(before)).isZero();
        }
    }

    @Test
    void checkThrowsASentenceForAnError() {
        assertThat(Errno.check("listen", 3)).isEqualTo(3);
        assertThatThrownBy(() -> Errno.check("bind", -Errno.EADDRINUSE))
                .isInstanceOf(SyscallException.class)
                .hasMessage("bind: Address already in use (EADDRINUSE)")
                .hasFieldOrPropertyWithValue("errno", Errno.EADDRINUSE);
    }

    private static String noNewPrivsLine() throws IOException {
        return java.nio.file.Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                .filter(line -> line.startsWith("NoNewPrivs"))
                .findFirst()
                .orElseThrow();
    }
}
