package io.passatelli.plane;

/** Where conversations of the test's guest take place: a plane, and its link. */
interface TcpGround {
    /** The guest puts a frame on its link. */
    void guestSends(byte[] frame);

    /** Lets time pass, and what is due in it happen; 0: only what is due now. */
    void runs(long ns);

    /** Puts what the guest got into the {@link TcpTalk#inbox} of its conversation. */
    void sort();

    /** The same, as long as it is likely that something comes for {@code talk}. */
    void sort(TcpTalk talk);
}
