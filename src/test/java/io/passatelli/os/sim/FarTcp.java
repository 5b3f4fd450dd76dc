package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Errno;
import io.passatelli.os.Socket;

import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * The far end of one TCP connection and the program there, played by a test. It does by itself, as soon as its kernel lets it and in virtual
 * time, what it was told: sends what is queued, reads what comes (all of it unless told otherwise), ends when nothing is left to be sent.
 *
 * <p>Long streams are made of a pattern ({@link #patternAt}), which needs no memory and shows what is lost, doubled or out of place.
 */
public final class FarTcp {
    private static final int PIECE = 64 << 10;
    private static final int KEPT = 1 << 20;
    private static final long NEVER = Long.MAX_VALUE;

    /** How the program at the far end means to finish. */
    private enum End {
        NONE,
        SHUTDOWN,
        CLOSE,
        DONE
    }

    private final SimKernel kernel;
    private final SimTcp socket;

    private final ArrayDeque<byte[]> toSend = new ArrayDeque<>();
    private int sentOfFirst;
    private long patternTo; // stream position
    private long sent;
    private int sendMost = Integer.MAX_VALUE;
    private long sendEveryNs;
    private long sendAtNs;
    private End end = End.NONE;

    private int readMost = Integer.MAX_VALUE;
    private long readEveryNs;
    private long readAtNs;
    private boolean echoes;
    private long received;
    private long firstWrong = -1;
    private final ByteArrayOutputStream kept = new ByteArrayOutputStream();

    private boolean connected;
    private boolean sawEof;
    private int error;
    private boolean closed;
    private boolean vanished;
    private long pumpAtNs = NEVER;

    FarTcp(SimKernel kernel, SimTcp socket) {
        this.kernel = kernel;
        this.socket = socket;
        socket.ownedBy(this::soon);
        soon();
    }

    /** The byte at {@code position} of every pattern; no two stretches of 8 bytes within 4 GiB are the same but by chance. */
    public static byte patternAt(long position) {
        long mixed = (position >>> 3) * 0x9E3779B97F4A7C15L;
        return (byte) ((mixed ^ mixed >>> 32) >>> 8 * (int) (position & 7));
    }

    /** {@code count} bytes of the pattern from {@code position} on: what a guest may send for {@link #firstWrong} to check. */
    public static byte[] pattern(long position, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = patternAt(position + i);
        }
        return bytes;
    }

    // What it is to do.

    /** Sends {@code bytes} behind what is queued. */
    public FarTcp send(byte[] bytes) {
        toSend.add(bytes.clone());
        soon();
        return this;
    }

    /** Sends {@code count} bytes more of the pattern, each the one of its place in the stream; not to be mixed with {@link #send}. */
    public FarTcp sendPattern(long count) {
        patternTo = Math.max(patternTo, sent) + count;
        soon();
        return this;
    }

    /** Gives its kernel at most {@code bytes} at a time, and again after {@code everyNs}. */
    public FarTcp sendsAtMost(int bytes, long everyNs) {
        sendMost = bytes;
        sendEveryNs = everyNs;
        return this;
    }

    /** Sends back what it reads. */
    public FarTcp echoes() {
        echoes = true;
        return this;
    }

    public FarTcp readsAll() {
        return readsAtMost(Integer.MAX_VALUE, 0);
    }

    /** Leaves what comes in its kernel, whose window closes. */
    public FarTcp readsNothing() {
        return readsAtMost(0, 0);
    }

    /** Reads at most {@code bytes} at a time, and again after {@code everyNs}. */
    public FarTcp readsAtMost(int bytes, long everyNs) {
        readMost = bytes;
        readEveryNs = everyNs;
        readAtNs = 0;
        soon();
        return this;
    }

    /** SO_SNDBUF of its socket, which holds what we have not acknowledged. */
    public FarTcp sendBuffer(int bytes) {
        socket.setOption(Socket.SOL_SOCKET, Socket.SO_SNDBUF, bytes);
        return this;
    }

    /** What its kernel holds unread before it closes the window, bytes; at least 1,152. */
    public FarTcp receiveBuffer(int bytes) {
        socket.setOption(Socket.SOL_SOCKET, Socket.SO_RCVBUF, bytes);
        return this;
    }

    /** Ends its direction, when all is sent: FIN. It goes on reading. */
    public FarTcp shutdown() {
        end = End.SHUTDOWN;
        soon();
        return this;
    }

    /** Closes, when all is sent: FIN, or a reset where something is unread; what comes later is answered by a reset. */
    public FarTcp close() {
        end = End.CLOSE;
        soon();
        return this;
    }

    /** Resets the connection now; what it has not sent never leaves. */
    public FarTcp reset() {
        if (!closed && !vanished) {
            closed = true;
            socket.linger0();
            socket.close();
        }
        return this;
    }

    /** The host is gone without a word: nothing is read, answered or acknowledged any more. Who sends to it gives up after 15 minutes. */
    public FarTcp vanish() {
        vanished = true;
        socket.becomeDeaf();
        return this;
    }

    // What it saw.

    public Ip address() {
        return socket.local().address();
    }

    public int port() {
        return socket.local().port();
    }

    /** Our end, as the far host sees it. */
    public Ip peerAddress() {
        return socket.remote().address();
    }

    public int peerPort() {
        return socket.remote().port();
    }

    /** Whether the handshake was over at some time. */
    public boolean isConnected() {
        return connected;
    }

    /** Bytes that it has read. */
    public long received() {
        return received;
    }

    /** Bytes that its kernel has taken from it. */
    public long sent() {
        return sent;
    }

    /** Bytes that are still with the program, unsent. */
    public long unsent() {
        long waiting = Math.max(0, patternTo - sent) - sentOfFirst;
        for (byte[] piece : toSend) {
            waiting += piece.length;
        }
        return waiting;
    }

    /** The first bytes that it has read, up to 1 MiB. */
    public byte[] bytes() {
        return kept.toByteArray();
    }

    /** Where the first byte came that is not the pattern's; -1 if all are. */
    public long firstWrong() {
        return firstWrong;
    }

    /** Whether it has read the end of the stream. */
    public boolean sawEof() {
        return sawEof;
    }

    /** The first error that it had, such as ECONNRESET or ECONNREFUSED; 0 if none. */
    public int error() {
        return error;
    }

    public boolean sawReset() {
        return error == Errno.ECONNRESET || error == Errno.EPIPE;
    }

    /** Whether it has closed or reset its socket. */
    public boolean isClosed() {
        return closed;
    }

    @Override
    public String toString() {
        return "%s:%d sent %d, received %d%s%s%s"
                .formatted(
                        address(),
                        port(),
                        sent,
                        received,
                        sawEof ? ", EOF" : "",
                        error != 0 ? ", " + Errno.name(error) : "",
                        closed ? ", closed" : "");
    }

    // The program.

    /** Lets the program run in a moment: never in the middle of a call of ours. */
    private void soon() {
        pumpAt(kernel.clock.nowNs());
    }

    private void pumpAt(long atNs) {
        if (atNs < pumpAtNs && !closed && !vanished) {
            pumpAtNs = atNs;
            kernel.clock.in(Math.max(0, atNs - kernel.clock.nowNs()), () -> pump(atNs));
        }
    }

    private void pump(long atNs) {
        if (pumpAtNs != atNs || closed || vanished) {
            return; // another came first
        }
        pumpAtNs = NEVER;
        connected |= socket.isConnected();
        if (error == 0) {
            error = socket.error();
        }
        kernel.exactly(() -> {
            read();
            write();
            return 0;
        });
    }

    private void read() {
        long nowNs = kernel.clock.nowNs();
        if (readMost == 0 || sawEof || error != 0 && socket.unread() == 0) {
            return;
        }
        if (nowNs < readAtNs) {
            pumpAt(readAtNs);
            return;
        }
        byte[] into = new byte[Math.min(readMost, PIECE)];
        long left = readMost;
        while (left > 0) {
            long n = socket.receive(into.length <= left ? into : new byte[(int) left], 0);
            if (n <= 0) {
                sawEof = n == 0 && socket.hasFin();
                return;
            }
            take(into, (int) n);
            left -= readEveryNs == 0 ? 0 : n;
        }
        readAtNs = nowNs + readEveryNs;
        pumpAt(readAtNs);
    }

    private void take(byte[] bytes, int n) {
        for (int i = 0; i < n && firstWrong < 0; i++) {
            firstWrong = bytes[i] == patternAt(received + i) ? -1 : received + i;
        }
        received += n;
        kept.write(bytes, 0, Math.min(n, KEPT - kept.size()));
        if (echoes) {
            toSend.add(Arrays.copyOf(bytes, n));
        }
    }

    private void write() {
        long nowNs = kernel.clock.nowNs();
        if (!connected || error != 0) {
            return;
        }
        if (nowNs < sendAtNs) {
            pumpAt(sendAtNs);
            return;
        }
        for (long left = sendMost; unsent() > 0; ) {
            if (left == 0) {
                sendAtNs = nowNs + sendEveryNs;
                pumpAt(sendAtNs);
                return;
            }
            byte[] piece = next((int) Math.min(left, PIECE));
            long n = socket.send(piece, Socket.MSG_NOSIGNAL);
            if (n < 0) {
                error = n == -Errno.EAGAIN ? 0 : (int) -n;
                return;
            }
            sent += n;
            left -= sendEveryNs == 0 ? 0 : n;
            if (!toSend.isEmpty()) {
                sentOfFirst += (int) n;
                if (sentOfFirst == toSend.getFirst().length) {
                    toSend.removeFirst();
                    sentOfFirst = 0;
                }
            }
        }
        finish();
    }

    private byte[] next(int most) {
        byte[] first = toSend.peekFirst();
        if (first == null) {
            return pattern(sent, (int) Math.min(most, patternTo - sent));
        }
        return Arrays.copyOfRange(first, sentOfFirst, Math.min(first.length, sentOfFirst + most));
    }

    private void finish() {
        switch (end) {
            case SHUTDOWN -> {
                end = End.DONE;
                socket.shutdown(Socket.SHUT_WR);
            }
            case CLOSE -> {
                end = End.DONE;
                closed = true;
                socket.close();
            }
            case NONE, DONE -> {}
        }
    }
}
