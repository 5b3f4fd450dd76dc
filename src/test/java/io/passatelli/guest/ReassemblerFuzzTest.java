package io.passatelli.guest;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import io.passatelli.wire.VectorFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Reads a program out of the fuzzer's bytes, seven to a fragment: family and datagram, offset, length, time that passes. Whatever comes, memory
 * and number stay in their bounds, and a datagram that comes out holds each byte that was sent for its place.
 */
@Tag("fuzz")
class ReassemblerFuzzTest {
    private static final int STEP = 7;

    /** Its memory is for good. */
    private static final Reassembler REASSEMBLER = new Reassembler(new Counters());

    /** The recorded fragments as such a program, and some more. */
    static Stream<byte[]> programs() {
        Stream<byte[]> recorded = VectorFile.read("fragments").stream().map(v -> {
            byte[] bytes = v.bytes();
            return Arrays.copyOf(Arrays.copyOfRange(bytes, 14, 60), 10 * STEP);
        });
        byte[] inOrder = new byte[4 * STEP];
        for (int i = 0; i < 4; i++) {
            ByteBuffer.wrap(inOrder, i * STEP, STEP)
                    .put((byte) 0)
                    .putShort((short) (i * 16 | (i < 3 ? 1 : 0)))
                    .putShort((short) 16)
                    .putShort((short) 1);
        }
        return Stream.concat(recorded, Stream.of(inOrder, new byte[70 * STEP]));
    }

    @MethodSource("programs")
    @FuzzTest(maxDuration = "1m")
    void anyFragmentsKeepTheBounds(byte[] program) {
        Reassembler reassembler = REASSEMBLER;
        RxBatch batch = new RxBatch(1);
        reassembler.clear(); // of a program that failed
        long nowNs = 0;
        ByteBuffer steps = ByteBuffer.wrap(program, 0, Math.min(program.length, 400 * STEP));
        while (steps.remaining() >= STEP) {
            int kind = steps.get();
            int field = steps.getShort() & 0xffff;
            int length = steps.getShort() & 0xffff;
            nowNs += (steps.getShort() & 0xffffL) * 1_000_000;
            lay(batch, kind, field, length % 9_000);
            Drop parsed = batch.frame(0).parse();
            if (parsed != Drop.IP4_FRAGMENT && parsed != Drop.IP6_FRAGMENT) {
                continue;
            }
            if (reassembler.take(batch, 0, nowNs) == Drop.NONE) {
                assertIsWhole(reassembler.whole());
                reassembler.release();
            }
            assertThat(reassembler.count()).isBetween(0, Limits.FRAGMENTED_DATAGRAMS);
            assertThat(reassembler.memory().inUse() * Limits.FRAGMENT_CHUNK_BYTES)
                    .isBetween(0, Limits.FRAGMENT_MEMORY_BYTES);
        }
        reassembler.clear();
        assertThat(reassembler.memory().inUse()).isZero();
    }

    /** Byte {@code n} of each datagram is {@link #at}, but for a UDP header that says how long it is, which differs by the kind. */
    private static void lay(RxBatch batch, int kind, int field, int length) {
        int offset = field & 0xfff8;
        byte[] part = new byte[length];
        for (int i = 0; i < length; i++) {
            part[i] = at(offset + i, kind);
        }
        boolean more = (field & 1) != 0;
        int id = kind & 0x3f;
        byte[] frame = (kind & 0x80) == 0
                ? Packets6.fragment4(17, "10.0.2.15", "192.0.2.1", id, offset, more, part)
                : Packets6.frame(
                        Packets6.ip6(44, "fd77::2", "2001:db8::1", Packets6.fragment(17, offset, more, id, part)));
        batch.clear();
        int head = Math.min(frame.length, Limits.HEADER_BYTES);
        var memory = Packets.memory(frame);
        int i = batch.add(memory, 0, head);
        if (head < frame.length) {
            batch.addPiece(i, memory, head, frame.length - head);
        }
    }

    private static byte at(int n, int kind) {
        return switch (n) {
            case 4 -> 0;
            case 5 -> (byte) (8 + (kind & 0x40)); // UDP's length: shorter than what carries it, or not
            default -> (byte) (n * 31 >>> 2 | 1);
        };
    }

    private static void assertIsWhole(RxBatch whole) {
        var f = whole.frame(0);
        int headers = (int) (f.l4() - f.l2());
        int length = f.length() - headers;
        var out = Packets.memory(new byte[length]);
        whole.copy(0, headers, length, out, 0);
        byte[] bytes = Packets.bytes(out, 0, length);
        for (int n = 0; n < length; n++) {
            if (n != 5) {
                assertThat(bytes[n]).as("byte %s", n).isEqualTo(at(n, 0));
            }
        }
    }
}
