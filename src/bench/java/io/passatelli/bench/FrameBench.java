package io.passatelli.bench;

import io.passatelli.base.Drop;
import io.passatelli.wire.Frame;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** {@link Frame#parse}: every check of a frame, and where its headers are. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class FrameBench {
    private static final String ETHERNET = "9a559a559a55" + "525400123456";
    private static final String ARP_REQUEST =
            ETHERNET + "0806" + "0001080006040001" + "525400123456" + "0a4d0002" + "000000000000" + "0a4d0001";
    private static final String ADDRESSES = "0a4d0002" + "0a4d0003";
    private static final String ECHO_REQUEST =
            ETHERNET + "0800" + "4500005400004000" + "4001260b" + ADDRESSES + "0800f7fd00010001" + "00".repeat(56);
    private static final String DATAGRAM =
            ETHERNET + "0800" + "4500005400004000" + "401125fb" + ADDRESSES + "c000003500400000" + "00".repeat(56);

    @Param({"arp", "echo", "udp"})
    public String kind = "";

    private final Frame frame = new Frame();

    @Setup
    public void prepare() {
        String hex =
                switch (kind) {
                    case "arp" -> ARP_REQUEST;
                    case "echo" -> ECHO_REQUEST;
                    default -> DATAGRAM;
                };
        byte[] bytes = HexFormat.of().parseHex(hex);
        MemorySegment memory = Arena.global().allocate(bytes.length);
        MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, bytes.length);
        frame.set(memory, 0, bytes.length);
        if (frame.parse() != Drop.NONE) {
            throw new IllegalStateException(kind + ": " + frame.parse());
        }
    }

    @Benchmark
    public Drop parse() {
        return frame.parse();
    }
}
