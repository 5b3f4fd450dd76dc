package io.passatelli.hook;

import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.PortForward;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Map;

/**
 * What we read of a VMI, as virt-launcher sends it. Anything else in it is let pass.
 *
 * @param uid of the object; empty if it has none
 * @param namespace of it
 * @param name of it
 * @param annotations those of our prefix
 * @param nic the one with our binding
 * @param istio whether Istio's proxy is in the pod
 * @param interfaces names of all interfaces, in their order
 * @param machine what the domain depends on
 * @param migrating a migration of it is under way: whoever is asked now is its target, and what it answers is not used
 * @param launcherImage the image that virt-launcher and QEMU are of; empty if not said
 * @param graceSeconds how long its guest may take to shut down
 * @param warnings one sentence each: what is not as it should be, though it can be lived with
 */
public record Vmi(
        String uid,
        String namespace,
        String name,
        Map<String, String> annotations,
        Nic nic,
        boolean istio,
        List<String> interfaces,
        Machine machine,
        boolean migrating,
        String launcherImage,
        int graceSeconds,
        List<String> warnings) {
    /** Name of our binding where virt-launcher does not tell it: KubeVirt before 1.9. */
    public static final String BINDING = "passatelli";

    /** What KubeVirt takes where the VMI does not say how long its guest may take to shut down. */
    public static final int GRACE_SECONDS = 30;

    /** The pod's interface where the VMI does not tell it. */
    static final String POD_INTERFACE = "eth0";

    /**
     * The NIC with our binding.
     *
     * @param name of the interface and of its network; letters, digits, '-' and '_'
     * @param podInterface what its network is called in the pod
     * @param mac null: the VMI leaves it to us
     * @param model of the device; {@link #VIRTIO} if the VMI says nothing
     * @param pciAddress such as {@code 0000:81:00.0}; null: any
     * @param acpiIndex 0: none
     * @param bootOrder 0: none
     * @param ports that the VMI lists, as rules
     * @param down its link is to be down
     * @param addresses that the status tells of: of the pod where the VM runs, or what an agent in the guest says
     */
    public record Nic(
            String name,
            String podInterface,
            @Nullable Mac mac,
            String model,
            @Nullable String pciAddress,
            int acpiIndex,
            int bootOrder,
            List<PortForward> ports,
            boolean down,
            List<Ip> addresses) {
        static final String VIRTIO = "virtio";
        private static final int ETHERNET_MTU = 1_500;

        public Nic {
            ports = List.copyOf(ports);
            addresses = List.copyOf(addresses);
        }

        boolean isVirtio() {
            return model.equals(VIRTIO);
        }

        /** The MTU for the guest where {@code asked} would be good: only virtio can be told, and takes, more than Ethernet's. */
        public int mtu(int asked) {
            return isVirtio() ? asked : Math.min(asked, ETHERNET_MTU);
        }
    }

    /**
     * The rest of the machine.
     *
     * @param architecture as Go names it, such as {@code amd64}, {@code arm64} or {@code s390x}; empty if not said
     * @param transitional virtio devices are transitional ones
     * @param multiqueue NICs are to have a pair of queues for each CPU
     * @param cpus that the guest has at boot
     * @param hugepages its memory is of huge pages
     * @param confidential its memory is encrypted (SEV, TDX, Secure Execution)
     * @param iommu its virtio devices go through an IOMMU, as encryption other than TDX needs it
     */
    public record Machine(
            String architecture,
            boolean transitional,
            boolean multiqueue,
            int cpus,
            boolean hugepages,
            boolean confidential,
            boolean iommu) {
        boolean isS390x() {
            return architecture.equals("s390x");
        }
    }

    public Vmi {
        annotations = Map.copyOf(annotations);
        interfaces = List.copyOf(interfaces);
        warnings = List.copyOf(warnings);
    }

    /** Whether its QEMU, when it is told so, connects a netdev of type {@code stream} again that has lost its connection. */
    public boolean qemuReconnects() {
        return LauncherImage.qemuReconnects(launcherImage);
    }

    /** Reads {@code json}; {@code bindingName} is our binding's name in KubeVirt's configuration, null where virt-launcher does not tell it. */
    public static Vmi parse(byte[] json, @Nullable String bindingName) throws HookRefusal {
        return new VmiReader(json, bindingName == null ? BINDING : bindingName).read();
    }
}
