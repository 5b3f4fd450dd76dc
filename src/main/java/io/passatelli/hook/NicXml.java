package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import io.passatelli.base.Mac;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

import java.nio.charset.StandardCharsets;

/** Our NIC: libvirt's {@code <interface>} for it, or QEMU's device. */
final class NicXml {
    /** So libvirt marks names that users gave. */
    private static final String USER_ALIAS = "ua-";

    private static final String LOOPBACK = "127.0.0.1";
    private static final long FNV_BASIS = 0xcbf2_9ce4_8422_2325L;
    private static final long FNV_PRIME = 0x100_0000_01b3L;
    /** Locally administered, and of one station. */
    private static final long OUR_MACS = 0x02L << 40;

    private final Document document;
    private final Vmi vmi;
    private final Vmi.Nic nic;
    private final DomainXml.Settings settings;

    NicXml(Document document, Vmi vmi, DomainXml.Settings settings) {
        this.document = document;
        this.vmi = vmi;
        this.nic = vmi.nic();
        this.settings = settings;
    }

    /** The alias by which KubeVirt finds the interface: exactly this, whatever letters the name has. */
    static String alias(String name) {
        return USER_ALIAS + name;
    }

    String alias() {
        return alias(nic.name());
    }

    /** What cannot be had with the transport is refused, but not to a migration's target: its domain comes from the source, our answer is not used. */
    void check() throws HookRefusal {
        if (vmi.migrating()) {
            return;
        }
        switch (settings.transport()) {
            case STREAM, STREAM_TCP -> {}
            case STREAM_ARGV -> {
                if (nic.pciAddress() != null) {
                    throw cannot("have a pciAddress, which libvirt might give to another device");
                }
                if (nic.down()) {
                    throw cannot("begin with state: down");
                }
            }
            case VHOST_USER -> {
                if (!nic.isVirtio()) {
                    throw cannot("be of model '" + nic.model() + "', only virtio");
                }
                if (vmi.machine().confidential()) {
                    throw cannot("be in a VM with launchSecurity, whose memory it could not read");
                }
            }
        }
    }

    private HookRefusal cannot(String what) {
        return new HookRefusal("with the transport " + settings.transport() + ", interface '" + nic.name() + "' cannot "
                + what + ": the transport stream can");
    }

    /** What {@code host_mtu} of the device is to be; 0: the device has none. */
    int hostMtu() {
        return nic.isVirtio() ? settings.mtu() : 0;
    }

    /** {@code old} is what comes back of an earlier call. */
    Element client(String port, @Nullable Element old) {
        Element its = begin("client", old);
        Element source = XmlTree.add(its, "source", "address", LOOPBACK, "port", port);
        its.insertBefore(source, its.getFirstChild());
        if (hasIommu()) {
            XmlTree.add(its, "driver", "iommu", "on");
        }
        end(its, old);
        return its;
    }

    Element vhostUser(@Nullable Element old) {
        Element its = begin("vhostuser", old);
        Element source = XmlTree.add(its, "source", "type", "unix", "path", settings.socketPath(), "mode", "client");
        XmlTree.add(source, "reconnect", "enabled", "yes", "timeout", "1");
        its.insertBefore(source, its.getFirstChild());
        int queues = vmi.machine().multiqueue() ? Math.min(vmi.machine().cpus(), HookLimits.VHOST_QUEUES) : 1;
        if (queues > 1) {
            XmlTree.add(its, "driver", "name", "vhost", "queues", Integer.toString(queues));
        }
        end(its, old);
        return its;
    }

    private Element begin(String type, @Nullable Element old) {
        Element its = document.createElementNS(null, "interface");
        its.setAttributeNS(null, "type", type);
        XmlTree.add(its, "mac", "address", mac(old).toString());
        XmlTree.add(its, "model", "type", model());
        return its;
    }

