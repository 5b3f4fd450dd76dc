package io.passatelli.link;

/** What a link can do; constant between two {@code onUp}. {@code maxFrameBytes} counts from the Ethernet header; {@code lossless}: accepted frames arrive. */
public record Caps(int queues, int maxFrameBytes, boolean lossless, Offloads toGuest, Offloads fromGuest) {
    /** Features of one direction, as virtio-net negotiates them: checksum, TCP segmentation of IPv4 and IPv6, UDP segmentation. */
    public record Offloads(boolean csum, boolean tso4, boolean tso6, boolean uso) {
        public static final Offloads NONE = new Offloads(false, false, false, false);
    }
}
