package io.passatelli.hook;

import io.passatelli.config.Annotations;

import java.util.Map;

/** How QEMU reaches us: what the domain XML says of it. */
public enum Transport {
    /** A UNIX socket; libvirt knows the NIC. */
    STREAM("stream"),
    /** TCP on the pod's loopback; libvirt knows the NIC, and nothing in the domain depends on the container's name. */
    STREAM_TCP("stream-tcp"),
    /** A UNIX socket; all of it is arguments of QEMU's, so libvirt and KubeVirt know no NIC. */
    STREAM_ARGV("stream-argv"),
    /** The guest's memory is shared with us. */
    VHOST_USER("vhost-user");

    private final String word;

    Transport(String word) {
        this.word = word;
    }

    /** What {@code annotations} ask for, {@link #STREAM} if nothing; refused if this version has no such. */
    public static Transport of(Map<String, String> annotations) throws HookRefusal {
        String asked = annotations.get(Annotations.TRANSPORT);
        if (asked == null) {
            return STREAM;
        }
        for (Transport transport : values()) {
            if (transport.word.equals(asked.strip())) {
                if (transport == VHOST_USER) {
                    throw new HookRefusal(Annotations.TRANSPORT
                            + ": vhost-user is not in this version: take the annotation away, or say stream");
                }
                return transport;
            }
        }
        throw new HookRefusal(Annotations.TRANSPORT + ": '" + HookRefusal.shown(asked)
                + "' is neither stream, stream-tcp nor stream-argv");
    }

    /** As in the annotation. */
    @Override
    public String toString() {
        return word;
    }
}
