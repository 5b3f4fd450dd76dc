package io.passatelli.os.posix;

import io.passatelli.os.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class PosixTest {
    private static final int NO_SUCH_PROCESS = 3;
    private static final int NO_CHILD = 10;

    private final Posix posix = new Posix();
    private final long openFiles = posix.openFiles();

    @AfterEach
    void restore() {
        assertThat(posix.openFiles(openFiles)).isZero();
    }

    @Test
    void tellsTheIdentitiesThatTheKernelTells() throws Exception {
        List<String> status = Files.readAllLines(Path.of("/proc/self/status"));
        assertThat(status)
                .anyMatch(line -> line.startsWith("Uid:\t" + posix.uid() + "\t" + posix.effectiveUid() + "\t"))
                .anyMatch(line -> line.startsWith("Gid:\t" + posix.gid() + "\t"));
        assertThat(posix.pid()).isEqualTo((int) ProcessHandle.current().pid());
    }

    @Test
    void umaskGivesBackTheOneBefore() throws Exception {
        int before = posix.umask(0077);
        assertThat(Files.readAllLines(Path.of("/proc/self/status"))).contains("Umask:\t0077");
        assertThat(posix.umask(before)).isEqualTo(0077);
    }

    @Test
    void chmodChangesTheMode(@TempDir Path directory) throws Exception {
        Path file = Files.createFile(directory.resolve("f"));
        assertThat(posix.chmod(file.toString(), 0640)).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r-----");
        assertThat(posix.chmod(directory.resolve("absent").toString(), 0600)).isEqualTo(-Errno.ENOENT);
    }

    @Test
    void theLimitOfOpenFilesIsTheKernels() throws Exception {
        long most = posix.mostOpenFiles();
        long lower = openFiles - 1;
        assertThat(posix.openFiles(lower)).isZero();
        assertThat(posix.openFiles()).isEqualTo(lower);
        assertThat(posix.mostOpenFiles()).isEqualTo(most);
        assertThat(Files.readString(Path.of("/proc/self/limits"))).containsPattern("Max open files +" + lower + " ");
        if (most < Long.MAX_VALUE) {
            assertThat(posix.openFiles(most + 1)).isEqualTo(-Errno.EINVAL);
        }
    }

    @Test
    void aSpawnedCommandEndsWithItsStatus() {
        int pid = posix.spawn(List.of("sh", "-c", "test $A = b && exit 7"), List.of("A=b"));
        assertThat(pid).isPositive();
        assertThat(posix.waitFor(pid, 0)).isEqualTo(7);
        assertThat(posix.waitFor(pid, 0)).isEqualTo(-NO_CHILD);
    }

    @Test
    void aSpawnedCommandEndsBySignal() {
        int pid = posix.spawn(List.of("sleep", "60"), List.of());
        assertThat(pid).isPositive();
        assertThat(posix.waitFor(pid, Posix.WNOHANG)).isEqualTo(-Errno.EAGAIN);
        assertThat(posix.kill(pid, 0)).isZero();
        assertThat(posix.kill(pid, Posix.SIGTERM)).isZero();
        assertThat(posix.waitFor(pid, 0)).isEqualTo(128 + Posix.SIGTERM);
        assertThat(posix.kill(pid, 0)).isEqualTo(-NO_SUCH_PROCESS);
    }

    @Test
    void aCommandThatIsNotThereIsNotSpawned() {
        assertThat(posix.spawn(List.of("/nonexistent/command"), List.of())).isEqualTo(-Errno.ENOENT);
    }
}
