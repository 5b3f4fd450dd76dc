package io.passatelli.hook;

import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.PortForward;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The interfaces and networks of a VMI as they are written, and which of them is ours. */
final class Nics {
    /** {@code spec.networks[]}. */
    static final class Network {
        String name = "";
        /** The one that every pod has: {@code pod}, or Multus' default. */
        boolean primary;
    }

    /** {@code spec.domain.devices.interfaces[]}. */
    static final class Interface {
        String name = "";
        /** Name of its binding plugin; null: it has another kind of binding. */
        @Nullable
        String binding;

        String model = "";
        String mac = "";
        String pciAddress = "";
        String state = "";
        int acpiIndex;
        int bootOrder;
        final List<PortForward> ports = new ArrayList<>();
    }

    /** What KubeVirt's admission lets pass, and libvirt takes as an alias and QEMU as an id. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]{1,253}");

    private static final Pattern MODEL = Pattern.compile("[a-z0-9_-]{1,64}");
    private static final Pattern PCI_ADDRESS = Pattern.compile("[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\\.[0-7]");
    /** IFNAMSIZ less the end, linux/if.h; the kernel forbids '/', ':' and white space in it. */
    private static final Pattern POD_INTERFACE = Pattern.compile("[!-~&&[^/:]]{1,15}");

    final List<Network> networks = new ArrayList<>();
    final List<Interface> interfaces = new ArrayList<>();
    /** {@code status.interfaces[]}: name to podInterfaceName. */
    final Map<String, String> podInterfaces = new LinkedHashMap<>();
    /** Likewise, name to ipAddresses. */
    final Map<String, List<String>> addresses = new LinkedHashMap<>();

    private final String binding;

    Nics(String binding) {
        this.binding = binding;
    }

    /** Of all interfaces, in their order. */
    List<String> names() {
        return interfaces.stream().map(its -> its.name).toList();
    }

    /** The NIC with our binding; what is not as it should be about it is added to {@code warnings}. */
    Vmi.Nic ours(List<String> warnings) throws HookRefusal {
        List<Interface> ours =
                interfaces.stream().filter(its -> binding.equals(its.binding)).toList();
        if (ours.isEmpty()) {
            throw new HookRefusal(whyNone());
        }
        if (ours.size() > 1) {
            throw new HookRefusal("interfaces " + quoted(ours.get(0).name) + " and " + quoted(ours.get(1).name)
                    + " both have the binding " + quoted(binding) + ": it serves one, that of the pod's network");
        }
        Interface its = ours.getFirst();
        if (!NAME.matcher(its.name).matches()) {
            throw new HookRefusal("the name of interface " + quoted(its.name)
                    + " has other characters than letters, digits, '-' and '_', or too many");
        }
        Network network = network(its.name);
        if (network == null) {
            throw new HookRefusal("interface " + quoted(its.name) + " has no network of its name");
        }
        if (!network.primary) {
            throw new HookRefusal("interface " + quoted(its.name) + " is on a secondary network: the binding "
                    + quoted(binding) + " serves only that of the pod (pod: {}, or multus with default: true)");
        }
        return nic(its, warnings);
    }

    private Vmi.Nic nic(Interface its, List<String> warnings) throws HookRefusal {
        String model = its.model.isEmpty() ? Vmi.Nic.VIRTIO : its.model;
        if (!MODEL.matcher(model).matches()) {
            throw new HookRefusal("interface " + quoted(its.name) + ": " + quoted(model) + " is no model of a NIC");
        }
        if (!its.pciAddress.isEmpty() && !PCI_ADDRESS.matcher(its.pciAddress).matches()) {
            throw new HookRefusal("interface " + quoted(its.name) + ": pciAddress " + quoted(its.pciAddress)
                    + " is not of the form 0000:81:00.0 (domain, bus, slot, function)");
        }
        return new Vmi.Nic(
                its.name,
                podInterface(its.name, warnings),
                mac(its),
                model,
                its.pciAddress.isEmpty() ? null : its.pciAddress,
                its.acpiIndex,
                its.bootOrder,
                its.ports,
                its.state.equals("down"),
                addresses(its.name));
    }

    /** An agent in the guest may say anything. */
    private List<Ip> addresses(String name) {
        List<Ip> all = new ArrayList<>();
        for (String text : addresses.getOrDefault(name, List.of())) {
            try {
                all.add(Ip.parse(text));
            } catch (IllegalArgumentException e) {
                // no address, so none of the guest's
            }
        }
        return all;
    }

    private static @Nullable Mac mac(Interface its) throws HookRefusal {
        if (its.mac.isEmpty()) {
            return null;
        }
        try {
            Mac mac = Mac.parse(its.mac);
            if (!Mac.isGroup(mac.bits()) && !mac.equals(Mac.ZERO)) {
                return mac;
            }
        } catch (IllegalArgumentException e) {
            throw new HookRefusal("interface " + quoted(its.name) + ": macAddress " + quoted(its.mac)
                    + " is not six hexadecimal octets joined by ':'");
        }
        throw new HookRefusal("interface " + quoted(its.name) + ": macAddress " + quoted(its.mac)
                + " is not that of one station: its first octet has to be even, and not all may be 0");
    }

    private String podInterface(String name, List<String> warnings) {
        String its = podInterfaces.getOrDefault(name, "");
        if (POD_INTERFACE.matcher(its).matches() && !its.equals(".") && !its.equals("..")) {
            return its;
        }
        warnings.add("the VMI's status does not say which interface of the pod is network " + name + ", so "
                + Vmi.POD_INTERFACE + " is taken");
        return Vmi.POD_INTERFACE;
    }

    private String whyNone() {
        Network primary =
                networks.stream().filter(its -> its.primary).findFirst().orElse(null);
        if (primary == null) {
            return "the VMI has no pod network (pod: {}, or multus with default: true) for the binding "
                    + quoted(binding);
        }
        Interface its = interfaces.stream()
                .filter(one -> one.name.equals(primary.name))
                .findFirst()
                .orElse(null);
        if (its == null) {
            return "no interface of the VMI has the name of its pod network, " + quoted(primary.name);
        }
        if (its.binding == null) {
            return "interface " + quoted(its.name) + " has no binding plugin, and " + quoted(binding) + " is wanted";
        }
        return "interface " + quoted(its.name) + " has the binding " + quoted(its.binding) + ", and " + quoted(binding)
                + " is wanted (KubeVirt before 1.9 does not tell us another name, so register the plugin under this one)";
    }

    private @Nullable Network network(String name) {
        return networks.stream()
                .filter(its -> its.name.equals(name))
                .findFirst()
                .orElse(null);
    }

    private static String quoted(String text) {
        return "'" + HookRefusal.shown(text) + "'";
    }
}