    private void end(Element its, @Nullable Element old) {
        if (nic.down()) {
            XmlTree.add(its, "link", "state", "down");
        }
        if (nic.bootOrder() > 0) {
            XmlTree.add(its, "boot", "order", Integer.toString(nic.bootOrder()));
        }
        if (hasNoRom()) {
            XmlTree.add(its, "rom", "enabled", "no");
        }
        if (nic.acpiIndex() > 0) {
            XmlTree.add(its, "acpi", "index", Integer.toString(nic.acpiIndex()));
        }
        Element address = old == null ? null : XmlTree.child(old, "address");
        if (nic.pciAddress() != null) {
            String[] parts = nic.pciAddress().split("[:.]", -1);
            XmlTree.add(
                    its,
                    "address",
                    "type",
                    "pci",
                    "domain",
                    "0x" + parts[0],
                    "bus",
                    "0x" + parts[1],
                    "slot",
                    "0x" + parts[2],
                    "function",
                    "0x" + parts[3]);
        } else if (address != null) {
            its.appendChild(address);
        }
        XmlTree.add(its, "alias", "name", alias());
    }

    /** The VMI's, else what it has, else always the same for this VMI: the guest shall meet the NIC that it knows. */
    private Mac mac(@Nullable Element old) {
        if (nic.mac() != null) {
            return nic.mac();
        }
        Element had = old == null ? null : XmlTree.child(old, "mac");
        if (had != null) {
            try {
                Mac mac = Mac.parse(had.getAttribute("address"));
                if (!Mac.isGroup(mac.bits())) {
                    return mac;
                }
            } catch (IllegalArgumentException e) {
                return stableMac();
            }
        }
        return stableMac();
    }

    /** FNV-1a, and its bits mixed as MurmurHash3 ends. Nobody has to be kept from guessing it. */
    private Mac stableMac() {
        long hash = FNV_BASIS;
        for (byte b : (vmi.uid() + "/" + nic.name()).getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xff)) * FNV_PRIME;
        }
        hash = (hash ^ hash >>> 33) * 0xff51_afd7_ed55_8ccdL;
        hash = (hash ^ hash >>> 33) * 0xc4ce_b9fe_1a85_ec53L;
        return new Mac(OUR_MACS | (hash ^ hash >>> 33) & 0xff_ffff_ffffL);
    }

    private String model() {
        if (!nic.isVirtio() || vmi.machine().isS390x()) {
            return nic.model();
        }
        return vmi.machine().transitional() ? "virtio-transitional" : "virtio-non-transitional";
    }

    private boolean hasIommu() {
        return vmi.machine().iommu() && nic.isVirtio();
    }

    /** As KubeVirt does with its own: a ROM only where the guest may boot from the network, and s390x has none. */
    private boolean hasNoRom() {
        boolean bootsFromIt = nic.bootOrder() > 0 && !vmi.machine().iommu();
        return !bootsFromIt && !vmi.machine().isS390x();
    }

    /** The device as {@code -device} takes it. No address: QEMU gives it a free one after all of libvirt's. */
    String deviceJson(String netdev) {
        StringBuilder json = new StringBuilder("{\"driver\":\"" + driver() + "\",\"netdev\":\"" + netdev
                + "\",\"id\":\"passatelli-" + nic.name() + "\",\"mac\":\"" + mac(null) + "\"");
        if (hostMtu() > 0) {
            json.append(",\"host_mtu\":").append(hostMtu());
        }
        if (hasIommu()) {
            json.append(",\"iommu_platform\":true");
        }
        if (nic.bootOrder() > 0) {
            json.append(",\"bootindex\":").append(nic.bootOrder());
        }
        if (hasNoRom()) {
            json.append(",\"romfile\":\"\"");
        }
        if (nic.acpiIndex() > 0) {
            json.append(",\"acpi-index\":").append(nic.acpiIndex());
        }
        return json.append('}').toString();
    }

    private String driver() {
        if (!nic.isVirtio()) {
            return nic.model();
        }
        return vmi.machine().isS390x()
                ? "virtio-net-ccw"
                : "virtio-net-pci" + model().substring(Vmi.Nic.VIRTIO.length());
    }
}
