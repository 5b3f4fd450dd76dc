package io.passatelli.base;

/** {@link Limits} of the hook socket, where virt-launcher calls, and of what it sends there. */
public final class HookLimits {
    /** A message on the hook socket, bytes: a VMI of 1.5 MiB, which is as large as etcd takes them, and a domain's XML of as much. */
    public static final int MESSAGE_BYTES = 3 << 20;

    /** What a caller may send ahead of us, bytes: any usual message at once. */
    public static final int WINDOW_BYTES = 256 << 10;

    /** Connections at the hook socket: virt-launcher has one or two at a time, and each may hold a message. */
    public static final int CONNECTIONS = 4;

    /** A connection at the hook socket ends after this, seconds: virt-launcher makes one for each call, and has 20 s for all of them. */
    public static final int CONNECTION_S = 30;

    /** A call that is still going on then, after this, seconds. */
    public static final int CONNECTION_GRACE_S = 5;

    /** Hook calls that wait while one runs: as many as there are connections. */
    public static final int CALLS_WAITING = CONNECTIONS;

    /** How long the end of the hook server waits for a call that runs, and then for its answer to be sent, ms. */
    public static final int CLOSE_MS = 1_000;

    /** A VMI in JSON, bytes: etcd keeps objects of up to 1.5 MiB, and gRPC takes messages of up to 4 MiB. */
    public static final int VMI_BYTES = 4 << 20;

    /** Objects and arrays within each other in a VMI: the deepest part of its schema, affinity, has half of it. */
    public static final int VMI_DEPTH = 64;

    /** Words of JSON in a VMI: names, values, and both ends of objects and arrays. The longest that etcd keeps has fewer, if it is no hostile one. */
    public static final int VMI_TOKENS = 500_000;

    /** A VMI's name, characters, as Kubernetes has it ... */
    public static final int VMI_NAME_CHARS = 253;

    /** ... its namespace ... */
    public static final int VMI_NAMESPACE_CHARS = 63;

    /** ... and its uid, which has 36. */
    public static final int VMI_UID_CHARS = 64;

    /** The name of an image, characters: more than any registry takes. */
    public static final int IMAGE_CHARS = 1_024;

    /** A sidecar's state in its file, bytes: a VMI, as far as it is read, and a little around it. */
    public static final int STATE_BYTES = VMI_BYTES + 1_024;

    /** How long QEMU waits before it connects again, ms: a process that takes the place of one that was killed needs longer to begin. */
    public static final int QEMU_RECONNECT_MS = 500;

    /** An annotation that is a list of addresses, characters: any list that is not refused has fewer. */
    public static final int LIST_CHARS = 1_024;

    /** Interfaces, and networks, of a VMI: a machine has fewer places for them. */
    public static final int VMI_INTERFACES = 256;

    /** Ports that a VMI's interface lists, each one rule. */
    public static final int VMI_PORTS = 4_096;

    /** Addresses of an interface in a VMI's status; the first of each family is of use. */
    public static final int VMI_ADDRESSES = 16;

    /** Annotations of ours on a VMI: there are seven, the others are mistakes. */
    public static final int VMI_ANNOTATIONS = 64;

    /** A domain in XML, bytes; an ordinary one has 10 KB. */
    public static final int DOMAIN_XML_BYTES = 4 << 20;

    /** Its tags and attributes, both ends of an element counted: as a tree each takes a hundred bytes and more. */
    public static final int DOMAIN_XML_PARTS = 120_000;

    /** What we make of it, bytes: virt-launcher takes messages of up to 4 MiB, and something stands around it. */
    public static final int ANSWER_BYTES = (4 << 20) - 1_024;

    /** Elements within each other in it: libvirt's schema has a tenth. */
    public static final int DOMAIN_XML_DEPTH = 100;

    /** Pairs of queues of a vhost-user NIC. */
    public static final int VHOST_QUEUES = 8;

    /** A sentence that KubeVirt is told, characters: an event's message has at most 1,024, and KubeVirt writes something in front. */
    public static final int REFUSAL_CHARS = 600;

    private HookLimits() {}
}
