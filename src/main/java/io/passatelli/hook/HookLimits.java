package io.passatelli.hook;

/** Bounds, each with its reason, of what virt-launcher sends and is sent; those of its connections are in {@code base.Limits}. */
final class HookLimits {
    /** A VMI in JSON, bytes: etcd keeps objects of up to 1.5 MiB, and gRPC takes messages of up to 4 MiB. */
    static final int VMI_BYTES = 4 << 20;

    /** Objects and arrays within each other in a VMI: the deepest part of its schema, affinity, has half of it. */
    static final int VMI_DEPTH = 64;

    /** Interfaces, and networks, of a VMI: a machine has fewer places for them. */
    static final int VMI_INTERFACES = 256;

    /** Ports that a VMI's interface lists, each one rule. */
    static final int VMI_PORTS = 4_096;

    /** Annotations of ours on a VMI: there are seven, the others are mistakes. */
    static final int VMI_ANNOTATIONS = 64;

    /** A domain in XML, bytes; an ordinary one has 10 KB. */
    static final int DOMAIN_XML_BYTES = 4 << 20;

    /** Its tags and attributes, both ends of an element counted: as a tree each takes a hundred bytes and more. */
    static final int DOMAIN_XML_PARTS = 120_000;

    /** Elements within each other in it: libvirt's schema has a tenth. */
    static final int DOMAIN_XML_DEPTH = 100;

    /** Pairs of queues of a vhost-user NIC. */
    static final int VHOST_QUEUES = 8;

    /** A sentence that KubeVirt is told, characters: an event's message has at most 1,024, and KubeVirt writes something in front. */
    static final int REFUSAL_CHARS = 600;

    private HookLimits() {}
}
