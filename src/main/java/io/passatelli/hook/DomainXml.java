package io.passatelli.hook;

import io.passatelli.config.DesiredForwards;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Puts the VM's NIC into libvirt's domain XML. Pure.
 *
 * <p>virt-launcher asks one to three times for each boot. A later call brings our interface back with less than we gave it (no source, no
 * reconnect), and our arguments of QEMU's or not; what stands outside {@code <devices>} is not carried on at all. So at every call all that is ours
 * is taken out and put in anew, but for the PCI address and the MAC that libvirt may have given it. Everything else stays as it is: we edit the tree
 * in place, and look only at what we change, since the target of a migration is asked with a domain that is no valid one.
 *
 * <p>The transport {@code stream} needs three things: an interface of type {@code client} that libvirt knows, whose connection goes nowhere; a
 * netdev of type {@code stream} among QEMU's arguments, for which libvirt has no words; and an override that connects the one's device to the other.
 */
public final class DomainXml {
    private static final String PLACEHOLDER = "placeholder-";
    private static final String DEVICES = "devices";
    /** Port on the pod's loopback that nobody listens to: QEMU connects to it once, in vain. */
    private static final String NOWHERE = "1";

    /**
     * What the XML depends on besides the VMI.
     *
     * @param transport how QEMU reaches us
     * @param socketPath of the data socket, as virt-launcher's container sees it
     * @param mtu of the guest's network, bytes
     */
    public record Settings(Transport transport, String socketPath, int mtu) {
        /** KubeVirt puts some XML into lower case before libvirt sees it; and the path stands in JSON, unquoted. */
        private static final Pattern PATH = Pattern.compile("/[a-z0-9/._-]+");
        /** unix(7): 108 with the zero at the end. */
        private static final int PATH_BYTES = 107;

        public Settings {
            if (socketPath.length() > PATH_BYTES || !PATH.matcher(socketPath).matches()) {
                throw new IllegalArgumentException("the path of a socket has at most " + PATH_BYTES
                        + " characters, lower-case letters, digits and '/._-': " + socketPath);
            }
            if (mtu < 68 || mtu > 65_535) {
                throw new IllegalArgumentException("an MTU is 68 to 65535 bytes: " + mtu);
            }
        }
    }

    private DomainXml() {}

    /** The domain with the NIC. */
    public static byte[] apply(byte[] domainXml, Vmi vmi, Settings settings) throws HookRefusal {
        Document document = XmlText.parse(domainXml);
        Element domain = document.getDocumentElement();
        if (domain.getNamespaceURI() != null || !"domain".equals(domain.getLocalName())) {
            throw new HookRefusal("the domain XML begins with <" + HookRefusal.shown(domain.getNodeName())
                    + ">, and <domain> is wanted");
        }
        NicXml nic = new NicXml(document, vmi, settings);
        nic.check();
        Element old = takeOut(domain, nic.alias());
        QemuXml qemu = new QemuXml(domain, vmi.nic().name(), nic.alias());
        qemu.takeOut();
        switch (settings.transport()) {
            case STREAM -> {
                putIn(domain, nic.client(NOWHERE, old), vmi);
                qemu.addNetdev(settings.socketPath(), vmi.qemuReconnects());
                qemu.override(true, nic.hostMtu());
            }
            case STREAM_TCP -> {
                putIn(domain, nic.client(Integer.toString(DesiredForwards.STREAM_TCP_PORT), old), vmi);
                qemu.override(false, nic.hostMtu());
            }
            case STREAM_ARGV -> {
                qemu.addNetdev(settings.socketPath(), vmi.qemuReconnects());
                qemu.addDevice(nic.deviceJson(qemu.netdev()));
            }
            case VHOST_USER -> {
                SharedMemory.require(domain, vmi.machine().isS390x());
                putIn(domain, nic.vhostUser(old), vmi);
                qemu.override(false, nic.hostMtu());
            }
        }
        qemu.takeOutWhatIsEmpty();
        return XmlText.write(document);
    }

    /** All interfaces with our alias leave; the first of them. */
    private static @Nullable Element takeOut(Element domain, String alias) {
        Element first = null;
        for (Element devices : XmlTree.children(domain, DEVICES)) {
            for (Element its : XmlTree.children(devices, "interface")) {
                if (alias.equals(alias(its))) {
                    devices.removeChild(its);
                    first = first == null ? its : first;
                }
            }
        }
        return first;
    }

    /**
     * In the VMI's order, in which KubeVirt has the others and the guest counts its NICs: in front of the first that comes later in the VMI, and of
     * the placeholders with which KubeVirt keeps PCI slots free.
     */
    private static void putIn(Element domain, Element nic, Vmi vmi) {
        Element devices = XmlTree.childOrNew(domain, DEVICES);
        List<String> later = new ArrayList<>();
        for (String name : vmi.interfaces()
                .subList(
                        vmi.interfaces().indexOf(vmi.nic().name()) + 1,
                        vmi.interfaces().size())) {
            later.add(NicXml.alias(name));
        }
        Element last = XmlTree.child(devices, "emulator");
        for (Element its : XmlTree.children(devices, "interface")) {
            String alias = alias(its);
            if (alias.startsWith(PLACEHOLDER) || later.contains(alias)) {
                devices.insertBefore(nic, its);
                return;
            }
            last = its;
        }
        devices.insertBefore(nic, last == null ? devices.getFirstChild() : last.getNextSibling());
    }

    /** Empty: it has none. */
    private static String alias(Element its) {
        Element alias = XmlTree.child(its, "alias");
        return alias == null ? "" : alias.getAttribute("name");
    }
}
