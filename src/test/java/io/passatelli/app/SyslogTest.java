package io.passatelli.app;

import io.passatelli.base.Log;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/** Lines to a receiver of datagrams that the test is. */
class SyslogTest {
    private static final int MOST = 4_096;

    @TempDir
    private Path directory = Path.of("");

    private final LinuxOs os = new LinuxOs();
    private int receiver = -1;

    private Path path() {
        return directory.resolve("log");
    }

    private Syslog syslog() {
        return new Syslog(os, path().toString(), "passt", 42);
    }

    private void receive() throws IOException {
        Files.deleteIfExists(path());
        receiver = os.socket(Socket.AF_UNIX, Socket.SOCK_DGRAM, 0);
        SockAddr address = new SockAddr();
        address.setPath(path().toString());
        Errno.check("bind", os.bind(receiver, address));
    }

    /** Empty where nothing came. */
    private String received() {
        MemorySegment bytes = Arena.ofAuto().allocate(MOST);
        IoVec into = new IoVec(1);
        into.add(bytes, 0, MOST);
        long length = os.recvmsg(receiver, into, 0);
        return length < 0
                ? ""
                : new String(
                        bytes.asSlice(0, length).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE),
                        StandardCharsets.UTF_8);
    }

    @AfterEach
    void close() {
        if (receiver >= 0) {
            os.close(receiver);
        }
    }

    @Test
    void linesComeWithFacilitySeverityNameAndProcess() throws IOException {
        receive();
        Syslog syslog = syslog();
        syslog.send(Log.Level.ERROR, "broken");
        syslog.send(Log.Level.WARNING, "odd");
        syslog.send(Log.Level.INFO, "fine");
        syslog.send(Log.Level.DEBUG, "detail");
        assertThat(received()).isEqualTo("<27>passt[42]: broken");
        assertThat(received()).isEqualTo("<28>passt[42]: odd");
        assertThat(received()).isEqualTo("<30>passt[42]: fine");
        assertThat(received()).isEqualTo("<31>passt[42]: detail");
    }

    @Test
    void receiverThatComesLateOrStartsAnewIsFound() throws IOException {
        Syslog syslog = syslog();
        syslog.send(Log.Level.INFO, "nobody hears this");
        receive();
        syslog.send(Log.Level.INFO, "one");
        assertThat(received()).endsWith(": one");
        os.close(receiver);
        receive();
        syslog.send(Log.Level.INFO, "two");
        assertThat(received()).endsWith(": two");
    }

    @Test
    void receiverThatDoesNotReadHoldsNobodyUp() throws IOException {
        receive();
        Syslog syslog = syslog();
        for (int i = 0; i < 10_000; i++) {
            syslog.send(Log.Level.INFO, "line " + i);
        }
        assertThat(received()).endsWith(": line 0");
    }
}
