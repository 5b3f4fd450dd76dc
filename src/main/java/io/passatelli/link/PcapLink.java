package io.passatelli.link;

import io.passatelli.base.Clock;
import io.passatelli.base.HotPath;
import io.passatelli.base.IoReason;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Set;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

/**
 * A link that also writes what passes to a file, in the classic format of libpcap (pcap-savefile(5)): native byte order, microseconds, Ethernet.
 * Frames are recorded as they were received or taken from the caller: without padding, segments to be cut by the receiver uncut, and a checksum
 * that the receiver is to finish as it is, for readers to call wrong; tcpdump shows the same where a network card does that work. When the file
 * cannot be written any more, capturing ends and the network goes on.
 */
public final class PcapLink implements Link {
    private static final int MAGIC = 0xa1b2c3d4;
    private static final short VERSION_MAJOR = 2;
    private static final short VERSION_MINOR = 4;
    private static final int LINKTYPE_ETHERNET = 1;
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final long NS_PER_S = 1_000_000_000;

    private final Link link;
    private final Path file;
    private final FileChannel channel;
    private final Log log;
    /** From the loop's time to the time of day, ns. */
    private final long wallOffsetNs;

    private final MemorySegment buffer = Arena.ofAuto().allocate(Limits.PCAP_BUFFER_BYTES, 8);
    private final ByteBuffer bytes = buffer.asByteBuffer();
    private int end;
    private boolean capturing = true;
    private @Nullable EventLoop loop;

    private PcapLink(Link link, Path file, long wallOffsetNs, Log log) throws IOException {
        this.link = link;
        this.file = file;
        this.wallOffsetNs = wallOffsetNs;
        this.log = log;
        channel = FileChannel.open(
                file,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    }

    /** Captures what passes {@code link}, which it owns from now on, in {@code file}: emptied if it is there, else made for its owner only. */
    public static PcapLink open(Link link, Path file, Clock clock, Log log) throws IOException {
        long wallNs = ChronoUnit.NANOS.between(Instant.EPOCH, Instant.now());
        try {
            PcapLink made = new PcapLink(link, file, wallNs - clock.nowNs(), log);
            made.writeFileHeader();
            return made;
        } catch (IOException e) {
            throw new IOException("cannot capture to '" + file + "': " + IoReason.of(e), e);
        }
    }

    private void writeFileHeader() {
        buffer.set(JAVA_INT_UNALIGNED, 0, MAGIC);
        buffer.set(JAVA_SHORT_UNALIGNED, 4, VERSION_MAJOR);
        buffer.set(JAVA_SHORT_UNALIGNED, 6, VERSION_MINOR);
        buffer.set(JAVA_INT_UNALIGNED, 8, 0); // time zone: UTC
        buffer.set(JAVA_INT_UNALIGNED, 12, 0); // accuracy: not told
        buffer.set(JAVA_INT_UNALIGNED, 16, Limits.FRAME_BYTES);
        buffer.set(JAVA_INT_UNALIGNED, 20, LINKTYPE_ETHERNET);
        end = FILE_HEADER_BYTES;
        spill();
    }

    @Override
    public Caps caps() {
        return link.caps();
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        int n = link.receive(queue, batch);
        for (int i = 0; i < n && capturing; i++) {
            int length = batch.frame(i).length();
            batch.copy(i, 0, length, buffer, begin(length));
        }
        return n;
    }

    @HotPath
    @Override
    public void release(int queue, RxBatch batch) {
        link.release(queue, batch);
    }

    @HotPath
    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        return link.reserve(queue, batch, wanted, headerBytes, payloadEach);
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        int taken = link.commit(queue, batch, n);
        for (int i = 0; i < taken && capturing; i++) {
            int length = batch.length(i);
            batch.copy(i, 0, length, buffer, begin(length));
        }
        return taken;
    }

    @HotPath
    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        if (!link.control(queue, segment, at, length, offload)) {
            return false;
        }
        if (capturing) {
            MemorySegment.copy(segment, at, buffer, begin(length), length);
        }
        return true;
    }

    @HotPath
    @Override
    public void flush(int queue) {
        link.flush(queue);
        spill();
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        this.loop = loop;
        link.bind(loop, listener);
    }

    @Override
    public void close() {
        link.close();
        spill();
        try {
            channel.close();
        } catch (IOException e) {
            log.error("the capture '" + file + "' may be incomplete: " + IoReason.of(e));
        }
    }

    /** Writes the header of a record; returns where its {@code length} bytes are to be put. */
    @HotPath
    private long begin(int length) {
        if (buffer.byteSize() - end < RECORD_HEADER_BYTES + length) {
            spill();
        }
        long wallNs = Objects.requireNonNull(loop).nowNs() + wallOffsetNs;
        buffer.set(JAVA_INT_UNALIGNED, end, (int) (wallNs / NS_PER_S));
        buffer.set(JAVA_INT_UNALIGNED, end + 4, (int) (wallNs % NS_PER_S / 1_000));
        buffer.set(JAVA_INT_UNALIGNED, end + 8, length);
        buffer.set(JAVA_INT_UNALIGNED, end + 12, length);
        long at = (long) end + RECORD_HEADER_BYTES;
        end += RECORD_HEADER_BYTES + length;
        return at;
    }

    /** Empties the buffer into the file. */
    @HotPath
    private void spill() {
        if (end == 0 || !capturing) {
            return;
        }
        bytes.clear().limit(end);
        end = 0;
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            stopCapturing(e);
        }
    }

    private void stopCapturing(IOException e) {
        capturing = false;
        log.error("capturing to '" + file + "' ended: " + IoReason.of(e));
    }
}
