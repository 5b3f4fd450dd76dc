package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

/**
 * Asks who listens on a socket whether it is a passt that serves us: one that is taken accepts and closes, or leaves us waiting. The questions are an ARP probe and a
 * neighbour solicitation for the router, so that one without IPv4 or IPv6 answers, too.
 */
final class PasstProbe {
    private static final long PATIENCE_NS = 500_000_000;
    private static final int LOOK_MS = 5;

    /** The longest frame that the framing allows. */
    private static final int FRAME_BYTES = 65_535;

    private static final int LENGTH_BYTES = 4;

    /** RFC 5227: the sender has no address yet, and asks for 169.254.2.2. Locally administered MAC. */
    private static final String ARP_PROBE = "ffffffffffff" + "024a5e000001" + "0806" + "0001080006040001"
            + "024a5e000001" + "00000000" + "000000000000" + "a9fe0202";

    /** RFC 4861: from fe80::4a:5eff:fe00:1 for fe80::1, with the checksum of RFC 4443. */
    private static final String SOLICITATION_IP = "3333ff000001" + "024a5e000001" + "86dd" + "60000000" + "0020" + "3a"
            + "ff" + "fe80000000000000004a5efffe000001" + "ff0200000000000000000001ff000001";

    private static final String SOLICITATION = "fe80000000000000" + "0000000000000001" + "0101" + "024a5e000001";

    private final LinuxOs os;
    private final Clock clock;
    private final MemorySegment memory = Arena.ofAuto().allocate(FRAME_BYTES + LENGTH_BYTES);
    private final IoVec vector = new IoVec(1);

    PasstProbe(LinuxOs os, Clock clock) {
        this.os = os;
        this.clock = clock;
    }

    /** The connection, of which the answer was read to the end of its frame; {@code -errno} if nobody serves there. */
    int connect(Path path) throws InterruptedException {
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        if (fd < 0) {
            return fd;
        }
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        int rc = os.connect(fd, address);
        if (rc >= 0) {
            rc = ask(fd);
        }
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        return fd;
    }

    private int ask(int fd) throws InterruptedException {
        byte[] questions = HexFormat.of()
                .parseHex("0000002a" + ARP_PROBE + "00000056" + SOLICITATION_IP + "8700" + checksum() + "00000000"
                        + SOLICITATION);
        MemorySegment.copy(questions, 0, memory, JAVA_BYTE, 0, questions.length);
        vector.clear();
        vector.add(memory, 0, questions.length);
        long sent = os.sendmsg(fd, vector, Socket.MSG_NOSIGNAL);
        if (sent != questions.length) {
            return sent < 0 ? (int) sent : -Errno.EAGAIN;
        }
        long end = clock.nowNs() + PATIENCE_NS;
        int rc = read(fd, LENGTH_BYTES, end);
        if (rc < 0) {
            return rc;
        }
        int length = memory.get(JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0);
        return length <= 0 || length > FRAME_BYTES ? -Errno.EPROTO : read(fd, length, end);
    }

    /** Of ICMPv6 over the pseudo-header; computed, so that the texts above may be changed. */
    private static String checksum() {
        String addresses = SOLICITATION_IP.substring(SOLICITATION_IP.length() - 64);
        byte[] summed =
                HexFormat.of().parseHex(addresses + "00000020" + "0000003a" + "87000000" + "00000000" + SOLICITATION);
        int sum = 0;
        for (int i = 0; i < summed.length; i += 2) {
            sum += (summed[i] & 0xff) << 8 | summed[i + 1] & 0xff;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return HexFormat.of().toHexDigits((short) ~sum);
    }

    /** Exactly so many bytes to the start of the memory: what follows is for whoever has the connection then. */
    private int read(int fd, int bytes, long endNs) throws InterruptedException {
        vector.clear();
        vector.add(memory, 0, bytes);
        while (vector.total() > 0) {
            long rc = os.recvmsg(fd, vector, 0);
            if (rc == 0) {
                return -Errno.ECONNRESET;
            }
            if (rc > 0) {
                vector.consume(rc);
            } else if (rc != -Errno.EAGAIN) {
                return (int) rc;
            } else if (clock.nowNs() >= endNs) {
                return -Errno.ETIMEDOUT;
            } else {
                TimeUnit.MILLISECONDS.sleep(LOOK_MS);
            }
        }
        return 0;
    }
}
