package io.passatelli.plane;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;

import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** Behind a gap, with a guest that permits SACK: RFC 2018. */
class TcpSackScenarioTest {
    private static TcpTalk connected(TcpScenario t, boolean v4) {
        return t.connect(t.talk(v4).options(1460, 7).sacks());
    }

    private static void assertGot(TcpTalk c, String latin1) {
        assertThat(c.far().receive()).isEqualTo(latin1.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Three at first, for guests that count; then one for each batch, as long as something is missing. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void eachBatchBehindAGapIsAnsweredByWhatIsHere(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = connected(t, v4);
            c.sends(data("abc")).gets(seg("A").ack(4).options(""));
            c.sends(data("ghi").seq(7));
            for (int i = 0; i < Limits.TCP_DUPLICATES; i++) {
                c.gets(seg("A").ack(4).options(c.blocks(7, 10)));
            }
            c.silent();
            c.sends(data("jkl").seq(10))
                    .gets(seg("A").ack(4).options(c.blocks(7, 13)))
                    .silent();
            c.sends(data("def").seq(4)).gets(seg("A").ack(13).options("")).silent();
            assertGot(c, "abcdefghijkl");
        }
    }

    /** RFC 2018 §4: the first block has the segment that came last. */
    @Test
    void rangeThatGrewLastIsFirst() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = connected(t, true);
            c.sends(data("C").seq(3)).takeAll();
            c.sends(data("G").seq(7)).gets(seg("A").ack(1).options(c.blocks(7, 8, 3, 4)));
            c.sends(data("E").seq(5)).gets(seg("A").ack(1).options(c.blocks(5, 6, 3, 4, 7, 8)));
            c.sends(data("J").seq(10)).gets(seg("A").ack(1).options(c.blocks(10, 11, 3, 4, 5, 6, 7, 8)));
            c.sends(data("L").seq(12)).gets(seg("A").ack(1).options(c.blocks(12, 13, 3, 4, 5, 6, 7, 8)));
            c.sends(data("D").seq(4)).gets(seg("A").ack(1).options(c.blocks(3, 6, 7, 8, 10, 11, 12, 13)));
            c.sends(data("AB").seq(1)).gets(seg("A").ack(6).options(c.blocks(7, 8, 10, 11, 12, 13)));
            c.sends(data("FGH").seq(6)).gets(seg("A").ack(9).options(c.blocks(10, 11, 12, 13)));
            c.sends(data("I").seq(9)).gets(seg("A").ack(11).options(c.blocks(12, 13)));
            c.sends(data("K").seq(11)).gets(seg("A").ack(13).options("")).silent();
            assertGot(c, "ABCDEFGHIJKL");
        }
    }

    @Test
    void numbersOfBlocksPassTheEndOfTheirSpace() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(1460, 7).sacks().startsAt(-4));
            c.sends(data("CDEF").seq(3));
            for (int i = 0; i < Limits.TCP_DUPLICATES; i++) {
                c.gets(seg("A").ack(1).options("0101050a" + "ffffffff" + "00000003"));
            }
            c.sends(data("AB").seq(1)).gets(seg("A").ack(7).options("")).silent();
            assertGot(c, "ABCDEF");
        }
    }

    /** A FIN ahead of data is not among the blocks: what was reported is never asked for again, and the FIN is not kept but noted. */
    @Test
    void finBehindAGapIsNotReported() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = connected(t, true);
            c.sends(seg("PFA").data(new byte[] {'c'}).seq(3));
            for (int i = 0; i < Limits.TCP_DUPLICATES; i++) {
                c.gets(seg("A").ack(1).options(c.blocks(3, 4)));
            }
            c.sends(data("ab").seq(1)).gets(seg("A").ack(5).options("")).silent();
            assertGot(c, "abc");
            assertThat(c.far().atEnd()).isTrue();
        }
    }

    @Test
    void whatWasSentAgainForNothingIsAnsweredWithTheBlocks() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = connected(t, true);
            c.sends(data("abc")).gets(seg("A").ack(4));
            c.sends(data("ghi").seq(7)).takeAll();
            c.sends(data("abc").seq(1))
                    .gets(seg("A").ack(4).options(c.blocks(7, 10)))
                    .silent();
        }
    }
}
