package io.passatelli.forward;

/**
 * What a {@link Sweep} has done since the start, and what it costs.
 *
 * @param probes questions to the guest
 * @param open answers that a port is open
 * @param closed answers that it is closed
 * @param listening sockets that listen for it now, one for each port and family
 * @param refused ports and families that the guest answers on and that cannot be listened at
 * @param spentNs time of the loop's that asking took; answers not counted
 */
public record SweepCounts(long probes, long open, long closed, int listening, int refused, long spentNs) {
    /** Of a plane without one. */
    public static final SweepCounts NONE = new SweepCounts(0, 0, 0, 0, 0, 0);
}
