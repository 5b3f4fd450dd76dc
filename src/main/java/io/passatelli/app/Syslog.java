package io.passatelli.app;

import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * The machine's log, as syslog(3) speaks to it: datagrams of RFC 3164 without time and host, which the receiver adds. Where nobody hears, or not
 * fast enough, lines are lost: nothing here waits. Any thread.
 */
final class Syslog {
    static final String PATH = "/dev/log";

    /** syslog.h: LOG_DAEMON, in its place. */
    private static final int DAEMON = 3 << 3;

    private final Os os;
    private final SockAddr address = new SockAddr();
    private final String sender;
    private final MemorySegment bytes = Arena.ofAuto().allocate(Limits.LOG_LINE_BYTES);
    private final IoVec vector = new IoVec(1);
    private int fd = Os.NONE;

    /** Lines come from {@code name[pid]}. */
    Syslog(Os os, String path, String name, int pid) {
        this.os = os;
        address.setPath(path);
        sender = name + "[" + pid + "]: ";
    }

    synchronized void send(Log.Level level, String line) {
        byte[] text = ("<" + (DAEMON | severity(level)) + ">" + sender + line).getBytes(StandardCharsets.UTF_8);
        int length = Math.min(text.length, Limits.LOG_LINE_BYTES);
        MemorySegment.copy(text, 0, bytes, JAVA_BYTE, 0, length);
        vector.clear();
        vector.add(bytes, 0, length);
        // the second try is for a receiver that has started anew
        for (int attempt = 0; attempt < 2 && (fd != Os.NONE || connect()); attempt++) {
            long rc = os.sendmsg(fd, vector, Socket.MSG_NOSIGNAL);
            if (rc >= 0 || rc == -Errno.EAGAIN) {
                return;
            }
            os.close(fd);
            fd = Os.NONE;
        }
    }

    private boolean connect() {
        int made = os.socket(Socket.AF_UNIX, Socket.SOCK_DGRAM, 0);
        if (made < 0) {
            return false;
        }
        if (os.connect(made, address) < 0) {
            os.close(made);
            return false;
        }
        fd = made;
        return true;
    }

    /** syslog.h. */
    private static int severity(Log.Level level) {
        return switch (level) {
            case ERROR -> 3;
            case WARNING -> 4;
            case INFO -> 6;
            case DEBUG, TRACE -> 7;
        };
    }
}
